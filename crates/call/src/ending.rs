//! The end: everything that the call holds is let go, once.

use crate::{
    Call, Effect,
    aggregate::{Phase, Step},
    talking::Other,
};
use types::{fact::CallEvent, *};

impl Call {
    /// Whom an agent called came by a line, not by an INVITE.
    fn let_customers_line_go(&self, step: &mut Step, cause: HangupCause) {
        if self.customer_on_line() {
            step.does(Effect::HangUpLine { leg: self.customer.clone(), cause });
        }
    }

    /// Whom we called has a line of their own; not who called, nor who is yet to be called back.
    fn customer_on_line(&self) -> bool {
        self.entry.is_none() || self.caller_gone && self.promise.is_none()
    }

    pub(crate) fn end(&mut self, step: &mut Step, by: Party, cause: HangupCause) -> bool {
        self.end_message(step);
        let stage = self.ledger.stage;
        match &self.phase {
            Phase::Queued(_) => {
                self.stop_ringing(step, OfferOutcome::CallerLeft);
                if !self.out_of_line() {
                    step.does(Effect::ReleaseQueue(cause));
                }
                self.let_customers_line_go(step, cause);
            }
            Phase::Talking(talking) => {
                let lead = talking.lead.clone();
                let on_lines = |other: &&Other| other.guest.is_some() || self.customer_on_line();
                let legs = talking.others.iter().filter(on_lines).map(|other| other.leg.clone());
                let legs: Vec<_> = legs.collect();
                let led = lead.gone.is_none().then_some(lead.leg);
                for leg in led.into_iter().chain(legs) {
                    step.does(Effect::HangUpLine { leg, cause });
                }
                if lead.queued && lead.gone.is_none() {
                    step.does(Effect::ReleaseQueue(cause));
                }
            }
            Phase::InFlow(_) => self.let_customers_line_go(step, cause),
            Phase::Ended => {}
        }
        if let (Some(_), Some(recording)) = (self.recorded.take(), self.recording.clone()) {
            self.tell(step, CallEvent::RecordingStopped { recording: recording.clone() });
            step.does(Effect::StopRecord(recording));
        }
        self.silences_over(step);
        for (leg, (who, figures)) in std::mem::take(&mut self.measured) {
            self.tell(step, CallEvent::Measured { leg, who, figures });
        }
        let ledger = &self.ledger;
        let ended = CallEvent::Ended {
            cause,
            by,
            stage,
            queue: ledger.queue.clone(),
            agent: ledger.agent.clone(),
            wait: ledger.wait_at(step.now),
            talk: ledger.talk_at(step.now),
            hold: ledger.hold_at(step.now),
            duration: step.now.since(ledger.offered_at),
        };
        self.tell(step, ended);
        if by != Party::Caller && self.entry.is_some() && !self.caller_gone {
            step.does(Effect::HangUpCaller(cause));
        }
        step.does(Effect::ReleaseMedia);
        self.phase = Phase::Ended;
        true
    }
}
