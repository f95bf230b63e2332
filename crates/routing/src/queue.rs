//! A queue at work: who waits, who is free, and how free agents compare.

use crate::{
    Agent, QueueConfig, Seat,
    expected::Expectation,
    settings::{Levels, SKILLS_MAX, Strategy},
};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};
use types::{AgentId, AgentState, CallId, Millis, Skill, TenantId, Timestamp};

/// One random unit of time of the strategy `random`.
const CHANCE_UNIT: f64 = 1_000_000.0;

/// Order of service: who has waited too long, then higher priority, then who
/// waits longest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) starving: Reverse<bool>,
    /// Negated, so that the highest comes first.
    pub(crate) priority: Reverse<i32>,
    pub(crate) since: Timestamp,
    pub(crate) call: CallId,
}

impl Place {
    pub(crate) fn new(call: CallId, since: Timestamp, priority: i32, starving: bool) -> Place {
        // Among those who have waited too long only the wait counts.
        let priority = if starving { 0 } else { priority };
        Place { starving: Reverse(starving), priority: Reverse(priority), since, call }
    }
}

/// How a free agent compares: the lowest is asked first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) penalty: u8,
    pub(crate) levels: u64,
    pub(crate) score: u64,
    pub(crate) idle_since: Timestamp,
    pub(crate) agent: AgentId,
}

/// Agents among whom the strategy alone decides.
type Class = (u8, u64);

impl Rank {
    pub(crate) fn class(&self) -> Class {
        (self.penalty, self.levels)
    }
}

/// An agent who suits the queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Member {
    /// Asked from this step of a caller's wait on.
    pub(crate) step: usize,
    penalty: u8,
    weight: u8,
    /// Place in the list.
    order: u64,
    /// Levels in the queue's skills, a byte each, the first skill highest.
    levels: u64,
    calls: u64,
    talk: u64,
    last_offer: u64,
    /// Signed in, in whatever state.
    present: bool,
    /// Takes callers, now or after the present one.
    works: bool,
    /// While free.
    rank: Option<Rank>,
}

impl Member {
    fn class(&self, levels: Levels) -> Class {
        let levels = match levels {
            Levels::Enough => 0,
            Levels::HighestFirst => !self.levels,
            Levels::LowestFirst => self.levels,
        };
        (self.penalty, levels)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) tenant: TenantId,
    pub(crate) config: QueueConfig,
    /// Everybody in the queue, those whose offer rings included.
    pub(crate) places: BTreeSet<Place>,
    /// Those for whom an agent is sought, by the step of their wait.
    pub(crate) seeking: Vec<BTreeSet<Place>>,
    /// Members who are free, by the step from which on they are asked.
    idle: Vec<BTreeSet<Rank>>,
    members: HashMap<AgentId, Member>,
    seats: HashMap<AgentId, (u64, Seat)>,
    offers: u64,
    /// Members who are signed in.
    present: usize,
    /// Members who take callers, now or after the present one.
    working: usize,
    pub(crate) expected: Expectation,
    /// Since when nobody is.
    pub(crate) deserted: Option<Timestamp>,
    /// The score of the last who was chosen, by class: newcomers begin there.
    clocks: HashMap<Class, u64>,
}

impl Queue {
    pub(crate) fn new(tenant: TenantId, config: QueueConfig) -> Queue {
        let mut queue = Queue {
            tenant,
            config: QueueConfig::default(),
            places: BTreeSet::new(),
            seeking: Vec::new(),
            idle: Vec::new(),
            members: HashMap::new(),
            seats: HashMap::new(),
            offers: 0,
            present: 0,
            working: 0,
            expected: Expectation::default(),
            deserted: None,
            clocks: HashMap::new(),
        };
        queue.set(config);
        queue
    }

    /// Takes new settings. Members and callers are for the caller of this
    /// function to place anew: the steps may be others.
    pub(crate) fn set(&mut self, config: QueueConfig) {
        self.idle = vec![BTreeSet::new(); config.relax.len() + 1];
        self.seeking = vec![BTreeSet::new(); config.relax.len() + 1];
        self.members.values_mut().for_each(|member| member.rank = None);
        let seats = (0..).zip(&config.agents);
        self.seats = seats.map(|(i, seat)| (seat.agent.clone(), (i, seat.clone()))).collect();
        self.clocks.clear();
        self.config = config;
    }

    // ── members ─────────────────────────────────────────────────────────────

    /// Makes the agent a member if the skills suit, or by a loan (`lent`: to this
    /// queue or to another); else no member; says which.
    pub(crate) fn enrol(&mut self, agent: &Agent, lent: Option<bool>, draw: u128) -> bool {
        self.leaves_idle(&agent.id);
        let seat = self.seats.get(&agent.id);
        let step = match lent {
            Some(here) => here.then_some(0),
            None => self.config.step_for(seat.map(|(_, seat)| seat), &agent.skills),
        };
        let Some(step) = step.filter(|_| agent.tenant == self.tenant && !agent.deleted) else {
            let gone = self.members.remove(&agent.id);
            self.present -= usize::from(gone.as_ref().is_some_and(|member| member.present));
            self.working -= usize::from(gone.is_some_and(|member| member.works));
            return false;
        };
        let levels = levels(&self.config, &agent.skills);
        let (order, penalty, weight) =
            seat.map_or((u64::MAX, 0, 1), |(order, seat)| (*order, seat.penalty, seat.weight));
        let member = self.members.entry(agent.id.clone()).or_default();
        (member.step, member.levels, member.order) = (step, levels, order);
        (member.penalty, member.weight) = (penalty, weight);
        self.presence(&agent.id, agent.state);
        if agent.is_free() {
            self.enters_idle(&agent.id, agent.idle_since, draw);
        }
        true
    }

    /// The member's state is this one now.
    pub(crate) fn presence(&mut self, id: &AgentId, state: AgentState) {
        let Some(member) = self.members.get_mut(id) else { return };
        let here = state != AgentState::Offline;
        let works = here && !matches!(state, AgentState::Aux | AgentState::Missed);
        let (was_here, worked) = (member.present, member.works);
        (member.present, member.works) = (here, works);
        self.present = self.present + usize::from(here) - usize::from(was_here);
        self.working = self.working + usize::from(works) - usize::from(worked);
    }

    /// What most callers at this place will not wait longer than.
    pub(crate) fn promise(&self, position: usize) -> Option<Millis> {
        self.expected.promise(position, self.working)
    }

    pub(crate) fn is_deserted(&self) -> bool {
        self.present == 0
    }

    /// Nobody has been signed in for as long as callers are to bear.
    pub(crate) fn given_up(&self, now: Timestamp) -> bool {
        let after = self.config.no_agents_after_ms;
        self.is_deserted() && self.deserted.zip(after).is_some_and(|(since, after)| since + after <= now)
    }

    pub(crate) fn has_member(&self, agent: &AgentId) -> bool {
        self.members.contains_key(agent)
    }

    pub(crate) fn member_ids(&self) -> impl Iterator<Item = &AgentId> {
        self.members.keys()
    }

    /// The agent is free from now on. `draw` is random.
    pub(crate) fn enters_idle(&mut self, id: &AgentId, since: Timestamp, draw: u128) {
        let Some(member) = self.members.get_mut(id) else { return };
        let class = member.class(self.config.levels);
        let clock = self.clocks.get(&class).copied().unwrap_or_default();
        let score = match self.config.strategy {
            Strategy::LongestIdle | Strategy::RingAll => 0,
            Strategy::RoundRobin => member.last_offer,
            Strategy::LeastCalls => member.calls,
            Strategy::LeastTalk => member.talk,
            Strategy::Linear | Strategy::Sequential => member.order,
            Strategy::Random => clock + chance(draw, member.weight),
        };
        let rank = Rank { penalty: class.0, levels: class.1, score, idle_since: since, agent: id.clone() };
        self.idle[member.step].insert(rank.clone());
        member.rank = Some(rank);
    }

    pub(crate) fn leaves_idle(&mut self, id: &AgentId) {
        let Some(member) = self.members.get_mut(id) else { return };
        if let Some(rank) = member.rank.take() {
            self.idle[member.step].remove(&rank);
        }
    }

    /// Who signs in begins with the counts of the last who was chosen: nobody
    /// pays for having been away with every call until they are level.
    pub(crate) fn signs_in(&mut self, id: &AgentId) {
        let Some(member) = self.members.get_mut(id) else { return };
        let class = member.class(self.config.levels);
        let clock = self.clocks.get(&class).copied().unwrap_or_default();
        match self.config.strategy {
            Strategy::LeastCalls => member.calls = member.calls.max(clock),
            Strategy::LeastTalk => member.talk = member.talk.max(clock),
            _ => {}
        }
    }

    pub(crate) fn answered(&mut self, id: &AgentId) {
        if let Some(member) = self.members.get_mut(id) {
            member.calls += 1;
        }
    }

    pub(crate) fn talked(&mut self, id: &AgentId, talk: Millis) {
        if let Some(member) = self.members.get_mut(id) {
            member.talk += talk.max(0) as u64;
        }
    }

    pub(crate) fn seeks_no_more(&mut self, place: &Place) {
        for seeking in &mut self.seeking {
            seeking.remove(place);
        }
    }

    // ── choosing ────────────────────────────────────────────────────────────

    /// The best free agents for a caller at this step, at most `most`, the
    /// best first.
    pub(crate) fn best(&self, step: usize, most: usize, fits: impl Fn(&AgentId) -> bool) -> Vec<&Rank> {
        let steps = self.idle.iter().take(step + 1);
        let mut best: Vec<&Rank> =
            steps.flat_map(|idle| idle.iter().filter(|rank| fits(&rank.agent)).take(most)).collect();
        best.sort_unstable();
        best.truncate(most);
        best
    }

    /// How many are free for a caller at this step.
    pub(crate) fn free(&self, step: usize) -> usize {
        self.idle.iter().take(step + 1).map(BTreeSet::len).sum()
    }

    pub(crate) fn rank(&self, agent: &AgentId) -> Option<&Rank> {
        self.members.get(agent)?.rank.as_ref()
    }

    /// The first caller in the order of service whom the agent may be offered.
    pub(crate) fn first_for(&self, agent: &AgentId, fits: impl Fn(&CallId) -> bool) -> Option<&Place> {
        let step = self.members.get(agent)?.step;
        self.seeking.iter().skip(step).filter_map(|seeking| seeking.iter().find(|p| fits(&p.call))).min()
    }

    /// The agent was chosen.
    pub(crate) fn chosen(&mut self, agent: &AgentId, step: usize, mut draw: impl FnMut() -> u128) {
        self.offers += 1;
        let Some(member) = self.members.get_mut(agent) else { return };
        member.last_offer = self.offers;
        let Some(rank) = member.rank.clone() else { return };
        let clock = self.clocks.entry(rank.class()).or_default();
        *clock = rank.score.max(*clock);
        if self.config.strategy == Strategy::Random {
            // Chance has no memory: who was passed over draws again.
            let passed = self.idle.iter().take(step + 1).flat_map(|idle| idle.range(..&rank));
            let passed: Vec<Rank> = passed.filter(|r| r.class() == rank.class()).cloned().collect();
            for Rank { agent, idle_since, .. } in passed {
                self.leaves_idle(&agent);
                self.enters_idle(&agent, idle_since, draw());
            }
        }
    }

    /// The agent's levels in the skills that the queue asks for.
    pub(crate) fn levels_of(&self, agent: &AgentId) -> Vec<Skill> {
        let levels = self.members.get(agent).map_or(0, |member| member.levels).to_be_bytes();
        let skills = self.config.skills.iter().zip(levels);
        skills.map(|(skill, level)| Skill { name: skill.name.clone(), level }).collect()
    }
}

/// Levels in the queue's skills, the first in the highest byte.
fn levels(config: &QueueConfig, skills: &[Skill]) -> u64 {
    let mut bytes = [0; SKILLS_MAX];
    for (byte, wanted) in bytes.iter_mut().zip(&config.skills) {
        *byte = skills.iter().find(|skill| skill.name == wanted.name).map_or(0, |skill| skill.level);
    }
    u64::from_be_bytes(bytes)
}

/// How long an alarm that is set by chance, `weight` times as often as
/// others, takes to go off: exponential, so that it does not matter since when
/// it is set, and the first of several goes off in proportion to the weights.
fn chance(draw: u128, weight: u8) -> u64 {
    let even = ((draw as u64 >> 11) + 1) as f64 / (1u64 << 53) as f64;
    (-even.ln() / f64::from(weight.max(1)) * CHANCE_UNIT) as u64
}
