//! A day before it goes live: production routing and flows in virtual time on
//! arrivals, patience and talks that a plan describes.
//!
//! Unlike [`crate::day`] nothing goes wrong here: no packet is lost and nobody
//! vanishes. What is asked is what callers and agents will live through.

mod draw;
mod floor;
mod outcome;
mod plan;

pub use draw::{Shape, Span};
pub use outcome::{Forecast, Line, Measures, Range};
pub use plan::{Agents, Callers, PerHour, Plan, Problem};

use floor::Floor;
use stats::{Book, By, Period};
use types::{Millis, Timestamp};

/// One simulated day.
#[derive(Debug, Clone)]
pub struct Lived {
    pub book: Book,
    /// Callers who heard their place, in the order in which they called.
    pub told: Vec<Told>,
    pub begins: Timestamp,
    /// When the last conversation was over.
    pub ends: Timestamp,
}

/// What a waiting caller was told, and what came of it.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub heard: Vec<Heard>,
    pub answered: Option<Timestamp>,
    pub ended: Timestamp,
}

#[derive(Debug, Clone, Copy)]
pub struct Heard {
    pub at: Timestamp,
    pub position: u32,
    /// Announced as the wait that most do not exceed.
    pub wait: Option<Millis>,
}

/// Lives through the plan's day once.
pub fn live(plan: &Plan, seed: u64) -> Lived {
    Floor::new(plan, seed).live()
}

/// Lives through it with each of the seeds 0, 1 … and says what was common
/// and how far it ranged.
pub fn forecast(plan: &Plan, seeds: u64) -> Forecast {
    let mut lines = outcome::Tables::new(plan);
    for seed in 0..seeds {
        let lived = live(plan, seed);
        let period = |interval| Period { from: lived.begins, to: lived.ends, as_of: lived.ends, interval };
        for interval in [0, plan.interval()] {
            lines.add(seed, interval, By::Queue, &lived.book.report(By::Queue, &period(interval)));
            lines.add(seed, interval, By::Agent, &lived.book.report(By::Agent, &period(interval)));
        }
    }
    lines.forecast(seeds)
}
