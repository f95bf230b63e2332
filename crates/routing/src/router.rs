use crate::{
    Agent, Effect, Input, QueueConfig,
    callers::{Caller, Wish},
    configuration::Tenant,
    direct::Direct,
    queue::Queue,
};
use std::collections::{BTreeSet, HashMap};
use types::*;

/// The state of one shard.
#[derive(Debug, Clone)]
pub struct Router {
    pub(crate) chance: Chance,
    pub(crate) tenants: HashMap<TenantId, Tenant>,
    pub(crate) queues: HashMap<QueueId, Queue>,
    pub(crate) agents: HashMap<AgentId, Agent>,
    pub(crate) callers: HashMap<CallId, Caller>,
    /// Agents reached in person, by session.
    pub(crate) direct: HashMap<CallId, Direct>,
    /// What is due when.
    pub(crate) due: BTreeSet<(Timestamp, Due)>,
    /// Only listens until then: see [`Router::listening`].
    pub(crate) listens: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Offer(CallId, ReservationId),
    WrapUp(AgentId),
    /// Forget that the agent declined the caller.
    Declined(CallId, AgentId),
    /// The caller's wait reached another step.
    Wait(CallId),
    /// The agent is back from another queue.
    Loan(AgentId, LoanId),
    /// Nobody has been signed in for long enough.
    Deserted(QueueId),
    /// Who talks with whom has been heard: matching begins.
    Heard,
}

/// The effects of one input, in the making.
pub(crate) struct Step {
    pub(crate) now: Timestamp,
    pub(crate) effects: Vec<Effect>,
}

impl Router {
    /// `seed` makes reservation ids unguessable and runs repeatable.
    pub fn new(seed: u128) -> Router {
        Router {
            chance: Chance { seed, made: 0 },
            tenants: HashMap::new(),
            queues: HashMap::new(),
            agents: HashMap::new(),
            callers: HashMap::new(),
            direct: HashMap::new(),
            due: BTreeSet::new(),
            listens: false,
        }
    }

    /// Reserves nobody until then: an ACD that was started anew hears first
    /// who talks with whom, lest an agent on a call is offered another.
    pub fn listening(mut self, until: Timestamp) -> Router {
        self.listens = true;
        self.due.insert((until, Due::Heard));
        self
    }

    pub fn listens(&self) -> bool {
        self.listens
    }

    /// What happened, and what to do about it.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        let mut step = Step { now, effects: Vec::new() };
        match input {
            Input::Queue { tenant, queue, config } => self.set_queue(&mut step, tenant, queue, config),
            Input::Agent { tenant, agent, profile } => self.set_agent(&mut step, tenant, agent, profile),
            Input::Lend { tenant, agent, loan } => self.lend(&mut step, &tenant, &agent, loan),
            Input::LoanEnded { agent, loan } => self.end_loan(&mut step, &agent, &loan),
            Input::Join { tenant, call, queue, since, priority, needs, preferred } => {
                self.join(&mut step, tenant, call, queue, Wish { since, priority, needs }, preferred);
            }
            Input::Reach(reach) => self.reach(&mut step, reach),
            Input::Assign(assign) => self.assign(&mut step, assign),
            Input::Answered { call, reservation, .. } if self.direct.contains_key(&call) => {
                self.direct_answered(&mut step, &call, &reservation);
            }
            Input::Release { call } if self.direct.contains_key(&call) => {
                self.direct_release(&mut step, &call);
            }
            Input::Answered { call, reservation, by } => self.answered(&mut step, &call, &reservation, by),
            Input::OfferEnded { call, reservation, outcome } => {
                self.offer_ended(&mut step, &call, &reservation, outcome);
            }
            Input::Release { call } => self.release(&mut step, &call),
            Input::Available { tenant, agent, line } => self.available(&mut step, &tenant, &agent, line),
            Input::Aux { tenant, agent, reason, line } => self.aux(&mut step, &tenant, &agent, reason, line),
            Input::FinishWrapUp { agent, call, disposition, note } => {
                self.finish_wrap_up(&mut step, &agent, &call, disposition, note);
            }
            Input::Offline { agent, reason } => self.offline(&mut step, &agent, reason),
            Input::Tick => self.tick(&mut step),
        }
        step.effects
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    pub fn agent(&self, agent: &AgentId) -> Option<&Agent> {
        self.agents.get(agent)
    }

    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values()
    }

    pub fn queue_config(&self, queue: &QueueId) -> Option<&QueueConfig> {
        self.queues.get(queue).map(|queue| &queue.config)
    }

    /// Who waits in the queue, in the order of service; the first is next.
    pub fn positions(&self, queue: &QueueId) -> impl Iterator<Item = &CallId> {
        self.queues.get(queue).into_iter().flat_map(|queue| queue.places.iter().map(|place| &place.call))
    }

    /// What 80 of 100 callers at this place of their queue will not wait longer
    /// than, by what the queue has seen; `None`: nobody serves it, or the caller
    /// needs more than all who do are known to have.
    pub fn expected_wait(&self, call: &CallId, position: usize) -> Option<Millis> {
        let caller = self.callers.get(call).filter(|caller| caller.needs_nothing_more())?;
        self.queues.get(&caller.queue)?.promise(position)
    }

    fn tick(&mut self, step: &mut Step) {
        while let Some((_, due)) = self.due.first().filter(|(at, _)| *at <= step.now).cloned() {
            self.due.pop_first();
            match due {
                Due::Offer(call, reservation) => {
                    self.offer_ended(step, &call, &reservation, OfferOutcome::NoAnswer);
                }
                Due::WrapUp(agent) => self.end_wrap_up(step, &agent, None, None, true),
                Due::Declined(call, agent) => self.forgive(step, &call, &agent),
                Due::Wait(call) => self.wait_goes_on(step, &call),
                Due::Loan(agent, loan) => self.end_loan(step, &agent, &loan),
                Due::Deserted(queue) => self.give_up_on(step, &queue),
                Due::Heard => self.begin(step),
            }
        }
    }
}

/// Random numbers of one run.
#[derive(Debug, Clone)]
pub(crate) struct Chance {
    seed: u128,
    made: u128,
}

impl Chance {
    pub(crate) fn draw(&mut self) -> u128 {
        self.made += 1;
        mix(self.seed ^ self.made)
    }
}

/// SplitMix64 on both halves: spreads a counter over 128 bits.
fn mix(value: u128) -> u128 {
    let half = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let (high, low) = ((value >> 64) as u64, value as u64);
    let low = half(low.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(high));
    (u128::from(half(high ^ low)) << 64) | u128::from(low)
}
