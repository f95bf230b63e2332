//! A queue in which some wait on the line and some are called back: in virtual
//! time, with the production code of calls and routing.

use call::{Call, CallbackTerms, Effect, Entry, Input, Instruction, IvrInput, Next, QueueNode, Reserved};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use routing::{Profile, QueueConfig, Router, WrapUp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use types::{
    fact::{CallEvent, CallFact},
    *,
};

const KEY: char = '5';

/// What the hall is like.
#[derive(Debug, Clone)]
pub struct Hall {
    pub callers: usize,
    pub agents: usize,
    /// The calls arrive within this time, in milliseconds.
    pub span: Millis,
    /// Of 100 callers so many ask to be called back.
    pub asks: u32,
    /// Of 100 whose telephone rings so many answer.
    pub answers: u32,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// Talked with an agent on the line that they called on.
    pub stayed: usize,
    /// Talked with an agent who called back.
    pub called_back: usize,
    /// Could not be reached: a task for people.
    pub left_to_people: usize,
    /// From the customer's answer until the agent is there.
    pub gaps: Vec<Millis>,
}

#[expect(clippy::large_enum_variant, reason = "few wait at a time")]
enum Event {
    Arrives,
    Call(CallId, Input),
    Tick(CallId),
    RouterTick,
}

struct World {
    hall: Hall,
    now: Timestamp,
    rng: ChaCha8Rng,
    heap: BTreeMap<(Timestamp, u64), Event>,
    seq: u64,
    ids: u128,
    tenant: TenantId,
    queue: QueueId,
    router: Router,
    calls: HashMap<CallId, Call>,
    /// Who is in line, by the beginning of the wait, and whom an agent rings for.
    line: BTreeSet<(Timestamp, CallId)>,
    offered: BTreeSet<CallId>,
    facts: Vec<CallFact>,
    answered: HashMap<CallId, Timestamp>,
    served: Served,
}

/// Lives until everybody was served.
///
/// # Errors
/// Says who was served out of turn.
pub fn hall(seed: u64, hall: &Hall) -> Result<Served, String> {
    let at = Timestamp::from_millis(1_000_000_000);
    let mut world = World {
        hall: hall.clone(),
        now: at,
        rng: ChaCha8Rng::seed_from_u64(seed),
        heap: BTreeMap::new(),
        seq: 0,
        ids: 1_000,
        tenant: TenantId::new(at, 1),
        queue: QueueId::new(at, 2),
        router: Router::new(seed.into()),
        calls: HashMap::new(),
        line: BTreeSet::new(),
        offered: BTreeSet::new(),
        facts: Vec::new(),
        answered: HashMap::new(),
        served: Served::default(),
    };
    world.furnish()?;
    while let Some(((now, _), event)) = world.heap.pop_first() {
        world.now = now;
        world.take(event)?;
    }
    match world.calls.keys().next() {
        Some(call) => Err(format!("{call} never ended")),
        None => Ok(world.served),
    }
}

impl World {
    fn id(&mut self) -> u128 {
        self.ids += 1;
        self.ids
    }

    fn at(&mut self, after: Millis, event: Event) {
        self.seq += 1;
        self.heap.insert((self.now + after.max(0), self.seq), event);
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn furnish(&mut self) -> Result<(), String> {
        let (tenant, queue) = (self.tenant.clone(), self.queue.clone());
        let config = QueueConfig { wrap_up: WrapUp::None, waiting_max: 100_000, ..QueueConfig::default() };
        let config = Some(config);
        self.route(routing::Input::Queue { tenant: tenant.clone(), queue, config })?;
        for _ in 0..self.hall.agents {
            let agent = AgentId::new(self.now, self.id());
            let profile = Some(Profile::default());
            let saved = routing::Input::Agent { tenant: tenant.clone(), agent: agent.clone(), profile };
            self.route(saved)?;
            let line = format!("sip:{agent}");
            self.route(routing::Input::Available { tenant: tenant.clone(), agent, line })?;
        }
        for _ in 0..self.hall.callers {
            let after = self.rng.random_range(0..self.hall.span);
            self.at(after, Event::Arrives);
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Arrives => self.arrives(),
            Event::Call(call, input) => self.tell(&call, input),
            Event::Tick(call) => self.tell(&call, Input::Tick),
            Event::RouterTick => self.route(routing::Input::Tick),
        }
    }

    fn arrives(&mut self) -> Result<(), String> {
        let (now, id) = (self.now, self.id());
        let entry = Entry {
            call: CallId::new(now, id),
            caller_leg: LegId::new(now, id),
            recording: None,
            message: RecordingId::new(now, id),
            from: format!("+4021{id:07}"),
            caller_name: None,
            did: "+99900000000".parse().expect("a number"),
            did_label: String::new(),
            trunk: TrunkId::new(now, 1),
            flow: FlowId::new(now, 1),
            auto_connect: true,
            answer_after: None,
        };
        let (call, effects) = Call::offered(now, entry);
        let id = call.id().clone();
        self.calls.insert(id.clone(), call);
        if self.chance(self.hall.asks) {
            let after = self.rng.random_range(5_000..60_000);
            self.at(after, Event::Call(id.clone(), Input::Key(KEY)));
            self.at(after + 8_000, Event::Call(id.clone(), Input::Key('1')));
        }
        self.perform(&id, effects)
    }

    fn tell(&mut self, id: &CallId, input: Input) -> Result<(), String> {
        let Some(call) = self.calls.get_mut(id) else { return Ok(()) };
        if let Input::LineAnswered(leg) = &input
            && call.lead().is_some_and(|(lead, _)| lead != leg)
        {
            self.answered.insert(id.clone(), self.now);
        }
        let effects = call.handle(self.now, input);
        let due = call.deadline();
        if call.ended() {
            self.calls.remove(id);
        } else if let Some(at) = due {
            self.at(at.since(self.now), Event::Tick(id.clone()));
        }
        self.perform(id, effects)
    }

    fn perform(&mut self, id: &CallId, effects: Vec<Effect>) -> Result<(), String> {
        for effect in effects {
            self.does(id, effect)?;
        }
        Ok(())
    }

    fn does(&mut self, id: &CallId, effect: Effect) -> Result<(), String> {
        let soon = |input| Event::Call(id.clone(), input);
        match effect {
            Effect::Fact(fact) => self.fact(fact),
            Effect::OpenMedia => self.at(10, soon(Input::MediaReady)),
            Effect::AskIvr(IvrInput::Start) => {
                let next = soon(Input::Ivr(self.waits()));
                self.at(20, next);
            }
            Effect::Play { play, repeat: false, .. } => self.at(3_000, soon(Input::PlayEnded(play))),
            Effect::AskWords(_) => self.at(200, soon(Input::Announcement(vec!["words".into()]))),
            Effect::JoinQueue { queue, since, priority, needs } => {
                self.line.insert((since, id.clone()));
                let (tenant, call, preferred) = (self.tenant.clone(), id.clone(), None);
                return self.route(routing::Input::Join {
                    tenant,
                    call,
                    queue,
                    since,
                    priority,
                    needs,
                    preferred,
                });
            }
            Effect::ReleaseQueue(_) => {
                self.leaves(id);
                return self.route(routing::Input::Release { call: id.clone() });
            }
            Effect::Ring { leg, .. } => {
                let after = self.rng.random_range(1_000..5_000);
                self.at(after, soon(Input::LineAnswered(leg)));
            }
            Effect::TellAnswered(reservation) => {
                self.leaves(id);
                return self.route(routing::Input::Answered { call: id.clone(), reservation, by: None });
            }
            Effect::Invite { leg, .. } => {
                let answer = match self.chance(self.hall.answers) {
                    true => (self.rng.random_range(3_000..20_000), Input::LineAnswered(leg)),
                    false => (30_000, Input::LineRefused { leg, outcome: OfferOutcome::NoAnswer }),
                };
                self.at(answer.0, soon(answer.1));
            }
            _ => {}
        }
        Ok(())
    }

    fn leaves(&mut self, id: &CallId) {
        self.line.retain(|(_, call)| call != id);
        self.offered.remove(id);
    }

    fn fact(&mut self, fact: CallFact) {
        let id = fact.call.clone();
        match &fact.event {
            CallEvent::AgentConnected { .. } => {
                let talk = self.rng.random_range(20_000..240_000);
                let ends = match self.answered.get(&id) {
                    Some(answered) => {
                        self.served.called_back += 1;
                        self.served.gaps.push(self.now.since(*answered));
                        let customer = self.customer(&id);
                        Input::LineHungUp(customer)
                    }
                    None => {
                        self.served.stayed += 1;
                        Input::CallerHungUp
                    }
                };
                self.at(talk, Event::Call(id, ends));
            }
            CallEvent::Left { .. } => drop(self.answered.remove(&id)),
            CallEvent::Ended { cause: HangupCause::NotReached, .. } => self.served.left_to_people += 1,
            _ => {}
        }
        self.facts.push(fact);
    }

    /// The leg that was dialled last.
    fn customer(&self, id: &CallId) -> LegId {
        let dialled =
            self.facts.iter().rev().filter(|fact| fact.call == *id).find_map(|fact| match &fact.event {
                CallEvent::Invited { leg, .. } => Some(leg.clone()),
                _ => None,
            });
        dialled.expect("who answered was dialled")
    }

    fn waits(&self) -> Next {
        let callback = CallbackTerms { key: KEY, attempts: 2, every: 120_000, country: None };
        let node = QueueNode {
            queue: self.queue.clone(),
            needs: Vec::new(),
            priority: 0,
            welcome: Vec::new(),
            music: vec!["music".into()],
            announce_every: 0,
            service_level: 20_000,
            short_abandon: 0,
            callback: Some(callback),
        };
        Next {
            flow: FlowId::new(self.now, 1),
            version: 1,
            node: "queue".into(),
            label: "Queue".into(),
            stage: Stage::Queue,
            category: None,
            callback: None,
            instruction: Instruction::Queue(node),
        }
    }

    fn route(&mut self, input: routing::Input) -> Result<(), String> {
        for effect in self.router.handle(self.now, input) {
            match effect {
                routing::Effect::Offer(offer) => self.offer(offer)?,
                routing::Effect::Overflow { call, reason } => {
                    return Err(format!("{call} was not kept: {reason}"));
                }
                _ => {}
            }
        }
        if let Some(at) = self.router.deadline() {
            self.at(at.since(self.now), Event::RouterTick);
        }
        Ok(())
    }

    /// Whoever began to wait first is served first, on the line or without one.
    fn offer(&mut self, offer: routing::Offer) -> Result<(), String> {
        let first = self.line.iter().map(|(_, call)| call).find(|call| !self.offered.contains(*call));
        if first != Some(&offer.call) {
            return Err(format!("{} is offered, but {first:?} began to wait before", offer.call));
        }
        self.offered.insert(offer.call.clone());
        let (leg, customer) = (LegId::new(self.now, self.id()), LegId::new(self.now, self.id()));
        let routing::Offer { reservation, call, agent, line, attempt, alone, deadline, .. } = offer;
        let ring_for = deadline - self.now;
        let reserved = Reserved { reservation, agent, line, leg, customer, attempt, alone, ring_for };
        self.at(5, Event::Call(call, Input::Reserved(reserved)));
        Ok(())
    }
}
