//! Transactions that know whose they are.

use crate::{Result, outbox};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Transaction};
use std::ops::{Deref, DerefMut};
use types::TenantId;

/// A transaction in one tenant's schema, under the tenant's role. Dropped
/// without [`TenantTx::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    tenant: TenantId,
}

/// Role and schema until the end of the transaction. The name is safe
/// unquoted: a `TenantId` is a prefix and 26 letters and digits.
fn enter(tenant: &TenantId) -> String {
    let schema = tenant.schema();
    format!("set local role {schema}; set local search_path to {schema}")
}

impl TenantTx {
    pub(crate) async fn begin(pool: &PgPool, tenant: &TenantId) -> Result<TenantTx> {
        // Two steps: should there be no such tenant, dropping `tx` rolls back
        // and the connection goes back to the pool unharmed.
        let mut tx = pool.begin().await?;
        sqlx::raw_sql(AssertSqlSafe(enter(tenant))).execute(&mut *tx).await?;
        Ok(TenantTx { tx, tenant: tenant.clone() })
    }

    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Leaves a fact to be told when, and only when, this transaction commits.
    pub async fn tell(&mut self, fact: outbox::Fact<'_>) -> Result<()> {
        outbox::insert(&mut self.tx, &self.tenant, fact).await
    }

    pub async fn commit(self) -> Result<()> {
        Ok(self.tx.commit().await?)
    }

    pub async fn rollback(self) -> Result<()> {
        Ok(self.tx.rollback().await?)
    }
}

impl Deref for TenantTx {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for TenantTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// A transaction on the common tables (schema `platform`); it reaches no tenant's tables.
#[derive(Debug)]
pub struct PlatformTx {
    tx: Transaction<'static, Postgres>,
}

impl PlatformTx {
    pub(crate) async fn begin(pool: &PgPool) -> Result<PlatformTx> {
        let begin = "begin; set local search_path to platform";
        Ok(PlatformTx { tx: pool.begin_with(begin).await? })
    }

    /// Leaves a fact of the installation to be told when, and only when, this
    /// transaction commits.
    pub async fn tell(&mut self, fact: outbox::Fact<'_>) -> Result<()> {
        outbox::insert(&mut self.tx, &TenantId::installation(), fact).await
    }

    /// Narrows the same transaction to one tenant, so that rows here and there
    /// commit together. There is no way back.
    pub async fn into_tenant(mut self, tenant: &TenantId) -> Result<TenantTx> {
        sqlx::raw_sql(AssertSqlSafe(enter(tenant))).execute(&mut *self.tx).await?;
        Ok(TenantTx { tx: self.tx, tenant: tenant.clone() })
    }

    pub async fn commit(self) -> Result<()> {
        Ok(self.tx.commit().await?)
    }

    pub async fn rollback(self) -> Result<()> {
        Ok(self.tx.rollback().await?)
    }
}

impl Deref for PlatformTx {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for PlatformTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// A connection of its own for migrations and the outbox's leader.
pub(crate) async fn lone_connection(pool: &PgPool) -> Result<PgConnection> {
    Ok(PgConnection::connect_with(&pool.connect_options()).await?)
}
