//! tenancy.v1 Audit: who did what to whom.

use crate::{Error, Result, documents::tenant};
use proto::tenancy::v1::{self as wire, audit_server};
use serde_json::Value;
use sqlx::FromRow;
use std::collections::HashMap;
use tenantdb::{TenantDb, TenantTx};
use tonic::{Request, Response, Status};
use types::Timestamp;

const PAGE_MAX: u32 = 1_000;
const TEXT_MAX: usize = 200;
const DETAIL_MAX: usize = 4_096;

/// One line of the audit.
pub(crate) struct Deed<'a> {
    /// The user's or the API key's id.
    pub actor: &'a str,
    /// Such as `user.remove`.
    pub action: &'a str,
    /// Kind and id, such as `user/usr_…`.
    pub subject: String,
    pub detail: Value,
}

pub(crate) async fn note(tx: &mut TenantTx, now: Timestamp, deed: Deed<'_>) -> Result<()> {
    sqlx::query("insert into audit (at_ms, actor, action, subject, detail) values ($1, $2, $3, $4, $5)")
        .bind(now.millis())
        .bind(deed.actor)
        .bind(deed.action)
        .bind(deed.subject)
        .bind(deed.detail)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub struct Audit {
    db: TenantDb,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    at_ms: i64,
    actor: String,
    action: String,
    subject: String,
    detail: Value,
}

impl Audit {
    pub fn new(db: TenantDb) -> Audit {
        Audit { db }
    }

    async fn keep(&self, request: wire::NoteRequest) -> Result<()> {
        let tenant = tenant(&request.tenant)?;
        let long =
            [&request.actor, &request.action, &request.subject].iter().any(|text| text.len() > TEXT_MAX);
        if long || request.detail.len() > DETAIL_MAX {
            return Err(Error::invalid("", "too_long", "is too long for the audit"));
        }
        let detail = match request.detail.as_str() {
            "" => Value::Object(Default::default()),
            text => {
                serde_json::from_str(text).map_err(|error| Error::invalid("detail", "unreadable", error))?
            }
        };
        let mut tx = self.db.begin(&tenant).await?;
        let deed = Deed { actor: &request.actor, action: &request.action, subject: request.subject, detail };
        note(&mut tx, chassis::clock::now(), deed).await?;
        Ok(tx.commit().await?)
    }

    async fn page(&self, request: wire::AuditRequest) -> Result<wire::AuditEntries> {
        let tenant = tenant(&request.tenant)?;
        let limit = request.limit.clamp(1, PAGE_MAX);
        let mut tx = self.db.begin(&tenant).await?;
        let rows: Vec<Row> = sqlx::query_as(
            "select id, at_ms, actor, action, subject, detail from audit
             where ($1 = '' or actor = $1) and starts_with(action, $2) and ($3 = '' or subject = $3)
               and at_ms >= $4 and ($5 = 0 or at_ms < $5) and ($6 = 0 or id < $6)
             order by id desc limit $7",
        )
        .bind(&request.actor)
        .bind(&request.action)
        .bind(&request.subject)
        .bind(request.from_ms)
        .bind(request.to_ms)
        .bind(request.before)
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let names = self.names(tenant.as_str()).await?;
        let more = rows.len() > limit as usize;
        let entry = |row: Row| wire::audit_entries::Entry {
            id: row.id,
            at_ms: row.at_ms,
            actor_name: names.get(&row.actor).cloned().unwrap_or_default(),
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            detail: row.detail.to_string(),
        };
        let entries: Vec<_> = rows.into_iter().take(limit as usize).map(entry).collect();
        let next = entries.last().filter(|_| more).map_or(0, |entry| entry.id);
        Ok(wire::AuditEntries { entries, next })
    }

    /// Of the people and keys that there are now.
    async fn names(&self, tenant: &str) -> Result<HashMap<String, String>> {
        let mut tx = self.db.platform().await?;
        let names: Vec<(String, String)> = sqlx::query_as(
            "select id, name from users where tenant = $1 union all select id, name from api_keys where tenant = $1",
        )
        .bind(tenant)
        .fetch_all(&mut *tx)
        .await?;
        Ok(names.into_iter().collect())
    }
}

#[tonic::async_trait]
impl audit_server::Audit for Audit {
    async fn note(&self, request: Request<wire::NoteRequest>) -> Result<Response<wire::Done>, Status> {
        self.keep(request.into_inner()).await?;
        Ok(Response::new(wire::Done {}))
    }

    async fn list(
        &self,
        request: Request<wire::AuditRequest>,
    ) -> Result<Response<wire::AuditEntries>, Status> {
        Ok(Response::new(self.page(request.into_inner()).await?))
    }
}
