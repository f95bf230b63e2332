//! The table `platform.webhooks`: receivers, and whose turn it is.

use crate::{Error, Result, error::told};
use proto::tenancy::v1 as wire;
use sqlx::{FromRow, PgConnection};
use tenantdb::{PlatformTx, TenantDb, TenantTx};
use types::{TenantId, Timestamp};

/// Receivers of one tenant that may have their turn at a time.
pub const HELD_OF_TENANT_MAX: i64 = 8;
/// Nothing is due.
pub const NEVER: i64 = i64::MAX;

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

/// To be read: whoever tells it something meanwhile does not wait.
pub async fn get(tx: &mut PlatformTx, tenant: &TenantId, id: &str) -> Result<Row> {
    let found =
        sqlx::query_as(concat!("select ", columns!(), " from webhooks where tenant = $1 and id = $2"))
            .bind(tenant.as_str())
            .bind(id)
            .fetch_optional(&mut **tx)
            .await?;
    found.ok_or_else(|| Error::NotFound(told("not_found", format!("no webhook {id}"))))
}

/// To be changed, or given something, in the same transaction.
pub async fn get_to_change(tx: &mut PlatformTx, tenant: &TenantId, id: &str) -> Result<Row> {
    sqlx::query("select from webhooks where tenant = $1 and id = $2 for update")
        .bind(tenant.as_str())
        .bind(id)
        .execute(&mut **tx)
        .await?;
    get(tx, tenant, id).await
}

/// As it is now; `None`: it is no more.
pub async fn current(db: &TenantDb, id: &str) -> Result<Option<Row>> {
    let mut tx = db.platform().await?;
    Ok(sqlx::query_as(concat!("select ", columns!(), " from webhooks where id = $1"))
        .bind(id)
        .fetch_optional(&mut *tx)
        .await?)
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

/// With what was kept for it and for nobody else.
pub async fn delete(tx: PlatformTx, tenant: &TenantId, id: &str) -> Result<TenantTx> {
    let mut tx = tx;
    sqlx::query("delete from webhooks where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id)
        .execute(&mut *tx)
        .await?;
    let asked_for: Vec<String> =
        sqlx::query_scalar("select distinct unnest(kinds) from webhooks where tenant = $1")
            .bind(tenant.as_str())
            .fetch_all(&mut *tx)
            .await?;
    let mut tx = tx.into_tenant(tenant).await?;
    sqlx::query("delete from webhook_deliveries where webhook = $1").bind(id).execute(&mut *tx).await?;
    sqlx::query(
        "delete from webhook_events e
         where kind <> all($1) and not exists (select 1 from webhook_deliveries d where d.event = e.cursor)",
    )
    .bind(asked_for)
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

/// Whose kinds are asked for, by receivers that are off as well: they may want a replay.
pub async fn asked_for(db: &TenantDb) -> Result<Vec<(String, Vec<String>)>> {
    let mut tx = db.platform().await?;
    Ok(sqlx::query_as("select tenant, kinds from webhooks").fetch_all(&mut *tx).await?)
}

/// The tenants that have receivers.
pub async fn tenants(db: &TenantDb) -> Result<Vec<String>> {
    let mut tx = db.platform().await?;
    Ok(sqlx::query_scalar("select distinct tenant from webhooks").fetch_all(&mut *tx).await?)
}

/// Takes the turns of receivers that have something due, who waits longest
/// first; nobody else gets them until `held_until`. So many of one tenant are
/// held at most that others have places too.
pub async fn claim(db: &TenantDb, most: i64, now: Timestamp, held_until: Timestamp) -> Result<Vec<Row>> {
    let mut tx = db.platform().await?;
    let rows = sqlx::query_as(concat!(
        "with due as (
           select id, row_number() over (partition by tenant order by due_at_ms, id) as nth from webhooks
           where enabled and due_at_ms <= $1 and rest_until_ms <= $1 and held_until_ms <= $1)
         update webhooks set held_until_ms = $2 where id in (
           select w.id from webhooks w join due on due.id = w.id
           where w.enabled and w.held_until_ms <= $1 and due.nth + (
             select count(*) from webhooks h where h.tenant = w.tenant and h.held_until_ms > $1) <= $4
           order by w.due_at_ms limit $3 for update of w skip locked)
         returning ",
        columns!()
    ))
    .bind(now.millis())
    .bind(held_until.millis())
    .bind(most)
    .bind(HELD_OF_TENANT_MAX)
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows)
}

/// Gives a turn back.
#[derive(Debug, Clone, Copy)]
pub struct Back<'a> {
    /// As it was claimed.
    pub of: &'a Row,
    /// The next delivery's time; what was added meanwhile counts as due.
    pub due_at_ms: i64,
    pub rest: Option<Rest<'a>>,
}

/// A receiver that took nothing is left alone for a while, at this address.
#[derive(Debug, Clone, Copy)]
pub struct Rest<'a> {
    pub url: &'a str,
    pub until_ms: i64,
}

/// Whatever is due, the others have their turn before it comes again.
pub async fn give_back(db: &TenantDb, back: Back<'_>, now: Timestamp) -> Result<()> {
    let mut tx = db.platform().await?;
    sqlx::query(
        "update webhooks set held_until_ms = 0,
           rest_until_ms = case when url = $4 then $5 else rest_until_ms end,
           due_at_ms = case when added = $2 then greatest($3, $6) else $6 end
         where id = $1",
    )
    .bind(&back.of.id)
    .bind(back.of.added)
    .bind(back.due_at_ms)
    .bind(back.rest.map(|rest| rest.url))
    .bind(back.rest.map(|rest| rest.until_ms))
    .bind(now.millis())
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Switches a receiver off that has been failing since then; false: somebody
/// has done so already, or it is another address or a new beginning by now.
pub async fn switch_off(tx: &mut PlatformTx, of: &Row, failing_since_ms: i64, because: &str) -> Result<bool> {
    let done = sqlx::query(
        "update webhooks set enabled = false, disabled_because = $2
         where id = $1 and enabled and url = $3 and failing_since_ms = $4",
    )
    .bind(&of.id)
    .bind(because)
    .bind(&of.url)
    .bind(failing_since_ms)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
