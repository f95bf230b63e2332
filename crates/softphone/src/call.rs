//! A call in the hands of its owner.

use std::sync::Arc;
use std::time::Duration;

use sip::LegId;
use sip::sdp::Direction;

use crate::ear::Tone;
use crate::engine::Handle;
use crate::line::{Line, State};
use crate::{Error, Sound};

/// How far a call is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Phase {
    /// Placed, nothing but 100 heard; or arrived and not answered.
    #[default]
    Calling,
    /// 101 to 199 was heard.
    Ringing,
    /// Answered.
    Talking,
    /// Over.
    Over(Over),
}

/// Why a call is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// A final response other than 2xx.
    Refused(u16),
    /// The caller gave up before we answered.
    Cancelled,
    /// We ended it.
    ByUs,
    /// BYE from the other side, with its Reason header.
    ByPeer(Option<String>),
    /// The other side vanished.
    Lost,
}

/// One provisional response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provisional {
    /// Milliseconds after the call was placed.
    pub at_ms: u64,
    /// 101 to 199.
    pub code: u16,
    /// Whether it carried a session description.
    pub early_media: bool,
}

/// Everything a call can tell afterwards. Times in milliseconds after it was
/// placed.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Responses before the answer.
    pub provisionals: Vec<Provisional>,
    /// When it was answered.
    pub answered_ms: Option<u64>,
    /// When it was over.
    pub ended_ms: Option<u64>,
    /// How far it got.
    pub phase: Phase,
    /// RTP packets received.
    pub received: u64,
    /// RTP packets sent.
    pub sent: u64,
    /// Keys heard as telephone-events.
    pub keys: String,
    /// How long each of the asked frequencies was heard.
    pub tones: Vec<Tone>,
}

/// A call. Dropping it hangs up.
pub struct Call {
    engine: Handle,
    leg: LegId,
    line: Arc<Line>,
}

/// How often conditions on what is heard are looked at.
const LOOK: Duration = Duration::from_millis(20);

impl Call {
    pub(crate) fn new(engine: Handle, leg: LegId, line: Arc<Line>) -> Self {
        Self { engine, leg, line }
    }

    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// How far the call is.
    pub fn phase(&self) -> Phase {
        self.line.state.borrow().phase.clone()
    }

    /// Waits for the answer; an early end is an error with its status.
    pub async fn wait_answered(&self, within: Duration) -> Result<(), Error> {
        let settled = |s: &State| matches!(s.phase, Phase::Talking | Phase::Over(_));
        match self.wait("answer", within, settled).await?.phase {
            Phase::Over(Over::Refused(code)) => Err(Error::Refused(code)),
            Phase::Over(_) => Err(Error::Refused(487)),
            _ => Ok(()),
        }
    }

    /// Waits for a provisional response with this code.
    pub async fn wait_provisional(&self, code: u16, within: Duration) -> Result<Provisional, Error> {
        let found = |s: &State| s.provisionals.iter().find(|p| p.code == code).copied();
        let what = format!("provisional response {code}");
        let state = self.wait(&what, within, |s| found(s).is_some()).await?;
        found(&state).ok_or(Error::Closed)
    }

    /// Waits until the call is over and says why.
    pub async fn wait_ended(&self, within: Duration) -> Result<Over, Error> {
        let state = self.wait("end of call", within, |s| matches!(s.phase, Phase::Over(_))).await?;
        match state.phase {
            Phase::Over(over) => Ok(over),
            _ => Err(Error::Closed),
        }
    }

    /// Waits until the peer says that audio flows this way, seen from the peer.
    pub async fn wait_direction(&self, theirs: Direction, within: Duration) -> Result<(), Error> {
        self.wait("change of direction", within, |s| s.theirs == Some(theirs)).await.map(drop)
    }

    /// Says something else from now on.
    pub fn say(&self, sound: Sound) {
        self.line.media.state().mouth.say(sound);
    }

    /// Waits until a tone has been heard for 200 ms from now on.
    pub async fn hear(&self, hz: f64, within: Duration) -> Result<(), Error> {
        let mark = self.line.media.state().ear.mark();
        let what = format!("tone of {hz} Hz");
        self.look(&what, within, || self.line.media.state().ear.has_tone(mark, hz)).await
    }

    /// Waits until nothing audible has been heard for 400 ms.
    pub async fn hear_nothing(&self, within: Duration) -> Result<(), Error> {
        const LASTING: u32 = 20;
        let (mut quiet, mut last) = (0, 0);
        let look = || {
            let mark = self.line.media.state().ear.mark();
            // Either what comes is quiet, or nothing comes any more.
            let nothing_came = std::mem::replace(&mut last, mark) == mark;
            let is_quiet = nothing_came || self.line.media.state().ear.is_quiet(mark.saturating_sub(800));
            quiet = if is_quiet { quiet + 1 } else { 0 };
            quiet >= LASTING
        };
        self.look("silence", within, look).await
    }

    /// Presses keys (RFC 4733) and returns when the last one is released.
    pub async fn press(&self, keys: &str) {
        self.line.media.state().mouth.press(keys);
        while !self.line.media.state().mouth.keys_done() && !matches!(self.phase(), Phase::Over(_)) {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Presses keys in the signalling (SIP INFO, `application/dtmf-relay`), as
    /// some gateways do.
    pub async fn press_by_info(&self, keys: &str) -> Result<(), Error> {
        for key in keys.chars() {
            let (leg, body) = (self.leg, format!("Signal={key}\r\nDuration=160\r\n"));
            let press = move |engine: &mut crate::engine::Engine, now| {
                engine.endpoint().info(now, leg, "application/dtmf-relay", body.into())
            };
            self.engine.ask(press).await??;
        }
        Ok(())
    }

    /// Waits until these keys were pressed on the other side.
    pub async fn wait_keys(&self, keys: &str, within: Duration) -> Result<(), Error> {
        let what = format!("keys {keys}");
        self.look(&what, within, || self.line.media.state().keys.ends_with(keys)).await
    }

    /// Puts the other side on hold (re-INVITE, sendonly).
    pub async fn hold(&self) -> Result<(), Error> {
        self.reoffer(Direction::SendOnly).await
    }

    /// Takes the other side back from hold.
    pub async fn resume(&self) -> Result<(), Error> {
        self.reoffer(Direction::SendRecv).await
    }

    /// Asks the other side to call `number` there instead (REFER).
    pub async fn refer(&self, number: &str) -> Result<(), Error> {
        let (leg, to) = (self.leg, sip::Uri::parse(&format!("sip:{number}@transfer.invalid")));
        let to = to.map_err(|_| Error::Address(number.to_owned()))?;
        let refer =
            move |engine: &mut crate::engine::Engine, now| engine.endpoint().refer(now, leg, &to, None);
        Ok(self.engine.ask(refer).await??)
    }

    /// Hands the other side of this call to that of `other`, an attended transfer
    /// (REFER with Replaces).
    pub async fn refer_to_call(&self, number: &str, other: &Call) -> Result<(), Error> {
        let to = sip::Uri::parse(&format!("sip:{number}@transfer.invalid"));
        let (leg, other) = (self.leg, other.leg);
        let to = to.map_err(|_| Error::Address(number.to_owned()))?;
        let refer = move |engine: &mut crate::engine::Engine, now| {
            let endpoint = engine.endpoint();
            let replaces = endpoint.dialog(other).ok_or(sip::Error::NoLeg)?;
            endpoint.refer(now, leg, &to, Some(&replaces))
        };
        Ok(self.engine.ask(refer).await??)
    }

    /// The dialog of this call, for an INVITE of another phone that takes its place.
    pub async fn dialog(&self) -> Result<sip::Replaces, Error> {
        let leg = self.leg;
        let dialog = move |engine: &mut crate::engine::Engine, _| engine.endpoint().dialog(leg);
        Ok(self.engine.ask(dialog).await?.ok_or(sip::Error::NoLeg)?)
    }

    async fn reoffer(&self, direction: Direction) -> Result<(), Error> {
        let (leg, line) = (self.leg, self.line.clone());
        let settled = self.line.state.borrow().offers_settled;
        let offer = move |engine: &mut crate::engine::Engine, now| {
            engine.endpoint().offer(now, leg, line.offer(direction))
        };
        self.engine.ask(offer).await??;
        let within = Duration::from_secs(10);
        let state = self.wait("answer to our offer", within, |s| s.offers_settled > settled).await?;
        if state.offer_code >= 300 { Err(Error::Refused(state.offer_code)) } else { Ok(()) }
    }

    /// Hangs up: CANCEL, BYE or a refusal, as the call's state asks for.
    pub async fn hang_up(&self) -> Result<(), Error> {
        if matches!(self.phase(), Phase::Over(_)) {
            return Ok(());
        }
        let leg = self.leg;
        self.line.over(Over::ByUs);
        let hang_up = move |engine: &mut crate::engine::Engine, now| {
            // A call that ended at this very moment is hung up enough.
            let _ = engine.endpoint().hang_up(now, leg, 603, None);
        };
        self.engine.ask(hang_up).await
    }

    /// What happened so far; `candidates` are the frequencies to look for.
    pub fn report(&self, candidates: &[f64]) -> Report {
        let state = self.line.state.borrow().clone();
        let media = self.line.media.state();
        Report {
            provisionals: state.provisionals,
            answered_ms: state.answered_ms,
            ended_ms: state.ended_ms,
            phase: state.phase,
            received: media.received,
            sent: media.sent,
            keys: media.keys.clone(),
            tones: media.ear.tones(candidates),
        }
    }

    /// Everything heard so far, 8 kHz.
    pub fn heard(&self) -> Vec<i16> {
        self.line.media.state().ear.samples().to_vec()
    }

    async fn wait(
        &self,
        what: &str,
        within: Duration,
        condition: impl Fn(&State) -> bool,
    ) -> Result<State, Error> {
        let mut changes = self.line.state.subscribe();
        let waited = tokio::time::timeout(within, changes.wait_for(|s| condition(s))).await;
        match waited {
            Ok(Ok(state)) => Ok(state.clone()),
            Ok(Err(_)) => Err(Error::Closed),
            Err(_) => Err(late(what, within)),
        }
    }

    async fn look(
        &self,
        what: &str,
        within: Duration,
        mut condition: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        let looking = async {
            while !condition() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(within, looking).await.map_err(|_| late(what, within))
    }
}

pub(crate) fn late(what: &str, within: Duration) -> Error {
    Error::Late { what: what.to_owned(), within_ms: within.as_millis() }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !matches!(self.phase(), Phase::Over(_)) {
            let leg = self.leg;
            self.engine.tell(move |engine, now| drop(engine.endpoint().hang_up(now, leg, 603, None)));
        }
    }
}
