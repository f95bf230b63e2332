//! The agent's desk: the browser's WebSocket on one side, the ACD and the edge on the other.

mod attend;
mod desks;
mod line;
mod message;
mod one;
mod socket;

pub use attend::Attendance;
pub use desks::{Absence, Desks};
pub use line::Line;
pub use message::{Target, ToClient as Told};
pub use one::Wish;
pub use socket::{__path_socket, socket};
