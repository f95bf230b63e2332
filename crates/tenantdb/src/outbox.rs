//! Facts born together with rows: written to `platform.outbox` in the
//! transaction of the rows, carried to the log afterwards by one leader per
//! database, so that the order within a key is the order of commits.

use crate::{Result, TenantDb, tx::lone_connection};
use sqlx::{PgConnection, postgres::PgListener, types::Json};
use std::{fmt::Display, future::Future, time::Duration};
use tokio::time::{sleep, timeout};
use types::TenantId;

/// Entries handed over at a time.
pub const BATCH_MAX: i64 = 500;
const CHANNEL: &str = "trunkline_outbox";
/// Looks again without having been notified, and retries after a failure.
const POLL: Duration = Duration::from_millis(500);

/// What to tell.
#[derive(Debug, Clone, Copy)]
pub struct Fact<'a> {
    /// The topic's name, such as `config.v1`.
    pub topic: &'a str,
    pub key: &'a str,
    pub value: &'a [u8],
    pub headers: &'a [(String, String)],
}

/// A fact on its way from the outbox to the log. At least once: a consumer
/// may see it again.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Entry {
    pub id: i64,
    pub tenant: String,
    pub topic: String,
    pub key: String,
    pub value: Vec<u8>,
    pub headers: Json<Vec<(String, String)>>,
}

pub(crate) async fn insert(conn: &mut PgConnection, tenant: &TenantId, fact: Fact<'_>) -> Result<()> {
    sqlx::query(
        "with told as (
           insert into platform.outbox (tenant, topic, key, value, headers)
           values ($1, $2, $3, $4, $5))
         select pg_notify($6, '')",
    )
    .bind(tenant.as_str())
    .bind(fact.topic)
    .bind(fact.key)
    .bind(fact.value)
    .bind(Json(fact.headers))
    .bind(CHANNEL)
    .execute(conn)
    .await?;
    Ok(())
}

/// Carries entries to `deliver`, oldest first, until `stop` resolves; deletes a
/// batch after it was delivered. Any number may run on one database: one leads,
/// the others wait to take over. Never ends by itself: what fails is retried.
pub async fn ship<D, F, E>(db: TenantDb, mut deliver: D, stop: impl Future<Output = ()>)
where
    D: FnMut(Vec<Entry>) -> F,
    F: Future<Output = std::result::Result<(), E>>,
    E: Display,
{
    let ship = async {
        loop {
            if let Err(error) = lead(&db, &mut deliver).await {
                tracing::warn!(%error, "outbox interrupted");
            }
            sleep(POLL).await;
        }
    };
    tokio::select! {
        () = ship => {}
        () = stop => {}
    }
}

/// Becomes the leader and ships until the database fails.
async fn lead<D, F, E>(db: &TenantDb, deliver: &mut D) -> Result<()>
where
    D: FnMut(Vec<Entry>) -> F,
    F: Future<Output = std::result::Result<(), E>>,
    E: Display,
{
    // The lock lives as long as this connection.
    let mut conn = lone_connection(&db.pool).await?;
    let locked: bool =
        sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('trunkline outbox', 0))")
            .fetch_one(&mut conn)
            .await?;
    if !locked {
        return Ok(());
    }
    let mut listener = PgListener::connect_with(&db.pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        match drain(&mut conn, deliver).await? {
            Some(error) => {
                tracing::warn!(error, "outbox could not deliver");
                sleep(POLL).await;
            }
            None => {
                if let Ok(notified) = timeout(POLL, listener.recv()).await {
                    notified?;
                }
            }
        }
    }
}

/// Ships until nothing is left, or returns why a delivery failed.
async fn drain<D, F, E>(conn: &mut PgConnection, deliver: &mut D) -> Result<Option<String>>
where
    D: FnMut(Vec<Entry>) -> F,
    F: Future<Output = std::result::Result<(), E>>,
    E: Display,
{
    loop {
        let batch = oldest(conn).await?;
        if batch.is_empty() {
            return Ok(None);
        }
        let ids: Vec<i64> = batch.iter().map(|e| e.id).collect();
        if let Err(error) = deliver(batch).await {
            return Ok(Some(error.to_string()));
        }
        sqlx::query("delete from platform.outbox where id = any($1)").bind(ids).execute(&mut *conn).await?;
    }
}

async fn oldest(conn: &mut PgConnection) -> Result<Vec<Entry>> {
    Ok(sqlx::query_as(
        "select id, tenant, topic, key, value, headers from platform.outbox order by id limit $1",
    )
    .bind(BATCH_MAX)
    .fetch_all(conn)
    .await?)
}
