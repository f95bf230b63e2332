//! Callers whom a queue does not keep, and how they are counted.

use crate::{
    SOON,
    browser::Browser,
    company::{Company, PASSWORD},
};
use serde_json::json;
use softphone::Protocol;

const FULL: f64 = 1_000.0;
const OTHERWISE: f64 = 1_200.0;
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

async fn shows_in_a_column_of_its_own(company: &Company, figure: &str, many: usize) {
    let Some(mut page) = Browser::start(&company.at.url).await else { return };
    page.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    let cell = format!("report-{figure}");
    let shown = page.does("look", json!({ "path": "/reports", "ids": [cell] })).await;
    assert_eq!(shown[&cell], many.to_string());
    page.close().await;
}
