//! Where a log lives, so that it can be opened again.

use eventlog::{Consumer, Delivery, KafkaOptions, Log, Record, Topic};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use types::{TenantId, Timestamp};

pub const SOON: Duration = Duration::from_secs(60);

pub struct Site {
    folder: tempfile::TempDir,
    brokers: Option<String>,
    /// Groups and tenants of a story are its own: a broker outlives it.
    pub name: String,
}

impl Site {
    pub fn journal() -> Site {
        Site::new(None)
    }

    /// `None`, said aloud, where there is no broker; never in CI.
    pub fn kafka() -> Option<Site> {
        let brokers = std::env::var("KAFKA_BROKERS").ok();
        if brokers.is_none() {
            assert!(std::env::var_os("CI").is_none(), "in CI there must be a Kafka: scripts/kafka");
            eprintln!("SKIPPED: KAFKA_BROKERS is not set; `scripts/kafka start` starts a broker");
        }
        brokers.map(|brokers| Site::new(Some(brokers)))
    }

    fn new(brokers: Option<String>) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        let name = folder.path().file_name().expect("a name").to_string_lossy().into_owned();
        Site { folder, brokers, name }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    pub fn brokers(&self) -> Option<&str> {
        self.brokers.as_deref()
    }

    /// Opens the log; at once again after it was dropped.
    pub fn open(&self) -> Log {
        open(&self.path(), self.brokers.clone())
    }

    pub fn tenant(&self, n: u128) -> TenantId {
        let salt = self.name.bytes().fold(0u128, |salt, byte| salt.wrapping_mul(257) + u128::from(byte));
        TenantId::new(Timestamp::from_millis(n as i64), salt.wrapping_add(n))
    }

    pub fn record(&self, tenant: u128, key: &str, value: &str) -> Record {
        record(&self.tenant(tenant), key, value)
    }

    /// The next delivery of this story: a broker has others' too.
    pub async fn next(&self, consumer: &mut Consumer) -> Delivery {
        loop {
            let next = tokio::time::timeout(SOON, consumer.next()).await;
            let delivery = next.expect("a record in time").expect("the log can be read");
            if (0..8).any(|n| self.tenant(n) == delivery.record.tenant) {
                return delivery;
            }
        }
    }
}

/// Opens the log. The shipper's task lets go of the journal a moment after the
/// log before was dropped, so that a locked one is tried again.
pub fn open(path: &Path, brokers: Option<String>) -> Log {
    let open = || match brokers.clone() {
        None => Log::open(path),
        Some(brokers) => Log::open_with_kafka(path, KafkaOptions { brokers, replication: 1 }),
    };
    for _ in 0..200 {
        if let Ok(log) = open() {
            return log;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    open().expect("the log opens")
}

pub fn record(tenant: &TenantId, key: &str, value: &str) -> Record {
    Record::new(Topic::Call, tenant, key, value.to_owned().into())
}

pub fn value(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.record.value).into_owned()
}
