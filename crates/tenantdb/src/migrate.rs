//! Migrations of the platform's schema and of every tenant's: embedded files,
//! applied in order, each schema in one transaction that also writes its
//! version. So a migration is done or not begun, and can be repeated.

use crate::{Error, Result, TenantDb};
use futures::{StreamExt, TryStreamExt, stream};
use sqlx::{AssertSqlSafe, PgConnection, migrate::Migrator};
use types::TenantId;

static PLATFORM: Migrator = sqlx::migrate!("../../migrations/platform");
static TENANT: Migrator = sqlx::migrate!("../../migrations/tenant");

/// Tenants that migrate at a time.
const PARALLEL_MAX: usize = 4;

/// Changes when any migration file changes: the name of the tests' template database.
pub(crate) fn fingerprint() -> String {
    let mut folded = [0u8; 8];
    let checksums = PLATFORM.iter().chain(TENANT.iter()).map(|m| &m.checksum);
    for (i, byte) in checksums.flat_map(|c| c.iter()).enumerate() {
        folded[i % 8] = folded[i % 8].rotate_left(1) ^ byte;
    }
    hex::encode(folded)
}

fn newest(migrations: &Migrator) -> i64 {
    migrations.iter().map(|m| m.version).max().unwrap_or(0)
}

pub(crate) async fn platform(db: &TenantDb) -> Result<()> {
    let mut tx = db.platform().await?;
    let known = newest(&PLATFORM);
    if platform_version(&mut tx).await? != Some(known) {
        sqlx::raw_sql(
            "select pg_advisory_xact_lock(hashtextextended('trunkline platform', 0));
             create schema if not exists platform;
             create table if not exists platform.schema_version (version bigint not null)",
        )
        .execute(&mut *tx)
        .await?;
        let from = platform_version(&mut tx).await?.unwrap_or(0);
        apply(&mut tx, &PLATFORM, from).await?;
        sqlx::raw_sql("delete from platform.schema_version").execute(&mut *tx).await?;
        sqlx::query("insert into platform.schema_version (version) values ($1)")
            .bind(known)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await
}

/// `None` before the first migration.
async fn platform_version(conn: &mut PgConnection) -> Result<Option<i64>> {
    let exists: bool = sqlx::query_scalar("select to_regclass('platform.schema_version') is not null")
        .fetch_one(&mut *conn)
        .await?;
    if !exists {
        return Ok(None);
    }
    Ok(sqlx::query_scalar("select max(version) from platform.schema_version").fetch_one(conn).await?)
}

/// Runs what is newer than `from`.
async fn apply(conn: &mut PgConnection, migrations: &Migrator, from: i64) -> Result<()> {
    let known = newest(migrations);
    if from > known {
        return Err(Error::Newer { found: from, known });
    }
    for migration in migrations.iter().filter(|m| m.version > from) {
        sqlx::raw_sql(migration.sql.clone()).execute(&mut *conn).await?;
    }
    Ok(())
}

pub(crate) async fn tenant(db: &TenantDb, tenant: &TenantId) -> Result<()> {
    let mut tx = db.platform().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(tenant.as_str())
        .execute(&mut *tx)
        .await?;
    let from = tenant_version(&mut tx, tenant).await?;
    if from == 0 {
        create_schema(&mut tx, &tenant.schema()).await?;
    }
    let known = newest(&TENANT);
    if from != known {
        sqlx::query(
            "insert into platform.tenant_schema_version (tenant, version) values ($1, $2)
             on conflict (tenant) do update set version = excluded.version, migrated_at = now()",
        )
        .bind(tenant.as_str())
        .bind(known)
        .execute(&mut *tx)
        .await?;
        let mut tx = tx.into_tenant(tenant).await?;
        apply(&mut tx, &TENANT, from).await?;
        return tx.commit().await;
    }
    tx.commit().await
}

async fn tenant_version(conn: &mut PgConnection, tenant: &TenantId) -> Result<i64> {
    let version = sqlx::query_scalar("select version from platform.tenant_schema_version where tenant = $1")
        .bind(tenant.as_str())
        .fetch_optional(conn)
        .await?;
    Ok(version.unwrap_or(0))
}

/// The login role becomes a member, so that it may SET ROLE; being NOINHERIT it gets
/// nothing without doing so. A role may be there already: it belongs to the
/// server, and the database may have been restored.
async fn create_schema(conn: &mut PgConnection, schema: &str) -> Result<()> {
    let batch = format!(
        "do $$ begin
           if not exists (select from pg_roles where rolname = '{schema}') then
             create role {schema} nologin;
           end if;
         end $$;
         grant {schema} to current_user;
         grant trunkline_tenant to {schema};
         create schema if not exists {schema} authorization {schema}"
    );
    sqlx::raw_sql(AssertSqlSafe(batch)).execute(conn).await?;
    Ok(())
}

pub(crate) async fn all(db: &TenantDb) -> Result<usize> {
    let behind = behind(db).await?;
    let count = behind.len();
    let migrations = behind.into_iter().map(|id| {
        let db = db.clone();
        async move { tenant(&db, &id).await }
    });
    stream::iter(migrations).buffer_unordered(PARALLEL_MAX).try_collect::<Vec<()>>().await?;
    Ok(count)
}

async fn behind(db: &TenantDb) -> Result<Vec<TenantId>> {
    let mut tx = db.platform().await?;
    let ids: Vec<String> = sqlx::query_scalar(
        "select tenant from platform.tenant_schema_version where version <> $1 order by tenant",
    )
    .bind(newest(&TENANT))
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}
