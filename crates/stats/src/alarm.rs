//! When a figure is for somebody to look at: a threshold that stays crossed
//! for its time raises an alarm once, and the alarm ends when the figure has
//! been clearly on the right side for as long.

use types::{Millis, Timestamp, config::Measure};

/// What is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub measure: Measure,
    pub at: i64,
    pub lasts: Millis,
}

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Raised,
    Ended,
}

/// One limit as it is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alarm {
    raised: bool,
    /// Since when the figure asks for the other state.
    turning: Option<Timestamp>,
}

/// Of the threshold: so far back on the right side ends an alarm.
const MARGIN_PERCENT: i64 = 10;

impl Limit {
    /// Too many or too long, or too few.
    fn is_upper(&self) -> bool {
        matches!(self.measure, Measure::Waiting | Measure::LongestWait)
    }

    pub fn crossed(&self, value: i64) -> bool {
        if self.is_upper() { value >= self.at } else { value < self.at }
    }

    /// A tenth of the threshold, at least one, back on the right side.
    pub fn cleared(&self, value: i64) -> bool {
        let margin = (self.at * MARGIN_PERCENT / 100).max(1);
        match self.is_upper() {
            true => value <= self.at - margin,
            // Nothing is better than everything: 100 of 100 must clear any limit.
            false => value >= (self.at + margin - 1).min(self.best()),
        }
    }

    fn best(&self) -> i64 {
        if self.measure == Measure::ServiceLevel { 100 } else { i64::MAX }
    }
}

impl Alarm {
    /// One that was raised before, as a record of it says.
    pub fn raised() -> Alarm {
        Alarm { raised: true, turning: None }
    }

    pub fn is_raised(&self) -> bool {
        self.raised
    }

    /// `None`: there is nothing to measure, and so nothing wrong.
    pub fn look(&mut self, limit: &Limit, now: Timestamp, value: Option<i64>) -> Option<Turn> {
        let turns = match self.raised {
            false => value.is_some_and(|value| limit.crossed(value)),
            true => value.is_none_or(|value| limit.cleared(value)),
        };
        if !turns {
            self.turning = None;
            return None;
        }
        let since = *self.turning.get_or_insert(now);
        if now.since(since) < limit.lasts {
            return None;
        }
        *self = Alarm { raised: !self.raised, turning: None };
        Some(if self.raised { Turn::Raised } else { Turn::Ended })
    }
}
