//! Those who talk: the one who leads, the customer, and further parties. Who
//! hears whom, hold, mute, keys, recording.

use crate::{
    Call, Command, Effect, Input, PlayId, QueueNode, Seat,
    aggregate::{Phase, Step},
};
use serde::{Deserialize, Serialize};
use types::{fact::CallEvent, *};

/// Heard where nothing else is: nobody is left in silence.
pub const RINGBACK: &str = "ringback";
/// Parties beside the one who leads.
pub(crate) const OTHERS_MAX: usize = 9;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Talking {
    pub(crate) lead: Lead,
    /// Everybody else, the customer first.
    pub(crate) others: Vec<Other>,
    /// What somebody on hold hears.
    pub(crate) music: Vec<String>,
    /// Where the customer waited, and waits again if a transfer leaves nobody.
    pub(crate) node: Option<QueueNode>,
}

/// Who leads the conversation and may hand it over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lead {
    pub(crate) leg: LegId,
    pub(crate) agent: Option<AgentId>,
    /// An agent who called is rung first: until then, and what follows.
    pub(crate) rings: Option<(Timestamp, Target)>,
    pub(crate) muted: bool,
    /// The ACD gave the agent to the call: it must be told of the end.
    pub(crate) queued: bool,
    /// Hung up while a transfer rings, after this talk and hold: the caller is
    /// still to be served.
    pub(crate) gone: Option<(Millis, Millis)>,
    /// The ringing that the lead hears.
    pub(crate) ringback: Option<PlayId>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Other {
    pub(crate) leg: LegId,
    /// `None`: the customer, who called.
    pub(crate) guest: Option<Guest>,
    pub(crate) place: Place,
    pub(crate) muted: bool,
}

/// A party that was asked to the call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Guest {
    pub(crate) target: Target,
    pub(crate) purpose: Purpose,
    pub(crate) supervision: Supervision,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// Asked, not answered; given up at this time.
    Rings(Timestamp),
    /// Hears and is heard.
    Here,
    /// On hold, with music.
    Away(PlayId),
    /// A supervisor who listens or whispers.
    Watches,
}

impl Talking {
    pub(crate) fn new(leg: LegId, agent: AgentId, caller: LegId, node: QueueNode) -> Talking {
        let lead = Lead {
            leg,
            agent: Some(agent),
            rings: None,
            muted: false,
            queued: true,
            gone: None,
            ringback: None,
        };
        let customer = Other { leg: caller, guest: None, place: Place::Here, muted: false };
        Talking { lead, others: vec![customer], music: node.music.clone(), node: Some(node) }
    }

    pub(crate) fn leads(&self, leg: &LegId) -> bool {
        self.leads_or_rings(leg) && self.lead.rings.is_none()
    }

    pub(crate) fn leads_or_rings(&self, leg: &LegId) -> bool {
        self.lead.gone.is_none() && self.lead.leg == *leg
    }

    pub(crate) fn find(&self, leg: &LegId) -> Option<usize> {
        self.others.iter().position(|other| other.leg == *leg)
    }

    /// A party that has not answered yet.
    pub(crate) fn rings(&self, leg: &LegId) -> bool {
        self.others.iter().any(|other| other.leg == *leg && !other.joined())
    }

    /// Who rings, or talks with the lead while the customer waits.
    pub(crate) fn consulted(&self) -> Option<usize> {
        let wanted = |guest: &Guest| matches!(guest.purpose, Purpose::Transfer | Purpose::Consult);
        self.others.iter().position(|other| other.guest.as_ref().is_some_and(wanted))
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let rings = self.others.iter().filter_map(|other| match other.place {
            Place::Rings(until) => Some(until),
            _ => None,
        });
        rings.chain(self.lead.rings.as_ref().map(|(until, _)| *until)).min()
    }

    /// Whose voice everybody present hears.
    fn present(&self) -> Vec<(&LegId, bool)> {
        let others = self.others.iter().filter(|other| other.place == Place::Here);
        let mut present: Vec<_> = others.map(|other| (&other.leg, other.muted)).collect();
        if self.lead.gone.is_none() {
            present.push((&self.lead.leg, self.lead.muted));
        }
        present
    }

    fn matrix(&self) -> Vec<(LegId, Vec<LegId>)> {
        let present = self.present();
        let voices = |but: &LegId| -> Vec<LegId> {
            let heard = present.iter().filter(|(leg, muted)| !muted && *leg != but);
            heard.map(|(leg, _)| (*leg).clone()).collect()
        };
        // Who still rings has no leg at the gateway yet, and hears nothing.
        let listeners = self.others.iter().filter(|other| other.joined());
        let mut matrix: Vec<_> = listeners
            .map(|other| match other.place {
                Place::Here | Place::Watches => (other.leg.clone(), voices(&other.leg)),
                Place::Rings(_) | Place::Away(_) => (other.leg.clone(), Vec::new()),
            })
            .collect();
        if self.lead.gone.is_none() {
            let mut heard = voices(&self.lead.leg);
            heard.extend(self.others.iter().filter(|other| other.speaks_to_lead()).map(|o| o.leg.clone()));
            matrix.push((self.lead.leg.clone(), heard));
        }
        matrix
    }

    /// Whose voices the recording has beside the customer's.
    fn recorded(&self) -> Vec<LegId> {
        let lead = self.lead.gone.is_none().then(|| self.lead.leg.clone());
        let others = self.others.iter().skip(1).filter(|o| matches!(o.place, Place::Here | Place::Away(_)));
        lead.into_iter().chain(others.map(|other| other.leg.clone())).collect()
    }

    /// The parties as the lead sees them; who listens only is not seen.
    pub(crate) fn seats(&self) -> Vec<Seat> {
        let seen = |other: &&Other| match &other.guest {
            Some(guest) => other.place != Place::Watches || guest.supervision == Supervision::Whisper,
            None => true,
        };
        self.others.iter().filter(seen).map(Other::seat).collect()
    }
}

impl Other {
    pub(crate) fn joined(&self) -> bool {
        !matches!(self.place, Place::Rings(_))
    }

    fn seat(&self) -> Seat {
        let state = match self.place {
            Place::Rings(_) => "ringing",
            Place::Here => "here",
            Place::Away(_) => "held",
            Place::Watches => "whispers",
        };
        let target = self.guest.as_ref().map(|guest| guest.target.clone());
        Seat { leg: self.leg.clone(), target, state }
    }

    /// The lead alone hears a supervisor who whispers, and what a number that
    /// rings has to say before its answer.
    fn speaks_to_lead(&self) -> bool {
        let Some(guest) = &self.guest else { return false };
        match self.place {
            Place::Watches => guest.supervision == Supervision::Whisper,
            Place::Rings(_) => matches!(guest.target, Target::Number { .. }),
            _ => false,
        }
    }
}

impl Call {
    pub(crate) fn while_talking(&mut self, step: &mut Step, input: Input) -> bool {
        let Phase::Talking(talking) = &self.phase else { return false };
        match input {
            Input::Command { leg, command } if talking.leads(&leg) => self.command(step, command),
            Input::Supervise { leg, agent, how } => self.supervise(step, leg, agent, how),
            Input::SetSupervision { leg, how } => self.set_supervision(step, &leg, how),
            Input::LineAnswered(leg) if talking.leads_or_rings(&leg) => self.lead_answered(step),
            Input::LineAnswered(leg) => self.joined(step, &leg),
            Input::EarlyMedia(leg) if talking.find(&leg).is_some() => self.hush(step),
            Input::LineRefused { leg, .. } if talking.leads_or_rings(&leg) => {
                self.lead_left(step, Party::Agent, HangupCause::MediaLost)
            }
            Input::LineRefused { leg, outcome } => self.left(step, &leg, outcome),
            Input::LineHungUp(leg) if talking.leads_or_rings(&leg) => {
                self.lead_left(step, Party::Agent, HangupCause::Normal)
            }
            Input::LineHungUp(leg) => self.left(step, &leg, OfferOutcome::Declined),
            Input::MediaLost(leg) if talking.leads_or_rings(&leg) => {
                self.lead_left(step, Party::System, HangupCause::MediaLost)
            }
            // A carrier's ringing that was heard and pauses.
            Input::MediaLost(leg) if talking.rings(&leg) => false,
            Input::MediaLost(leg) => self.left(step, &leg, OfferOutcome::MediaFailed),
            Input::SetHold { leg, on } if talking.leads(&leg) => self.set_hold(step, on),
            Input::SetMute { leg, on } => self.set_mute(step, &leg, on),
            Input::LineKey { leg, key } => self.key_of_line(step, &leg, key),
            Input::Tick => self.rings_too_long(step),
            _ => false,
        }
    }

    pub(crate) fn talking(&mut self) -> &mut Talking {
        match &mut self.phase {
            Phase::Talking(talking) => talking,
            other => unreachable!("talking, not {other:?}"),
        }
    }

    pub(crate) fn talking_ref(&self) -> &Talking {
        match &self.phase {
            Phase::Talking(talking) => talking,
            other => unreachable!("talking, not {other:?}"),
        }
    }

    /// Everybody hears what the places say, the recording follows, the lead sees it.
    pub(crate) fn bridge(&mut self, step: &mut Step) {
        let talking = self.talking();
        let (matrix, right, seats) = (talking.matrix(), talking.recorded(), talking.seats());
        let lead = talking.lead.leg.clone();
        let more = talking.others.len() > 1;
        let shown = std::mem::replace(&mut self.seats_shown, more);
        step.does(Effect::Hear(matrix));
        if self.recorded.as_ref().is_some_and(|recorded| *recorded != right) {
            self.record(step, right);
        }
        if (more || shown) && self.talking().lead.gone.is_none() {
            step.does(Effect::LineSeats { leg: lead, seats });
        }
        self.follow_silences(step);
    }

    pub(crate) fn start_recording(&mut self, step: &mut Step) {
        let Some(recording) = self.recording.clone() else { return };
        if self.recorded.is_none() {
            self.tell(step, CallEvent::RecordingStarted { recording });
        }
        let right = self.talking().recorded();
        self.record(step, right);
    }

    /// Nobody but the caller is there: the recording goes on.
    pub(crate) fn record_if_any(&mut self, step: &mut Step) {
        if self.recorded.is_some() {
            self.record(step, Vec::new());
        }
    }

    fn record(&mut self, step: &mut Step, right: Vec<LegId>) {
        let Some(recording) = self.recording.clone() else { return };
        let left = self.customer.clone();
        self.recorded = Some(right.clone());
        step.does(Effect::Record { recording, left, right, since: None });
    }

    // ── hold, mute, keys ────────────────────────────────────────────────────

    fn set_hold(&mut self, step: &mut Step, on: bool) -> bool {
        if self.talking().consulted().is_some() {
            // The customer is away for the consultation already, and comes back by it.
            return false;
        }
        let leg = self.talking().lead.leg.clone();
        if on {
            self.send_away(step, 0)
        } else {
            self.bring_back(step, 0)
        };
        self.bridge(step);
        step.does(Effect::LineHeld { leg, on });
        true
    }

    /// Music for a party; for the customer it is a hold.
    pub(crate) fn send_away(&mut self, step: &mut Step, at: usize) {
        let talking = self.talking();
        if talking.others[at].place != Place::Here {
            return;
        }
        let (leg, mut music) = (talking.others[at].leg.clone(), talking.music.clone());
        if music.is_empty() {
            music.push(RINGBACK.to_owned());
        }
        let play = self.play_to(step, leg, &music, true);
        self.talking().others[at].place = Place::Away(play);
        if at == 0 {
            self.tell(step, CallEvent::Held { by: Party::Agent });
        }
    }

    pub(crate) fn bring_back(&mut self, step: &mut Step, at: usize) {
        let other = &mut self.talking().others[at];
        let Place::Away(play) = other.place else { return };
        other.place = Place::Here;
        step.does(Effect::StopPlay(play));
        if at == 0 {
            let held = self.ledger.held_since.map_or(0, |since| step.now.since(since));
            self.tell(step, CallEvent::Retrieved { by: Party::Agent, held });
        }
    }

    fn set_mute(&mut self, step: &mut Step, leg: &LegId, on: bool) -> bool {
        let talking = self.talking();
        match talking.find(leg) {
            Some(at) => talking.others[at].muted = on,
            None if talking.leads(leg) => talking.lead.muted = on,
            None => return false,
        }
        self.bridge(step);
        step.does(Effect::LineMuted { leg: leg.clone(), on });
        true
    }

    /// A key is for everybody who hears the one who pressed it.
    fn key_of_line(&mut self, step: &mut Step, leg: &LegId, key: char) -> bool {
        let heard_by = self.talking().matrix().into_iter().filter(|(_, sources)| sources.contains(leg));
        let before = step.effects.len();
        heard_by.for_each(|(leg, _)| step.does(Effect::Press { leg, key }));
        step.effects.len() > before
    }

    // ── supervisors ─────────────────────────────────────────────────────────

    fn supervise(&mut self, step: &mut Step, leg: LegId, agent: AgentId, how: Supervision) -> bool {
        if self.talking().lead.rings.is_some() {
            // Nothing to hear yet: the customer, who has the first place, is not called yet.
            return false;
        }
        let target = Target::Agent { agent };
        self.invite(step, leg, target, Purpose::Supervise, how)
    }

    /// A supervisor listens, whispers, joins in or takes the call over.
    pub(crate) fn set_supervision(&mut self, step: &mut Step, leg: &LegId, how: Supervision) -> bool {
        let Some(at) = self.talking().find(leg) else { return false };
        let other = &mut self.talking().others[at];
        let Some(guest) = other.guest.as_mut().filter(|guest| guest.purpose == Purpose::Supervise) else {
            return false;
        };
        guest.supervision = how;
        if matches!(other.place, Place::Rings(_)) {
            return true;
        }
        other.place = if matches!(how, Supervision::Barge | Supervision::TakeOver) {
            Place::Here
        } else {
            Place::Watches
        };
        if let Some(by) = guest.target.agent().cloned() {
            self.tell(step, CallEvent::Supervised { by, leg: leg.clone(), how });
        }
        if how == Supervision::TakeOver {
            return self.hand_over(step, at);
        }
        self.bridge(step);
        true
    }

    /// What the lead wants.
    fn command(&mut self, step: &mut Step, command: Command) -> bool {
        let done = self.perform(step, command);
        if let Err(message) = done {
            let leg = self.talking().lead.leg.clone();
            step.does(Effect::LineRefuses { leg, message });
        }
        true
    }
}
