//! The tables `platform.webhooks`, `webhook_events` and `webhook_deliveries`.

use super::events::Event;
use crate::{Error, Result, error::told};
use proto::tenancy::v1 as wire;
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use tenantdb::{PlatformTx, TenantDb, TenantTx};
use types::{Millis, TenantId, Timestamp};

/// Deliveries that may wait for one receiver; what comes then is dropped and can be replayed.
pub const WAITING_MAX: i64 = 10_000;
/// Events kept for a replay: so long, and so many of one tenant.
pub const KEPT_FOR: Millis = 7 * 24 * 3_600 * 1_000;
pub const KEPT_MAX: i64 = 200_000;
/// Nothing is due.
pub const NEVER: i64 = i64::MAX;
/// The oldest waiting delivery of each key: later ones wait for it.
const FIRST_OF_ITS_KEY: &str = "d.webhook = $1 and d.state = 'waiting' and not exists (
    select 1 from webhook_deliveries b
    where b.webhook = d.webhook and b.key = d.key and b.state = 'waiting' and b.id < d.id)";

/// A receiver.
#[derive(Debug, Clone, FromRow)]
pub struct Row {
    pub id: String,
    pub tenant: String,
    pub name: String,
    pub url: String,
    pub kinds: Vec<String>,
    pub enabled: bool,
    pub disabled_because: String,
    pub sealed_secret: Vec<u8>,
    pub sealed_old_secret: Option<Vec<u8>>,
    pub old_secret_until_ms: i64,
    pub failing_since_ms: i64,
    pub created_at_ms: i64,
    pub added: i64,
}

macro_rules! columns {
    () => {
        "id, tenant, name, url, kinds, enabled, disabled_because, sealed_secret, sealed_old_secret,
         old_secret_until_ms, failing_since_ms, created_at_ms, added"
    };
}

pub fn to_wire(row: Row) -> wire::Webhook {
    wire::Webhook {
        id: row.id,
        name: row.name,
        url: row.url,
        kinds: row.kinds,
        enabled: row.enabled,
        disabled_because: row.disabled_because,
        failing_since_ms: row.failing_since_ms,
        created_at_ms: row.created_at_ms,
        old_secret_until_ms: row.old_secret_until_ms,
    }
}

pub async fn of_tenant(tx: &mut PlatformTx, tenant: &TenantId) -> Result<Vec<Row>> {
    Ok(sqlx::query_as(concat!("select ", columns!(), " from webhooks where tenant = $1 order by id"))
        .bind(tenant.as_str())
        .fetch_all(&mut **tx)
        .await?)
}

pub async fn get(tx: &mut PlatformTx, tenant: &TenantId, id: &str) -> Result<Row> {
    let found: Option<Row> = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from webhooks where tenant = $1 and id = $2 for update"
    ))
    .bind(tenant.as_str())
    .bind(id)
    .fetch_optional(&mut **tx)
    .await?;
    found.ok_or_else(|| Error::NotFound(told("not_found", format!("no webhook {id}"))))
}

pub async fn insert(tx: &mut PlatformTx, row: &Row) -> Result<()> {
    sqlx::query(
        "insert into webhooks (id, tenant, name, url, kinds, enabled, disabled_because, sealed_secret,
           created_at_ms, due_at_ms)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&row.id)
    .bind(&row.tenant)
    .bind(&row.name)
    .bind(&row.url)
    .bind(&row.kinds)
    .bind(row.enabled)
    .bind(&row.disabled_because)
    .bind(&row.sealed_secret)
    .bind(row.created_at_ms)
    .bind(NEVER)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a person may change; switched on, it begins anew.
pub async fn replace(tx: &mut PlatformTx, row: &Row, now: Timestamp) -> Result<()> {
    sqlx::query(
        "update webhooks set name = $2, url = $3, kinds = $4, disabled_because = $6,
           failing_since_ms = case when $5 and (not enabled or url <> $3) then 0 else failing_since_ms end,
           due_at_ms = case when $5 and (not enabled or url <> $3) then $7 else due_at_ms end,
           rest_until_ms = case when url <> $3 then 0 else rest_until_ms end,
           enabled = $5, added = added + 1
         where id = $1",
    )
    .bind(&row.id)
    .bind(&row.name)
    .bind(&row.url)
    .bind(&row.kinds)
    .bind(row.enabled)
    .bind(&row.disabled_because)
    .bind(now.millis())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn replace_secret(
    tx: &mut PlatformTx,
    id: &str,
    sealed: &[u8],
    old_until: Timestamp,
) -> Result<()> {
    sqlx::query(
        "update webhooks set sealed_old_secret = sealed_secret, sealed_secret = $2, old_secret_until_ms = $3
         where id = $1",
    )
    .bind(id)
    .bind(sealed)
    .bind(old_until.millis())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// With what was on its way to it and to nobody else.
pub async fn delete(tx: PlatformTx, tenant: &TenantId, id: &str) -> Result<TenantTx> {
    let mut tx = tx;
    sqlx::query("delete from webhooks where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id)
        .execute(&mut *tx)
        .await?;
    let mut tx = tx.into_tenant(tenant).await?;
    sqlx::query("delete from webhook_deliveries where webhook = $1").bind(id).execute(&mut *tx).await?;
    sqlx::query(
        "delete from webhook_events e
         where not exists (select 1 from webhook_deliveries d where d.event = e.cursor)",
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx)
}

/// Makes it due at once, rest or not.
pub async fn make_due(conn: &mut PgConnection, id: &str, now: Timestamp) -> Result<()> {
    sqlx::query("update webhooks set due_at_ms = $2, rest_until_ms = 0, added = added + 1 where id = $1")
        .bind(id)
        .bind(now.millis())
        .execute(conn)
        .await?;
    Ok(())
}

/// Whose kinds are asked for: the receivers that are on.
pub async fn asked_for(db: &TenantDb) -> Result<Vec<(String, Vec<String>)>> {
    let mut tx = db.platform().await?;
    Ok(sqlx::query_as("select tenant, kinds from webhooks where enabled").fetch_all(&mut *tx).await?)
}

/// Keeps an event and its deliveries, once. Returns whether anybody is told.
pub async fn tell(db: &TenantDb, tenant: &TenantId, event: &Event, now: Timestamp) -> Result<bool> {
    let mut tx = db.platform().await?;
    let receivers: Vec<String> = sqlx::query_scalar(
        "update webhooks set due_at_ms = least(due_at_ms, $3), added = added + 1
         where tenant = $1 and enabled and $2 = any(kinds) returning id",
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
    for receiver in &receivers {
        queue(&mut tx, receiver, cursor, &event.key, now).await?;
    }
    tx.commit().await?;
    Ok(true)
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

/// Takes the turns of receivers that have something due; nobody else gets them until `held_until`.
pub async fn claim(db: &TenantDb, most: i64, now: Timestamp, held_until: Timestamp) -> Result<Vec<Row>> {
    let mut tx = db.platform().await?;
    let rows = sqlx::query_as(concat!(
        "update webhooks set held_until_ms = $2 where id in (
           select id from webhooks
           where enabled and due_at_ms <= $1 and rest_until_ms <= $1 and held_until_ms <= $1
           order by due_at_ms limit $3 for update skip locked)
         returning ",
        columns!()
    ))
    .bind(now.millis())
    .bind(held_until.millis())
    .bind(most)
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows)
}

/// Gives a turn back.
#[derive(Debug, Clone, Copy)]
pub struct Back<'a> {
    pub of: &'a Row,
    /// The next delivery's time; what was added meanwhile counts as due.
    pub due_at_ms: i64,
    pub rest_until_ms: i64,
}

pub async fn give_back(db: &TenantDb, back: Back<'_>) -> Result<()> {
    let mut tx = db.platform().await?;
    sqlx::query(
        "update webhooks set held_until_ms = 0, rest_until_ms = $4,
           due_at_ms = case when added = $2 then $3 else 0 end
         where id = $1",
    )
    .bind(&back.of.id)
    .bind(back.of.added)
    .bind(back.due_at_ms)
    .bind(back.rest_until_ms)
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Switches a receiver off; false: somebody has done so already.
pub async fn switch_off(tx: &mut PlatformTx, id: &str, because: &str) -> Result<bool> {
    let done =
        sqlx::query("update webhooks set enabled = false, disabled_because = $2 where id = $1 and enabled")
            .bind(id)
            .bind(because)
            .execute(&mut **tx)
            .await?;
    Ok(done.rows_affected() == 1)
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

/// Notes attempts at a receiver that has been failing since then (0: it takes what it gets).
pub async fn tried(db: &TenantDb, of: (&TenantId, &str), all: &[Tried], failing_since_ms: i64) -> Result<()> {
    let (tenant, webhook) = of;
    let mut tx = db.platform().await?;
    sqlx::query("update webhooks set failing_since_ms = $2 where id = $1")
        .bind(webhook)
        .bind(failing_since_ms)
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
pub async fn deliveries(
    tx: &mut TenantTx,
    request: &wire::DeliveriesRequest,
    most: i64,
) -> Result<Vec<wire::delivery_list::Delivery>> {
    let rows: Vec<DeliveryRow> = sqlx::query_as(
        "select d.id, e.id as event, e.kind, e.at_ms, e.cursor, d.state, d.attempts, d.next_at_ms,
           d.tried_at_ms, d.took_ms, d.status, d.problem
         from webhook_deliveries d join webhook_events e on e.cursor = d.event
         where d.webhook = $1 and ($2 = '' or d.state = $2) and ($3 = 0 or d.id < $3)
         order by d.id desc limit $4",
    )
    .bind(&request.webhook)
    .bind(&request.state)
    .bind(request.before)
    .bind(most)
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
pub async fn replay(
    tx: &mut TenantTx,
    of: &Row,
    after: i64,
    from_ms: i64,
    now: Timestamp,
) -> Result<(u32, i64)> {
    let room = WAITING_MAX - waiting(tx, &of.id).await?;
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
    .bind(room.max(0))
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

/// The tenants that have receivers.
pub async fn tenants(db: &TenantDb) -> Result<Vec<String>> {
    let mut tx = db.platform().await?;
    Ok(sqlx::query_scalar("select distinct tenant from webhooks").fetch_all(&mut *tx).await?)
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
