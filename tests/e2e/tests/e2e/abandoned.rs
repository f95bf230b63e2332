//! Callers who give up: everything is freed, and counted where it happened.

use crate::{
    AGENT, CALLER, SOON,
    company::{Company, live_agent, live_call},
    picks_up,
};
use serde_json::{Value, json};
use softphone::{Over, Protocol};

/// A105 in part: a lost call is counted at the stage where it was lost.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_gives_up_is_counted_where_it_happened_and_nothing_stays_behind() {
    let company = Company::sign_up().await;
    let mut nodes = company.queue_nodes();
    let long = "Welcome. ".repeat(30);
    nodes["hello"] =
        json!({ "type": "play", "label": "Greeting", "say": [{ "text": long }], "next": "menu" });
    nodes["menu"] = json!({ "type": "menu", "label": "Menu", "say": [{ "text": "Press one." }],
        "choices": { "1": "wait" }, "timeout_ms": 60_000, "no_input": "bye", "no_match": "bye" });
    let greeting = company.number(nodes.clone(), "hello", true).await;
    nodes.as_object_mut().unwrap().remove("hello");
    let menu = company.number(nodes, "menu", true).await;
    let queue = company.queue_number(true).await;

    gives_up(&company, &greeting, "+40210000001", "greeting").await;
    gives_up(&company, &menu, "+40210000002", "menu").await;
    gives_up(&company, &queue, "+40210000003", "queue").await;
    let ana = company.agent("ana").await;
    let call = company.call(&queue, "+40210000004", Protocol::Udp).await;
    let offer = ana.phone.incoming(SOON).await.unwrap();
    call.hang_up().await.unwrap();
    assert_eq!(offer.wait_ended(SOON).await.unwrap(), Over::Cancelled, "the phone stops ringing");

    let figures = company.figures("did", |f| f["abandoned"] == 4).await;
    for stage in ["greeting", "menu", "queue", "ringing"] {
        assert_eq!(figures[format!("abandoned_{stage}")], 1, "{stage}: {figures:#}");
    }
    assert_eq!((&figures["offered"], &figures["in_progress"]), (&json!(4), &json!(0)));
    let live = company.until(|live| calls(live) == 0).await;
    assert_eq!(live_agent(&live, &ana.agent).unwrap()["state"], "available", "no turn is lost");

    // The agent and the queue are as good as new.
    let call = company.call(&queue, "+40210000005", Protocol::Udp).await;
    let agent = picks_up(&ana.phone, AGENT).await;
    call.hear(AGENT, SOON).await.unwrap();
    agent.hear(CALLER, SOON).await.unwrap();
}

fn calls(live: &Value) -> usize {
    live["calls"].as_array().map_or(0, Vec::len)
}

async fn gives_up(company: &Company, number: &str, from: &str, stage: &str) {
    let call = company.call(number, from, Protocol::Udp).await;
    call.wait_answered(SOON).await.unwrap();
    company.until(|live| live_call(live, from).is_some_and(|row| row["stage"] == stage)).await;
    call.hang_up().await.unwrap();
}
