//! Called back without losing the place: the caller who waits presses a key and
//! says at which number; the leg goes, the place in line stays, with its time.
//! When the turn comes the agent is there first, then the number is called.

use crate::{
    Call, CallbackTerms, Effect, Input, PlayId, Words,
    aggregate::{Phase, Step},
    queued::{Queued, Ring, Sound},
    talking::{Guest, Other, Place, RINGBACK, Talking},
    while_in_flow::InFlow,
};
use serde::{Deserialize, Serialize};
use types::{fact::CallEvent, *};

/// Silence after which a caller waits on as before.
const THINKS: Millis = 30_000;
/// Silence after a key that ends a number.
const TYPES: Millis = 6_000;
const DIGITS_MAX: usize = 20;
/// The caller is let go by then, thanked or not.
const THANKS_MAX: Millis = 20_000;
/// What could not be kept by then is for people to keep.
const PROMISE_MAX: Millis = 4 * 3_600_000;
/// How long the customer may ring.
const RING_MAX: Millis = 45_000;

/// What is asked of a waiting caller who wants to be called back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Dialogue {
    /// Whether this number is right: 1 yes, 2 another one, * wait on.
    Confirm { number: E164, until: Timestamp },
    /// Another number, ended by #.
    Type { keys: String, until: Timestamp },
}

/// A caller who is to be called back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Promise {
    number: E164,
    /// When the caller began to wait.
    since: Timestamp,
    /// Attempts that are left.
    tries: u32,
    every: Millis,
    until: Timestamp,
    /// The caller is let go by then.
    thanks_by: Timestamp,
    thanks: Option<PlayId>,
    /// Out of the line after an attempt, until then.
    again: Option<Timestamp>,
    /// The offer by which the agent came.
    attempt: u32,
}

impl Dialogue {
    pub(crate) fn until(&self) -> Timestamp {
        match self {
            Dialogue::Confirm { until, .. } | Dialogue::Type { until, .. } => *until,
        }
    }
}

impl Promise {
    pub(crate) fn deadline(&self, gone: bool) -> Timestamp {
        let thanks = (!gone).then_some(self.thanks_by);
        [Some(self.until), thanks, self.again].into_iter().flatten().min().unwrap_or(self.until)
    }
}

impl Call {
    /// What concerns being called back while the call waits; `None`: it does not.
    pub(crate) fn about_callback(&mut self, step: &mut Step, input: &Input) -> Option<bool> {
        let promised = self.promise.is_some();
        match input {
            Input::Key(_) if promised => Some(false),
            Input::Key(key) => self.key_in_queue(step, *key),
            Input::NumberRefused => Some(self.type_number(step, Words::Wrong)),
            Input::Announcement(prompts) if promised || self.queued().dialogue.is_some() => {
                Some(self.say(step, prompts))
            }
            Input::PlayEnded(play) if self.thanked_by(*play) => Some(self.let_caller_go(step)),
            Input::Reserved(_) | Input::Overflow(_) if self.out_of_line() => Some(false),
            Input::Overflow(reason) if promised => Some(self.promise_overflows(step, reason.clone())),
            Input::Tick => self.callback_due(step),
            _ => None,
        }
    }

    fn terms(&self) -> Option<CallbackTerms> {
        match &self.phase {
            Phase::Queued(queued) => queued.node.callback.clone(),
            _ => None,
        }
    }

    // ── what the caller wants ───────────────────────────────────────────────

    fn key_in_queue(&mut self, step: &mut Step, key: char) -> Option<bool> {
        let terms = self.terms().filter(|_| self.entry.is_some() && !self.caller_gone)?;
        match self.queued().dialogue.clone() {
            None if key == terms.key => {
                let from = self.entry.as_ref().and_then(|entry| entry.from.parse().ok());
                Some(match from {
                    Some(number) => self.confirm_number(step, number),
                    None => self.type_number(step, Words::Type),
                })
            }
            None => None,
            Some(Dialogue::Confirm { number, .. }) => Some(match key {
                '1' => self.promised(step, number, &terms),
                '2' => self.type_number(step, Words::Type),
                '*' => self.waits_on(step),
                _ => self.confirm_number(step, number),
            }),
            Some(Dialogue::Type { .. }) if key == '#' => Some(self.typed_number(step)),
            Some(Dialogue::Type { mut keys, .. }) => {
                if key.is_ascii_digit() && keys.len() < DIGITS_MAX {
                    keys.push(key);
                }
                self.queued().dialogue = Some(Dialogue::Type { keys, until: step.now + TYPES });
                Some(true)
            }
        }
    }

    fn confirm_number(&mut self, step: &mut Step, number: E164) -> bool {
        step.does(Effect::AskWords(Words::Confirm(number.clone())));
        self.queued().dialogue = Some(Dialogue::Confirm { number, until: step.now + THINKS });
        true
    }

    fn type_number(&mut self, step: &mut Step, words: Words) -> bool {
        if self.promise.is_some() || self.terms().is_none() {
            return false;
        }
        step.does(Effect::AskWords(words));
        self.queued().dialogue = Some(Dialogue::Type { keys: String::new(), until: step.now + THINKS });
        true
    }

    fn typed_number(&mut self, step: &mut Step) -> bool {
        let country = self.terms().and_then(|terms| terms.country);
        let Some(Dialogue::Type { keys, .. }) = self.queued().dialogue.clone() else { return false };
        if keys.is_empty() {
            return self.waits_on(step);
        }
        match E164::from_dialled(&keys, country.as_deref()) {
            Ok(number) => self.confirm_number(step, number),
            Err(_) => self.type_number(step, Words::Wrong),
        }
    }

    fn waits_on(&mut self, step: &mut Step) -> bool {
        self.queued().dialogue = None;
        self.stop_sound(step);
        self.music(step)
    }

    /// The place in line stays; the caller is thanked and let go.
    fn promised(&mut self, step: &mut Step, number: E164, terms: &CallbackTerms) -> bool {
        let queue = self.queued().node.queue.clone();
        let since = self.ledger.enqueued_at.unwrap_or(step.now);
        let asked = CallEvent::CallbackAsked { queue: Some(queue), number: number.clone(), in_line: true };
        self.tell(step, asked);
        let queued = self.queued();
        (queued.dialogue, queued.announce_at) = (None, None);
        self.promise = Some(Promise {
            number,
            since,
            tries: terms.attempts.max(1),
            every: terms.every,
            until: step.now + PROMISE_MAX,
            thanks_by: step.now + THANKS_MAX,
            thanks: None,
            again: None,
            attempt: 0,
        });
        step.does(Effect::AskWords(Words::Thanks));
        true
    }

    /// What was asked to be said comes.
    fn say(&mut self, step: &mut Step, prompts: &[String]) -> bool {
        if self.caller_gone {
            return false;
        }
        self.stop_sound(step);
        if prompts.is_empty() {
            return if self.promise.is_some() { self.let_caller_go(step) } else { self.music(step) };
        }
        let play = self.play(step, prompts, false);
        self.queued().sound = Sound::Speech(play);
        if let Some(promise) = &mut self.promise {
            promise.thanks = Some(play);
        }
        true
    }

    fn thanked_by(&self, play: PlayId) -> bool {
        !self.caller_gone && self.promise.as_ref().is_some_and(|promise| promise.thanks == Some(play))
    }

    /// The leg goes, the place in line stays.
    pub(crate) fn let_caller_go(&mut self, step: &mut Step) -> bool {
        if self.caller_gone {
            return false;
        }
        self.stop_sound(step);
        self.caller_gone = true;
        step.does(Effect::DropCaller(self.customer.clone()));
        true
    }

    /// The number at which the customer is to be called back, with the place kept.
    pub fn promised_number(&self) -> Option<&E164> {
        self.promise.as_ref().map(|promise| &promise.number)
    }

    /// Whom the call serves has no leg.
    pub(crate) fn is_promised(&self) -> bool {
        self.promise.is_some() && matches!(self.phase, Phase::Queued(_))
    }

    /// Between two attempts nobody holds the place.
    pub(crate) fn out_of_line(&self) -> bool {
        self.promise.as_ref().is_some_and(|promise| promise.again.is_some())
    }

    fn callback_due(&mut self, step: &mut Step) -> Option<bool> {
        let (now, gone) = (step.now, self.caller_gone);
        if let Some(promise) = &mut self.promise {
            if promise.until <= now {
                return Some(self.promise_is_for_people(step));
            }
            if !gone && promise.thanks_by <= now {
                return Some(self.let_caller_go(step));
            }
            if promise.again.is_some_and(|again| again <= now) {
                (promise.again, promise.thanks) = (None, None);
                let since = promise.since;
                return Some(self.takes_the_place_again(step, since));
            }
            return None;
        }
        let dialogue = self.queued().dialogue.clone().filter(|dialogue| dialogue.until() <= now)?;
        Some(match dialogue {
            Dialogue::Confirm { .. } => self.waits_on(step),
            Dialogue::Type { .. } => self.typed_number(step),
        })
    }

    fn takes_the_place_again(&mut self, step: &mut Step, since: Timestamp) -> bool {
        let node = &self.queued().node;
        let (queue, priority, needs) = (node.queue.clone(), node.priority, node.needs.clone());
        step.does(Effect::JoinQueue { queue, since, priority, needs });
        true
    }

    // ── what cannot be kept ─────────────────────────────────────────────────

    /// The queue keeps nobody: the task remains.
    fn promise_overflows(&mut self, step: &mut Step, reason: String) -> bool {
        self.stop_ringing(step, OfferOutcome::Withdrawn);
        self.let_caller_go(step);
        let queue = self.queued().node.queue.clone();
        let wait = self.ledger.enqueued_at.map_or(0, |since| step.now.since(since));
        self.tell(step, CallEvent::Overflowed { queue, wait, reason });
        self.phase = Phase::InFlow(InFlow::idle());
        self.end(step, Party::System, HangupCause::LimitReached)
    }

    fn promise_is_for_people(&mut self, step: &mut Step) -> bool {
        self.let_caller_go(step);
        self.end(step, Party::System, HangupCause::LimitReached)
    }

    // ── the turn has come ───────────────────────────────────────────────────

    /// The agent is there: the customer is called.
    pub(crate) fn call_back(&mut self, step: &mut Step, ring: Ring) -> bool {
        let node = self.queued().node.clone();
        let queue = node.queue.clone();
        let Some(promise) = &mut self.promise else { return false };
        promise.attempt = ring.attempt;
        let target = Target::Number { number: promise.number.clone() };
        self.customer = ring.customer.clone();
        self.offer_ended(step, queue, &ring, OfferOutcome::Answered);
        step.does(Effect::TellAnswered(ring.reservation));
        let (leg, lead, purpose) = (ring.customer, ring.leg, Purpose::Dial);
        let mut talking = Talking::new(lead.clone(), ring.agent, leg.clone(), node);
        let guest = Guest { target: target.clone(), purpose, supervision: Supervision::Listen };
        let place = Place::Rings(step.now + RING_MAX);
        talking.others[0] = Other { leg: leg.clone(), guest: Some(guest), place, muted: false };
        self.phase = Phase::Talking(talking);
        step.does(Effect::LineTalking(lead.clone()));
        self.tell(step, CallEvent::Invited { leg: leg.clone(), target: target.clone(), purpose });
        step.does(Effect::Invite { leg, target, purpose });
        let play = self.play_to(step, lead, &[RINGBACK.to_owned()], true);
        self.talking().lead.ringback = Some(play);
        self.bridge(step);
        true
    }

    /// The customer answered: the wait is over.
    pub(crate) fn promise_kept(&mut self, step: &mut Step) {
        let Some(promise) = self.promise.take() else { return };
        let (lead, node) = (&self.talking_ref().lead, &self.talking_ref().node);
        let (Some(agent), Some(queue)) = (lead.agent.clone(), node.as_ref().map(|node| node.queue.clone()))
        else {
            return;
        };
        let wait = self.ledger.enqueued_at.map_or(0, |since| step.now.since(since));
        let attempt = promise.attempt;
        self.tell(step, CallEvent::AgentConnected { queue, agent, wait, attempt });
    }

    /// Whether the customer's own telephone rings.
    pub(crate) fn calls_back(&self) -> bool {
        self.promise.is_some() && matches!(self.phase, Phase::Talking(_))
    }

    /// The customer did not come: once more later, at the old place, or never.
    pub(crate) fn not_called_back(&mut self, step: &mut Step, outcome: OfferOutcome) -> bool {
        let customer = self.customer.clone();
        let Some(promise) = &mut self.promise else { return false };
        let target = Target::Number { number: promise.number.clone() };
        promise.tries = promise.tries.saturating_sub(1);
        let over = promise.tries == 0;
        promise.again = Some(step.now + promise.every);
        self.tell(step, CallEvent::Left { leg: customer.clone(), target: target.clone(), outcome });
        let lead = self.talking().lead.clone();
        step.does(Effect::InviteFailed { leg: lead.leg.clone(), target, outcome });
        if over {
            return self.end(step, Party::System, HangupCause::NotReached);
        }
        let guests: Vec<_> = self.talking().others.iter().skip(1).map(|other| other.leg.clone()).collect();
        for leg in guests {
            self.left(step, &leg, OfferOutcome::Withdrawn);
        }
        self.hush(step);
        let cause = HangupCause::NotReached;
        step.does(Effect::HangUpLine { leg: lead.leg, cause });
        step.does(Effect::HangUpLine { leg: customer, cause });
        step.does(Effect::ReleaseQueue(cause));
        step.does(Effect::Hear(Vec::new()));
        if let Some(node) = self.talking().node.clone() {
            self.phase = Phase::Queued(Box::new(Queued::silent(node)));
        }
        true
    }
}
