//! The heap of events, and who they are for.

use crate::{
    Day, Fault, Summary,
    check::Check,
    desk::{Act, Desk, Told},
    network::{DELAY_MAX, Network, OUTAGE_MAX, Stream},
    telephony::Line,
};
use call::IvrInput;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use routing::{Levels, QueueConfig, Router, Strategy};
use stats::Book;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use types::{
    fact::{AgentFact, CallFact},
    *,
};

/// Events that a failure shows.
const SHOWN: usize = 60;
const MINUTE: Millis = 60_000;
/// Between two looks at the whole world.
const LOOK: Millis = 2_000;

const STRATEGIES: [Strategy; 8] = [
    Strategy::LongestIdle,
    Strategy::RoundRobin,
    Strategy::LeastCalls,
    Strategy::LeastTalk,
    Strategy::Linear,
    Strategy::Sequential,
    Strategy::Random,
    Strategy::RingAll,
];

#[derive(Debug, Clone)]
pub(crate) enum What {
    Invite(usize),
    CallerHangsUp(usize),
    Call(usize, call::Input),
    CallTick(usize),
    Ivr(usize, IvrInput),
    Acd(routing::Input),
    AcdTick,
    Desk(usize, Told),
    Person(usize, Act),
    /// The streams of edge and ACD break.
    Outage,
    /// They are whole again.
    Reattach,
    /// Somebody deletes a queue, or saves it again.
    Queue(usize, bool),
    /// Somebody changes what an agent can do.
    Skills(usize),
    /// Somebody deletes an agent, or hires the agent again.
    Agent(usize, bool),
    /// The ACD dies; another begins with nothing.
    AcdDies,
    EdgeDies,
    EdgeIsBack,
    GatewayDies,
    CallFact(CallFact),
    AgentFact(AgentFact),
    Positions,
    Look,
    Balance,
}

pub(crate) struct World {
    pub(crate) day: Day,
    pub(crate) now: Timestamp,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) network: Network,
    heap: BTreeMap<(Timestamp, u64), What>,
    seq: u64,
    pub(crate) ids: u128,
    pub(crate) router: Router,
    pub(crate) acd_tick: Option<Timestamp>,
    pub(crate) moved: HashSet<QueueId>,
    pub(crate) told: HashMap<CallId, u32>,
    pub(crate) tenants: Vec<TenantId>,
    /// Two of each tenant.
    pub(crate) queues: Vec<(QueueId, QueueConfig)>,
    queues_there: Vec<bool>,
    /// The edge is away until then.
    pub(crate) edge_back: Option<Timestamp>,
    pub(crate) dies_in_a_step: bool,
    /// When the step was that is done now, if not just now.
    pub(crate) step_at: Option<Timestamp>,
    /// When the ACD was started anew.
    pub(crate) acd_begins: Vec<Timestamp>,
    /// One of each tenant.
    pub(crate) flows: Vec<flow::Flow>,
    pub(crate) flow_id: FlowId,
    pub(crate) lines: Vec<Line>,
    pub(crate) line_of: HashMap<CallId, usize>,
    pub(crate) desks: Vec<Desk>,
    pub(crate) desk_of: HashMap<AgentId, usize>,
    pub(crate) book: Book,
    /// Everything told, for the recount.
    pub(crate) call_facts: Vec<CallFact>,
    pub(crate) agent_facts: Vec<AgentFact>,
    pub(crate) check: Check,
    /// Callers picked up, and those of them who rang at somebody else.
    pub(crate) picked: u64,
    pub(crate) raced: u64,
    occasions: u32,
    shown: VecDeque<(Timestamp, What)>,
    steps: u64,
}

pub(crate) fn begin() -> Timestamp {
    Timestamp::from_millis(1_000_000_000)
}

impl World {
    pub(crate) fn new(seed: u64, day: Day) -> World {
        let at = begin();
        let queues: Vec<[QueueId; 2]> =
            (0..day.tenants as u128).map(|t| [1, 2].map(|n| QueueId::new(at, 10 * t + n))).collect();
        let mut world = World {
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: at,
            network: Network::default(),
            heap: BTreeMap::new(),
            seq: 0,
            ids: 1_000,
            router: Router::new(seed.into()),
            acd_tick: None,
            moved: HashSet::new(),
            told: HashMap::new(),
            tenants: (0..day.tenants as u128).map(|n| TenantId::new(at, n + 1)).collect(),
            flows: queues.iter().map(crate::telephony::flow).collect(),
            queues_there: vec![true; 2 * day.tenants],
            edge_back: None,
            dies_in_a_step: false,
            step_at: None,
            acd_begins: Vec::new(),
            flow_id: FlowId::new(at, 1),
            queues: Vec::new(),
            lines: Vec::new(),
            line_of: HashMap::new(),
            desks: Vec::new(),
            desk_of: HashMap::new(),
            book: Book::new(),
            call_facts: Vec::new(),
            agent_facts: Vec::new(),
            check: Check::default(),
            picked: 0,
            raced: 0,
            occasions: 0,
            shown: VecDeque::new(),
            steps: 0,
            day,
        };
        world.network.spikes = [2, 10, 100][world.rng.random_range(0..3)];
        world.furnish(queues);
        world
    }

    fn furnish(&mut self, queues: Vec<[QueueId; 2]>) {
        let kinds = [("Sales", ("general", 1)), ("Support", ("gold", 5))].into_iter().cycle();
        for (id, (name, skill)) in queues.into_iter().flatten().zip(kinds) {
            let wrap_up_ms = [0, 500, 5_000, 20_000][self.rng.random_range(0..4)];
            let config = QueueConfig {
                name: name.into(),
                skills: vec![Skill { name: skill.0.into(), level: skill.1 }],
                ring_timeout_ms: self.rng.random_range(8..20) * 1_000,
                wrap_up_ms,
                service_level_ms: 20_000,
                short_abandon_ms: 5_000,
                waiting_max: self.rng.random_range(3..15),
                strategy: STRATEGIES[self.rng.random_range(0..STRATEGIES.len())],
                ring_all_max: self.rng.random_range(2..5),
                levels: [Levels::Enough, Levels::HighestFirst, Levels::LowestFirst]
                    [self.rng.random_range(0..3)],
                ..QueueConfig::default()
            };
            self.queues.push((id, config));
            self.tell_queue(self.queues.len() - 1);
        }
        for n in 0..self.day.agents {
            self.new_desk(n);
        }
        for n in 0..self.day.calls {
            let at = self.rng.random_range(0..self.day.span);
            self.at(at, What::Invite(n));
        }
        for _ in 0..self.day.span / (15 * MINUTE) {
            let at = self.rng.random_range(0..self.day.span);
            self.at(at, What::Outage);
        }
        // Not one upon the other: what an ACD never told, nobody can count.
        let share = self.day.span / i64::from(self.day.acd_deaths.max(1));
        for n in 0..i64::from(self.day.acd_deaths) {
            let at = n * share + self.rng.random_range(0..share - MINUTE);
            self.at(at, What::AcdDies);
        }
        for (deaths, what) in
            [(self.day.edge_deaths, What::EdgeDies), (self.day.gateway_deaths, What::GatewayDies)]
        {
            for _ in 0..deaths {
                let at = self.rng.random_range(0..self.day.span);
                self.at(at, what.clone());
            }
        }
        self.plan_changes();
        self.at(LOOK, What::Look);
        self.at(5 * MINUTE, What::Balance);
        self.at(250, What::Positions);
    }

    /// Schedules without a network between.
    pub(crate) fn at(&mut self, after: Millis, what: What) {
        self.seq += 1;
        self.heap.insert((self.now + after, self.seq), what);
    }

    pub(crate) fn send(&mut self, stream: Stream, what: What) {
        if let Some(at) = self.network.arrival(self.now, &mut self.rng, stream) {
            self.seq += 1;
            self.heap.insert((at, self.seq), what);
        }
    }

    /// What is on its way and will not arrive.
    pub(crate) fn forget(&mut self, lost: impl Fn(&What) -> bool) {
        self.heap.retain(|_, what| !lost(what));
    }

    /// Sends it once, or twice where the receiver must bear that.
    pub(crate) fn send_maybe_twice(&mut self, stream: Stream, what: What) {
        if self.chance(50) {
            self.send(stream, what.clone());
        }
        self.send(stream, what);
    }

    /// True in so many of a thousand cases.
    pub(crate) fn chance(&mut self, per_mille: u32) -> bool {
        self.rng.random_range(0..1000) < per_mille
    }

    pub(crate) fn id(&mut self) -> u128 {
        self.ids += 1;
        self.ids
    }

    /// Whether this is the occasion of the planted fault.
    pub(crate) fn faulty(&mut self, fault: Fault) -> bool {
        if self.day.fault != Some(fault) {
            return false;
        }
        self.occasions += 1;
        self.occasions >= 20
    }

    pub(crate) fn over(&self) -> bool {
        self.lines.len() == self.day.calls && self.lines.iter().all(|line| line.call.ended())
    }

    pub(crate) fn live(&mut self) {
        while let Some(((at, _), what)) = self.heap.pop_first() {
            self.now = at;
            self.steps += 1;
            if self.shown.len() == SHOWN {
                self.shown.pop_front();
            }
            if !matches!(
                what,
                What::Look | What::Positions | What::Balance | What::CallFact(_) | What::AgentFact(_)
            ) {
                self.shown.push_back((at, what.clone()));
            }
            self.take(what);
            if self.check.broken.is_some() {
                return;
            }
        }
        self.evening();
    }

    fn take(&mut self, what: What) {
        match what {
            What::Invite(n) => match self.edge_back {
                // Sent again by the carrier.
                Some(back) => self.at(back.since(self.now) + 1, What::Invite(n)),
                None => self.invite(n),
            },
            What::CallerHangsUp(n) => self.caller_hangs_up(n),
            What::Call(n, input) => self.call(n, input),
            What::CallTick(n) => self.call_tick(n),
            What::Ivr(n, input) => self.ivr(n, input),
            What::Acd(input) => self.acd(input),
            What::AcdTick => self.acd_due(),
            What::Desk(n, told) => self.desk_told(n, told),
            What::Person(n, act) => self.person(n, act),
            What::Outage => self.outage(),
            What::Queue(n, there) => self.save_queue(n, there),
            What::Skills(n) => self.save_skills(n),
            What::Agent(n, there) => self.save_agent(n, there),
            What::AcdDies => self.acd_dies(),
            What::EdgeDies => self.edge_dies(),
            What::EdgeIsBack => self.edge_is_back(),
            What::GatewayDies => self.gateway_dies(),
            What::Reattach => self.reattach(),
            What::CallFact(fact) => self.book.call(&fact),
            What::AgentFact(fact) => self.book.agent(&fact),
            What::Positions => self.positions(),
            What::Look => self.look_around(),
            What::Balance => {
                self.balance();
                if !self.over() {
                    self.at(5 * MINUTE, What::Balance);
                }
            }
        }
    }

    /// The configuration of some days changes while people talk.
    fn plan_changes(&mut self) {
        for n in 0..self.queues.len() {
            let at = self.rng.random_range(0..2 * self.day.span);
            let gone = self.rng.random_range(100..60_000);
            self.at(at, What::Queue(n, false));
            self.at(at + gone, What::Queue(n, true));
        }
        for _ in 0..self.rng.random_range(0..6) {
            let (at, n) =
                (self.rng.random_range(0..self.day.span), self.rng.random_range(0..self.day.agents));
            self.at(at, What::Skills(n));
        }
        // Nobody tells of an agent who was deleted before the ACD died.
        let leavers = if self.day.acd_deaths > 0 { 0 } else { self.rng.random_range(0..3) };
        for _ in 0..leavers {
            let (at, n) =
                (self.rng.random_range(0..self.day.span), self.rng.random_range(0..self.day.agents));
            let gone = self.rng.random_range(100..300_000);
            self.at(at, What::Agent(n, false));
            self.at(at + gone, What::Agent(n, true));
        }
    }

    fn save_queue(&mut self, n: usize, there: bool) {
        self.queues_there[n] = there;
        self.tell_queue(n);
    }

    /// Tells the ACD what is saved of a queue.
    fn tell_queue(&mut self, n: usize) {
        let (queue, config) = self.queues[n].clone();
        let (tenant, config) = (self.tenants[n / 2].clone(), Some(config).filter(|_| self.queues_there[n]));
        self.acd(routing::Input::Queue { tenant, queue, config });
    }

    /// Everything that the ACD knew is gone; what is saved it reads again, who
    /// waits or talks it hears from the edge, who is there from the desks.
    fn acd_dies(&mut self) {
        let seed = self.id();
        let listens = DELAY_MAX + OUTAGE_MAX + 1_000;
        self.router = Router::new(seed).listening(self.now + listens);
        (self.acd_tick, self.told) = (None, HashMap::new());
        self.moved.clear();
        self.check.order = Default::default();
        self.acd_begins.push(self.now);
        for n in 0..self.queues.len() {
            self.tell_queue(n);
        }
        for n in 0..self.desks.len() {
            self.tell_agent(n);
        }
        self.outage();
    }

    fn look_around(&mut self) {
        self.look();
        if !self.heap.values().all(|what| matches!(what, What::Look | What::Positions | What::Balance)) {
            self.at(LOOK, What::Look);
        }
    }

    fn outage(&mut self) {
        let lasts = self.rng.random_range(100..OUTAGE_MAX);
        self.network.broken_until = self.now + lasts;
        self.at(lasts, What::Reattach);
    }

    pub(crate) fn summary(&self) -> Summary {
        let (picked, raced) = (self.picked, self.raced);
        let lasted = self.now - begin();
        let mut sum = Summary { steps: self.steps, lasted, picked, raced, ..Summary::default() };
        for line in &self.lines {
            sum.calls += 1;
            sum.late += u64::from(line.call.ignored());
            sum.offers += line.truth.offers.len() as u64;
            let lost = line.truth.offers.iter().filter(|o| o.outcome != Some(OfferOutcome::Answered));
            sum.offers_lost += lost.count() as u64;
            match (&line.truth.answered, line.truth.by) {
                (Some(_), _) => sum.answered += 1,
                (None, Some(Party::Caller)) => sum.abandoned += 1,
                _ => sum.overflowed += 1,
            }
        }
        sum
    }

    pub(crate) fn last_events(&self) -> Vec<String> {
        self.shown.iter().map(|(at, what)| format!("{} {what:?}", at.millis())).collect()
    }
}
