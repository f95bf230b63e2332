//! The flow speaks: prompts and keys.

use crate::{
    Asked, Call, Collect, Effect, Input, Instruction, IvrInput, Next, PlayId,
    aggregate::{Phase, Step},
    message::Spoken,
};
use serde::{Deserialize, Serialize};
use types::{fact::CallEvent, *};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum InFlow {
    /// Media and the first instruction are awaited, in either order.
    Opening {
        media: bool,
        first: Option<Box<Next>>,
    },
    /// The flow was asked; what plays meanwhile, if it may take long.
    Asking(Option<PlayId>),
    Playing(PlayId),
    Message(Spoken),
    Collecting {
        node: String,
        collect: Collect,
        play: Option<PlayId>,
        keys: String,
        until: Option<Timestamp>,
    },
}

impl InFlow {
    /// Nothing is awaited.
    pub(crate) fn idle() -> InFlow {
        InFlow::Asking(None)
    }

    pub(crate) fn opening() -> InFlow {
        InFlow::Opening { media: false, first: None }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self {
            InFlow::Collecting { until, .. } => *until,
            InFlow::Message(spoken) => spoken.deadline(),
            _ => None,
        }
    }
}

impl Call {
    pub(crate) fn while_in_flow(&mut self, step: &mut Step, input: Input) -> bool {
        let Phase::InFlow(flow) = &mut self.phase else { return false };
        match (flow, input) {
            (InFlow::Opening { media, .. }, Input::MediaReady) => {
                *media = true;
                self.open(step)
            }
            (InFlow::Opening { first, .. }, Input::Ivr(next)) => {
                *first = Some(Box::new(next));
                self.open(step)
            }
            (InFlow::Asking(meanwhile), Input::Ivr(next)) => {
                if let Some(play) = meanwhile.take() {
                    step.does(Effect::StopPlay(play));
                }
                self.follow(step, next)
            }
            (_, Input::IvrFailed) => self.end(step, Party::System, HangupCause::Unavailable),
            (InFlow::Playing(play), Input::PlayEnded(ended)) if *play == ended => {
                self.ask(step, IvrInput::Played)
            }
            (InFlow::Collecting { play, collect, until, .. }, Input::PlayEnded(ended))
                if *play == Some(ended) =>
            {
                *play = None;
                *until = Some(step.now + collect.first_timeout);
                true
            }
            (InFlow::Message(spoken), Input::PlayEnded(ended)) if spoken.said_by(ended) => {
                self.begin_message(step)
            }
            (InFlow::Message(_), Input::Key(key)) => self.key_in_message(step, key),
            (InFlow::Message(spoken), Input::Tick) if spoken.deadline().is_some_and(|at| at <= step.now) => {
                self.message_done(step)
            }
            (InFlow::Collecting { .. }, Input::Key(key)) => self.key(step, key),
            (InFlow::Collecting { keys, until: Some(until), .. }, Input::Tick) if *until <= step.now => {
                let keys = std::mem::take(keys);
                self.collected(step, keys)
            }
            _ => false,
        }
    }

    /// Media is there and the flow has spoken: connect the caller or let the
    /// caller hear without, then begin.
    fn open(&mut self, step: &mut Step) -> bool {
        let Phase::InFlow(InFlow::Opening { media: true, first }) = &mut self.phase else { return true };
        let Some(next) = first.take() else { return true };
        if self.entry.as_ref().is_some_and(|entry| entry.auto_connect) {
            self.connect(step);
        } else {
            step.does(Effect::EarlyMedia);
        }
        self.follow(step, *next)
    }

    pub(crate) fn connect(&mut self, step: &mut Step) {
        if !self.ledger.connected && self.entry.is_some() && !self.caller_gone {
            self.tell(step, CallEvent::Connected);
            step.does(Effect::Connect);
        }
    }

    pub(crate) fn ask(&mut self, step: &mut Step, input: IvrInput) -> bool {
        self.phase = Phase::InFlow(InFlow::Asking(None));
        step.does(Effect::AskIvr(input));
        true
    }

    fn follow(&mut self, step: &mut Step, next: Next) -> bool {
        let Next { flow, version, node, label, stage, category, callback, instruction } = next;
        if let Some(category) = category.filter(|category| self.ledger.category.as_ref() != Some(category)) {
            self.tell(step, CallEvent::Categorised { category });
        }
        if let Some(Asked { number, queue }) = callback {
            self.tell(step, CallEvent::CallbackAsked { queue, number, in_line: false });
        }
        if !matches!(instruction, Instruction::Hangup) {
            self.tell(step, CallEvent::NodeEntered { flow, version, node: node.clone(), label, stage });
        }
        match instruction {
            Instruction::Play(prompts) => {
                let play = self.play(step, &prompts, false);
                self.phase = Phase::InFlow(InFlow::Playing(play));
            }
            Instruction::Collect(collect) => {
                let play = self.play(step, &collect.prompts, false);
                let keys = String::new();
                self.phase =
                    Phase::InFlow(InFlow::Collecting { node, collect, play: Some(play), keys, until: None });
            }
            Instruction::Wait(prompts) => {
                let play = self.play(step, &prompts, true);
                self.phase = Phase::InFlow(InFlow::Asking(Some(play)));
                step.does(Effect::AskIvr(IvrInput::Waits));
            }
            Instruction::Queue(queue) => self.join(step, queue),
            Instruction::Message(message) => self.take_message(step, message),
            Instruction::Hangup => return self.end(step, Party::System, HangupCause::FlowEnded),
        }
        true
    }

    fn key(&mut self, step: &mut Step, key: char) -> bool {
        let Phase::InFlow(InFlow::Collecting { collect, play, keys, until, .. }) = &mut self.phase else {
            return false;
        };
        if let Some(play) = play.take() {
            step.does(Effect::StopPlay(play));
        }
        let terminated = collect.terminators.contains(key);
        if !terminated {
            keys.push(key);
        }
        if !terminated && keys.len() < collect.keys_max {
            *until = Some(step.now + collect.next_timeout);
            return true;
        }
        let keys = std::mem::take(keys);
        self.collected(step, keys)
    }

    fn collected(&mut self, step: &mut Step, keys: String) -> bool {
        let Phase::InFlow(InFlow::Collecting { node, .. }) = &self.phase else { return false };
        if keys.is_empty() {
            return self.ask(step, IvrInput::NoInput);
        }
        let node = node.clone();
        self.tell(step, CallEvent::KeysPressed { node, keys: keys.clone() });
        self.ask(step, IvrInput::Keys(keys))
    }
}
