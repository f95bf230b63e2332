//! The desk's JSON messages.

use crate::rest::Card;
use proto::line::v1 as wire;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// From the browser.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromClient {
    Available,
    Aux {
        reason: String,
    },
    Offline,
    FinishWrapUp {
        call: String,
        #[serde(default)]
        disposition: Option<String>,
        #[serde(default)]
        note: Option<String>,
    },
    /// An offer for the leg: at the ring, and again after a reload.
    Sdp {
        leg: String,
        sdp: String,
    },
    Accept {
        leg: String,
    },
    Decline {
        leg: String,
    },
    Mute {
        leg: String,
        on: bool,
    },
    Hold {
        leg: String,
        on: bool,
    },
    Key {
        leg: String,
        key: String,
    },
    HangUp {
        leg: String,
    },
    /// Calls a number or a colleague: `ring` with the purpose `dial` follows.
    Call {
        to: Target,
        /// The task that the call is made for; it is claimed where nobody has.
        #[serde(default)]
        callback: Option<String>,
    },
    /// Comes into a call as a supervisor: listen, whisper, barge or take_over.
    /// `ring` with the purpose `supervise` follows; who is in it already goes on
    /// another way. Needs the permission `supervise`.
    SuperviseCall {
        call: String,
        how: String,
    },
    /// Hands the caller over without asking first. The caller hears music; the
    /// leg stays until somebody answers, and has the caller back if nobody does
    /// (`invite_failed`). To a queue it ends the leg at once.
    Transfer {
        leg: String,
        to: Target,
    },
    /// Talks with somebody while the caller hears music.
    Consult {
        leg: String,
        to: Target,
    },
    /// Adds somebody to those who talk.
    Invite {
        leg: String,
        to: Target,
    },
    /// Caller and consulted party change places.
    Swap {
        leg: String,
    },
    /// The consulted party gets the caller, this leg ends.
    Complete {
        leg: String,
    },
    /// The consultation, or a transfer that rings, is off; the caller is back.
    Cancel {
        leg: String,
    },
    /// Caller, consulted party and agent talk together.
    Conference {
        leg: String,
    },
    /// A party is out; `party` is a seat's leg.
    Remove {
        leg: String,
        party: String,
    },
    /// Asks for a supervisor, or no more.
    Hand {
        on: bool,
    },
    /// This tab holds the phone: it rings and carries the sound.
    Phone {
        owns: bool,
    },
}

/// Whom: `{"agent": id}`, `{"queue": id}` (for a transfer) or `{"number": text}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Agent(String),
    Queue(String),
    Number(String),
}

impl From<Target> for wire::Target {
    fn from(target: Target) -> wire::Target {
        let who = match target {
            Target::Agent(agent) => wire::target::Who::Agent(agent),
            Target::Queue(queue) => wire::target::Who::Queue(queue),
            Target::Number(number) => wire::target::Who::Number(number),
        };
        wire::Target { who: Some(who) }
    }
}

/// To the browser. Times are milliseconds since 1970.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToClient {
    Hello {
        agent: String,
        name: String,
        tenant: String,
        company: String,
        role: String,
    },
    State(State),
    Offer(Box<Offer>),
    /// The contact, where the CRM was slower than the offer.
    Contact {
        reservation: String,
        contact: Card,
    },
    OfferEnded {
        reservation: String,
        outcome: String,
    },
    Ring {
        call: String,
        leg: String,
        reservation: String,
        /// Empty: a caller of a queue, explained by the offer. transfer, consult,
        /// conference: a colleague asks; the offer explains it too. dial, supervise:
        /// the agent wanted it, accept without asking.
        purpose: String,
        /// Who calls, where no offer says it.
        number: String,
        name: String,
    },
    /// Who else is in the call, whole, whenever it changes. Not told in a plain
    /// conversation with the caller.
    Seats {
        leg: String,
        seats: Vec<Seat>,
    },
    /// What carried the leg's sound is gone: offer anew.
    Renew {
        leg: String,
    },
    /// Of whom nothing is heard though it should be, whole, whenever it changes.
    Unheard {
        leg: String,
        parties: Vec<Unheard>,
    },
    /// Whom the agent asked for did not come; the caller is back.
    InviteFailed {
        leg: String,
        name: String,
        /// declined, no_answer, device_offline or media_failed.
        outcome: String,
    },
    Sdp {
        leg: String,
        sdp: String,
    },
    Talking {
        leg: String,
        since_ms: i64,
    },
    Held {
        leg: String,
        on: bool,
    },
    Muted {
        leg: String,
        on: bool,
    },
    Ended {
        leg: String,
        cause: String,
    },
    /// The hand is up, or down.
    Hand {
        on: bool,
    },
    /// A word from a colleague.
    Message {
        from: String,
        text: String,
        at_ms: i64,
    },
    /// A supervisor listens to the agent's call.
    Listened {
        call: String,
        by: String,
    },
    /// A supervisor gave other skills, and so other queues.
    Moved {
        by: String,
        skills: Vec<String>,
    },
    /// A supervisor lent the agent to this queue.
    Lent {
        by: String,
        /// Its name.
        queue: String,
        until_ms: i64,
    },
    /// What was asked was not done.
    Refused {
        message: String,
    },
}

/// A party of which nothing is heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unheard {
    /// caller, agent, number, or self: the agent at this desk.
    pub kind: String,
    pub name: String,
}

/// A party of the call beside the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seat {
    pub leg: String,
    /// caller, agent or number.
    pub kind: String,
    pub name: String,
    /// ringing, here, held or whispers.
    pub state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// offline, available, aux, ringing, on_call, wrap_up or missed.
    pub state: String,
    pub since_ms: i64,
    pub reason: Option<String>,
    pub call: Option<String>,
    pub queue: Option<String>,
    /// End of wrap-up; absent where it is open.
    pub until_ms: Option<i64>,
    /// A state asked for during a call, taken afterwards.
    pub deferred: Option<String>,
    /// The queue that the agent serves for a time, and until when.
    pub lent_to: Option<String>,
    pub lent_until_ms: Option<i64>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Offer {
    pub reservation: String,
    pub call: String,
    pub queue: String,
    pub queue_name: String,
    pub caller: Caller,
    pub waiting_since_ms: i64,
    pub deadline_ms: i64,
    pub attempt: u32,
    /// What the queue wants said; `{name}`, `{agent}` and `{company}` are filled in by the desk.
    pub script: String,
    /// The supervisor who chose the agent; absent: the queue did.
    pub assigned_by: Option<String>,
    /// The agent asked for it: accept without asking.
    pub own: bool,
    /// Absent while the CRM has not answered.
    pub contact: Option<Card>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Caller {
    pub number: String,
    pub name: Option<String>,
    pub did: String,
    pub did_label: String,
    pub path: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_and_written_as_the_portal_knows_them() {
        let read = |text: &str| serde_json::from_str::<FromClient>(text).unwrap();
        assert_eq!(read(r#"{"type":"available"}"#), FromClient::Available);
        assert_eq!(
            read(r#"{"type":"hold","leg":"leg_1","on":true}"#),
            FromClient::Hold { leg: "leg_1".into(), on: true }
        );
        assert_eq!(
            read(r#"{"type":"transfer","leg":"leg_1","to":{"queue":"que_1"}}"#),
            FromClient::Transfer { leg: "leg_1".into(), to: Target::Queue("que_1".into()) }
        );
        let ended = ToClient::OfferEnded { reservation: "rsv_1".into(), outcome: "no_answer".into() };
        assert_eq!(
            serde_json::to_value(ended).unwrap(),
            serde_json::json!({"type": "offer_ended", "reservation": "rsv_1", "outcome": "no_answer"})
        );
    }
}
