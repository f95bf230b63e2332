//! The only door to PostgreSQL. Every tenant has a schema and a role of its
//! own; [`TenantDb::begin`] gives a transaction that can reach this tenant's
//! tables and nothing else, [`TenantDb::platform`] one that reaches the common
//! tables and no tenant's. There is no third way to a connection.
//!
//! This guards against forgetting, not against injected SQL: a transaction
//! may change its role again if it is told to.

pub mod admin;
pub mod embedded;
mod migrate;
pub mod outbox;
pub mod testing;
mod tx;

pub use tx::{PlatformTx, TenantTx};

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::time::Duration;
use types::TenantId;

/// Few connections a process: each caches the catalogue of every tenant that it has touched.
const CONNECTIONS_MAX: u32 = 8;
const CONNECTION_LIFETIME: Duration = Duration::from_secs(30 * 60);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error("the login role {0} must be NOINHERIT, or it reads every tenant without asking")]
    LoginInherits(String),
    #[error("the login role {0} must not be a superuser")]
    LoginIsSuperuser(String),
    #[error("the database is newer than this program: version {found}, known {known}")]
    Newer { found: i64, known: i64 },
    #[error("{0}")]
    Embedded(String),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// See [`is_passing`].
    pub fn is_passing(&self) -> bool {
        match self {
            Error::Sql(error) => is_passing(error),
            _ => false,
        }
    }
}

/// Whether it may go better later: the server cannot be reached or is starting.
pub fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            // Connection, resources, operator's intervention; serialization.
            let code = error.code().unwrap_or_default();
            ["08", "53", "57", "40"].iter().any(|class| code.starts_with(class))
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
            true
        }
        _ => false,
    }
}

/// A pool of connections under the login role.
#[derive(Clone, Debug)]
pub struct TenantDb {
    pool: PgPool,
}

impl TenantDb {
    /// Connects, refuses a login role that could reach tenants by itself, and
    /// brings the platform's tables up to date.
    pub async fn connect(url: &str) -> Result<TenantDb> {
        let db = TenantDb { pool: pool(url, CONNECTIONS_MAX)? };
        db.check_login().await?;
        migrate::platform(&db).await?;
        Ok(db)
    }

    /// A transaction in the tenant's schema under the tenant's role.
    pub async fn begin(&self, tenant: &TenantId) -> Result<TenantTx> {
        TenantTx::begin(&self.pool, tenant).await
    }

    /// A transaction on the common tables.
    pub async fn platform(&self) -> Result<PlatformTx> {
        PlatformTx::begin(&self.pool).await
    }

    /// Creates the tenant's schema and role, or brings them up to date. May be
    /// repeated and run in parallel; a half-done one leaves nothing behind.
    pub async fn provision(&self, tenant: &TenantId) -> Result<()> {
        migrate::tenant(self, tenant).await
    }

    /// Brings the schemas of all tenants up to date, several at a time.
    /// Returns how many were behind.
    pub async fn migrate_all(&self) -> Result<usize> {
        migrate::all(self).await
    }

    /// Waits for the transactions under way and closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn check_login(&self) -> Result<()> {
        let (name, superuser, inherits): (String, bool, bool) = sqlx::query_as(
            "select rolname::text, rolsuper, rolinherit from pg_roles where rolname = session_user",
        )
        .fetch_one(&self.pool)
        .await?;
        match (superuser, inherits) {
            (true, _) => Err(Error::LoginIsSuperuser(name)),
            (_, true) => Err(Error::LoginInherits(name)),
            _ => Ok(()),
        }
    }
}

fn pool(url: &str, connections: u32) -> Result<PgPool> {
    let options = url
        .parse::<PgConnectOptions>()?
        .application_name("trunkline")
        .options([("idle_in_transaction_session_timeout", "60s"), ("lock_timeout", "30s")]);
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .max_lifetime(CONNECTION_LIFETIME)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options))
}
