//! The log: facts in order per key, at least once.
//!
//! Every fact is written to the process's journal before the packet that it
//! explains leaves (page cache at once, fsync every 50 ms). Alone, the journal
//! is the whole log and consumers are cursors in it. With Kafka configured, a
//! shipper copies the journal there and trims what is acknowledged; consumers
//! then read Kafka.
//!
//! Beside the facts a process keeps there what it holds now ([`Live`]), for itself
//! when it comes back after a crash: whole values by key, changed together with the
//! facts that tell of the change.

pub mod codec;
mod follow;
mod journal;
mod kafka;
mod record;

pub use follow::{ConfigView, Doc};
pub use kafka::Options as KafkaOptions;
pub use record::{Delivery, Position, Record, Topic};

use std::{path::Path, sync::Arc};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the journal failed: {0}")]
    Journal(#[from] fjall::Error),
    #[error("kafka failed: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    #[error("a record cannot be read: {0}")]
    Codec(#[from] prost::DecodeError),
    #[error("a fact cannot be read: {0}")]
    Fact(String),
    #[error("the log is closed")]
    Closed,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a process keeps under a key; `None` forgets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub key: String,
    pub value: Option<Vec<u8>>,
}

/// Partitions of every topic; a tenant lives in one of them.
pub const PARTITIONS: u16 = 16;

/// The log of this process. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    journal: Arc<journal::Journal>,
    kafka: Option<Arc<kafka::Kafka>>,
}

impl Log {
    /// Opens the journal in `folder` (one process at a time: the folder is
    /// locked) as the whole log.
    pub fn open(folder: &Path) -> Result<Log> {
        Ok(Log { journal: journal::Journal::open(folder)?, kafka: None })
    }

    /// Opens the journal in `folder` in front of Kafka. Needs a tokio runtime
    /// for the shipper. Does not fail while the brokers are away.
    pub fn open_with_kafka(folder: &Path, options: KafkaOptions) -> Result<Log> {
        let journal = journal::Journal::open(folder)?;
        let kafka = Arc::new(kafka::Kafka::start(options, journal.clone())?);
        Ok(Log { journal, kafka: Some(kafka) })
    }

    /// Tells a fact. When this returns, a crash of the process loses nothing.
    pub fn append(&self, record: Record) -> Result<()> {
        self.journal.append(&record).map(drop)
    }

    /// Tells facts and changes what is kept, all of it or nothing. When this
    /// returns, a crash of the process loses none of it.
    pub fn commit(&self, facts: &[Record], kept: Vec<Live>) -> Result<()> {
        self.journal.commit(facts, kept)
    }

    /// What is kept under keys that begin so, in the order of the keys.
    pub fn kept(&self, prefix: &str) -> Result<Vec<Live>> {
        self.journal.live(prefix)
    }

    /// Reads on from where `group` last committed.
    pub fn consumer(&self, group: &str, topics: &[Topic]) -> Result<Consumer> {
        Ok(Consumer(match &self.kafka {
            None => Source::Journal(self.journal.reader(Some(group), topics)?),
            Some(kafka) => Source::Kafka(kafka.consumer(Some(group), topics)?),
        }))
    }

    /// Reads everything from the beginning and never commits.
    pub fn from_start(&self, topics: &[Topic]) -> Result<Consumer> {
        Ok(Consumer(match &self.kafka {
            None => Source::Journal(self.journal.reader(None, topics)?),
            Some(kafka) => Source::Kafka(kafka.consumer(None, topics)?),
        }))
    }

    /// Where the log ends now: the offset that the next record of each
    /// partition will get. Partitions without records are left out.
    pub async fn ends(&self, topics: &[Topic]) -> Result<Vec<Position>> {
        match &self.kafka {
            None => Ok(self.journal.ends(topics)),
            Some(kafka) => kafka.ends(topics).await,
        }
    }

    /// Facts that Kafka has not yet acknowledged; 0 without Kafka.
    pub fn unshipped(&self) -> u64 {
        self.kafka.as_ref().map_or(0, |_| self.journal.held())
    }

    /// Forces everything told so far to the disk.
    pub fn sync(&self) -> Result<()> {
        self.journal.sync()
    }
}

/// A reader of the log. Deliveries of one partition come in order; after a
/// crash it begins again behind the last commit.
pub struct Consumer(Source);

enum Source {
    Journal(journal::Reader),
    Kafka(kafka::Reader),
}

impl Consumer {
    /// Waits for the next delivery. Cancel-safe.
    pub async fn next(&mut self) -> Result<Delivery> {
        match &mut self.0 {
            Source::Journal(reader) => reader.next().await,
            Source::Kafka(reader) => reader.next().await,
        }
    }

    /// Records that the effect of everything up to `position` is done.
    pub fn commit(&mut self, position: &Position) -> Result<()> {
        match &mut self.0 {
            Source::Journal(reader) => reader.commit(position),
            Source::Kafka(reader) => reader.commit(position),
        }
    }

    /// Reads until each of `ends` is reached. What lies beyond the end of one
    /// partition while another is still open is handed out too: it would not
    /// come again. [`Position::lies_before`] tells it apart.
    pub async fn read_to(&mut self, ends: &[Position], mut each: impl FnMut(&Delivery)) -> Result<()> {
        let mut open: Vec<&Position> = ends.iter().filter(|p| p.offset > 0).collect();
        while !open.is_empty() {
            let delivery = self.next().await?;
            each(&delivery);
            let at = &delivery.position;
            open.retain(|end| !(end.same_partition(at) && at.offset + 1 >= end.offset));
        }
        Ok(())
    }
}
