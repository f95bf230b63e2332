//! A queue as it is saved.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use types::{AgentId, Millis, Skill};

/// Skills that one queue may ask for: their levels are compared as one number.
pub(crate) const SKILLS_MAX: usize = 8;
const RELAX_MAX: usize = 8;
const SEATS_MAX: usize = 10_000;
/// Agents who may ring for one caller at once.
const RING_MAX: usize = 20;
const HOUR: Millis = 3_600_000;

/// A queue as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueConfig {
    pub name: String,
    /// What an agent must be able to do, with the lowest level that suffices.
    #[serde(default)]
    pub skills: Vec<Skill>,
    /// Who of the free agents is asked first.
    #[serde(default)]
    pub strategy: Strategy,
    /// What a level beyond the lowest that suffices is good for.
    #[serde(default)]
    pub levels: Levels,
    /// Agents with a place or a penalty of their own, in the order of the
    /// strategies `linear` and `sequential`; others come after them.
    #[serde(default)]
    pub agents: Vec<Seat>,
    /// Nobody but the listed agents serves the queue.
    #[serde(default)]
    pub only_listed: bool,
    /// Agents with a higher penalty are not asked at first.
    #[serde(default)]
    pub penalty_max: Option<u8>,
    /// Who else is asked when a caller waits long.
    #[serde(default)]
    pub relax: Vec<Relax>,
    /// Of two queues that share an agent the heavier is served first.
    #[serde(default)]
    pub weight: u8,
    /// Who waits longer than this comes before every priority; 0: never.
    #[serde(default)]
    pub starvation_guard_ms: Millis,
    /// Nobody is asked by itself: callers wait until a supervisor gives them to
    /// somebody, or an agent picks them up.
    #[serde(default)]
    pub manual: bool,
    /// Agents who ring at once for one caller by the strategy `ring_all`.
    #[serde(default = "ten")]
    pub ring_all_max: usize,
    /// How long an offer rings.
    #[serde(default = "fifteen_seconds")]
    pub ring_timeout_ms: Millis,
    /// Offers missed in a row after which an agent is paused; 0: never.
    #[serde(default = "one")]
    pub pause_after_missed: u8,
    /// How wrap-up ends.
    #[serde(default)]
    pub wrap_up: WrapUp,
    /// How long an agent may write after a call; 0: no wrap-up.
    #[serde(default = "half_a_minute")]
    pub wrap_up_ms: Millis,
    /// Answered within this wait counts as in time.
    #[serde(default = "twenty_seconds")]
    pub service_level_ms: Millis,
    /// Abandoned sooner counts as a short abandon, shown apart.
    #[serde(default = "five_seconds")]
    pub short_abandon_ms: Millis,
    /// Callers who may wait at once; the next one overflows.
    #[serde(default = "a_thousand")]
    pub waiting_max: usize,
    /// Who waits so long without a ringing offer overflows; 0: never.
    #[serde(default)]
    pub wait_max_ms: Millis,
    /// Callers overflow when no agent of the queue has been signed in for so
    /// long; absent: they wait all the same.
    #[serde(default)]
    pub no_agents_after_ms: Option<Millis>,
    /// The emergency switch: everybody who waits or comes overflows.
    #[serde(default)]
    pub emergency: bool,
    /// What agents say, on their desk during the call. `{name}` stands for the
    /// caller's name, `{agent}` for the agent's, `{company}` for the company's.
    #[serde(default)]
    pub script: String,
    /// The key by which waiting callers ask to be called back; they keep their
    /// place. Absent: there is none.
    #[serde(default)]
    pub callback_key: Option<char>,
    /// Attempts to reach such a caller; then it is a task for people.
    #[serde(default = "three")]
    pub callback_attempts: u32,
    /// Between two attempts.
    #[serde(default = "ten_minutes")]
    pub callback_every_ms: Millis,
}

/// Characters of a script.
const SCRIPT_MAX: usize = 4_000;

/// Who of several free agents gets the caller. `docs/routing.md` compares the
/// names with those of other systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Who has been idle longest.
    #[default]
    LongestIdle,
    /// Whose last offer from this queue is longest ago.
    RoundRobin,
    /// Who answered fewest calls of this queue.
    LeastCalls,
    /// Who talked least with callers of this queue.
    LeastTalk,
    /// The first of the list, always from its beginning.
    Linear,
    /// The first of the list whom this caller has not yet rung.
    Sequential,
    /// By chance, in proportion to the seats' weights.
    Random,
    /// Everybody at once; the first to answer has the caller.
    RingAll,
}

/// What the level of a skill decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Levels {
    /// A requirement: a level that suffices is as good as a higher one.
    #[default]
    Enough,
    /// The best first, by the queue's first skill, then its second …
    HighestFirst,
    /// The least that suffices first: experts are kept for those who need them.
    LowestFirst,
}

/// An agent's own terms with a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    pub agent: AgentId,
    /// A lower penalty is asked first, whatever the strategy.
    #[serde(default)]
    pub penalty: u8,
    /// Share by the strategy `random`.
    #[serde(default = "one")]
    pub weight: u8,
}

/// From `after_ms` of waiting on, more agents are asked. Steps only widen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relax {
    pub after_ms: Millis,
    /// Levels below the wanted ones that suffice now; every skill is still
    /// needed at level 1.
    #[serde(default)]
    pub levels_down: u8,
    /// The highest penalty that is asked now; absent: any.
    #[serde(default)]
    pub penalty_max: Option<u8>,
}

/// How wrap-up ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrapUp {
    /// When the agent is done, at the latest after `wrap_up_ms`.
    #[default]
    Timed,
    /// When the agent is done, however long that takes.
    UntilDone,
    /// After `wrap_up_ms`, not sooner.
    Fixed,
    /// There is none.
    None,
}

/// What is wrong with a queue, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{place}: {message}")]
pub struct Problem {
    pub place: String,
    pub message: String,
}

impl Default for QueueConfig {
    fn default() -> QueueConfig {
        QueueConfig {
            name: String::new(),
            skills: Vec::new(),
            strategy: Strategy::default(),
            levels: Levels::default(),
            agents: Vec::new(),
            only_listed: false,
            penalty_max: None,
            relax: Vec::new(),
            weight: 0,
            starvation_guard_ms: 0,
            manual: false,
            ring_all_max: ten(),
            ring_timeout_ms: fifteen_seconds(),
            pause_after_missed: one(),
            wrap_up: WrapUp::default(),
            wrap_up_ms: half_a_minute(),
            service_level_ms: twenty_seconds(),
            short_abandon_ms: five_seconds(),
            waiting_max: a_thousand(),
            wait_max_ms: 0,
            no_agents_after_ms: None,
            emergency: false,
            script: String::new(),
            callback_key: None,
            callback_attempts: three(),
            callback_every_ms: ten_minutes(),
        }
    }
}

impl QueueConfig {
    /// Finds every problem of the document itself.
    pub fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut report = |wrong: bool, place: &str, message: &str| {
            if wrong {
                problems.push(Problem { place: place.into(), message: message.into() });
            }
        };
        report(self.name.trim().is_empty(), "name", "is empty");
        let levels = self.skills.iter().all(|skill| (1..=10).contains(&skill.level));
        report(!levels, "skills", "have a level that is not between 1 and 10");
        let names: BTreeSet<_> = self.skills.iter().map(|skill| &skill.name).collect();
        report(names.len() < self.skills.len(), "skills", "name one skill twice");
        report(self.skills.len() > SKILLS_MAX, "skills", "are more than 8");
        let ring = (3_000..=120_000).contains(&self.ring_timeout_ms);
        report(!ring, "ring_timeout_ms", "is not between 3000 and 120000");
        report(!(0..=HOUR).contains(&self.wrap_up_ms), "wrap_up_ms", "is not between 0 and 3600000");
        report(self.service_level_ms <= 0, "service_level_ms", "is not above 0");
        report(self.short_abandon_ms < 0, "short_abandon_ms", "is below 0");
        report(!(1..=100_000).contains(&self.waiting_max), "waiting_max", "is not between 1 and 100000");
        let ring_all = (2..=RING_MAX).contains(&self.ring_all_max);
        report(!ring_all, "ring_all_max", "is not between 2 and 20");
        let guard = (0..=24 * HOUR).contains(&self.starvation_guard_ms);
        report(!guard, "starvation_guard_ms", "is not between 0 and 86400000");
        let wait = (0..=24 * HOUR).contains(&self.wait_max_ms);
        report(!wait, "wait_max_ms", "is not between 0 and 86400000");
        let empty = self.no_agents_after_ms.is_none_or(|after| (0..=24 * HOUR).contains(&after));
        report(!empty, "no_agents_after_ms", "is not between 0 and 86400000");
        report(self.script.chars().count() > SCRIPT_MAX, "script", "is longer than 4000 characters");
        let key = self.callback_key.is_none_or(|key| key.is_ascii_digit() || "*#".contains(key));
        report(!key, "callback_key", "is not one of 0 to 9, * and #");
        let attempts = (1..=10).contains(&self.callback_attempts);
        report(!attempts, "callback_attempts", "is not between 1 and 10");
        let every = (5_000..=4 * HOUR).contains(&self.callback_every_ms);
        report(!every, "callback_every_ms", "is not between 5000 and 14400000");
        self.check_seats(&mut report);
        self.check_relax(&mut report);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn check_seats(&self, report: &mut impl FnMut(bool, &str, &str)) {
        let seated: BTreeSet<_> = self.agents.iter().map(|seat| &seat.agent).collect();
        report(seated.len() < self.agents.len(), "agents", "name one agent twice");
        report(self.agents.len() > SEATS_MAX, "agents", "are more than 10000");
        let weights = self.agents.iter().all(|seat| seat.weight > 0);
        report(!weights, "agents", "have a weight of 0");
        report(self.only_listed && self.agents.is_empty(), "agents", "are none, and only they may serve");
    }

    fn check_relax(&self, report: &mut impl FnMut(bool, &str, &str)) {
        report(self.relax.len() > RELAX_MAX, "relax", "has more than 8 steps");
        let after = |relax: &Relax| (1_000..=HOUR).contains(&relax.after_ms);
        report(
            !self.relax.iter().all(after),
            "relax",
            "has an after_ms that is not between 1000 and 3600000",
        );
        let first = Relax { after_ms: 0, levels_down: 0, penalty_max: self.penalty_max };
        let steps: Vec<&Relax> = std::iter::once(&first).chain(&self.relax).collect();
        let highest = |relax: &Relax| relax.penalty_max.unwrap_or(u8::MAX);
        let widens = |pair: &[&Relax]| {
            pair[0].after_ms < pair[1].after_ms
                && pair[0].levels_down <= pair[1].levels_down
                && highest(pair[0]) <= highest(pair[1])
        };
        report(!steps.windows(2).all(widens), "relax", "has a step that comes no later or asks fewer agents");
    }

    /// The step of waiting from which on an agent with this seat is asked; `None`: never.
    pub fn step_for(&self, seat: Option<&Seat>, skills: &[Skill]) -> Option<usize> {
        if self.only_listed && seat.is_none() {
            return None;
        }
        let penalty = seat.map_or(0, |seat| seat.penalty);
        let asked = |(down, highest): (u8, Option<u8>)| {
            highest.is_none_or(|highest| penalty <= highest) && suffices(&eased(&self.skills, down), skills)
        };
        let steps = self.relax.iter().map(|relax| (relax.levels_down, relax.penalty_max));
        std::iter::once((0, self.penalty_max)).chain(steps).position(asked)
    }

    /// How many steps of `relax` a caller has reached after this wait.
    pub fn step_after(&self, wait: Millis) -> usize {
        self.relax.iter().take_while(|relax| relax.after_ms <= wait).count()
    }

    /// What is asked of agents at this step.
    pub fn needs(&self, step: usize) -> Vec<Skill> {
        self.eased(&self.skills, step)
    }

    /// What of these is still asked at this step.
    pub(crate) fn eased(&self, wanted: &[Skill], step: usize) -> Vec<Skill> {
        let down = step.checked_sub(1).and_then(|i| self.relax.get(i)).map_or(0, |relax| relax.levels_down);
        eased(wanted, down)
    }
}

fn eased(wanted: &[Skill], down: u8) -> Vec<Skill> {
    let eased = |s: &Skill| Skill { name: s.name.clone(), level: s.level.saturating_sub(down).max(1) };
    wanted.iter().map(eased).collect()
}

/// Whether somebody with these skills has all that are wanted.
pub(crate) fn suffices(wanted: &[Skill], skills: &[Skill]) -> bool {
    wanted
        .iter()
        .all(|wanted| skills.iter().any(|skill| skill.name == wanted.name && skill.level >= wanted.level))
}

fn one() -> u8 {
    1
}

fn ten() -> usize {
    10
}

fn three() -> u32 {
    3
}

fn ten_minutes() -> Millis {
    600_000
}

fn fifteen_seconds() -> Millis {
    15_000
}

fn half_a_minute() -> Millis {
    30_000
}

fn twenty_seconds() -> Millis {
    20_000
}

fn five_seconds() -> Millis {
    5_000
}

fn a_thousand() -> usize {
    1_000
}
