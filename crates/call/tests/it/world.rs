//! A call under test: it remembers its effects and facts.

use call::{
    Call, CallbackTerms, Collect, Effect, Entry, Input, Instruction, Next, Placement, QueueNode, Reserved,
};
use types::{fact::CallFact, *};

pub struct World {
    pub now: Timestamp,
    pub call: Call,
    /// Effects of the last input.
    pub last: Vec<Effect>,
    pub facts: Vec<CallFact>,
    ids: u128,
}

/// Early media of a caller who need not pay, at most.
pub const ANSWER_AFTER: Millis = 60_000;

pub fn queue() -> QueueId {
    QueueId::new(Timestamp::from_millis(1), 1)
}

impl World {
    pub fn new(auto_connect: bool) -> World {
        let now = Timestamp::from_millis(1_000_000);
        let entry = Entry {
            call: CallId::new(now, 1),
            caller_leg: LegId::new(now, 2),
            recording: Some(RecordingId::new(now, 3)),
            message: RecordingId::new(now, 8),
            from: "+40211234567".into(),
            caller_name: None,
            did: "+99912345678".parse().unwrap(),
            did_label: "Main".into(),
            trunk: TrunkId::new(now, 4),
            flow: FlowId::new(now, 5),
            auto_connect,
            answer_after: (!auto_connect).then_some(ANSWER_AFTER),
        };
        World::begun(now, Call::offered(now, entry))
    }

    /// An agent calls a number; the agent's leg.
    pub fn placed() -> (World, LegId) {
        let now = Timestamp::from_millis(1_000_000);
        let agent_leg = LegId::new(now, 6);
        let placement = Placement {
            call: CallId::new(now, 1),
            agent: AgentId::new(now, 7),
            agent_leg: agent_leg.clone(),
            other_leg: LegId::new(now, 2),
            recording: RecordingId::new(now, 3),
            to: Target::Number { number: "+36201234567".parse().unwrap() },
            from: "+40310000000".into(),
            callback: None,
        };
        (World::begun(now, Call::placed(now, placement)), agent_leg)
    }

    fn begun(now: Timestamp, (call, effects): (Call, Vec<Effect>)) -> World {
        let mut world = World { now, call, last: Vec::new(), facts: Vec::new(), ids: 100 };
        world.keep(effects);
        world
    }

    fn keep(&mut self, effects: Vec<Effect>) {
        self.facts.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Fact(fact) => Some(fact.clone()),
            _ => None,
        }));
        self.last = effects;
    }

    pub fn gets(&mut self, input: Input) -> &mut World {
        let effects = self.call.handle(self.now, input);
        self.keep(effects);
        self
    }

    pub fn passes(&mut self, span: Millis) -> &mut World {
        self.now = self.now + span;
        self
    }

    pub fn does(&self, wanted: impl Fn(&Effect) -> bool) -> bool {
        self.last.iter().any(wanted)
    }

    pub fn next(&self, instruction: Instruction) -> Input {
        let stage = match instruction {
            Instruction::Queue(_) => Stage::Queue,
            Instruction::Collect(_) => Stage::Menu,
            _ => Stage::Greeting,
        };
        let flow = self.call.entry().map_or_else(|| FlowId::new(self.now, 5), |entry| entry.flow.clone());
        let (node, label) = ("node".into(), "Node".into());
        Input::Ivr(Next { flow, version: 1, node, label, stage, category: None, callback: None, instruction })
    }

    pub fn menu(&self) -> Input {
        self.next(Instruction::Collect(Collect {
            prompts: vec!["menu".into()],
            keys_max: 1,
            terminators: String::new(),
            first_timeout: 5_000,
            next_timeout: 2_000,
        }))
    }

    pub fn queues(&self) -> Input {
        self.next(Instruction::Queue(QueueNode {
            queue: queue(),
            needs: Vec::new(),
            priority: 0,
            welcome: vec!["welcome".into()],
            music: vec!["music".into()],
            announce_every: 30_000,
            service_level: 20_000,
            short_abandon: 5_000,
            callback: Some(CallbackTerms {
                key: '2',
                attempts: 2,
                every: 60_000,
                country: Some("40".into()),
            }),
        }))
    }

    pub fn reserved(&mut self, attempt: u32) -> Reserved {
        self.ids += 4;
        Reserved {
            reservation: ReservationId::new(self.now, self.ids),
            agent: AgentId::new(self.now, self.ids + 1),
            line: "sip:ana".into(),
            leg: LegId::new(self.now, self.ids + 2),
            customer: LegId::new(self.now, self.ids + 3),
            attempt,
            alone: true,
            ring_for: 15_000,
        }
    }

    /// A caller who waits in the queue.
    pub fn waiting(auto_connect: bool) -> World {
        let mut world = World::new(auto_connect);
        let queues = world.queues();
        world.gets(Input::MediaReady).gets(queues);
        world
    }

    /// A caller who talks with an agent, whose leg is given too.
    pub fn talking() -> (World, LegId) {
        let mut world = World::waiting(true);
        let reserved = world.reserved(1);
        let leg = reserved.leg.clone();
        world
            .passes(2_000)
            .gets(Input::Reserved(reserved))
            .passes(1_000)
            .gets(Input::LineAnswered(leg.clone()));
        (world, leg)
    }
}
