//! What history says of a call, and who may change it.

use crate::*;
use eventlog::{Record, Topic, codec};
use types::{
    AgentId, CallId, HangupCause, Party, QueueId, RecordingId, Stage, TenantId,
    fact::{CallEvent, CallFact},
};

pub const FROM: &str = "+40721000111";

/// A whole call as the edge tells it: path 1→3, answered by `agent`, recorded.
pub async fn a_whole_call(world: &World, owner: &Browser, agent: &str) -> String {
    let now = chassis::clock::now();
    let call = CallId::new(now, chassis::random::u128());
    let (trunk, number, queue) =
        (owner.first("trunks").await, owner.first("numbers").await, owner.first("queues").await);
    let text = |document: &Value, field: &str| document[field].as_str().expect("a text").to_owned();
    let queue: QueueId = text(&queue, "id").parse().expect("a queue");
    let agent: AgentId = agent.parse().expect("an agent");
    let keys = |keys: &str| CallEvent::KeysPressed { node: "menu".into(), keys: keys.into() };
    let events = [
        CallEvent::Offered {
            from: FROM.into(),
            caller_name: None,
            did: text(&number, "number").parse().expect("a number"),
            did_label: text(&number, "label"),
            trunk: text(&trunk, "id").parse().expect("a trunk"),
            flow: text(&number, "flow").parse().expect("a flow"),
            auto_connect: true,
        },
        keys("1"),
        keys("3"),
        CallEvent::Enqueued { queue: queue.clone(), priority: 0, service_level: 1, short_abandon: 1 },
        CallEvent::AgentConnected { queue: queue.clone(), agent: agent.clone(), wait: 4_000, attempt: 1 },
        CallEvent::RecordingStarted { recording: RecordingId::new(now, chassis::random::u128()) },
        CallEvent::Ended {
            cause: HangupCause::Normal,
            by: Party::Agent,
            stage: Stage::Talking,
            queue: Some(queue),
            agent: Some(agent),
            wait: 4_000,
            talk: 60_000,
            hold: 2_000,
            duration: 70_000,
        },
    ];
    let tenant: TenantId = owner.tenant().parse().expect("a tenant");
    for (seq, event) in (0..).zip(events) {
        let fact = CallFact { call: call.clone(), seq, at: now + i64::from(seq) * 10_000, event };
        let record = Record::new(Topic::Call, &tenant, call.as_str(), codec::encode(&fact));
        world.log.append(record).expect("told");
    }
    for _ in 0..400 {
        let row = owner.get(&format!("/v1/calls/{call}")).await;
        if row.body["ended_at_ms"].is_i64() {
            return call.to_string();
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the call is not in the history");
}

/// Time, numbers, path, agent, duration and recording come from the facts, and
/// no door leads to them.
/// Proves A177.
#[tokio::test]
async fn the_details_of_a_call_are_recorded_by_themselves_and_an_agent_cannot_edit_them() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let ben = world.colleague(&owner, "agent").await;
    let call = a_whole_call(&world, &owner, ben.agent()).await;
    let path = format!("/v1/calls/{call}");
    let row = ben.get(&path).await.body;
    let number = owner.first("numbers").await;
    assert_eq!((&row["from"], &row["did"]), (&json!(FROM), &number["number"]));
    assert_eq!((&row["did_label"], &row["path"]), (&number["label"], &json!("1→3")));
    assert_eq!((&row["agent"], &row["outcome"]), (&json!(ben.agent()), &json!("answered")));
    let at = |field: &str| row[field].as_i64().expect("an instant");
    assert_eq!(at("ended_at_ms") - at("started_at_ms"), 60_000);
    assert_eq!((at("wait_ms"), at("talk_ms"), at("hold_ms")), (4_000, 60_000, 2_000));
    assert!(row["recording"].as_str().is_some_and(|id| id.starts_with("rec_")), "{row}");

    let mut edited = row.clone();
    for (field, value) in [("from", json!("+1")), ("path", json!("9")), ("talk_ms", json!(1))] {
        edited[field] = value;
    }
    for method in [Method::PUT, Method::PATCH, Method::POST] {
        ben.send(ben.request(method, &path).json(&edited)).await.problem(405);
    }
    ben.delete(&path).await.problem(403);
    let openapi = owner.get("/v1/openapi.json").await.body;
    for (door, item) in openapi["paths"].as_object().expect("paths") {
        if door.starts_with("/v1/calls") {
            let methods: Vec<&String> = item.as_object().expect("operations").keys().collect();
            assert!(methods.iter().all(|m| !["put", "patch"].contains(&m.as_str())), "{door} {methods:?}");
        }
    }
    assert_eq!(ben.get(&path).await.body, row);
}

/// One history of the person, newest first; that there is a recording is shown
/// to whoever may hear it. A143 for calls alone: other channels are not there yet.
#[tokio::test]
async fn previous_interactions_come_newest_first_with_recordings_for_those_who_may_hear_them() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let ben = world.colleague(&owner, "agent").await;
    let first = a_whole_call(&world, &owner, ben.agent()).await;
    let second = a_whole_call(&world, &owner, owner.agent()).await;
    let contact = owner.get(&format!("/v1/calls/{second}")).await.body["contact"].clone();
    let card = format!("/v1/contacts/{}", contact.as_str().expect("a contact"));
    for (who, hears) in [(&owner, [true, true]), (&ben, [false, true])] {
        let card = who.get(&card).await.body;
        let history = card["interactions"].as_array().expect("a history");
        let calls: Vec<&Value> = history.iter().map(|row| &row["call"]).collect();
        assert_eq!(calls, [&json!(second), &json!(first)]);
        let shown: Vec<bool> = history.iter().map(|row| row["recording"].is_string()).collect();
        assert_eq!(shown, hears);
    }
    assert_eq!(ben.get(&format!("/v1/recordings?call={second}")).await.status, 403);
}
