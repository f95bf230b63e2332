use types::{
    fact::{AgentEvent, AgentFact},
    *,
};

/// An agent at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    pub tenant: TenantId,
    pub id: AgentId,
    pub name: String,
    pub skills: Vec<Skill>,
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
            // Grows over restarts without a store.
            seq: now.millis() as u64 * 1_000,
            queues: Vec::new(),
        }
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
