//! The task that owns the SIP sockets and the endpoint.
//!
//! Everything that others want of it is a closure that runs here, between two
//! packets; it never waits for anybody.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chassis::Drain;
use sip::digest::Challenger;
use sip::guard::Guard;
use sip::registrar::Registrar;
use sip::{Endpoint, Event, LegId, Output, Tokens};
use softphone::transport::{Arrival, Limits, Transport};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::Config;
use crate::admission::Proven;
use crate::attend::Attendance;
use crate::driver::{Shared, Signal};
use crate::trunk::Directory;

/// Closures that wait for the edge.
const COMMANDS_MAX: usize = 16_384;
/// Messages read before the endpoint is drained.
const BATCH: usize = 128;
/// How often registrations are looked through.
const LOOK: Duration = Duration::from_secs(1);
/// Nonces live this long; then a phone is challenged again with `stale`.
const NONCE_LIFETIME: Duration = Duration::from_secs(300);

type Command = Box<dyn FnOnce(&mut Edge, Duration) + Send>;

/// A way to the edge. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    /// Runs `f` on the edge's task; `None` when the edge is gone.
    pub async fn ask<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Edge, Duration) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.send(move |edge, now| drop(reply.send(f(edge, now)))).await;
        answer.await.ok()
    }

    /// Runs `f` some time soon, after what was sent before.
    pub async fn send(&self, f: impl FnOnce(&mut Edge, Duration) + Send + 'static) {
        let _ = self.commands.send(Box::new(f)).await;
    }

    /// The same where waiting is impossible, as in a drop.
    pub fn send_now(&self, f: impl FnOnce(&mut Edge, Duration) + Send + 'static) {
        if self.commands.try_send(Box::new(f)).is_err() {
            tracing::warn!("the edge is too far behind for a command");
        }
    }
}

/// What the edge's task owns.
pub struct Edge {
    pub(crate) endpoint: Endpoint,
    transport: Transport,
    began: Instant,
    pub(crate) directory: watch::Receiver<Arc<Directory>>,
    pub(crate) guard: Guard,
    /// OPTIONS of strangers, counted apart: a carrier's pings must not silence
    /// its calls.
    pub(crate) probes: Guard,
    pub(crate) proven: Proven,
    pub(crate) challenger: Challenger,
    pub(crate) registrar: Registrar,
    pub(crate) attendance: Attendance,
    pub(crate) legs: HashMap<LegId, mpsc::Sender<Signal>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) drain: Drain,
}

/// A queue for commands, made before the edge because calls need its handle.
pub fn handle() -> (Handle, Commands) {
    let (commands, waiting) = mpsc::channel(COMMANDS_MAX);
    (Handle { commands }, Commands(waiting))
}

/// The edge's end of the handles.
pub struct Commands(mpsc::Receiver<Command>);

/// The opened sockets.
pub async fn listen(config: &Config) -> std::io::Result<Transport> {
    let limits = Limits { receive_buffer: config.receive_buffer, ..Limits::default() };
    Transport::bind(config.sip_listen, limits).await
}

impl Edge {
    pub fn new(
        config: &Config,
        transport: Transport,
        address: SocketAddr,
        directory: watch::Receiver<Arc<Directory>>,
        attendance: Attendance,
        shared: Arc<Shared>,
        drain: Drain,
    ) -> Self {
        let mut settings = sip::Config::new(address);
        settings.legs_max = config.legs_max;
        let tokens = Tokens::new(chassis::random::key());
        Self {
            endpoint: Endpoint::new(settings, chassis::random::key()),
            transport,
            began: origin(),
            directory,
            guard: Guard::new(config.guard()),
            probes: Guard::new(config.guard()),
            proven: Proven::default(),
            challenger: Challenger::new(config.realm.clone(), NONCE_LIFETIME, tokens),
            registrar: Registrar::default(),
            attendance,
            legs: HashMap::new(),
            shared,
            drain,
        }
    }

    /// Serves until `stop` says so.
    pub async fn run(mut self, mut commands: Commands, stop: Drain) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let stopped = stop.begun();
        tokio::pin!(stopped);
        loop {
            let due = self.drain().unwrap_or_else(|| self.now() + Duration::from_secs(3600));
            tokio::select! {
                arrival = self.transport.next() => self.arrived(arrival),
                Some(command) = commands.0.recv() => self.command(command, &mut commands),
                () = tokio::time::sleep_until((self.began + due).into()) => {}
                _ = look.tick() => self.look(),
                () = &mut stopped => return,
            }
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn arrived(&mut self, first: Arrival) {
        let mut next = Some(first);
        for _ in 0..BATCH {
            let now = self.now();
            match next {
                Some(Arrival::Message(flow, bytes)) => {
                    if self.listens_to(now, flow.remote.ip()) {
                        self.endpoint.receive(now, flow, bytes);
                    }
                }
                Some(Arrival::Broken(flow)) => self.endpoint.flow_failed(now, flow),
                None => return,
            }
            next = self.transport.try_next();
        }
    }

    fn command(&mut self, first: Command, more: &mut Commands) {
        let now = self.now();
        first(self, now);
        for _ in 0..BATCH {
            let Ok(command) = more.0.try_recv() else { return };
            command(self, now);
        }
    }

    fn drain(&mut self) -> Option<Duration> {
        loop {
            let now = self.now();
            match self.endpoint.poll(now) {
                Output::Transmit { flow, bytes } => {
                    if !self.transport.send(flow, bytes) {
                        metrics::counter!("telephony_sends_failed_total").increment(1);
                    }
                }
                Output::Event(event) => self.on_event(now, *event),
                Output::Timeout(at) => return at,
            }
        }
    }

    fn on_event(&mut self, now: Duration, event: Event) {
        match event {
            Event::Invite(invite) => self.on_invite(now, invite),
            Event::Request { id, flow, request } => self.on_request(now, id, flow, &request),
            Event::Response { .. } => {}
            event => self.on_leg_event(now, event),
        }
    }

    /// To the call that holds the leg.
    fn on_leg_event(&mut self, now: Duration, event: Event) {
        let Some(leg) = leg_of(&event) else { return };
        let is_last = matches!(event, Event::Cancelled { .. } | Event::Failed { .. } | Event::Ended { .. });
        let told = self.legs.get(&leg).is_some_and(|s| s.try_send(Signal::Sip(leg, event)).is_ok());
        if is_last {
            self.legs.remove(&leg);
        } else if !told {
            let _ = self.endpoint.hang_up(now, leg, 500, None);
            self.legs.remove(&leg);
        }
    }

    fn look(&mut self) {
        let now = self.now();
        let directory = self.directory.borrow_and_update().clone();
        for user in self.registrar.expire(now) {
            self.phone_vanished(&directory, &user);
        }
        let revoked: Vec<String> = self
            .registrar
            .users()
            .filter(|user| directory.phone(user).is_none())
            .map(str::to_owned)
            .collect();
        for user in &revoked {
            self.registrar.remove(user);
        }
        self.proven.forget(now);
        metrics::gauge!("telephony_legs").set(self.endpoint.load().0 as f64);
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge drives sockets in real time")]
fn origin() -> Instant {
    Instant::now()
}

fn leg_of(event: &Event) -> Option<LegId> {
    match event {
        Event::Cancelled { leg, .. }
        | Event::Acked { leg, .. }
        | Event::Progress { leg, .. }
        | Event::Answered { leg, .. }
        | Event::Failed { leg, .. }
        | Event::Offer { leg, .. }
        | Event::OfferAnswered { leg, .. }
        | Event::OfferRefused { leg, .. }
        | Event::Info { leg, .. }
        | Event::Ended { leg, .. } => Some(*leg),
        Event::Invite(_) | Event::Request { .. } | Event::Response { .. } => None,
    }
}
