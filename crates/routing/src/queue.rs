use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use types::{AgentId, CallId, Millis, Skill, Timestamp};

/// A queue as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueConfig {
    pub name: String,
    /// What an agent must be able to do, with the lowest level that suffices.
    #[serde(default)]
    pub skills: Vec<Skill>,
    /// How long an offer rings.
    #[serde(default = "fifteen_seconds")]
    pub ring_timeout_ms: Millis,
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
}

/// What is wrong with a queue, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{place}: {message}")]
pub struct Problem {
    pub place: String,
    pub message: String,
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
        let ring = (3_000..=120_000).contains(&self.ring_timeout_ms);
        report(!ring, "ring_timeout_ms", "is not between 3000 and 120000");
        let wrap_up = (0..=3_600_000).contains(&self.wrap_up_ms);
        report(!wrap_up, "wrap_up_ms", "is not between 0 and 3600000");
        report(self.service_level_ms <= 0, "service_level_ms", "is not above 0");
        report(self.short_abandon_ms < 0, "short_abandon_ms", "is below 0");
        report(!(1..=100_000).contains(&self.waiting_max), "waiting_max", "is not between 1 and 100000");
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    pub(crate) fn suits(&self, skills: &[Skill]) -> bool {
        let has = |wanted: &Skill| skills.iter().any(|s| s.name == wanted.name && s.level >= wanted.level);
        self.skills.iter().all(has)
    }
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

/// Order of service: higher priority first, then who waits longest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Negated, so that the highest comes first.
    pub(crate) priority: std::cmp::Reverse<i32>,
    pub(crate) since: Timestamp,
    pub(crate) call: CallId,
}

/// A queue at work.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) config: QueueConfig,
    /// Everybody in the queue, those whose offer rings included.
    pub(crate) places: BTreeSet<Place>,
    /// Those for whom an agent is sought.
    pub(crate) seeking: BTreeSet<Place>,
    /// Members who are free, by how long.
    pub(crate) idle: BTreeSet<(Timestamp, AgentId)>,
}

impl Queue {
    pub(crate) fn new(config: QueueConfig) -> Queue {
        Queue { config, places: BTreeSet::new(), seeking: BTreeSet::new(), idle: BTreeSet::new() }
    }
}
