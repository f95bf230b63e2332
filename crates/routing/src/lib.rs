//! The ACD: queues, agents, reservations and matching.
//!
//! [`Router::handle`] takes the time and what happened and gives effects. One
//! router serves one shard of tenants; a tenant's queues and agents see only
//! each other. Nothing here scans all agents or all callers: a change of an
//! agent costs the agent's memberships, a caller the heads of a few indexes.
//! `docs/routing.md` tells what each setting does.

mod agent;
mod agents;
mod assign;
mod callers;
mod configuration;
mod decide;
mod direct;
mod effect;
mod expected;
mod loans;
mod queue;
mod router;
mod settings;

pub use agent::Agent;
pub use assign::{Assign, Word};
pub use direct::{Reach, Reached};
pub use effect::{Effect, Input, Offer, Profile, Winner};
pub use loans::Loan;
pub use router::Router;
pub use settings::{Levels, Problem, QueueConfig, Relax, Seat, Strategy, WrapUp};
