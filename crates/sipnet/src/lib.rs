//! SIP on the network: sockets ([`Transport`]) under an endpoint of `sip`, and
//! the loop between the two ([`Stack`]). The edge and the softphone stand on it.

mod stack;
mod transport;

pub use stack::{Direction, Stack, Tap, Turn};
pub use transport::{Arrival, Limits, Transport};
