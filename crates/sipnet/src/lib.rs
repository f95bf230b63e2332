//! SIP on the network: sockets ([`Transport`]) under an endpoint of `sip`, and
//! the loop between the two ([`Stack`]), and names of servers ([`Names`]). The edge
//! and the softphone stand on it.

mod connection;
pub mod names;
mod stack;
mod tls;
mod transport;
mod ws;

pub use connection::Limits;
pub use names::Names;
pub use stack::{Direction, Stack, Tap, Turn};
pub use tls::{Certificate, Verify};
pub use transport::{Arrival, Transport};
