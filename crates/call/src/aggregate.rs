use crate::{
    Effect, Entry, Input, IvrInput, Ledger, PlayId, promise::Promise, queued::Queued, silence::Silences,
    sounds::Sounds, talking::Talking, while_in_flow::InFlow,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{
    fact::{CallEvent, CallFact, Figures},
    *,
};

/// One call: the ledger of what was told, and what is going on right now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    id: CallId,
    /// The customer's leg: who called, or whom the agent called.
    pub(crate) customer: LegId,
    /// `None`: it is not recorded.
    pub(crate) recording: Option<RecordingId>,
    /// How the customer came in; `None`: an agent called.
    pub(crate) entry: Option<Entry>,
    pub(crate) ledger: Ledger,
    pub(crate) phase: Phase,
    last_play: u32,
    ignored: u32,
    /// Whom the right channel of the recording has; `None`: nothing is recorded.
    pub(crate) recorded: Option<Vec<LegId>>,
    /// The lead's screen shows further parties.
    pub(crate) seats_shown: bool,
    /// Who was on which leg and how well it was heard, told at the end.
    pub(crate) measured: BTreeMap<LegId, (Option<Target>, Figures)>,
    pub(crate) silences: Silences,
    pub(crate) sounds: Sounds,
    /// Whom the call serves is to be called back.
    pub(crate) promise: Option<Promise>,
    /// Who called has no leg any more; the customer's is one that was called.
    pub(crate) caller_gone: bool,
}

/// Legs of one call whose figures are kept.
const MEASURED_MAX: usize = 64;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Phase {
    InFlow(InFlow),
    Queued(Box<Queued>),
    Talking(Talking),
    Ended,
}

/// The effects of one input, in the making.
pub(crate) struct Step {
    pub(crate) now: Timestamp,
    pub(crate) effects: Vec<Effect>,
}

impl Step {
    pub(crate) fn does(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}

impl Call {
    /// A call begins: media and flow are asked for at once.
    pub fn offered(now: Timestamp, entry: Entry) -> (Call, Vec<Effect>) {
        let event = CallEvent::Offered {
            from: entry.from.clone(),
            caller_name: entry.caller_name.clone(),
            did: entry.did.clone(),
            did_label: entry.did_label.clone(),
            trunk: entry.trunk.clone(),
            flow: entry.flow.clone(),
            auto_connect: entry.auto_connect,
        };
        let first = CallFact { call: entry.call.clone(), seq: 0, at: now, event };
        let ledger = Ledger::open(&first).expect("the first fact is Offered");
        let phase = Phase::InFlow(InFlow::opening());
        let (id, customer, recording) =
            (entry.call.clone(), entry.caller_leg.clone(), entry.recording.clone());
        let entry = Some(entry);
        let call = Call::new((id, customer, recording), entry, ledger, phase);
        (call, vec![Effect::Fact(first), Effect::OpenMedia, Effect::AskIvr(IvrInput::Start)])
    }

    pub(crate) fn new(
        (id, customer, recording): (CallId, LegId, Option<RecordingId>),
        entry: Option<Entry>,
        ledger: Ledger,
        phase: Phase,
    ) -> Call {
        Call {
            id,
            customer,
            recording,
            entry,
            ledger,
            phase,
            last_play: 0,
            ignored: 0,
            recorded: None,
            seats_shown: false,
            measured: BTreeMap::new(),
            silences: Silences::default(),
            sounds: Sounds::default(),
            promise: None,
            caller_gone: false,
        }
    }

    /// What happened, and what to do about it.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        let mut step = Step { now, effects: Vec::new() };
        if let Input::PlayEnded(play) = &input {
            self.sounds.play_ended(*play);
        }
        let taken = match (&self.phase, input) {
            (Phase::Ended, _) => false,
            (_, Input::Tick) if self.answer_due().is_some_and(|at| at <= now) => {
                self.connect(&mut step);
                true
            }
            (_, Input::MediaRebuilt) => self.sound_again(&mut step),
            (_, Input::Measured { leg, figures }) => self.measure(leg, figures),
            (_, Input::Unheard { leg, on }) => self.silence(&mut step, leg, on),
            (_, Input::CallerHungUp) if self.is_promised() => self.let_caller_go(&mut step),
            (_, Input::MediaLost(leg)) if leg == self.customer && self.is_promised() => {
                self.let_caller_go(&mut step)
            }
            // What crossed the farewell.
            (_, Input::CallerHungUp) if self.caller_gone => false,
            (_, Input::CallerHungUp) => self.caller_hung_up(&mut step),
            (_, Input::HangUp(cause)) => self.end(&mut step, Party::System, cause),
            (_, Input::MediaFailed(cause)) => self.end(&mut step, Party::System, cause),
            (_, Input::MediaLost(leg)) if leg == self.customer && !self.rings(&leg) => {
                self.end(&mut step, Party::System, HangupCause::MediaLost)
            }
            // Whom an agent called, and who waits since, is on a line of its own.
            (Phase::InFlow(_) | Phase::Queued(_), Input::LineHungUp(leg))
                if leg == self.customer && !self.is_promised() =>
            {
                self.caller_hung_up(&mut step)
            }
            (Phase::InFlow(_), input) => self.while_in_flow(&mut step, input),
            (Phase::Queued(_), input) => self.while_queued(&mut step, input),
            (Phase::Talking(_), input) => self.while_talking(&mut step, input),
        };
        self.ignored += u32::from(!taken);
        self.sounds.follow(now, &step.effects);
        step.effects
    }

    /// A party that has not answered yet.
    pub(crate) fn rings(&self, leg: &LegId) -> bool {
        matches!(&self.phase, Phase::Talking(talking) if talking.rings(leg))
    }

    /// The newest figures of a leg count; a leg that is gone keeps whose it was.
    fn measure(&mut self, leg: LegId, figures: Figures) -> bool {
        if let Some((_, known)) = self.measured.get_mut(&leg) {
            *known = figures;
            return true;
        }
        let Some(who) = self.who_is_on(&leg).filter(|_| self.measured.len() < MEASURED_MAX) else {
            return false;
        };
        self.measured.insert(leg, (who, figures));
        true
    }

    /// The same for a party whose place says it no more, such as a number that leads.
    pub(crate) fn who_is_or_was_on(&self, leg: &LegId) -> Option<Option<Target>> {
        self.who_is_on(leg).or_else(|| self.measured.get(leg).map(|(who, _)| who.clone()))
    }

    /// `Some(None)`: who called.
    pub(crate) fn who_is_on(&self, leg: &LegId) -> Option<Option<Target>> {
        if self.entry.is_some() && *leg == self.customer {
            return Some(None);
        }
        let agent = |agent: &AgentId| Target::Agent { agent: agent.clone() };
        match &self.phase {
            Phase::Talking(talking) if talking.lead.leg == *leg => {
                talking.lead.agent.as_ref().map(agent).map(Some)
            }
            Phase::Talking(talking) => {
                let other = talking.others.iter().find(|other| other.leg == *leg)?;
                other.guest.as_ref().map(|guest| Some(guest.target.clone()))
            }
            _ => None,
        }
    }

    fn caller_hung_up(&mut self, step: &mut Step) -> bool {
        let cause = if self.ledger.connected { HangupCause::Normal } else { HangupCause::Cancelled };
        self.end(step, Party::Caller, cause)
    }

    /// When [`Input::Tick`] is due; `None`: nothing is awaited.
    pub fn deadline(&self) -> Option<Timestamp> {
        [self.phase_deadline(), self.answer_due()].into_iter().flatten().min()
    }

    /// When a caller who was not connected must be, whoever is there.
    fn answer_due(&self) -> Option<Timestamp> {
        let hears = !matches!(self.phase, Phase::InFlow(InFlow::Opening { .. }) | Phase::Ended);
        let waits = hears && self.promise.is_none() && !self.caller_gone;
        let entry = self.entry.as_ref().filter(|entry| waits && !entry.auto_connect)?;
        let after = entry.answer_after;
        after.filter(|_| !self.ledger.connected).map(|after| self.ledger.offered_at + after)
    }

    fn phase_deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::InFlow(flow) => flow.deadline(),
            Phase::Queued(queued) => {
                let promise = self.promise.as_ref().map(|promise| promise.deadline(self.caller_gone));
                [queued.deadline(), promise].into_iter().flatten().min()
            }
            Phase::Talking(talking) => talking.deadline(),
            Phase::Ended => None,
        }
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub fn id(&self) -> &CallId {
        &self.id
    }

    /// The leg of who called, or of whom the agent called.
    pub fn customer(&self) -> &LegId {
        &self.customer
    }

    /// How the caller came in; `None`: an agent called.
    pub fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    /// Who leads the conversation: the leg and, unless it is a number, the agent.
    pub fn lead(&self) -> Option<(&LegId, Option<&AgentId>)> {
        match &self.phase {
            Phase::Talking(talking) => Some((&talking.lead.leg, talking.lead.agent.as_ref())),
            _ => None,
        }
    }

    pub fn ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Inputs that came too late or did not apply.
    pub fn ignored(&self) -> u32 {
        self.ignored
    }

    pub(crate) fn tell(&mut self, step: &mut Step, event: CallEvent) {
        let fact = CallFact { call: self.id.clone(), seq: self.ledger.next_seq, at: step.now, event };
        self.ledger.apply(&fact);
        step.does(Effect::Fact(fact));
    }

    /// To the caller.
    pub(crate) fn play(&mut self, step: &mut Step, prompts: &[String], repeat: bool) -> PlayId {
        self.play_to(step, self.customer.clone(), prompts, repeat)
    }

    pub(crate) fn play_to(
        &mut self,
        step: &mut Step,
        leg: LegId,
        prompts: &[String],
        repeat: bool,
    ) -> PlayId {
        self.last_play += 1;
        let play = PlayId(self.last_play);
        step.does(Effect::Play { play, leg, prompts: prompts.to_vec(), repeat });
        play
    }
}
