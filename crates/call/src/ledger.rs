use serde::{Deserialize, Serialize};
use types::{
    fact::{CallEvent, CallFact},
    *,
};

/// A call as its facts tell it: the fold that the call itself, the queue
/// monitor and the contact's history share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    pub call: CallId,
    /// The sequence number of the next fact.
    pub next_seq: u32,
    pub offered_at: Timestamp,
    pub from: String,
    pub caller_name: Option<String>,
    /// The number that was called; `None`: an agent called.
    pub did: Option<E164>,
    pub did_label: String,
    pub connected: bool,
    pub stage: Stage,
    pub stage_since: Timestamp,
    /// Label of the node that speaks.
    pub node: String,
    /// Keys pressed in menus, such as `1→3→0`.
    pub path: String,
    /// What the contact is about.
    #[serde(default)]
    pub category: Option<CategoryId>,
    pub queue: Option<QueueId>,
    pub enqueued_at: Option<Timestamp>,
    pub position: Option<u32>,
    /// What rings: one offer, or several where everybody is asked.
    #[serde(default)]
    pub offers: Vec<Offer>,
    /// Offers so far.
    pub attempts: u32,
    /// Who talks with the caller, or did last.
    pub agent: Option<AgentId>,
    pub talking_since: Option<Timestamp>,
    /// With agents before the present conversation.
    #[serde(default)]
    pub talked: Millis,
    /// Since when the present agent leads, and the hold until then.
    #[serde(default)]
    pub led_since: Option<Timestamp>,
    #[serde(default)]
    pub led_hold: Millis,
    pub held_since: Option<Timestamp>,
    pub recording: Option<RecordingId>,
    /// Whom the caller asked to be called back at.
    #[serde(default)]
    pub callback: Option<E164>,
    pub wait: Millis,
    pub hold: Millis,
    pub ended: Option<Ended>,
}

/// An offer that rings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub agent: AgentId,
    pub reservation: ReservationId,
    pub since: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub at: Timestamp,
    pub cause: HangupCause,
    pub by: Party,
    pub stage: Stage,
    pub talk: Millis,
}

impl Ledger {
    /// Folds a call's facts. `None` unless the first is `Offered`.
    pub fn replay<'a>(facts: impl IntoIterator<Item = &'a CallFact>) -> Option<Ledger> {
        let mut facts = facts.into_iter();
        let mut ledger = Ledger::open(facts.next()?)?;
        facts.for_each(|fact| ledger.apply(fact));
        Some(ledger)
    }

    /// The ledger of a call's first fact.
    pub fn open(first: &CallFact) -> Option<Ledger> {
        let none = String::new();
        let (from, caller_name, did, did_label, agent) = match &first.event {
            CallEvent::Offered { from, caller_name, did, did_label, .. } => {
                (from.clone(), caller_name.clone(), Some(did.clone()), did_label, None)
            }
            CallEvent::Placed { agent, to: Target::Number { number }, .. } => {
                (number.to_string(), None, None, &none, Some(agent.clone()))
            }
            CallEvent::Placed { agent, from, .. } => (from.clone(), None, None, &none, Some(agent.clone())),
            _ => return None,
        };
        let stage = if agent.is_some() { Stage::Ringing } else { Stage::Arriving };
        Some(Ledger {
            call: first.call.clone(),
            next_seq: first.seq + 1,
            offered_at: first.at,
            from,
            caller_name,
            did,
            did_label: did_label.clone(),
            connected: false,
            stage,
            stage_since: first.at,
            node: String::new(),
            path: String::new(),
            category: None,
            queue: None,
            enqueued_at: None,
            position: None,
            offers: Vec::new(),
            attempts: 0,
            agent,
            talking_since: None,
            talked: 0,
            led_since: None,
            led_hold: 0,
            held_since: None,
            recording: None,
            callback: None,
            wait: 0,
            hold: 0,
            ended: None,
        })
    }

    /// Folds one more fact; what was seen before changes nothing.
    pub fn apply(&mut self, fact: &CallFact) {
        if fact.seq < self.next_seq || fact.call != self.call {
            return;
        }
        self.next_seq = fact.seq + 1;
        let at = fact.at;
        match &fact.event {
            CallEvent::Offered { .. } => {}
            CallEvent::Connected => self.connected = true,
            CallEvent::NodeEntered { label, stage, .. } => {
                self.node = label.clone();
                self.enter(*stage, at);
            }
            CallEvent::KeysPressed { keys, .. } => self.press(keys),
            CallEvent::Categorised { category } => self.category = Some(category.clone()),
            CallEvent::Enqueued { queue, .. } => {
                self.queue = Some(queue.clone());
                self.enqueued_at = Some(at);
                self.position = None;
                self.enter(Stage::Queue, at);
            }
            CallEvent::PositionChanged { position, .. } => self.position = Some(*position),
            CallEvent::Overflowed { wait, .. } => {
                self.wait += wait;
                self.enqueued_at = None;
                self.queue = None;
                self.position = None;
            }
            CallEvent::AgentOffered { agent, reservation, attempt, .. } => {
                let (agent, reservation) = (agent.clone(), reservation.clone());
                self.offers.push(Offer { agent, reservation, since: at });
                self.attempts = *attempt;
                self.enter(Stage::Ringing, at);
            }
            CallEvent::OfferEnded { reservation, .. } => {
                self.offers.retain(|offer| offer.reservation != *reservation);
                if self.offers.is_empty() {
                    self.enter(Stage::Queue, at);
                }
            }
            CallEvent::AgentConnected { agent, wait, .. } => {
                self.agent = Some(agent.clone());
                self.wait += wait;
                self.enqueued_at = None;
                self.talking_since = Some(at);
                (self.led_since, self.led_hold) = (Some(at), self.hold);
                self.enter(Stage::Talking, at);
            }
            CallEvent::Held { .. } => self.held_since = Some(at),
            CallEvent::Retrieved { held, .. } => {
                self.hold += held;
                self.held_since = None;
            }
            CallEvent::Transferred { to, .. } => self.transferred(to, at),
            CallEvent::Joined { purpose: Purpose::Dial, .. } => {
                (self.connected, self.talking_since, self.led_since) = (true, Some(at), Some(at));
                self.enter(Stage::Talking, at);
            }
            CallEvent::Placed { .. }
            | CallEvent::Joined { .. }
            | CallEvent::Invited { .. }
            | CallEvent::Left { .. }
            | CallEvent::Supervised { .. }
            | CallEvent::FellSilent { .. }
            | CallEvent::SilenceEnded { .. }
            | CallEvent::Measured { .. } => {}
            CallEvent::CallbackAsked { number, in_line, .. } => {
                self.callback = Some(number.clone());
                if !in_line {
                    self.enter(Stage::SelfServed, at);
                }
            }
            CallEvent::MessageLeft { .. } => self.enter(Stage::SelfServed, at),
            CallEvent::RecordingStarted { recording } => self.recording = Some(recording.clone()),
            CallEvent::RecordingStopped { .. } => {}
            CallEvent::Ended { cause, by, stage, wait, talk, hold, .. } => {
                self.ended = Some(Ended { at, cause: *cause, by: *by, stage: *stage, talk: *talk });
                (self.wait, self.hold) = (*wait, *hold);
                self.held_since = None;
                self.enter(Stage::Ended, at);
            }
        }
    }

    fn transferred(&mut self, to: &Target, at: Timestamp) {
        (self.led_since, self.led_hold) = (Some(at), self.hold);
        match to {
            Target::Agent { agent } => self.agent = Some(agent.clone()),
            Target::Number { .. } => {}
            Target::Queue { .. } => {
                self.talked = self.talk_at(at);
                (self.talking_since, self.led_since) = (None, None);
            }
        }
    }

    fn enter(&mut self, stage: Stage, at: Timestamp) {
        if self.stage != stage {
            (self.stage, self.stage_since) = (stage, at);
        }
    }

    fn press(&mut self, keys: &str) {
        if !self.path.is_empty() {
            self.path.push('→');
        }
        self.path.push_str(keys);
    }

    /// Time in queues until `now`, or until answered.
    pub fn wait_at(&self, now: Timestamp) -> Millis {
        self.wait + self.enqueued_at.map_or(0, |since| now.since(since))
    }

    /// Time with agents until `now`, hold included.
    pub fn talk_at(&self, now: Timestamp) -> Millis {
        match &self.ended {
            Some(ended) => ended.talk,
            None => self.talked + self.talking_since.map_or(0, |since| now.since(since)),
        }
    }

    /// Talk and hold of who leads until `now`.
    pub fn led_at(&self, now: Timestamp) -> (Millis, Millis) {
        let talk = self.led_since.map_or(0, |since| now.since(since));
        (talk, (self.hold_at(now) - self.led_hold).max(0))
    }

    /// Time on hold until `now`.
    pub fn hold_at(&self, now: Timestamp) -> Millis {
        self.hold + self.held_since.map_or(0, |since| now.since(since))
    }
}
