use serde::{Deserialize, Serialize};
use types::{fact::Figures, *};

/// A prompt or music being played; counts up within the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlayId(pub u32);

/// An INVITE that was matched to a tenant: what a call begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub call: CallId,
    pub caller_leg: LegId,
    /// The id that the recording will have; `None`: not to be recorded.
    pub recording: Option<RecordingId>,
    /// The id that a message will have, should the caller leave one.
    pub message: RecordingId,
    pub from: String,
    pub caller_name: Option<String>,
    pub did: E164,
    pub did_label: String,
    pub trunk: TrunkId,
    pub flow: FlowId,
    /// Answer at once; otherwise early media until an agent answers.
    pub auto_connect: bool,
    /// Without `auto_connect`: answer after so long, whether an agent is there
    /// or not, because the carrier's limit for early media nears.
    pub answer_after: Option<Millis>,
}

/// A call that an agent makes: what it begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub call: CallId,
    pub agent: AgentId,
    /// The ids that the legs will have: the agent's, and the other side's.
    pub agent_leg: LegId,
    pub other_leg: LegId,
    pub recording: RecordingId,
    /// A number, or a colleague.
    pub to: Target,
    /// What the other side is shown.
    pub from: String,
    /// The task that the call is made for.
    pub callback: Option<CallbackId>,
}

/// What happens to a call. Late signals are normal: an input that no longer
/// applies is ignored and counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The gateway has the caller's leg.
    MediaReady,
    MediaFailed(HangupCause),
    /// The gateway that had the call is gone; another has its legs and knows nothing
    /// yet of what they hear.
    MediaRebuilt,
    /// The gateway hears nothing from this leg any more.
    MediaLost(LegId),
    /// How well a leg is heard and hears, from its beginning.
    Measured {
        leg: LegId,
        figures: Figures,
    },
    /// The gateway hears nothing of a party that somebody should hear; off: it
    /// does again, or nobody has to.
    Unheard {
        leg: LegId,
        on: bool,
    },
    Ivr(Next),
    IvrFailed,
    PlayEnded(PlayId),
    /// The caller pressed a key: 0-9, *, #, A-D.
    Key(char),
    /// Place in the queue, 1 is next, and what most callers there do not wait
    /// longer than, where that is known.
    Position {
        position: u32,
        wait: Option<Millis>,
    },
    /// The prompts that tell the position, or the words, as asked for.
    Announcement(Vec<String>),
    /// The number that the caller is to confirm is one that no trunk may call.
    NumberRefused,
    Reserved(Reserved),
    /// The ACD took the reservation back, with the offer's outcome.
    Withdrawn {
        reservation: ReservationId,
        outcome: OfferOutcome,
    },
    /// The queue gives the call back to the flow.
    Overflow(String),
    /// The agent accepted and the line's media is at the gateway.
    LineAnswered(LegId),
    LineRefused {
        leg: LegId,
        outcome: OfferOutcome,
    },
    LineHungUp(LegId),
    SetHold {
        leg: LegId,
        on: bool,
    },
    SetMute {
        leg: LegId,
        on: bool,
    },
    /// What the one who leads the call wants done with its parties.
    Command {
        leg: LegId,
        command: Command,
    },
    /// A supervisor comes in; `leg` is the id that the supervisor's leg will have.
    Supervise {
        leg: LegId,
        agent: AgentId,
        how: Supervision,
    },
    SetSupervision {
        leg: LegId,
        how: Supervision,
    },
    /// A party that rings is heard before its answer.
    EarlyMedia(LegId),
    /// The agent presses a key for the caller's side to hear.
    LineKey {
        leg: LegId,
        key: char,
    },
    /// BYE, or CANCEL before the answer.
    CallerHungUp,
    /// The platform or a supervisor ends the call.
    HangUp(HangupCause),
    /// A deadline given by [`crate::Call::deadline`] has come.
    Tick,
}

/// What an agent can want of the parties of a call. New legs come with the id
/// that they will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Without asking first: the caller hears music until somebody answers.
    Transfer(HandOver),
    /// Talk with somebody while the caller hears music.
    Consult { leg: LegId, target: Target },
    /// Add somebody to those who talk.
    Invite { leg: LegId, target: Target },
    /// Caller and consulted party change places.
    Swap,
    /// The consulted party gets the caller.
    Complete,
    /// The consultation, or a transfer that rings, is off.
    Cancel,
    /// Caller, consulted party and agent talk together.
    Conference,
    /// A party is out.
    Remove(LegId),
}

/// Where a transferred call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandOver {
    Party { leg: LegId, target: Target },
    Queue(Box<QueueNode>),
}

/// The ACD's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    pub reservation: ReservationId,
    pub agent: AgentId,
    /// Where to ring, as the ACD wrote it.
    pub line: String,
    /// The id that the agent's leg will have.
    pub leg: LegId,
    /// The id that the customer's leg will have, should the customer be called back.
    pub customer: LegId,
    pub attempt: u32,
    /// What rings for the caller already rings no more.
    pub alone: bool,
    /// How long it rings.
    pub ring_for: Millis,
}

/// What the flow wants next, and the node that speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    pub flow: FlowId,
    pub version: u32,
    pub node: String,
    pub label: String,
    pub stage: Stage,
    /// What the flow found the contact to be about on the way here.
    pub category: Option<CategoryId>,
    /// Whom the flow promised a callback on the way here.
    pub callback: Option<Asked>,
    pub instruction: Instruction,
}

/// Prompts are hashes of files in the object store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instruction {
    Play(Vec<String>),
    Collect(Collect),
    /// Plays these again and again while the flow is asked once more.
    Wait(Vec<String>),
    Queue(QueueNode),
    Message(Message),
    Hangup,
}

/// A caller who is to be called back when there is time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub number: E164,
    /// Whose agents are to call.
    pub queue: Option<QueueId>,
}

/// A message is to be recorded after these prompts, the tone last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub prompts: Vec<String>,
    pub max: Millis,
    /// Whose agents are to hear it.
    pub queue: Option<QueueId>,
}

/// How a queue calls back those who ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackTerms {
    /// The key by which callers ask.
    pub key: char,
    pub attempts: u32,
    /// Between two attempts.
    pub every: Millis,
    /// Completes national numbers that are typed.
    pub country: Option<String>,
}

/// Asks for keys while `prompts` play; the first key interrupts them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collect {
    pub prompts: Vec<String>,
    pub keys_max: usize,
    /// Keys that end the input and are not part of it.
    pub terminators: String,
    /// Silence after the prompts that counts as no input.
    pub first_timeout: Millis,
    /// Silence after a key that ends the input.
    pub next_timeout: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueNode {
    pub queue: QueueId,
    /// What this caller needs of an agent beyond what the queue asks for.
    pub needs: Vec<Skill>,
    pub priority: i32,
    pub welcome: Vec<String>,
    pub music: Vec<String>,
    /// 0: the position is not told.
    pub announce_every: Millis,
    pub service_level: Millis,
    pub short_abandon: Millis,
    /// `None`: nobody is called back by the queue.
    pub callback: Option<CallbackTerms>,
}
