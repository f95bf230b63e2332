//! The journal: an ordered store on disk, locked to one process.
//!
//! `records` maps (topic, partition, offset) to a record, `cursors` maps
//! (group, topic, partition) to the offset that the group reads next, `live` what
//! the process keeps of what it holds now.

use crate::{Delivery, Error, Live, PARTITIONS, Position, Record, Result, Topic};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use prost::Message;
use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex, PoisonError, Weak, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};
use tokio::sync::Notify;

const SYNC_EVERY: Duration = Duration::from_millis(50);
/// Newest records in memory, in bytes, before they become a file of their own.
const MEMORY_MAX: u64 = 16 << 20;
/// Records that a reader fetches at once.
const READ_MAX: usize = 256;
const LANES: usize = Topic::ALL.len() * PARTITIONS as usize;

/// A record as it lies on disk.
#[derive(Clone, PartialEq, prost::Message)]
struct Stored {
    #[prost(string, tag = "1")]
    tenant: String,
    #[prost(string, tag = "2")]
    key: String,
    #[prost(bytes = "bytes", tag = "3")]
    value: bytes::Bytes,
    #[prost(message, repeated, tag = "4")]
    headers: Vec<Header>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Header {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// One partition of one topic, as an index.
#[derive(Clone, Copy)]
struct Lane(usize);

impl Lane {
    fn of(topic: Topic, partition: u16) -> Lane {
        let index = Topic::ALL.iter().position(|t| *t == topic).expect("every topic is in ALL");
        Lane(index * PARTITIONS as usize + usize::from(partition))
    }

    fn topic(self) -> Topic {
        Topic::ALL[self.0 / PARTITIONS as usize]
    }

    fn partition(self) -> u16 {
        (self.0 % PARTITIONS as usize) as u16
    }

    fn at(self, offset: u64) -> Position {
        Position { topic: self.topic(), partition: self.partition(), offset }
    }

    /// The name carries the topic, so that adding a topic moves nothing.
    fn prefix(self) -> Vec<u8> {
        let mut prefix = self.topic().name().as_bytes().to_vec();
        prefix.push(0);
        prefix.extend(self.partition().to_be_bytes());
        prefix
    }

    fn key(self, offset: u64) -> Vec<u8> {
        let mut key = self.prefix();
        key.extend(offset.to_be_bytes());
        key
    }
}

pub(crate) struct Journal {
    database: Database,
    records: Keyspace,
    cursors: Keyspace,
    live: Keyspace,
    /// The next offset of each lane. One lock, so that offsets and writes agree.
    ends: Mutex<Vec<u64>>,
    dirty: AtomicBool,
    bells: Bells,
}

/// Wakes those who read the topic that something was appended to, and nobody
/// else: a call tells many facts, and most readers follow the configuration.
#[derive(Default)]
struct Bells(Mutex<Vec<(Vec<Topic>, Weak<Notify>)>>);

impl Bells {
    fn hang(&self, topics: &[Topic]) -> Arc<Notify> {
        let bell = Arc::new(Notify::new());
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.retain(|(_, bell)| bell.strong_count() > 0);
        bells.push((topics.to_vec(), Arc::downgrade(&bell)));
        bell
    }

    fn ring(&self, topic: Topic) {
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, bell) in bells.iter().filter(|(topics, _)| topics.contains(&topic)) {
            if let Some(bell) = bell.upgrade() {
                bell.notify_one();
            }
        }
    }
}

impl Journal {
    pub(crate) fn open(folder: &Path) -> Result<Arc<Journal>> {
        let database = Database::builder(folder).open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMORY_MAX);
        let records = database.keyspace("records", options)?;
        let cursors = database.keyspace("cursors", options)?;
        let live = database.keyspace("live", options)?;
        let ends = (0..LANES).map(|i| end_of(&records, &cursors, Lane(i))).collect::<Result<_>>()?;
        let (ends, bells) = (Mutex::new(ends), Bells::default());
        let journal = Journal { database, records, cursors, live, ends, dirty: false.into(), bells };
        let journal = Arc::new(journal);
        start_syncing(&journal);
        Ok(journal)
    }

    /// Appends all of these and changes what is kept, or nothing of it.
    pub(crate) fn commit(&self, records: &[Record], live: Vec<Live>) -> Result<()> {
        let mut batch = self.database.batch();
        for Live { key, value } in live {
            match value {
                Some(value) => batch.insert(&self.live, key, value),
                None => batch.remove(&self.live, key),
            }
        }
        if records.is_empty() {
            batch.commit()?;
        } else {
            let mut ends = self.ends.lock().expect("no panic while the lock is held");
            let mut next = ends.clone();
            for record in records {
                let lane = Lane::of(record.topic, record.partition());
                batch.insert(&self.records, lane.key(next[lane.0]), encode(record));
                next[lane.0] += 1;
            }
            batch.commit()?;
            *ends = next;
        }
        self.dirty.store(true, Ordering::Release);
        records.iter().for_each(|record| self.bells.ring(record.topic));
        Ok(())
    }

    /// What is kept under keys that begin so, in their order.
    pub(crate) fn live(&self, prefix: &str) -> Result<Vec<Live>> {
        let read = |entry: fjall::Guard| {
            let (key, value) = entry.into_inner()?;
            let key = String::from_utf8_lossy(&key).into_owned();
            Ok(Live { key, value: Some(value.to_vec()) })
        };
        self.live.prefix(prefix).map(read).collect()
    }

    pub(crate) fn append(&self, record: &Record) -> Result<Position> {
        let lane = Lane::of(record.topic, record.partition());
        let value = encode(record);
        let mut ends = self.ends.lock().expect("no panic while the lock is held");
        let offset = ends[lane.0];
        self.records.insert(lane.key(offset), value)?;
        ends[lane.0] = offset + 1;
        drop(ends);
        self.dirty.store(true, Ordering::Release);
        self.bells.ring(record.topic);
        Ok(lane.at(offset))
    }

    pub(crate) fn ends(&self, topics: &[Topic]) -> Vec<Position> {
        let ends = self.ends.lock().expect("no panic while the lock is held");
        let lanes = (0..LANES).map(Lane).filter(|lane| topics.contains(&lane.topic()));
        lanes.map(|lane| lane.at(ends[lane.0])).filter(|end| end.offset > 0).collect()
    }

    /// How many records lie here.
    pub(crate) fn held(&self) -> u64 {
        self.records.len().map_or(0, |n| n as u64)
    }

    pub(crate) fn sync(&self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    /// Writes to the disk what was appended since the last call.
    pub(crate) fn sync_if_dirty(&self) -> Result<()> {
        if self.dirty.swap(false, Ordering::AcqRel) { self.sync() } else { Ok(()) }
    }

    pub(crate) fn reader(self: &Arc<Self>, group: Option<&str>, topics: &[Topic]) -> Result<Reader> {
        let lanes = (0..LANES).map(Lane).filter(|lane| topics.contains(&lane.topic()));
        let next = lanes.map(|lane| Ok((lane, self.cursor(group, lane)?))).collect::<Result<_>>()?;
        Ok(Reader {
            journal: self.clone(),
            group: group.map(str::to_owned),
            next,
            ready: VecDeque::new(),
            bell: self.bell(topics),
        })
    }

    fn cursor(&self, group: Option<&str>, lane: Lane) -> Result<u64> {
        let Some(group) = group else { return Ok(0) };
        Ok(self.cursors.get(cursor_key(group, lane))?.map_or(0, |bytes| offset(&bytes)))
    }

    /// Up to `max` records of a lane from `from` on.
    fn read(&self, lane: Lane, from: u64, max: usize) -> Result<Vec<Delivery>> {
        let range = lane.key(from)..=lane.key(u64::MAX);
        self.records.range(range).take(max).map(|entry| deliver(lane, entry)).collect()
    }

    /// For the shipper: the oldest records of every lane, in order per lane.
    pub(crate) fn oldest(&self, max: usize) -> Result<Vec<Delivery>> {
        let mut found = Vec::new();
        for lane in (0..LANES).map(Lane) {
            found.extend(self.read(lane, 0, max)?);
        }
        Ok(found)
    }

    /// Forgets a record that Kafka has acknowledged, but not the count.
    pub(crate) fn trim(&self, position: &Position) -> Result<()> {
        let lane = Lane::of(position.topic, position.partition);
        let mut batch = self.database.batch();
        batch.remove(&self.records, lane.key(position.offset));
        batch.insert(&self.cursors, cursor_key(SHIPPED, lane), (position.offset + 1).to_be_bytes());
        Ok(batch.commit()?)
    }

    /// Rings after each record of these topics, and remembers one ring.
    pub(crate) fn bell(&self, topics: &[Topic]) -> Arc<Notify> {
        self.bells.hang(topics)
    }
}

const SHIPPED: &str = "shipped";

fn cursor_key(group: &str, lane: Lane) -> Vec<u8> {
    let mut key = group.as_bytes().to_vec();
    key.push(0);
    key.extend(lane.prefix());
    key
}

fn offset(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

fn end_of(records: &Keyspace, cursors: &Keyspace, lane: Lane) -> Result<u64> {
    let shipped = cursors.get(cursor_key(SHIPPED, lane))?.map_or(0, |bytes| offset(&bytes));
    let last = records.prefix(lane.prefix()).next_back();
    let end = last.map(|entry| deliver(lane, entry)).transpose()?.map_or(0, |d| d.position.offset + 1);
    Ok(end.max(shipped))
}

fn deliver(lane: Lane, entry: fjall::Guard) -> Result<Delivery> {
    let (key, value) = entry.into_inner()?;
    let position = lane.at(offset(&key[key.len() - 8..]));
    Ok(Delivery { record: decode(lane.topic(), &value)?, position })
}

fn encode(record: &Record) -> Vec<u8> {
    let headers =
        record.headers.iter().map(|(name, value)| Header { name: name.clone(), value: value.clone() });
    let stored = Stored {
        tenant: record.tenant.to_string(),
        key: record.key.clone(),
        value: record.value.clone(),
        headers: headers.collect(),
    };
    stored.encode_to_vec()
}

fn decode(topic: Topic, bytes: &[u8]) -> Result<Record> {
    let stored = Stored::decode(bytes)?;
    let tenant = stored.tenant.parse().map_err(|error| Error::Fact(format!("{error}")))?;
    let headers = stored.headers.into_iter().map(|h| (h.name, h.value)).collect();
    Ok(Record { topic, tenant, key: stored.key, value: stored.value, headers })
}

/// A thread that syncs every 50 ms while the journal lives.
fn start_syncing(journal: &Arc<Journal>) {
    let weak = Arc::downgrade(journal);
    let work = move || {
        while let Some(journal) = weak.upgrade() {
            if let Err(error) = journal.sync_if_dirty() {
                tracing::error!(%error, "the journal cannot be written to the disk");
            }
            drop(journal);
            std::thread::sleep(SYNC_EVERY);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("journal-sync".into()).spawn(work) {
        tracing::error!(%error, "no thread to sync the journal");
    }
}

/// A cursor in the journal.
pub(crate) struct Reader {
    journal: Arc<Journal>,
    group: Option<String>,
    next: Vec<(Lane, u64)>,
    ready: VecDeque<Delivery>,
    bell: Arc<Notify>,
}

impl Reader {
    pub(crate) async fn next(&mut self) -> Result<Delivery> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(delivery);
            }
            if !self.fetch()? {
                self.bell.notified().await;
            }
        }
    }

    /// Fills `ready` from every lane that has something new.
    fn fetch(&mut self) -> Result<bool> {
        let ends: Vec<u64> = self.journal.ends.lock().expect("no panic while the lock is held").clone();
        for (lane, next) in self.next.iter_mut().filter(|(lane, next)| *next < ends[lane.0]) {
            let found = self.journal.read(*lane, *next, READ_MAX)?;
            if let Some(last) = found.last() {
                *next = last.position.offset + 1;
            }
            self.ready.extend(found);
        }
        Ok(!self.ready.is_empty())
    }

    pub(crate) fn commit(&mut self, position: &Position) -> Result<()> {
        let Some(group) = &self.group else { return Ok(()) };
        let lane = Lane::of(position.topic, position.partition);
        let next = (position.offset + 1).to_be_bytes();
        Ok(self.journal.cursors.insert(cursor_key(group, lane), next)?)
    }
}
