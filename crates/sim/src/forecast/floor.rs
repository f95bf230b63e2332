//! One day on the floor: callers come, the router decides, people talk.

use super::{Agents, Callers, Heard, Lived, Plan, Told, draw};
use call::{Call, Collect, Effect, Entry, Input, Instruction, IvrInput, Message, Next, QueueNode, Reserved};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use routing::{Profile, QueueConfig, Router};
use stats::Book;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use types::{
    fact::{CallEvent, CallFact},
    *,
};

/// How often callers learn their places, as the ACD tells them.
const POSITIONS_EVERY: Millis = 1_000;
const HOUR: f64 = 3_600_000.0;
/// Between two keys.
const THINKS: Millis = 2_000;

#[expect(clippy::large_enum_variant, reason = "few wait at a time")]
enum Event {
    /// A caller of this kind calls.
    Arrives(usize),
    Call(CallId, Input),
    /// The patience in the queue of this number is over.
    Impatient(CallId, u32),
    CallTick(CallId),
    RouterTick,
    /// Callers learn their places.
    Positions,
    Begins(usize),
    Ends(usize),
    Wrapped(usize, CallId),
}

struct Caller {
    call: Call,
    kind: usize,
    cursor: Option<flow::Cursor>,
    /// Keys still to be pressed.
    keys: VecDeque<char>,
    /// Queues entered so far.
    queues: u32,
    tick: Option<Timestamp>,
}

struct Desk {
    id: AgentId,
    kind: usize,
    /// Whom the agent talked with last, for the time to write.
    served: usize,
    wraps_up: Option<CallId>,
    leaves: bool,
}

pub(crate) struct Floor<'a> {
    plan: &'a Plan,
    rng: ChaCha8Rng,
    begins: Timestamp,
    now: Timestamp,
    /// When the last conversation was over.
    last: Timestamp,
    heap: BTreeMap<(Timestamp, u64), Event>,
    seq: u64,
    ids: u128,
    router: Router,
    router_tick: Option<Timestamp>,
    tenant: TenantId,
    queues: Vec<QueueId>,
    desks: Vec<Desk>,
    desk_of: HashMap<AgentId, usize>,
    callers: HashMap<CallId, Caller>,
    book: Book,
    /// Queues in which places moved, and whether callers are about to learn it.
    moved: BTreeSet<QueueId>,
    positions_due: bool,
    told: BTreeMap<CallId, Told>,
}

impl<'a> Floor<'a> {
    pub(crate) fn new(plan: &'a Plan, seed: u64) -> Floor<'a> {
        let begins = plan.begins();
        let mut floor = Floor {
            plan,
            begins,
            last: begins,
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: begins,
            heap: BTreeMap::new(),
            seq: 0,
            ids: 1_000_000,
            router: Router::new(seed.into()),
            router_tick: None,
            tenant: TenantId::new(begins, 1),
            queues: (0..plan.queues.len()).map(Plan::queue_id).collect(),
            desks: Vec::new(),
            desk_of: HashMap::new(),
            callers: HashMap::new(),
            book: Book::new(),
            moved: BTreeSet::new(),
            positions_due: false,
            told: BTreeMap::new(),
        };
        floor.furnish();
        floor
    }

    fn furnish(&mut self) {
        for (queue, config) in self.queues.clone().into_iter().zip(&self.plan.queues) {
            let config = Some(config.clone());
            self.route(routing::Input::Queue { tenant: self.tenant.clone(), queue, config });
        }
        for (kind, agents) in self.plan.agents.iter().enumerate() {
            for _ in 0..agents.count {
                self.hire(kind, agents);
            }
        }
        for kind in 0..self.plan.callers.len() {
            self.arrivals(kind);
        }
    }

    fn hire(&mut self, kind: usize, agents: &Agents) {
        let n = self.desks.len();
        let id = AgentId::new(self.begins, n as u128 + 1);
        let profile =
            Profile { name: agents.name.clone(), skills: agents.skills.clone(), ..Profile::default() };
        self.desk_of.insert(id.clone(), n);
        self.desks.push(Desk { id: id.clone(), kind, served: 0, wraps_up: None, leaves: false });
        let (tenant, profile) = (self.tenant.clone(), Some(profile));
        self.route(routing::Input::Agent { tenant, agent: id, profile });
        let after = |clock| self.plan.after_opening(clock);
        let (from, to) = (agents.from.map_or(0, after), agents.to.map(after));
        self.at(from, Event::Begins(n));
        if let Some(to) = to {
            // A shift that ends when or before it begins ends on the next day.
            let to = if to > from { to } else { to + 24 * HOUR as Millis };
            self.at(to, Event::Ends(n));
        }
    }

    /// Callers come by chance, as many on average as the plan says.
    fn arrivals(&mut self, kind: usize) {
        let (interval, lasts) = (self.plan.interval(), self.plan.lasts());
        let mut from = 0;
        while from < lasts {
            let to = (from + interval).min(lasts);
            let rate = self.plan.callers[kind].per_hour((from / interval) as usize) / HOUR;
            // Without any the first comes at the end of time.
            let mut at = from as f64 + draw::exponential(&mut self.rng) / rate;
            while at < to as f64 {
                self.at(at as Millis, Event::Arrives(kind));
                at += draw::exponential(&mut self.rng) / rate;
            }
            from = to;
        }
    }

    fn at(&mut self, after: Millis, event: Event) {
        self.seq += 1;
        self.heap.insert((self.now + after, self.seq), event);
    }

    fn id(&mut self) -> u128 {
        self.ids += 1;
        self.ids
    }

    pub(crate) fn live(mut self) -> Lived {
        while let Some(((at, _), event)) = self.heap.pop_first() {
            self.now = at;
            self.take(event);
        }
        let ends = self.last.max(self.begins + self.plan.lasts()) + 1;
        Lived { book: self.book, told: self.told.into_values().collect(), begins: self.begins, ends }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Arrives(kind) => self.arrives(kind),
            Event::Call(call, input) => self.tell(&call, input),
            Event::CallTick(call) => self.tell(&call, Input::Tick),
            Event::Impatient(call, queues) => {
                let waits = |caller: &Caller| {
                    matches!(caller.call.ledger().stage, Stage::Queue | Stage::Ringing)
                        && caller.queues == queues
                };
                if self.callers.get(&call).is_some_and(waits) {
                    self.tell(&call, Input::CallerHungUp);
                }
            }
            Event::RouterTick => {
                self.router_tick = None;
                self.route(routing::Input::Tick);
            }
            Event::Positions => self.positions(),
            Event::Begins(n) if self.desks[n].leaves => {}
            Event::Begins(n) => {
                let (tenant, agent) = (self.tenant.clone(), self.desks[n].id.clone());
                self.route(routing::Input::Available { tenant, agent, line: "sip:desk".into() });
            }
            Event::Ends(n) => self.shift_ends(n),
            Event::Wrapped(n, call) => {
                let agent = self.desks[n].id.clone();
                let (disposition, note) = (None, None);
                self.route(routing::Input::FinishWrapUp { agent, call, disposition, note });
            }
        }
    }

    /// No further caller; who talks is not cut off.
    fn shift_ends(&mut self, n: usize) {
        self.desks[n].leaves = true;
        let (tenant, agent) = (self.tenant.clone(), self.desks[n].id.clone());
        let (reason, line) = ("end of shift".into(), None);
        self.route(routing::Input::Aux { tenant, agent, reason, line });
    }

    // ── callers ─────────────────────────────────────────────────────────────

    fn kind(&self, kind: usize) -> &'a Callers {
        &self.plan.callers[kind]
    }

    fn arrives(&mut self, kind: usize) {
        let (now, id) = (self.now, self.id());
        let entry = Entry {
            call: CallId::new(now, id),
            caller_leg: LegId::new(now, id),
            recording: None,
            message: RecordingId::new(now, id),
            from: String::new(),
            caller_name: None,
            did: "+99900000000".parse().expect("a number"),
            did_label: String::new(),
            trunk: TrunkId::new(self.begins, 1),
            flow: FlowId::new(self.begins, 1),
            auto_connect: true,
            answer_after: None,
        };
        let (call, effects) = Call::offered(now, entry);
        let (id, keys) = (call.id().clone(), self.kind(kind).keys.chars().collect());
        let caller = Caller { call, kind, cursor: None, keys, queues: 0, tick: None };
        self.callers.insert(id.clone(), caller);
        self.perform(&id, effects);
    }

    fn tell(&mut self, id: &CallId, input: Input) {
        let Some(caller) = self.callers.get_mut(id) else { return };
        let effects = caller.call.handle(self.now, input);
        let due = caller.call.deadline().filter(|at| caller.tick.is_none_or(|tick| *at != tick));
        if let Some(at) = due {
            caller.tick = Some(at);
            self.at(at.since(self.now), Event::CallTick(id.clone()));
        }
        self.perform(id, effects);
        if self.callers.get(id).is_some_and(|caller| caller.call.ended()) {
            self.callers.remove(id);
            self.last = self.now;
        }
    }

    fn perform(&mut self, id: &CallId, effects: Vec<Effect>) {
        for effect in effects {
            self.does(id, effect);
        }
    }

    fn does(&mut self, id: &CallId, effect: Effect) {
        match effect {
            Effect::Fact(fact) => self.fact(&fact),
            Effect::OpenMedia => self.at(0, Event::Call(id.clone(), Input::MediaReady)),
            Effect::AskIvr(input) => self.ask(id, input),
            Effect::Play { play, prompts, repeat: false, .. } => {
                let lasts: Millis = prompts.iter().map(|_| self.plan.prompt.draw(&mut self.rng)).sum();
                self.at(lasts, Event::Call(id.clone(), Input::PlayEnded(play)));
            }
            Effect::JoinQueue { queue, since, priority, needs } => {
                let (tenant, call, preferred) = (self.tenant.clone(), id.clone(), None);
                self.waits(id);
                self.route(routing::Input::Join { tenant, call, queue, since, priority, needs, preferred });
            }
            Effect::ReleaseQueue(_) => self.route(routing::Input::Release { call: id.clone() }),
            Effect::Ring { leg, agent, .. } => self.rings(id, leg, &agent),
            Effect::TellAnswered(reservation) => {
                self.route(routing::Input::Answered { call: id.clone(), reservation, by: None });
            }
            Effect::TellOfferEnded { reservation, outcome } => {
                self.route(routing::Input::OfferEnded { call: id.clone(), reservation, outcome });
            }
            Effect::LineTalking(_) => self.talks(id),
            Effect::AskAnnouncement { position, wait, .. } => {
                let heard = Heard { at: self.now, position, wait };
                self.told.entry(id.clone()).or_default().heard.push(heard);
                self.at(0, Event::Call(id.clone(), Input::Announcement(vec![String::new()])));
            }
            _ => {}
        }
    }

    fn fact(&mut self, fact: &CallFact) {
        self.book.call(fact);
        let Some(told) = self.told.get_mut(&fact.call) else { return };
        match fact.event {
            CallEvent::AgentConnected { .. } => told.answered = Some(fact.at),
            CallEvent::Ended { .. } => told.ended = fact.at,
            _ => {}
        }
    }

    fn waits(&mut self, id: &CallId) {
        let Some(caller) = self.callers.get_mut(id) else { return };
        caller.queues += 1;
        let (queues, kind) = (caller.queues, caller.kind);
        if let Some(patience) = &self.kind(kind).patience {
            let patience = patience.draw(&mut self.rng);
            self.at(patience, Event::Impatient(id.clone(), queues));
        }
    }

    fn rings(&mut self, id: &CallId, leg: LegId, agent: &AgentId) {
        let agents = &self.plan.agents[self.desks[self.desk_of[agent]].kind];
        if agents.missed == 0.0 || self.rng.random::<f64>() >= agents.missed {
            let answer = agents.answer.draw(&mut self.rng);
            self.at(answer, Event::Call(id.clone(), Input::LineAnswered(leg)));
        }
    }

    fn talks(&mut self, id: &CallId) {
        let Some(caller) = self.callers.get(id) else { return };
        let kind = caller.kind;
        if let Some(n) = caller.call.ledger().agent.as_ref().and_then(|agent| self.desk_of.get(agent)) {
            self.desks[*n].served = kind;
        }
        let talk = self.kind(kind).talk.draw(&mut self.rng);
        self.at(talk, Event::Call(id.clone(), Input::CallerHungUp));
    }

    // ── the flow ────────────────────────────────────────────────────────────

    fn ask(&mut self, id: &CallId, input: IvrInput) {
        let Some(caller) = self.callers.get(id) else { return };
        let kind = self.kind(caller.kind);
        let next = match (&kind.queue, &self.plan.flow) {
            (Some(name), _) => self.straight(kind, name, &input),
            (None, Some(flow)) => self.through(id, flow, input),
            (None, None) => None,
        };
        let input = next.map_or(Input::IvrFailed, Input::Ivr);
        self.at(0, Event::Call(id.clone(), input));
    }

    /// Callers of a queue hear nothing before it, and leave when it has them no more.
    fn straight(&self, kind: &Callers, name: &str, input: &IvrInput) -> Option<Next> {
        let n = self.plan.queues.iter().position(|queue| queue.name == name)?;
        let instruction = match input {
            IvrInput::Start => Instruction::Queue(QueueNode {
                needs: kind.skills.clone(),
                priority: kind.priority,
                announce_every: Millis::from(self.plan.announce_every_s) * 1_000,
                ..node(self.queues[n].clone(), &self.plan.queues[n])
            }),
            _ => Instruction::Hangup,
        };
        Some(self.next("queue".into(), Stage::Queue, instruction))
    }

    fn through(&mut self, id: &CallId, flow: &flow::Flow, input: IvrInput) -> Option<Next> {
        let input = match input {
            IvrInput::Start => {
                flow::Input::Start { caller: String::new(), number: String::new(), country: None }
            }
            IvrInput::Played => flow::Input::Played,
            IvrInput::Keys(keys) => flow::Input::Keys(keys),
            IvrInput::NoInput => flow::Input::NoInput,
            // Nobody is asked: the fallback is taken.
            IvrInput::Waits => flow::Input::Answer(None),
            IvrInput::QueueLeft(reason) => flow::Input::QueueLeft(reason),
        };
        let caller = self.callers.get_mut(id)?;
        let stepped = flow::step(flow, caller.cursor.as_ref(), &input, self.now).ok()?;
        caller.cursor = Some(stepped.cursor);
        let instruction = self.instruction(id, stepped.instruction)?;
        Some(self.next(stepped.place.label, stepped.place.stage, instruction))
    }

    fn instruction(&mut self, id: &CallId, instruction: flow::Instruction) -> Option<Instruction> {
        let prompts = |say: &[flow::Say]| vec![String::new(); say.len()];
        Some(match instruction {
            flow::Instruction::Play(say) => Instruction::Play(prompts(&say)),
            flow::Instruction::Fetch { say, .. } => Instruction::Wait(prompts(&say)),
            flow::Instruction::Collect { say, timeout, keys_max, terminators } => {
                if let Some(key) = self.callers.get_mut(id)?.keys.pop_front() {
                    self.at(THINKS, Event::Call(id.clone(), Input::Key(key)));
                }
                Instruction::Collect(Collect {
                    prompts: prompts(&say),
                    keys_max,
                    terminators: terminators.into(),
                    first_timeout: timeout,
                    next_timeout: THINKS,
                })
            }
            flow::Instruction::Queue(wanted) => {
                let n = self.queues.iter().position(|queue| *queue == wanted.queue)?;
                Instruction::Queue(QueueNode {
                    needs: wanted.skills,
                    priority: wanted.priority,
                    welcome: prompts(&wanted.welcome),
                    announce_every: wanted.announce_every_ms,
                    ..node(wanted.queue, &self.plan.queues[n])
                })
            }
            flow::Instruction::Record { say, max, queue } => {
                Instruction::Message(Message { prompts: prompts(&say), max, queue })
            }
            flow::Instruction::Hangup => Instruction::Hangup,
        })
    }

    fn next(&self, label: String, stage: Stage, instruction: Instruction) -> Next {
        let (flow, node) = (FlowId::new(self.begins, 1), label.clone());
        Next { flow, version: 1, node, label, stage, category: None, callback: None, instruction }
    }

    // ── the router ──────────────────────────────────────────────────────────

    fn route(&mut self, input: routing::Input) {
        for effect in self.router.handle(self.now, input) {
            self.routed(effect);
        }
        let due = self.router.deadline().filter(|at| self.router_tick.is_none_or(|tick| *at < tick));
        if let Some(at) = due {
            self.router_tick = Some(at);
            self.at(at.since(self.now), Event::RouterTick);
        }
    }

    fn routed(&mut self, effect: routing::Effect) {
        match effect {
            routing::Effect::Fact { fact, .. } => self.book.agent(&fact),
            routing::Effect::Offer(offer) => {
                let (leg, customer) = (LegId::new(self.now, self.id()), LegId::new(self.now, self.id()));
                let routing::Offer { reservation, agent, line, attempt, call, alone, deadline, .. } = offer;
                let ring_for = deadline - self.now;
                let reserved = Reserved { reservation, agent, line, leg, customer, attempt, alone, ring_for };
                self.at(0, Event::Call(call, Input::Reserved(reserved)));
            }
            routing::Effect::OfferEnded { call, reservation, outcome, .. } => {
                self.at(0, Event::Call(call, Input::Withdrawn { reservation, outcome }));
            }
            routing::Effect::Overflow { call, reason } => {
                self.at(0, Event::Call(call, Input::Overflow(reason.into())));
            }
            routing::Effect::AgentMoved { agent, .. } => self.agent_moved(&agent),
            routing::Effect::QueueMoved { queue } => {
                self.moved.insert(queue);
                if self.plan.announce_every_s > 0 && !std::mem::replace(&mut self.positions_due, true) {
                    self.at(POSITIONS_EVERY, Event::Positions);
                }
            }
            routing::Effect::Reached(_)
            | routing::Effect::Refused { .. }
            | routing::Effect::NotAssigned { .. } => {}
        }
    }

    fn positions(&mut self) {
        self.positions_due = false;
        for queue in std::mem::take(&mut self.moved) {
            let places: Vec<CallId> = self.router.positions(&queue).cloned().collect();
            for (position, call) in (1..).zip(places) {
                let wait = self.router.expected_wait(&call, position as usize);
                self.tell(&call, Input::Position { position, wait });
            }
        }
    }

    fn agent_moved(&mut self, id: &AgentId) {
        let n = self.desk_of[id];
        let Some(agent) = self.router.agent(id) else { return };
        let (state, call) = (agent.state, agent.call.clone());
        if state == AgentState::Aux && self.desks[n].leaves {
            let (agent, reason) = (id.clone(), "end of shift".into());
            return self.route(routing::Input::Offline { agent, reason });
        }
        if state == AgentState::Missed && !self.desks[n].leaves {
            let back = self.plan.agents[self.desks[n].kind].back.draw(&mut self.rng);
            return self.at(back, Event::Begins(n));
        }
        let wraps_up = call.filter(|_| state == AgentState::WrapUp);
        if wraps_up.is_some() && self.desks[n].wraps_up != wraps_up {
            let wrap_up = &self.kind(self.desks[n].served).wrap_up;
            if let (Some(span), Some(call)) = (wrap_up, wraps_up.clone()) {
                let span = span.draw(&mut self.rng);
                self.at(span, Event::Wrapped(n, call));
            }
        }
        self.desks[n].wraps_up = wraps_up;
    }
}

fn node(queue: QueueId, config: &QueueConfig) -> QueueNode {
    QueueNode {
        queue,
        needs: Vec::new(),
        priority: 0,
        welcome: Vec::new(),
        music: Vec::new(),
        announce_every: 0,
        service_level: config.service_level_ms,
        short_abandon: config.short_abandon_ms,
        callback: None,
    }
}
