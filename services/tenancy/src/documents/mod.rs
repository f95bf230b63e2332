//! The configuration: documents of a few kinds, every version kept.

mod api;
mod claims;
mod kinds;
mod references;
mod seeds;
pub(crate) mod store;

pub(crate) use api::tenant;
pub(crate) use claims::{Claim, release as release_claims};
pub(crate) use kinds::check;
pub(crate) use seeds::{Newcomer, agent_document, seeds};

use crate::{Error, Result, error::told};
use serde_json::Value;
use store::Stored;
use tenantdb::{PlatformTx, TenantDb};
use types::{TenantId, Timestamp, config::Kind};

/// A document whose content makes sense by itself.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub kind: Kind,
    /// With every default spelled out.
    pub body: Value,
    /// What no other document of any tenant may have.
    pub claims: Vec<Claim>,
    /// What must exist in the tenant.
    pub needs: Vec<Need>,
}

/// Something that a document names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// A document by its id.
    Document { kind: Kind, id: String, place: String },
    /// A skill by its name.
    Skill { name: String, place: String },
}

/// Who changes what, and from which version they started (0: any).
#[derive(Debug, Clone)]
pub(crate) struct Change<'a> {
    pub tenant: &'a TenantId,
    pub actor: &'a str,
    pub now: Timestamp,
    pub expected_version: u32,
}

#[derive(Clone)]
pub(crate) struct Documents {
    db: TenantDb,
}

impl Documents {
    pub fn new(db: TenantDb) -> Documents {
        Documents { db }
    }

    /// Saves a new document.
    pub async fn create(&self, change: &Change<'_>, draft: Draft) -> Result<Stored> {
        if matches!(draft.kind, Kind::Agent | Kind::Tenant) {
            return Err(Error::Conflict(told(
                "not_made_by_itself",
                format!("no {} is made by itself: invite a user or sign up", draft.kind.as_str()),
            )));
        }
        let id = kinds::new_id(draft.kind, change.now, chassis::random::u128());
        let mut tx = self.lock(change.tenant).await?;
        claims::take(&mut tx, change.tenant, draft.kind, &id, &draft.claims).await?;
        let mut tx = tx.into_tenant(change.tenant).await?;
        references::exist(&mut tx, &draft.needs).await?;
        references::name_is_free(&mut tx, &draft, &id).await?;
        let stored = Stored::first(&draft, id, change);
        store::insert(&mut tx, &stored).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Saves the next version of a document that exists.
    pub async fn replace(&self, change: &Change<'_>, id: &str, draft: Draft) -> Result<Stored> {
        self.must_exist(change.tenant, draft.kind, id).await?;
        let mut tx = self.lock(change.tenant).await?;
        claims::release(&mut tx, change.tenant, draft.kind, id).await?;
        claims::take(&mut tx, change.tenant, draft.kind, id, &draft.claims).await?;
        if draft.kind == Kind::Tenant {
            rename_tenant(&mut tx, change.tenant, &draft.body).await?;
        }
        let mut tx = tx.into_tenant(change.tenant).await?;
        let before = latest(&mut tx, draft.kind, id).await?;
        expect_version(&before, change.expected_version)?;
        references::exist(&mut tx, &draft.needs).await?;
        references::name_is_free(&mut tx, &draft, id).await?;
        references::may_become(&mut tx, &before, &draft.body).await?;
        let stored = before.next(draft.body, change);
        store::insert(&mut tx, &stored).await?;
        tx.commit().await?;
        Ok(stored)
    }

    pub async fn delete(&self, change: &Change<'_>, kind: Kind, id: &str) -> Result<()> {
        let mut tx = self.lock(change.tenant).await?;
        claims::release(&mut tx, change.tenant, kind, id).await?;
        if kind == Kind::Role {
            nobody_has(&mut tx, change.tenant, id).await?;
        }
        let mut tx = tx.into_tenant(change.tenant).await?;
        let before = latest(&mut tx, kind, id).await?;
        if matches!(kind, Kind::Agent | Kind::Tenant) {
            return Err(Error::Conflict(told(
                "goes_with_account",
                format!("a {} goes with its account only", kind.as_str()),
            )));
        }
        references::nobody_needs(&mut tx, &before).await?;
        let stored = Stored { deleted: true, ..before.next(before.body.clone(), change) };
        store::insert(&mut tx, &stored).await?;
        Ok(tx.commit().await?)
    }

    /// Before anything else is looked at: another tenant's id is not there, whatever stands in the body.
    async fn must_exist(&self, tenant: &TenantId, kind: Kind, id: &str) -> Result<()> {
        latest(&mut self.db.begin(tenant).await?, kind, id).await.map(drop)
    }

    async fn lock(&self, tenant: &TenantId) -> Result<PlatformTx> {
        lock(&self.db, tenant).await
    }
}

/// Changes of one tenant come one after the other: references stay true,
/// and facts are told in the order of the versions.
pub(crate) async fn lock(db: &TenantDb, tenant: &TenantId) -> Result<PlatformTx> {
    let mut tx = db.platform().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('config ' || $1, 0))")
        .bind(tenant.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}

/// Nobody's role goes away under them.
async fn nobody_has(tx: &mut PlatformTx, tenant: &TenantId, role: &str) -> Result<()> {
    let holder: Option<String> = sqlx::query_scalar(
        "select name from users where tenant = $1 and role = $2
         union all select name from invites where tenant = $1 and role = $2 and accepted_at_ms is null limit 1",
    )
    .bind(tenant.as_str())
    .bind(role)
    .fetch_optional(&mut **tx)
    .await?;
    match holder {
        Some(name) => {
            Err(Error::Conflict(told("role_held", format!("{name} has this role")).with("name", name)))
        }
        None => Ok(()),
    }
}

async fn latest(tx: &mut tenantdb::TenantTx, kind: Kind, id: &str) -> Result<Stored> {
    store::get(tx, kind, id).await?.ok_or_else(|| not_found(kind, id))
}

fn not_found(kind: Kind, id: &str) -> Error {
    Error::NotFound(told("not_found", format!("no {} {id}", kind.as_str())))
}

fn expect_version(before: &Stored, expected: u32) -> Result<()> {
    if expected == 0 || expected == before.version {
        return Ok(());
    }
    let (id, version) = (&before.id, before.version);
    Err(Error::Stale(told(
        "stale",
        format!("{id} is at version {version}, the change was made from {expected}"),
    )))
}

async fn rename_tenant(tx: &mut PlatformTx, tenant: &TenantId, body: &Value) -> Result<()> {
    sqlx::query("update tenants set name = $2 where id = $1")
        .bind(tenant.as_str())
        .bind(body["name"].as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Reserves for a document that is about to be written what it claims.
pub(crate) async fn take_claims(
    tx: &mut PlatformTx,
    tenant: &TenantId,
    draft: &Draft,
    id: &str,
) -> Result<()> {
    claims::take(tx, tenant, draft.kind, id, &draft.claims).await
}
