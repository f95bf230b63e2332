use crate::*;
use futures::future::try_join_all;
use tenantdb::testing;

#[tokio::test]
async fn many_tenants_are_provisioned_at_a_time() -> anyhow::Result<()> {
    let server = testing::database().await;
    let db = server.connect().await;
    let ids: Vec<TenantId> = (0..12).map(tenant).collect();
    try_join_all(ids.iter().map(|id| db.provision(id))).await?;
    for id in &ids {
        let mut tx = db.begin(id).await?;
        add_contact(&mut tx, "con_1").await?;
        tx.commit().await?;
        assert_eq!(contacts(&db, id).await?.len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn the_same_tenant_provisioned_by_several_at_once_is_made_once() -> anyhow::Result<()> {
    let server = testing::database().await;
    let db = server.connect().await;
    let id = tenant(1);
    try_join_all((0..6).map(|_| db.provision(&id))).await?;
    let mut tx = db.begin(&id).await?;
    add_contact(&mut tx, "con_1").await?;
    tx.commit().await?;
    db.provision(&id).await?;
    assert_eq!(contacts(&db, &id).await?, ["con_1"]);
    assert_eq!(db.migrate_all().await?, 0);
    Ok(())
}

/// A version of the past: the newest migration's effect and record are taken
/// back by dropping the whole schema's content, as if only the role had been made.
#[tokio::test]
async fn a_schema_that_is_behind_is_brought_up_to_date() -> anyhow::Result<()> {
    let server = testing::database().await;
    let db = server.connect().await;
    let id = provisioned(&db, 1).await?;
    let mut tx = db.platform().await?;
    sqlx::query("update tenant_schema_version set version = 0").execute(&mut *tx).await?;
    let mut tx = tx.into_tenant(&id).await?;
    let drop = format!("drop schema {} cascade", id.schema());
    sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&mut *tx).await?;
    tx.commit().await?;
    assert!(contacts(&db, &id).await.is_err());

    assert_eq!(db.migrate_all().await?, 1);
    assert!(contacts(&db, &id).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn two_services_that_start_at_once_share_one_platform() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cluster = crate::embedded::start(folder.path()).await?;
    let url = cluster.database("trunkline").await?;
    try_join_all((0..4).map(|_| TenantDb::connect(&url))).await?;
    cluster.stop().await?;
    Ok(())
}
