//! The IVR flow language and its interpreter.
//!
//! A flow is a JSON document of nodes with typed exits. The interpreter holds
//! nothing: [`step`] takes a cursor and what happened and gives the next
//! cursor and what the caller is to hear. The call carries the cursor.

mod language;
mod step;
mod validate;

pub use language::{Category, Flow, Menu, Node, Play, Queue, REASONS, Say};
pub use step::{Cursor, Input, Instruction, Place, Stepped, step};
pub use validate::Problem;

/// The flow cannot go on; validation at save rules these out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("no node {0:?}")]
    NoNode(String),
    #[error("nothing is heard from node {0:?} on")]
    Silent(String),
}
