//! One metric language: what is counted, once, by everybody who counts.
//!
//! A [`Book`] folds the facts of one tenant; [`Book::report`] sums them up by
//! queue, agent, number or category. The same code serves the live page, the reports,
//! the recount and the simulator. `docs/metrics.md` has the definitions.

pub mod alarm;
mod book;
pub mod erlang;
mod figures;
mod report;
mod spread;

pub use book::Book;
pub use figures::Figures;
pub use report::{By, Period, Row, WAITS};
pub use spread::Spread;
