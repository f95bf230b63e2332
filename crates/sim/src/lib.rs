//! A deterministic world: clock, callers, agents, faults, checkers.
//!
//! [`day`] lives through one seeded day of a contact centre: real `call`,
//! `flow`, `routing` and `stats`, with callers who hang up at any instant,
//! agents who vanish, and a network that delays, reorders, doubles and loses
//! what its protocols may. Invariants are checked after every step.
//!
//! [`hall`] is a queue in which some callers are called back.
//!
//! [`forecast`] lives through a planned day, to know what it will be like.

mod acd;
mod check;
mod day;
mod deaths;
mod desk;
mod edge;
pub mod forecast;
mod network;
mod promise;
mod telephony;
mod world;

pub use check::Invariant;
pub use day::{Day, Failure, Fault, Summary, day};
pub use promise::{Hall, Served, hall};
