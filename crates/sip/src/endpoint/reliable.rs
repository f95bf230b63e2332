//! Provisional responses that are acknowledged (RFC 3262), both ways: ours where
//! the caller requires it, and those of callees, who may send ringing and early
//! media so.

use std::collections::VecDeque;
use std::time::Duration;

use sipx_sip::rel::{MAX_FIRST_RSEQ, Numbering, OPTION_TAG, Offered, RAck, RSeq, Received, Sequence};
use sipx_sip::{Headers, Message, Method, Request as Core, Response as CoreResponse};

use super::dialog::cseq;
use super::leg::{Early, Phase, Reliable, Sent};
use super::outbound::establish;
use super::transactions::{Due, Key, Owner};
use super::{Endpoint, Event, LegId};
use crate::message::{header, to};
use crate::{Answer, Error, Request, Response, Tokens};

/// Responses that wait for the one before to be acknowledged.
const WAITING_MAX: usize = 4;
/// Early dialogs of one forked INVITE whose responses are acknowledged.
const FORKS_MAX: usize = 8;

/// What an INVITE needs whose caller requires acknowledged responses.
pub(super) fn required(request: &Core, tokens: &mut Tokens) -> Option<Reliable> {
    Offered::in_request(request).required.then(|| Reliable {
        numbering: first_number(tokens),
        sent: None,
        waiting: VecDeque::new(),
        accept: None,
        described: false,
    })
}

impl Endpoint {
    /// Sends a provisional response that must be acknowledged, or keeps it until
    /// the one before is.
    pub(super) fn progress_reliably(
        &mut self,
        now: Duration,
        id: LegId,
        answer: &Answer,
    ) -> Result<(), Error> {
        let timing = self.config.timing;
        let leg = self.legs.get_mut(&id).ok_or(Error::NoLeg)?;
        let (Some(reliable), Some(pending)) = (&mut leg.reliable, &leg.pending) else { return Ok(()) };
        let without_offer = Request { core: pending.request.clone() }.sdp().is_none();
        if without_offer && answer.sdp.is_none() && !reliable.described {
            // The first acknowledged response would have to make the offer
            // (RFC 3261 §13.2.1); 100 Trying has to do.
            return Ok(());
        }
        let Some(rseq) = reliable.numbering.allocate() else {
            if reliable.waiting.len() >= WAITING_MAX {
                return Err(Error::Exhausted("responses that wait for PRACK"));
            }
            reliable.waiting.push_back(answer.clone());
            return Ok(());
        };
        let describes = answer.sdp.is_some();
        reliable.described |= describes;
        if describes {
            leg.session.local.clone_from(&answer.sdp);
        }
        let (key, request, tag) =
            (pending.key.clone(), pending.request.clone(), leg.dialog.local_tag.clone());
        let flow = leg.dialog.flow;
        let answer = answer.clone().header("Require", OPTION_TAG).header("RSeq", rseq.to_string());
        let response = self.build_response(&request, &answer, &tag, flow)?;
        let bytes = Message::Response(response.clone()).to_bytes();
        let (interval, give_up_at) = (timing.t1, now + timing.deadline());
        let sent = Sent { rseq, bytes, interval, give_up_at, describes };
        if let Some(reliable) = self.legs.get_mut(&id).and_then(|leg| leg.reliable.as_mut()) {
            reliable.sent = Some(sent);
        }
        self.note(id);
        let outputs = self.transactions.respond(&key, response);
        self.perform(now, &key, outputs);
        self.transactions.schedule(now + interval, Due::Unpracked(id, rseq));
        Ok(())
    }

    /// The PRACK is late: the response again, or the call is refused after
    /// 64 × T1 (§3).
    pub(super) fn retransmit_progress(&mut self, now: Duration, id: LegId, rseq: u32) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let flow = leg.dialog.flow;
        let sent = leg.reliable.as_mut().and_then(|reliable| reliable.sent.as_mut());
        let Some(sent) = sent.filter(|sent| sent.rseq == rseq) else { return };
        if now >= sent.give_up_at {
            let _ = self.reject(now, id, &Answer::new(504));
            return self.event(Event::Cancelled { leg: id, reason: None });
        }
        sent.interval *= 2;
        let (at, bytes) = ((now + sent.interval).min(sent.give_up_at), sent.bytes.clone());
        self.transmit(flow, bytes);
        self.transactions.schedule(at, Due::Unpracked(id, rseq));
    }

    /// Whether a 2xx has to wait for the caller's PRACK; it is kept then.
    pub(super) fn keeps_accept(&mut self, id: LegId, answer: &Answer) -> Result<bool, Error> {
        let Some(reliable) = self.legs.get_mut(&id).and_then(|leg| leg.reliable.as_mut()) else {
            return Ok(false);
        };
        if reliable.accept.is_some() {
            return Err(Error::WrongState("answered already"));
        }
        let waits = reliable.sent.as_ref().is_some_and(|sent| sent.describes);
        if waits {
            reliable.accept = Some(answer.clone());
            self.note(id);
        }
        Ok(waits)
    }

    /// The 2xx of an INVITE whose caller has our description already says it no
    /// more: a second answer would be an offer to nobody.
    pub(super) fn undescribed(&self, id: LegId, answer: &Answer) -> Answer {
        let described = self.legs.get(&id).and_then(|leg| leg.reliable.as_ref()).is_some_and(|r| r.described);
        let sdp = answer.sdp.clone().filter(|_| !described);
        Answer { sdp, ..answer.clone() }
    }

    /// PRACK of one of our responses. It may bring the answer to our offer; a new
    /// offer in it is refused, the session stays as it was.
    pub(super) fn on_prack(&mut self, now: Duration, key: &Key, request: &Core, id: LegId) {
        let rack = request.headers.typed::<RAck>().and_then(Result::ok);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let invite = leg.pending.as_ref().map(|pending| cseq(&pending.request.headers));
        let known = match (&mut leg.reliable, invite, rack) {
            (Some(reliable), Some(number), Some(rack)) => {
                reliable.numbering.acknowledge(&rack, number, b"INVITE")
            }
            _ => false,
        };
        if !known {
            return self.answer_now(now, key, request, &Answer::new(481));
        }
        let pending = leg.pending.as_ref().map(|pending| pending.request.clone());
        let offered = pending.is_some_and(|core| Request { core }.sdp().is_some());
        if let Some(reliable) = &mut leg.reliable {
            reliable.sent = None;
        }
        self.note(id);
        let sdp = Request { core: request.clone() }.sdp();
        let code = if offered && sdp.is_some() { 488 } else { 200 };
        self.answer_now(now, key, request, &Answer::new(code));
        if let (Some(sdp), 200) = (sdp, code) {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.session.remote = Some(sdp.clone());
            }
            self.event(Event::Acked { leg: id, sdp: Some(sdp) });
        }
        self.go_on(now, id);
    }

    /// What waited for the PRACK.
    fn go_on(&mut self, now: Duration, id: LegId) {
        let Some(reliable) = self.legs.get_mut(&id).and_then(|leg| leg.reliable.as_mut()) else { return };
        if let Some(accept) = reliable.accept.take() {
            let _ = self.accept(now, id, &accept);
        } else if let Some(next) = reliable.waiting.pop_front() {
            let _ = self.progress_reliably(now, id, &next);
        }
    }

    /// Acknowledges a callee's response that wants it (§4); false for one that was
    /// seen before or came too early: it is not handed on.
    pub(super) fn acknowledge_progress(&mut self, now: Duration, id: LegId, response: &Response) -> bool {
        let core = &response.core;
        let Some(rseq) = reliable_number(&core.headers).filter(|_| response.code() > 100) else {
            return true;
        };
        let Some(tag) = to(&core.headers).and_then(|to| to.tag) else { return true };
        let Some(early) = self.early(id, core, &tag) else { return true };
        match early.sequence.accept(rseq) {
            Received::Acknowledge => {}
            Received::Duplicate | Received::OutOfOrder => return false,
        }
        let number = cseq(&core.headers);
        early.dialog.local_cseq += 1;
        let dialog = early.dialog.clone();
        self.note(id);
        let credentials = self.legs.get(&id).and_then(|leg| leg.credentials.clone());
        let rack = RAck { rseq, cseq: number, method: b"INVITE".to_vec() };
        let headers = [("RAck".to_owned(), rack.to_string())];
        if let Ok(prack) = self.build_in_dialog(Method::Prack, &dialog, None, &headers) {
            let _ = self.start(now, prack, dialog.next_hop(), Owner::Nobody, credentials);
        }
        true
    }

    /// The early dialog with this tag; `None` for one too many.
    fn early(&mut self, id: LegId, response: &CoreResponse, tag: &str) -> Option<&mut Early> {
        let leg = self.legs.get_mut(&id).filter(|leg| leg.phase != Phase::Answered)?;
        let at = match leg.early.iter().position(|early| early.tag == tag) {
            Some(at) => at,
            None if leg.early.len() < FORKS_MAX => {
                let mut dialog = leg.dialog.clone();
                establish(&mut dialog, response, tag);
                leg.early.push(Early { tag: tag.to_owned(), dialog, sequence: Sequence::default() });
                leg.early.len() - 1
            }
            None => return None,
        };
        leg.early.get_mut(at)
    }

    /// The numbers that PRACKs took in the dialog that was answered are not used
    /// again.
    pub(super) fn take_over_early(&mut self, id: LegId, tag: &str) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let early = std::mem::take(&mut leg.early).into_iter().find(|early| early.tag == tag);
        let last = early.map_or(0, |early| early.dialog.local_cseq);
        leg.dialog.local_cseq = leg.dialog.local_cseq.max(last);
    }
}

/// Where the responses of one dialog begin to count.
pub(super) fn first_number(tokens: &mut Tokens) -> Numbering {
    Numbering::starting_at(first(tokens))
}

/// Leaves room to count up (§3).
fn first(tokens: &mut Tokens) -> u32 {
    let [a, b, c, d, ..] = tokens.block();
    u32::from_be_bytes([a, b, c, d]) % MAX_FIRST_RSEQ
}

/// The number of a response that must be acknowledged.
fn reliable_number(headers: &Headers) -> Option<u32> {
    let required = header(headers, "Require")?;
    let wants = required.split(',').any(|tag| tag.trim().eq_ignore_ascii_case(OPTION_TAG));
    let RSeq(number) = headers.typed::<RSeq>()?.ok().filter(|_| wants)?;
    Some(number)
}
