//! Calls that agents make: the agent's line first, then the other side.

use crate::{
    Call, Effect, Ledger, Placement,
    aggregate::{Phase, Step},
    parties::RING_MAX,
    talking::{Guest, Lead, Other, Place, RINGBACK, Talking},
};
use types::{
    fact::{CallEvent, CallFact},
    *,
};

impl Call {
    /// An agent calls a number or a colleague: the agent's own line is reached
    /// first and does not have to be asked.
    pub fn placed(now: Timestamp, placement: Placement) -> (Call, Vec<Effect>) {
        let Placement { call: id, agent, agent_leg, other_leg, recording, to, from, callback } = placement;
        let event = CallEvent::Placed { agent: agent.clone(), to: to.clone(), from, callback };
        let first = CallFact { call: id.clone(), seq: 0, at: now, event };
        let ledger = Ledger::open(&first).expect("the first fact is Placed");
        let lead = Lead {
            leg: agent_leg.clone(),
            agent: Some(agent.clone()),
            rings: Some((now + RING_MAX, to)),
            muted: false,
            queued: false,
            gone: None,
            ringback: None,
        };
        let talking = Talking { lead, others: Vec::new(), music: Vec::new(), node: None };
        let call = Call::new((id, other_leg, Some(recording)), None, ledger, Phase::Talking(talking));
        let (target, purpose) = (Target::Agent { agent }, Purpose::Dial);
        let invite = Effect::Invite { leg: agent_leg, target, purpose };
        (call, vec![Effect::Fact(first), Effect::OpenMedia, invite])
    }

    /// The agent who calls is on the line: the other side rings.
    pub(crate) fn lead_answered(&mut self, step: &mut Step) -> bool {
        let Some((_, target)) = self.talking().lead.rings.take() else { return false };
        let (leg, lead) = (self.customer.clone(), self.talking().lead.leg.clone());
        let guest =
            Guest { target: target.clone(), purpose: Purpose::Dial, supervision: Supervision::Listen };
        let place = Place::Rings(step.now + RING_MAX);
        let other = Other { leg: leg.clone(), guest: Some(guest), place, muted: false };
        self.talking().others.insert(0, other);
        step.does(Effect::LineTalking(lead.clone()));
        let purpose = Purpose::Dial;
        self.tell(step, CallEvent::Invited { leg: leg.clone(), target: target.clone(), purpose });
        step.does(Effect::Invite { leg, target, purpose });
        let play = self.play_to(step, lead, &[RINGBACK.to_owned()], true);
        self.talking().lead.ringback = Some(play);
        self.bridge(step);
        true
    }

    /// Whom the agent called answered.
    pub(crate) fn dialled(&mut self, step: &mut Step) -> bool {
        self.promise_kept(step);
        self.bridge(step);
        let guest = self.talking().others.first().and_then(|other| other.guest.clone());
        if guest.is_some_and(|guest| matches!(guest.target, Target::Number { .. })) {
            self.start_recording(step);
        }
        true
    }

    /// Who called hung up; or whom the agent called did not come.
    pub(crate) fn customer_left(&mut self, step: &mut Step, outcome: OfferOutcome) -> bool {
        if self.calls_back() {
            return self.not_called_back(step, outcome);
        }
        let rang = self.talking().others.first().is_some_and(|other| !other.joined());
        if !rang {
            return self.end(step, Party::Caller, HangupCause::Normal);
        }
        let (leg, target) = (self.customer.clone(), self.talking().others[0].guest.clone());
        if let Some(Guest { target, .. }) = target {
            self.tell(step, CallEvent::Left { leg, target: target.clone(), outcome });
            let leg = self.talking().lead.leg.clone();
            step.does(Effect::InviteFailed { leg, target, outcome });
        }
        self.end(step, Party::System, HangupCause::NotReached)
    }
}
