//! A message: the caller hears a prompt and a tone, and speaks.

use crate::{
    Call, Effect, IvrInput, Message, PlayId,
    aggregate::{Phase, Step},
    while_in_flow::InFlow,
};
use serde::{Deserialize, Serialize};
use types::{fact::CallEvent, *};

/// What is shorter says nothing.
const LEAST: Millis = 1_000;

/// Where a message stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spoken {
    message: Message,
    /// What is said before.
    play: Option<PlayId>,
    /// Since when the caller speaks.
    since: Option<Timestamp>,
}

impl Spoken {
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.since.map(|since| since + self.message.max)
    }

    pub(crate) fn said_by(&self, play: PlayId) -> bool {
        self.play == Some(play)
    }
}

impl Call {
    pub(crate) fn take_message(&mut self, step: &mut Step, message: Message) {
        let play = self.play(step, &message.prompts, false);
        self.phase = Phase::InFlow(InFlow::Message(Spoken { message, play: Some(play), since: None }));
    }

    fn spoken(&mut self) -> Option<&mut Spoken> {
        match &mut self.phase {
            Phase::InFlow(InFlow::Message(spoken)) => Some(spoken),
            _ => None,
        }
    }

    /// The tone was heard: what the caller says is kept.
    pub(crate) fn begin_message(&mut self, step: &mut Step) -> bool {
        let recording = self.entry.as_ref().map(|entry| entry.message.clone());
        let now = step.now;
        let Some((spoken, recording)) = self.spoken().zip(recording) else { return false };
        (spoken.play, spoken.since) = (None, Some(now));
        self.tell(step, CallEvent::RecordingStarted { recording: recording.clone() });
        let left = self.customer.clone();
        step.does(Effect::Record { recording, left, right: Vec::new(), since: None });
        true
    }

    /// `#`: done, or enough of the prompt.
    pub(crate) fn key_in_message(&mut self, step: &mut Step, key: char) -> bool {
        let Some(spoken) = self.spoken().filter(|_| key == '#') else { return false };
        match spoken.play.take() {
            Some(play) => {
                step.does(Effect::StopPlay(play));
                self.begin_message(step)
            }
            None => self.message_done(step),
        }
    }

    pub(crate) fn message_done(&mut self, step: &mut Step) -> bool {
        self.end_message(step);
        self.ask(step, IvrInput::Played)
    }

    /// Keeps what was said so far; nothing where nothing was.
    pub(crate) fn end_message(&mut self, step: &mut Step) {
        let recording = self.entry.as_ref().map(|entry| entry.message.clone());
        let Some((spoken, recording)) = self.spoken().zip(recording) else { return };
        let Some(since) = spoken.since.take() else { return };
        let queue = spoken.message.queue.clone();
        step.does(Effect::StopRecord(recording.clone()));
        self.tell(step, CallEvent::RecordingStopped { recording: recording.clone() });
        let duration = step.now.since(since);
        if duration >= LEAST {
            self.tell(step, CallEvent::MessageLeft { queue, recording, duration });
        }
    }
}
