//! The process shell: what every service needs before it can do its own work.
//! Configuration, telemetry, clock, randomness, gRPC between services that know
//! each other, health and drain.

pub mod clock;
pub mod config;
mod credentials;
mod details;
mod drain;
mod error;
pub mod grpc;
pub mod here;
mod launch;
pub mod names;
pub mod objects;
pub mod public;
pub mod random;
pub mod telemetry;

/// A call is many small things made by one thread and freed by another; the system's
/// allocator takes a tenth of its CPU and gives little back after a burst.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use credentials::Credentials;
pub use details::{Details, Fault, Params};
pub use drain::Drain;
pub use error::{Code, Error, Result};
pub use launch::{Deps, Peers, drain_on_signal, launch};
