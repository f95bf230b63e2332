//! The door to PostgreSQL on a real server.

mod embedded;
mod isolation;
mod outbox;
mod provisioning;

use tenantdb::{TenantDb, TenantTx};
use types::{TenantId, Timestamp};

fn tenant(number: u128) -> TenantId {
    // The server is shared by test processes: the time makes ids of roles differ.
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
    TenantId::new(Timestamp::from_millis(now.as_millis() as i64), now.as_nanos() << 16 | number)
}

async fn provisioned(db: &TenantDb, number: u128) -> anyhow::Result<TenantId> {
    let id = tenant(number);
    db.provision(&id).await?;
    Ok(id)
}

async fn add_contact(tx: &mut TenantTx, id: &str) -> sqlx::Result<()> {
    sqlx::query("insert into contacts (id, name, created_at_ms) values ($1, 'Ana', 0)")
        .bind(id)
        .execute(&mut **tx)
        .await
        .map(|_| ())
}

async fn contacts(db: &TenantDb, tenant: &TenantId) -> anyhow::Result<Vec<String>> {
    let mut tx = db.begin(tenant).await?;
    Ok(sqlx::query_scalar("select id from contacts order by id").fetch_all(&mut *tx).await?)
}

/// SQLSTATE of a refusal: 42501 is `insufficient_privilege`.
fn code<T>(result: Result<T, sqlx::Error>) -> Option<String> {
    result.err()?.as_database_error()?.code().map(|c| c.into_owned())
}
