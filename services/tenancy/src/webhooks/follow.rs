//! The log → events and deliveries, for tenants that have receivers.

use super::{deliveries, events, store};
use crate::{Error, Result};
use chassis::{Drain, clock};
use eventlog::{Consumer, Delivery};
use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::Duration,
};
use tenantdb::TenantDb;
use tokio::sync::Notify;
use types::TenantId;

/// While PostgreSQL is away the fact is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// How soon another process' new receiver is heard of.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// Which kinds which tenants ask for, so that facts of others cost nothing.
#[derive(Clone, Default)]
pub struct Asked(Arc<RwLock<HashMap<String, Vec<String>>>>);

impl Asked {
    fn any(&self, tenant: &TenantId) -> bool {
        self.0.read().expect("no panic while the lock is held").contains_key(tenant.as_str())
    }

    fn has(&self, tenant: &TenantId, kind: &str) -> bool {
        let asked = self.0.read().expect("no panic while the lock is held");
        asked.get(tenant.as_str()).is_some_and(|kinds| kinds.iter().any(|one| one == kind))
    }

    /// Whoever changes a receiver calls this after the commit.
    pub async fn look(&self, db: &TenantDb) -> Result<()> {
        let mut asked: HashMap<String, Vec<String>> = HashMap::new();
        for (tenant, kinds) in store::asked_for(db).await? {
            asked.entry(tenant).or_default().extend(kinds);
        }
        *self.0.write().expect("no panic while the lock is held") = asked;
        Ok(())
    }

    pub async fn keep_looking(self, db: TenantDb, drain: Drain) {
        while drain.or(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            if let Err(error) = self.look(&db).await {
                tracing::warn!(%error, "which events are asked for is not known anew");
            }
        }
    }
}

pub async fn fold(mut consumer: Consumer, db: TenantDb, asked: Asked, wake: Arc<Notify>, drain: Drain) {
    while let Some(next) = drain.or(consumer.next()).await {
        let delivery = match next {
            Ok(delivery) => delivery,
            Err(error) => return tracing::error!(%error, "the log cannot be read"),
        };
        loop {
            match take(&db, &asked, &delivery).await {
                Ok(true) => break wake.notify_one(),
                Ok(false) => break,
                Err(error) if error.is_passing() => {
                    tracing::warn!(%error, "webhooks wait for the database");
                }
                Err(error) => break tracing::error!(%error, at = ?delivery.position, "a fact is told nobody"),
            }
            if drain.or(tokio::time::sleep(AGAIN)).await.is_none() {
                return;
            }
        }
        if let Err(error) = consumer.commit(&delivery.position) {
            tracing::error!(%error, "a position could not be committed");
        }
    }
}

async fn take(db: &TenantDb, asked: &Asked, delivery: &Delivery) -> Result<bool> {
    let tenant = &delivery.record.tenant;
    if !asked.any(tenant) {
        return Ok(false);
    }
    match events::read(delivery).map_err(Error::internal)? {
        Some(event) if asked.has(tenant, event.kind) => {
            deliveries::tell(db, tenant, &event, clock::now()).await
        }
        _ => Ok(false),
    }
}

/// Keeps what is kept within its bounds.
pub async fn forget(db: TenantDb, drain: Drain) {
    loop {
        match forget_all(&db).await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(gone, "events can be replayed no more"),
            Err(error) => tracing::warn!(%error, "old events are kept for now"),
        }
        if drain.or(tokio::time::sleep(FORGET_EVERY)).await.is_none() {
            return;
        }
    }
}

async fn forget_all(db: &TenantDb) -> Result<u64> {
    let mut gone = 0;
    for tenant in store::tenants(db).await? {
        let tenant: TenantId = tenant.parse().map_err(Error::internal)?;
        gone += deliveries::forget(db, &tenant, clock::now()).await?;
    }
    Ok(gone)
}
