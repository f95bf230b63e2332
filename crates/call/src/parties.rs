//! Further parties: asked to the call, joined, handed the call, gone. A failed
//! transfer gives the caller back to the agent.

use crate::{
    Call, Command, Effect, HandOver,
    aggregate::{Phase, Step},
    talking::{Guest, Lead, OTHERS_MAX, Other, Place, RINGBACK},
};
use types::{fact::CallEvent, *};

/// How long a party may ring; the ACD gives up on an agent sooner.
pub(crate) const RING_MAX: Millis = 60_000;

type Done = Result<(), &'static str>;

impl Call {
    pub(crate) fn perform(&mut self, step: &mut Step, command: Command) -> Done {
        let customer = self.customer.clone();
        if !matches!(command, Command::Invite { .. } | Command::Remove(_)) && self.talking().rings(&customer)
        {
            return Err("nobody has answered yet");
        }
        match command {
            Command::Transfer(HandOver::Party { leg, target }) => {
                self.reach(step, leg, target, Purpose::Transfer)
            }
            Command::Transfer(HandOver::Queue(node)) => self.transfer_to_queue(step, *node),
            Command::Consult { leg, target } => self.reach(step, leg, target, Purpose::Consult),
            Command::Invite { leg, target } => self.reach(step, leg, target, Purpose::Conference),
            Command::Swap => self.swap(step),
            Command::Complete => self.complete(step),
            Command::Cancel => self.cancel(step),
            Command::Conference => self.conference(step),
            Command::Remove(leg) => self.remove(step, &leg),
        }
    }

    fn reach(&mut self, step: &mut Step, leg: LegId, target: Target, purpose: Purpose) -> Done {
        if matches!(target, Target::Queue { .. }) {
            return Err("a queue takes a transfer only");
        }
        if self.talking().consulted().is_some() {
            return Err("finish the consultation first");
        }
        if purpose != Purpose::Conference {
            self.send_away(step, 0);
        }
        match self.invite(step, leg, target, purpose, Supervision::Listen) {
            true => Ok(()),
            false => {
                self.bring_back(step, 0);
                Err("no more parties can be added")
            }
        }
    }

    /// A party rings; the lead hears it ringing. False: there are too many.
    pub(crate) fn invite(
        &mut self,
        step: &mut Step,
        leg: LegId,
        target: Target,
        purpose: Purpose,
        supervision: Supervision,
    ) -> bool {
        if self.talking().others.len() >= OTHERS_MAX {
            return false;
        }
        let place = Place::Rings(step.now + RING_MAX);
        let guest = Some(Guest { target: target.clone(), purpose, supervision });
        self.talking().others.push(Other { leg: leg.clone(), guest, place, muted: false });
        self.tell(step, CallEvent::Invited { leg: leg.clone(), target: target.clone(), purpose });
        step.does(Effect::Invite { leg, target, purpose });
        let lead = &self.talking().lead;
        if purpose != Purpose::Supervise && lead.gone.is_none() && lead.ringback.is_none() {
            let to = lead.leg.clone();
            let play = self.play_to(step, to, &[RINGBACK.to_owned()], true);
            self.talking().lead.ringback = Some(play);
        }
        self.bridge(step);
        true
    }

    /// The lead hears no ringing any more.
    pub(crate) fn hush(&mut self, step: &mut Step) -> bool {
        if let Some(play) = self.talking().lead.ringback.take() {
            step.does(Effect::StopPlay(play));
        }
        true
    }

    /// A party that rang answered.
    pub(crate) fn joined(&mut self, step: &mut Step, leg: &LegId) -> bool {
        let Some(at) = self.talking().find(leg) else { return false };
        let other = &mut self.talking().others[at];
        let (Place::Rings(_), Some(guest)) = (other.place, other.guest.clone()) else { return false };
        other.place = Place::Here;
        let Guest { target, purpose, supervision } = guest;
        self.hush(step);
        self.tell(step, CallEvent::Joined { leg: leg.clone(), target, purpose });
        step.does(Effect::LineTalking(leg.clone()));
        match purpose {
            Purpose::Transfer => self.hand_over(step, at),
            Purpose::Supervise => self.set_supervision(step, leg, supervision),
            Purpose::Dial => self.dialled(step),
            Purpose::Consult | Purpose::Conference => {
                self.bridge(step);
                true
            }
        }
    }

    /// A party other than the lead is out.
    pub(crate) fn left(&mut self, step: &mut Step, leg: &LegId, outcome: OfferOutcome) -> bool {
        let Some(at) = self.talking().find(leg) else { return false };
        let Some(guest) = self.talking().others[at].guest.clone().filter(|_| at > 0) else {
            return self.customer_left(step, outcome);
        };
        let other = self.talking().others.remove(at);
        let rang = !other.joined();
        if let Place::Away(play) = other.place {
            step.does(Effect::StopPlay(play));
        }
        let told = if rang { outcome } else { OfferOutcome::Answered };
        let Guest { target, purpose, .. } = guest;
        self.tell(step, CallEvent::Left { leg: leg.clone(), target: target.clone(), outcome: told });
        step.does(Effect::HangUpLine { leg: leg.clone(), cause: HangupCause::Normal });
        if rang {
            self.hush(step);
        }
        if matches!(purpose, Purpose::Transfer | Purpose::Consult) {
            if self.talking().lead.gone.is_some() {
                return self.nobody_is_left(step);
            }
            self.bring_back(step, 0);
        }
        self.bridge(step);
        let failed = rang && outcome != OfferOutcome::Withdrawn && purpose != Purpose::Supervise;
        if failed {
            let leg = self.talking().lead.leg.clone();
            step.does(Effect::InviteFailed { leg, target, outcome });
        }
        true
    }

    pub(crate) fn rings_too_long(&mut self, step: &mut Step) -> bool {
        if self.talking_ref().lead.rings.as_ref().is_some_and(|(until, _)| *until <= step.now) {
            return self.end(step, Party::System, HangupCause::NotReached);
        }
        let due = |other: &Other| matches!(other.place, Place::Rings(until) if until <= step.now);
        let late: Vec<_> = self.talking().others.iter().filter(|o| due(o)).map(|o| o.leg.clone()).collect();
        for leg in &late {
            if !matches!(self.phase, Phase::Talking(_)) {
                break;
            }
            self.left(step, leg, OfferOutcome::NoAnswer);
        }
        !late.is_empty()
    }

    fn swap(&mut self, step: &mut Step) -> Done {
        let at = self.talking().consulted().filter(|at| self.talking_ref().others[*at].joined());
        let at = at.ok_or("nobody is consulted")?;
        match self.talking().others[0].place {
            Place::Away(_) => {
                self.send_away(step, at);
                self.bring_back(step, 0);
            }
            _ => {
                self.send_away(step, 0);
                self.bring_back(step, at);
            }
        }
        self.bridge(step);
        Ok(())
    }

    /// The consulted party gets the caller; one that still rings gets the
    /// caller when it answers.
    fn complete(&mut self, step: &mut Step) -> Done {
        let at = self.talking().consulted().ok_or("nobody is consulted")?;
        if self.talking().others[at].joined() {
            self.hand_over(step, at);
            return Ok(());
        }
        if let Some(guest) = &mut self.talking().others[at].guest {
            guest.purpose = Purpose::Transfer;
        }
        Ok(())
    }

    /// The consultation or transfer is off, the caller is back.
    fn cancel(&mut self, step: &mut Step) -> Done {
        let at = self.talking().consulted().ok_or("nobody is consulted")?;
        let leg = self.talking().others[at].leg.clone();
        self.left(step, &leg, OfferOutcome::Withdrawn);
        Ok(())
    }

    /// Everybody hears everybody.
    fn conference(&mut self, step: &mut Step) -> Done {
        let at = self.talking().consulted().filter(|at| self.talking_ref().others[*at].joined());
        let at = at.ok_or("nobody is consulted")?;
        if let Some(guest) = &mut self.talking().others[at].guest {
            guest.purpose = Purpose::Conference;
        }
        self.bring_back(step, 0);
        self.bring_back(step, at);
        self.bridge(step);
        Ok(())
    }

    fn remove(&mut self, step: &mut Step, leg: &LegId) -> Done {
        let found = self.talking().find(leg).filter(|at| *at > 0);
        found.ok_or("there is no such party")?;
        self.left(step, leg, OfferOutcome::Withdrawn);
        Ok(())
    }

    // ── another one leads ───────────────────────────────────────────────────

    /// The party gets the call, the lead is let go.
    pub(crate) fn hand_over(&mut self, step: &mut Step, at: usize) -> bool {
        self.bring_back(step, 0);
        self.bring_back(step, at);
        let other = self.talking().others.remove(at);
        let Some(guest) = other.guest else { return false };
        self.transferred(step, guest.target.clone());
        let agent = guest.target.agent().cloned();
        let (leg, muted) = (other.leg, other.muted);
        self.talking().lead =
            Lead { leg, agent, rings: None, muted, queued: false, gone: None, ringback: None };
        self.bridge(step);
        true
    }

    /// The one who led is told so and let go.
    fn transferred(&mut self, step: &mut Step, to: Target) {
        let Lead { leg, agent, queued, gone, .. } = self.talking().lead.clone();
        self.hush(step);
        let (talk, hold) = gone.unwrap_or_else(|| self.ledger.led_at(step.now));
        self.tell(step, CallEvent::Transferred { from: agent, to, talk, hold });
        if gone.is_none() {
            step.does(Effect::HangUpLine { leg, cause: HangupCause::Normal });
            self.release_queue(step, queued);
        }
    }

    fn release_queue(&mut self, step: &mut Step, queued: bool) {
        if queued {
            step.does(Effect::ReleaseQueue(HangupCause::Normal));
        }
    }

    fn transfer_to_queue(&mut self, step: &mut Step, node: crate::QueueNode) -> Done {
        if self.talking().consulted().is_some() {
            return Err("finish the consultation first");
        }
        self.wait_again(step, node);
        Ok(())
    }

    fn wait_again(&mut self, step: &mut Step, node: crate::QueueNode) {
        let guests: Vec<_> = self.talking().others.iter().skip(1).map(|other| other.leg.clone()).collect();
        for leg in &guests {
            self.left(step, leg, OfferOutcome::Withdrawn);
        }
        self.bring_back(step, 0);
        self.transferred(step, Target::Queue { queue: node.queue.clone() });
        step.does(Effect::Hear(Vec::new()));
        self.record_if_any(step);
        self.join(step, node);
    }

    /// The lead hung up and whom the caller was to get is not to be had: the
    /// caller waits again where the caller waited, if anywhere.
    fn nobody_is_left(&mut self, step: &mut Step) -> bool {
        match self.talking().node.clone() {
            Some(node) => {
                let welcome = Vec::new();
                self.wait_again(step, crate::QueueNode { welcome, ..node });
                true
            }
            None => self.end(step, Party::System, HangupCause::Unavailable),
        }
    }

    /// The lead hung up or was lost. A caller on the way to somebody goes on.
    pub(crate) fn lead_left(&mut self, step: &mut Step, by: Party, cause: HangupCause) -> bool {
        if self.calls_back() {
            return self.not_called_back(step, OfferOutcome::Withdrawn);
        }
        let talking = self.talking_ref();
        let heir = |other: &Other| {
            let guest = other.guest.as_ref();
            other.joined() && guest.is_some_and(|guest| guest.purpose != Purpose::Supervise)
        };
        if let Some(at) = talking.others.iter().skip(1).position(heir) {
            return self.hand_over(step, at + 1);
        }
        let transfers = |other: &Other| other.guest.as_ref().is_some_and(|g| g.purpose == Purpose::Transfer);
        if talking.others.iter().any(transfers) {
            let Lead { leg, queued, .. } = talking.lead.clone();
            self.hush(step);
            let share = self.ledger.led_at(step.now);
            self.talking().lead.gone = Some(share);
            step.does(Effect::HangUpLine { leg, cause });
            self.release_queue(step, queued);
            self.bridge(step);
            return true;
        }
        self.end(step, by, cause)
    }
}
