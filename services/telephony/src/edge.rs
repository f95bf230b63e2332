//! The task that owns the SIP sockets and the endpoint.
//!
//! Everything that others want of it is a closure that runs here, between two
//! packets; it never waits for anybody.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chassis::Drain;
use eventlog::Live;
use sip::digest::Challenger;
use sip::registrar::Registrar;
use sip::{Endpoint, Event, Flow, LegId, Protocol, Tokens};
use sipnet::{Certificate, Limits, Stack, Transport, Turn, Verify};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;
use types::{CallId, TenantId, Timestamp, TrunkId};

use crate::Config;
use crate::attend::Attendance;
use crate::carriers::Carriers;
use crate::challenged::Challenged;
use crate::driver::{Shared, Signal};
use crate::gate::Gate;
use crate::live::{self, KeptSipLeg};
use crate::trunk::{Directory, Place};

/// Closures that wait for the edge.
const COMMANDS_MAX: usize = 16_384;
/// Closures run before the endpoint is drained.
const BATCH: usize = 128;
/// How often registrations are looked through.
const LOOK: Duration = Duration::from_secs(1);
/// Phones placed in one look: the ACD is told of each.
const PLACED_MAX: usize = 2_000;
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
    pub(crate) stack: Stack,
    pub(crate) gate: Gate,
    pub(crate) carriers: Carriers,
    /// What peers know.
    pub(crate) address: SocketAddr,
    /// Peers of the other IP version are told another one.
    pub(crate) other_version: bool,
    pub(crate) directory: watch::Receiver<Arc<Directory>>,
    pub(crate) challenger: Challenger,
    pub(crate) challenged: Challenged,
    pub(crate) registrar: Registrar,
    /// Devices of trunks that register with us, such as GSM gateways, by the
    /// trunk's user name.
    pub(crate) devices: Registrar,
    /// Phones that do not register, as they are known to the registrar.
    places: HashMap<String, Place>,
    pub(crate) attendance: Attendance,
    pub(crate) legs: HashMap<LegId, Holder>,
    /// Legs of agents' phones, by the user name.
    pub(crate) phones: HashMap<LegId, String>,
    /// Legs that a successor would find, by what.
    kept: HashMap<LegId, String>,
    certificate: Option<Arc<Certificate>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) drain: Drain,
}

/// Whose a leg is.
pub struct Holder {
    pub signals: mpsc::Sender<Signal>,
    /// What a successor finds it by.
    call: Option<(TenantId, CallId)>,
}

impl Holder {
    /// One whose call will decide whether it is the call's.
    pub fn not_yet(signals: mpsc::Sender<Signal>) -> Self {
        Self { signals, call: None }
    }
}

/// A queue for commands, made before the edge because calls need its handle.
pub fn handle() -> (Handle, Commands) {
    let (commands, waiting) = mpsc::channel(COMMANDS_MAX);
    (Handle { commands }, Commands(waiting))
}

/// The edge's end of the handles.
pub struct Commands(mpsc::Receiver<Command>);

/// The opened sockets, and the certificate of those for TLS.
pub async fn listen(config: &Config) -> anyhow::Result<(Transport, Option<Arc<Certificate>>)> {
    let limits = Limits { receive_buffer: config.receive_buffer, ..Limits::default() };
    let mut transport = Transport::bind(config.sip_listen, limits).await?;
    let certificate = config.certificate()?;
    let tls = config.tls()?.zip(certificate.clone());
    let wss = config.wss()?.zip(certificate.clone());
    if let Some((listen, certificate)) = &tls {
        transport.listen_tls(*listen, certificate).await.context("tls_listen")?;
    }
    if let Some(listen) = config.ws()? {
        transport.listen_ws(listen).await.context("ws_listen")?;
    }
    if let Some((listen, certificate)) = &wss {
        transport.listen_wss(*listen, certificate).await.context("wss_listen")?;
    }
    Ok((transport, certificate))
}

impl Edge {
    pub fn new(
        config: &Config,
        (transport, certificate): (Transport, Option<Arc<Certificate>>),
        address: SocketAddr,
        directory: watch::Receiver<Arc<Directory>>,
        attendance: Attendance,
        shared: Arc<Shared>,
        drain: Drain,
    ) -> anyhow::Result<Self> {
        let mut settings = sip::Config::new(address);
        settings.legs_max = config.legs_max;
        settings.offered_max = config.arriving_max;
        settings.kept = true;
        settings.session = Some(config.session());
        settings.other_host = config.other()?;
        settings.tls_port = transport.tls_address().map_or(0, |address| address.port());
        let websockets = transport.websocket_addresses().map(|at| at.map_or(0, |address| address.port()));
        [settings.ws_port, settings.wss_port] = websockets;
        let tokens = Tokens::new(chassis::random::key());
        Ok(Self {
            stack: Stack::new(Endpoint::new(settings, chassis::random::key()), transport),
            gate: Gate::new(config, directory.clone()),
            carriers: Carriers::new(config.pace(), shared.names.clone(), chassis::random::key()),
            address,
            other_version: config.other()?.is_some(),
            directory,
            challenger: Challenger::new(config.realm.clone(), NONCE_LIFETIME, tokens),
            challenged: Challenged::default(),
            registrar: Registrar::default(),
            devices: Registrar::default(),
            places: HashMap::new(),
            attendance,
            legs: HashMap::new(),
            phones: HashMap::new(),
            kept: HashMap::new(),
            certificate,
            shared,
            drain,
        })
    }

    /// Serves until `stop` says so.
    pub async fn run(mut self, mut commands: Commands, stop: Drain) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (stopped, draining) = (stop.begun(), self.drain.clone());
        let begun = draining.begun();
        tokio::pin!(stopped, begun);
        let mut registered = true;
        loop {
            let due = self.drain();
            let due = self.stack.at(due);
            tokio::select! {
                arrival = self.stack.arrival() => {
                    self.stack.receive(arrival, &mut self.gate);
                    self.let_go_of_broken();
                }
                Some(command) = commands.0.recv() => self.command(command, &mut commands),
                () = tokio::time::sleep_until(due) => {}
                _ = look.tick() => self.look(),
                // New calls are to go elsewhere.
                () = &mut begun, if registered => {
                    registered = false;
                    self.carriers.leave_all(self.stack.now(), &mut self.stack.endpoint);
                }
                () = &mut stopped => return,
            }
        }
    }

    fn command(&mut self, first: Command, more: &mut Commands) {
        let now = self.stack.now();
        first(self, now);
        for _ in 0..BATCH {
            let Ok(command) = more.0.try_recv() else { return };
            command(self, now);
        }
    }

    fn drain(&mut self) -> Duration {
        loop {
            self.keep_legs();
            match self.stack.turn(&mut self.gate) {
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
            Event::Request { id, flow, request } => self.on_request(now, id, flow, &request),
            Event::Response { id, code, response } => {
                self.carriers.answered(now, id, code, response.as_ref(), &self.stack.endpoint);
            }
            event => self.on_leg_event(now, event),
        }
    }

    /// Phones whose connections are gone are gone until they register anew.
    fn let_go_of_broken(&mut self) {
        if self.gate.broken.is_empty() {
            return;
        }
        let broken: HashSet<Flow> = self.gate.broken.drain(..).collect();
        self.devices.flows_failed(&broken);
        let gone = self.registrar.flows_failed(&broken);
        if !gone.is_empty() {
            let directory = self.directory.borrow().clone();
            gone.iter().for_each(|user| self.phone_vanished(&directory, user));
        }
    }

    /// To the call that holds the leg.
    fn on_leg_event(&mut self, now: Duration, event: Event) {
        let Some(leg) = event.leg() else { return };
        let is_last = event.is_last();
        let told = self.legs.get(&leg).is_some_and(|h| h.signals.try_send(Signal::Sip(leg, event)).is_ok());
        if is_last {
            self.forget(leg);
        } else if !told {
            let _ = self.stack.endpoint.hang_up(now, leg, 500, None);
            self.forget(leg);
        }
    }

    /// Nobody is told of the leg any more.
    pub(crate) fn forget(&mut self, leg: LegId) {
        self.legs.remove(&leg);
        self.phones.remove(&leg);
    }

    /// The leg belongs to the call from now on.
    pub(crate) fn adopt(
        &mut self,
        leg: LegId,
        tenant: &TenantId,
        call: &CallId,
        signals: mpsc::Sender<Signal>,
    ) {
        self.legs.insert(leg, Holder { signals, call: None });
        self.belongs(leg, tenant, call);
    }

    /// The leg's messages are the call's, and a successor finds it by the call.
    pub(crate) fn belongs(&mut self, leg: LegId, tenant: &TenantId, call: &CallId) {
        if let Some(holder) = self.legs.get_mut(&leg) {
            holder.call = Some((tenant.clone(), call.clone()));
        }
        if let Some(call_id) = self.stack.endpoint.call_id(leg) {
            self.gate.ladders.link(tenant, call, call_id);
        }
    }

    /// What a successor needs of the legs that changed is written before anything
    /// more leaves.
    fn keep_legs(&mut self) {
        if !self.stack.endpoint.has_noted() {
            return;
        }
        let (now, at) = (self.stack.now(), chassis::clock::now());
        let noted: Vec<LegId> = self.stack.endpoint.take_noted().collect();
        let changes = noted.into_iter().filter_map(|leg| self.keep_leg(now, at, leg)).collect::<Vec<_>>();
        if changes.is_empty() {
            return;
        }
        if let Err(error) = self.shared.log.commit(&[], changes) {
            metrics::counter!("telephony_not_kept_total").increment(1);
            tracing::error!(%error, "legs could not be kept");
        }
    }

    fn keep_leg(&mut self, now: Duration, at: Timestamp, leg: LegId) -> Option<Live> {
        let Some(kept) = self.stack.endpoint.kept(now, leg) else {
            let key = self.kept.remove(&leg)?;
            return Some(Live { key, value: None });
        };
        let (tenant, call) = self.legs.get(&leg)?.call.clone()?;
        let key = live::leg_key(&call, leg);
        let username = self.phones.get(&leg).cloned();
        let verify = self.stack.verify(kept.flow()).map(|verify| (verify.name.clone(), verify.roots.clone()));
        let value = live::encode(&KeptSipLeg { tenant, call, at, leg: kept, username, verify })?;
        self.kept.insert(leg, key.clone());
        Some(Live { key, value: Some(value) })
    }

    /// Goes on with the legs of a call that a predecessor had; a leg that cannot be
    /// taken up is over. Without a call they were on their way out.
    pub(crate) fn take_up(
        &mut self,
        legs: Vec<KeptSipLeg>,
        trunk: Option<&TrunkId>,
        signals: Option<&mpsc::Sender<Signal>>,
    ) {
        let (now, at) = (self.stack.now(), chassis::clock::now());
        for KeptSipLeg { tenant, call, at: then, mut leg, username, verify } in legs {
            let (id, key) = (leg.id(), live::leg_key(&call, leg.id()));
            self.kept.insert(id, key.clone());
            if let Some(flow) = self.way_back(&leg, trunk.filter(|_| username.is_none()), verify) {
                leg.set_flow(flow);
            }
            let down = Duration::from_millis(at.since(then) as u64);
            if let Err(error) = self.stack.endpoint.take_up(now, leg, down) {
                tracing::error!(%call, %error, "a leg cannot be taken up");
                self.kept.remove(&id);
                let _ = self.shared.log.commit(&[], vec![Live { key, value: None }]);
                continue;
            }
            match signals {
                Some(signals) => self.adopt(id, &tenant, &call, signals.clone()),
                None => drop(self.stack.endpoint.hang_up(now, id, 500, None)),
            }
            if let Some(username) = username {
                self.phones.insert(id, username);
            }
        }
    }

    /// Connections ended with the predecessor: the peer is reached where it said that
    /// it can be. `None`: by datagrams as before.
    fn way_back(
        &mut self,
        leg: &sip::KeptLeg,
        trunk: Option<&TrunkId>,
        verify: Option<(String, Option<String>)>,
    ) -> Option<Flow> {
        let flow = leg.flow();
        let target = leg.target();
        let remote = target.address().unwrap_or(flow.remote);
        match flow.protocol {
            // A browser comes back by itself.
            Protocol::Udp | Protocol::Ws | Protocol::Wss => None,
            Protocol::Tcp => Some(Flow { protocol: Protocol::Tcp, remote }),
            Protocol::Tls(_) => {
                // Who connected to us proved nothing: whom we call by the same trunk does.
                let known = verify.map(|(name, roots)| Verify { name, roots });
                let carrier = || self.directory.borrow().by_tls(trunk?);
                let verify = known.or_else(carrier);
                let verify = verify.unwrap_or(Verify { name: target.host.clone(), roots: None });
                let identity = self.stack.identity(verify);
                Some(Flow { protocol: Protocol::Tls(identity), remote })
            }
        }
    }

    /// Phones that do not register are where the configuration says.
    fn place_phones(&mut self, directory: &Directory) {
        let gone: Vec<String> =
            self.places.keys().filter(|user| !directory.places().contains_key(*user)).cloned().collect();
        for user in gone {
            self.places.remove(&user);
            self.registrar.remove(&user);
            self.phone_vanished(directory, &user);
        }
        let moved: Vec<_> = directory
            .places()
            .iter()
            .filter(|(user, place)| self.places.get(*user) != Some(*place))
            .take(PLACED_MAX)
            .collect();
        for (user, place) in moved {
            self.places.insert(user.clone(), place.clone());
            let change = self.registrar.place(user, place.contact.clone(), place.flow);
            self.registered(directory, user, change);
        }
    }

    /// A new certificate is used from the next connection on.
    fn renew_certificate(&self) {
        match self.certificate.as_ref().map(|certificate| certificate.renew()) {
            Some(Ok(true)) => tracing::info!("the certificate was renewed"),
            Some(Err(error)) => tracing::error!(%error, "the old certificate stays in use"),
            Some(Ok(false)) | None => {}
        }
    }

    fn look(&mut self) {
        self.renew_certificate();
        let now = self.stack.now();
        let changed = self.directory.has_changed().unwrap_or_default();
        let directory = self.directory.borrow_and_update().clone();
        if changed || self.places.len() != directory.places().len() {
            self.place_phones(&directory);
        }
        self.devices.expire(now);
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
        if !self.drain.draining() {
            self.carriers.look(now, directory.all_routes(), &mut self.stack.endpoint, &self.shared.edge);
        }
        self.gate.forget(now);
        metrics::counter!("telephony_shed_total").absolute(self.stack.endpoint.counters().shed);
        metrics::gauge!("telephony_legs").set(self.stack.endpoint.load().0 as f64);
    }
}
