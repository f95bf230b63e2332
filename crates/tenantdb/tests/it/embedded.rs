use crate::*;
use std::{os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};
use tenantdb::embedded::{Cluster, Durability};

/// A temporary folder that the server's account may enter.
pub async fn start(folder: &Path) -> anyhow::Result<Cluster> {
    start_with(folder, Durability::None).await
}

async fn start_with(folder: &Path, durability: Durability) -> anyhow::Result<Cluster> {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
    Ok(Cluster::start(&folder.join("postgres"), durability).await?)
}

async fn a_tenant_with_a_contact(cluster: &Cluster) -> anyhow::Result<TenantId> {
    let db = TenantDb::connect(&cluster.database("trunkline").await?).await?;
    let id = provisioned(&db, 1).await?;
    let mut tx = db.begin(&id).await?;
    add_contact(&mut tx, "con_1").await?;
    tx.commit().await?;
    db.close().await;
    Ok(id)
}

async fn still_there(cluster: &Cluster, tenant: &TenantId) -> anyhow::Result<()> {
    let db = TenantDb::connect(&cluster.database("trunkline").await?).await?;
    assert_eq!(contacts(&db, tenant).await?, ["con_1"]);
    Ok(())
}

#[tokio::test]
async fn data_survives_a_restart_and_the_port_is_remembered() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cluster = start(folder.path()).await?;
    let tenant = a_tenant_with_a_contact(&cluster).await?;
    let port = std::fs::read_to_string(folder.path().join("postgres/port"))?;
    cluster.stop().await?;

    let cluster = start(folder.path()).await?;
    still_there(&cluster, &tenant).await?;
    assert_eq!(std::fs::read_to_string(folder.path().join("postgres/port"))?, port);
    Ok(())
}

#[tokio::test]
async fn a_server_left_over_from_a_killed_process_is_taken_down_first() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cluster = start(folder.path()).await?;
    let tenant = a_tenant_with_a_contact(&cluster).await?;
    let (old, lock) = (cluster.pid(), folder.path().join("postgres/lock"));
    // As after a kill -9 of the owner: the lock is free, the server runs on.
    std::mem::forget(cluster);
    std::fs::remove_file(lock)?;

    let cluster = start(folder.path()).await?;
    assert_ne!(cluster.pid(), old);
    still_there(&cluster, &tenant).await
}

#[tokio::test]
async fn after_a_crash_of_the_server_a_stale_lock_file_does_not_stop_the_next() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cluster = start_with(folder.path(), Durability::Full).await?;
    let tenant = a_tenant_with_a_contact(&cluster).await?;
    Command::new("kill").args(["-KILL", &cluster.pid().to_string()]).status()?;
    drop(cluster);
    // The number in it belongs to somebody else by now: to us.
    let pid_file = folder.path().join("postgres/data/postmaster.pid");
    let text = std::fs::read_to_string(&pid_file)?;
    let rest = text.split_once('\n').expect("lines").1;
    std::fs::write(&pid_file, format!("{}\n{rest}", std::process::id()))?;

    // Its orphaned children hold the shared memory for a moment.
    let mut refused = None;
    for _ in 0..50 {
        match start_with(folder.path(), Durability::Full).await {
            Ok(cluster) => return still_there(&cluster, &tenant).await,
            Err(error) => refused = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("the cluster never started again: {refused:?}")
}

#[tokio::test]
async fn two_instances_run_side_by_side_and_not_in_one_folder() -> anyhow::Result<()> {
    let (one, two) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let first = start(one.path()).await?;
    let second = start(two.path()).await?;
    assert_ne!(first.admin_url("postgres"), second.admin_url("postgres"));
    let third = start(one.path()).await.unwrap_err().to_string();
    assert!(third.contains("in use by another process"), "{third}");
    a_tenant_with_a_contact(&first).await?;
    a_tenant_with_a_contact(&second).await?;
    Ok(())
}
