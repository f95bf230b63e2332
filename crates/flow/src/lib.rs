//! The IVR flow language and its interpreter.
//!
//! A flow is a JSON document of nodes with typed exits. The interpreter holds
//! nothing: [`step`] takes a cursor, what happened and the time, and gives the
//! next cursor and what the caller is to hear. The call carries the cursor,
//! and in it the variables. `docs/flows.md` tells what each node does.

mod condition;
mod dip;
mod hours;
mod language;
mod step;
mod template;
mod validate;

pub use condition::{Case, Condition, Set, Test};
pub use dip::{Http, Method, Request};
pub use hours::{Clock, Date, Day, Holiday, Hours, Period};
pub use language::{
    Callback, Category, Digits, Flow, Menu, Node, Play, Queue, REASONS, Say, SelfServed, Voicemail,
};
pub use step::{Asked, Cursor, Input, Instruction, Place, Stepped, step};
pub use validate::Problem;

/// What a call knows, by name.
pub type Variables = std::collections::BTreeMap<String, String>;

/// Variables that every call has: who calls, and the number that was called.
pub const GIVEN: [&str; 2] = ["caller", "number"];

/// The flow cannot go on; validation at save rules these out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("no node {0:?}")]
    NoNode(String),
    #[error("nothing is heard from node {0:?} on")]
    Silent(String),
}
