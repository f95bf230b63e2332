//! What the owner of the endpoint can ask for.

use std::time::Duration;

use bytes::Bytes;
use sipx_sip::{HeaderName, Message, Method};

use super::build::Parts;
use super::dialog::{Dialog, cseq};
use super::leg::{Leg, Phase, Session, Unacked};
use super::outbound::outgoing_dialog;
use super::transactions::{Due, Key, Owner, Transaction};
use super::{Ended, Endpoint, Event, LegId, Outbound, OutboundInvite, RequestId};
use crate::message::line;
use crate::{Answer, Error, Replaces, Uri};

impl Endpoint {
    /// Answers a REGISTER or OPTIONS.
    pub fn respond(&mut self, now: Duration, id: RequestId, answer: &Answer) -> Result<(), Error> {
        let key = self.requests.remove(&id).ok_or(Error::NoRequest)?;
        let request = self.transactions.request(&key).cloned().ok_or(Error::NoRequest)?;
        self.answer_now(now, &key, &request, answer);
        Ok(())
    }

    /// Answers OPTIONS with what we can do.
    pub fn respond_options(&mut self, now: Duration, id: RequestId) -> Result<(), Error> {
        self.respond(now, id, &super::inbound::options())
    }

    /// Leaves a request without an answer.
    pub fn ignore_request(&mut self, id: RequestId) {
        if let Some(key) = self.requests.remove(&id) {
            self.transactions.abandon(&key);
        }
    }

    /// Leaves an INVITE without a final answer, as if we were not here.
    pub fn ignore(&mut self, leg: LegId) {
        if let Some(leg) = self.remove_leg(leg)
            && let Some(pending) = leg.pending
        {
            self.transactions.abandon(&pending.key);
        }
    }

    /// Sends 101 to 199 to an INVITE; with a session description it is early
    /// media.
    pub fn progress(&mut self, now: Duration, id: LegId, answer: &Answer) -> Result<(), Error> {
        let leg = self.legs.get(&id).ok_or(Error::NoLeg)?;
        let pending = leg.pending.as_ref().ok_or(Error::WrongState("answered already"))?;
        if !(101..200).contains(&answer.code) {
            return Err(Error::Malformed("status code"));
        }
        self.offered.remove(&id);
        if leg.reliable.is_some() {
            return self.progress_reliably(now, id, answer);
        }
        let (key, request) = (pending.key.clone(), pending.request.clone());
        let tag = leg.dialog.local_tag.clone();
        self.note(id);
        self.answer_with(now, &key, &request, answer, &tag);
        Ok(())
    }

    /// The first answer to this INVITE depends on somebody else, such as a callee who
    /// is rung: it does not count among those that wait for us.
    pub fn excuse(&mut self, id: LegId) {
        self.offered.remove(&id);
    }

    /// What follows of an unanswered INVITE is of another early dialog, as if a proxy
    /// had forked it (RFC 3261 §13.2.2.4): early media that comes from elsewhere cannot
    /// be described otherwise.
    pub fn fork(&mut self, id: LegId) {
        let tag = self.tokens.short();
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.phase == Phase::Offered) else { return };
        let before = std::mem::replace(&mut leg.dialog.local_tag, tag.clone());
        let to = leg.dialog.local.strip_suffix(&format!(";tag={before}"));
        leg.dialog.local = format!("{};tag={tag}", to.unwrap_or(&leg.dialog.local));
        if let Some(reliable) = &mut leg.reliable {
            (reliable.sent, reliable.described) = (None, false);
            reliable.waiting.clear();
            reliable.numbering = super::reliable::first_number(&mut self.tokens);
        }
        self.tags.remove(&before);
        self.tags.insert(tag, id);
        self.note(id);
    }

    /// Answers an INVITE with 200 and repeats it until the ACK. Where the caller has
    /// yet to acknowledge our description it goes after that.
    pub fn accept(&mut self, now: Duration, id: LegId, answer: &Answer) -> Result<(), Error> {
        let leg = self.legs.get(&id).ok_or(Error::NoLeg)?;
        if leg.phase != Phase::Offered {
            return Err(Error::WrongState("answered already"));
        }
        if self.keeps_accept(id, answer)? {
            return Ok(());
        }
        let answer = self.undescribed(id, answer);
        self.send_final(now, id, &answer)
    }

    /// Refuses an INVITE with 300 to 699; the leg is over.
    pub fn reject(&mut self, now: Duration, id: LegId, answer: &Answer) -> Result<(), Error> {
        let leg = self.legs.get(&id).ok_or(Error::NoLeg)?;
        if leg.phase != Phase::Offered || answer.code < 300 {
            return Err(Error::WrongState("answered already"));
        }
        self.send_final(now, id, answer)?;
        self.remove_leg(id);
        Ok(())
    }

    /// Answers the peer's re-INVITE or UPDATE: 200 with a description, or a
    /// refusal, after which the session stays as it was.
    pub fn answer_offer(&mut self, now: Duration, id: LegId, answer: &Answer) -> Result<(), Error> {
        let leg = self.legs.get(&id).ok_or(Error::NoLeg)?;
        let update = leg.pending.as_ref().is_some_and(|pending| pending.request.method == Method::Update);
        if leg.phase != Phase::Answered && !update {
            return Err(Error::WrongState("not answered yet"));
        }
        self.send_final(now, id, answer)
    }

    fn send_final(&mut self, now: Duration, id: LegId, answer: &Answer) -> Result<(), Error> {
        self.offered.remove(&id);
        let leg = self.legs.get_mut(&id).ok_or(Error::NoLeg)?;
        let pending = leg.pending.take().ok_or(Error::WrongState("nothing to answer"))?;
        let (tag, flow) = (leg.dialog.local_tag.clone(), leg.dialog.flow);
        let invited = pending.request.method == Method::Invite;
        let accepted = answer.code < 300 && invited;
        let answer = match answer.code {
            200..300 if invited || leg.phase == Phase::Answered => {
                leg.session.local = answer.sdp.clone().or(leg.session.local.take());
                &self.agreed(now, id, &pending.request, answer)
            }
            _ => answer,
        };
        let response = self.build_response(&pending.request, answer, &tag, flow)?;
        let bytes = Message::Response(response.clone()).to_bytes();
        let outputs = self.transactions.respond(&pending.key, response);
        self.perform(now, &pending.key, outputs);
        if accepted {
            self.await_ack(now, id, pending.request, bytes);
        }
        self.note(id);
        Ok(())
    }

    fn await_ack(&mut self, now: Duration, id: LegId, invite: sipx_sip::Request, bytes: Bytes) {
        let (timing, cseq) = (self.config.timing, cseq(&invite.headers));
        let invite = self.config.kept.then_some(invite);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.phase = Phase::Answered;
        let (interval, give_up_at) = (timing.t1, now + timing.deadline());
        leg.unacked = Some(Unacked { cseq, bytes, interval, give_up_at, invite });
        self.transactions.schedule(now + interval, Due::Unacked(id, cseq));
    }

    /// The ACK is late: our 2xx again, or BYE after 64 × T1 (RFC 3261 §13.3.1.4).
    pub(super) fn retransmit_answer(&mut self, now: Duration, id: LegId, cseq: u32) {
        let t2 = self.config.timing.t2;
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(unacked) = leg.unacked.as_mut().filter(|u| u.cseq == cseq) else { return };
        if now >= unacked.give_up_at {
            self.send_bye(now, id);
            return self.event(Event::Ended { leg: id, cause: Ended::NoAck });
        }
        unacked.interval = (unacked.interval * 2).min(t2);
        let (at, bytes) = (now + unacked.interval, unacked.bytes.clone());
        let at = at.min(unacked.give_up_at);
        let flow = leg.dialog.flow;
        self.transmit(flow, bytes);
        self.transactions.schedule(at, Due::Unacked(id, cseq));
    }

    /// Calls somebody.
    pub fn invite(&mut self, now: Duration, invite: OutboundInvite) -> Result<LegId, Error> {
        if self.legs.len() >= self.config.legs_max {
            return Err(Error::Exhausted("legs"));
        }
        let (tag, call_id) = (self.tokens.short(), self.tokens.long());
        let reliable = ("Supported".to_owned(), "100rel".to_owned());
        let headers = [invite.headers, self.asking(None, None), vec![reliable]].concat();
        let request = self.build_request(Parts {
            method: Method::Invite,
            uri: invite.uri,
            flow: invite.flow,
            from: &format!("{};tag={tag}", invite.from),
            to: &invite.to.to_string(),
            call_id: &call_id,
            cseq: 1,
            routes: &invite.routes,
            headers: &headers,
            sdp: Some(invite.sdp.clone()),
        })?;
        let id = LegId(self.next_id());
        let dialog = outgoing_dialog(&request, invite.flow);
        let owner = Owner::Invite(id);
        let credentials = invite.credentials;
        self.tags.insert(tag, id);
        let mut leg = new_leg(dialog, credentials.clone());
        leg.session.local = Some(invite.sdp);
        self.legs.insert(id, leg);
        let started = self.start(now, request, invite.flow, owner, credentials);
        match started {
            Ok(key) => self.set_inviting(id, &key),
            Err(error) => {
                self.remove_leg(id);
                return Err(error);
            }
        }
        Ok(id)
    }

    /// The peer of a leg says by a registration that it is at another connection
    /// now, by the contact that it is known by (RFC 5626 §4.3).
    pub fn moved(&mut self, id: LegId, contact: &Uri, flow: super::Flow) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let target = &leg.dialog.target;
        let same = (&target.user, &target.host, target.port) == (&contact.user, &contact.host, contact.port);
        if same && leg.dialog.flow.protocol.is_stream() {
            leg.dialog.flow = flow;
        }
    }

    pub(super) fn set_inviting(&mut self, id: LegId, key: &Key) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.inviting = Some(key.clone());
            self.note(id);
        }
    }

    /// Changes the session of an answered leg (hold, new address).
    pub fn offer(&mut self, now: Duration, id: LegId, sdp: Bytes) -> Result<(), Error> {
        let leg = self.legs.get_mut(&id).ok_or(Error::NoLeg)?;
        let busy = leg.inviting.is_some() || leg.pending.is_some() || leg.unacked.is_some();
        if leg.phase != Phase::Answered || busy {
            return Err(Error::WrongState("an offer is under way"));
        }
        leg.dialog.local_cseq += 1;
        leg.session.local = Some(sdp.clone());
        let (dialog, credentials) = (leg.dialog.clone(), leg.credentials.clone());
        let headers = self.asking_again(id);
        let request = self.build_in_dialog(Method::Invite, &dialog, Some(sdp), &headers)?;
        let owner = Owner::Reinvite(id);
        let key = self.start(now, request, dialog.next_hop(), owner, credentials)?;
        self.set_inviting(id, &key);
        Ok(())
    }

    /// Sends a request outside any dialog.
    pub fn request(&mut self, now: Duration, outbound: Outbound) -> Result<RequestId, Error> {
        let (tag, fresh) = (self.tokens.short(), self.tokens.long());
        let method = Method::parse(&Bytes::from(outbound.method));
        let request = self.build_request(Parts {
            method,
            uri: outbound.uri,
            flow: outbound.flow,
            from: &format!("{};tag={tag}", outbound.from),
            to: &outbound.to.to_string(),
            call_id: &outbound.call_id.unwrap_or(fresh),
            cseq: outbound.cseq,
            routes: &[],
            headers: &outbound.headers,
            sdp: None,
        })?;
        let id = RequestId(self.next_id());
        self.start(now, request, outbound.flow, Owner::Request(id), outbound.credentials)?;
        Ok(id)
    }

    /// Sends the peer something within the dialog that changes nothing about it,
    /// such as a key (RFC 6086, `application/dtmf-relay`).
    pub fn info(&mut self, now: Duration, id: LegId, content_type: &str, body: Bytes) -> Result<(), Error> {
        let leg = self.legs.get_mut(&id).ok_or(Error::NoLeg)?;
        if leg.phase != Phase::Answered {
            return Err(Error::WrongState("not answered yet"));
        }
        leg.dialog.local_cseq += 1;
        let (dialog, credentials) = (leg.dialog.clone(), leg.credentials.clone());
        let mut request = self.build_in_dialog(Method::Info, &dialog, None, &[])?;
        request.headers.push(line("Content-Type", content_type.to_owned())?);
        request.headers.remove_all(&HeaderName::ContentLength);
        request.headers.push(line("Content-Length", body.len().to_string())?);
        request.set_body(body);
        self.start(now, request, dialog.next_hop(), Owner::Nobody, credentials)?;
        Ok(())
    }

    /// The dialog as the peer would be asked to replace it.
    pub fn dialog(&self, id: LegId) -> Option<Replaces> {
        let dialog = &self.legs.get(&id)?.dialog;
        let (to_tag, from_tag) = (dialog.remote_tag.clone(), dialog.local_tag.clone());
        Some(Replaces { call_id: dialog.call_id.clone(), to_tag, from_tag, early_only: false })
    }

    /// Asks the peer to call somebody else (RFC 3515), in the place of a dialog that
    /// is there already.
    pub fn refer(
        &mut self,
        now: Duration,
        id: LegId,
        to: &Uri,
        replaces: Option<&Replaces>,
    ) -> Result<(), Error> {
        let leg = self.legs.get_mut(&id).ok_or(Error::NoLeg)?;
        if leg.phase != Phase::Answered {
            return Err(Error::WrongState("not answered yet"));
        }
        leg.dialog.local_cseq += 1;
        let (dialog, credentials) = (leg.dialog.clone(), leg.credentials.clone());
        let wanted = replaces.map(|r| format!("?Replaces={}", r.escaped())).unwrap_or_default();
        let headers = [("Refer-To".to_owned(), format!("<{to}{wanted}>"))];
        let request = self.build_in_dialog(Method::Refer, &dialog, None, &headers)?;
        self.start(now, request, dialog.next_hop(), Owner::Nobody, credentials)?;
        Ok(())
    }

    /// Says how the transfer went that the peer asked for: 200, or why not. Nothing
    /// happens if it asked for none.
    pub fn refer_ended(&mut self, now: Duration, id: LegId, code: u16) -> Result<(), Error> {
        let leg = self.legs.get_mut(&id).ok_or(Error::NoLeg)?;
        if !std::mem::take(&mut leg.referred) {
            return Ok(());
        }
        self.notify(now, id, code, "terminated;reason=noresource")
    }

    /// NOTIFY of a REFER's progress (RFC 3515 §2.4.5).
    pub(super) fn notify(&mut self, now: Duration, id: LegId, code: u16, state: &str) -> Result<(), Error> {
        let leg = self.legs.get_mut(&id).ok_or(Error::NoLeg)?;
        leg.dialog.local_cseq += 1;
        let (dialog, credentials) = (leg.dialog.clone(), leg.credentials.clone());
        let headers =
            [("Event".to_owned(), "refer".to_owned()), ("Subscription-State".to_owned(), state.to_owned())];
        let method = Method::parse(&Bytes::from_static(b"NOTIFY"));
        let mut request = self.build_in_dialog(method, &dialog, None, &headers)?;
        let fragment = format!("SIP/2.0 {code} {}\r\n", Answer::new(code).phrase());
        request.headers.push(line("Content-Type", "message/sipfrag;version=2.0")?);
        request.headers.remove_all(&HeaderName::ContentLength);
        request.headers.push(line("Content-Length", fragment.len().to_string())?);
        request.set_body(Bytes::from(fragment));
        self.start(now, request, dialog.next_hop(), Owner::Nobody, credentials)?;
        Ok(())
    }

    /// Ends a leg in whatever way its state asks for: an unanswered call of a
    /// peer is refused with `code`, ours is cancelled (a `Failed` with 487
    /// follows), an answered one gets BYE. `reason` is a Reason header value.
    pub fn hang_up(
        &mut self,
        now: Duration,
        id: LegId,
        code: u16,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        let leg = self.legs.get_mut(&id).ok_or(Error::NoLeg)?;
        match leg.phase {
            Phase::Offered => return self.reject(now, id, &with_reason(Answer::new(code), reason)),
            Phase::Calling => {
                leg.phase = Phase::CancelWanted;
                self.note(id);
            }
            Phase::Proceeding => self.send_cancel(now, id),
            Phase::CancelWanted | Phase::Cancelling => {}
            Phase::Answered if leg.unacked.is_some() => {
                leg.bye_wanted = true;
                self.note(id);
            }
            Phase::Answered => self.send_bye_because(now, id, reason),
        }
        Ok(())
    }

    pub(super) fn send_cancel(&mut self, now: Duration, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.phase = Phase::Cancelling;
        let key = leg.inviting.clone();
        self.note(id);
        let Some(key) = key else { return };
        let Some(flow) = self.transactions.get(&key).map(|t| t.flow) else { return };
        let Some(cancel) = self.transactions.request(&key).and_then(cancel_for) else { return };
        let _ = self.start(now, cancel, flow, Owner::Nobody, None);
        let deadline = now + self.config.timing.deadline();
        self.transactions.schedule(deadline, Due::CancelGiveUp(id));
    }

    pub(super) fn give_up_cancelling(&mut self, id: LegId) {
        let waiting = self.legs.get(&id).is_some_and(|l| l.phase == Phase::Cancelling);
        if !waiting {
            return;
        }
        if let Some(key) = self.remove_leg(id).and_then(|leg| leg.inviting) {
            self.transactions.fail(&key);
            self.transactions.abandon(&key);
        }
        self.event(Event::Failed { leg: id, code: 487, response: None });
    }

    pub(super) fn send_bye(&mut self, now: Duration, id: LegId) {
        self.send_bye_because(now, id, None);
    }

    fn send_bye_because(&mut self, now: Duration, id: LegId, reason: Option<&str>) {
        let Some(mut leg) = self.remove_leg(id) else { return };
        if let Some(pending) = leg.pending.take() {
            let tag = leg.dialog.local_tag.clone();
            self.answer_with(now, &pending.key, &pending.request, &Answer::new(487), &tag);
        }
        let credentials = leg.credentials.take();
        let reason = reason.map(|r| ("Reason".to_owned(), r.to_owned()));
        self.bye(now, &mut leg.dialog, credentials, reason);
    }

    pub(super) fn send_bye_in(
        &mut self,
        now: Duration,
        dialog: &mut Dialog,
        credentials: Option<super::Credentials>,
    ) {
        self.bye(now, dialog, credentials, None);
    }

    fn bye(
        &mut self,
        now: Duration,
        dialog: &mut Dialog,
        credentials: Option<super::Credentials>,
        reason: Option<(String, String)>,
    ) {
        dialog.local_cseq += 1;
        let headers: Vec<_> = reason.into_iter().collect();
        if let Ok(bye) = self.build_in_dialog(Method::Bye, dialog, None, &headers) {
            let _ = self.start(now, bye, dialog.next_hop(), Owner::Nobody, credentials);
        }
    }

    pub(super) fn start(
        &mut self,
        now: Duration,
        request: sipx_sip::Request,
        flow: super::Flow,
        owner: Owner,
        credentials: Option<super::Credentials>,
    ) -> Result<Key, Error> {
        let transaction = Transaction { flow, owner, credentials, attempts: 0, ack: None };
        let started = self.transactions.start(request, transaction);
        let (key, outputs) = started.ok_or(Error::Exhausted("transactions"))?;
        self.perform(now, &key, outputs);
        Ok(key)
    }
}

fn with_reason(answer: Answer, reason: Option<&str>) -> Answer {
    match reason {
        Some(reason) => answer.header("Reason", reason),
        None => answer,
    }
}

fn new_leg(dialog: Dialog, credentials: Option<super::Credentials>) -> Leg {
    Leg {
        dialog,
        phase: Phase::Calling,
        pending: None,
        unacked: None,
        inviting: None,
        bye_wanted: false,
        referred: false,
        credentials,
        calls: true,
        session: Session::default(),
        reliable: None,
        early: Vec::new(),
    }
}

/// The CANCEL of an INVITE: same branch, target and number (RFC 3261 §9.1).
fn cancel_for(invite: &sipx_sip::Request) -> Option<sipx_sip::Request> {
    let mut cancel = sipx_sip::Request::new(Method::Cancel, invite.uri.clone());
    cancel.headers.push(invite.headers.get(&HeaderName::Via)?.clone());
    for name in [HeaderName::MaxForwards, HeaderName::From, HeaderName::To, HeaderName::CallId] {
        cancel.headers.push(invite.headers.get(&name)?.clone());
    }
    let number = cseq(&invite.headers);
    cancel.headers.push(line("CSeq", format!("{number} CANCEL")).ok()?);
    for route in invite.headers.get_all(&HeaderName::Route) {
        cancel.headers.push(route.clone());
    }
    cancel.headers.push(line("Content-Length", "0").ok()?);
    Some(cancel)
}
