//! What the owner of the endpoint is told.

use bytes::Bytes;

use super::{Flow, LegId, RequestId};
use crate::{Request, Response};

/// A call that came in. 100 Trying has been sent.
#[derive(Debug, Clone)]
pub struct IncomingInvite {
    /// The new leg.
    pub leg: LegId,
    /// Where it came from.
    pub flow: Flow,
    /// The INVITE.
    pub request: Request,
}

/// Why an established leg is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The peer sent BYE; the text of its Reason header, if any.
    Bye(Option<String>),
    /// The peer never acknowledged our 200; we sent BYE.
    NoAck,
    /// The peer no longer knows the dialog or cannot be reached.
    Lost,
    /// Nobody refreshed the session in time (RFC 4028); we sent BYE.
    Expired,
}

/// What the owner of the endpoint must know.
#[derive(Debug, Clone)]
pub enum Event {
    /// A call came in: answer with `progress`, `accept`, `reject` or `ignore`.
    Invite(IncomingInvite),
    /// A REGISTER or OPTIONS: answer with `respond` or `ignore_request`.
    Request {
        /// Its handle.
        id: RequestId,
        /// Where it came from.
        flow: Flow,
        /// The request.
        request: Request,
    },
    /// The caller gave up before we answered; the leg is over.
    Cancelled {
        /// The leg.
        leg: LegId,
        /// The text of its Reason header, if any.
        reason: Option<String>,
    },
    /// Our 200, or our offer in a provisional response, was acknowledged, with the
    /// answer if there was an offer.
    Acked {
        /// The leg.
        leg: LegId,
        /// The peer's session description.
        sdp: Option<Bytes>,
    },
    /// 101 to 199 to our INVITE.
    Progress {
        /// The leg.
        leg: LegId,
        /// The response.
        response: Response,
    },
    /// 2xx to our INVITE; acknowledged already.
    Answered {
        /// The leg.
        leg: LegId,
        /// The response.
        response: Response,
    },
    /// Our INVITE failed; the leg is over.
    Failed {
        /// The leg.
        leg: LegId,
        /// The status, or 408 for no answer at all and 503 for no way there.
        code: u16,
        /// The response, if there was one.
        response: Option<Response>,
    },
    /// The peer changes the session (re-INVITE or UPDATE): `answer_offer`.
    Offer {
        /// The leg.
        leg: LegId,
        /// The new description; `None` asks us to make the offer.
        sdp: Option<Bytes>,
    },
    /// Our `offer` was accepted.
    OfferAnswered {
        /// The leg.
        leg: LegId,
        /// The peer's description.
        sdp: Option<Bytes>,
    },
    /// Our `offer` was refused; the session stays as it was.
    OfferRefused {
        /// The leg.
        leg: LegId,
        /// The status; 491 after too many attempts.
        code: u16,
    },
    /// Our `offer` crossed the peer's (491): make a new one now, if it is still
    /// wanted.
    TryAgain {
        /// The leg.
        leg: LegId,
    },
    /// An INFO, answered with 200; some peers send digits so.
    Info {
        /// The leg.
        leg: LegId,
        /// The Content-Type.
        content_type: String,
        /// The body.
        body: Bytes,
    },
    /// The peer wants the other side transferred (RFC 3515), accepted with 202;
    /// say how it went with `refer_ended`.
    Refer {
        /// The leg.
        leg: LegId,
        /// The user part of Refer-To.
        user: String,
        /// The leg whose place the new call is to take (RFC 3891).
        replaces: Option<LegId>,
    },
    /// An answered leg is over.
    Ended {
        /// The leg.
        leg: LegId,
        /// Who ended it.
        cause: Ended,
    },
    /// The final answer to our `request`.
    Response {
        /// Its handle.
        id: RequestId,
        /// The status; 408 and 503 as in `Failed`.
        code: u16,
        /// The response, if there was one.
        response: Option<Response>,
    },
}

impl Event {
    /// The leg that it is about.
    pub fn leg(&self) -> Option<LegId> {
        match self {
            Event::Cancelled { leg, .. }
            | Event::Acked { leg, .. }
            | Event::Progress { leg, .. }
            | Event::Answered { leg, .. }
            | Event::Failed { leg, .. }
            | Event::Offer { leg, .. }
            | Event::OfferAnswered { leg, .. }
            | Event::OfferRefused { leg, .. }
            | Event::TryAgain { leg }
            | Event::Info { leg, .. }
            | Event::Refer { leg, .. }
            | Event::Ended { leg, .. } => Some(*leg),
            Event::Invite(_) | Event::Request { .. } | Event::Response { .. } => None,
        }
    }

    /// Whether nothing more comes of the leg.
    pub fn is_last(&self) -> bool {
        matches!(self, Event::Cancelled { .. } | Event::Failed { .. } | Event::Ended { .. })
    }
}
