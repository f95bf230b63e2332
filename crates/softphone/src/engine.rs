//! The task that owns the endpoint and its sockets.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sip::sdp::Codec;
use sip::{Answer, Event, IncomingInvite, LegId, Outbound, RequestId, Response};
use sipnet::{Stack, Turn};
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::clock::Clock;
use crate::line::Line;
use crate::media::Media;
use crate::mouth::Sound;

/// Commands that wait for the engine.
const COMMANDS_MAX: usize = 256;
/// Calls that came in and were not taken by `incoming`.
const INCOMING_MAX: usize = 256;
/// How long the sockets stay open after the phone was dropped, for BYE.
const LINGER: Duration = Duration::from_millis(500);

type Command = Box<dyn FnOnce(&mut Engine, Duration) + Send>;

/// What is kept of a call that came in.
pub(crate) type NewCall = (IncomingInvite, Arc<Line>);

pub(crate) struct Engine {
    stack: Stack,
    clock: Clock,
    ip: IpAddr,
    codecs: Vec<Codec>,
    lines: HashMap<LegId, Arc<Line>>,
    requests: HashMap<RequestId, oneshot::Sender<(u16, Option<Response>)>>,
    incoming: mpsc::Sender<NewCall>,
}

/// A way to the engine.
#[derive(Clone)]
pub(crate) struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    /// Runs `f` on the engine's task.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Engine, Duration) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let command: Command = Box::new(move |engine, now| drop(reply.send(f(engine, now))));
        self.commands.send(command).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)
    }

    /// Runs `f` without waiting; lost when the engine is closed or overrun.
    pub(crate) fn tell(&self, f: impl FnOnce(&mut Engine, Duration) + Send + 'static) {
        let _ = self.commands.try_send(Box::new(f));
    }
}

/// Starts the engine on its own task.
pub(crate) fn start(stack: Stack, clock: Clock, codecs: Vec<Codec>) -> (Handle, mpsc::Receiver<NewCall>) {
    let (commands, waiting) = mpsc::channel(COMMANDS_MAX);
    let (incoming, new_calls) = mpsc::channel(INCOMING_MAX);
    let ip = stack.address().ip();
    let (lines, requests) = (HashMap::new(), HashMap::new());
    let engine = Engine { stack, clock, ip, codecs, lines, requests, incoming };
    tokio::spawn(engine.run(waiting));
    (Handle { commands }, new_calls)
}

impl Engine {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut closing: Option<Duration> = None;
        loop {
            let due = self.drain();
            let due = closing.map_or(due, |at| at.min(due));
            if closing.is_some_and(|at| self.stack.now() >= at) {
                return;
            }
            let due = self.stack.at(due);
            tokio::select! {
                arrival = self.stack.arrival() => self.stack.receive(arrival, &mut ()),
                command = commands.recv(), if closing.is_none() => match command {
                    Some(command) => {
                        let now = self.stack.now();
                        command(&mut self, now);
                    }
                    None => closing = Some(self.stack.now() + LINGER),
                },
                () = tokio::time::sleep_until(due) => {}
            }
        }
    }

    pub(crate) fn endpoint(&mut self) -> &mut sip::Endpoint {
        &mut self.stack.endpoint
    }

    fn drain(&mut self) -> Duration {
        loop {
            match self.stack.turn(&mut ()) {
                Turn::Event(event) => {
                    let now = self.stack.now();
                    self.on_event(now, *event);
                }
                Turn::Idle(until) => return until,
            }
        }
    }

    fn on_event(&mut self, now: Duration, event: Event) {
        match event {
            Event::Invite(invite) => self.on_invite(now, invite),
            Event::Request { id, request, .. } => {
                let _ = match request.method().as_str() {
                    "OPTIONS" => self.stack.endpoint.respond_options(now, id),
                    _ => self.stack.endpoint.respond(now, id, &Answer::new(405)),
                };
            }
            Event::Response { id, code, response } => {
                if let Some(waiting) = self.requests.remove(&id) {
                    let _ = waiting.send((code, response));
                }
            }
            event => self.on_line_event(now, event),
        }
    }

    fn on_invite(&mut self, now: Duration, invite: IncomingInvite) {
        let leg = invite.leg;
        let line = Media::open(self.ip, Sound::Silence)
            .map(|media| Arc::new(Line::new(media, self.codecs.clone(), self.clock)));
        let Ok(line) = line else {
            let _ = self.stack.endpoint.reject(now, leg, &Answer::new(503));
            return;
        };
        self.lines.insert(leg, line.clone());
        if self.incoming.try_send((invite, line)).is_err() {
            self.lines.remove(&leg);
            let _ = self.stack.endpoint.reject(now, leg, &Answer::new(486));
        }
    }

    fn on_line_event(&mut self, now: Duration, event: Event) {
        let Some(leg) = event.leg() else { return };
        let is_last = event.is_last();
        let Some(line) = self.lines.get(&leg) else { return };
        let glare = matches!(event, Event::TryAgain { .. });
        if let Some(answer) = line.on_event(event) {
            let _ = self.stack.endpoint.answer_offer(now, leg, &answer);
        }
        if glare && self.stack.endpoint.offer(now, leg, line.offer_again()).is_err() {
            line.settled(491);
        }
        if is_last {
            self.lines.remove(&leg);
        }
    }

    pub(crate) fn adopt(&mut self, leg: LegId, line: Arc<Line>) {
        self.lines.insert(leg, line);
    }

    pub(crate) fn request(
        &mut self,
        now: Duration,
        outbound: Outbound,
    ) -> Result<oneshot::Receiver<(u16, Option<Response>)>, sip::Error> {
        let id = self.stack.endpoint.request(now, outbound)?;
        let (reply, answer) = oneshot::channel();
        self.requests.insert(id, reply);
        Ok(answer)
    }
}
