//! Legs that outlive the endpoint: what a successor needs to go on with one, and
//! how it takes it up.
//!
//! A successor knows what its predecessor wrote last and not what happened since.
//! So a leg that is taken up numbers its requests well above anything that may have
//! been sent, sends again what waits for a response, with the same branch, and
//! leaves to the peer to repeat what was not answered.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sipx_sip::rel::{Numbering, Sequence};
use sipx_sip::session::Session as Times;
use sipx_sip::transaction::Dispatch;
use sipx_sip::{Limits, Message, Method, Output as CoreOutput, Request as Core, parse_datagram};

use super::dialog::Dialog;
use super::leg::{Early, Leg, Pending, Phase, Reliable, Sent, Session, Unacked};
use super::transactions::{Due, Key, Owner};
use super::{Credentials, Endpoint, Event, Flow, LegId};
use crate::{Answer, Error, Request, Uri};

/// More than the requests that a leg sends between two of its states being kept: a
/// number lower than one before is answered with 500 (RFC 3261 §12.2.2).
const NUMBERS: u32 = 1_000;

/// A leg as a successor of its endpoint takes it up. Its form on disk is that of
/// serde; times are relative to the moment that it was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptLeg {
    id: LegId,
    dialog: Dialog,
    phase: Phase,
    /// The peer's INVITE or re-INVITE as received, while it has no acknowledged final
    /// answer, and the way that responses go.
    invite: Option<(Bytes, Flow)>,
    unacked: Option<(u32, Bytes)>,
    inviting: Option<Inviting>,
    bye_wanted: bool,
    referred: bool,
    credentials: Option<Credentials>,
    calls: bool,
    session: KeptSession,
    reliable: Option<KeptReliable>,
    early: Vec<KeptEarly>,
}

/// Our INVITE or re-INVITE in flight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Inviting {
    request: Bytes,
    flow: Flow,
    change: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptSession {
    local: Option<Bytes>,
    remote: Option<Bytes>,
    updates: bool,
    interval: Duration,
    ours: bool,
    shared: bool,
    left: Duration,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptReliable {
    next: u32,
    sent: Option<(u32, Bytes, bool)>,
    waiting: VecDeque<Answer>,
    accept: Option<Answer>,
    described: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptEarly {
    tag: String,
    dialog: Dialog,
    last: Option<u32>,
}

impl KeptLeg {
    /// The leg's name, the same in every endpoint that has it.
    pub fn id(&self) -> LegId {
        self.id
    }

    /// The way that the peer's messages came last.
    pub fn flow(&self) -> Flow {
        self.dialog.flow
    }

    /// Where the peer wants to be reached: the next hop of what we send.
    pub fn target(&self) -> Uri {
        self.dialog.hop()
    }

    /// Goes on by another way: the connection is gone, or is named anew.
    pub fn set_flow(&mut self, flow: Flow) {
        self.dialog.flow = flow;
        self.early.iter_mut().for_each(|early| early.dialog.flow = flow);
        if let Some((_, answers)) = &mut self.invite {
            *answers = flow;
        }
        if let Some(inviting) = &mut self.inviting {
            inviting.flow = flow;
        }
    }
}

impl Endpoint {
    /// Notes that a successor must learn of this leg anew; nothing where nobody asks.
    pub(super) fn note(&mut self, id: LegId) {
        if self.config.kept {
            self.noted.insert(id);
        }
    }

    /// The legs that changed, or ended, since the last time: what a successor needs
    /// of them is to be kept before anything more is sent. Empty unless
    /// [`super::Config::kept`].
    pub fn take_noted(&mut self) -> impl Iterator<Item = LegId> + use<> {
        std::mem::take(&mut self.noted).into_iter()
    }

    /// Whether anything was noted.
    pub fn has_noted(&self) -> bool {
        !self.noted.is_empty()
    }

    /// The leg as it is now; `None`: it is over.
    pub fn kept(&self, now: Duration, id: LegId) -> Option<KeptLeg> {
        let leg = self.legs.get(&id)?;
        let unanswered = leg.pending.as_ref().filter(|pending| pending.request.method == Method::Invite);
        let unacked = leg.unacked.as_ref();
        let invite = unanswered.map(|pending| &pending.request);
        let invite = invite.or(unacked.and_then(|unacked| unacked.invite.as_ref()));
        Some(KeptLeg {
            id,
            dialog: leg.dialog.clone(),
            phase: leg.phase,
            invite: invite.map(|request| (bytes(request), leg.dialog.flow)),
            unacked: unacked.map(|unacked| (unacked.cseq, unacked.bytes.clone())),
            inviting: leg.inviting.as_ref().and_then(|key| self.in_flight(key)),
            bye_wanted: leg.bye_wanted,
            referred: leg.referred,
            credentials: leg.credentials.clone(),
            calls: leg.calls,
            session: keep_session(now, &leg.session),
            reliable: leg.reliable.as_ref().map(keep_reliable),
            early: leg.early.iter().map(keep_early).collect(),
        })
    }

    fn in_flight(&self, key: &Key) -> Option<Inviting> {
        let transaction = self.transactions.known(key)?;
        let change = match transaction.owner {
            Owner::Invite(_) => false,
            Owner::Reinvite(_) => true,
            Owner::Refresh(_) | Owner::Request(_) | Owner::Nobody => return None,
        };
        let request = bytes(self.transactions.request(key)?);
        Some(Inviting { request, flow: transaction.flow, change })
    }

    /// Goes on with a leg that another endpoint kept `down` ago, under its old name.
    pub fn take_up(&mut self, now: Duration, kept: KeptLeg, down: Duration) -> Result<LegId, Error> {
        let id = kept.id;
        if self.legs.len() >= self.config.legs_max {
            return Err(Error::Exhausted("legs"));
        }
        if self.legs.contains_key(&id) || self.tags.contains_key(&kept.dialog.local_tag) {
            return Err(Error::WrongState("taken up already"));
        }
        self.last_id = self.last_id.max(id.0);
        let KeptLeg { mut dialog, phase, invite, unacked, inviting, early, .. } = kept;
        if matches!(phase, Phase::Offered | Phase::Answered) {
            dialog.local_cseq += NUMBERS;
        }
        // Whoever was to be cancelled is cancelled once more, at the first response.
        let phase = if phase == Phase::Cancelling { Phase::CancelWanted } else { phase };
        self.tags.insert(dialog.local_tag.clone(), id);
        let flow = dialog.flow;
        let leg = Leg {
            dialog,
            phase,
            pending: None,
            unacked: None,
            inviting: None,
            bye_wanted: kept.bye_wanted,
            referred: kept.referred,
            credentials: kept.credentials,
            calls: kept.calls,
            session: session(&kept.session),
            reliable: kept.reliable.map(|reliable| take_up_reliable(now, reliable, &self.config.timing)),
            early: early.into_iter().map(take_up_early).collect(),
        };
        self.legs.insert(id, leg);
        let begun = match (invite, inviting) {
            (Some((invite, answers)), _) => self.receive_again(now, id, &invite, answers),
            (None, Some(inviting)) => self.send_again(now, id, &inviting),
            (None, None) => Ok(()),
        };
        begun.inspect_err(|_| drop(self.remove_leg(id)))?;
        match unacked {
            Some((number, bytes)) => self.repeat_unacked(now, id, number, bytes, flow),
            None => self.offered_again(id),
        }
        self.repeat_unpracked(now, id);
        self.keep_session_up(now, id, kept.session.left.saturating_sub(down));
        self.note(id);
        Ok(id)
    }

    /// The peer's INVITE is in its transaction again: what the peer repeats is known.
    fn receive_again(&mut self, now: Duration, id: LegId, invite: &Bytes, flow: Flow) -> Result<(), Error> {
        let request = request(invite)?;
        let received = self.transactions.receive(Message::Request(request.clone()), flow.protocol);
        let Dispatch::Created { key, outputs } = received else {
            return Err(Error::WrongState("taken up already"));
        };
        let key = self.transactions.adopt(key, flow, Owner::Invite(id));
        let timers = outputs.into_iter().filter(|output| matches!(output, CoreOutput::SetTimer { .. }));
        self.perform(now, &key, timers.collect());
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.pending = Some(Pending { key, request });
        }
        Ok(())
    }

    /// A change that the peer wants and that was being answered: our user hears of it
    /// again.
    fn offered_again(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.phase == Phase::Answered) else { return };
        let Some(pending) = &leg.pending else { return };
        let sdp = Request { core: pending.request.clone() }.sdp();
        self.event(Event::Offer { leg: id, sdp });
    }

    /// The request once more with its branch: to the peer it is a repetition, whose
    /// response comes again.
    fn send_again(&mut self, now: Duration, id: LegId, inviting: &Inviting) -> Result<(), Error> {
        let request = request(&inviting.request)?;
        let owner = if inviting.change { Owner::Reinvite(id) } else { Owner::Invite(id) };
        let credentials = self.legs.get(&id).and_then(|leg| leg.credentials.clone());
        let key = self.start(now, request, inviting.flow, owner, credentials)?;
        self.set_inviting(id, &key);
        Ok(())
    }

    /// Our 2xx goes on being repeated until the ACK. The INVITE's transaction, where
    /// there is one, knows it again too.
    fn repeat_unacked(&mut self, now: Duration, id: LegId, cseq: u32, bytes: Bytes, flow: Flow) {
        let timing = self.config.timing;
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let pending = leg.pending.take();
        let invite = pending.as_ref().map(|pending| pending.request.clone());
        let (interval, give_up_at) = (timing.t1, now + timing.deadline());
        leg.unacked = Some(Unacked { cseq, bytes: bytes.clone(), interval, give_up_at, invite });
        self.transactions.schedule(now + interval, Due::Unacked(id, cseq));
        let response = parse_datagram(bytes.clone(), &Limits::stream());
        match (pending, response) {
            (Some(pending), Ok(Message::Response(response))) => {
                let outputs = self.transactions.respond(&pending.key, response);
                self.perform(now, &pending.key, outputs);
            }
            _ => self.transmit(flow, bytes),
        }
    }

    fn repeat_unpracked(&mut self, now: Duration, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let Some(sent) = leg.reliable.as_ref().and_then(|reliable| reliable.sent.as_ref()) else { return };
        let (flow, bytes, at, rseq) = (leg.dialog.flow, sent.bytes.clone(), now + sent.interval, sent.rseq);
        self.transmit(flow, bytes);
        self.transactions.schedule(at, Due::Unpracked(id, rseq));
    }

    fn keep_session_up(&mut self, now: Duration, id: LegId, left: Duration) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.session.interval.is_zero()) else { return };
        let (interval, ours) = (leg.session.interval, leg.session.ours);
        leg.session.expires_at = now + left;
        let before = interval - Times { interval, we_refresh: ours }.act_after();
        self.wake(id, now + left.saturating_sub(before));
    }

    /// The same leg by another way, whose peer came back by it.
    pub fn reroute(&mut self, id: LegId, flow: Flow) {
        if let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.dialog.flow != flow) {
            leg.dialog.flow = flow;
            self.note(id);
        }
    }

    /// The peer's last description, and ours.
    pub fn descriptions(&self, id: LegId) -> (Option<Bytes>, Option<Bytes>) {
        let session = self.legs.get(&id).map(|leg| &leg.session);
        session.map(|session| (session.remote.clone(), session.local.clone())).unwrap_or_default()
    }

    /// Whether the session can be changed by [`Endpoint::offer`].
    pub fn is_answered(&self, id: LegId) -> bool {
        self.legs.get(&id).is_some_and(|leg| leg.phase == Phase::Answered)
    }
}

impl Dialog {
    /// Whom a request goes to first: a route, or the target.
    fn hop(&self) -> Uri {
        let (target, routes) = self.request_line();
        routes.first().and_then(|route| super::dialog::route_uri(route)).unwrap_or(target)
    }
}

fn bytes(request: &Core) -> Bytes {
    Message::Request(request.clone()).to_bytes()
}

fn request(bytes: &Bytes) -> Result<Core, Error> {
    match parse_datagram(bytes.clone(), &Limits::stream()) {
        Ok(Message::Request(request)) => Ok(request),
        _ => Err(Error::Malformed("kept request")),
    }
}

fn keep_session(now: Duration, session: &Session) -> KeptSession {
    KeptSession {
        local: session.local.clone(),
        remote: session.remote.clone(),
        updates: session.updates,
        interval: session.interval,
        ours: session.ours,
        shared: session.shared,
        left: session.expires_at.saturating_sub(now),
    }
}

fn session(kept: &KeptSession) -> Session {
    Session {
        local: kept.local.clone(),
        remote: kept.remote.clone(),
        updates: kept.updates,
        interval: kept.interval,
        ours: kept.ours,
        shared: kept.shared,
        ..Session::default()
    }
}

fn keep_reliable(reliable: &Reliable) -> KeptReliable {
    let mut numbering = reliable.numbering;
    let sent = reliable.sent.as_ref();
    let next = numbering.allocate().or(sent.map(|sent| sent.rseq)).unwrap_or(1);
    KeptReliable {
        next,
        sent: sent.map(|sent| (sent.rseq, sent.bytes.clone(), sent.describes)),
        waiting: reliable.waiting.clone(),
        accept: reliable.accept.clone(),
        described: reliable.described,
    }
}

fn take_up_reliable(now: Duration, kept: KeptReliable, timing: &super::Timing) -> Reliable {
    let KeptReliable { next, sent, waiting, accept, described } = kept;
    let mut numbering = Numbering::starting_at(next);
    let (interval, give_up_at) = (timing.t1, now + timing.deadline());
    let sent = sent.map(|(rseq, bytes, describes)| {
        let _ = numbering.allocate();
        Sent { rseq, bytes, interval, give_up_at, describes }
    });
    Reliable { numbering, sent, waiting, accept, described }
}

fn keep_early(early: &Early) -> KeptEarly {
    KeptEarly { tag: early.tag.clone(), dialog: early.dialog.clone(), last: early.sequence.last() }
}

fn take_up_early(kept: KeptEarly) -> Early {
    let KeptEarly { tag, mut dialog, last } = kept;
    let mut sequence = Sequence::default();
    if let Some(last) = last {
        let _ = sequence.accept(last);
    }
    dialog.local_cseq += NUMBERS;
    Early { tag, dialog, sequence }
}
