//! Requests of peers.

use std::time::Duration;

use sipx_sip::headers::Via;
use sipx_sip::transaction::Dispatch;
use sipx_sip::{Message, Method, Request as Core, TransactionKey};

use super::dialog::{Dialog, contact, cseq, record_routes};
use super::leg::{Leg, Pending, Phase, Session};
use super::transactions::{Due, Key, Owner};
use super::{Ended, Endpoint, Event, Flow, IncomingInvite, LegId, RequestId, reliable};
use crate::message::{from, header, to};
use crate::read::ALLOW;
use crate::{Answer, Replaces, Request, Uri};

/// How long a peer is to leave us alone when calls come faster than we answer. A
/// carrier that obeys stops all its calls meanwhile: not longer than it takes to
/// answer those that wait.
const RETRY_AFTER_S: &str = "1";

impl Endpoint {
    pub(super) fn on_wire_request(&mut self, now: Duration, flow: Flow, request: Request) {
        let core = request.core;
        let flow = reply_flow(&core, flow);
        let is_new = core.method != Method::Ack && !self.transactions.knows(&core);
        if is_new && self.transactions.is_full() {
            self.counters.refused += 1;
            let busy = Answer::new(503).header("Retry-After", "5");
            return self.answer_without_transaction(flow, &core, &busy);
        }
        if is_new && self.offered.len() >= self.config.offered_max && is_first_invite(&core) {
            self.counters.shed += 1;
            let busy = Answer::new(503).header("Retry-After", RETRY_AFTER_S);
            return self.answer_without_transaction(flow, &core, &busy);
        }
        match self.transactions.receive(Message::Request(core), flow.protocol) {
            Dispatch::Created { key, outputs } => {
                let key = self.transactions.adopt(key, flow, Owner::Nobody);
                self.perform(now, &key, outputs);
            }
            Dispatch::Matched { key, outputs } => self.perform(now, &key.into(), outputs),
            Dispatch::Unmatched(message) => {
                if let Message::Request(ack) = *message {
                    self.on_ack(now, &ack);
                }
            }
        }
    }

    /// Nothing is remembered: the same request gets the same answer (RFC 3261 §8.2.7),
    /// and its ACK belongs to nobody.
    fn answer_without_transaction(&mut self, flow: Flow, request: &Core, answer: &Answer) {
        let value = |name| header(&request.headers, name).unwrap_or_default();
        let tag = self.tokens.of(&(value("Via") + &value("Call-ID")));
        if let Ok(response) = self.build_response(request, answer, &tag, flow) {
            self.transmit(flow, Message::Response(response).to_bytes());
        }
    }

    /// A request that no transaction has seen before.
    pub(super) fn on_request(&mut self, now: Duration, key: &Key, request: Core) {
        let Some(flow) = self.transactions.get(key).map(|t| t.flow) else { return };
        if request.method == Method::Cancel {
            return self.on_cancel(now, key, &request);
        }
        if let Some(tag) = to(&request.headers).and_then(|to| to.tag) {
            return self.on_dialog_request(now, key, request, &tag, flow);
        }
        match &request.method {
            Method::Invite => self.on_invite(now, key, request, flow),
            Method::Register | Method::Options => self.on_plain_request(now, key, request, flow),
            Method::Bye | Method::Info | Method::Update | Method::Prack => {
                self.answer_now(now, key, &request, &Answer::new(481));
            }
            method => {
                let code = if matches!(method, Method::Other(_)) { 501 } else { 405 };
                let answer = Answer::new(code).header("Allow", ALLOW);
                self.answer_now(now, key, &request, &answer);
            }
        }
    }

    fn on_plain_request(&mut self, now: Duration, key: &Key, request: Core, flow: Flow) {
        let id = RequestId(self.next_id());
        self.requests.insert(id, key.clone());
        let deadline = now + self.config.timing.deadline();
        self.transactions.schedule(deadline, Due::Unanswered(id));
        self.event(Event::Request { id, flow, request: Request { core: request } });
    }

    fn on_invite(&mut self, now: Duration, key: &Key, request: Core, flow: Flow) {
        if self.legs.len() >= self.config.legs_max {
            let busy = Answer::new(503).header("Retry-After", "5");
            return self.answer_now(now, key, &request, &busy);
        }
        if let Some(answer) = self.too_brief(&request) {
            return self.answer_now(now, key, &request, &answer);
        }
        let trying = Answer::new(100);
        self.answer_with(now, key, &request, &trying, "");
        let leg = LegId(self.next_id());
        let local_tag = self.tokens.short();
        let dialog = incoming_dialog(&request, local_tag.clone(), flow);
        let pending = Some(Pending { key: key.clone(), request: request.clone() });
        if let Some(transaction) = self.transactions.get(key) {
            transaction.owner = Owner::Invite(leg);
        }
        self.tags.insert(local_tag, leg);
        self.offered.insert(leg);
        let request = Request { core: request };
        let session = Session::offered(request.sdp());
        let reliable = reliable::required(&request.core, &mut self.tokens);
        self.legs.insert(
            leg,
            Leg {
                dialog,
                phase: Phase::Offered,
                pending,
                unacked: None,
                inviting: None,
                bye_wanted: false,
                referred: false,
                credentials: None,
                calls: false,
                session,
                reliable,
                early: Vec::new(),
            },
        );
        self.note(leg);
        self.event(Event::Invite(IncomingInvite { leg, flow, request }));
    }

    /// CANCEL: 200 to itself, 487 to the INVITE it names (RFC 3261 §9.2).
    fn on_cancel(&mut self, now: Duration, key: &Key, request: &Core) {
        let invite = TransactionKey::for_cancelled_invite(request);
        let owner = invite.and_then(|k| self.transactions.get(&k).map(|t| t.owner));
        let Some(Owner::Invite(id)) = owner else {
            return self.answer_now(now, key, request, &Answer::new(481));
        };
        self.answer_now(now, key, request, &Answer::new(200));
        let unanswered = self.legs.get(&id).is_some_and(|l| l.phase == Phase::Offered);
        if !unanswered {
            return;
        }
        if let Some(leg) = self.remove_leg(id) {
            self.terminate_pending(now, &leg);
            self.event(Event::Cancelled { leg: id, reason: reason(request) });
        }
    }

    fn terminate_pending(&mut self, now: Duration, leg: &Leg) {
        if let Some(pending) = &leg.pending {
            let (answer, tag) = (Answer::new(487), &leg.dialog.local_tag);
            self.answer_with(now, &pending.key, &pending.request, &answer, tag);
        }
    }

    fn on_dialog_request(&mut self, now: Duration, key: &Key, request: Core, tag: &str, flow: Flow) {
        let Some(id) = self.find_leg(&request, tag) else {
            return self.answer_now(now, key, &request, &Answer::new(481));
        };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let number = cseq(&request.headers);
        if leg.dialog.remote_cseq.is_some_and(|last| number < last) {
            return self.answer_now(now, key, &request, &Answer::new(500));
        }
        leg.dialog.remote_cseq = Some(number);
        if std::mem::replace(&mut leg.dialog.flow, flow) != flow {
            self.note(id);
        }
        match &request.method {
            Method::Bye => self.on_bye(now, key, &request, id),
            Method::Invite | Method::Update => self.on_offer(now, key, request, id),
            Method::Info => self.on_info(now, key, &request, id),
            Method::Notify => self.answer_now(now, key, &request, &Answer::new(200)),
            Method::Refer => self.on_refer(now, key, &request, id),
            Method::Options => self.answer_now(now, key, &request, &options()),
            Method::Prack => self.on_prack(now, key, &request, id),
            method => {
                let code = if matches!(method, Method::Other(_)) { 501 } else { 405 };
                self.answer_now(now, key, &request, &Answer::new(code).header("Allow", ALLOW));
            }
        }
    }

    /// The leg whose dialog the request names by Call-ID and both tags.
    fn find_leg(&self, request: &Core, tag: &str) -> Option<LegId> {
        let id = *self.tags.get(tag)?;
        let dialog = &self.legs.get(&id)?.dialog;
        let remote_tag = from(&request.headers)?.tag.unwrap_or_default();
        let same_call = header(&request.headers, "Call-ID")? == dialog.call_id;
        (same_call && (remote_tag == dialog.remote_tag || dialog.remote_tag.is_empty())).then_some(id)
    }

    /// The leg that a peer names by its dialog with us (RFC 3891 §3).
    pub fn replaced(&self, replaces: &Replaces) -> Option<LegId> {
        let id = *self.tags.get(&replaces.to_tag)?;
        let leg = self.legs.get(&id)?;
        let dialog = &leg.dialog;
        let same = dialog.call_id == replaces.call_id && dialog.remote_tag == replaces.from_tag;
        (same && !(replaces.early_only && leg.phase == Phase::Answered)).then_some(id)
    }

    fn on_bye(&mut self, now: Duration, key: &Key, request: &Core, id: LegId) {
        self.answer_now(now, key, request, &Answer::new(200));
        if let Some(leg) = self.remove_leg(id) {
            self.terminate_pending(now, &leg);
            self.event(Event::Ended { leg: id, cause: Ended::Bye(reason(request)) });
        }
    }

    /// A re-INVITE or UPDATE. Glare gets 491, a second one at a time 500
    /// (RFC 3261 §14.2, RFC 3311 §5.2).
    fn on_offer(&mut self, now: Duration, key: &Key, request: Core, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let is_update = request.method == Method::Update;
        let refused = if leg.inviting.is_some() && leg.phase == Phase::Answered {
            Some(Answer::new(491))
        } else if leg.pending.is_some() || (leg.phase != Phase::Answered && !is_update) {
            Some(Answer::new(500).header("Retry-After", "2"))
        } else {
            self.too_brief(&request)
        };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some(answer) = refused {
            return self.answer_now(now, key, &request, &answer);
        }
        leg.dialog.refresh(&request.headers);
        if is_update && request.body().is_empty() {
            let answer = self.agreed_if_answered(now, id, &request);
            return self.answer_now(now, key, &request, &answer);
        }
        leg.pending = Some(Pending { key: key.clone(), request: request.clone() });
        let sdp = Request { core: request }.sdp();
        if sdp.is_some() {
            leg.session.remote.clone_from(&sdp);
        }
        self.note(id);
        self.event(Event::Offer { leg: id, sdp });
    }

    /// An UPDATE that only refreshes; one before the answer refreshes nothing.
    fn agreed_if_answered(&mut self, now: Duration, id: LegId, request: &Core) -> Answer {
        match self.legs.get(&id).map(|leg| leg.phase) {
            Some(Phase::Answered) => self.agreed(now, id, request, &Answer::new(200)),
            _ => Answer::new(200),
        }
    }

    fn on_info(&mut self, now: Duration, key: &Key, request: &Core, id: LegId) {
        self.answer_now(now, key, request, &Answer::new(200));
        let content_type = header(&request.headers, "Content-Type").unwrap_or_default();
        self.event(Event::Info { leg: id, content_type, body: request.body().clone() });
    }

    /// REFER in a dialog (RFC 3515 §2.4.2). One with Replaces names a dialog of
    /// ours, or is refused: we reach nobody on behalf of others' dialogs.
    fn on_refer(&mut self, now: Duration, key: &Key, request: &Core, id: LegId) {
        let target = header(&request.headers, "Refer-To").unwrap_or_default();
        let start = target.find('<').map_or(0, |at| at + 1);
        let target = target[start..].split('>').next().unwrap_or_default();
        let user = Uri::parse(target).ok().and_then(|uri| uri.user);
        let wanted = Replaces::wanted_by(target);
        let replaces = wanted.clone().flatten().and_then(|replaces| self.replaced(&replaces));
        let user = user.filter(|_| wanted.is_some() == replaces.is_some());
        let Some(user) = user.filter(|_| replaces.is_some() || !target.contains('?')) else {
            return self.answer_now(now, key, request, &Answer::new(400));
        };
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.phase == Phase::Answered) else {
            return self.answer_now(now, key, request, &Answer::new(481));
        };
        let busy = leg.referred;
        leg.referred = true;
        if busy {
            let later = Answer::new(500).header("Retry-After", "5");
            return self.answer_now(now, key, request, &later);
        }
        self.answer_now(now, key, request, &Answer::new(202));
        let _ = self.notify(now, id, 100, "active;expires=60");
        self.event(Event::Refer { leg: id, user, replaces });
    }

    /// The ACK for one of our 2xx.
    pub(super) fn on_ack(&mut self, now: Duration, ack: &Core) {
        let Some(tag) = to(&ack.headers).and_then(|to| to.tag) else { return };
        let Some(id) = self.find_leg(ack, &tag) else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let number = cseq(&ack.headers);
        if leg.unacked.take_if(|u| u.cseq == number).is_none() {
            return;
        }
        let bye_wanted = leg.bye_wanted;
        let sdp = Request { core: ack.clone() }.sdp();
        if sdp.is_some() {
            leg.session.remote.clone_from(&sdp);
        }
        self.note(id);
        if bye_wanted {
            self.send_bye(now, id);
        } else {
            self.event(Event::Acked { leg: id, sdp });
        }
    }

    pub(super) fn answer_now(&mut self, now: Duration, key: &Key, request: &Core, answer: &Answer) {
        let tag = self.tokens.short();
        self.answer_with(now, key, request, answer, &tag);
    }

    pub(super) fn answer_with(
        &mut self,
        now: Duration,
        key: &Key,
        request: &Core,
        answer: &Answer,
        tag: &str,
    ) {
        let Some(flow) = self.transactions.get(key).map(|t| t.flow) else { return };
        if let Ok(response) = self.build_response(request, answer, tag, flow) {
            let outputs = self.transactions.respond(key, response);
            self.perform(now, key, outputs);
        }
    }

    /// Our user forgot a request: the peer must not wait for ever.
    pub(super) fn answer_unanswered(&mut self, now: Duration, id: RequestId) {
        let _ = self.respond(now, id, &Answer::new(500));
    }
}

/// A new call, not a change of one that is up.
fn is_first_invite(request: &Core) -> bool {
    request.method == Method::Invite && to(&request.headers).is_none_or(|to| to.tag.is_none())
}

/// The answer to OPTIONS: what we can do (RFC 3261 §11.2).
pub(super) fn options() -> Answer {
    Answer::new(200)
        .header("Allow", ALLOW)
        .header("Accept", "application/sdp")
        .header("Supported", "timer, 100rel, replaces")
}

fn incoming_dialog(request: &Core, local_tag: String, flow: Flow) -> Dialog {
    let headers = &request.headers;
    let value = |name| header(headers, name).unwrap_or_default();
    Dialog {
        call_id: value("Call-ID"),
        local: format!("{};tag={local_tag}", value("To")),
        local_tag,
        remote: value("From"),
        remote_tag: from(headers).and_then(|f| f.tag).unwrap_or_default(),
        local_cseq: 0,
        remote_cseq: Some(cseq(headers)),
        target: contact(headers).unwrap_or_else(|| Uri::sip("", flow.remote)),
        routes: record_routes(headers),
        flow,
    }
}

/// Where responses go (RFC 3261 §18.2.2, RFC 3581 §4): over the connection, to
/// the source port if the peer wrote `rport`, else to the port in its Via.
fn reply_flow(request: &Core, flow: Flow) -> Flow {
    let Some(Ok(via)) = request.headers.typed::<Via>() else { return flow };
    if flow.protocol.is_stream() || via.rport().is_some() {
        return flow;
    }
    let remote = std::net::SocketAddr::new(flow.remote.ip(), via.port.unwrap_or(5060));
    Flow { remote, ..flow }
}

/// The text of a Reason header (RFC 3326), such as `Q.850;cause=16`.
fn reason(request: &Core) -> Option<String> {
    header(&request.headers, "Reason")
}
