//! Responses to our requests.

use std::time::Duration;

use sipx_sip::transaction::Dispatch;
use sipx_sip::{HeaderName, Message, Method, Request as Core, Response as CoreResponse};

use super::dialog::{Dialog, cseq, record_routes};
use super::leg::Phase;
use super::transactions::{Key, Owner, Transaction};
use super::{Ended, Endpoint, Event, Flow, LegId, RequestId};
use crate::message::{line, replace, to};
use crate::{Response, digest};

/// How often one request may answer a challenge: once, and once more when the
/// nonce was stale.
const ATTEMPTS_MAX: u8 = 2;

impl Endpoint {
    pub(super) fn on_wire_response(&mut self, now: Duration, response: Response) {
        let message = Message::Response(response.core);
        match self.transactions.receive(message, super::Protocol::Udp) {
            Dispatch::Matched { key, outputs } => self.perform(now, &key.into(), outputs),
            Dispatch::Created { .. } | Dispatch::Unmatched(_) => self.counters.dropped += 1,
        }
    }

    pub(super) fn on_response(&mut self, now: Duration, key: &Key, core: CoreResponse) {
        let Some(transaction) = self.transactions.get(key) else { return };
        let owner = transaction.owner;
        let response = Response { core };
        if !self.given_up(owner) && self.asked_better(now, key, owner, &response) {
            return;
        }
        match owner {
            Owner::Invite(leg) => self.on_invite_response(now, key, leg, response),
            Owner::Reinvite(leg) => self.on_reinvite_response(now, key, leg, response),
            Owner::Refresh(leg) => self.on_refresh_response(now, key, leg, &response),
            Owner::Request(id) => self.on_request_response(id, response),
            Owner::Nobody => {}
        }
    }

    /// Nobody wants this call any more: a new INVITE would not be cancelled.
    fn given_up(&self, owner: Owner) -> bool {
        let Owner::Invite(id) = owner else { return false };
        let phase = self.legs.get(&id).map(|leg| leg.phase);
        phase.is_none_or(|phase| matches!(phase, Phase::CancelWanted | Phase::Cancelling))
    }

    /// The request once more, with what the response missed; false where that is nothing.
    fn asked_better(&mut self, now: Duration, key: &Key, owner: Owner, response: &Response) -> bool {
        match (owner, response.code()) {
            (Owner::Invite(leg), 422) => self.invite_for_longer(now, key, leg, response),
            (_, 401 | 407) => self.answer_challenge(now, key, response),
            _ => false,
        }
    }

    /// No response came (408) or the request could not be sent (503).
    pub(super) fn on_no_response(&mut self, now: Duration, key: &Key, code: u16) {
        let Some(transaction) = self.transactions.get(key) else { return };
        match transaction.owner {
            Owner::Invite(leg) => self.leg_failed(leg, code, None),
            Owner::Reinvite(leg) => self.leg_lost(now, leg),
            Owner::Refresh(leg) => self.on_refresh_unanswered(now, leg, code),
            Owner::Request(id) => self.event(Event::Response { id, code, response: None }),
            Owner::Nobody => {}
        }
    }

    fn on_request_response(&mut self, id: RequestId, response: Response) {
        if response.code() >= 200 {
            let code = response.code();
            self.event(Event::Response { id, code, response: Some(response) });
        }
    }

    fn on_invite_response(&mut self, now: Duration, key: &Key, id: LegId, response: Response) {
        match response.code() {
            code if code < 200 => self.on_provisional(now, id, response),
            code if code < 300 => self.on_answer(now, key, id, response),
            code => self.leg_failed(id, code, Some(response)),
        }
    }

    fn on_provisional(&mut self, now: Duration, id: LegId, response: Response) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match leg.phase {
            Phase::Calling => leg.phase = Phase::Proceeding,
            Phase::CancelWanted => return self.send_cancel(now, id),
            Phase::Cancelling => return,
            _ => {}
        }
        if response.code() > 100 && self.acknowledge_progress(now, id, &response) {
            self.event(Event::Progress { leg: id, response });
        }
    }

    /// A 2xx: the dialog is established and acknowledged. A copy is acknowledged
    /// again; a 2xx from another branch of a fork is acknowledged and ended
    /// (RFC 3261 §13.2.2.4); so is one that crossed our CANCEL.
    fn on_answer(&mut self, now: Duration, key: &Key, id: LegId, response: Response) {
        let tag = to(&response.core.headers).and_then(|to| to.tag).unwrap_or_default();
        let earlier = self.transactions.get(key).and_then(|t| t.ack.clone());
        match earlier {
            Some((first, flow, ack)) if first == tag => return self.transmit(flow, ack),
            Some(_) => return self.end_fork(now, key, &response.core),
            None => {}
        }
        let Some(leg) = self.legs.get_mut(&id) else {
            return self.end_fork(now, key, &response.core);
        };
        establish(&mut leg.dialog, &response.core, &tag);
        let cancelled = matches!(leg.phase, Phase::CancelWanted | Phase::Cancelling);
        leg.phase = Phase::Answered;
        leg.inviting = None;
        leg.session.remote = response.sdp().or(leg.session.remote.take());
        let dialog = leg.dialog.clone();
        self.note(id);
        self.acknowledge(key, &dialog);
        self.take_over_early(id, &tag);
        if !cancelled {
            self.adopt(now, id, &response.core.headers);
        }
        if cancelled {
            self.send_bye(now, id);
            self.event(Event::Failed { leg: id, code: 487, response: None });
        } else {
            self.event(Event::Answered { leg: id, response });
        }
    }

    fn acknowledge(&mut self, key: &Key, dialog: &Dialog) {
        let Ok(ack) = self.build_in_dialog(Method::Ack, dialog, None, &[]) else { return };
        let (bytes, flow) = (Message::Request(ack).to_bytes(), dialog.next_hop());
        if let Some(transaction) = self.transactions.get(key) {
            transaction.ack = Some((dialog.remote_tag.clone(), flow, bytes.clone()));
        }
        self.transmit(flow, bytes);
    }

    fn end_fork(&mut self, now: Duration, key: &Key, response: &CoreResponse) {
        let Some(request) = self.transactions.request(key).cloned() else { return };
        let Some(flow) = self.transactions.get(key).map(|t| t.flow) else { return };
        let tag = to(&response.headers).and_then(|to| to.tag).unwrap_or_default();
        let mut dialog = outgoing_dialog(&request, flow);
        establish(&mut dialog, response, &tag);
        if let Ok(ack) = self.build_in_dialog(Method::Ack, &dialog, None, &[]) {
            self.transmit(dialog.next_hop(), Message::Request(ack).to_bytes());
        }
        self.send_bye_in(now, &mut dialog, None);
    }

    fn leg_failed(&mut self, id: LegId, code: u16, response: Option<Response>) {
        let Some(leg) = self.legs.get(&id) else { return };
        if leg.phase != Phase::Answered && leg.phase != Phase::Offered {
            self.remove_leg(id);
            self.event(Event::Failed { leg: id, code, response });
        }
    }

    fn on_reinvite_response(&mut self, now: Duration, key: &Key, id: LegId, response: Response) {
        let code = response.code();
        match code {
            0..200 => {}
            200..300 => {
                if let Some(sdp) = self.reinvite_accepted(now, key, id, &response) {
                    self.event(Event::OfferAnswered { leg: id, sdp });
                }
            }
            408 | 481 => self.leg_lost(now, id),
            _ => {
                let Some(leg) = self.legs.get_mut(&id) else { return };
                leg.inviting = None;
                self.note(id);
                if code != 491 || !self.on_glare(now, id) {
                    self.event(Event::OfferRefused { leg: id, code });
                }
            }
        }
    }

    /// Acknowledges the 2xx to a re-INVITE and gives the description in it; `None`
    /// for a copy, which is acknowledged again.
    pub(super) fn reinvite_accepted(
        &mut self,
        now: Duration,
        key: &Key,
        id: LegId,
        response: &Response,
    ) -> Option<Option<bytes::Bytes>> {
        let repeated = self.transactions.get(key).and_then(|t| t.ack.clone());
        if let Some((_, flow, ack)) = repeated {
            self.transmit(flow, ack);
            return None;
        }
        let leg = self.legs.get_mut(&id)?;
        leg.inviting = None;
        leg.dialog.refresh(&response.core.headers);
        let mut dialog = leg.dialog.clone();
        dialog.local_cseq = response.cseq().map_or(dialog.local_cseq, |(n, _)| n);
        self.note(id);
        self.acknowledge(key, &dialog);
        self.adopt(now, id, &response.core.headers);
        Some(response.sdp())
    }

    /// The peer does not know the dialog or is gone (RFC 3261 §12.2.1.2).
    pub(super) fn leg_lost(&mut self, now: Duration, id: LegId) {
        if self.legs.contains_key(&id) {
            self.send_bye(now, id);
            self.event(Event::Ended { leg: id, cause: Ended::Lost });
        }
    }

    /// Sends the request again with credentials; false when there are none, the
    /// challenge cannot be answered, or it was answered before.
    fn answer_challenge(&mut self, now: Duration, key: &Key, response: &Response) -> bool {
        let Some(transaction) = self.transactions.get(key) else { return false };
        let (owner, flow, attempts) = (transaction.owner, transaction.flow, transaction.attempts);
        let Some(credentials) = transaction.credentials.clone() else { return false };
        if attempts >= ATTEMPTS_MAX || (attempts > 0 && !is_stale(response)) {
            return false;
        }
        let Some(request) = self.transactions.request(key).cloned() else { return false };
        let Some(retry) = self.with_credentials(request, response, &credentials, flow) else {
            return false;
        };
        let number = cseq(&retry.headers);
        let again =
            Transaction { flow, owner, credentials: Some(credentials), attempts: attempts + 1, ack: None };
        let Some((key, outputs)) = self.transactions.start(retry, again) else { return false };
        self.retried(owner, &key, number);
        self.perform(now, &key, outputs);
        true
    }

    pub(super) fn retried(&mut self, owner: Owner, key: &Key, number: u32) {
        let (Owner::Invite(id) | Owner::Reinvite(id) | Owner::Refresh(id)) = owner else { return };
        let by_invite = self.transactions.request(key).is_some_and(|r| r.method == Method::Invite);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.dialog.local_cseq = leg.dialog.local_cseq.max(number);
        if by_invite {
            leg.inviting = Some(key.clone());
        }
        self.note(id);
    }

    /// The same request with a new branch, the next CSeq and an Authorization.
    fn with_credentials(
        &mut self,
        mut request: Core,
        response: &Response,
        credentials: &super::Credentials,
        flow: Flow,
    ) -> Option<Core> {
        let of = |name, proxy| response.headers(name).into_iter().map(move |v| (proxy, v));
        let challenges: Vec<(bool, String)> =
            of("WWW-Authenticate", false).chain(of("Proxy-Authenticate", true)).collect();
        let method = request.method.to_string();
        let uri = request.uri.to_string();
        let cnonce = self.tokens.short();
        let (username, password) = (&credentials.username, &credentials.password);
        let on = (method.as_str(), uri.as_str());
        let (name, value) = digest::answer(&challenges, username, password, on, &cnonce)?;
        let number = cseq(&request.headers) + 1;
        replace(&mut request, HeaderName::Via, self.via(flow))?;
        replace(&mut request, HeaderName::CSeq, format!("{number} {method}"))?;
        let authorization = line(name, value).ok()?;
        request.headers.remove_all(authorization.name());
        request.headers.push(authorization);
        Some(request)
    }
}

fn is_stale(response: &Response) -> bool {
    let values = response.headers("WWW-Authenticate").into_iter();
    let mut all = values.chain(response.headers("Proxy-Authenticate"));
    all.any(|v| v.to_ascii_lowercase().replace(['"', ' '], "").contains("stale=true"))
}

/// The caller's side of a dialog before anybody answered.
pub(super) fn outgoing_dialog(request: &Core, flow: Flow) -> Dialog {
    let headers = &request.headers;
    let value = |name| crate::message::header(headers, name).unwrap_or_default();
    Dialog {
        call_id: value("Call-ID"),
        local: value("From"),
        local_tag: crate::message::from(headers).and_then(|f| f.tag).unwrap_or_default(),
        remote: value("To"),
        remote_tag: String::new(),
        local_cseq: cseq(headers),
        remote_cseq: None,
        target: crate::Uri::from_core(&request.uri),
        routes: Vec::new(),
        flow,
    }
}

/// Completes the caller's side of a dialog from a 2xx (RFC 3261 §12.1.2).
pub(super) fn establish(dialog: &mut Dialog, response: &CoreResponse, tag: &str) {
    dialog.remote = crate::message::header(&response.headers, "To").unwrap_or_default();
    dialog.remote_tag = tag.to_owned();
    dialog.routes = record_routes(&response.headers);
    dialog.routes.reverse();
    dialog.local_cseq = cseq(&response.headers);
    dialog.refresh(&response.headers);
}
