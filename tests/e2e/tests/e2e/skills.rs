//! Levels of skill decide, at once and on record.

use crate::{
    AGENT, CALLER, SOON,
    company::{AgentPhone, Company, text},
    picks_up,
};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::Protocol;

/// Saves the level by the API; what came of it.
async fn level(company: &Company, agent: &AgentPhone, level: u8) -> u16 {
    let path = format!("/v1/agents/{}", agent.agent);
    let mut profile = company.document(&path).await;
    profile["skills"] = json!([{ "name": "general", "level": level }]);
    company.status(Method::PUT, &path, profile).await
}

/// Calls, and talks with whoever is asked: the other must not ring.
async fn rings(company: &Company, number: &str, from: &str, wanted: &AgentPhone) -> Value {
    let call = company.call(number, from, Protocol::Udp).await;
    let talk = picks_up(&wanted.phone, AGENT).await;
    call.hear(AGENT, SOON).await.unwrap();
    talk.hear(CALLER, SOON).await.unwrap();
    call.hang_up().await.unwrap();
    talk.wait_ended(SOON).await.unwrap();
    let row = company.history(from, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    company.get(&format!("/v1/calls/{}", text(&row["id"]))).await["offers"].clone()
}

/// Proves A003.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_level_decides_the_next_call_and_the_log_names_the_skill() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "levels": "highest_first", "ring_timeout_ms": 30_000 })).await;
    let number = company.queue_number(true).await;
    let (ana, ben) = (company.agent("ana").await, company.agent("ben").await);
    for good in 1..=10 {
        assert_eq!(level(&company, &ben, good).await, 200, "level {good}");
    }
    for bad in [0, 11] {
        assert_eq!(level(&company, &ben, bad).await, 422, "level {bad}");
    }
    company.in_force().await;
    let offers = rings(&company, &number, "+40217000001", &ben).await;
    assert_eq!(offers[0]["agent"], ben.agent.as_str(), "10 comes before 5: {offers:#}");

    assert_eq!(level(&company, &ben, 1).await, 200);
    company.in_force().await;
    let offers = rings(&company, &number, "+40217000002", &ana).await;
    assert_eq!(offers.as_array().unwrap().len(), 1, "nobody else was asked");
    let decision = ["agent", "rule", "skill"].map(|field| text(&offers[0][field]));
    assert_eq!(decision, [ana.agent, "skill".to_owned(), "general".to_owned()]);
    let levels: Vec<&Value> = offers[0]["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| &agent["skills"][0]["level"])
        .collect();
    assert_eq!(levels, [&json!(5), &json!(1)], "both are on record with their levels");
}
