//! One poll loop on a thread of its own: sockets, timers and the sessions that
//! hash to it. Never a task per packet.

use std::{
    collections::HashMap,
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use mio::{Events, Poll, Token};
use proto::media::v1::{Request, request, sessions::Held};
use rtp::{mixer::PARTIES_MAX, playout::Prompt};
use udp::Inbox;

use crate::{
    edges::Edge,
    error::{Error, Result},
    io::Io,
    session::{Session, failed},
    web,
};

pub const WAKE: Token = Token(0);
pub const BROWSER: Token = Token(1);
const FIRST_LEG: usize = 2;
/// A frame's 20 ms are cut in phases, so that not all sessions send at once.
const PHASES: usize = 4;
const PHASE: Duration = Duration::from_millis(5);
/// Phases made up for after a stall at most.
const CATCH_UP_MAX: u32 = 16;
const DATAGRAM_MAX: usize = 2048;
/// Datagrams that one system call reads: of a leg, which sends one every 20 ms,
/// and of all browsers. Room for one more than waits saves the call that finds
/// nothing.
const LEG_READ_MAX: usize = 3;
const BROWSERS_READ_MAX: usize = 32;
/// Browsers' addresses remembered at most; forgotten ones are found again by ICE.
const BROWSERS_MAX: usize = 16_384;

/// What a loop is told.
pub enum Command {
    /// An operation on one session.
    Operate(Edge, Request),
    /// The edge's stream broke: its sessions are orphans.
    Gone(Edge),
    /// The edge came back: it is given its orphans, which are named.
    List(Edge, tokio::sync::oneshot::Sender<Vec<Held>>),
    /// Prompts of a play, as far as they could be had.
    Loaded { session: String, play: String, serial: u64, prompts: Result<Vec<Prompt>> },
    /// Ends all sessions and the thread.
    Stop,
}

/// The token of a leg's socket.
pub fn token(session: usize, slot: usize) -> Token {
    Token(FIRST_LEG + session * PARTIES_MAX + slot)
}

fn leg_of(token: Token) -> Option<(usize, usize)> {
    let n = token.0.checked_sub(FIRST_LEG)?;
    Some((n / PARTIES_MAX, n % PARTIES_MAX))
}

/// The loop.
pub struct Reactor {
    poll: Poll,
    commands: Receiver<Command>,
    io: Io,
    lease: Duration,
    sessions: Vec<Option<Session>>,
    by_id: HashMap<String, usize>,
    /// Browsers by the address that their datagrams come from.
    browsers: HashMap<std::net::SocketAddr, (usize, usize)>,
    phase: u64,
    stopping: bool,
}

impl Reactor {
    pub fn new(poll: Poll, commands: Receiver<Command>, io: Io, lease: Duration) -> Self {
        Self {
            poll,
            commands,
            io,
            lease,
            sessions: Vec::new(),
            by_id: HashMap::new(),
            browsers: HashMap::new(),
            phase: 0,
            stopping: false,
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the loop is where time enters; all below take it as an argument"
    )]
    fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.io.origin)
    }

    /// Runs until told to stop.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut leg = Inbox::new(LEG_READ_MAX, DATAGRAM_MAX);
        let mut browsers = Inbox::new(BROWSERS_READ_MAX, DATAGRAM_MAX);
        while !self.stopping {
            if let Err(error) = self.poll.poll(&mut events, Some(self.patience())) {
                if error.kind() != std::io::ErrorKind::Interrupted {
                    tracing::error!(%error, "poll failed");
                }
                continue;
            }
            for event in &events {
                match event.token() {
                    WAKE => {}
                    BROWSER => self.read_browsers(&mut browsers),
                    token => self.read_leg(token, &mut leg),
                }
            }
            self.obey();
            self.tick();
        }
        self.stop();
    }

    /// How long the loop may sleep.
    fn patience(&self) -> Duration {
        if self.by_id.is_empty() {
            return Duration::from_millis(200);
        }
        let next = Duration::from_millis(PHASE.as_millis() as u64 * (self.phase + 1));
        next.saturating_sub(self.now())
    }

    fn read_leg(&mut self, token: Token, inbox: &mut Inbox) {
        let Some((index, slot)) = leg_of(token) else { return };
        let now = self.now();
        let Some(Some(session)) = self.sessions.get_mut(index) else { return };
        // Edge-triggered: read until there is nothing.
        while let Some(Ok(more)) = session.socket(slot).map(|socket| inbox.read(socket)) {
            for (from, datagram) in inbox.datagrams() {
                session.receive(now, slot, from, datagram, &mut self.io);
            }
            if !more {
                break;
            }
        }
        flush(session, &mut self.io);
    }

    fn read_browsers(&mut self, inbox: &mut Inbox) {
        let now = self.now();
        // Edge-triggered: read until there is nothing.
        while let Ok(more) = inbox.read(&self.io.browser) {
            for (from, datagram) in inbox.datagrams() {
                self.receive_browser(now, from, datagram);
            }
            if !more {
                break;
            }
        }
    }

    fn receive_browser(&mut self, now: Duration, from: std::net::SocketAddr, datagram: &[u8]) {
        let at = self.io.instant(now);
        let Some(input) = web::input(at, from, self.io.browser_address, datagram) else { return };
        let Some((index, slot)) = self.browser(from, &input) else { return };
        let Some(Some(session)) = self.sessions.get_mut(index) else { return };
        session.receive_web(now, slot, input, &mut self.io);
        flush(session, &mut self.io);
    }

    /// Whose a browser's datagram is: by address when known, else by its ICE names.
    fn browser(&mut self, from: std::net::SocketAddr, input: &str0m::Input<'_>) -> Option<(usize, usize)> {
        if let Some(&(index, slot)) = self.browsers.get(&from) {
            let session = self.sessions.get(index).and_then(Option::as_ref);
            if session.and_then(|s| s.web_slot(input)) == Some(slot) {
                return Some((index, slot));
            }
        }
        let found = self.sessions.iter().flatten().find_map(|s| Some((s.index, s.web_slot(input)?)))?;
        if self.browsers.len() >= BROWSERS_MAX {
            self.browsers.clear();
        }
        self.browsers.insert(from, found);
        Some(found)
    }

    fn obey(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Operate(edge, request) => self.operate(edge, request),
                Command::Gone(edge) => self.orphan(&edge),
                Command::List(edge, reply) => {
                    let _ = reply.send(self.adopt(&edge));
                }
                Command::Loaded { session, play, serial, prompts } => {
                    self.loaded(&session, &play, serial, prompts)
                }
                Command::Stop => self.stopping = true,
            }
        }
    }

    fn operate(&mut self, edge: Edge, request: Request) {
        let now = self.now();
        match request.what {
            Some(request::What::Open(open)) => self.open(edge, request.session, request.op, open.tenant),
            Some(request::What::Release(_)) => self.release(&request.session, now),
            _ => match self.by_id.get(&request.session) {
                Some(index) => {
                    let Some(session) = &mut self.sessions[*index] else { return };
                    (session.owner, session.orphaned) = (edge, None);
                    session.operate(now, request, &mut self.io);
                    flush(session, &mut self.io);
                }
                None => self.refuse(
                    &edge,
                    &request.session,
                    request.op,
                    &Error::NoSession(request.session.clone()),
                ),
            },
        }
    }

    fn refuse(&mut self, edge: &Edge, session: &str, op: u64, error: &Error) {
        self.io.tell(session, op, failed(error, String::new()));
        self.io.events.drain(..).for_each(|event| edge.tell(event));
    }

    fn open(&mut self, edge: Edge, id: String, op: u64, tenant: String) {
        if let Some(index) = self.by_id.get(&id) {
            if let Some(session) = &mut self.sessions[*index] {
                (session.owner, session.orphaned) = (edge, None);
            }
            return;
        }
        if !self.io.stats.enter() {
            return self.refuse(&edge, &id, op, &Error::Exhausted("sessions"));
        }
        let index = self.sessions.iter().position(Option::is_none).unwrap_or_else(|| {
            self.sessions.push(None);
            self.sessions.len() - 1
        });
        if self.by_id.is_empty() {
            self.phase = (self.now().as_millis() / PHASE.as_millis()) as u64;
        }
        tracing::debug!(tenant, session = id, "session opened");
        self.sessions[index] = Some(Session::new(id.clone(), index, edge));
        self.by_id.insert(id, index);
    }

    fn release(&mut self, id: &str, now: Duration) {
        let Some(index) = self.by_id.remove(id) else { return };
        let Some(session) = self.sessions[index].take() else { return };
        let owner = session.release(now, &mut self.io);
        self.io.events.drain(..).for_each(|event| owner.tell(event));
        self.browsers.retain(|_, (session, _)| *session != index);
    }

    fn orphan(&mut self, edge: &Edge) {
        let now = self.now();
        for session in self.sessions.iter_mut().flatten().filter(|s| s.owner.is(edge)) {
            session.orphaned = Some(now);
        }
    }

    fn adopt(&mut self, edge: &Edge) -> Vec<Held> {
        let mut held = Vec::new();
        for session in self.sessions.iter_mut().flatten() {
            let orphan = session.orphaned.is_some() && edge.succeeds(&session.owner);
            // One that was killed may be back before its broken stream is noticed.
            if orphan || session.owner.is(edge) || edge.is_again(&session.owner) {
                (session.owner, session.orphaned) = (edge.clone(), None);
                held.push(session.held());
            }
        }
        held
    }

    fn loaded(&mut self, id: &str, play: &str, serial: u64, prompts: Result<Vec<Prompt>>) {
        let now = self.now();
        let Some(index) = self.by_id.get(id) else { return };
        let Some(session) = &mut self.sessions[*index] else { return };
        match prompts {
            Ok(prompts) => {
                session.plays.loaded(play, serial, prompts);
            }
            Err(error) if session.plays.failed(play, serial) => {
                self.io.tell(id, 0, failed(&error, play.to_owned()));
            }
            Err(_) => {}
        }
        session.replan(now);
        flush(session, &mut self.io);
    }

    /// Runs the phases that are due; each session has its turn every fourth.
    fn tick(&mut self) {
        let due = (self.now().as_millis() / PHASE.as_millis()) as u64;
        let behind = due.saturating_sub(self.phase).min(u64::from(CATCH_UP_MAX));
        if behind == 0 {
            return;
        }
        for phase in due - behind + 1..=due {
            self.run_phase(phase as usize % PHASES);
        }
        self.phase = due;
        self.expire();
    }

    fn run_phase(&mut self, phase: usize) {
        let now = self.now();
        for session in self.sessions.iter_mut().skip(phase).step_by(PHASES).flatten() {
            session.tick(now, &mut self.io);
            flush(session, &mut self.io);
        }
    }

    /// Ends orphans whose lease is over, and gives drained ports back.
    fn expire(&mut self) {
        let now = self.now();
        self.io.ports.reclaim(now);
        let over = |s: &&Session| s.orphaned.is_some_and(|at| now.saturating_sub(at) >= self.lease);
        let expired: Vec<String> =
            self.sessions.iter().flatten().filter(over).map(|s| s.id.clone()).collect();
        for id in expired {
            tracing::warn!(session = id, "lease over, session freed");
            self.release(&id, now);
        }
    }

    fn stop(&mut self) {
        let now = self.now();
        let ids: Vec<String> = self.by_id.keys().cloned().collect();
        ids.iter().for_each(|id| self.release(id, now));
    }
}

/// Hands what a session told to its edge.
fn flush(session: &Session, io: &mut Io) {
    io.events.drain(..).for_each(|event| session.owner.tell(event));
}
