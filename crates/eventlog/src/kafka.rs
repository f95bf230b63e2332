//! Kafka behind the journal: idempotent producer, manual commits.

use crate::{Delivery, Error, PARTITIONS, Position, Record, Result, Topic, journal::Journal};
use bytes::Bytes;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{CommitMode, Consumer as _, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, future_producer::DeliveryFuture},
};
use std::{sync::Arc, time::Duration};

const ASK_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(500);
/// Records of one lane that are shipped at once.
const SHIP_MAX: usize = 256;
const TENANT: &str = "tenant";

/// How to reach Kafka.
#[derive(Debug, Clone)]
pub struct Options {
    /// Such as `kafka-0:9092,kafka-1:9092`.
    pub brokers: String,
    /// Copies of each partition.
    pub replication: i32,
}

pub(crate) struct Kafka {
    options: Options,
    shipper: tokio::task::JoinHandle<()>,
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.shipper.abort();
    }
}

impl Kafka {
    pub(crate) fn start(options: Options, journal: Arc<Journal>) -> Result<Kafka> {
        let producer: FutureProducer = client(&options)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "5")
            // Never give a record up: the journal holds it until it is acknowledged.
            .set("message.timeout.ms", "0")
            .create()?;
        let admin: AdminClient<DefaultClientContext> = client(&options).create()?;
        let shipper = tokio::spawn(ship(journal, producer, admin, options.replication));
        Ok(Kafka { options, shipper })
    }

    /// With a group: resumes at its commits. Without: all from the beginning.
    pub(crate) fn consumer(&self, group: Option<&str>, topics: &[Topic]) -> Result<Reader> {
        let consumer: StreamConsumer = client(&self.options)
            .set("group.id", group.unwrap_or("reader-without-group"))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", "10000")
            .set("topic.metadata.refresh.interval.ms", "2000")
            .set("allow.auto.create.topics", "false")
            .create()?;
        match group {
            Some(_) => consumer.subscribe(&topics.iter().map(|t| t.name()).collect::<Vec<_>>())?,
            None => consumer.assign(&everything(topics, Offset::Beginning)?)?,
        }
        Ok(Reader { consumer, commits: group.is_some() })
    }

    pub(crate) async fn ends(&self, topics: &[Topic]) -> Result<Vec<Position>> {
        let consumer: StreamConsumer = client(&self.options).set("group.id", "reader-of-ends").create()?;
        let topics = topics.to_vec();
        let asked = tokio::task::spawn_blocking(move || {
            let lanes =
                topics.iter().flat_map(|topic| (0..PARTITIONS).map(move |partition| (*topic, partition)));
            let ask = |(topic, partition): (Topic, u16)| {
                let (_, end) = consumer.fetch_watermarks(topic.name(), i32::from(partition), ASK_TIMEOUT)?;
                Ok(Position { topic, partition, offset: end.max(0) as u64 })
            };
            lanes.map(ask).collect::<Result<Vec<_>>>()
        });
        let ends = asked.await.map_err(|_| Error::Closed)??;
        Ok(ends.into_iter().filter(|end| end.offset > 0).collect())
    }
}

fn client(options: &Options) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &options.brokers).set("client.id", "trunkline");
    config.set("reconnect.backoff.max.ms", "1000");
    config
}

fn everything(topics: &[Topic], offset: Offset) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        for partition in 0..PARTITIONS {
            list.add_partition_offset(topic.name(), i32::from(partition), offset)?;
        }
    }
    Ok(list)
}

/// Copies the journal to Kafka and trims what is acknowledged, in order.
async fn ship(
    journal: Arc<Journal>,
    producer: FutureProducer,
    admin: AdminClient<DefaultClientContext>,
    replication: i32,
) {
    create_topics(&admin, replication).await;
    let bell = journal.bell(&Topic::ALL);
    loop {
        match ship_some(&journal, &producer).await {
            Ok(0) => drop(tokio::time::timeout(RETRY, bell.notified()).await),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the journal waits for kafka");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn create_topics(admin: &AdminClient<DefaultClientContext>, replication: i32) {
    let topics = Topic::ALL.map(|topic| {
        let new = NewTopic::new(topic.name(), i32::from(PARTITIONS), TopicReplication::Fixed(replication));
        if topic.compacted() { new.set("cleanup.policy", "compact") } else { new }
    });
    let options = AdminOptions::new().request_timeout(Some(ASK_TIMEOUT));
    loop {
        match admin.create_topics(&topics, &options).await {
            Ok(results) if results.iter().all(created) => return,
            Ok(results) => tracing::warn!(?results, "topics could not be created"),
            Err(error) => tracing::warn!(%error, "kafka is away, facts wait in the journal"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn created(result: &Result<String, (String, RDKafkaErrorCode)>) -> bool {
    matches!(result, Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)))
}

/// Ships the oldest records; says how many were acknowledged.
async fn ship_some(journal: &Arc<Journal>, producer: &FutureProducer) -> Result<usize> {
    let oldest = journal.oldest(SHIP_MAX)?;
    let mut sent: Vec<(Position, DeliveryFuture)> = Vec::with_capacity(oldest.len());
    for delivery in &oldest {
        match send(producer, &delivery.record, delivery.position.partition) {
            Ok(acknowledged) => sent.push((delivery.position, acknowledged)),
            Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let mut shipped = 0;
    for (position, acknowledged) in sent {
        acknowledged.await.map_err(|_| Error::Closed)?.map_err(|(error, _)| error)?;
        journal.trim(&position)?;
        shipped += 1;
    }
    Ok(shipped)
}

fn send(producer: &FutureProducer, record: &Record, partition: u16) -> Result<DeliveryFuture, KafkaError> {
    let tenant = Header { key: TENANT, value: Some(record.tenant.as_str()) };
    let headers = record.headers.iter().fold(OwnedHeaders::new().insert(tenant), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    });
    let message = FutureRecord::<str, [u8]>::to(record.topic.name())
        .partition(i32::from(partition))
        .key(&record.key)
        .headers(headers);
    let message = if record.value.is_empty() { message } else { message.payload(&record.value[..]) };
    producer.send_result(message).map_err(|(error, _)| error)
}

pub(crate) struct Reader {
    consumer: StreamConsumer,
    commits: bool,
}

impl Reader {
    pub(crate) async fn next(&mut self) -> Result<Delivery> {
        loop {
            match self.consumer.recv().await {
                Ok(message) => match deliver(&message) {
                    Some(delivery) => return Ok(delivery),
                    None => tracing::warn!(topic = message.topic(), "a message without a tenant was skipped"),
                },
                // Brokers away, topics not there yet: the client goes on trying.
                Err(error) => {
                    tracing::warn!(%error, "kafka cannot be read");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    pub(crate) fn commit(&mut self, position: &Position) -> Result<()> {
        if !self.commits {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        let next = Offset::Offset(position.offset as i64 + 1);
        list.add_partition_offset(position.topic.name(), i32::from(position.partition), next)?;
        Ok(self.consumer.commit(&list, CommitMode::Async)?)
    }
}

fn deliver(message: &BorrowedMessage<'_>) -> Option<Delivery> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for header in message.headers()?.iter() {
        headers.push((header.key.to_owned(), String::from_utf8_lossy(header.value?).into_owned()));
    }
    let tenant = headers.iter().position(|(name, _)| name == TENANT)?;
    let tenant = headers.swap_remove(tenant).1.parse().ok()?;
    let topic = Topic::parse(message.topic())?;
    let key = String::from_utf8_lossy(message.key()?).into_owned();
    let value = Bytes::copy_from_slice(message.payload().unwrap_or_default());
    let position = Position { topic, partition: message.partition() as u16, offset: message.offset() as u64 };
    Some(Delivery { record: Record { topic, tenant, key, value, headers }, position })
}
