//! Webhooks against a real receiver on a socket, verified by the library of Standard Webhooks.

mod turns;

use crate::{mails::MailServer, *};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::post,
};
use eventlog::{Record, Topic, codec};
use serde_json::Value;
use standardwebhooks::Webhook;
use std::{collections::VecDeque, sync::Mutex};
use tokio::sync::Semaphore;
use types::{
    fact::{CallEvent, CallFact},
    *,
};

const OPEN: &str = "webhook_private_addresses = true\nwebhook_retry_ms = 40\n";

/// How the receiver answers next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    Answers(StatusCode),
    Hangs,
    /// When the test opens the gate.
    AnswersLater(StatusCode),
    RedirectsTo(&'static str),
}

#[derive(Clone)]
struct Heard {
    path: &'static str,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Heard {
    fn id(&self) -> &str {
        self.headers["webhook-id"].to_str().expect("text")
    }

    fn message(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn verified_by(&self, secret: &str) -> bool {
        Webhook::new(secret).expect("a secret").verify(&self.body, &self.headers).is_ok()
    }
}

#[derive(Clone)]
struct Receiver {
    moods: Arc<Mutex<VecDeque<Mood>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
    always: Arc<Mutex<Option<Mood>>>,
    gate: Arc<Semaphore>,
    port: u16,
}

impl Receiver {
    async fn start(moods: impl IntoIterator<Item = Mood>) -> Receiver {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let receiver = Receiver {
            moods: Arc::new(Mutex::new(moods.into_iter().collect())),
            heard: Arc::default(),
            always: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            port,
        };
        let router = Router::new()
            .route(
                "/hook",
                post(async |State(receiver): State<Receiver>, headers, body| {
                    receiver.hear("/hook", headers, body).await
                }),
            )
            .route(
                "/other",
                post(async |State(receiver): State<Receiver>, headers, body| {
                    receiver.hear("/other", headers, body).await
                }),
            )
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    async fn hear(&self, path: &'static str, headers: HeaderMap, body: Bytes) -> Response {
        self.heard.lock().unwrap().push(Heard { path, headers, body: body.to_vec() });
        let always = *self.always.lock().unwrap();
        let mood = always.or_else(|| self.moods.lock().unwrap().pop_front()).unwrap_or(Mood::Takes);
        match mood {
            Mood::Takes => StatusCode::NO_CONTENT.into_response(),
            Mood::Answers(status) => status.into_response(),
            Mood::Hangs => std::future::pending().await,
            Mood::AnswersLater(status) => {
                self.gate.acquire().await.expect("the gate is never closed").forget();
                status.into_response()
            }
            Mood::RedirectsTo(place) => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, place)]).into_response(),
        }
    }

    /// A mood for good.
    async fn always(mood: Mood) -> Receiver {
        let receiver = Receiver::start([]).await;
        *receiver.always.lock().unwrap() = Some(mood);
        receiver
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    async fn hears(&self, many: usize) -> Vec<Heard> {
        eventually(async || Some(self.heard()).filter(|heard| heard.len() >= many)).await
    }
}

async fn eventually<T>(mut asked: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..2_000 {
        if let Some(answer) = asked().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to that");
}

fn call(number: u128) -> CallId {
    CallId::new(chassis::clock::now(), number)
}

impl World {
    async fn open(settings: &str) -> anyhow::Result<World> {
        World::start_with(testing::database().await, tempfile::tempdir()?, &format!("{OPEN}{settings}")).await
    }

    async fn webhook(&self, tenant: &str, url: &str, kinds: &[&str]) -> Result<wire::WebhookSecret, Status> {
        let request = wire::PutWebhookRequest {
            tenant: tenant.into(),
            actor: "usr_test".into(),
            name: "Orders".into(),
            url: url.into(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            enabled: true,
            ..Default::default()
        };
        Ok(self.webhooks.clone().create(request).await?.into_inner())
    }

    fn happens(&self, tenant: &str, call: &CallId, seq: u32, event: CallEvent) {
        let fact = CallFact { call: call.clone(), seq, at: chassis::clock::now(), event };
        let tenant = tenant.parse().expect("a tenant's id");
        let record = Record::new(Topic::Call, &tenant, call.as_str(), codec::encode(&fact));
        self.log.append(record).expect("the log takes it");
    }

    /// As a person changes it on its page.
    async fn webhook_becomes(&self, tenant: &str, id: &str, url: &str, enabled: bool) -> wire::Webhook {
        let wire::Webhook { name, kinds, .. } = self.webhook_now(tenant, id).await;
        let request = wire::PutWebhookRequest {
            tenant: tenant.into(),
            actor: "usr_test".into(),
            id: id.into(),
            name,
            url: url.into(),
            kinds,
            enabled,
        };
        self.webhooks.clone().replace(request).await.expect("changed").into_inner()
    }

    async fn replay(&self, tenant: &str, id: &str, after: i64) -> Result<wire::Replayed, Status> {
        let request = wire::ReplayRequest {
            tenant: tenant.into(),
            actor: "usr_test".into(),
            webhook: id.into(),
            after,
            from_ms: 0,
        };
        Ok(self.webhooks.clone().replay(request).await?.into_inner())
    }

    async fn webhook_now(&self, tenant: &str, id: &str) -> wire::Webhook {
        let request = wire::WebhookRequest { tenant: tenant.into(), id: id.into(), ..Default::default() };
        self.webhooks.clone().get(request).await.expect("a webhook").into_inner()
    }

    async fn deliveries(&self, tenant: &str, id: &str) -> Vec<wire::delivery_list::Delivery> {
        let request = wire::DeliveriesRequest {
            tenant: tenant.into(),
            webhook: id.into(),
            limit: 100,
            ..Default::default()
        };
        self.webhooks.clone().deliveries(request).await.expect("deliveries").into_inner().deliveries
    }

    /// Waits until the newest delivery is in this state.
    async fn delivery(&self, tenant: &str, id: &str, state: &str) -> wire::delivery_list::Delivery {
        let newest = async || self.deliveries(tenant, id).await.into_iter().next();
        eventually(async || newest().await.filter(|newest| newest.state == state)).await
    }
}

fn held(ms: i64) -> CallEvent {
    CallEvent::Retrieved { by: Party::Agent, held: ms }
}

fn of(made: &wire::WebhookSecret) -> &str {
    &made.webhook.as_ref().expect("a webhook").id
}

#[tokio::test]
async fn a_receiver_gets_what_it_asked_for_signed_and_in_order_and_no_other_tenants() -> anyhow::Result<()> {
    let (world, receiver, theirs) =
        (World::open("").await?, Receiver::start([]).await, Receiver::start([]).await);
    let (ours, others) = (world.sign_up("acme").await?, world.sign_up("rival").await?);
    let made = world.webhook(tenant(&ours), &receiver.url(), &["call.retrieved", "call.connected"]).await?;
    world.webhook(tenant(&others), &theirs.url(), &["call.connected"]).await?;

    let calls = [call(1), call(2)];
    for seq in 0..6 {
        for one in &calls {
            world.happens(
                tenant(&ours),
                one,
                seq,
                if seq == 0 { CallEvent::Connected } else { held(seq.into()) },
            );
        }
    }
    world.happens(tenant(&ours), &calls[0], 6, CallEvent::Held { by: Party::Agent });
    // Read twice, told once.
    world.happens(tenant(&ours), &calls[0], 5, held(5));
    let told = call(3);
    world.happens(tenant(&others), &told, 0, CallEvent::Connected);
    let last = call(4);
    world.happens(tenant(&ours), &last, 0, CallEvent::Connected);

    let heard = receiver.hears(13).await;
    assert_eq!(theirs.hears(1).await[0].message()["data"]["call"], told.as_str());
    assert!(heard.iter().all(|one| one.verified_by(&made.secret)), "every signature holds");
    assert!(heard.iter().all(|one| one.headers["content-type"] == "application/json"));
    for one in &calls {
        let messages =
            heard.iter().map(Heard::message).filter(|message| message["data"]["call"] == one.as_str());
        let order: Vec<_> = messages.map(|message| message["data"]["seq"].as_u64()).collect();
        assert_eq!(order, (0..6).map(Some).collect::<Vec<_>>(), "in the order of the call");
    }
    let message = heard.iter().find(|one| one.id() == format!("{}-5", calls[0])).expect("the fact").message();
    assert_eq!((&message["type"], &message["data"]["held_ms"]), (&"call.retrieved".into(), &5.into()));
    assert_eq!(receiver.heard().len(), 13, "nothing else was asked for");
    assert!(theirs.heard().iter().all(|one| !one.verified_by(&made.secret)), "a secret is one receiver's");
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_fails_hangs_or_redirects_is_asked_again_and_later_events_wait() -> anyhow::Result<()>
{
    let world = World::open("webhook_timeout_ms = 2000").await?;
    let moods = [Mood::Answers(StatusCode::INTERNAL_SERVER_ERROR), Mood::Hangs, Mood::RedirectsTo("/other")];
    let receiver = Receiver::start(moods).await;
    let session = world.sign_up("acme").await?;
    let made =
        world.webhook(tenant(&session), &receiver.url(), &["call.connected", "call.retrieved"]).await?;
    let one = call(1);
    world.happens(tenant(&session), &one, 0, CallEvent::Connected);
    world.happens(tenant(&session), &one, 1, held(9));

    let heard = receiver.hears(5).await;
    assert!(heard.iter().all(|heard| heard.path == "/hook"), "redirects are not followed");
    let ids: Vec<_> = heard.iter().map(Heard::id).collect();
    let (first, second) = (format!("{one}-0"), format!("{one}-1"));
    assert_eq!(ids, [first.as_str(), &first, &first, &first, &second]);
    assert!(heard[..4].iter().all(|again| again.body == heard[0].body), "the same at each attempt");
    world.delivery(tenant(&session), of(&made), "delivered").await;
    let deliveries = world.deliveries(tenant(&session), of(&made)).await;
    let shown: Vec<_> = deliveries.iter().map(|d| (d.event.as_str(), d.attempts, d.status)).collect();
    assert_eq!(shown, [(second.as_str(), 1, 204), (first.as_str(), 4, 204)]);
    assert_eq!(world.webhook_now(tenant(&session), of(&made)).await.failing_since_ms, 0, "it works again");
    Ok(())
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign() -> anyhow::Result<()> {
    let (world, receiver) = (World::open("").await?, Receiver::start([]).await);
    let session = world.sign_up("acme").await?;
    let made = world.webhook(tenant(&session), &receiver.url(), &["call.connected"]).await?;
    let request = wire::WebhookRequest {
        tenant: tenant(&session).into(),
        actor: "usr_test".into(),
        id: of(&made).into(),
    };
    let next = world.webhooks.clone().rotate(request.clone()).await?.into_inner();
    assert_ne!(made.secret, next.secret);
    world.webhooks.clone().test(request).await?;
    let heard = &receiver.hears(1).await[0];
    assert_eq!(heard.message()["type"], "webhook.test");
    assert!(heard.verified_by(&made.secret) && heard.verified_by(&next.secret));
    let day = next.webhook.expect("a webhook").old_secret_until_ms - chassis::clock::now().millis();
    assert!((23 * 3_600_000..=24 * 3_600_000).contains(&day), "for a day");
    Ok(())
}

#[tokio::test]
async fn a_private_address_is_refused_when_it_is_named_and_when_it_is_resolved() -> anyhow::Result<()> {
    let (world, receiver) = (World::open("").await?, Receiver::start([]).await);
    let session = world.sign_up("acme").await?;
    let named = format!("http://localhost:{}/hook", receiver.port);
    let made = world.webhook(tenant(&session), &named, &["call.connected"]).await?;
    world.happens(tenant(&session), &call(1), 0, CallEvent::Connected);
    receiver.hears(1).await;
    world.delivery(tenant(&session), of(&made), "delivered").await;
    let (database, folder) = world.stop().await?;

    // The same database under an instance that does not allow it.
    let world = World::start_with(database, folder, "webhook_retry_ms = 40").await?;
    for url in [
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/",
        "https://localhost/x",
    ] {
        let refused = world.webhook(tenant(&session), url, &["call.connected"]).await;
        assert!(super::refused(refused, Code::InvalidArgument).contains("public internet"), "{url}");
    }
    for url in
        ["http://93.184.215.14/x", "ftp://example.com/", "https://user:word@example.com/", "no address"]
    {
        super::refused(
            world.webhook(tenant(&session), url, &["call.connected"]).await,
            Code::InvalidArgument,
        );
    }
    world.happens(tenant(&session), &call(2), 0, CallEvent::Connected);
    let newest = async || world.deliveries(tenant(&session), of(&made)).await.into_iter().next();
    let tried = eventually(async || newest().await.filter(|newest| newest.attempts > 1)).await;
    assert_eq!(
        (tried.state.as_str(), tried.problem.as_str(), tried.status),
        ("waiting", "private_address", 0)
    );
    assert_eq!(receiver.heard().len(), 1, "not even a connection's worth");
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_fails_for_long_is_switched_off_and_the_admin_is_told() -> anyhow::Result<()> {
    let mut mails = MailServer::start().await;
    let settings = format!(
        "webhook_failing_ms = 300\nsmtp_url = {:?}\npublic_url = 'https://portal.example/'",
        mails.url
    );
    let world = World::open(&settings).await?;
    let session = world.sign_up("acme").await?;
    let verify = mails.next().await.token("verify");
    world.accounts.clone().verify_email(wire::Token { token: verify }).await?;
    let receiver = Receiver::start([]).await;
    *receiver.always.lock().unwrap() = Some(Mood::Answers(StatusCode::BAD_GATEWAY));
    let made = world.webhook(tenant(&session), &receiver.url(), &["call.connected"]).await?;
    world.happens(tenant(&session), &call(1), 0, CallEvent::Connected);

    let mail = mails.next().await;
    assert_eq!((mail.to.as_str(), mail.token("webhooks").as_str()), ("ana@acme.example", of(&made)));
    let off = world.webhook_now(tenant(&session), of(&made)).await;
    assert_eq!((off.enabled, off.disabled_because.as_str()), (false, "failing"));
    let request = wire::AuditRequest {
        tenant: tenant(&session).into(),
        action: "webhook.".into(),
        limit: 10,
        ..Default::default()
    };
    let deeds = world.audit.clone().list(request).await?.into_inner().entries;
    assert_eq!(deeds[0].action, "webhook.switch_off");

    // Mended and switched on again, it gets what waited.
    *receiver.always.lock().unwrap() = None;
    let heard = receiver.heard().len();
    world.webhook_becomes(tenant(&session), of(&made), &off.url, true).await;
    receiver.hears(heard + 1).await;
    world.delivery(tenant(&session), of(&made), "delivered").await;

    *receiver.always.lock().unwrap() = Some(Mood::Answers(StatusCode::GONE));
    world.happens(tenant(&session), &call(2), 0, CallEvent::Connected);
    let now = async || world.webhook_now(tenant(&session), of(&made)).await;
    let gone = eventually(async || Some(now().await).filter(|webhook| !webhook.enabled)).await;
    assert_eq!(gone.disabled_because, "gone", "410 says it at once");
    Ok(())
}

#[tokio::test]
async fn a_delivery_is_sent_again_and_events_are_replayed_from_a_cursor() -> anyhow::Result<()> {
    let (world, receiver) = (World::open("").await?, Receiver::start([]).await);
    let session = world.sign_up("acme").await?;
    let made = world.webhook(tenant(&session), &receiver.url(), &["call.connected"]).await?;
    let calls: Vec<CallId> = (0..5).map(call).collect();
    for one in &calls {
        world.happens(tenant(&session), one, 0, CallEvent::Connected);
    }
    let heard = receiver.hears(5).await;
    eventually(async || {
        let all = world.deliveries(tenant(&session), of(&made)).await;
        Some(()).filter(|()| all.len() == 5 && all.iter().all(|one| one.state == "delivered"))
    })
    .await;

    let deliveries = world.deliveries(tenant(&session), of(&made)).await;
    let resend = wire::ResendRequest {
        tenant: tenant(&session).into(),
        actor: "usr_test".into(),
        webhook: of(&made).into(),
        delivery: deliveries[1].id,
    };
    world.webhooks.clone().resend(resend.clone()).await?;
    assert_eq!(receiver.hears(6).await[5].id(), deliveries[1].event);
    let stranger = world.sign_up("rival").await?;
    let foreign = wire::ResendRequest { tenant: tenant(&stranger).into(), ..resend };
    super::refused(world.webhooks.clone().resend(foreign).await, Code::NotFound);

    let in_order = |heard: &[Heard]| {
        let mut cursors: Vec<i64> =
            heard.iter().filter_map(|one| one.message()["cursor"].as_str()?.parse().ok()).collect();
        cursors.sort_unstable();
        cursors
    };
    let cursors = in_order(&heard);
    let replayed = world.replay(tenant(&session), of(&made), cursors[1]).await?;
    assert_eq!((replayed.queued, replayed.next), (3, 0));
    assert_eq!(in_order(&receiver.hears(9).await[6..]), cursors[2..], "behind the cursor, each once");
    Ok(())
}
