//! Caller and agent talk: bridge, hold, mute, recording.

use crate::{
    Call, Effect, Input, PlayId,
    aggregate::{Phase, Step},
};
use types::{fact::CallEvent, *};

#[derive(Debug, Clone)]
pub(crate) struct Talking {
    pub(crate) leg: LegId,
    music: Vec<String>,
    /// What the caller hears on hold.
    hold: Option<PlayId>,
    muted: bool,
}

impl Talking {
    pub(crate) fn new(leg: LegId, music: Vec<String>) -> Talking {
        Talking { leg, music, hold: None, muted: false }
    }
}

impl Call {
    pub(crate) fn while_talking(&mut self, step: &mut Step, input: Input) -> bool {
        let Phase::Talking(talking) = &self.phase else { return false };
        let here = |leg: &LegId| *leg == talking.leg;
        match input {
            Input::LineHungUp(leg) if here(&leg) => self.end(step, Party::Agent, HangupCause::Normal),
            Input::LineRefused { leg, .. } if here(&leg) => {
                self.end(step, Party::Agent, HangupCause::MediaLost)
            }
            Input::MediaLost(leg) if here(&leg) => self.end(step, Party::System, HangupCause::MediaLost),
            Input::SetHold { leg, on } if here(&leg) => self.set_hold(step, on),
            Input::SetMute { leg, on } if here(&leg) => self.set_mute(step, on),
            Input::LineKey { leg, key } if here(&leg) && talking.hold.is_none() => {
                step.does(Effect::Press { leg: self.entry.caller_leg.clone(), key });
                true
            }
            _ => false,
        }
    }

    fn talking(&mut self) -> &mut Talking {
        match &mut self.phase {
            Phase::Talking(talking) => talking,
            other => unreachable!("talking, not {other:?}"),
        }
    }

    /// Who hears whom, from hold and mute.
    pub(crate) fn bridge(&mut self, step: &mut Step) {
        let caller = self.entry.caller_leg.clone();
        let talking = self.talking();
        let (agent, held) = (talking.leg.clone(), talking.hold.is_some());
        let from_agent = if held || talking.muted { Vec::new() } else { vec![agent.clone()] };
        let from_caller = if held { Vec::new() } else { vec![caller.clone()] };
        step.does(Effect::Hear(vec![(caller, from_agent), (agent, from_caller)]));
    }

    fn set_hold(&mut self, step: &mut Step, on: bool) -> bool {
        let talking = self.talking();
        let (leg, music) = (talking.leg.clone(), talking.music.clone());
        match (talking.hold.take(), on) {
            (None, true) => {
                let play = self.play(step, &music, true);
                self.talking().hold = Some(play);
                self.tell(step, CallEvent::Held { by: Party::Agent });
            }
            (Some(play), false) => {
                step.does(Effect::StopPlay(play));
                let held = self.ledger.held_since.map_or(0, |since| step.now.since(since));
                self.tell(step, CallEvent::Retrieved { by: Party::Agent, held });
            }
            (same, _) => self.talking().hold = same,
        }
        self.bridge(step);
        step.does(Effect::LineHeld { leg, on });
        true
    }

    fn set_mute(&mut self, step: &mut Step, on: bool) -> bool {
        self.talking().muted = on;
        let leg = self.talking().leg.clone();
        self.bridge(step);
        step.does(Effect::LineMuted { leg, on });
        true
    }

    pub(crate) fn start_recording(&mut self, step: &mut Step, right: LegId) {
        let Some(recording) = self.entry.recording.clone() else { return };
        self.tell(step, CallEvent::RecordingStarted { recording: recording.clone() });
        step.does(Effect::Record { recording, left: self.entry.caller_leg.clone(), right });
    }
}
