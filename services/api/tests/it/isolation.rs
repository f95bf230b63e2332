//! Tenant B gets 404 for every id of tenant A, over every route that the
//! OpenAPI document lists.

use crate::*;
use eventlog::{Record, Topic, codec};
use proto::{crm::v1 as crm, recording::v1 as recording, tenancy::v1 as tenancy_wire};
use types::{
    CallId, HangupCause, Party, RecordingId, Stage, TenantId,
    fact::{CallEvent, CallFact},
};

/// An id of tenant A for each place in a path, and a body that A could send there.
struct Target {
    id: String,
    body: Value,
}

async fn target(world: &World, a: &Browser, path: &str) -> Option<Target> {
    let collection = path.split('/').nth(2)?;
    let of = |body: Value| Target { id: body["id"].as_str().unwrap_or_default().to_owned(), body };
    Some(match collection {
        "prompts" => {
            let prompt = json!({ "name": "Hello", "hash": "0".repeat(64), "duration_ms": 1000 });
            of(a.post("/v1/prompts", &prompt).await.body)
        }
        "api-keys" => {
            of(a.post("/v1/api-keys", &json!({ "name": "k", "scopes": ["config:read"] })).await.body)
        }
        "webhooks" => {
            let form = json!({ "name": "w", "url": "https://example.com/hook", "kinds": ["call.ended"] });
            let made = a.post("/v1/webhooks", &form).await.body;
            let body = if path.ends_with("replay") { json!({}) } else { form };
            Target { id: id_of(&made["webhook"]), body }
        }
        "loans" => {
            let (agent, queue) = (id_of(&a.first("agents").await), id_of(&a.first("queues").await));
            let until_ms = chassis::clock::now().millis() + 3_600_000;
            let form = json!({ "agents": [agent], "queue": queue, "until_ms": until_ms });
            let lent = a.post("/v1/loans", &form).await.body;
            Target { id: id_of(&lent["items"][0]), body: form }
        }
        "wallboards" => {
            let form = json!({ "name": "w", "queues": [id_of(&a.first("queues").await)] });
            of(a.post("/v1/wallboards", &form).await.body)
        }
        "thresholds" => of(threshold(a).await),
        "alerts" => Target { id: alert(world, a).await, body: json!({}) },
        "users" => Target { id: id_of(&a.first("users").await), body: json!({}) },
        "roles" => of(a.post("/v1/roles", &json!({ "name": "r", "permissions": ["desk"] })).await.body),
        "departments" => of(a.post("/v1/departments", &json!({ "name": "d" })).await.body),
        // One's own sessions.
        "me" => Target { id: id_of(&a.first("me/sessions").await), body: json!({}) },
        // Whoever may move an agent sends this.
        "agents" if path.matches('/').count() == 4 => {
            let body = match path.rsplit('/').next() {
                Some("department") => json!({ "department": null }),
                Some("state") => json!({ "state": "aux" }),
                Some("skills") => json!({ "skills": [] }),
                _ => json!({ "text": "x" }),
            };
            Target { id: id_of(&a.first("agents").await), body }
        }
        "callbacks" => {
            let body = match path.rsplit('/').next() {
                Some("outcome" | "close") => json!({ "disposition": id_of(&a.first("dispositions").await) }),
                _ => json!({}),
            };
            Target { id: a_callback(world, a).await, body }
        }
        "contacts" => Target { id: contact(world, a).await, body: json!({ "vip": true }) },
        "calls" => {
            let body = match path.rsplit('/').next() {
                Some("commands") => json!({ "type": "swap" }),
                Some("supervision") => json!({ "how": "listen" }),
                Some("assignment") => json!({}),
                _ => Value::Null,
            };
            Target { id: call(world, a).await, body }
        }
        "recordings" => Target { id: a_recording(world, a).await, body: Value::Null },
        // Lives in the API's memory and needs an edge; an id that nobody has must do.
        "test-calls" => Target { id: "test_01J00000000000000000000000".into(), body: Value::Null },
        // The token is the proof, whoever asks.
        "invites" => return None,
        _ => of(a.first(collection).await),
    })
}

fn id_of(document: &Value) -> String {
    document["id"].as_str().unwrap_or_default().to_owned()
}

async fn threshold(a: &Browser) -> Value {
    let queue = id_of(&a.first("queues").await);
    let form = json!({ "name": "t", "queue": queue, "measure": "waiting", "at": 5 });
    a.post("/v1/thresholds", &form).await.body
}

/// Raised as analytics would.
async fn alert(world: &World, a: &Browser) -> String {
    let channel = chassis::grpc::channel(&world.credentials, &world.peers.tenancy).expect("an address");
    let (tenant, threshold) = (a.tenant().to_owned(), id_of(&threshold(a).await));
    let request = tenancy_wire::RaiseRequest { tenant, threshold, value: 5 };
    let raised = tenancy_wire::alerts_client::AlertsClient::new(channel).raise(request).await;
    raised.expect("an alert").into_inner().id
}

async fn contact(world: &World, a: &Browser) -> String {
    let channel = chassis::grpc::channel(&world.credentials, &world.peers.crm).expect("an address");
    let request =
        crm::IdentifyRequest { tenant: a.tenant().into(), number: "+40211234567".into(), name: "Ion".into() };
    let card = crm::crm_client::CrmClient::new(channel).identify(request).await.expect("a card");
    card.into_inner().contact.expect("a contact").id
}

/// A call as the edge tells it.
async fn call(world: &World, a: &Browser) -> String {
    let call = CallId::new(chassis::clock::now(), chassis::random::u128());
    tell_call(world, a, &call).await;
    call.to_string()
}

/// The call's first fact, until it is in the history.
pub async fn tell_call(world: &World, a: &Browser, call: &CallId) {
    let now = chassis::clock::now();
    let (trunk, number) = (a.first("trunks").await, a.first("numbers").await);
    let id = |document: &Value, field: &str| document[field].as_str().expect("an id").to_owned();
    let event = CallEvent::Offered {
        from: "+40211234567".into(),
        caller_name: None,
        did: id(&number, "number").parse().expect("a number"),
        did_label: "Test number".into(),
        trunk: id(&trunk, "id").parse().expect("a trunk"),
        flow: id(&number, "flow").parse().expect("a flow"),
        auto_connect: true,
    };
    let fact = CallFact { call: call.clone(), seq: 0, at: now, event };
    let tenant: TenantId = a.tenant().parse().expect("a tenant");
    world.log.append(Record::new(Topic::Call, &tenant, call.as_str(), codec::encode(&fact))).expect("told");
    for _ in 0..400 {
        if a.get(&format!("/v1/calls/{call}")).await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the call is not in the history");
}

/// A caller hangs up before anybody answers.
async fn a_callback(world: &World, a: &Browser) -> String {
    let call = CallId::new(chassis::clock::now(), chassis::random::u128());
    tell_call(world, a, &call).await;
    let event = CallEvent::Ended {
        cause: HangupCause::Cancelled,
        by: Party::Caller,
        stage: Stage::Greeting,
        queue: None,
        agent: None,
        wait: 0,
        talk: 0,
        hold: 0,
        duration: 1_000,
    };
    let fact = CallFact { call: call.clone(), seq: 1, at: chassis::clock::now(), event };
    let tenant: TenantId = a.tenant().parse().expect("a tenant");
    world.log.append(Record::new(Topic::Call, &tenant, call.as_str(), codec::encode(&fact))).expect("told");
    for _ in 0..400 {
        let task = a.first("callbacks").await;
        if task["id"].is_string() {
            return id_of(&task);
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nobody is to be called back");
}

async fn a_recording(world: &World, a: &Browser) -> String {
    let now = chassis::clock::now();
    let id = RecordingId::new(now, chassis::random::u128()).to_string();
    let call = CallId::new(now, chassis::random::u128()).to_string();
    ingest(world, a.tenant(), &id, &call).await;
    id
}

/// Two seconds of sound, stored as the gateway would.
pub async fn ingest(world: &World, tenant: &str, id: &str, call: &str) {
    let segment = recording::Segment {
        tenant: tenant.into(),
        recording: id.into(),
        call: call.into(),
        number: 0,
        started_at_ms: chassis::clock::now().millis(),
        audio: vec![1; 32_000].into(),
        last: true,
    };
    let channel = chassis::grpc::channel(&world.credentials, &world.peers.recording).expect("an address");
    let mut client = recording::recording_client::RecordingClient::new(channel);
    let segments = futures::StreamExt::chain(tokio_stream::iter([segment]), futures::stream::pending());
    let mut stored = client.ingest(segments).await.expect("a stream").into_inner();
    stored.message().await.expect("stored").expect("an acknowledgement");
}

#[tokio::test]
async fn the_ids_of_one_tenant_are_not_there_for_another_on_any_route() {
    let world = World::start().await;
    let (a, b) = (world.owner("acme").await, world.owner("bolt").await);
    let openapi = a.get("/v1/openapi.json").await.body;
    let mut tried = 0;
    for (path, item) in openapi["paths"].as_object().expect("paths") {
        if !path.contains('{') {
            continue;
        }
        let Some(target) = target(&world, &a, path).await else { continue };
        assert!(target.id.contains('_'), "{path} has an id of A: {}", target.id);
        let (open, close) = (path.find('{').expect("a place"), path.find('}').expect("its end"));
        let concrete = format!("{}{}{}", &path[..open], target.id, &path[close + 1..]);
        for method in item.as_object().expect("operations").keys() {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let mut request = b.request(method.clone(), &concrete);
            if matches!(method, Method::PUT | Method::PATCH | Method::POST) {
                request = request.json(&target.body);
            }
            let answer = b.send(request).await;
            match (path.as_str(), answer.status) {
                // No edge runs here: the live call is asked for where it would be.
                ("/v1/calls/{id}", 503) if method == Method::DELETE => {}
                ("/v1/calls/{id}/commands" | "/v1/calls/{id}/supervision", 503) => {}
                _ => drop(answer.problem(404).to_owned()),
            }
            tried += 1;
        }
        // The same id is there for its own tenant.
        if item.get("get").is_some() && !path.starts_with("/v1/test-calls") && !path.ends_with("/audio") {
            let status = a.get(&concrete).await.status;
            // The ladder lies at an edge, figures in analytics; neither runs here.
            let edge = ["/ladder", "/pcap", "/lenders"].iter().any(|end| path.ends_with(end));
            assert_eq!(status, if edge { 503 } else { 200 }, "{concrete}");
        }
    }
    assert!(tried >= 40, "only {tried} operations were tried");
}

#[tokio::test]
async fn a_stranger_gets_nowhere_without_signing_in() {
    let world = World::start().await;
    let stranger = world.stranger();
    let openapi = stranger.get("/v1/openapi.json").await.body;
    assert_eq!(openapi["openapi"].as_str().map(|v| &v[..3]), Some("3.1"));
    for (path, item) in openapi["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let open = operation["security"].as_array().is_some_and(|all| all.contains(&json!({})));
            assert!(operation["operationId"].is_string(), "{method} {path}");
            if open {
                continue;
            }
            let method: Method = method.to_uppercase().parse().expect("a method");
            let concrete = path.replace("{id}", "que_01J00000000000000000000000");
            let answer = stranger.send(stranger.request(method.clone(), &concrete).json(&json!({}))).await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.body);
            answer.problem(401);
        }
    }
}

#[tokio::test]
async fn a_recording_is_played_in_ranges_by_its_own_tenant() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let id = a_recording(&world, &owner).await;
    let path = format!("/v1/recordings/{id}/audio");
    let fetch = async |range: &str| {
        let request = owner.request(Method::GET, &path).header(header::RANGE, range);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.headers().clone(), answer.bytes().await.expect("bytes"))
    };
    let whole = owner.request(Method::GET, &path).send().await.expect("an answer");
    assert_eq!(
        (whole.status().as_u16(), &whole.headers()[header::ACCEPT_RANGES]),
        (200, &"bytes".parse().expect("v"))
    );
    let whole = whole.bytes().await.expect("bytes");
    assert!(whole.starts_with(b"RIFF") && whole.len() > 32_000, "{}", whole.len());

    let (status, headers, part) = fetch("bytes=100-199").await;
    assert_eq!((status, &part[..]), (206, &whole[100..200]));
    assert_eq!(
        headers[header::CONTENT_RANGE].to_str().expect("text"),
        format!("bytes 100-199/{}", whole.len())
    );
    assert_eq!(fetch("bytes=-10").await.2, whole[whole.len() - 10..]);
    assert_eq!(fetch("bytes=9999999-").await.0, 416);
}

/// Whoever reaches the services' ports without their secret is told nothing.
#[tokio::test]
async fn a_stranger_in_the_services_network_is_refused_by_each_of_them() {
    use proto::{
        acd::v1::attend_client::AttendClient,
        line::v1::line_client::LineClient,
        tenancy::v1::{Token, accounts_client::AccountsClient},
    };
    let world = World::start().await;
    let stranger = chassis::Credentials::alone();
    let to = |address: &str| chassis::grpc::channel(&stranger, address).expect("an address");
    let refusals = [
        AccountsClient::new(to(&world.peers.tenancy)).issue_token(Token::default()).await.err(),
        crm::crm_client::CrmClient::new(to(&world.peers.crm))
            .identify(crm::IdentifyRequest::default())
            .await
            .err(),
        recording::recording_client::RecordingClient::new(to(&world.peers.recording))
            .get(recording::GetRequest::default())
            .await
            .err(),
        AttendClient::new(to(&world.peers.acd)).attach(tokio_stream::iter([])).await.err(),
        LineClient::new(to(&world.peers.api)).ring(tokio_stream::iter([])).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.map(|status| status.code()), Some(tonic::Code::Unauthenticated));
    }
}
