use bytes::Bytes;
use std::fmt;
use types::TenantId;

/// The topics, with the key of their records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// `call.v1`, by call.
    Call,
    /// `call-live.v1`, by call, compacted.
    CallLive,
    /// `agent.v1`, by agent.
    Agent,
    /// `recording.v1`, by call.
    Recording,
    /// `config.v1`, by tenant/kind/id, compacted.
    Config,
}

impl Topic {
    pub const ALL: [Topic; 5] = [Topic::Call, Topic::CallLive, Topic::Agent, Topic::Recording, Topic::Config];

    pub fn name(self) -> &'static str {
        match self {
            Topic::Call => "call.v1",
            Topic::CallLive => "call-live.v1",
            Topic::Agent => "agent.v1",
            Topic::Recording => "recording.v1",
            Topic::Config => "config.v1",
        }
    }

    pub fn parse(name: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Keeps the last record of each key only.
    pub fn compacted(self) -> bool {
        matches!(self, Topic::CallLive | Topic::Config)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One fact on its way. An empty `value` in a compacted topic deletes the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub topic: Topic,
    pub tenant: TenantId,
    pub key: String,
    pub value: Bytes,
    /// Such as `traceparent`.
    pub headers: Vec<(String, String)>,
}

impl Record {
    pub fn new(topic: Topic, tenant: &TenantId, key: impl Into<String>, value: Bytes) -> Record {
        Record { topic, tenant: tenant.clone(), key: key.into(), value, headers: Vec::new() }
    }

    /// A tenant's records share a partition of every topic (FNV-1a of the id).
    pub fn partition(&self) -> u16 {
        let hash = self.tenant.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        (hash % u64::from(crate::PARTITIONS)) as u16
    }
}

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    pub topic: Topic,
    pub partition: u16,
    pub offset: u64,
}

impl Position {
    /// Whether a log that ends at `ends` holds this place.
    pub fn lies_before(&self, ends: &[Position]) -> bool {
        ends.iter().any(|end| end.same_partition(self) && self.offset < end.offset)
    }

    pub fn same_partition(&self, other: &Position) -> bool {
        self.topic == other.topic && self.partition == other.partition
    }
}

/// A record with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub record: Record,
    pub position: Position,
}
