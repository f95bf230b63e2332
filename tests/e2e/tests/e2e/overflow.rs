//! Callers whom a queue does not keep, and how they are counted.

use crate::{
    SOON,
    browser::Browser,
    company::{Company, PASSWORD, live_agent, live_call, text},
    proxy::Proxy,
};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::Protocol;
use std::time::Duration;

const FULL: f64 = 1_000.0;
const EMPTY: f64 = 800.0;
const OTHERWISE: f64 = 1_200.0;
const PRESENCE_LOST_WITHIN: Duration = Duration::from_secs(15);
/// Callers who may wait.
const MOST: usize = 5;
/// Callers who come when it is full.
const TOO_MANY: usize = 3;

/// Proves A212.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_a_full_queue_goes_to_its_target_and_is_counted_there() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "waiting_max": MOST })).await;
    company.in_force().await;
    let mut nodes = company.queue_nodes();
    nodes["wait"]["overflow"] = json!("otherwise");
    nodes["wait"]["overflow_by"] = json!({ "queue_full": "full" });
    for (name, hz) in [("full", FULL), ("otherwise", OTHERWISE)] {
        let prompt = company.tone_prompt(hz, 3.0).await;
        nodes[name] = json!({ "type": "play", "label": name, "say": [{ "prompt": prompt }], "next": "bye" });
    }
    let number = company.number(nodes, "wait", true).await;
    let mut waiting = Vec::new();
    for n in 0..MOST {
        waiting.push(company.call(&number, &format!("+4021400000{n}"), Protocol::Udp).await);
    }
    let waits = |live: &serde_json::Value| {
        let calls = live["calls"].as_array().into_iter().flatten();
        calls.filter(|call| call["stage"] == "queue").count()
    };
    company.until(|live| waits(live) == MOST).await;
    for n in 0..TOO_MANY {
        let call = company.call(&number, &format!("+4021400001{n}"), Protocol::Udp).await;
        call.hear(FULL, SOON).await.expect("the target of a full queue");
        call.wait_ended(SOON).await.unwrap();
    }
    assert_eq!(waits(&company.live().await), MOST, "nobody who waited was pushed out");
    let figures = company.figures("queue", |f| f["overflowed"] == TOO_MANY).await;
    assert_eq!(figures["overflowed_full"], TOO_MANY, "{figures:#}");
    assert_eq!((&figures["offered"], &figures["in_progress"]), (&json!(MOST + TOO_MANY), &json!(MOST)));
    for other in ["overflowed_no_agents", "overflowed_wait_limit", "overflowed_emergency"] {
        assert_eq!(figures[other], 0, "{other}");
    }
    for call in waiting {
        call.hang_up().await.unwrap();
    }
    shows_in_a_column_of_its_own(&company, "overflowed_full", TOO_MANY).await;
}

/// Everybody's network is cut, and nobody is told so: who waits, and who comes
/// then, goes to the target within fifteen seconds.
/// Proves A213.
#[tokio::test(flavor = "multi_thread")]
async fn when_the_network_of_all_agents_is_cut_nobody_waits_for_them() {
    let mut company = Company::sign_up().await;
    // Nobody is asked by itself, so that somebody waits while the agents are there.
    company.change_queue(json!({ "no_agents_after_ms": 0, "manual": true })).await;
    let mut nodes = company.queue_nodes();
    nodes["wait"]["overflow"] = json!("otherwise");
    nodes["wait"]["overflow_by"] = json!({ "no_agents": "empty" });
    for (name, hz) in [("empty", EMPTY), ("otherwise", OTHERWISE)] {
        let prompt = company.tone_prompt(hz, 3.0).await;
        nodes[name] = json!({ "type": "play", "label": name, "say": [{ "prompt": prompt }], "next": "bye" });
    }
    let number = company.number(nodes, "wait", true).await;
    let wire = Proxy::to(&company.at.url).await;
    let (mut desks, mut agents) = (Vec::new(), Vec::new());
    for name in ["ana", "ben"] {
        let agent = company.colleague(name, "agent").await;
        let id = text(&agent.get("/v1/me").await["agent"]);
        let general = json!({ "skills": [{ "name": "general", "level": 5 }] });
        company.send(Method::PUT, &format!("/v1/agents/{id}/skills"), Some(general)).await;
        let Some(mut desk) = Browser::start(&wire.url).await else { return };
        desk.does("log_in", json!({ "email": agent.email, "password": PASSWORD })).await;
        desk.does("available", Value::Null).await;
        company.until(|live| live_agent(live, &id).is_some_and(|row| row["state"] == "available")).await;
        desks.push(desk);
        agents.push(id);
    }
    company.in_force().await;
    let waits = company.call(&number, "+40214000021", Protocol::Udp).await;
    company.until(|live| live_call(live, "+40214000021").is_some_and(|row| row["stage"] == "queue")).await;
    wire.dies();
    waits.hear(EMPTY, PRESENCE_LOST_WITHIN).await.expect("who waited goes to the target");
    let comes = company.call(&number, "+40214000022", Protocol::Udp).await;
    comes.hear(EMPTY, SOON).await.expect("who comes then does so at once");
    let figures = company.figures("queue", |f| f["overflowed"] == 2).await;
    assert_eq!(figures["overflowed_no_agents"], 2, "{figures:#}");
    for other in ["overflowed_full", "overflowed_wait_limit", "overflowed_emergency"] {
        assert_eq!(figures[other], 0, "{other}");
    }
    shows_in_a_column_of_its_own(&company, "overflowed_no_agents", 2).await;

    // The wire is back, and so are the agents, as what they were.
    wire.comes_back();
    let back =
        |live: &Value, id: &String| live_agent(live, id).is_some_and(|row| row["state"] == "available");
    company.until(|live| agents.iter().all(|id| back(live, id))).await;
    for desk in desks {
        desk.close().await;
    }
}

async fn shows_in_a_column_of_its_own(company: &Company, figure: &str, many: usize) {
    let Some(mut page) = Browser::start(&company.at.url).await else { return };
    page.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    let cell = format!("report-{figure}");
    let shown = page.does("look", json!({ "path": "/reports", "ids": [cell] })).await;
    assert_eq!(shown[&cell], many.to_string());
    page.close().await;
}
