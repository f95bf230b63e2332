//! Databases for tests, on a real server: the one that `DATABASE_URL` names
//! (its role must be a superuser), else a cluster shared by all test processes
//! of the machine, which ends a minute after the last of them. Every test
//! gets a clone of a template with the migrations already applied.

use crate::{
    Result, TenantDb,
    admin::{self, LOGIN, with_database, with_login},
    embedded::shared,
    migrate,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::OnceCell;

/// Test data only, on loopback or a server that the developer named.
const LOGIN_PASSWORD: &str = "trunkline";

static SERVER: OnceCell<Server> = OnceCell::const_new();

struct Server {
    /// The superuser's URL.
    admin: String,
    template: String,
}

/// An empty platform, dropped with this value.
pub struct TestDatabase {
    name: String,
    admin: String,
    url: String,
}

impl TestDatabase {
    /// What a service gets as `database_url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub async fn connect(&self) -> TenantDb {
        TenantDb::connect(&self.url).await.expect("the test database accepts its login role")
    }
}

/// A fresh database. Panics where no PostgreSQL can be had: a test without
/// its database proves nothing.
pub async fn database() -> TestDatabase {
    let server = SERVER.get_or_init(|| async { server().await.expect("a PostgreSQL for tests") }).await;
    let name = format!("test_{}", &admin::random_hex()[..20]);
    clone(server, &name).await.expect("clone the template");
    let admin = with_database(&server.admin, &name);
    TestDatabase { url: with_login(&admin, LOGIN, LOGIN_PASSWORD), admin: server.admin.clone(), name }
}

async fn clone(server: &Server, name: &str) -> Result<()> {
    let mut conn = PgConnection::connect(&server.admin).await?;
    let template = &server.template;
    let create = format!("create database {name} template {template} owner {LOGIN}");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut conn).await?;
    Ok(conn.close().await?)
}

async fn server() -> Result<Server> {
    let admin = match std::env::var("DATABASE_URL") {
        Ok(url) => url,
        Err(_) => shared::shared_admin_url().await?,
    };
    let template = format!("trunkline_template_{}", migrate::fingerprint());
    let mut conn = PgConnection::connect(&admin).await?;
    // One process makes the template, the others wait for it.
    sqlx::raw_sql("select pg_advisory_lock(hashtextextended('trunkline template', 0))")
        .execute(&mut conn)
        .await?;
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(&template)
        .fetch_one(&mut conn)
        .await?;
    if !exists {
        build(&mut conn, &admin, &template).await?;
    }
    conn.close().await?;
    Ok(Server { admin, template })
}

async fn build(conn: &mut PgConnection, admin: &str, template: &str) -> Result<()> {
    admin::create_login(conn, LOGIN_PASSWORD).await?;
    let unfinished = format!("{template}_new");
    for statement in [
        format!("drop database if exists {unfinished}"),
        format!("create database {unfinished} owner {LOGIN}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *conn).await?;
    }
    let url = with_login(&with_database(admin, &unfinished), LOGIN, LOGIN_PASSWORD);
    TenantDb::connect(&url).await?.close().await;
    let rename = format!("alter database {unfinished} rename to {template}");
    sqlx::raw_sql(AssertSqlSafe(rename)).execute(conn).await?;
    Ok(())
}

impl Drop for TestDatabase {
    /// On a thread of its own: the test's runtime may be the current-thread one.
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(remove(&admin, &name))
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            tracing::warn!(name = self.name, "test database left behind");
        }
    }
}

/// The database and the roles of its tenants, which belong to the whole server.
async fn remove(admin: &str, name: &str) -> Result<()> {
    let mut inside = PgConnection::connect(&with_database(admin, name)).await?;
    let roles: Vec<String> = sqlx::query_scalar("select lower(tenant) from platform.tenant_schema_version")
        .fetch_all(&mut inside)
        .await?;
    inside.close().await?;
    let mut conn = PgConnection::connect(admin).await?;
    let drops = std::iter::once(format!("drop database {name} with (force)"))
        .chain(roles.iter().map(|role| format!("drop role {role}")));
    for statement in drops {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut conn).await?;
    }
    Ok(conn.close().await?)
}
