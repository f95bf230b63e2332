//! What the gateway was told and still does: who hears whom, what plays, what is
//! recorded. Another gateway in its place is told the same.

use crate::{
    Call, Effect, PlayId,
    aggregate::{Phase, Step},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::*;

/// As the effects told it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sounds {
    plays: BTreeMap<PlayId, Play>,
    matrix: Vec<(LegId, Vec<LegId>)>,
    tape: Option<Tape>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Play {
    leg: LegId,
    prompts: Vec<String>,
    repeat: bool,
}

/// A recording: whom it has left and right, since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tape {
    recording: RecordingId,
    left: LegId,
    right: Vec<LegId>,
    since: Timestamp,
}

impl Sounds {
    pub(crate) fn play_ended(&mut self, play: PlayId) {
        self.plays.remove(&play);
    }

    /// Takes over what was told.
    pub(crate) fn follow(&mut self, now: Timestamp, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Play { play, leg, prompts, repeat } => {
                    let told = Play { leg: leg.clone(), prompts: prompts.clone(), repeat: *repeat };
                    self.plays.insert(*play, told);
                }
                Effect::StopPlay(play) => self.play_ended(*play),
                Effect::Hear(matrix) => self.matrix.clone_from(matrix),
                Effect::Record { recording, left, right, .. } => {
                    let before = self.tape.take().filter(|tape| tape.recording == *recording);
                    let since = before.map_or(now, |tape| tape.since);
                    let (recording, left, right) = (recording.clone(), left.clone(), right.clone());
                    self.tape = Some(Tape { recording, left, right, since });
                }
                Effect::StopRecord(_) => self.tape = None,
                Effect::StopRinging { leg, .. }
                | Effect::HangUpLine { leg, .. }
                | Effect::DropCaller(leg) => {
                    self.leg_gone(leg);
                }
                Effect::ReleaseMedia => *self = Self::default(),
                _ => {}
            }
        }
    }

    fn leg_gone(&mut self, gone: &LegId) {
        self.plays.retain(|_, play| play.leg != *gone);
        self.matrix.retain(|(leg, _)| leg != gone);
        self.matrix.iter_mut().for_each(|(_, sources)| sources.retain(|leg| leg != gone));
    }
}

impl Call {
    /// What plays once and is not over yet, as far as the call was told.
    pub fn plays_once(&self) -> impl Iterator<Item = PlayId> {
        let once = self.sounds.plays.iter().filter(|(_, play)| !play.repeat);
        once.map(|(id, _)| *id)
    }

    /// A new gateway does what the one before did. What was played once begins anew:
    /// better heard twice than not.
    pub(crate) fn sound_again(&mut self, step: &mut Step) -> bool {
        if matches!(self.phase, Phase::Ended) {
            return false;
        }
        let Sounds { plays, matrix, tape } = self.sounds.clone();
        step.does(Effect::Hear(matrix));
        for (play, Play { leg, prompts, repeat }) in plays {
            step.does(Effect::Play { play, leg, prompts, repeat });
        }
        if let Some(Tape { recording, left, right, since }) = tape {
            step.does(Effect::Record { recording, left, right, since: Some(since) });
        }
        true
    }
}
