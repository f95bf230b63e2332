//! The configuration of all tenants in memory, following `config.v1`.

use crate::{Log, Result, Topic, codec};
use serde::de::DeserializeOwned;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, RwLock},
};
use tokio::sync::watch;
use types::{TenantId, config::Kind, fact::ConfigFact};

/// One document at its latest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doc {
    pub id: String,
    pub version: u32,
    /// JSON.
    pub body: String,
}

impl Doc {
    /// The body as its type; `None` and a warning if it does not fit.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.body)
            .inspect_err(|error| tracing::warn!(id = self.id, %error, "a document does not fit its kind"))
            .ok()
    }
}

type Shelf = BTreeMap<String, Arc<Doc>>;

/// A snapshot that is at most some milliseconds old.
pub struct ConfigView {
    shelves: RwLock<HashMap<(TenantId, Kind), Shelf>>,
    changed: watch::Sender<u64>,
    ready: watch::Sender<bool>,
}

impl ConfigView {
    /// Reads the topic from its beginning in a task of its own and goes on
    /// for as long as the view is held.
    pub fn follow(log: &Log) -> Result<Arc<ConfigView>> {
        let view = Arc::new(ConfigView {
            shelves: RwLock::default(),
            changed: watch::channel(0).0,
            ready: watch::channel(false).0,
        });
        let (log, weak) = (log.clone(), Arc::downgrade(&view));
        let mut consumer = log.from_start(&[Topic::Config])?;
        tokio::spawn(async move {
            let Some(ends) = ends(&log, &weak).await else { return };
            let fold = |delivery: &crate::Delivery| {
                if let Some(view) = weak.upgrade() {
                    view.fold(delivery);
                }
            };
            if let Err(error) = consumer.read_to(&ends, fold).await {
                tracing::error!(%error, "the configuration cannot be read");
                return;
            }
            if let Some(view) = weak.upgrade() {
                view.ready.send_replace(true);
            }
            while let Ok(delivery) = consumer.next().await {
                match weak.upgrade() {
                    Some(view) => view.fold(&delivery),
                    None => return,
                }
            }
        });
        Ok(view)
    }

    /// Waits until everything that was told before `follow` is in the view.
    pub async fn ready(&self) {
        let mut ready = self.ready.subscribe();
        let _ = ready.wait_for(|ready| *ready).await;
    }

    /// Counts changes: to rebuild an index when it moves.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub fn doc(&self, tenant: &TenantId, kind: Kind, id: &str) -> Option<Arc<Doc>> {
        self.shelves
            .read()
            .expect("no panic while the lock is held")
            .get(&(tenant.clone(), kind))?
            .get(id)
            .cloned()
    }

    pub fn get<T: DeserializeOwned>(&self, tenant: &TenantId, kind: Kind, id: &str) -> Option<T> {
        self.doc(tenant, kind, id)?.read()
    }

    /// All documents of a kind, by id.
    pub fn docs(&self, tenant: &TenantId, kind: Kind) -> Vec<Arc<Doc>> {
        let shelves = self.shelves.read().expect("no panic while the lock is held");
        shelves
            .get(&(tenant.clone(), kind))
            .map(|shelf| shelf.values().cloned().collect())
            .unwrap_or_default()
    }

    /// The tenants that have a document of this kind.
    pub fn tenants(&self, kind: Kind) -> Vec<TenantId> {
        let shelves = self.shelves.read().expect("no panic while the lock is held");
        shelves
            .iter()
            .filter(|((_, k), shelf)| *k == kind && !shelf.is_empty())
            .map(|((t, _), _)| t.clone())
            .collect()
    }

    fn fold(&self, delivery: &crate::Delivery) {
        let fact = match codec::decode::<ConfigFact>(&delivery.record.value) {
            Ok(fact) => fact,
            Err(error) => return tracing::warn!(%error, "a configuration fact cannot be read"),
        };
        let mut shelves = self.shelves.write().expect("no panic while the lock is held");
        let shelf = shelves.entry((delivery.record.tenant.clone(), fact.kind)).or_default();
        match fact.body {
            Some(body) => drop(
                shelf.insert(fact.id.clone(), Arc::new(Doc { id: fact.id, version: fact.version, body })),
            ),
            None => drop(shelf.remove(&fact.id)),
        }
        drop(shelves);
        self.changed.send_modify(|count| *count += 1);
    }
}

/// Where the topic ends now; asks again while Kafka is away.
async fn ends(log: &Log, view: &std::sync::Weak<ConfigView>) -> Option<Vec<crate::Position>> {
    const AGAIN: std::time::Duration = std::time::Duration::from_secs(1);
    while view.strong_count() > 0 {
        match log.ends(&[Topic::Config]).await {
            Ok(ends) => return Some(ends),
            Err(error) => tracing::warn!(%error, "the log cannot be asked where it ends"),
        }
        tokio::time::sleep(AGAIN).await;
    }
    None
}
