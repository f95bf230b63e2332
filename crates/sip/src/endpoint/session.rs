//! Session timers (RFC 4028): a session that nobody refreshes ends, so a call
//! whose peer is gone without a word does not last for ever. Both roles.

use std::time::Duration;

use sipx_sip::session::{MinSe, Refresher, Session as Kept, SessionExpires};
use sipx_sip::{HeaderName, Headers, Method, Request as Core};

use super::leg::{Phase, Session};
use super::transactions::{Due, Key, Owner, Transaction};
use super::{Ended, Endpoint, Event, LegId};
use crate::message::{line, replace};
use crate::{Answer, Response};

/// How long a session lasts without a refresh.
#[derive(Debug, Clone, Copy)]
pub struct SessionTimes {
    /// What we ask for, and grant at most.
    pub interval: Duration,
    /// What we take at least; shorter ones get 422. RFC 4028 §5 wants 90 s or more.
    pub least: Duration,
}

impl Default for SessionTimes {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1_800), least: Duration::from_secs(90) }
    }
}

/// How often a peer may want a longer interval for one request.
const RAISES_MAX: u8 = 3;
/// How often one change of the session may meet glare.
const GLARES_MAX: u8 = 5;
/// What a peer may make of a session: a day.
const LONGEST: Duration = Duration::from_secs(86_400);
/// A refresh that failed for now, or cannot be sent yet, is tried again after this.
const AGAIN: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(2);

/// What is agreed with the peer's request.
struct Terms {
    interval: Duration,
    /// We refresh.
    ours: bool,
}

impl Endpoint {
    /// The headers of an INVITE of ours, or of a refresh.
    pub(super) fn asking(
        &self,
        interval: Option<Duration>,
        refresher: Option<Refresher>,
    ) -> Vec<(String, String)> {
        let Some(times) = self.config.session else { return Vec::new() };
        let interval = interval.filter(|i| !i.is_zero()).unwrap_or(times.interval).max(times.least);
        let expires = SessionExpires { interval, refresher };
        let least = times.least.as_secs();
        [
            ("Supported", "timer".to_owned()),
            ("Session-Expires", expires.to_string()),
            ("Min-SE", least.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The same for a re-INVITE that changes the session; the roles stay.
    pub(super) fn asking_again(&self, id: LegId) -> Vec<(String, String)> {
        let Some(session) = self.legs.get(&id).map(|leg| &leg.session) else { return Vec::new() };
        let refresher = if session.ours { Refresher::Uac } else { Refresher::Uas };
        self.asking(Some(session.interval), Some(refresher))
    }

    /// 422 for a request that wants refreshes more often than we do (§9).
    pub(super) fn too_brief(&self, request: &Core) -> Option<Answer> {
        let times = self.config.session?;
        let asked = expires(&request.headers)?;
        (asked.interval < times.least && supports(&request.headers))
            .then(|| Answer::new(422).header("Min-SE", times.least.as_secs().to_string()))
    }

    /// The 2xx to an INVITE or UPDATE with what is agreed (§9); the session lasts
    /// from now on.
    pub(super) fn agreed(&mut self, now: Duration, id: LegId, request: &Core, answer: &Answer) -> Answer {
        let Some(terms) = self.terms(id, request) else { return answer.clone() };
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.session.shared = supports(&request.headers);
            leg.session.updates = allows_update(&request.headers).unwrap_or(leg.session.updates);
        }
        self.keep(now, id, terms.interval, terms.ours);
        let refresher = if terms.ours { Refresher::Uas } else { Refresher::Uac };
        let expires = SessionExpires { interval: terms.interval, refresher: Some(refresher) };
        let answer =
            answer.clone().header("Supported", "timer").header("Session-Expires", expires.to_string());
        if terms.ours { answer } else { answer.header("Require", "timer") }
    }

    /// Who chose the refresher keeps to it; we are quicker to find a dead peer.
    fn terms(&self, id: LegId, request: &Core) -> Option<Terms> {
        let times = self.config.session?;
        let headers = &request.headers;
        let asked = expires(headers);
        let least = least(headers).unwrap_or_default().max(times.least);
        let interval = asked.map_or(times.interval, |asked| asked.interval.min(times.interval)).max(least);
        let established = self.legs.get(&id).map(|leg| &leg.session).filter(|s| !s.interval.is_zero());
        let ours = match asked.and_then(|asked| asked.refresher) {
            _ if !supports(headers) => true,
            Some(refresher) => refresher == Refresher::Uas,
            None => established.is_none_or(|session| session.ours),
        };
        Some(Terms { interval, ours })
    }

    /// The peer's 2xx to our INVITE or refresh (§7.2). A peer that knows no timers
    /// is asked by us all the same.
    pub(super) fn adopt(&mut self, now: Duration, id: LegId, headers: &Headers) {
        let Some(times) = self.config.session else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.session.updates = allows_update(headers).unwrap_or(leg.session.updates);
        (leg.session.raises, leg.session.glares) = (0, 0);
        let before = Some(leg.session.interval).filter(|interval| !interval.is_zero());
        let agreed = expires(headers);
        leg.session.shared = agreed.is_some();
        let (interval, ours) = match agreed {
            Some(agreed) => {
                (agreed.interval.min(LONGEST).max(times.least), agreed.refresher != Some(Refresher::Uas))
            }
            None => (before.unwrap_or(times.interval), true),
        };
        self.keep(now, id, interval, ours);
    }

    fn keep(&mut self, now: Duration, id: LegId, interval: Duration, ours: bool) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        (leg.session.interval, leg.session.ours) = (interval, ours);
        leg.session.expires_at = now + interval;
        self.note(id);
        self.wake(id, now + Kept { interval, we_refresh: ours }.act_after());
    }

    /// Looks at the session at this time, and at no other.
    pub(super) fn wake(&mut self, id: LegId, at: Duration) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some(before) = leg.session.due.replace(at) {
            self.sessions.remove(&(before, id));
        }
        self.sessions.insert((at, id));
    }

    /// The leg is over.
    pub(super) fn forget_session(&mut self, id: LegId, session: &Session) {
        if let Some(due) = session.due {
            self.sessions.remove(&(due, id));
        }
    }

    /// Refreshes or ends one session that is due; false when there is none.
    pub(super) fn session_due(&mut self, now: Duration) -> bool {
        let Some((_, id)) = self.sessions.first().copied().filter(|(at, _)| *at <= now) else { return false };
        self.sessions.pop_first();
        let Some(leg) = self.legs.get_mut(&id) else { return true };
        leg.session.due = None;
        let last = last_moment(&leg.session);
        match leg.session.ours && now < last {
            true => self.refresh(now, id),
            false => {
                self.send_bye(now, id);
                self.event(Event::Ended { leg: id, cause: Ended::Expired });
            }
        }
        true
    }

    /// UPDATE where the peer takes it, else a re-INVITE with what was agreed (§7.4).
    fn refresh(&mut self, now: Duration, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let last = last_moment(&leg.session);
        let busy = leg.inviting.is_some() || leg.pending.is_some() || leg.unacked.is_some();
        if busy {
            return self.wake(id, (now + SOON).min(last));
        }
        let by_update = leg.session.updates;
        if !by_update && leg.session.local.is_none() {
            return self.wake(id, last);
        }
        leg.dialog.local_cseq += 1;
        let (dialog, credentials) = (leg.dialog.clone(), leg.credentials.clone());
        let (interval, local) = (leg.session.interval, leg.session.local.clone());
        self.wake(id, last);
        let (method, sdp) = if by_update { (Method::Update, None) } else { (Method::Invite, local) };
        let headers = self.asking(Some(interval), Some(Refresher::Uac));
        let Ok(request) = self.build_in_dialog(method, &dialog, sdp, &headers) else { return };
        let started = self.start(now, request, dialog.next_hop(), Owner::Refresh(id), credentials);
        if let (Ok(key), false) = (started, by_update) {
            self.set_inviting(id, &key);
        }
    }

    pub(super) fn on_refresh_response(&mut self, now: Duration, key: &Key, id: LegId, response: &Response) {
        let by_update = response.cseq().is_some_and(|(_, method)| method == "UPDATE");
        match response.code() {
            0..200 => {}
            200..300 if by_update => self.adopt(now, id, &response.core.headers),
            200..300 => self.refreshed_by_invite(now, key, id, response),
            408 | 481 => self.leg_lost(now, id),
            422 => self.refresh_longer(now, id, response),
            405 | 420 | 501 if by_update => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.session.updates = false;
                }
                self.refresh_after(now, id, Duration::ZERO);
            }
            491 => {
                let wait = self.glare_wait(id);
                self.refresh_after(now, id, wait);
            }
            _ => self.refresh_refused(now, id),
        }
    }

    /// Who refuses is there. That keeps a session of which only we know; one that
    /// the peer keeps too would end there.
    fn refresh_refused(&mut self, now: Duration, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.session.shared {
            return self.refresh_after(now, id, AGAIN);
        }
        leg.inviting = None;
        let interval = leg.session.interval;
        self.keep(now, id, interval, true);
    }

    /// No answer: the peer is gone. No way there: there may be one again.
    pub(super) fn on_refresh_unanswered(&mut self, now: Duration, id: LegId, code: u16) {
        match code {
            503 => self.refresh_after(now, id, AGAIN),
            _ => self.leg_lost(now, id),
        }
    }

    fn refreshed_by_invite(&mut self, now: Duration, key: &Key, id: LegId, response: &Response) {
        let Some(sdp) = self.reinvite_accepted(now, key, id, response) else { return };
        // A peer may take the opportunity to change its description.
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if sdp.is_some() && leg.session.remote != sdp {
            leg.session.remote.clone_from(&sdp);
            self.event(Event::OfferAnswered { leg: id, sdp });
        }
    }

    fn refresh_longer(&mut self, now: Duration, id: LegId, response: &Response) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.session.raises += 1;
        let longer = least(&response.core.headers).filter(|_| leg.session.raises <= RAISES_MAX);
        leg.session.interval = leg.session.interval.max(longer.unwrap_or_default());
        let wait = if longer.is_some() { Duration::ZERO } else { AGAIN };
        self.refresh_after(now, id, wait);
    }

    fn refresh_after(&mut self, now: Duration, id: LegId, wait: Duration) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.inviting = None;
        let at = (now + wait).min(last_moment(&leg.session));
        self.wake(id, at);
    }

    /// Our INVITE once more, with the interval that the peer's 422 wants (§7.3).
    pub(super) fn invite_for_longer(
        &mut self,
        now: Duration,
        key: &Key,
        id: LegId,
        response: &Response,
    ) -> bool {
        let Some(again) = self.longer(key, id, response) else { return false };
        let Some(transaction) = self.transactions.get(key) else { return false };
        let (flow, owner, credentials) =
            (transaction.flow, transaction.owner, transaction.credentials.clone());
        let number = super::dialog::cseq(&again.headers);
        let transaction = Transaction { flow, owner, credentials, attempts: 0, ack: None };
        let Some((key, outputs)) = self.transactions.start(again, transaction) else { return false };
        self.retried(owner, &key, number);
        self.perform(now, &key, outputs);
        true
    }

    fn longer(&mut self, key: &Key, id: LegId, response: &Response) -> Option<Core> {
        let interval = least(&response.core.headers)?.max(self.config.session?.interval);
        let leg = self.legs.get_mut(&id).filter(|leg| leg.session.raises < RAISES_MAX)?;
        leg.session.raises += 1;
        let flow = self.transactions.get(key)?.flow;
        let mut request = self.transactions.request(key)?.clone();
        let number = super::dialog::cseq(&request.headers) + 1;
        replace(&mut request, HeaderName::Via, self.via(flow))?;
        replace(&mut request, HeaderName::CSeq, format!("{number} INVITE"))?;
        for name in [HeaderName::SessionExpires, HeaderName::MinSe] {
            request.headers.remove_all(&name);
        }
        for name in ["Authorization", "Proxy-Authorization"] {
            request.headers.remove_all(&crate::message::name(name));
        }
        let seconds = interval.as_secs().to_string();
        request.headers.push(line("Session-Expires", seconds.clone()).ok()?);
        request.headers.push(line("Min-SE", seconds).ok()?);
        Some(request)
    }

    /// Both changed the session at once: our user may try again after a while of
    /// chance (RFC 3261 §14.1); false after too many times.
    pub(super) fn on_glare(&mut self, now: Duration, id: LegId) -> bool {
        let wait = self.glare_wait(id);
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.session.glares < GLARES_MAX) else {
            return false;
        };
        leg.session.glares += 1;
        self.transactions.schedule(now + wait, Due::TryAgain(id));
        true
    }

    /// 2.1 to 4 s for who made the Call-ID, up to 2 s for the other.
    fn glare_wait(&mut self, id: LegId) -> Duration {
        let chance = self.tokens.block();
        let chance = u64::from(u16::from_be_bytes([chance[0], chance[1]]));
        let ours = self.legs.get(&id).is_some_and(|leg| leg.calls);
        let tens = if ours { 210 + chance % 191 } else { chance % 201 };
        Duration::from_millis(tens * 10)
    }

    pub(super) fn try_again(&mut self, id: LegId) {
        if self.legs.get(&id).is_some_and(|leg| leg.phase == Phase::Answered) {
            self.event(Event::TryAgain { leg: id });
        }
    }
}

/// After it nothing helps: BYE must go while middleboxes still pass it (§10).
fn last_moment(session: &Session) -> Duration {
    let left = Kept { interval: session.interval, we_refresh: false }.act_after();
    session.expires_at - (session.interval - left)
}

fn expires(headers: &Headers) -> Option<SessionExpires> {
    headers.typed::<SessionExpires>().and_then(Result::ok)
}

fn least(headers: &Headers) -> Option<Duration> {
    let least = headers.typed::<MinSe>()?.ok()?;
    Some(least.0.min(LONGEST))
}

fn supports(headers: &Headers) -> bool {
    let lists = ["Supported", "Require"].into_iter();
    let mut values = lists.flat_map(|name| crate::message::headers(headers, name));
    values.any(|list| list.split(',').any(|tag| tag.trim().eq_ignore_ascii_case("timer")))
}

/// `None`: the peer does not say.
fn allows_update(headers: &Headers) -> Option<bool> {
    let values = crate::message::headers(headers, "Allow");
    let update = |list: &String| list.split(',').any(|method| method.trim() == "UPDATE");
    (!values.is_empty()).then(|| values.iter().any(update))
}
