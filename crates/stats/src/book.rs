use std::collections::HashMap;
use types::{
    fact::{AgentEvent, AgentFact, CallEvent, CallFact},
    *,
};

/// Everything countable of one tenant, folded from the log. Facts that were
/// seen before change nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Book {
    pub(crate) calls: Vec<Visit>,
    pub(crate) stays: Vec<Stay>,
    pub(crate) offers: Vec<Offer>,
    pub(crate) spans: Vec<Span>,
    open: HashMap<CallId, Open>,
    agents: HashMap<AgentId, Present>,
    /// The stay, if there was one, and the offer that a wrap-up belongs to.
    answered: HashMap<(CallId, AgentId), (Option<usize>, usize)>,
    /// Wrap-ups told before their calls: topics keep no order between each
    /// other. Of at most [`EARLY_MAX`] calls.
    early: HashMap<CallId, Vec<(AgentId, Millis)>>,
    early_dropped: u64,
}

/// Calls that may still be to come while their wrap-ups are there; those of
/// more are dropped and counted.
const EARLY_MAX: usize = 10_000;
/// Agents who may wrap up one call.
const AGENTS_MAX: usize = 100;

/// A call, from the number's side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Visit {
    /// `None`: an agent called.
    pub(crate) did: Option<E164>,
    pub(crate) category: Option<CategoryId>,
    pub(crate) at: Timestamp,
    pub(crate) outcome: Outcome,
    pub(crate) work: Work,
}

/// One stay of one call in one queue.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stay {
    /// Of [`Book::calls`].
    pub(crate) call: usize,
    pub(crate) queue: QueueId,
    pub(crate) at: Timestamp,
    pub(crate) service_level: Millis,
    pub(crate) short_abandon: Millis,
    pub(crate) outcome: Outcome,
    pub(crate) work: Work,
}

/// One offer to one agent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Offer {
    pub(crate) call: usize,
    pub(crate) agent: AgentId,
    pub(crate) at: Timestamp,
    pub(crate) outcome: Option<OfferOutcome>,
    pub(crate) work: Work,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
    InProgress,
    Answered { wait: Millis },
    Abandoned { wait: Millis, stage: Stage },
    Overflowed { wait: Millis, why: Left },
}

/// Why a queue was left without an agent and without hanging up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Left {
    Full,
    NoAgents,
    WaitLimit,
    Emergency,
    Otherwise,
}

impl Left {
    fn read(reason: &str) -> Left {
        match reason {
            "queue_full" => Left::Full,
            "no_agents" => Left::NoAgents,
            "wait_limit" => Left::WaitLimit,
            "emergency" => Left::Emergency,
            _ => Left::Otherwise,
        }
    }
}

/// What the conversation took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Work {
    pub(crate) ended: bool,
    pub(crate) talk: Millis,
    pub(crate) hold: Millis,
    pub(crate) wrap_up: Millis,
}

impl Work {
    /// What of a call's whole work came since then; the wrap-up stays.
    fn add_since(&mut self, whole: Work, since: (Millis, Millis)) {
        self.ended = true;
        (self.talk, self.hold) = (whole.talk - since.0, whole.hold - since.1);
    }
}

/// An agent in a state; `to` is open for the present one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    pub(crate) agent: AgentId,
    pub(crate) state: AgentState,
    pub(crate) from: Timestamp,
    pub(crate) to: Option<Timestamp>,
}

/// Where the pieces of a running call lie.
#[derive(Debug, Clone, PartialEq)]
struct Open {
    next_seq: u32,
    call: usize,
    stay: Option<usize>,
    /// Offers that ring.
    ringing: Vec<(ReservationId, usize)>,
    /// The one that was answered last.
    offer: Option<usize>,
    agent: Option<AgentId>,
    /// It came by a number or waited in a queue.
    counts: bool,
    /// In queues that were left for another.
    waited: Millis,
    /// An agent answered, whoever has the call now.
    answered: bool,
    /// Since when somebody leads the conversation, and the hold so far.
    led_since: Option<Timestamp>,
    held: Millis,
    /// Talk and hold before the present agent, and before the present stay.
    led: (Millis, Millis),
    stayed: (Millis, Millis),
}

#[derive(Debug, Clone, PartialEq)]
struct Present {
    last_seq: u64,
    span: usize,
}

impl Book {
    pub fn new() -> Book {
        Book::default()
    }

    pub fn call(&mut self, fact: &CallFact) {
        match &fact.event {
            CallEvent::Offered { did, .. } => return self.opened(fact, Some(did)),
            CallEvent::Placed { .. } => return self.opened(fact, None),
            _ => {}
        }
        let Some(open) = self.open.get_mut(&fact.call).filter(|open| fact.seq >= open.next_seq) else {
            return;
        };
        open.next_seq = fact.seq + 1;
        let at = fact.at;
        match &fact.event {
            CallEvent::Categorised { category } => self.calls[open.call].category = Some(category.clone()),
            CallEvent::Enqueued { queue, service_level, short_abandon, .. } => {
                let (service_level, short_abandon) = (*service_level, *short_abandon);
                let (outcome, work) = (Outcome::InProgress, Work::default());
                open.stay = Some(self.stays.len());
                open.counts = true;
                self.stays.push(Stay {
                    call: open.call,
                    queue: queue.clone(),
                    at,
                    service_level,
                    short_abandon,
                    outcome,
                    work,
                });
            }
            CallEvent::Overflowed { wait, reason, .. } => {
                open.waited += *wait;
                if let Some(stay) = open.stay.take() {
                    self.stays[stay].outcome = Outcome::Overflowed { wait: *wait, why: Left::read(reason) };
                }
            }
            CallEvent::AgentOffered { agent, reservation, .. } => {
                open.ringing.push((reservation.clone(), self.offers.len()));
                let (call, agent, work) = (open.call, agent.clone(), Work::default());
                self.offers.push(Offer { call, agent, at, outcome: None, work });
            }
            CallEvent::OfferEnded { reservation, outcome, .. } => {
                let rings = open.ringing.iter().position(|(rings, _)| rings == reservation);
                if let Some((_, offer)) = rings.map(|at| open.ringing.swap_remove(at)) {
                    self.offers[offer].outcome = Some(*outcome);
                    open.offer = Some(offer).filter(|_| *outcome == OfferOutcome::Answered);
                }
            }
            CallEvent::AgentConnected { agent, wait, .. } => {
                open.agent = Some(agent.clone());
                open.led_since = Some(at);
                if !std::mem::replace(&mut open.answered, true) {
                    self.calls[open.call].outcome = Outcome::Answered { wait: open.waited + *wait };
                }
                open.waited += *wait;
                if let (Some(stay), Some(offer)) = (open.stay, open.offer) {
                    self.stays[stay].outcome = Outcome::Answered { wait: *wait };
                    self.handles(&fact.call, agent, (Some(stay), offer));
                }
            }
            CallEvent::Joined { purpose: Purpose::Dial, .. } => open.led_since = Some(at),
            CallEvent::Retrieved { held, .. } => open.held += *held,
            CallEvent::Transferred { from, to, talk, hold } => {
                self.transferred(fact, from.as_ref(), to, (*talk, *hold));
            }
            CallEvent::Ended { by, stage, wait, talk, hold, .. } => {
                let work = Work { ended: true, talk: *talk, hold: *hold, wrap_up: 0 };
                self.ended(&fact.call, *by, *stage, *wait, work);
            }
            _ => {}
        }
    }

    fn opened(&mut self, fact: &CallFact, did: Option<&E164>) {
        if self.open.contains_key(&fact.call) {
            return;
        }
        let open = Open {
            next_seq: fact.seq + 1,
            call: self.calls.len(),
            stay: None,
            ringing: Vec::new(),
            offer: None,
            agent: None,
            counts: did.is_some(),
            waited: 0,
            answered: false,
            led_since: None,
            held: 0,
            led: (0, 0),
            stayed: (0, 0),
        };
        self.open.insert(fact.call.clone(), open);
        let (outcome, work) = (Outcome::InProgress, Work::default());
        self.calls.push(Visit { did: did.cloned(), category: None, at: fact.at, outcome, work });
    }

    fn ended(&mut self, call: &CallId, by: Party, stage: Stage, wait: Millis, work: Work) {
        // Whoever was but asked has no share of the call.
        self.early.remove(call);
        // Kept as a mark: what comes again later is known to be old.
        let Some(open) = self.open.get_mut(call) else { return };
        open.next_seq = u32::MAX;
        let visit = &mut self.calls[open.call];
        if open.answered {
            visit.work = work;
        }
        if open.agent.is_some() {
            if let Some(stay) = open.stay {
                self.stays[stay].work.add_since(work, open.stayed);
            }
            if let Some(offer) = open.offer {
                self.offers[offer].work.add_since(work, open.led);
            }
            return;
        }
        let outcome = |wait| match by {
            Party::Caller if stage != Stage::SelfServed => Outcome::Abandoned { wait, stage },
            Party::Caller | Party::Agent | Party::System => {
                Outcome::Overflowed { wait, why: Left::Otherwise }
            }
        };
        if !open.answered {
            visit.outcome = outcome(wait);
        }
        if let Some(stay) = open.stay.map(|stay| &mut self.stays[stay]) {
            // The call waited in every queue, the stay in its own.
            stay.outcome = outcome(wait - open.waited);
        }
    }

    /// The agent's share of the call is complete; the call goes on with another.
    /// It counts once for each agent who handled it and once in total (A169).
    fn transferred(&mut self, fact: &CallFact, from: Option<&AgentId>, to: &Target, share: (Millis, Millis)) {
        let Some(open) = self.open.get_mut(&fact.call) else { return };
        if let Some(offer) = open.offer.take().filter(|_| from.is_some()) {
            let work = &mut self.offers[offer].work;
            (work.ended, work.talk, work.hold) = (true, share.0, share.1);
        }
        // Who hung up while the transfer rang has no share in the ringing, and neither
        // has who answered it.
        let so_far = (open.led.0 + open.led_since.map_or(0, |since| fact.at.since(since)), open.held);
        (open.led, open.led_since) = (so_far, Some(fact.at));
        match to {
            // What an agent called and handed on is no queue's.
            Target::Agent { .. } if !open.counts => {}
            Target::Agent { agent } => {
                open.agent = Some(agent.clone());
                open.offer = Some(self.offers.len());
                let outcome = Some(OfferOutcome::Answered);
                let (call, at, work) = (open.call, fact.at, Work::default());
                let place = (open.stay, self.offers.len());
                self.offers.push(Offer { call, agent: agent.clone(), at, outcome, work });
                self.handles(&fact.call, agent, place);
            }
            Target::Queue { .. } | Target::Number { .. } => {
                open.led_since = open.led_since.filter(|_| !matches!(to, Target::Queue { .. }));
                if let Some(stay) = open.stay.take() {
                    let whole = Work { ended: true, talk: so_far.0, hold: so_far.1, wrap_up: 0 };
                    self.stays[stay].work.add_since(whole, open.stayed);
                }
                open.stayed = so_far;
                open.agent = None;
            }
        }
    }

    pub fn agent(&mut self, fact: &AgentFact) {
        let known = self.agents.get(&fact.agent);
        if known.is_some_and(|present| fact.seq <= present.last_seq) {
            return;
        }
        if let Some(present) = self.agents.get_mut(&fact.agent) {
            present.last_seq = fact.seq;
        }
        match &fact.event {
            AgentEvent::StateChanged { from, to, spent, .. } => self.moved(fact, *from, *to, *spent),
            AgentEvent::Offered { .. } => {}
            AgentEvent::WrappedUp { call, spent, .. } => {
                match self.answered.remove(&(call.clone(), fact.agent.clone())) {
                    Some(place) => self.wrapped_up(place, *spent),
                    None => self.wrapped_up_early(call, &fact.agent, *spent),
                }
            }
        }
    }

    /// The agent has a share of the call, and a wrap-up that is told already or comes later.
    fn handles(&mut self, call: &CallId, agent: &AgentId, place: (Option<usize>, usize)) {
        let early = self.early.get_mut(call);
        let told = early.and_then(|told| {
            let at = told.iter().position(|(of, _)| of == agent)?;
            Some(told.swap_remove(at).1)
        });
        match told {
            Some(spent) => self.wrapped_up(place, spent),
            None => drop(self.answered.insert((call.clone(), agent.clone()), place)),
        }
    }

    fn wrapped_up_early(&mut self, call: &CallId, agent: &AgentId, spent: Millis) {
        if self.open.get(call).is_some_and(|open| open.next_seq == u32::MAX) {
            return;
        }
        let room = self.early.len() < EARLY_MAX || self.early.contains_key(call);
        let told = room.then(|| self.early.entry(call.clone()).or_default());
        match told.filter(|told| told.len() < AGENTS_MAX) {
            Some(told) => told.push((agent.clone(), spent)),
            None => self.early_dropped += 1,
        }
    }

    /// Wrap-ups that were left out because too many were told without their calls.
    pub fn dropped(&self) -> u64 {
        self.early_dropped
    }

    fn wrapped_up(&mut self, (stay, offer): (Option<usize>, usize), spent: Millis) {
        if let Some(stay) = stay {
            self.stays[stay].work.wrap_up += spent;
        }
        self.offers[offer].work.wrap_up += spent;
    }

    fn moved(&mut self, fact: &AgentFact, from: AgentState, to: AgentState, spent: Millis) {
        let agent = &fact.agent;
        let begun = Timestamp::from_millis(fact.at.millis() - spent);
        let known = self.agents.get(agent).map(|present| present.span);
        match known.and_then(|span| self.spans.get_mut(span)) {
            Some(span) if span.state == from => span.to = Some(fact.at),
            known => {
                // The log begins in the middle of a state, or the ACD was
                // started anew and with it the agent's day.
                if let Some(span) = known {
                    span.to = Some(begun.max(span.from));
                }
                self.spans.push(Span { agent: agent.clone(), state: from, from: begun, to: Some(fact.at) });
            }
        }
        self.agents.insert(agent.clone(), Present { last_seq: fact.seq, span: self.spans.len() });
        self.spans.push(Span { agent: agent.clone(), state: to, from: fact.at, to: None });
    }
}
