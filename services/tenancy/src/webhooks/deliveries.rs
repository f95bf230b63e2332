//! The tenants' tables `webhook_events` and `webhook_deliveries`.

use super::{
    events::Event,
    store::{NEVER, Row},
};
use crate::{Error, Result, error::told};
use proto::tenancy::v1 as wire;
use serde_json::Value;
use sqlx::FromRow;
use tenantdb::{TenantDb, TenantTx};
use types::{Millis, TenantId, Timestamp};

/// Deliveries that may wait for one receiver; what comes then is dropped and can be replayed.
pub const WAITING_MAX: i64 = 10_000;
/// Events kept for a replay: so long, and so many of one tenant.
pub const KEPT_FOR: Millis = 7 * 24 * 3_600 * 1_000;
pub const KEPT_MAX: i64 = 200_000;
/// The oldest waiting delivery of each key: later ones wait for it.
const FIRST_OF_ITS_KEY: &str = "d.webhook = $1 and d.state = 'waiting' and not exists (
    select 1 from webhook_deliveries b
    where b.webhook = d.webhook and b.key = d.key and b.state = 'waiting' and b.id < d.id)";

/// Keeps an event and its deliveries, once; for receivers that are off, the
/// event alone. Returns whether anybody is told.
pub async fn tell(db: &TenantDb, tenant: &TenantId, event: &Event, now: Timestamp) -> Result<bool> {
    let mut tx = db.platform().await?;
    let receivers: Vec<(String, bool)> = sqlx::query_as(
        "update webhooks set due_at_ms = least(due_at_ms, $3), added = added + 1
         where tenant = $1 and $2 = any(kinds) returning id, enabled",
    )
    .bind(tenant.as_str())
    .bind(event.kind)
    .bind(now.millis())
    .fetch_all(&mut *tx)
    .await?;
    if receivers.is_empty() {
        return Ok(false);
    }
    let mut tx = tx.into_tenant(tenant).await?;
    let Some(cursor) = keep(&mut tx, event).await? else { return Ok(false) };
    let on: Vec<&String> = receivers.iter().filter(|(_, enabled)| *enabled).map(|(id, _)| id).collect();
    for receiver in &on {
        queue(&mut tx, receiver, cursor, &event.key, now).await?;
    }
    tx.commit().await?;
    Ok(!on.is_empty())
}

/// `None`: it was kept already.
pub async fn keep(tx: &mut TenantTx, event: &Event) -> Result<Option<i64>> {
    Ok(sqlx::query_scalar(
        "insert into webhook_events (id, kind, key, at_ms, data) values ($1, $2, $3, $4, $5)
         on conflict (id) do nothing returning cursor",
    )
    .bind(&event.id)
    .bind(event.kind)
    .bind(&event.key)
    .bind(event.at.millis())
    .bind(&event.data)
    .fetch_optional(&mut **tx)
    .await?)
}

pub async fn queue(tx: &mut TenantTx, webhook: &str, cursor: i64, key: &str, now: Timestamp) -> Result<()> {
    let waiting = waiting(tx, webhook).await?;
    sqlx::query(
        "insert into webhook_deliveries (webhook, event, key, state, next_at_ms) values ($1, $2, $3, $4, $5)",
    )
    .bind(webhook)
    .bind(cursor)
    .bind(key)
    .bind(if waiting < WAITING_MAX { "waiting" } else { "dropped" })
    .bind(now.millis())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn waiting(tx: &mut TenantTx, webhook: &str) -> Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from webhook_deliveries where webhook = $1 and state = 'waiting'")
        .bind(webhook)
        .fetch_one(&mut **tx)
        .await?)
}

/// A delivery to be made.
#[derive(Debug, Clone, FromRow)]
pub struct Due {
    pub id: i64,
    pub event: String,
    pub kind: String,
    pub at_ms: i64,
    pub cursor: i64,
    pub attempts: i32,
    pub data: Value,
}

/// At most one of each key, oldest first.
pub async fn due(db: &TenantDb, of: (&TenantId, &str), now: Timestamp, most: i64) -> Result<Vec<Due>> {
    let (tenant, webhook) = of;
    let mut tx = db.begin(tenant).await?;
    let sql = format!(
        "select d.id, e.id as event, e.kind, e.at_ms, e.cursor, d.attempts, e.data
         from webhook_deliveries d join webhook_events e on e.cursor = d.event
         where {FIRST_OF_ITS_KEY} and d.next_at_ms <= $2 order by d.id limit $3"
    );
    let due = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(webhook)
        .bind(now.millis())
        .bind(most)
        .fetch_all(&mut *tx)
        .await?;
    Ok(due)
}

/// When the next delivery is due; [`NEVER`]: none waits.
pub async fn next_due(db: &TenantDb, tenant: &TenantId, webhook: &str) -> Result<i64> {
    let mut tx = db.begin(tenant).await?;
    let sql = format!("select min(d.next_at_ms) from webhook_deliveries d where {FIRST_OF_ITS_KEY}");
    let next: Option<i64> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(webhook).fetch_one(&mut *tx).await?;
    Ok(next.unwrap_or(NEVER))
}

/// What came of an attempt.
#[derive(Debug, Clone)]
pub struct Tried {
    pub delivery: i64,
    pub state: &'static str,
    pub next_at_ms: i64,
    pub at_ms: i64,
    pub took_ms: i64,
    /// 0: no answer.
    pub status: u16,
    /// Empty: it was taken.
    pub problem: &'static str,
}

/// Notes attempts at a receiver, as it was read before them, that has been
/// failing since then (0: it takes what it gets). Who changed it meanwhile
/// began anew.
pub async fn tried(
    db: &TenantDb,
    (tenant, of): (&TenantId, &Row),
    all: &[Tried],
    failing_since_ms: i64,
) -> Result<()> {
    let mut tx = db.platform().await?;
    sqlx::query(
        "update webhooks set failing_since_ms = $2 where id = $1 and url = $3 and failing_since_ms = $4",
    )
    .bind(&of.id)
    .bind(failing_since_ms)
    .bind(&of.url)
    .bind(of.failing_since_ms)
    .execute(&mut *tx)
    .await?;
    let mut tx = tx.into_tenant(tenant).await?;
    for tried in all {
        sqlx::query(
            "update webhook_deliveries set state = $2, attempts = attempts + 1, next_at_ms = $3,
               tried_at_ms = $4, took_ms = $5, status = $6, problem = $7
             where id = $1",
        )
        .bind(tried.delivery)
        .bind(tried.state)
        .bind(tried.next_at_ms)
        .bind(tried.at_ms)
        .bind(tried.took_ms)
        .bind(i32::from(tried.status))
        .bind(tried.problem)
        .execute(&mut *tx)
        .await?;
    }
    Ok(tx.commit().await?)
}

#[derive(FromRow)]
struct DeliveryRow {
    id: i64,
    event: String,
    kind: String,
    at_ms: i64,
    cursor: i64,
    state: String,
    attempts: i32,
    next_at_ms: i64,
    tried_at_ms: i64,
    took_ms: i64,
    status: i32,
    problem: String,
}

/// Newest first; one more than asked says that there are more.
pub async fn page(
    tx: &mut TenantTx,
    request: &wire::DeliveriesRequest,
    most: i64,
) -> Result<Vec<wire::delivery_list::Delivery>> {
    macro_rules! page {
        ($state:literal) => {
            concat!(
                "select d.id, e.id as event, e.kind, e.at_ms, e.cursor, d.state, d.attempts, d.next_at_ms,
                   d.tried_at_ms, d.took_ms, d.status, d.problem
                 from webhook_deliveries d join webhook_events e on e.cursor = d.event
                 where d.webhook = $1 and d.id < $2 and ",
                $state,
                " order by d.id desc limit $3"
            )
        };
    }
    // Each has an index that its order comes from.
    let query = if request.state.is_empty() { page!("$4 = ''") } else { page!("d.state = $4") };
    let rows: Vec<DeliveryRow> = sqlx::query_as(query)
        .bind(&request.webhook)
        .bind(if request.before == 0 { i64::MAX } else { request.before })
        .bind(most)
        .bind(&request.state)
        .fetch_all(&mut **tx)
        .await?;
    let one = |row: DeliveryRow| wire::delivery_list::Delivery {
        id: row.id,
        event: row.event,
        kind: row.kind,
        at_ms: row.at_ms,
        cursor: row.cursor,
        next_at_ms: if row.state == "waiting" { row.next_at_ms } else { 0 },
        state: row.state,
        attempts: row.attempts.max(0) as u32,
        tried_at_ms: row.tried_at_ms,
        took_ms: row.took_ms,
        status: row.status.max(0) as u32,
        problem: row.problem,
    };
    Ok(rows.into_iter().map(one).collect())
}

/// False: there is no such delivery.
pub async fn resend(tx: &mut TenantTx, webhook: &str, delivery: i64, now: Timestamp) -> Result<bool> {
    let done = sqlx::query(
        "update webhook_deliveries set state = 'waiting', attempts = 0, next_at_ms = $3
         where webhook = $1 and id = $2",
    )
    .bind(webhook)
    .bind(delivery)
    .bind(now.millis())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Queues again what the receiver asks for of these events, as much as may
/// wait. Returns how many, and the last one's cursor if there are more.
///
/// # Errors
/// Where so many wait that none fits.
pub async fn replay(
    tx: &mut TenantTx,
    of: &Row,
    after: i64,
    from_ms: i64,
    now: Timestamp,
) -> Result<(u32, i64)> {
    let room = WAITING_MAX - waiting(tx, &of.id).await?;
    if room <= 0 {
        let full =
            told("too_many_waiting", format!("{WAITING_MAX} deliveries wait already; try again later"));
        return Err(Error::Exhausted(full.with("max", WAITING_MAX)));
    }
    let queued: Vec<i64> = sqlx::query_scalar(
        "insert into webhook_deliveries (webhook, event, key, state, next_at_ms)
         select $1, cursor, key, 'waiting', $5 from webhook_events
         where kind = any($2) and cursor > $3 and at_ms >= $4 order by cursor limit $6
         returning event",
    )
    .bind(&of.id)
    .bind(&of.kinds)
    .bind(after)
    .bind(from_ms)
    .bind(now.millis())
    .bind(room)
    .fetch_all(&mut **tx)
    .await?;
    let last = queued.iter().max().copied().unwrap_or(after);
    let more: bool = sqlx::query_scalar(
        "select exists (select 1 from webhook_events where kind = any($1) and cursor > $2 and at_ms >= $3)",
    )
    .bind(&of.kinds)
    .bind(last)
    .bind(from_ms)
    .fetch_one(&mut **tx)
    .await?;
    Ok((queued.len() as u32, if more { last } else { 0 }))
}

/// Lets go of events that a replay no longer reaches.
pub async fn forget(db: &TenantDb, tenant: &TenantId, now: Timestamp) -> Result<u64> {
    let mut tx = db.begin(tenant).await?;
    let gone = sqlx::query(
        "delete from webhook_events
         where at_ms < $1 or cursor <= (select max(cursor) from webhook_events) - $2",
    )
    .bind(now.millis() - KEPT_FOR)
    .bind(KEPT_MAX)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(gone.rows_affected())
}
