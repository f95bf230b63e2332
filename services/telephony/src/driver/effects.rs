//! What the call wants done.

use bytes::Bytes;
use call::{Effect, Input, IvrInput, PlayId, Words};
use proto::line::v1::Ring;
use sip::Answer;
use types::{AgentId, HangupCause, LegId, Millis, OfferOutcome, QueueId, ReservationId, name};

use super::{Calling, Driver, MEDIA_TIMEOUT_MS, PhoneLeg, Signal};
use crate::ivr;
use crate::line::{Device, Line, phone_in_browser};
use crate::live::Saying;
use crate::queue::Wish;

/// Plays whose operations are remembered; no call has more at once.
const PLAYED_MAX: usize = 32;

impl Driver {
    pub(super) async fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Fact(fact) => {
                self.shared.calls.follow(&self.tenant, self.call.ledger(), &fact.event);
            }
            Effect::OpenMedia => self.open_media().await,
            Effect::AskIvr(input) => {
                // The ACD gave the caller back: let go before the flow joins another queue.
                if matches!(input, IvrInput::QueueLeft(_)) {
                    self.place = None;
                }
                self.ask_ivr(input);
            }
            Effect::EarlyMedia => self.early_media().await,
            Effect::Connect => self.connect().await,
            Effect::Play { play, leg, prompts, repeat } => self.play(play, &leg, prompts, repeat).await,
            Effect::StopPlay(play) => {
                if let Some(media) = &mut self.media {
                    media.stop_play(play_name(play)).await;
                }
            }
            Effect::Hear(matrix) => {
                if let Some(media) = &mut self.media {
                    media.hear(&matrix).await;
                }
            }
            Effect::Record { recording, left, right, since } => {
                if let Some(media) = &mut self.media {
                    media.record(&recording, &self.tenant, (&left, &right), since).await;
                }
            }
            Effect::StopRecord(recording) => {
                if let Some(media) = &mut self.media {
                    media.stop_record(&recording).await;
                }
            }
            Effect::JoinQueue { queue, since, priority, needs } => {
                self.join(Wish { queue, since, priority, needs }).await;
            }
            Effect::ReleaseQueue(cause) => {
                if let Some(place) = self.place.take() {
                    place.release(cause).await;
                }
            }
            Effect::AskAnnouncement { queue, position, wait, callback } => {
                self.ask_announcement(queue, (position, wait, callback));
            }
            Effect::AskWords(words) => self.ask_words(words),
            Effect::DropCaller(leg) => self.drop_caller(&leg).await,
            Effect::Ring { leg, agent, line, reservation } => {
                self.ring(leg, agent, &line, reservation).await;
            }
            Effect::StopRinging { leg, outcome } => self.let_go(&leg, name(outcome)).await,
            Effect::TellAnswered(reservation) => {
                if let Some(place) = &self.place {
                    place.answered(&reservation).await;
                }
            }
            Effect::TellOfferEnded { reservation, outcome } => {
                if let Some(place) = &self.place {
                    place.offer_ended(&reservation, outcome).await;
                }
            }
            Effect::Invite { leg, target, purpose } => self.invite(leg, target, purpose).await,
            Effect::LineSeats { leg, seats } => self.show_seats(&leg, seats).await,
            Effect::LineUnheard { leg, unheard } => self.show_unheard(&leg, unheard).await,
            Effect::LineRefuses { leg, message } => {
                self.consultation_refused(&leg).await;
                self.refuse_command(&leg, message).await;
            }
            Effect::InviteFailed { leg, target, outcome } => {
                self.invite_failed(&leg, &target, outcome).await;
            }
            Effect::LineTalking(leg) => {
                self.tell_reached(&leg, OfferOutcome::Answered).await;
                if let Some(line) = self.lines.get(&leg) {
                    line.talking(chassis::clock::now()).await;
                }
            }
            Effect::LineHeld { leg, on } => {
                if let Some(line) = self.lines.get(&leg) {
                    line.held(on).await;
                }
            }
            Effect::LineMuted { leg, on } => {
                if let Some(line) = self.lines.get(&leg) {
                    line.muted(on).await;
                }
            }
            Effect::Press { leg, key } => {
                if let Some(media) = &mut self.media {
                    media.press(&leg, key.to_string()).await;
                }
            }
            Effect::HangUpLine { leg, cause } => self.let_go(&leg, name(cause)).await,
            Effect::HangUpCaller(cause) => self.hang_up_caller(cause).await,
            Effect::ReleaseMedia => drop(self.media.take()),
        }
    }

    async fn open_media(&mut self) {
        let (call, leg) = (self.call.id().clone(), self.caller_leg());
        let opened = self.shared.gateways.open(&self.tenant, &call, self.signals.clone(), 0).await;
        let Some(mut media) = opened else {
            tracing::warn!("no media gateway takes calls");
            return self.inputs.push_back(Input::MediaFailed(HangupCause::Unavailable));
        };
        if self.caller.is_none() {
            self.media = Some(media);
            return;
        }
        match self.offer.take() {
            Some(offer) => media.add_offered(&leg, &offer).await,
            None => media.add_rtp(&leg).await,
        };
        self.media = Some(media);
        self.media_due = Some(chassis::clock::now() + MEDIA_TIMEOUT_MS);
    }

    pub(super) fn ask_ivr(&mut self, input: IvrInput) {
        let (shared, signals) = (self.shared.clone(), self.signals.clone());
        let Some(entry) = self.call.entry().cloned() else { return };
        self.asked = Some(input.clone());
        let now = chassis::clock::now();
        let question = ivr::question(&self.tenant, &entry, self.cursor.clone(), input, now);
        tokio::spawn(async move {
            let next = shared.ivr.next(question, &entry).await;
            let _ = signals.send(Signal::Ivr(next)).await;
        });
    }

    /// A number that no trunk may call is not promised.
    pub(super) fn ask_words(&mut self, words: Words) {
        if let Words::Confirm(number) = &words
            && !self.shared.directory.borrow().may_call(&self.tenant, number)
        {
            return self.inputs.push_back(Input::NumberRefused);
        }
        self.saying = Some(Saying::Words(words.clone()));
        let (shared, signals, tenant) = (self.shared.clone(), self.signals.clone(), self.tenant.clone());
        tokio::spawn(async move {
            let prompts = shared.ivr.words(&tenant, &words).await;
            let _ = signals.send(Signal::Announcement(prompts)).await;
        });
    }

    /// The caller is let go; the call, its media and its place go on.
    async fn drop_caller(&mut self, leg: &LegId) {
        self.hang_up_caller(HangupCause::Normal).await;
        self.caller = None;
        if let Some(media) = &mut self.media {
            media.remove(leg).await;
        }
    }

    pub(super) fn ask_announcement(
        &mut self,
        queue: QueueId,
        (position, wait, callback): (u32, Option<Millis>, Option<char>),
    ) {
        self.saying = Some(Saying::Position { queue: queue.clone(), position, wait, callback });
        let (shared, signals, tenant) = (self.shared.clone(), self.signals.clone(), self.tenant.clone());
        tokio::spawn(async move {
            let prompts = shared.ivr.announce(&tenant, &queue, position, wait, callback).await;
            let _ = signals.send(Signal::Announcement(prompts)).await;
        });
    }

    /// 183; a caller who made no offer can only be told that it rings.
    async fn early_media(&mut self) {
        let answer = match self.local.clone().filter(|_| self.offered) {
            Some(sdp) => Answer::new(183).sdp(sdp),
            None => Answer::new(180),
        };
        let Some(leg) = self.caller.as_ref().map(PhoneLeg::leg) else { return };
        let send = move |edge: &mut crate::edge::Edge, now| {
            let _ = edge.stack.endpoint.progress(now, leg, &answer);
        };
        self.shared.edge.send(send).await;
    }

    async fn connect(&mut self) {
        let Some(leg) = self.caller.as_ref().map(PhoneLeg::leg) else { return };
        let answer = Answer { sdp: self.local.clone(), ..Answer::new(200) };
        let accept = move |edge: &mut crate::edge::Edge, now| {
            // Refused only when the caller is gone at this moment: that is told.
            let _ = edge.stack.endpoint.accept(now, leg, &answer);
        };
        self.shared.edge.send(accept).await;
    }

    async fn hang_up_caller(&mut self, cause: HangupCause) {
        let Some(leg) = self.caller.as_ref().map(PhoneLeg::leg) else { return };
        let code = status(cause);
        let hang_up = move |edge: &mut crate::edge::Edge, now| {
            let _ = edge.stack.endpoint.hang_up(now, leg, code, None);
        };
        self.shared.edge.send(hang_up).await;
    }

    async fn play(&mut self, play: PlayId, leg: &LegId, prompts: Vec<String>, repeat: bool) {
        if prompts.is_empty() {
            if !repeat {
                self.inputs.push_back(Input::PlayEnded(play));
            }
            return;
        }
        let Some(media) = &mut self.media else { return };
        media.play(play_name(play), leg, prompts, repeat).await;
        if !repeat {
            self.played.insert(play, media.last_op());
            if self.played.len() > PLAYED_MAX {
                self.played.pop_first();
            }
        }
    }

    async fn join(&mut self, wish: Wish) {
        let caller = self.card();
        let (call, signals) = (self.call.ledger().call.clone(), self.signals.clone());
        self.place = Some(self.shared.queues.join(&self.tenant, &call, wish, caller, signals).await);
    }

    pub(super) async fn ring(&mut self, leg: LegId, agent: AgentId, line: &str, reservation: ReservationId) {
        let calls = self.call.lead().is_some_and(|(lead, _)| *lead == leg);
        if let Some(own) = self.own.take_if(|_| calls) {
            return self.take_own(leg, own).await;
        }
        let device = match line.split_once(':') {
            Some(("web", address)) => self.ring_browser(address, &leg, &agent, &reservation),
            Some(("sip", username)) => {
                let in_browser = phone_in_browser(&self.shared.edge, username.to_owned()).await;
                if let Some(media) = &mut self.media {
                    match in_browser {
                        true => media.add_browser(&leg, &[]).await,
                        false => media.add_rtp(&leg).await,
                    };
                }
                Some(Device::phone(username.to_owned(), None, in_browser))
            }
            _ => None,
        };
        match device {
            Some(device) => drop(self.lines.insert(leg, Line::new(device))),
            None => {
                tracing::warn!(line, "no such kind of line");
                self.inputs.push_back(Input::LineRefused { leg, outcome: OfferOutcome::DeviceOffline });
            }
        }
    }

    /// The agent called by this phone: nothing rings.
    async fn take_own(&mut self, leg: LegId, own: Calling) {
        let Calling { username, leg: phone, offer } = own;
        if let Some(media) = &mut self.media {
            media.add_offered(&leg, &offer).await;
        }
        let in_browser = sip::sdp::is_webrtc(&offer);
        let mut line = Line::new(Device::phone(username, Some(phone), in_browser));
        line.remote = Some(offer);
        self.lines.insert(leg, line);
    }

    fn ring_browser(
        &self,
        address: &str,
        leg: &LegId,
        agent: &AgentId,
        reservation: &ReservationId,
    ) -> Option<Device> {
        let ring = Ring {
            tenant: self.tenant.to_string(),
            agent: agent.to_string(),
            call: self.call.id().to_string(),
            leg: leg.to_string(),
            reservation: reservation.to_string(),
            purpose: self.reaching.get(leg).map(|r| name(r.purpose)).unwrap_or_default(),
            number: self.call.ledger().from.clone(),
            name: self.call.ledger().caller_name.clone().unwrap_or_default(),
        };
        let rung = self.shared.browsers.ring(address, ring, leg.clone(), self.signals.clone());
        rung.inspect_err(|error| tracing::warn!(address, %error, "the line cannot be rung")).ok()
    }

    /// The agent's leg is over: its device is told, its media goes.
    async fn let_go(&mut self, leg: &LegId, cause: String) {
        self.release_reached(leg).await;
        self.consulted_left(leg).await;
        let Some(line) = self.lines.remove(leg) else { return };
        line.refer_ended(&self.shared.edge, 200);
        line.ended(cause).await;
        if let Some(media) = &mut self.media {
            media.remove(leg).await;
        }
    }

    /// Answers a change of session that a peer asked for.
    pub(super) async fn answer_offer(&self, leg: sip::LegId, sdp: Option<Bytes>) {
        let answer = match sdp {
            Some(sdp) => Answer::new(200).sdp(sdp),
            None => Answer::new(488),
        };
        let send = move |edge: &mut crate::edge::Edge, now| {
            let _ = edge.stack.endpoint.answer_offer(now, leg, &answer);
        };
        self.shared.edge.send(send).await;
    }
}

/// The name of a play at the gateway.
pub(super) fn play_name(play: PlayId) -> String {
    format!("p{}", play.0)
}

/// The final response for a caller who was never connected.
fn status(cause: HangupCause) -> u16 {
    match cause {
        HangupCause::NoCommonCodec => 488,
        HangupCause::Unavailable | HangupCause::LimitReached | HangupCause::Shutdown => 503,
        HangupCause::MediaLost => 500,
        HangupCause::Cancelled => 487,
        HangupCause::Normal | HangupCause::FlowEnded | HangupCause::NotReached => 480,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_without_a_common_codec_gets_488() {
        assert_eq!(status(HangupCause::NoCommonCodec), 488);
        assert_eq!(status(HangupCause::Unavailable), 503);
    }
}
