//! One INVITE dialog of ours, from the first INVITE to BYE.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sipx_sip::rel::{Numbering, Sequence};

use super::Credentials;
use super::dialog::Dialog;
use super::transactions::Key;
use crate::Answer;

/// What a leg remembers.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) dialog: Dialog,
    pub(crate) phase: Phase,
    /// An INVITE or UPDATE of the peer that waits for our answer.
    pub(crate) pending: Option<Pending>,
    /// Our 2xx that waits for its ACK.
    pub(crate) unacked: Option<Unacked>,
    /// Our INVITE or re-INVITE in flight.
    pub(crate) inviting: Option<Key>,
    /// BYE must follow when the ACK is there (RFC 3261 §15).
    pub(crate) bye_wanted: bool,
    /// The peer's REFER waits for its end.
    pub(crate) referred: bool,
    pub(crate) credentials: Option<Credentials>,
    /// We sent the first INVITE.
    pub(crate) calls: bool,
    pub(crate) session: Session,
    /// The caller requires provisional responses that it acknowledges.
    pub(crate) reliable: Option<Reliable>,
    /// Callees whose provisional responses we acknowledged.
    pub(crate) early: Vec<Early>,
}

/// What a leg knows of its session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Our description as sent last: what a refresh by re-INVITE repeats.
    pub(crate) local: Option<Bytes>,
    /// The peer's last description.
    pub(crate) remote: Option<Bytes>,
    /// The peer takes UPDATE.
    pub(crate) updates: bool,
    /// Zero until agreed.
    pub(crate) interval: Duration,
    /// We refresh.
    pub(crate) ours: bool,
    /// The peer keeps the session too; one that knows no timers is only asked whether it is there.
    pub(crate) shared: bool,
    pub(crate) expires_at: Duration,
    /// The entry in the endpoint's order of sessions.
    pub(crate) due: Option<Duration>,
    pub(crate) raises: u8,
    pub(crate) glares: u8,
}

impl Session {
    /// Of an INVITE of the peer with this description.
    pub(crate) fn offered(remote: Option<Bytes>) -> Self {
        Self { remote, ..Self::default() }
    }
}

/// The callee's side of one INVITE whose caller requires provisional responses that
/// it acknowledges (RFC 3262).
#[derive(Debug)]
pub(crate) struct Reliable {
    pub(crate) numbering: Numbering,
    /// Sent and not acknowledged.
    pub(crate) sent: Option<Sent>,
    /// To be sent after it.
    pub(crate) waiting: VecDeque<Answer>,
    /// The 2xx that must not overtake a description (§3).
    pub(crate) accept: Option<Answer>,
    /// The caller has our description: the 2xx does not repeat it.
    pub(crate) described: bool,
}

/// A provisional response of ours that waits for its PRACK.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) rseq: u32,
    pub(crate) bytes: Bytes,
    pub(crate) interval: Duration,
    pub(crate) give_up_at: Duration,
    pub(crate) describes: bool,
}

/// The caller's side: one early dialog.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) tag: String,
    pub(crate) dialog: Dialog,
    pub(crate) sequence: Sequence,
}

/// How far a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Their INVITE, no final answer of ours.
    Offered,
    /// Our INVITE, nothing heard.
    Calling,
    /// Our INVITE, a provisional response heard.
    Proceeding,
    /// Our INVITE is to be cancelled, but nothing was heard yet (§9.1).
    CancelWanted,
    /// CANCEL was sent.
    Cancelling,
    /// A 2xx was sent or received.
    Answered,
}

/// A request that waits for `accept`, `reject` or `answer_offer`.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) key: Key,
    pub(crate) request: sipx_sip::Request,
}

/// The 2xx that its sender, not the transaction, retransmits (RFC 6026 §8.4).
#[derive(Debug)]
pub(crate) struct Unacked {
    pub(crate) cseq: u32,
    pub(crate) bytes: Bytes,
    pub(crate) interval: Duration,
    pub(crate) give_up_at: Duration,
    /// What it answers, for a successor that sees it repeated.
    pub(crate) invite: Option<sipx_sip::Request>,
}
