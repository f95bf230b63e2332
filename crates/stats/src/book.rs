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
    /// The stay that a wrap-up belongs to.
    answered: HashMap<(CallId, AgentId), (usize, usize)>,
    /// Wrap-ups told before their calls: topics keep no order between each other.
    early: HashMap<(CallId, AgentId), Millis>,
}

/// A call, from the number's side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Visit {
    pub(crate) did: E164,
    pub(crate) at: Timestamp,
    pub(crate) outcome: Outcome,
    pub(crate) work: Work,
}

/// One stay of one call in one queue.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stay {
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
    Overflowed { wait: Millis },
}

/// What the conversation took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Work {
    pub(crate) ended: bool,
    pub(crate) talk: Millis,
    pub(crate) hold: Millis,
    pub(crate) wrap_up: Millis,
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
    offer: Option<usize>,
    agent: Option<AgentId>,
    /// In queues that were left for another.
    waited: Millis,
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
        if let CallEvent::Offered { did, .. } = &fact.event {
            return self.opened(fact, did);
        }
        let Some(open) = self.open.get_mut(&fact.call).filter(|open| fact.seq >= open.next_seq) else {
            return;
        };
        open.next_seq = fact.seq + 1;
        let at = fact.at;
        match &fact.event {
            CallEvent::Enqueued { queue, service_level, short_abandon, .. } => {
                let (service_level, short_abandon) = (*service_level, *short_abandon);
                let (outcome, work) = (Outcome::InProgress, Work::default());
                open.stay = Some(self.stays.len());
                self.stays.push(Stay {
                    queue: queue.clone(),
                    at,
                    service_level,
                    short_abandon,
                    outcome,
                    work,
                });
            }
            CallEvent::Overflowed { wait, .. } => {
                open.waited += *wait;
                if let Some(stay) = open.stay.take() {
                    self.stays[stay].outcome = Outcome::Overflowed { wait: *wait };
                }
            }
            CallEvent::AgentOffered { agent, .. } => {
                open.offer = Some(self.offers.len());
                self.offers.push(Offer { agent: agent.clone(), at, outcome: None, work: Work::default() });
            }
            CallEvent::OfferEnded { outcome, .. } => {
                if let Some(offer) = open.offer {
                    self.offers[offer].outcome = Some(*outcome);
                }
            }
            CallEvent::AgentConnected { agent, wait, .. } => {
                open.agent = Some(agent.clone());
                self.calls[open.call].outcome = Outcome::Answered { wait: open.waited + *wait };
                if let (Some(stay), Some(offer)) = (open.stay, open.offer) {
                    self.stays[stay].outcome = Outcome::Answered { wait: *wait };
                    let key = (fact.call.clone(), agent.clone());
                    match self.early.remove(&key) {
                        Some(spent) => self.wrapped_up(stay, offer, spent),
                        None => drop(self.answered.insert(key, (stay, offer))),
                    }
                }
            }
            CallEvent::Ended { by, stage, wait, talk, hold, .. } => {
                let work = Work { ended: true, talk: *talk, hold: *hold, wrap_up: 0 };
                self.ended(&fact.call, *by, *stage, *wait, work);
            }
            _ => {}
        }
    }

    fn opened(&mut self, fact: &CallFact, did: &E164) {
        if self.open.contains_key(&fact.call) {
            return;
        }
        let open = Open {
            next_seq: fact.seq + 1,
            call: self.calls.len(),
            stay: None,
            offer: None,
            agent: None,
            waited: 0,
        };
        self.open.insert(fact.call.clone(), open);
        let (outcome, work) = (Outcome::InProgress, Work::default());
        self.calls.push(Visit { did: did.clone(), at: fact.at, outcome, work });
    }

    fn ended(&mut self, call: &CallId, by: Party, stage: Stage, wait: Millis, work: Work) {
        // Kept as a mark: what comes again later is known to be old.
        let Some(open) = self.open.get_mut(call) else { return };
        open.next_seq = u32::MAX;
        let visit = &mut self.calls[open.call];
        if open.agent.is_some() {
            visit.work = work;
            if let Some(stay) = open.stay {
                let wrap_up = self.stays[stay].work.wrap_up;
                self.stays[stay].work = Work { wrap_up, ..work };
            }
            if let Some(offer) = open.offer {
                let wrap_up = self.offers[offer].work.wrap_up;
                self.offers[offer].work = Work { wrap_up, ..work };
            }
            return;
        }
        let outcome = |wait| match by {
            Party::Caller => Outcome::Abandoned { wait, stage },
            Party::Agent | Party::System => Outcome::Overflowed { wait },
        };
        visit.outcome = outcome(wait);
        if let Some(stay) = open.stay.map(|stay| &mut self.stays[stay]) {
            // The call waited in every queue, the stay in its own.
            stay.outcome = outcome(wait - open.waited);
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
            AgentEvent::WrappedUp { call, spent, .. } => {
                let key = (call.clone(), fact.agent.clone());
                match self.answered.remove(&key) {
                    Some((stay, offer)) => self.wrapped_up(stay, offer, *spent),
                    None => drop(self.early.insert(key, *spent)),
                }
            }
        }
    }

    fn wrapped_up(&mut self, stay: usize, offer: usize, spent: Millis) {
        self.stays[stay].work.wrap_up = spent;
        self.offers[offer].work.wrap_up = spent;
    }

    fn moved(&mut self, fact: &AgentFact, from: AgentState, to: AgentState, spent: Millis) {
        let agent = &fact.agent;
        match self.agents.get(agent).map(|present| present.span) {
            Some(span) => self.spans[span].to = Some(fact.at),
            // The log begins in the middle of a state.
            None => {
                let begun = Timestamp::from_millis(fact.at.millis() - spent);
                self.spans.push(Span { agent: agent.clone(), state: from, from: begun, to: Some(fact.at) });
            }
        }
        self.agents.insert(agent.clone(), Present { last_seq: fact.seq, span: self.spans.len() });
        self.spans.push(Span { agent: agent.clone(), state: to, from: fact.at, to: None });
    }
}
