//! Agents on a SIP phone in a browser that is none of ours: JsSIP over WebSocket.

use crate::{
    AGENT, CALLER, SOON,
    browser::Browser,
    company::{Company, live_agent, text},
    picks_up,
};
use serde_json::{Value, json};
use softphone::Protocol;

const FROM: &str = "+40213334455";
/// What the colleague says.
const COLLEAGUE: f64 = 900.0;
const MUSIC: f64 = 261.6;

/// Registers by digest over WSS, is offered a caller, talks, holds, loses its
/// connection and comes back in the middle of the call, and both sides hang up once.
/// Then without TLS: it calls a colleague.
#[tokio::test(flavor = "multi_thread")]
async fn a_sip_phone_in_a_browser_is_rung_talks_holds_comes_back_and_calls_a_colleague() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "ring_timeout_ms": 30_000 })).await;
    let number = company.queue_number(true).await;
    let (agent, user, password) = company.agent_with_foreign_phone("ana").await;
    let Some(mut page) = Browser::start(&company.at.url).await else { return };
    let server = company.get("/v1/sip-server").await;
    let account = |url: &Value| json!({ "url": url, "user": user, "password": password });
    let contact = page.does("sip_phone", account(&server["wss"])).await;
    assert!(text(&contact).contains(".invalid"), "nobody can connect to it: {contact}");
    company.is_there(&agent).await;

    let call = company.call(&number, FROM, Protocol::Udp).await;
    assert_eq!(page.does("sip_rings", Value::Null).await, FROM);
    page.does("sip_answers", Value::Null).await;
    page.does("hear", json!({ "hz": CALLER })).await;
    call.hear(AGENT, SOON).await.expect("the caller hears the agent");

    page.does("sip_holds", json!(true)).await;
    call.hear(MUSIC, SOON).await.expect("music on hold");
    page.does("sip_holds", json!(false)).await;
    call.hear(AGENT, SOON).await.expect("back from hold");
    page.does("hear", json!({ "hz": CALLER })).await;

    page.does("sip_reconnects", Value::Null).await;
    call.hear(AGENT, SOON).await.expect("the same call on a new connection");
    call.hang_up().await.unwrap();
    let over = page.does("sip_over", Value::Null).await;
    assert!(text(&over).starts_with("remote"), "it is told so on the new connection: {over}");

    company.until(|live| live_agent(live, &agent).is_some_and(|row| row["state"] == "available")).await;
    let call = company.call(&number, FROM, Protocol::Udp).await;
    page.does("sip_rings", Value::Null).await;
    page.does("sip_answers", Value::Null).await;
    page.does("hear", json!({ "hz": CALLER })).await;
    call.hear(AGENT, SOON).await.expect("the caller hears the agent");
    page.does("sip_hangs_up", Value::Null).await;
    call.wait_ended(SOON).await.expect("the caller is let go");
    let row = company.history(FROM, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    assert_eq!((&row["agent"], &row["outcome"]), (&json!(agent), &json!("answered")));

    calls_a_colleague(&company, &mut page, account(&server["ws"])).await;
    page.close().await;
    company.until(|live| live_agent(live, &agent).is_some_and(|row| row["state"] == "offline")).await;
}

async fn calls_a_colleague(company: &Company, page: &mut Browser, account: Value) {
    let ben = company.agent("ben").await;
    page.does("sip_phone", account).await;
    page.does("sip_calls", json!(ben.registration.username())).await;
    let ben = picks_up(&ben.phone, COLLEAGUE).await;
    page.does("sip_talks", Value::Null).await;
    page.does("hear", json!({ "hz": COLLEAGUE })).await;
    ben.hear(AGENT, SOON).await.expect("the colleague hears the agent");
    ben.hang_up().await.unwrap();
    page.does("sip_over", Value::Null).await;
}
