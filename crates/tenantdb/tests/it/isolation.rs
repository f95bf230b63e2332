use crate::*;
use sqlx::AssertSqlSafe;
use tenantdb::{Error, outbox::Fact, testing};

const FORBIDDEN: Option<&str> = Some("42501");

#[tokio::test]
async fn a_tenant_sees_its_own_rows_and_cannot_read_anothers() -> anyhow::Result<()> {
    let server = testing::database().await;
    let db = server.connect().await;
    let (ours, theirs) = (provisioned(&db, 1).await?, provisioned(&db, 2).await?);
    let mut tx = db.begin(&theirs).await?;
    add_contact(&mut tx, "con_theirs").await?;
    tx.commit().await?;

    assert_eq!(contacts(&db, &theirs).await?, ["con_theirs"]);
    assert!(contacts(&db, &ours).await?.is_empty());
    let mut tx = db.begin(&ours).await?;
    let select = format!("select id from {}.contacts", theirs.schema());
    let read = sqlx::query(AssertSqlSafe(select)).fetch_all(&mut *tx).await;
    assert_eq!(code(read).as_deref(), FORBIDDEN);
    Ok(())
}

/// The login role alone, in a transaction that belongs to no tenant, reaches no tenant.
#[tokio::test]
async fn forgetting_the_tenant_is_an_error_and_not_everybodys_rows() -> anyhow::Result<()> {
    let server = testing::database().await;
    let db = server.connect().await;
    let tenant = provisioned(&db, 1).await?;
    let mut tx = db.platform().await?;
    let select = format!("select id from {}.contacts", tenant.schema());
    let read = sqlx::query(AssertSqlSafe(select)).fetch_all(&mut *tx).await;
    assert_eq!(code(read).as_deref(), FORBIDDEN);
    Ok(())
}

#[tokio::test]
async fn the_role_ends_with_the_transaction() -> anyhow::Result<()> {
    let server = testing::database().await;
    let db = server.connect().await;
    let tenant = provisioned(&db, 1).await?;
    for _ in 0..20 {
        let mut tx = db.begin(&tenant).await?;
        add_contact(&mut tx, "con_lost").await?;
        drop(tx);
        let mut tx = db.platform().await?;
        let role: String = sqlx::query_scalar("select current_user::text").fetch_one(&mut *tx).await?;
        assert_eq!(role, tenantdb::admin::LOGIN);
    }
    assert!(contacts(&db, &tenant).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_tenant_reaches_nothing_of_the_platform_but_may_tell_its_own_facts() -> anyhow::Result<()> {
    let server = testing::database().await;
    let db = server.connect().await;
    let (ours, theirs) = (provisioned(&db, 1).await?, provisioned(&db, 2).await?);
    for table in ["users", "sessions", "outbox", "signing_keys", "dids"] {
        let mut tx = db.begin(&ours).await?;
        let select = format!("select * from platform.{table}");
        let read = sqlx::query(AssertSqlSafe(select)).fetch_all(&mut *tx).await;
        assert_eq!(code(read).as_deref(), FORBIDDEN, "{table}");
    }
    let mut tx = db.begin(&ours).await?;
    let fact = Fact { topic: "config.v1", key: "k", value: b"v", headers: &[] };
    tx.tell(fact).await?;
    let forge = "insert into platform.outbox (tenant, topic, key, value) values ($1, 't', 'k', '')";
    let forged = sqlx::query(forge).bind(theirs.as_str()).execute(&mut *tx).await;
    assert_eq!(code(forged).as_deref(), FORBIDDEN);
    Ok(())
}

#[tokio::test]
async fn rows_of_the_platform_and_of_a_tenant_commit_together_or_not_at_all() -> anyhow::Result<()> {
    let server = testing::database().await;
    let db = server.connect().await;
    let tenant = provisioned(&db, 1).await?;
    for (commit, expected) in [(false, 0), (true, 1)] {
        let mut tx = db.platform().await?;
        sqlx::query("insert into tenants (id, name, created_at_ms) values ($1, 'Acme', 0)")
            .bind(tenant.as_str())
            .execute(&mut *tx)
            .await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        add_contact(&mut tx, "con_1").await?;
        if commit {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        let mut tx = db.platform().await?;
        let tenants: i64 = sqlx::query_scalar("select count(*) from tenants").fetch_one(&mut *tx).await?;
        assert_eq!((tenants, contacts(&db, &tenant).await?.len() as i64), (expected, expected));
    }
    Ok(())
}

#[tokio::test]
async fn a_login_that_reads_every_tenant_without_asking_is_refused() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cluster = crate::embedded::start(folder.path()).await?;
    let url = cluster.database("trunkline").await?;
    let superuser = TenantDb::connect(&cluster.admin_url("trunkline")).await;
    assert!(matches!(superuser, Err(Error::LoginIsSuperuser(_))));
    let mut admin =
        <sqlx::PgConnection as sqlx::Connection>::connect(&cluster.admin_url("trunkline")).await?;
    sqlx::raw_sql("alter role trunkline_app inherit").execute(&mut admin).await?;
    let inherits = TenantDb::connect(&url).await;
    assert!(matches!(inherits, Err(Error::LoginInherits(_))));
    cluster.stop().await?;
    Ok(())
}
