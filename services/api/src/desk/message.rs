//! The desk's JSON messages.

use crate::rest::Card;
use serde::{Deserialize, Serialize};

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
    /// This tab holds the phone: it rings and carries the sound.
    Phone {
        owns: bool,
    },
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
    /// What was asked was not done.
    Refused {
        message: String,
    },
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
        let ended = ToClient::OfferEnded { reservation: "rsv_1".into(), outcome: "no_answer".into() };
        assert_eq!(
            serde_json::to_value(ended).unwrap(),
            serde_json::json!({"type": "offer_ended", "reservation": "rsv_1", "outcome": "no_answer"})
        );
    }
}
