//! The end: everything that the call holds is let go, once.

use crate::{
    Call, Effect,
    aggregate::{Phase, Step},
};
use types::{fact::CallEvent, *};

impl Call {
    pub(crate) fn end(&mut self, step: &mut Step, by: Party, cause: HangupCause) -> bool {
        let stage = self.ledger.stage;
        match &self.phase {
            Phase::Queued(_) => {
                self.stop_ringing(step, OfferOutcome::CallerLeft);
                step.does(Effect::ReleaseQueue(cause));
            }
            Phase::Talking(talking) => {
                let leg = talking.leg.clone();
                if let Some(recording) = self.entry.recording.clone() {
                    self.tell(step, CallEvent::RecordingStopped { recording: recording.clone() });
                    step.does(Effect::StopRecord(recording));
                }
                step.does(Effect::HangUpLine { leg, cause });
                step.does(Effect::ReleaseQueue(cause));
            }
            Phase::InFlow(_) | Phase::Ended => {}
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
        if by != Party::Caller {
            step.does(Effect::HangUpCaller(cause));
        }
        step.does(Effect::ReleaseMedia);
        self.phase = Phase::Ended;
        true
    }
}
