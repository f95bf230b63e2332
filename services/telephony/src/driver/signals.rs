//! What happened, as inputs of the call.

use bytes::Bytes;
use call::{Input, PlayId, Reserved};
use proto::acd::v1::caller_event;
use proto::line::v1::from_line;
use proto::media::v1::{Failed, LegAnswer, Quality, event, failed::Code};
use sip::Event;
use sip::sdp::{Audio, Direction};
use types::fact::{Figures, Heard};
use types::{HangupCause, LegId, OfferOutcome};

use super::{Driver, Signal};
use crate::line::{Caller, Device, Line, ring_phones};

impl Driver {
    pub(super) async fn on_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Sip(leg, event) if self.caller.as_ref().is_some_and(|caller| caller.leg() == leg) => {
                self.on_caller(leg, event).await;
            }
            Signal::Sip(leg, event) => self.on_phone(leg, event).await,
            Signal::Media { op, what } => self.on_media(op, what).await,
            Signal::MediaGone => self.media_gone().await,
            Signal::MediaHeld { done, plays } => self.media_held(done, &plays).await,
            Signal::Queue(what) => self.on_queue(what).await,
            Signal::Reached(leg, what) => self.on_reached(leg, what).await,
            Signal::Line(leg, what) => self.on_line(leg, what).await,
            Signal::LineClosed(leg) => self.on_line_closed(leg).await,
            Signal::Ivr(Some((cursor, next))) => {
                (self.cursor, self.asked) = (cursor, None);
                self.input(Input::Ivr(next)).await;
            }
            Signal::Ivr(None) => self.input(Input::IvrFailed).await,
            Signal::Announcement(prompts) => {
                self.saying = None;
                self.input(Input::Announcement(prompts)).await;
            }
            Signal::Command(agent, what) => self.on_outside_command(agent, what).await,
            Signal::Dialled(dialled) => self.on_dialled(*dialled).await,
            Signal::Supervise(agent, how) => {
                self.supervise(agent, how).await;
            }
            Signal::HangUp(cause) => self.input(Input::HangUp(cause)).await,
        }
    }

    async fn on_caller(&mut self, leg: sip::LegId, event: Event) {
        match event {
            Event::Cancelled { .. } | Event::Ended { .. } => self.input(Input::CallerHungUp).await,
            Event::Acked { sdp: Some(sdp), .. } if !self.offered => {
                let caller = self.caller_leg();
                if let Some(media) = &mut self.media {
                    media.set_remote(&caller, &sdp, false).await;
                }
            }
            Event::Offer { sdp, .. } => {
                let (caller, local) = (self.caller_leg(), self.local.clone());
                self.reoffered(leg, &caller, sdp, local).await;
            }
            Event::OfferAnswered { sdp: Some(sdp), .. } => {
                let caller = self.caller_leg();
                self.moved(&caller, &sdp).await;
            }
            Event::TryAgain { .. } => self.tell_place(leg).await,
            Event::Refer { .. } => self.refuse_refer(leg).await,
            Event::Info { content_type, body, .. } => {
                if let Some(key) = relayed_key(&content_type, &body) {
                    self.input(Input::Key(key)).await;
                }
            }
            _ => {}
        }
    }

    async fn refuse_refer(&self, leg: sip::LegId) {
        let refuse = move |edge: &mut crate::edge::Edge, now| {
            let _ = edge.stack.endpoint.refer_ended(now, leg, 403);
        };
        self.shared.edge.send(refuse).await;
    }

    /// The gateway answers a new offer; who makes none gets our last description.
    pub(super) async fn reoffered(
        &mut self,
        leg: sip::LegId,
        party: &LegId,
        sdp: Option<Bytes>,
        local: Option<Bytes>,
    ) {
        match (sdp, &mut self.media) {
            (Some(sdp), Some(media)) => {
                let op = media.set_remote(party, &sdp, true).await;
                self.reoffers.insert(op, leg);
            }
            _ => self.answer_offer(leg, local).await,
        }
    }

    async fn on_phone(&mut self, leg: sip::LegId, event: Event) {
        let Some(party) = self.phone_party(leg) else {
            if let Some(party) = self.second_party(leg) {
                return self.on_second(party, leg, event).await;
            }
            return self.on_own_phone(leg, &event).await;
        };
        match event {
            Event::Answered { response, .. } => {
                if let Some(line) = self.lines.get_mut(&party) {
                    line.won(leg);
                }
                self.phone_answered(party, response.sdp()).await;
            }
            // Of several that ring nobody knows which will answer.
            Event::Progress { .. } if self.lines.get(&party).is_some_and(Line::rings_many) => {}
            Event::Progress { response, .. } => self.phone_progress(party, response.sdp()).await,
            Event::Refer { replaces: Some(other), .. } => {
                match self.second_party(other) == Some(party.clone()) {
                    true => self.complete(party).await,
                    false => self.refuse_refer(leg).await,
                }
            }
            Event::Refer { user, .. } => self.on_refer(party, user).await,
            Event::Failed { code, .. } if self.lines.get(&party).is_some_and(Line::is_trunk) => {
                self.trunk_failed(party, code).await;
            }
            Event::Failed { code, .. } => {
                let outcome = match code {
                    // The agent says no by one phone for all of them.
                    486 | 600 | 603 => OfferOutcome::Declined,
                    _ if self.lines.get_mut(&party).is_some_and(|line| line.lost(leg)) => return,
                    _ => OfferOutcome::DeviceOffline,
                };
                self.input(Input::LineRefused { leg: party, outcome }).await;
            }
            Event::Ended { .. } | Event::Cancelled { .. } => self.input(Input::LineHungUp(party)).await,
            Event::Offer { sdp, .. } => self.phone_reoffered(leg, party, sdp).await,
            Event::TryAgain { .. } => self.tell_place(leg).await,
            Event::OfferAnswered { sdp: Some(sdp), .. } => self.moved(&party, &sdp).await,
            Event::Info { content_type, body, .. } => {
                if let Some(key) = relayed_key(&content_type, &body) {
                    self.input(Input::LineKey { leg: party, key }).await;
                }
            }
            _ => {}
        }
    }

    /// A peer changed its description when its session was refreshed.
    pub(super) async fn moved(&mut self, party: &LegId, sdp: &Bytes) {
        if let Some(media) = &mut self.media {
            media.set_remote(party, sdp, false).await;
        }
    }

    pub(super) fn phone_party(&self, leg: sip::LegId) -> Option<LegId> {
        let mut lines = self.lines.iter();
        lines.find(|(_, line)| line.is_phone(leg)).map(|(party, _)| party.clone())
    }

    /// A carrier's early media: heard by the one who leads the call.
    async fn phone_progress(&mut self, party: LegId, sdp: Option<Bytes>) {
        if let Some(Device::Trunk(dialling)) = self.lines.get_mut(&party).map(|line| &mut line.device) {
            dialling.heard();
        }
        if let (Some(sdp), Some(media)) = (sdp, &mut self.media) {
            media.set_remote(&party, &sdp, false).await;
            self.input(Input::EarlyMedia(party)).await;
        }
    }

    async fn phone_answered(&mut self, party: LegId, sdp: Option<Bytes>) {
        let (Some(sdp), Some(media)) = (sdp, &mut self.media) else {
            let outcome = OfferOutcome::MediaFailed;
            return self.input(Input::LineRefused { leg: party, outcome }).await;
        };
        media.set_remote(&party, &sdp, false).await;
        if let Some(line) = self.lines.get_mut(&party) {
            (line.accepted, line.remote) = (true, Some(sdp.clone()));
            if let Device::Trunk(dialling) = &mut line.device {
                dialling.heard();
            }
        }
        self.input(Input::LineAnswered(party)).await;
    }

    /// A phone that holds says so by the direction of its offer.
    async fn phone_reoffered(&mut self, leg: sip::LegId, party: LegId, sdp: Option<Bytes>) {
        let direction = sdp.as_ref().and_then(|sdp| Audio::parse(sdp).ok()).map(|a| a.direction);
        let Some(line) = self.lines.get_mut(&party) else { return };
        let local = line.local.clone();
        let holds = matches!(direction, Some(Direction::SendOnly | Direction::Inactive));
        let changed = direction.is_some() && holds != line.held;
        line.held = if direction.is_some() { holds } else { line.held };
        line.remote = sdp.clone().or(line.remote.take());
        self.reoffered(leg, &party, sdp, local).await;
        if changed {
            self.input(Input::SetHold { leg: party, on: holds }).await;
        }
    }

    async fn on_media(&mut self, op: u64, what: event::What) {
        match what {
            event::What::LegAnswer(answer) => self.on_leg_answer(op, answer).await,
            event::What::Failed(failed) => self.on_media_failed(op, failed).await,
            event::What::Digit(digit) => {
                let key = digit.key.chars().next().filter(|_| digit.leg == self.caller_leg().as_str());
                if let Some(key) = key {
                    self.input(Input::Key(key)).await;
                }
            }
            event::What::PlayEnded(ended) => {
                if let Some(play) = play_id(&ended.play) {
                    self.input(Input::PlayEnded(play)).await;
                }
            }
            event::What::MediaLost(lost) => {
                if let Ok(leg) = lost.leg.parse() {
                    self.input(Input::MediaLost(leg)).await;
                }
            }
            event::What::Unheard(unheard) => {
                if let Ok(leg) = unheard.leg.parse() {
                    self.input(Input::Unheard { leg, on: unheard.on }).await;
                }
            }
            event::What::Quality(quality) => {
                if let Ok(leg) = quality.leg.parse() {
                    self.input(Input::Measured { leg, figures: figures(&quality) }).await;
                }
            }
            event::What::LegUp(_) | event::What::Load(_) | event::What::Sessions(_) => {}
        }
    }

    async fn on_leg_answer(&mut self, op: u64, answer: LegAnswer) {
        let Ok(party) = answer.leg.parse::<LegId>() else { return };
        let sdp = Bytes::from(answer.sdp.clone());
        let is_caller = self.caller.is_some() && party == self.caller_leg();
        if is_caller {
            self.local = Some(sdp.clone());
        } else if let Some(line) = self.lines.get_mut(&party) {
            line.local = Some(sdp.clone());
        }
        if self.leg_moved(op, &party, &sdp).await {
            self.keep();
        }
        if let Some(leg) = self.reoffers.remove(&op) {
            return self.answer_offer(leg, Some(sdp)).await;
        }
        if self.second_ready(&party, op, &sdp).await {
            return;
        }
        if is_caller {
            if self.media_due.take().is_some() {
                self.input(Input::MediaReady).await;
            }
            return;
        }
        self.line_ready(party, answer.sdp).await;
    }

    /// The gateway has a description for the agent's leg: a browser gets it as
    /// the answer, a phone as the offer in its INVITE.
    async fn line_ready(&mut self, party: LegId, sdp: String) {
        let Some(line) = self.lines.get_mut(&party) else { return };
        let was_ready = std::mem::replace(&mut line.ready, true);
        let phones = match &line.device {
            Device::Browser(_) => {
                // Once more when the page was loaded anew.
                line.answer(&sdp).await;
                if !was_ready && line.is_answered() {
                    self.input(Input::LineAnswered(party)).await;
                }
                return;
            }
            Device::Trunk(_) if was_ready => return,
            Device::Trunk(_) => return self.dial_next(party).await,
            Device::Phone { .. } if was_ready => return,
            Device::Phone { leg: Some(own), .. } => {
                let own = own.leg();
                return self.own_phone_ready(party, own, sdp.into()).await;
            }
            Device::Phone { username, in_browser, .. } => (username.clone(), *in_browser),
        };
        let ledger = self.call.ledger();
        let caller = Caller { number: ledger.from.clone(), name: ledger.caller_name.clone() };
        let (edge, signals) = (self.shared.edge.clone(), self.signals.clone());
        let of = (self.tenant.clone(), ledger.call.clone());
        let mut rung = ring_phones(&edge, of, phones, caller, sdp.into(), signals).await.into_iter();
        let first = rung.next();
        let offline = first.is_none();
        if let Some(line) = self.lines.get_mut(&party)
            && let Device::Phone { leg, others, .. } = &mut line.device
        {
            (*leg, *others) = (first, rung.collect());
        }
        self.keep();
        if offline {
            let outcome = OfferOutcome::DeviceOffline;
            self.input(Input::LineRefused { leg: party, outcome }).await;
        }
    }

    async fn on_media_failed(&mut self, op: u64, failed: Failed) {
        tracing::info!(failed.subject, failed.message, "the gateway refused");
        if let Some(leg) = self.reoffers.remove(&op) {
            return self.answer_offer(leg, None).await;
        }
        if self.second_failed(op).await || self.not_moved(op).await {
            return;
        }
        if let Some(play) = play_id(&failed.subject) {
            // A prompt that cannot be played is skipped, the flow goes on.
            return self.input(Input::PlayEnded(play)).await;
        }
        let line = failed.subject.parse::<LegId>().ok().filter(|leg| self.lines.contains_key(leg));
        if let Some(leg) = line {
            return self.input(Input::LineRefused { leg, outcome: OfferOutcome::MediaFailed }).await;
        }
        if self.media_due.take().is_some() {
            let cause = match failed.code() {
                Code::NoCommonCodec | Code::BadSdp => HangupCause::NoCommonCodec,
                _ => HangupCause::Unavailable,
            };
            self.input(Input::MediaFailed(cause)).await;
        }
    }

    async fn on_queue(&mut self, what: caller_event::What) {
        match what {
            caller_event::What::Position(position) => {
                let wait = Some(position.expected_wait_ms).filter(|wait| *wait > 0);
                self.input(Input::Position { position: position.position, wait }).await;
            }
            caller_event::What::Reserved(reserved) => {
                let new = || LegId::new(chassis::clock::now(), chassis::random::u128());
                let (leg, customer) = (new(), new());
                let (Ok(reservation), Ok(agent)) = (reserved.reservation.parse(), reserved.agent.parse())
                else {
                    return tracing::warn!(reserved.reservation, "a reservation that cannot be read");
                };
                let (line, attempt) = (reserved.line, reserved.attempt);
                let (alone, ring_for) = (!reserved.also, reserved.ring_ms);
                let reserved = Reserved { reservation, agent, line, leg, customer, attempt, alone, ring_for };
                self.input(Input::Reserved(reserved)).await;
            }
            caller_event::What::Withdrawn(withdrawn) => {
                let outcome = types::named(&withdrawn.outcome).unwrap_or(OfferOutcome::Withdrawn);
                if let Ok(reservation) = withdrawn.reservation.parse() {
                    self.input(Input::Withdrawn { reservation, outcome }).await;
                }
            }
            caller_event::What::Overflow(overflow) => {
                self.input(Input::Overflow(overflow.reason)).await;
            }
        }
    }

    async fn on_line(&mut self, leg: LegId, what: from_line::What) {
        match what {
            from_line::What::Sdp(sdp) => {
                if let Some(media) = self.media.as_mut().filter(|_| self.lines.contains_key(&leg)) {
                    media.add_browser(&leg, sdp.sdp.as_bytes()).await;
                }
            }
            from_line::What::Accepted(_) => {
                let Some(line) = self.lines.get_mut(&leg) else { return };
                line.accepted = true;
                if line.is_answered() {
                    self.input(Input::LineAnswered(leg)).await;
                }
            }
            from_line::What::Refused(refused) => {
                let outcome = types::named(&refused.outcome).unwrap_or(OfferOutcome::Declined);
                self.input(Input::LineRefused { leg, outcome }).await;
            }
            from_line::What::SetMute(mute) => self.input(Input::SetMute { leg, on: mute.on }).await,
            from_line::What::SetHold(hold) => self.input(Input::SetHold { leg, on: hold.on }).await,
            from_line::What::HangUp(_) => self.input(Input::LineHungUp(leg)).await,
            from_line::What::Key(pressed) => {
                if let Some(key) = pressed.key.chars().next() {
                    self.input(Input::LineKey { leg, key }).await;
                }
            }
            from_line::What::Command(command) => {
                if let Some(what) = command.what {
                    self.on_command(leg, what).await;
                }
            }
            from_line::What::Ringing(_) => {}
        }
    }

    /// The owner of the browser's line is gone.
    async fn on_line_closed(&mut self, leg: LegId) {
        if self.lines.contains_key(&leg) {
            self.input(Input::LineHungUp(leg)).await;
        }
    }
}

fn play_id(name: &str) -> Option<PlayId> {
    name.strip_prefix('p')?.parse().ok().map(PlayId)
}

/// What the gateway measured, as facts have it.
fn figures(of: &Quality) -> Figures {
    let heard = |lost: u64, jitter_ms: f64, mos: f64| Heard {
        lost,
        jitter: (jitter_ms * 1_000.0) as u32,
        mos: (mos * 100.0).round() as u16,
    };
    Figures {
        received: of.received,
        sent: of.sent,
        near: of.mos.map(|mos| heard(of.lost, of.jitter_ms, mos)),
        far: of.far.as_ref().map(|far| heard(far.lost, far.jitter_ms, far.mos)),
        round_trip: of.round_trip_ms.map(|ms| (ms * 1_000.0) as u32),
    }
}

/// A key in an INFO of type application/dtmf-relay or application/dtmf.
pub(super) fn relayed_key(content_type: &str, body: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(body).ok()?;
    let value = match content_type.to_ascii_lowercase().as_str() {
        "application/dtmf-relay" => {
            text.lines().find_map(|l| l.trim().strip_prefix("Signal=").map(str::trim))?
        }
        "application/dtmf" => text.trim(),
        _ => return None,
    };
    value.chars().next().filter(|c| value.len() == 1 && "0123456789*#ABCD".contains(*c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_info_are_read_and_nonsense_is_not() {
        let relay = b"Signal=5\r\nDuration=160\r\n";
        assert_eq!(relayed_key("application/dtmf-relay", relay), Some('5'));
        assert_eq!(relayed_key("Application/DTMF", b"#"), Some('#'));
        assert_eq!(relayed_key("application/dtmf", b"hello"), None);
        assert_eq!(relayed_key("text/plain", b"5"), None);
    }

    #[test]
    fn plays_are_named_and_found_again() {
        assert_eq!(play_id(&super::super::effects::play_name(PlayId(7))), Some(PlayId(7)));
        assert_eq!(play_id("leg_01"), None);
    }
}
