//! What a day is to be like: a file that a person can read.

use super::Span;
use flow::{Clock, Date, Flow, Node};
use routing::QueueConfig;
use serde::{Deserialize, Serialize};
use types::{Millis, QueueId, Skill, Timestamp};

const AGENTS_MAX: u32 = 10_000;
const CONTACTS_MAX: f64 = 2_000_000.0;
const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;

/// A day as it is planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The day, such as `2026-11-23`; needed where the flow goes by the hour.
    #[serde(default)]
    pub date: Option<Date>,
    /// Of the times in the plan, an IANA name; needed with a date.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// When the first callers come.
    pub opens: Clock,
    /// How long callers come; who waits then is still served.
    pub hours: u32,
    /// Length of a line of the report.
    #[serde(default = "half_an_hour")]
    pub interval_minutes: u32,
    /// As queues are saved; their names are the plan's.
    pub queues: Vec<QueueConfig>,
    pub agents: Vec<Agents>,
    pub callers: Vec<Callers>,
    /// What callers go through who press `keys`. Queues stand in it by their
    /// place in `queues`: the first is `que_00000000000000000000000001`.
    #[serde(default)]
    pub flow: Option<Flow>,
    /// How often callers who come straight to a queue hear their place and the
    /// wait to be expected; 0: never.
    #[serde(default)]
    pub announce_every_s: u32,
    /// How long a prompt lasts.
    #[serde(default = "five_seconds")]
    pub prompt: Span,
}

/// Agents who are alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agents {
    pub name: String,
    pub count: u32,
    #[serde(default)]
    pub skills: Vec<Skill>,
    /// When the shift begins; absent: when the plan opens.
    #[serde(default)]
    pub from: Option<Clock>,
    /// When it ends, a conversation still to its end; absent: with the last call.
    #[serde(default)]
    pub to: Option<Clock>,
    /// How long it rings before they answer.
    #[serde(default)]
    pub answer: Span,
    /// Share of the offers that they let ring, from 0 to 1.
    #[serde(default)]
    pub missed: f64,
    /// How long until they are back whom a missed offer paused.
    #[serde(default = "a_minute")]
    pub back: Span,
}

/// Callers who are alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callers {
    /// The name of the queue that they come to; absent: they go through the flow.
    #[serde(default)]
    pub queue: Option<String>,
    /// What they press in the flow, key after key.
    #[serde(default)]
    pub keys: String,
    pub per_hour: PerHour,
    /// Who waits longer hangs up; absent: they wait for ever.
    #[serde(default)]
    pub patience: Option<Span>,
    pub talk: Span,
    /// What the agent writes afterwards; the queue's own limit counts too.
    #[serde(default)]
    pub wrap_up: Option<Span>,
    #[serde(default)]
    pub priority: i32,
    #[serde(default)]
    pub skills: Vec<Skill>,
}

/// Callers in an hour: always as many, or by interval, the last one going on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PerHour {
    Always(f64),
    ByInterval(Vec<f64>),
}

/// What is wrong with a plan, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Problem {
    pub place: String,
    pub message: String,
}

impl Callers {
    pub(crate) fn per_hour(&self, interval: usize) -> f64 {
        match &self.per_hour {
            PerHour::Always(rate) => *rate,
            PerHour::ByInterval(rates) => rates.get(interval).or(rates.last()).copied().unwrap_or(0.0),
        }
    }
}

impl Plan {
    pub(crate) fn interval(&self) -> Millis {
        Millis::from(self.interval_minutes) * MINUTE
    }

    pub(crate) fn lasts(&self) -> Millis {
        Millis::from(self.hours) * HOUR
    }

    /// The opening; any day's where no date is said.
    pub(crate) fn begins(&self) -> Timestamp {
        let said = self.date.and_then(|date| date.at(self.opens, self.time_zone.as_deref()?));
        said.unwrap_or_else(crate::world::begin)
    }

    /// The id that stands in the flow for the queue at this place, from 0.
    pub(crate) fn queue_id(place: usize) -> QueueId {
        QueueId::new(Timestamp::default(), place as u128 + 1)
    }

    /// From the opening on; what lies before it belongs to the next day.
    pub(crate) fn after_opening(&self, clock: Clock) -> Millis {
        let minutes = i64::from(clock.minutes()) - i64::from(self.opens.minutes());
        minutes.rem_euclid(24 * 60) * MINUTE
    }

    /// The contacts to be expected.
    pub fn contacts(&self) -> f64 {
        let (lasts, interval) = (self.lasts(), self.interval().max(1));
        let intervals = || (0..lasts).step_by(interval as usize).enumerate();
        let hours = |from: Millis| interval.min(lasts - from) as f64 / HOUR as f64;
        let of =
            |callers: &Callers| intervals().map(|(i, from)| callers.per_hour(i) * hours(from)).sum::<f64>();
        self.callers.iter().map(of).sum()
    }

    /// Finds every problem.
    pub fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut report = |wrong: bool, place: String, message: &str| {
            if wrong {
                problems.push(Problem { place, message: message.into() });
            }
        };
        report(!(1..=10_000).contains(&self.hours), "hours".into(), "is not between 1 and 10000");
        let interval = (1..=1_440).contains(&self.interval_minutes);
        report(!interval, "interval_minutes".into(), "is not between 1 and 1440");
        report(self.queues.is_empty(), "queues".into(), "are none");
        for (i, queue) in self.queues.iter().enumerate() {
            for problem in queue.validate().err().unwrap_or_default() {
                report(true, format!("queues[{i}].{}", problem.place), &problem.message);
            }
            let twice = self.queues[..i].iter().any(|other| other.name == queue.name);
            report(twice, format!("queues[{i}].name"), "stands there twice");
        }
        let agents: u32 = self.agents.iter().map(|agents| agents.count).fold(0, u32::saturating_add);
        report(agents > AGENTS_MAX, "agents".into(), "are more than 10000");
        for (i, agents) in self.agents.iter().enumerate() {
            report(!agents.answer.is_sound(), format!("agents[{i}].answer"), "is no span of up to a day");
            report(!agents.back.is_sound(), format!("agents[{i}].back"), "is no span of up to a day");
            let late = agents.from.is_some_and(|from| self.after_opening(from) >= self.lasts());
            report(late, format!("agents[{i}].from"), "is not within the hours of the plan");
            let missed = (0.0..=1.0).contains(&agents.missed);
            report(!missed, format!("agents[{i}].missed"), "is not between 0 and 1");
        }
        report(self.callers.is_empty(), "callers".into(), "are none");
        for (i, callers) in self.callers.iter().enumerate() {
            self.check_callers(callers, &mut |wrong, place, message| {
                report(wrong, format!("callers[{i}].{place}"), message);
            });
        }
        if let Some(flow) = &self.flow {
            for problem in flow.validate().err().unwrap_or_default() {
                report(true, format!("flow.{}", problem.place), &problem.message);
            }
            for (id, node) in &flow.nodes {
                let unknown = matches!(node, Node::Queue(queue)
                    if !(0..self.queues.len()).any(|place| Plan::queue_id(place) == queue.queue));
                report(unknown, format!("flow.nodes.{id}.queue"), "is no queue of this plan");
            }
        }
        let by_the_hour = |flow: &Flow| flow.nodes.values().any(|node| matches!(node, Node::Hours(_)));
        let undated = self.date.is_none() && self.flow.as_ref().is_some_and(by_the_hour);
        report(undated, "date".into(), "is missing, and the flow goes by the hour");
        let zone = self.time_zone.as_deref();
        let lost = self.date.is_some_and(|date| zone.is_none_or(|zone| date.at(self.opens, zone).is_none()));
        report(lost, "time_zone".into(), "is missing or unknown, or there is no such time on that day");
        if problems.is_empty() {
            let many = self.contacts() > CONTACTS_MAX;
            let message = "are more than 2000000 in all".to_owned();
            problems.extend(many.then(|| Problem { place: "callers".into(), message }));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn check_callers(&self, callers: &Callers, report: &mut dyn FnMut(bool, &str, &str)) {
        match &callers.queue {
            None => report(self.flow.is_none(), "queue", "is missing, and there is no flow"),
            Some(name) => {
                let known = self.queues.iter().any(|queue| queue.name == *name);
                report(!known, "queue", "is the name of no queue of this plan");
            }
        }
        let rates = match &callers.per_hour {
            PerHour::Always(rate) => std::slice::from_ref(rate),
            PerHour::ByInterval(rates) => rates,
        };
        let sound = rates.iter().all(|rate| rate.is_finite() && (0.0..=1e6).contains(rate));
        report(!sound || rates.is_empty(), "per_hour", "is not between 0 and 1000000");
        report(!callers.talk.is_sound(), "talk", "is no span of up to a day");
        let patience = callers.patience.as_ref().is_none_or(Span::is_sound);
        report(!patience, "patience", "is no span of up to a day");
        let wrap_up = callers.wrap_up.as_ref().is_none_or(Span::is_sound);
        report(!wrap_up, "wrap_up", "is no span of up to a day");
    }
}

fn half_an_hour() -> u32 {
    30
}

fn a_minute() -> Span {
    Span::fixed(60.0)
}

fn five_seconds() -> Span {
    Span::fixed(5.0)
}
