//! Whom to call back: calls that did not get through, folded into one task per
//! caller; who works on a task, and what came of each attempt.

mod fold;
mod store;
mod verbs;
mod wire;

pub use fold::{fold, placed};

use types::Millis;

/// How long a claim holds: who went home blocks no caller.
pub const CLAIM: Millis = 30 * 60_000;

/// How long a call may keep somebody's place in line; then the task is for
/// people, whatever became of the call. Longer than the call itself tries.
pub const IN_LINE: Millis = 5 * 3_600_000;
