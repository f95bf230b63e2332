//! The one task that owns the router: performs its effects.

use crate::{
    Config,
    floor::Hand,
    sessions::{Orphan, Sessions},
    wire,
};
use chassis::{Code, Drain, clock};
use eventlog::{ConfigView, Doc, Log, Record, Topic, codec};
use proto::acd::v1::{caller_event, device_event, *};
use routing::{Effect, Input, Router};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time,
};
use types::{config::Kind, *};

/// Messages that may wait for the driver; then streams wait.
const IN_MAX: usize = 16_384;

pub enum Message {
    CallersAttached { stream: u64, events: mpsc::Sender<CallerEvent> },
    DevicesAttached { stream: u64, events: mpsc::Sender<DeviceEvent> },
    Caller(u64, CallerRequest),
    Device(u64, DeviceRequest),
    Detached { stream: u64 },
    Assign(AssignRequest, oneshot::Sender<Option<&'static str>>),
}

/// How streams reach the driver.
#[derive(Clone)]
pub struct Door {
    messages: mpsc::Sender<Message>,
    streams: Arc<AtomicU64>,
}

impl Door {
    pub fn next_stream(&self) -> u64 {
        self.streams.fetch_add(1, Ordering::Relaxed)
    }

    pub async fn send(&self, message: Message) -> Result<(), chassis::Error> {
        let gone = |_| chassis::Error::new(Code::Unavailable, "the acd is going down");
        self.messages.send(message).await.map_err(gone)
    }
}

pub(crate) struct Driver {
    config: Config,
    router: Router,
    sessions: Sessions,
    log: Log,
    view: Arc<ConfigView>,
    /// The versions that the router knows.
    known: HashMap<(TenantId, Kind, String), u32>,
    /// Who was lent, by loan.
    pub(crate) lent: HashMap<LoanId, AgentId>,
    queues: HashMap<QueueId, wire::Face>,
    moved: HashSet<QueueId>,
    /// While an assignment is performed.
    pub(crate) hand: Hand,
}

pub fn start(config: Config, log: Log, view: Arc<ConfigView>, drain: Drain) -> (Door, JoinHandle<()>) {
    let (messages, inbox) = mpsc::channel(IN_MAX);
    let until = clock::now() + config.listen_ms;
    let router = Router::new(chassis::random::u128()).listening(until);
    let mut driver = Driver {
        config,
        router,
        sessions: Sessions::default(),
        log,
        view,
        known: HashMap::new(),
        lent: HashMap::new(),
        queues: HashMap::new(),
        moved: HashSet::new(),
        hand: Hand::default(),
    };
    driver.learn();
    let task = tokio::spawn(drain.clone().ends_with(async move {
        drain.or(driver.run(inbox)).await;
    }));
    (Door { messages, streams: Arc::default() }, task)
}

impl Driver {
    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut changes = self.view.changes();
        let mut positions = time::interval(Duration::from_millis(self.config.positions_every_ms));
        positions.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            let due = self.until_due();
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.take(message),
                    None => return,
                },
                _ = changes.changed() => self.learn(),
                () = time::sleep(due) => self.tick(),
                _ = positions.tick() => self.tell_positions(),
            }
        }
    }

    fn until_due(&self) -> Duration {
        const LONG: i64 = 3_600_000;
        let next = [self.router.deadline(), self.sessions.next_lease()].into_iter().flatten().min();
        Duration::from_millis(next.map_or(LONG, |at| at.since(clock::now()).min(LONG)) as u64)
    }

    fn tick(&mut self) {
        let now = clock::now();
        for orphan in self.sessions.expired(now) {
            match orphan {
                Orphan::Caller(call) => {
                    self.handle(Input::Release { call: call.clone() });
                    self.sessions.drop_caller(&call);
                }
                Orphan::Agent(agent) => {
                    self.handle(Input::Offline { agent, reason: "connection lost".into() })
                }
            }
        }
        self.handle(Input::Tick);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::CallersAttached { stream, events } => self.sessions.callers_attached(stream, events),
            Message::DevicesAttached { stream, events } => self.sessions.devices_attached(stream, events),
            Message::Caller(stream, request) => self.caller(stream, request),
            Message::Device(stream, request) => self.device(stream, request),
            Message::Detached { stream } => {
                self.sessions.detached(stream, clock::now() + self.config.lease_ms);
            }
            Message::Assign(request, reply) => {
                // Whoever asked may be gone.
                let _ = reply.send(self.assign(request));
            }
        }
    }

    fn caller(&mut self, stream: u64, request: CallerRequest) {
        let (Ok(call), Ok(tenant)) = (request.session.parse::<CallId>(), request.tenant.parse::<TenantId>())
        else {
            return tracing::warn!(session = request.session, "a caller request without a call or tenant");
        };
        let Some(what) = request.what else { return };
        let card = match &what {
            caller_request::What::Join(join) => join.caller.clone(),
            caller_request::What::Reach(reach) => reach.caller.clone(),
            _ => None,
        };
        let released = matches!(what, caller_request::What::Release(_));
        let Some(input) = wire::caller_input(tenant, call.clone(), what) else {
            return tracing::warn!(%call, "a caller request that cannot be read");
        };
        self.sessions.holds_caller(&call, stream, card);
        self.handle(input);
        if released {
            self.sessions.drop_caller(&call);
        }
    }

    fn device(&mut self, stream: u64, request: DeviceRequest) {
        let (Ok(agent), Ok(tenant)) =
            (request.session.parse::<AgentId>(), request.tenant.parse::<TenantId>())
        else {
            return tracing::warn!(session = request.session, "a device request without an agent or tenant");
        };
        let Some(what) = request.what else { return };
        if self.router.agent(&agent).is_some_and(|known| known.tenant != tenant) {
            return tracing::warn!(%agent, %tenant, "a device of a foreign tenant");
        }
        match &what {
            device_request::What::Available(_) => self.sessions.owns(&agent, stream),
            device_request::What::Aux(aux) if !aux.line.is_empty() => self.sessions.owns(&agent, stream),
            // A device that somebody else took over signs out quietly.
            device_request::What::Offline(_) if !self.sessions.owned_by(&agent, stream) => return,
            device_request::What::Watch(watch) if !watch.line.is_empty() => {
                self.sessions.goes_on(&agent, stream);
            }
            _ => self.sessions.watches(&agent, stream),
        }
        match wire::device_input(tenant.clone(), agent.clone(), what) {
            Some(input) => self.handle(input),
            None => self.tell_state(&tenant, &agent),
        }
    }

    pub(crate) fn handle(&mut self, input: Input) {
        for effect in self.route(input) {
            self.perform(effect);
        }
    }

    pub(crate) fn route(&mut self, input: Input) -> Vec<Effect> {
        self.router.handle(clock::now(), input)
    }

    pub(crate) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Fact { tenant, fact } => {
                let record = Record::new(Topic::Agent, &tenant, fact.agent.as_str(), codec::encode(&fact));
                if let Err(error) = self.log.append(record) {
                    tracing::error!(%error, "a fact could not be told");
                }
            }
            Effect::Offer(offer) => {
                let agent_name = self.router.agent(&offer.agent).map(|a| a.name.clone()).unwrap_or_default();
                let queue = self.queues.get(&offer.queue).cloned().unwrap_or_default();
                let card = self.sessions.card(&offer.call);
                tracing::info!(call = %offer.call, agent = %offer.agent, attempt = offer.attempt, "agent reserved");
                let pop = wire::device_event(&offer.agent, wire::offer(&offer, queue, card, &self.hand));
                self.sessions.tell_agent(&offer.agent, &pop);
                let reserved =
                    wire::caller_event(&offer.call, wire::reserved(&offer, &agent_name, clock::now()));
                self.sessions.tell_caller(&offer.call, reserved);
                metrics::counter!("trunkline_acd_offers_total").increment(1);
            }
            Effect::Reached(reached) => self.tell_reached(&reached),
            Effect::OfferEnded { call, agent, reservation, outcome, .. } => {
                let (reservation, outcome) = (reservation.to_string(), name(outcome));
                let withdrawn =
                    caller_event::Withdrawn { reservation: reservation.clone(), outcome: outcome.clone() };
                self.sessions
                    .tell_caller(&call, wire::caller_event(&call, caller_event::What::Withdrawn(withdrawn)));
                let ended = device_event::OfferEnded { reservation, outcome };
                self.sessions
                    .tell_agent(&agent, &wire::device_event(&agent, device_event::What::OfferEnded(ended)));
            }
            Effect::Overflow { call, reason } => {
                let overflow = caller_event::Overflow { reason: reason.into() };
                self.sessions
                    .tell_caller(&call, wire::caller_event(&call, caller_event::What::Overflow(overflow)));
            }
            Effect::NotAssigned { call, reason } => tracing::info!(%call, reason, "a caller was not given"),
            Effect::Refused { agent, message } => {
                let refused = device_event::Refused { message: message.into() };
                self.sessions
                    .tell_agent(&agent, &wire::device_event(&agent, device_event::What::Refused(refused)));
            }
            Effect::AgentMoved { tenant, agent } => self.tell_state(&tenant, &agent),
            Effect::QueueMoved { queue } => drop(self.moved.insert(queue)),
        }
    }

    fn tell_reached(&mut self, reached: &routing::Reached) {
        let agent = &reached.agent;
        let name = self.router.agent(agent).map(|a| a.name.clone()).unwrap_or_default();
        let queue = reached.queue.as_ref().and_then(|queue| self.queues.get(queue));
        tracing::info!(call = %reached.call, %agent, "agent reached in person");
        if !reached.engaged {
            let card = self.sessions.card(&reached.session);
            let offer = wire::personal_offer(reached, queue.cloned().unwrap_or_default(), card);
            self.sessions.tell_agent(agent, &wire::device_event(agent, offer));
        }
        let reserved = wire::caller_event(&reached.session, wire::reached(reached, &name));
        self.sessions.tell_caller(&reached.session, reserved);
    }

    /// Only to the agent's own tenant.
    fn tell_state(&mut self, tenant: &TenantId, agent: &AgentId) {
        let found = self.router.agent(agent).filter(|found| found.tenant == *tenant);
        let what = match found {
            Some(found) => wire::state_of(found),
            None => device_event::What::Refused(device_event::Refused { message: "no such agent".into() }),
        };
        self.sessions.tell_agent(agent, &wire::device_event(agent, what));
    }

    fn tell_positions(&mut self) {
        for queue in self.moved.drain() {
            let places: Vec<CallId> = self.router.positions(&queue).cloned().collect();
            for (position, call) in (1..).zip(&places) {
                let expected_wait_ms = self.router.expected_wait(call, position as usize).unwrap_or_default();
                let told = (position, expected_wait_ms);
                let Some(session) = self.sessions.caller(call).filter(|session| session.told != told) else {
                    continue;
                };
                session.told = told;
                let position = caller_event::Position { position, expected_wait_ms };
                let what = caller_event::What::Position(position);
                self.sessions.tell_caller(call, wire::caller_event(call, what));
            }
            metrics::gauge!("trunkline_acd_waiting", "queue" => queue.to_string()).set(places.len() as f64);
        }
    }

    // ── configuration ───────────────────────────────────────────────────────

    /// Brings the router to what the configuration says now.
    fn learn(&mut self) {
        for kind in [Kind::Queue, Kind::Agent, Kind::Loan] {
            let mut present = HashSet::new();
            for tenant in self.view.tenants(kind) {
                for doc in self.view.docs(&tenant, kind) {
                    let key = (tenant.clone(), kind, doc.id.clone());
                    if self.known.insert(key.clone(), doc.version) != Some(doc.version) {
                        self.set(&tenant, kind, &doc.id, Some(&doc));
                    }
                    present.insert(key);
                }
            }
            let gone: Vec<_> =
                self.known.keys().filter(|key| key.1 == kind && !present.contains(*key)).cloned().collect();
            for key in gone {
                self.set(&key.0, kind, &key.2, None);
                self.known.remove(&key);
            }
        }
    }

    fn set(&mut self, tenant: &TenantId, kind: Kind, id: &str, doc: Option<&Doc>) {
        let tenant = tenant.clone();
        match kind {
            Kind::Queue => {
                let Ok(queue) = id.parse::<QueueId>() else { return };
                let config: Option<routing::QueueConfig> = doc.and_then(Doc::read);
                if let Some(config) = &config {
                    let face = wire::Face { name: config.name.clone(), script: config.script.clone() };
                    self.queues.insert(queue.clone(), face);
                }
                self.handle(Input::Queue { tenant, queue, config });
            }
            Kind::Agent => {
                let Ok(agent) = id.parse() else { return };
                let profile: Option<config::Agent> = doc.and_then(Doc::read);
                let profile = profile.map(|of| routing::Profile {
                    name: of.name,
                    skills: of.skills,
                    ring_timeout: of.ring_timeout_ms,
                    wrap_up: of.wrap_up_ms,
                });
                self.handle(Input::Agent { tenant, agent, profile });
            }
            Kind::Loan => self.set_loan(tenant, id, doc),
            _ => {}
        }
    }
}
