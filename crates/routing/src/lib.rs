//! The ACD: queues, agents, reservations and matching.
//!
//! [`Router::handle`] takes the time and what happened and gives effects. One
//! router serves one shard of tenants; a tenant's queues and agents see only
//! each other. Nothing here scans all agents: a change costs the agent's
//! memberships, a caller the head of one index.

mod agent;
mod direct;
mod effect;
mod queue;
mod router;

pub use agent::Agent;
pub use direct::{Reach, Reached};
pub use effect::{Effect, Input, Offer};
pub use queue::{Problem, QueueConfig};
pub use router::Router;
