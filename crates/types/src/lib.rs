//! The vocabulary of Trunkline: ids, numbers, skills, causes, timestamps and
//! the facts that the log tells. Pure: no clock, no randomness, no sockets.

pub mod config;
mod emergency;
pub mod event;
pub mod fact;
mod id;
mod number;
mod target;
mod time;
mod word;

pub use emergency::is_emergency;
pub use id::*;
pub use number::{E164, NumberError, Numbering};
pub use target::{Purpose, Supervision, Target};
pub use time::{Millis, Timestamp};
pub use word::{name, named};

use serde::{Deserialize, Serialize};

/// A skill that a queue asks for or an agent has, by name, with a level of
/// 1 (beginner) to 10 (expert).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Skill {
    pub name: String,
    pub level: u8,
}

/// Why a leg or a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HangupCause {
    /// A party hung up in the ordinary way.
    Normal,
    /// The caller gave up before being answered (CANCEL).
    Cancelled,
    /// The flow reached its end.
    FlowEnded,
    /// No codec in common (SIP 488).
    NoCommonCodec,
    /// The call could not be served (media, flow or queue unavailable).
    Unavailable,
    /// Whom an agent called did not answer.
    NotReached,
    /// Media stopped arriving.
    MediaLost,
    /// A limit was reached, such as the longest wait.
    LimitReached,
    /// The platform is going down.
    Shutdown,
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    Caller,
    Agent,
    System,
}

/// Where a call stands, as the queue monitor shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// INVITE received, nothing heard yet.
    Arriving,
    Greeting,
    Menu,
    /// The flow gave the caller what was wanted: hanging up is no abandoning.
    SelfServed,
    Queue,
    Ringing,
    Talking,
    Ended,
}

/// How an offer to an agent ended: a closed set, each with its own consequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferOutcome {
    Answered,
    Declined,
    /// RONA: redirect on no answer.
    NoAnswer,
    DeviceOffline,
    MediaFailed,
    CallerLeft,
    /// Taken back by the ACD (supervisor, shard change).
    Withdrawn,
}

/// The states of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    Offline,
    Available,
    /// Not available by the agent's own wish, with a reason.
    Aux,
    /// An offer rings.
    Ringing,
    OnCall,
    WrapUp,
    /// Paused after an offer that was not answered.
    Missed,
}
