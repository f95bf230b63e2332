//! The table `config`: one row per version.

use super::{Change, Draft};
use crate::{
    Error, Result,
    audit::{self, Deed},
};
use eventlog::{Topic, codec};
use serde_json::Value;
use sqlx::FromRow;
use tenantdb::{TenantTx, outbox::Fact};
use types::{Timestamp, config::Kind, fact::ConfigFact};

/// One version of one document.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Stored {
    #[sqlx(try_from = "String")]
    pub kind: KindColumn,
    pub id: String,
    #[sqlx(try_from = "i32")]
    pub version: u32,
    pub body: Value,
    pub deleted: bool,
    pub actor: String,
    pub at_ms: i64,
}

/// A kind as it stands in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KindColumn(pub Kind);

impl TryFrom<String> for KindColumn {
    type Error = Error;
    fn try_from(text: String) -> Result<KindColumn> {
        Kind::parse(&text).map(KindColumn).ok_or_else(|| Error::internal(format!("unknown kind {text}")))
    }
}

impl Stored {
    pub fn first(draft: &Draft, id: String, change: &Change<'_>) -> Stored {
        Stored {
            kind: KindColumn(draft.kind),
            id,
            version: 1,
            body: draft.body.clone(),
            deleted: false,
            actor: change.actor.to_owned(),
            at_ms: change.now.millis(),
        }
    }

    pub fn next(&self, body: Value, change: &Change<'_>) -> Stored {
        Stored {
            version: self.version + 1,
            body,
            actor: change.actor.to_owned(),
            at_ms: change.now.millis(),
            ..self.clone()
        }
    }
}

/// Writes a version, leaves its fact in the outbox and a line in the audit.
pub(crate) async fn insert(tx: &mut TenantTx, document: &Stored) -> Result<()> {
    let kind = document.kind.0.as_str();
    sqlx::query(
        "insert into config (kind, id, version, body, deleted, actor, at_ms)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(kind)
    .bind(&document.id)
    .bind(document.version as i32)
    .bind(&document.body)
    .bind(document.deleted)
    .bind(&document.actor)
    .bind(document.at_ms)
    .execute(&mut **tx)
    .await?;
    let name = ["name", "number"].iter().find_map(|field| document.body[field].as_str()).unwrap_or_default();
    let deed = Deed {
        actor: &document.actor,
        action: if document.deleted { "config.delete" } else { "config.put" },
        subject: format!("{kind}/{}", document.id),
        detail: serde_json::json!({ "version": document.version, "name": name }),
    };
    audit::note(tx, Timestamp::from_millis(document.at_ms), deed).await?;
    tell(tx, document).await
}

pub(crate) async fn tell(tx: &mut TenantTx, document: &Stored) -> Result<()> {
    let fact = ConfigFact {
        kind: document.kind.0,
        id: document.id.clone(),
        version: document.version,
        at: Timestamp::from_millis(document.at_ms),
        actor: document.actor.clone(),
        body: (!document.deleted).then(|| document.body.to_string()),
    };
    let key = format!("{}/{}/{}", tx.tenant(), document.kind.0.as_str(), document.id);
    let value = codec::encode(&fact);
    tx.tell(Fact { topic: Topic::Config.name(), key: &key, value: &value, headers: &[] }).await?;
    Ok(())
}

/// The latest version, unless it was deleted.
pub(crate) async fn get(tx: &mut TenantTx, kind: Kind, id: &str) -> Result<Option<Stored>> {
    let latest: Option<Stored> = sqlx::query_as(
        "select kind, id, version, body, deleted, actor, at_ms from config
         where kind = $1 and id = $2 order by version desc limit 1",
    )
    .bind(kind.as_str())
    .bind(id)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(latest.filter(|document| !document.deleted))
}

/// Every version, newest first.
pub(crate) async fn history(tx: &mut TenantTx, kind: Kind, id: &str) -> Result<Vec<Stored>> {
    const VERSIONS_MAX: i64 = 200;
    Ok(sqlx::query_as(
        "select kind, id, version, body, deleted, actor, at_ms from config
         where kind = $1 and id = $2 order by version desc limit $3",
    )
    .bind(kind.as_str())
    .bind(id)
    .bind(VERSIONS_MAX)
    .fetch_all(&mut **tx)
    .await?)
}

/// What exists of one kind, oldest first.
pub(crate) async fn list(tx: &mut TenantTx, kind: Kind) -> Result<Vec<Stored>> {
    Ok(current(tx).await?.into_iter().filter(|document| document.kind.0 == kind).collect())
}

/// What exists of every kind.
pub(crate) async fn current(tx: &mut TenantTx) -> Result<Vec<Stored>> {
    let latest: Vec<Stored> = sqlx::query_as(
        "select distinct on (kind, id) kind, id, version, body, deleted, actor, at_ms from config
         order by kind, id, version desc",
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(latest.into_iter().filter(|document| !document.deleted).collect())
}
