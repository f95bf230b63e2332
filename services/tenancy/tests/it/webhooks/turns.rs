//! Whose turn it is, and what becomes of those who are changed, off or full.

use super::*;

const CONNECTED: &str = "call.connected";
/// Longer than any test.
const PATIENT: &str = "webhook_timeout_ms = 600000";
/// Deliveries to one receiver at a time.
const AT_ONCE: usize = 8;

fn ids(heard: &[Heard]) -> Vec<String> {
    let mut ids: Vec<String> = heard.iter().map(|one| one.id().to_owned()).collect();
    ids.sort();
    ids
}

/// Calls that connect; the ids of what is told of them.
fn calls_connect(world: &World, tenant: &str, many: u128) -> Vec<String> {
    let calls: Vec<CallId> = (0..many).map(call).collect();
    calls.iter().for_each(|one| world.happens(tenant, one, 0, CallEvent::Connected));
    let mut ids: Vec<String> = calls.iter().map(|one| format!("{one}-0")).collect();
    ids.sort();
    ids
}

impl World {
    async fn has_deliveries(&self, tenant: &str, id: &str, many: usize) {
        let all = async || self.deliveries(tenant, id).await.len();
        eventually(async || (all().await == many).then_some(())).await;
    }
}

#[tokio::test]
async fn what_happens_while_a_receiver_is_off_can_be_replayed_when_it_is_on_again() -> anyhow::Result<()> {
    let world = World::open("").await?;
    let (receiver, other) = (Receiver::start([]).await, Receiver::start([]).await);
    let session = world.sign_up("acme").await?;
    let tenant = tenant(&session);
    let made = world.webhook(tenant, &receiver.url(), &[CONNECTED]).await?;
    world.webhook_becomes(tenant, of(&made), &receiver.url(), false).await;
    let others = world.webhook(tenant, &other.url(), &["call.retrieved"]).await?;
    let one = call(1);
    world.happens(tenant, &one, 0, CallEvent::Connected);
    world.happens(tenant, &one, 1, held(9));
    other.hears(1).await;
    let gone =
        wire::WebhookRequest { tenant: tenant.into(), actor: "usr_test".into(), id: of(&others).into() };
    world.webhooks.clone().delete(gone).await?;

    world.webhook_becomes(tenant, of(&made), &receiver.url(), true).await;
    assert_eq!(world.replay(tenant, of(&made), 0).await?.queued, 1);
    assert_eq!(receiver.hears(1).await[0].id(), format!("{one}-0"));
    assert_eq!(world.deliveries(tenant, of(&made)).await.len(), 1, "nothing came by itself");
    Ok(())
}

#[tokio::test]
async fn slow_receivers_of_two_companies_leave_places_to_a_third() -> anyhow::Result<()> {
    const EACH: usize = 20;
    let world = World::open(PATIENT).await?;
    let (slow, quick) = (Receiver::always(Mood::Hangs).await, Receiver::start([]).await);
    for company in ["acme", "bolt"] {
        let session = world.sign_up(company).await?;
        for _ in 0..EACH {
            world.webhook(tenant(&session), &slow.url(), &[CONNECTED]).await?;
        }
        world.happens(tenant(&session), &call(1), 0, CallEvent::Connected);
    }
    slow.hears(2 * AT_ONCE).await;
    let third = world.sign_up("cosy").await?;
    world.webhook(tenant(&third), &quick.url(), &[CONNECTED]).await?;
    world.happens(tenant(&third), &call(2), 0, CallEvent::Connected);
    quick.hears(1).await;
    assert_eq!(slow.heard().len(), 2 * AT_ONCE, "eight receivers of a company at a time");
    Ok(())
}

/// The old address says that it is gone, too late for anybody to mind.
#[tokio::test]
async fn a_receiver_that_moves_in_its_turn_is_told_at_the_new_address_with_the_new_secret()
-> anyhow::Result<()> {
    const EVENTS: usize = 20;
    let world = World::open(PATIENT).await?;
    let old = Receiver::always(Mood::AnswersLater(StatusCode::GONE)).await;
    let new = Receiver::start([]).await;
    let session = world.sign_up("acme").await?;
    let tenant = tenant(&session);
    let made = world.webhook(tenant, &old.url(), &[CONNECTED]).await?;
    let told = calls_connect(&world, tenant, EVENTS as u128);
    old.hears(1).await;
    world.has_deliveries(tenant, of(&made), EVENTS).await;

    let request =
        wire::WebhookRequest { tenant: tenant.into(), actor: "usr_test".into(), id: of(&made).into() };
    let rotated = world.webhooks.clone().rotate(request).await?.into_inner();
    world.webhook_becomes(tenant, of(&made), &new.url(), true).await;
    old.gate.add_permits(1_000);
    let heard = new.hears(EVENTS).await;
    assert_eq!(ids(&heard), told, "each once");
    assert!(heard.iter().all(|one| one.verified_by(&rotated.secret)));
    assert!(old.heard().len() <= AT_ONCE, "what was on its way, and no more");
    let now = world.webhook_now(tenant, of(&made)).await;
    assert_eq!((now.enabled, now.failing_since_ms), (true, 0), "what the old one did is not held against it");
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_is_switched_off_in_its_turn_is_told_no_more() -> anyhow::Result<()> {
    const EVENTS: usize = 20;
    let world = World::open(PATIENT).await?;
    let receiver = Receiver::always(Mood::AnswersLater(StatusCode::NO_CONTENT)).await;
    let session = world.sign_up("acme").await?;
    let tenant = tenant(&session);
    let made = world.webhook(tenant, &receiver.url(), &[CONNECTED]).await?;
    let told = calls_connect(&world, tenant, EVENTS as u128);
    receiver.hears(1).await;
    world.has_deliveries(tenant, of(&made), EVENTS).await;

    world.webhook_becomes(tenant, of(&made), &receiver.url(), false).await;
    receiver.gate.add_permits(1_000);
    let db = world.database.connect().await;
    eventually(async || {
        let mut tx = db.platform().await.expect("a database");
        let held: i64 = sqlx::query_scalar("select held_until_ms from webhooks where id = $1")
            .bind(of(&made))
            .fetch_one(&mut *tx)
            .await
            .expect("the row");
        (held == 0).then_some(())
    })
    .await;
    assert!(receiver.heard().len() <= AT_ONCE, "what was on its way, and no more");
    world.webhook_becomes(tenant, of(&made), &receiver.url(), true).await;
    assert_eq!(ids(&receiver.hears(EVENTS).await), told, "the rest when it is on again, each once");
    Ok(())
}

#[tokio::test]
async fn a_replay_for_which_there_is_no_room_says_so() -> anyhow::Result<()> {
    let (world, receiver) = (World::open("").await?, Receiver::start([]).await);
    let session = world.sign_up("acme").await?;
    let tenant = tenant(&session);
    let made = world.webhook(tenant, &receiver.url(), &[CONNECTED]).await?;
    world.happens(tenant, &call(1), 0, CallEvent::Connected);
    world.delivery(tenant, of(&made), "delivered").await;
    let mut tx = world.database.connect().await.begin(&tenant.parse()?).await?;
    sqlx::query(
        "insert into webhook_deliveries (webhook, event, key, state, next_at_ms)
         select webhook, event, key, 'waiting', 9000000000000 from webhook_deliveries, generate_series(1, 10000)",
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let refused = world.replay(tenant, of(&made), 0).await;
    assert!(super::refused(refused, Code::ResourceExhausted).contains("10000 deliveries wait"));
    Ok(())
}

/// The page asks every few seconds; whoever tells the receiver something holds its row.
#[tokio::test]
async fn a_page_is_read_while_the_row_is_held() -> anyhow::Result<()> {
    let (world, receiver) = (World::open("").await?, Receiver::start([]).await);
    let session = world.sign_up("acme").await?;
    let tenant = tenant(&session);
    let made = world.webhook(tenant, &receiver.url(), &[CONNECTED]).await?;
    let db = world.database.connect().await;
    let mut tx = db.platform().await?;
    sqlx::query("select from webhooks where id = $1 for update").bind(of(&made)).execute(&mut *tx).await?;
    let read = async {
        world.webhook_now(tenant, of(&made)).await;
        world.deliveries(tenant, of(&made)).await.len()
    };
    let read = tokio::time::timeout(Duration::from_secs(20), read).await;
    assert_eq!(read.expect("nobody waits for the row"), 0);
    Ok(())
}
