//! The facts that the log tells: in the past tense, with ids, durations and
//! causes inside. A consumer folds them and skips what it has seen by `seq`.

use crate::*;

/// What the packets of one direction say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub lost: u64,
    /// Microseconds.
    pub jitter: u32,
    /// Estimated mean opinion score (ITU-T G.107) in hundredths, 100 to 450.
    pub mos: u16,
}

/// Both directions of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Packets that came from the party.
    pub received: u64,
    pub sent: u64,
    /// What we heard of the party; `None`: nothing came.
    pub near: Option<Heard>,
    /// What the party says it heard of us; `None`: it does not say.
    pub far: Option<Heard>,
    /// Microseconds.
    pub round_trip: Option<u32>,
}

/// One fact of one call (topic `call.v1`, key: the call).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFact {
    pub call: CallId,
    /// Counts from 0 within the call, without gaps.
    pub seq: u32,
    pub at: Timestamp,
    pub event: CallEvent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CallEvent {
    /// The INVITE arrived and belongs to a tenant.
    Offered {
        /// Calling number as presented: E.164 where it could be read, else the raw text.
        from: String,
        caller_name: Option<String>,
        did: E164,
        did_label: String,
        trunk: TrunkId,
        flow: FlowId,
        auto_connect: bool,
    },
    /// An agent calls: a number outside, or a colleague.
    Placed {
        agent: AgentId,
        to: Target,
        /// The number that the other side is shown; the agent's name for a colleague.
        from: String,
        /// The task that the call is made for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        callback: Option<CallbackId>,
    },
    /// The caller's leg was connected (200 OK): the carrier charges from here.
    Connected,
    /// The flow reached a node that the caller hears.
    NodeEntered {
        flow: FlowId,
        version: u32,
        node: String,
        label: String,
        stage: Stage,
    },
    /// The caller chose in a menu.
    KeysPressed {
        node: String,
        keys: String,
    },
    /// The flow said what the contact is about; the last one counts.
    Categorised {
        category: CategoryId,
    },
    /// Waits in a queue. The queue's settings go with it, so that a recount
    /// next year uses what was in force.
    Enqueued {
        queue: QueueId,
        priority: i32,
        service_level: Millis,
        short_abandon: Millis,
    },
    /// Place in the queue, 1 is next.
    PositionChanged {
        queue: QueueId,
        position: u32,
    },
    /// Left the queue without an agent, the call goes on in the flow.
    Overflowed {
        queue: QueueId,
        wait: Millis,
        reason: String,
    },
    /// The caller is to be called back at this number.
    CallbackAsked {
        /// Who asks out of a queue keeps the place in line without a leg; else
        /// somebody calls back when there is time.
        queue: Option<QueueId>,
        number: E164,
        in_line: bool,
    },
    /// The caller left a message, or began to and was cut off.
    MessageLeft {
        queue: Option<QueueId>,
        recording: RecordingId,
        duration: Millis,
    },
    /// Rings at an agent.
    AgentOffered {
        queue: QueueId,
        agent: AgentId,
        reservation: ReservationId,
        attempt: u32,
    },
    OfferEnded {
        queue: QueueId,
        agent: AgentId,
        reservation: ReservationId,
        outcome: OfferOutcome,
        ring: Millis,
    },
    /// The agent answered: two people talk.
    AgentConnected {
        queue: QueueId,
        agent: AgentId,
        wait: Millis,
        attempt: u32,
    },
    Held {
        by: Party,
    },
    Retrieved {
        by: Party,
        held: Millis,
    },
    /// A further party is asked to the call and rings.
    Invited {
        leg: LegId,
        target: Target,
        purpose: Purpose,
    },
    /// The further party answered.
    Joined {
        leg: LegId,
        target: Target,
        purpose: Purpose,
    },
    /// The further party is out of the call: it refused, was taken back or hung up.
    Left {
        leg: LegId,
        target: Target,
        /// `answered`: it was in.
        outcome: OfferOutcome,
    },
    /// The call has another who leads it, or waits for one. Talk and hold are
    /// those of the agent who had it (A169).
    Transferred {
        from: Option<AgentId>,
        to: Target,
        talk: Millis,
        hold: Millis,
    },
    /// A supervisor listens, whispers, joins or takes over.
    Supervised {
        by: AgentId,
        leg: LegId,
        how: Supervision,
    },
    /// Nothing is heard of a party that somebody should hear.
    FellSilent {
        leg: LegId,
        /// `None`: who called.
        who: Option<Target>,
    },
    /// It is heard again, or nobody has to hear it any more.
    SilenceEnded {
        leg: LegId,
        who: Option<Target>,
        /// Since it was told.
        silent: Millis,
    },
    /// How well one party was heard and heard the others, to the end of its leg.
    Measured {
        leg: LegId,
        /// `None`: who called.
        who: Option<Target>,
        figures: Figures,
    },
    RecordingStarted {
        recording: RecordingId,
    },
    RecordingStopped {
        recording: RecordingId,
    },
    /// The last fact of every call.
    Ended {
        cause: HangupCause,
        by: Party,
        /// Where it was when it ended.
        stage: Stage,
        queue: Option<QueueId>,
        agent: Option<AgentId>,
        /// In queues (ringing included), until answered or ended.
        wait: Millis,
        /// Bridged with an agent, hold included.
        talk: Millis,
        hold: Millis,
        /// From the INVITE to the end.
        duration: Millis,
    },
}

/// One fact of one agent (topic `agent.v1`, key: the agent).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFact {
    pub agent: AgentId,
    pub seq: u64,
    pub at: Timestamp,
    pub event: AgentEvent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AgentEvent {
    StateChanged {
        from: AgentState,
        to: AgentState,
        /// Time spent in `from`.
        spent: Millis,
        /// The tenant's reason for aux, or the system's for missed and offline.
        reason: Option<String>,
        call: Option<CallId>,
        queue: Option<QueueId>,
        by: Party,
    },
    /// The ACD chose this agent for a caller.
    Offered { call: CallId, queue: QueueId, reservation: ReservationId, attempt: u32, decision: Decision },
    WrappedUp {
        call: CallId,
        queue: QueueId,
        disposition: Option<DispositionId>,
        note: Option<String>,
        spent: Millis,
        timed_out: bool,
    },
}

/// Why this agent was offered the caller: the free agents as they compared,
/// the chosen one first, and what told the first two apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub rule: Rule,
    /// The skill that decided, by the rule `skill`.
    pub skill: Option<String>,
    /// What was asked of agents after this wait.
    pub needs: Vec<Skill>,
    /// How many agents were free and suited.
    pub free: u32,
    /// The best of them, at most 5.
    pub candidates: Vec<Candidate>,
}

/// A free agent in the eyes of a queue. Compared from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub agent: AgentId,
    /// Lower comes first.
    pub penalty: u8,
    /// Levels in the skills that the queue asks for.
    pub skills: Vec<Skill>,
    /// What the strategy counts: calls, milliseconds of talk, the place in the
    /// list … Lower comes first.
    pub score: u64,
    pub idle: Millis,
}

/// What decided for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Nobody else was free.
    OnlyFree,
    /// The caller waited for this agent.
    Preferred,
    /// A supervisor chose the agent.
    Assigned,
    /// The agent picked the caller up.
    Picked,
    Penalty,
    Skill,
    LongestIdle,
    RoundRobin,
    LeastCalls,
    LeastTalk,
    /// The place in the queue's list.
    Order,
    Chance,
    /// Everybody rings.
    RingAll,
}

/// One fact of one recording (topic `recording.v1`, key: the call).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingFact {
    pub recording: RecordingId,
    pub call: CallId,
    pub at: Timestamp,
    pub duration: Millis,
    pub bytes: u64,
    /// Of the audio before encryption, hexadecimal.
    pub sha256: String,
}

/// One version of one document (topic `config.v1`, key: tenant/kind/id, compacted).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigFact {
    pub kind: config::Kind,
    pub id: String,
    pub version: u32,
    pub at: Timestamp,
    pub actor: String,
    /// JSON; `None` when the document was deleted.
    pub body: Option<String>,
}
