//! From the database to the topic `config.v1`.

use crate::{Error, Result, documents::store};
use chassis::Drain;
use eventlog::{Log, Record, Topic};
use tenantdb::{
    TenantDb,
    outbox::{self, Entry},
};
use types::TenantId;

/// Carries what transactions left in the outbox to the log.
pub async fn ship(db: TenantDb, log: Log, drain: Drain) {
    let deliver = move |batch| std::future::ready(append(&log, batch));
    outbox::ship(db, deliver, drain.begun_owned()).await;
}

fn append(log: &Log, batch: Vec<Entry>) -> eventlog::Result<()> {
    for entry in batch {
        let (Some(topic), Ok(tenant)) = (Topic::parse(&entry.topic), entry.tenant.parse::<TenantId>()) else {
            tracing::error!(entry.id, entry.topic, "an outbox entry of an unknown topic is dropped");
            continue;
        };
        let mut record = Record::new(topic, &tenant, entry.key, entry.value.into());
        record.headers = entry.headers.0;
        log.append(record)?;
    }
    Ok(())
}

/// Tells every document again when the log has none: it was lost or replaced,
/// the database was not.
pub async fn all_if_the_log_is_new(db: &TenantDb, log: &Log) -> Result<()> {
    match log.ends(&[Topic::Config]).await {
        Ok(ends) if ends.iter().all(|end| end.offset == 0) => all(db).await,
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "cannot tell whether the log knows the configuration");
            Ok(())
        }
    }
}

async fn all(db: &TenantDb) -> Result<()> {
    let mut tx = db.platform().await?;
    let tenants: Vec<String> =
        sqlx::query_scalar("select id from tenants order by id").fetch_all(&mut *tx).await?;
    tx.commit().await?;
    for tenant in &tenants {
        let tenant: TenantId = tenant.parse().map_err(Error::internal)?;
        let mut tx = db.begin(&tenant).await?;
        for document in store::current(&mut tx).await? {
            store::tell(&mut tx, &document).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
