use crate::{Loan, Profile};
use std::collections::BTreeSet;
use types::{
    fact::{AgentEvent, AgentFact},
    *,
};

/// Why an agent who was deleted is signed out.
pub(crate) const DELETED: &str = "deleted";

/// An agent at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    pub tenant: TenantId,
    pub id: AgentId,
    pub name: String,
    pub skills: Vec<Skill>,
    /// How long an offer rings and wrap-up lasts, instead of the queue's time.
    pub ring_timeout: Option<Millis>,
    pub wrap_up: Option<Millis>,
    /// Serves another queue for a time.
    pub loan: Option<Loan>,
    pub line: String,
    pub state: AgentState,
    pub since: Timestamp,
    pub reason: Option<String>,
    /// Idle since: kept over a break of an offer, so that a caller who leaves
    /// costs the agent no turn.
    pub idle_since: Timestamp,
    pub call: Option<CallId>,
    pub queue: Option<QueueId>,
    pub reservation: Option<ReservationId>,
    /// End of wrap-up.
    pub until: Option<Timestamp>,
    /// What was asked for during a call, taken afterwards.
    pub deferred: Option<(AgentState, Option<String>)>,
    /// The wish by which the agent is reached in person.
    pub(crate) direct: Option<CallId>,
    /// What the agent noted of the call while wrap-up goes on.
    pub(crate) noted: Option<(Option<DispositionId>, Option<String>)>,
    /// Since when the offer rang that became the present conversation.
    pub(crate) engaged: Option<Timestamp>,
    /// Offers missed in a row.
    pub(crate) missed: u8,
    /// Other conversations that calls say the agent has: while there are any
    /// the agent is not free.
    pub(crate) also: Vec<CallId>,
    /// Callers who wait for this agent alone.
    pub(crate) awaited: BTreeSet<CallId>,
    pub(crate) deleted: bool,
    pub(crate) seq: u64,
    pub(crate) queues: Vec<QueueId>,
}

impl Agent {
    pub(crate) fn new(tenant: TenantId, id: AgentId, now: Timestamp) -> Agent {
        Agent {
            tenant,
            id,
            name: String::new(),
            skills: Vec::new(),
            ring_timeout: None,
            wrap_up: None,
            loan: None,
            line: String::new(),
            state: AgentState::Offline,
            since: now,
            reason: None,
            idle_since: now,
            call: None,
            queue: None,
            reservation: None,
            until: None,
            deferred: None,
            direct: None,
            noted: None,
            engaged: None,
            missed: 0,
            also: Vec::new(),
            awaited: BTreeSet::new(),
            deleted: false,
            // Grows over restarts without a store.
            seq: now.millis() as u64 * 1_000,
            queues: Vec::new(),
        }
    }

    /// Who was deleted while an answer of theirs was on its way: known until that
    /// conversation is over.
    pub(crate) fn leaving(tenant: TenantId, id: AgentId, now: Timestamp) -> Agent {
        let deferred = Some((AgentState::Offline, Some(DELETED.into())));
        Agent { deleted: true, deferred, ..Agent::new(tenant, id, now) }
    }

    pub(crate) fn take_profile(&mut self, profile: Profile) {
        let Profile { name, skills, ring_timeout, wrap_up } = profile;
        (self.name, self.skills) = (name, skills);
        (self.ring_timeout, self.wrap_up) = (ring_timeout, wrap_up);
        self.deleted = false;
    }

    /// May be offered a caller.
    pub(crate) fn is_free(&self) -> bool {
        self.state == AgentState::Available && !self.deleted
    }

    /// With a caller, ringing or in wrap-up: what is asked for now is taken afterwards.
    pub fn occupied(&self) -> bool {
        matches!(self.state, AgentState::OnCall | AgentState::Ringing | AgentState::WrapUp)
    }

    pub(crate) fn fact(&mut self, now: Timestamp, event: AgentEvent) -> AgentFact {
        self.seq += 1;
        AgentFact { agent: self.id.clone(), seq: self.seq, at: now, event }
    }

    /// Moves to another state and says so.
    pub(crate) fn enter(
        &mut self,
        now: Timestamp,
        to: AgentState,
        reason: Option<String>,
        by: Party,
    ) -> AgentFact {
        let event = AgentEvent::StateChanged {
            from: self.state,
            to,
            spent: now.since(self.since),
            reason: reason.clone(),
            call: self.call.clone(),
            queue: self.queue.clone(),
            by,
        };
        (self.state, self.since, self.reason) = (to, now, reason);
        self.fact(now, event)
    }
}
