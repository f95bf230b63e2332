//! One call as the engine and its owner share it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sip::sdp::{Audio, Codec, Direction};
use sip::{Answer, Ended, Event};
use tokio::sync::watch;

use crate::call::{Over, Phase, Provisional};
use crate::clock::Clock;
use crate::media::Media;

/// Provisional responses remembered.
const PROVISIONALS_MAX: usize = 100;

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) provisionals: Vec<Provisional>,
    pub(crate) answered_ms: Option<u64>,
    pub(crate) ended_ms: Option<u64>,
    /// Which way the peer last said audio flows, seen from the peer.
    pub(crate) theirs: Option<Direction>,
    /// Offers of ours that were answered or refused so far.
    pub(crate) offers_settled: u32,
    /// Status of our last offer.
    pub(crate) offer_code: u16,
}

#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) media: Media,
    pub(crate) state: watch::Sender<State>,
    session: Mutex<Session>,
    clock: Clock,
    began_ms: u64,
}

#[derive(Debug)]
struct Session {
    id: u64,
    version: u64,
    codecs: Vec<Codec>,
    direction: Direction,
    theirs: Option<Audio>,
}

impl Line {
    pub(crate) fn new(media: Media, codecs: Vec<Codec>, clock: Clock) -> Self {
        let began_ms = clock.now().as_millis() as u64;
        let (id, direction) = (u64::from(media.address().port()), Direction::SendRecv);
        let session = Session { id, version: 0, codecs, direction, theirs: None };
        Self { media, state: watch::Sender::default(), session: Mutex::new(session), clock, began_ms }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ms(&self) -> u64 {
        self.clock.now().as_millis() as u64 - self.began_ms
    }

    /// Our description with a new version: the offer.
    pub(crate) fn offer(&self, direction: Direction) -> Bytes {
        let mut session = self.session();
        session.direction = direction;
        let codecs = session.codecs.clone();
        let audio = Audio { address: self.media.address(), codecs, direction };
        session.write(&audio)
    }

    /// The same once more, after the peer's crossed it.
    pub(crate) fn offer_again(&self) -> Bytes {
        let direction = self.session().direction;
        self.offer(direction)
    }

    /// The answer to an offer of the peer; `None` without a common codec. Audio
    /// flows from now on.
    pub(crate) fn answer(&self, offer: &[u8]) -> Option<Bytes> {
        let theirs = Audio::parse(offer).ok()?;
        let mut session = self.session();
        let codecs = session.codecs.clone();
        let ours = Audio { address: self.media.address(), codecs, direction: Direction::SendRecv };
        let answer = ours.answer(&theirs)?;
        let sdp = session.write(&answer);
        session.theirs = Some(theirs.clone());
        let sends = answer.direction.sends() && session.direction.sends();
        drop(session);
        self.state.send_modify(|s| s.theirs = Some(theirs.direction));
        self.media.connect(&answer_codecs(theirs, &answer), sends);
        Some(sdp)
    }

    /// Their answer to our offer.
    fn answered(&self, sdp: Option<Bytes>) {
        let Some(theirs) = sdp.and_then(|sdp| Audio::parse(&sdp).ok()) else { return };
        let mut session = self.session();
        let sends = session.direction.sends();
        session.theirs = Some(theirs.clone());
        drop(session);
        self.state.send_modify(|s| s.theirs = Some(theirs.direction));
        self.media.connect(&theirs, sends);
    }

    /// Takes note of an event; the answer to give if it was an offer.
    pub(crate) fn on_event(&self, event: Event) -> Option<Answer> {
        match event {
            Event::Progress { response, .. } => {
                let (code, sdp) = (response.code(), response.sdp());
                let early = sdp.is_some();
                self.answered(sdp);
                self.provisional(code, early);
            }
            Event::Answered { response, .. } => {
                self.answered(response.sdp());
                self.talk();
            }
            Event::Acked { sdp, .. } if self.session().theirs.is_none() => self.answered(sdp),
            Event::OfferAnswered { sdp, .. } => {
                self.answered(sdp);
                self.settled(200);
            }
            Event::OfferRefused { code, .. } => self.settled(code),
            Event::Failed { code, .. } => self.over(Over::Refused(code)),
            Event::Cancelled { .. } => self.over(Over::Cancelled),
            Event::Ended { cause: Ended::Bye(reason), .. } => self.over(Over::ByPeer(reason)),
            Event::Ended { .. } => self.over(Over::Lost),
            Event::Offer { sdp, .. } => return Some(self.reoffered(sdp)),
            _ => {}
        }
        None
    }

    fn reoffered(&self, sdp: Option<Bytes>) -> Answer {
        let Some(offer) = sdp else {
            let direction = self.session().direction;
            return Answer::new(200).sdp(self.offer(direction));
        };
        match self.answer(&offer) {
            Some(answer) => Answer::new(200).sdp(answer),
            None => Answer::new(488),
        }
    }

    fn provisional(&self, code: u16, early_media: bool) {
        let at_ms = self.ms();
        self.state.send_modify(|s| {
            if s.phase == Phase::Calling {
                s.phase = Phase::Ringing;
            }
            if s.provisionals.len() < PROVISIONALS_MAX {
                s.provisionals.push(Provisional { at_ms, code, early_media });
            }
        });
    }

    pub(crate) fn talk(&self) {
        let at_ms = self.ms();
        self.state.send_modify(|s| {
            s.phase = Phase::Talking;
            s.answered_ms = Some(at_ms);
        });
    }

    pub(crate) fn settled(&self, code: u16) {
        self.state.send_modify(|s| {
            s.offers_settled += 1;
            s.offer_code = code;
        });
    }

    pub(crate) fn over(&self, over: Over) {
        let at_ms = self.ms();
        self.media.state().mouth.say(crate::Sound::Mute);
        self.state.send_modify(|s| {
            if !matches!(s.phase, Phase::Over(_)) {
                s.phase = Phase::Over(over);
                s.ended_ms = Some(at_ms);
            }
        });
    }
}

/// Where they listen, with the formats that both sides speak.
fn answer_codecs(theirs: Audio, answer: &Audio) -> Audio {
    Audio { codecs: answer.codecs.clone(), ..theirs }
}

impl Session {
    fn write(&mut self, audio: &Audio) -> Bytes {
        self.version += 1;
        audio.write(self.id, self.version).into()
    }
}
