use crate::*;

/// Whom a call is connected to or handed to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    Agent {
        agent: AgentId,
    },
    Queue {
        queue: QueueId,
    },
    /// Outside, through a trunk.
    Number {
        number: E164,
    },
}

/// As people and other programs read it: by `kind`.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Target", tag = "kind", rename_all = "snake_case")]
enum Readable {
    Agent { agent: AgentId },
    Queue { queue: QueueId },
    Number { number: E164 },
}

/// As compact forms have it, which do not look ahead for a `kind`.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Target")]
enum Compact {
    Agent { agent: AgentId },
    Queue { queue: QueueId },
    Number { number: E164 },
}

impl Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { Readable::serialize(self, to) } else { Compact::serialize(self, to) }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() { Readable::deserialize(from) } else { Compact::deserialize(from) }
    }
}

impl Target {
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Target::Agent { agent } => Some(agent),
            _ => None,
        }
    }
}

/// Why a further party was asked to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Gets the caller as soon as it answers.
    Transfer,
    /// Talks with the agent while the caller hears music.
    Consult,
    /// Joins those who talk.
    Conference,
    /// Whom the agent called.
    Dial,
    /// Looks after the agent.
    Supervise,
}

/// What a supervisor does in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supervision {
    /// Hears all, nobody hears the supervisor.
    Listen,
    /// The agent alone hears the supervisor.
    Whisper,
    /// Everybody hears the supervisor.
    Barge,
    /// The supervisor has the call, the agent is out.
    TakeOver,
}
