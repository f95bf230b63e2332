use crate::*;

/// Whom a call is connected to or handed to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
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
