//! Who is let in: calls of trunks, registrations of phones, OPTIONS; the others
//! hear 403 a few times and then nothing.

use std::sync::Arc;
use std::time::Duration;

use call::Entry;
use sip::digest::{Algorithm, Authorization, Secret, Verdict};
use sip::guard::Refuse;
use sip::registrar::Change;
use sip::{Answer, Flow, IncomingInvite, Party, Replaces, Request, RequestId};
use types::config::CallerSource;
use types::{CallId, LegId, Numbering, RecordingId};

use crate::driver::{self, Dialled, NewCall, PhoneLeg};
use crate::edge::{Edge, Holder};
use crate::trunk::{Directory, Number, Phone, Trunk, read};

/// Tells a company's full lines from a busy callee: no circuit is free (Q.850).
const COMPANY_FULL: &str = "Q.850;cause=34;text=\"all lines of the company are in use\"";
/// A carrier that is too fast may come back so soon, seconds.
const TOO_FAST: &str = "1";

/// What becomes of an INVITE.
enum Decision {
    Admit {
        number: Arc<Number>,
        trunk: Trunk,
    },
    Challenge(Ask),
    /// An agent's phone calls.
    Phone {
        username: String,
        of: Phone,
    },
    NotFound,
    Stranger,
}

/// A proof that is asked for.
enum Ask {
    /// Of whoever goes by this name.
    First(String),
    /// The password was right, its nonce was not fresh any more: the same once more.
    Again(Algorithm),
}

impl Edge {
    pub(crate) fn on_invite(&mut self, now: Duration, invite: IncomingInvite) {
        if self.drain.draining() {
            let busy = Answer::new(503).header("Retry-After", "5");
            let _ = self.stack.endpoint.reject(now, invite.leg, &busy);
            return;
        }
        let directory = self.directory.borrow().clone();
        match self.decide(now, &directory, &invite) {
            Decision::Admit { number, trunk } => self.admit(now, invite, &number, trunk),
            Decision::Challenge(ask) => {
                let answer = self.challenge(now, &ask, invite.flow);
                let _ = self.stack.endpoint.reject(now, invite.leg, &answer);
            }
            Decision::NotFound => {
                tracing::info!(source = %invite.flow.remote, uri = %invite.request.uri(), "unknown number");
                let _ = self.stack.endpoint.reject(now, invite.leg, &Answer::new(404));
            }
            Decision::Phone { username, of } => self.phone_calls(now, &directory, invite, username, of),
            Decision::Stranger => self.refuse_call(now, invite),
        }
    }

    /// By source address first; a number that is not of that trunk's tenant may
    /// still be reached with credentials, as from any other address.
    fn decide(&mut self, now: Duration, directory: &Directory, invite: &IncomingInvite) -> Decision {
        let address = invite.flow.remote.ip();
        if let Some(trunk) = directory.source(address)
            && let Some(number) = dialled_through(directory, &invite.request, trunk)
        {
            return Decision::Admit { number, trunk: trunk.clone() };
        }
        if let Some(authorization) = authorization(&invite.request) {
            return self.decide_by_digest(now, directory, invite, &authorization);
        }
        let numbers = dialled(directory, &invite.request, None);
        let named = directory.named(&user(&invite.request));
        let caller = invite.request.from().map(|from| from.user().to_owned()).unwrap_or_default();
        let by_digest = numbers.iter().chain(named).any(|number| directory.takes_digest(&number.tenant));
        if by_digest || directory.phone(&caller).is_some() {
            Decision::Challenge(Ask::First(caller))
        } else if self.gate.knows(now, address) {
            Decision::NotFound
        } else {
            Decision::Stranger
        }
    }

    fn decide_by_digest(
        &mut self,
        now: Duration,
        directory: &Directory,
        invite: &IncomingInvite,
        authorization: &Authorization,
    ) -> Decision {
        if let Some(phone) = directory.phone(&authorization.username) {
            let username = authorization.username.clone();
            return match self.check(now, "INVITE", authorization, &phone.secret, invite.flow) {
                Verdict::Denied => Decision::Stranger,
                Verdict::Stale => Decision::Challenge(Ask::Again(authorization.algorithm())),
                Verdict::Granted => Decision::Phone { username, of: phone.of.clone() },
            };
        }
        let Some(account) = directory.digest_trunk(&authorization.username) else {
            return Decision::Stranger;
        };
        match self.check(now, "INVITE", authorization, &account.secret, invite.flow) {
            Verdict::Denied => Decision::Stranger,
            Verdict::Stale => Decision::Challenge(Ask::Again(authorization.algorithm())),
            Verdict::Granted => match dialled_through(directory, &invite.request, &account.of) {
                Some(number) => Decision::Admit { number, trunk: account.of.clone() },
                None => Decision::NotFound,
            },
        }
    }

    fn check(
        &mut self,
        now: Duration,
        method: &str,
        authorization: &Authorization,
        secret: &Secret,
        flow: Flow,
    ) -> Verdict {
        let verdict = self.challenger.check(now, method, authorization, secret);
        if verdict == Verdict::Granted {
            self.gate.guard.forgive(flow.remote.ip());
            self.gate.proven.note(now, flow.remote.ip());
            self.challenged.answered(&authorization.username, flow.remote.ip(), authorization.algorithm());
        }
        verdict
    }

    fn challenge(&mut self, now: Duration, ask: &Ask, flow: Flow) -> Answer {
        let challenges = match ask {
            Ask::Again(algorithm) => vec![self.challenger.challenge(now, *algorithm, true)],
            Ask::First(name) if self.challenged.again(now, name, flow.remote.ip()) => {
                vec![self.challenger.challenge(now, Algorithm::Md5, false)]
            }
            Ask::First(_) => self.challenger.challenges(now, false).to_vec(),
        };
        challenges.into_iter().fold(Answer::new(401), |a, c| a.header("WWW-Authenticate", c))
    }

    fn refuse_call(&mut self, now: Duration, invite: IncomingInvite) {
        metrics::counter!("telephony_refused_total").increment(1);
        match self.gate.refuse(now, invite.flow.remote.ip()) {
            Refuse::Answer => {
                tracing::info!(source = %invite.flow.remote, "unknown source");
                let _ = self.stack.endpoint.reject(now, invite.leg, &Answer::new(403));
            }
            Refuse::Silently => self.stack.endpoint.ignore(invite.leg),
        }
    }

    fn admit(&mut self, now: Duration, invite: IncomingInvite, number: &Number, trunk: Trunk) {
        let rates = &self.shared.trunk_rates;
        if !self.shared.begins(rates, &trunk.trunk, trunk.per_second) {
            let slower = Answer::new(503).header("Retry-After", TOO_FAST);
            return drop(self.stack.endpoint.reject(now, invite.leg, &slower));
        }
        let Some(room) = self.shared.room(&number.tenant) else {
            // Not 503: the carrier would take the platform for broken, for all companies.
            let busy = Answer::new(486).header("Reason", COMPANY_FULL);
            return drop(self.stack.endpoint.reject(now, invite.leg, &busy));
        };
        let entry = entry(&invite.request, number, &trunk);
        let (signals, waiting) = driver::signals();
        self.adopt(invite.leg, &number.tenant, &entry.call, signals.clone());
        let new = NewCall {
            tenant: number.tenant.clone(),
            room,
            entry,
            leg: invite.leg,
            offer: invite.request.sdp(),
        };
        tokio::spawn(driver::run(self.shared.clone(), new, signals, waiting));
    }

    /// A phone calls: within the call that its agent is in, or anew.
    fn phone_calls(
        &mut self,
        now: Duration,
        directory: &Directory,
        invite: IncomingInvite,
        username: String,
        of: Phone,
    ) {
        let refuse =
            |edge: &mut Self, code| drop(edge.stack.endpoint.reject(now, invite.leg, &Answer::new(code)));
        let wanted = invite.request.header("Replaces");
        let replaces = wanted.as_deref().and_then(Replaces::parse);
        let replaces = replaces.and_then(|replaces| self.stack.endpoint.replaced(&replaces));
        if wanted.is_some() && replaces.is_none() {
            return refuse(self, 481);
        }
        self.stack.endpoint.excuse(invite.leg);
        let own = self.phones.iter().filter(|(_, name)| **name == username).map(|(leg, _)| *leg).max();
        let (to, offer) = (user(&invite.request), invite.request.sdp());
        let in_call = replaces.or(own).and_then(|leg| self.legs.get(&leg)).map(|held| held.signals.clone());
        if let Some(signals) = in_call {
            self.legs.insert(invite.leg, Holder::not_yet(signals.clone()));
            self.phones.insert(invite.leg, username.clone());
            let leg = PhoneLeg::new(self.shared.edge.clone(), invite.leg);
            let dialled = Dialled { leg, username, to, offer, replaces };
            // A call that is over or too far behind refuses it by dropping it.
            return drop(signals.try_send(dialled.signal()));
        }
        let Some(offer) = offer else { return refuse(self, 488) };
        let Ok(placement) = driver::placement_by_phone(directory, &of, &to) else { return refuse(self, 404) };
        let room = self.shared.room_to_call(&of.tenant, &placement.to);
        let Some(room) = room else { return refuse(self, 486) };
        let (signals, waiting) = driver::signals();
        self.adopt(invite.leg, &of.tenant, &placement.call, signals.clone());
        self.phones.insert(invite.leg, username.clone());
        let own = driver::Own { username, leg: invite.leg, offer };
        let channel = (signals, waiting);
        tokio::spawn(driver::place_by_phone(self.shared.clone(), of.tenant, room, placement, own, channel));
    }

    /// REGISTER and OPTIONS.
    pub(crate) fn on_request(&mut self, now: Duration, id: RequestId, flow: Flow, request: &Request) {
        match request.method().as_str() {
            "REGISTER" => self.on_register(now, id, flow, request),
            _ => self.on_options(now, id, flow),
        }
    }

    fn on_options(&mut self, now: Duration, id: RequestId, flow: Flow) {
        let address = flow.remote.ip();
        if self.gate.knows(now, address) {
            let _ = self.stack.endpoint.respond_options(now, id);
            return;
        }
        match self.gate.probes.refuse(now, address) {
            Refuse::Answer => drop(self.stack.endpoint.respond(now, id, &Answer::new(403))),
            Refuse::Silently => self.stack.endpoint.ignore_request(id),
        }
    }

    fn on_register(&mut self, now: Duration, id: RequestId, flow: Flow, request: &Request) {
        let directory = self.directory.borrow().clone();
        let user = request.to().map(|to| to.user().to_owned()).unwrap_or_default();
        let phone = directory.phone(&user).map(|account| &account.secret);
        let device = || directory.digest_trunk(&user).map(|account| &account.secret);
        let Some(secret) = phone.or_else(device) else {
            return self.refuse_request(now, id, flow);
        };
        let Some(authorization) = authorization(request) else {
            let answer = self.challenge(now, &Ask::First(user), flow);
            return drop(self.stack.endpoint.respond(now, id, &answer));
        };
        if authorization.username != user {
            return self.refuse_request(now, id, flow);
        }
        match self.check(now, "REGISTER", &authorization, secret, flow) {
            Verdict::Denied => self.refuse_request(now, id, flow),
            Verdict::Stale => {
                let answer = self.challenge(now, &Ask::Again(authorization.algorithm()), flow);
                let _ = self.stack.endpoint.respond(now, id, &answer);
            }
            Verdict::Granted if phone.is_none() => {
                let (answer, change) = self.devices.register(now, &user, request, flow);
                if change != Change::Same {
                    tracing::info!(user, ?change, "a trunk's device registered");
                }
                let _ = self.stack.endpoint.respond(now, id, &answer);
            }
            Verdict::Granted => {
                let (answer, change) = self.registrar.register(now, &user, request, flow);
                let _ = self.stack.endpoint.respond(now, id, &answer);
                if answer.code == 200 && flow.protocol.is_stream() {
                    self.follow(now, &user, flow);
                }
                self.registered(&directory, &user, change);
            }
        }
    }

    /// A phone that is in a call connected anew: what we say next goes there.
    fn follow(&mut self, now: Duration, user: &str, flow: Flow) {
        let here = self.registrar.bindings(now, user).into_iter().filter(|binding| binding.flow == flow);
        let contacts: Vec<_> = here.map(|binding| binding.contact).collect();
        let legs: Vec<_> =
            self.phones.iter().filter(|(_, name)| *name == user).map(|(leg, _)| *leg).collect();
        for (leg, contact) in legs.iter().flat_map(|leg| contacts.iter().map(move |at| (*leg, at))) {
            self.stack.endpoint.moved(leg, contact, flow);
        }
    }

    pub(crate) fn registered(&mut self, directory: &Directory, user: &str, change: Change) {
        let Some(account) = directory.phone(user) else { return };
        match change {
            Change::Appeared => {
                tracing::info!(user, agent = %account.of.agent, "phone registered");
                self.attendance.appeared(&account.of, user);
            }
            Change::Vanished => self.phone_vanished(directory, user),
            Change::Same => {}
        }
    }

    pub(crate) fn phone_vanished(&mut self, directory: &Directory, user: &str) {
        if let Some(account) = directory.phone(user) {
            tracing::info!(user, agent = %account.of.agent, "phone gone");
            self.attendance.vanished(&account.of);
        }
    }

    fn refuse_request(&mut self, now: Duration, id: RequestId, flow: Flow) {
        metrics::counter!("telephony_refused_total").increment(1);
        match self.gate.refuse(now, flow.remote.ip()) {
            Refuse::Answer => drop(self.stack.endpoint.respond(now, id, &Answer::new(403))),
            Refuse::Silently => self.stack.endpoint.ignore_request(id),
        }
    }
}

fn authorization(request: &Request) -> Option<Authorization> {
    let values = request.headers("Authorization").into_iter();
    values.chain(request.headers("Proxy-Authorization")).find_map(|v| Authorization::parse(&v))
}

fn user(request: &Request) -> String {
    request.uri().user.unwrap_or_default()
}

/// The number of the trunk's own tenant, by its digits or its SIP name.
fn dialled_through(directory: &Directory, request: &Request, trunk: &Trunk) -> Option<Arc<Number>> {
    let number = dialled(directory, request, trunk.numbers.as_ref());
    let own = number.filter(|number| number.tenant == trunk.tenant);
    let named = || directory.named(&user(request)).iter().find(|number| number.tenant == trunk.tenant);
    own.or_else(|| named().cloned())
}

/// The number in the Request-URI, else in To.
fn dialled(directory: &Directory, request: &Request, numbers: Option<&Numbering>) -> Option<Arc<Number>> {
    let uri = user(request);
    let to = || request.to().map(|to| to.user().to_owned()).unwrap_or_default();
    directory.number(&uri, numbers).or_else(|| directory.number(&to(), numbers))
}

/// Who calls. The carrier is told of callers who hide themselves (RFC 3325 §9.3),
/// and those are nobody for us.
fn caller(request: &Request, source: CallerSource) -> Option<Party> {
    let hidden = request.headers("Privacy").iter().any(|value| {
        value.split([';', ',']).any(|wish| matches!(wish.trim().to_ascii_lowercase().as_str(), "id" | "user"))
    });
    let asserted = || request.asserted_identity().filter(|_| source == CallerSource::Asserted && !hidden);
    let mut party = asserted().or_else(|| request.from())?;
    if hidden {
        (party.display, party.uri.user) = (None, Some("anonymous".to_owned()));
    }
    Some(party)
}

fn entry(request: &Request, number: &Number, trunk: &Trunk) -> Entry {
    let now = chassis::clock::now();
    let random = chassis::random::u128;
    let party = caller(request, trunk.caller);
    let user = party.as_ref().map(|p| p.user().to_owned()).unwrap_or_default();
    let from = read(&user, trunk.numbers.as_ref()).map_or(user, |number| number.to_string());
    Entry {
        call: CallId::new(now, random()),
        caller_leg: LegId::new(now, random()),
        recording: number.record.then(|| RecordingId::new(now, random())),
        message: RecordingId::new(now, random()),
        from,
        caller_name: party.and_then(|p| p.display),
        did: number.number.clone(),
        did_label: number.label.clone(),
        trunk: trunk.trunk.clone(),
        flow: number.flow.clone(),
        auto_connect: number.auto_connect,
        answer_after: number.answer_after,
    }
}
