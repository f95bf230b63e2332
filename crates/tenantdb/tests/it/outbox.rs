use crate::*;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tenantdb::{
    outbox::{self, Entry, Fact},
    testing,
};

type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

async fn tell(db: &TenantDb, tenant: &TenantId, key: &str, value: &[u8]) -> anyhow::Result<()> {
    let mut tx = db.begin(tenant).await?;
    let headers = [("traceparent".to_owned(), "00-1".to_owned())];
    let topic = "config.v1";
    tx.tell(Fact { topic, key, value, headers: &headers }).await?;
    tx.commit().await?;
    Ok(())
}

fn record(seen: &Seen, batch: Vec<Entry>) {
    let mut seen = seen.lock().expect("not poisoned");
    seen.extend(batch.into_iter().map(|e| (e.key, e.value)));
}

async fn until(seen: &Seen, count: usize) {
    let enough = async {
        while seen.lock().expect("not poisoned").len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), enough).await.expect("everything is delivered");
}

#[tokio::test]
async fn facts_arrive_in_order_even_when_the_log_refuses_at_first() -> anyhow::Result<()> {
    let server = testing::database().await;
    let db = server.connect().await;
    let tenant = provisioned(&db, 1).await?;
    for i in 0..5u8 {
        tell(&db, &tenant, "a", &[i]).await?;
    }
    let seen = Seen::default();
    let mut refusals = 2;
    let deliver = {
        let seen = seen.clone();
        move |batch: Vec<Entry>| {
            let refuse = refusals > 0;
            refusals -= i32::from(refuse);
            if !refuse {
                record(&seen, batch);
            }
            std::future::ready(if refuse { Err("log is away") } else { Ok(()) })
        }
    };
    let shipper = tokio::spawn(outbox::ship(db.clone(), deliver, std::future::pending()));
    until(&seen, 5).await;
    tell(&db, &tenant, "a", &[5]).await?;
    until(&seen, 6).await;
    let values: Vec<u8> = seen.lock().expect("not poisoned").iter().map(|(_, v)| v[0]).collect();
    assert_eq!(values, [0, 1, 2, 3, 4, 5]);
    shipper.abort();
    Ok(())
}

#[tokio::test]
async fn a_rolled_back_transaction_tells_nothing() -> anyhow::Result<()> {
    let server = testing::database().await;
    let db = server.connect().await;
    let tenant = provisioned(&db, 1).await?;
    let mut tx = db.begin(&tenant).await?;
    tx.tell(Fact { topic: "config.v1", key: "gone", value: b"", headers: &[] }).await?;
    tx.rollback().await?;
    tell(&db, &tenant, "kept", b"").await?;
    let seen = Seen::default();
    let deliver = {
        let seen = seen.clone();
        move |batch| {
            record(&seen, batch);
            std::future::ready(Ok::<(), &str>(()))
        }
    };
    let shipper = tokio::spawn(outbox::ship(db, deliver, std::future::pending()));
    until(&seen, 1).await;
    assert_eq!(seen.lock().expect("not poisoned")[0].0, "kept");
    shipper.abort();
    Ok(())
}

#[tokio::test]
async fn one_of_two_shippers_leads_and_the_other_takes_over() -> anyhow::Result<()> {
    let server = testing::database().await;
    let db = server.connect().await;
    let tenant = provisioned(&db, 1).await?;
    let seen = Seen::default();
    let ship = |stop: tokio::sync::oneshot::Receiver<()>| {
        let seen = seen.clone();
        let deliver = move |batch| {
            record(&seen, batch);
            std::future::ready(Ok::<(), &str>(()))
        };
        tokio::spawn(outbox::ship(db.clone(), deliver, async { stop.await.unwrap_or(()) }))
    };
    let (stop_first, stopped) = tokio::sync::oneshot::channel();
    let first = ship(stopped);
    tell(&db, &tenant, "a", &[0]).await?;
    until(&seen, 1).await;
    let (_never, never) = tokio::sync::oneshot::channel();
    let second = ship(never);
    stop_first.send(()).expect("the first listens");
    first.await?;
    tell(&db, &tenant, "a", &[1]).await?;
    until(&seen, 2).await;
    assert_eq!(seen.lock().expect("not poisoned").len(), 2);
    second.abort();
    Ok(())
}
