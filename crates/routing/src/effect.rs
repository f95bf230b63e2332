use crate::{Assign, Loan, QueueConfig, Reach, Reached};
use types::{fact::AgentFact, *};

/// What happens to the ACD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A queue was saved or (`None`) deleted.
    Queue {
        tenant: TenantId,
        queue: QueueId,
        config: Option<QueueConfig>,
    },
    /// An agent was saved or (`None`) deleted.
    Agent {
        tenant: TenantId,
        agent: AgentId,
        profile: Option<Profile>,
    },
    /// An agent was lent to a queue.
    Lend {
        tenant: TenantId,
        agent: AgentId,
        loan: Loan,
    },
    /// The loan is over before its time.
    LoanEnded {
        agent: AgentId,
        loan: LoanId,
    },
    /// A caller wants an agent. The same call again changes nothing.
    Join {
        tenant: TenantId,
        call: CallId,
        queue: QueueId,
        since: Timestamp,
        priority: i32,
        /// Skills that this caller needs an agent to have, beyond what the queue
        /// asks for.
        needs: Vec<Skill>,
        /// Waits for this agent alone for so long, if the agent is signed in.
        preferred: Option<(AgentId, Millis)>,
    },
    /// An agent is wanted in person. Answered, OfferEnded and Release follow
    /// with the session in place of the call.
    Reach(Reach),
    /// A waiting caller is given to one agent by hand, or picked up. Offer or NotAssigned follows.
    Assign(Assign),
    /// An agent talks with the caller now: the one reserved, or `by`, should
    /// this ACD not know the reservation (it was started anew).
    Answered {
        call: CallId,
        reservation: ReservationId,
        by: Option<Winner>,
    },
    /// The line did not take the offer.
    OfferEnded {
        call: CallId,
        reservation: ReservationId,
        outcome: OfferOutcome,
    },
    /// The caller left, or the conversation ended.
    Release {
        call: CallId,
    },
    /// The agent asks for calls, at this line.
    Available {
        tenant: TenantId,
        agent: AgentId,
        line: String,
    },
    /// The agent asks for a break; during a call it is taken afterwards.
    Aux {
        tenant: TenantId,
        agent: AgentId,
        reason: String,
        line: Option<String>,
    },
    FinishWrapUp {
        agent: AgentId,
        call: CallId,
        disposition: Option<DispositionId>,
        note: Option<String>,
    },
    /// The agent signed out, or the device vanished.
    Offline {
        agent: AgentId,
        reason: String,
    },
    /// A deadline given by [`crate::Router::deadline`] has come.
    Tick,
}

/// The routing side of an agent as it is saved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub skills: Vec<Skill>,
    /// Instead of the queue's.
    pub ring_timeout: Option<Millis>,
    /// Instead of the queue's.
    pub wrap_up: Option<Millis>,
}

/// Who answered a call, and from which queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Winner {
    pub tenant: TenantId,
    pub agent: AgentId,
    pub queue: QueueId,
}

/// What the driver does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Fact {
        tenant: TenantId,
        fact: AgentFact,
    },
    /// To whoever holds the caller and to the agent's device: ring.
    Offer(Offer),
    /// The same for an agent who is wanted in person.
    Reached(Reached),
    /// The reservation is over without an answer, by the ACD's decision or the caller's.
    OfferEnded {
        tenant: TenantId,
        call: CallId,
        agent: AgentId,
        reservation: ReservationId,
        outcome: OfferOutcome,
    },
    /// The caller is not kept.
    Overflow {
        call: CallId,
        reason: &'static str,
    },
    /// Why a caller was not given to the agent: not_waiting, no_agent, offline,
    /// not_available, busy, starting; of a pick-up also not_yours and taken.
    NotAssigned {
        call: CallId,
        reason: &'static str,
    },
    /// What an agent asked for does not fit.
    Refused {
        agent: AgentId,
        message: &'static str,
    },
    /// The agent's state moved; [`crate::Router::agent`] has it.
    AgentMoved {
        tenant: TenantId,
        agent: AgentId,
    },
    /// Places in this queue moved; [`crate::Router::positions`] has them.
    QueueMoved {
        queue: QueueId,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub tenant: TenantId,
    pub reservation: ReservationId,
    pub call: CallId,
    pub queue: QueueId,
    pub agent: AgentId,
    pub line: String,
    pub since: Timestamp,
    pub deadline: Timestamp,
    pub attempt: u32,
    /// By hand: a supervisor chose the agent, or the agent picked the caller up.
    pub assigned: bool,
    /// Nobody else rings for the caller.
    pub alone: bool,
}
