//! All services in one process with embedded defaults: what `make up` starts.
//!
//! The services are the same as in separate processes and talk gRPC over
//! loopback; only the journal is shared, which makes it the whole log.

pub mod client;
mod folder;
mod platform;
pub mod profile;
mod services;

pub use platform::{Options, Platform};
