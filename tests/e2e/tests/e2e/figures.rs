//! The report against the calls one by one: every figure is counted again here,
//! from the history and by nothing that the product counts with.

use crate::{
    AGENT, CALLER, SOON,
    browser::Browser,
    company::{AgentPhone, Company, PASSWORD},
};
use serde_json::{Value, json};
use softphone::{Call, Protocol, Sound};
use std::time::Duration;

const SHORT_MS: i64 = 1_500;
const HOUR_MS: i64 = 3_600_000;

/// Talks for so long with whoever answers.
async fn answered(company: &Company, number: &str, from: &str, ana: &AgentPhone, waits: u64, talks: u64) {
    let call = company.call(number, from, Protocol::Udp).await;
    let offer = ana.phone.incoming(SOON).await.unwrap();
    offer.say(Sound::Tone(AGENT));
    tokio::time::sleep(Duration::from_millis(waits)).await;
    let talk = offer.answer().await.unwrap();
    call.hear(AGENT, SOON).await.unwrap();
    talk.hear(CALLER, SOON).await.unwrap();
    tokio::time::sleep(Duration::from_millis(talks)).await;
    call.hang_up().await.unwrap();
    talk.wait_ended(SOON).await.unwrap();
}

/// Gives up in the queue after so long.
async fn abandoned(company: &Company, number: &str, from: &str, waits: u64) {
    let call: Call = company.call(number, from, Protocol::Udp).await;
    company
        .until(|live| live["calls"].as_array().is_some_and(|calls| calls.iter().any(|c| c["from"] == from)))
        .await;
    tokio::time::sleep(Duration::from_millis(waits)).await;
    call.hang_up().await.unwrap();
    call.wait_ended(SOON).await.unwrap();
}

/// The calls of the company, all ended.
async fn calls(company: &Company, count: usize) -> Vec<Value> {
    let ended = |row: &Value| row["ended_at_ms"].as_i64().unwrap_or(0) > 0;
    for _ in 0..300 {
        let page = company.get("/v1/calls?limit=100").await;
        let rows = page["items"].as_array().expect("calls").clone();
        if rows.len() == count && rows.iter().all(ended) {
            return rows;
        }
        tokio::time::sleep(SOON / 300).await;
    }
    panic!("there were never {count} ended calls");
}

/// A field of these rows, in order of size.
fn values(rows: &[&Value], field: &str) -> Vec<i64> {
    let mut values: Vec<i64> = rows.iter().map(|row| row[field].as_i64().expect("a number")).collect();
    values.sort_unstable();
    values
}

fn mean(values: &[i64]) -> f64 {
    values.iter().sum::<i64>() as f64 / values.len() as f64
}

/// Nearest rank, as the report says of itself.
fn percentile(values: &[i64], percent: usize) -> i64 {
    values[(values.len() * percent).div_ceil(100) - 1]
}

fn same(figure: &Value, expected: f64) -> bool {
    figure.as_f64().is_some_and(|figure| (figure - expected).abs() < 1e-6)
}

/// Proves A021, A168, A170, A171, A172.
#[tokio::test(flavor = "multi_thread")]
async fn the_hourly_table_is_what_the_calls_add_up_to() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "short_abandon_ms": SHORT_MS, "ring_timeout_ms": 30_000 })).await;
    let number = company.queue_number(true).await;
    abandoned(&company, &number, "+40216000001", 0).await;
    abandoned(&company, &number, "+40216000002", 2_500).await;
    let ana = company.agent("ana").await;
    for (n, (waits, talks)) in [(0, 400), (700, 1_500), (1_900, 100), (300, 2_600)].into_iter().enumerate() {
        answered(&company, &number, &format!("+4021600001{n}"), &ana, waits, talks).await;
    }

    let rows = calls(&company, 6).await;
    let of = |outcome: &str| rows.iter().filter(|row| row["outcome"] == outcome).collect::<Vec<_>>();
    let (answered, abandoned) = (of("answered"), of("abandoned"));
    assert_eq!((answered.len(), abandoned.len()), (4, 2));
    let (waits, talks) = (values(&answered, "wait_ms"), values(&answered, "talk_ms"));
    let (given_up, short) = {
        let waits = values(&abandoned, "wait_ms");
        let short = waits.iter().filter(|wait| **wait < SHORT_MS).count();
        (waits, short)
    };
    assert_eq!(short, 1, "{given_up:?}");

    company.figures("queue", |f| f["answered"] == 4 && f["abandoned"] == 2 && f["in_progress"] == 0).await;
    let report = company.report_every("queue", HOUR_MS).await;
    // Seldom a full hour strikes in the middle of the story: its figures are two rows then.
    let figures = &report["total"]["figures"];
    assert!(
        report["rows"].as_array().unwrap().iter().all(|row| row["from_ms"].as_i64().unwrap() % HOUR_MS == 0)
    );
    let counted = ["offered", "answered", "abandoned", "short_abandoned"].map(|name| figures[name].clone());
    assert_eq!(counted, [json!(6), json!(4), json!(2), json!(1)], "A021, A168");
    assert!(same(&figures["asa_ms"], mean(&waits)), "A021, A172: {figures:#}");
    for percent in [50, 90, 99] {
        assert_eq!(figures[format!("answer_p{percent}_ms")], percentile(&waits, percent), "A021");
        assert_eq!(figures[format!("talk_p{percent}_ms")], percentile(&talks, percent), "A170");
    }
    assert!(same(&figures["att_ms"], mean(&talks)), "A170");
    assert!(same(&figures["abandonment"], 2.0 / 6.0), "A171: {figures:#}");
    assert!(same(&figures["abandonment_net"], 1.0 / 5.0), "A171, without short abandons: {figures:#}");
    assert!(same(&figures["abandoned_wait_ms"], mean(&given_up)), "A172: {figures:#}");
    let longest = waits.iter().chain(&given_up).max().unwrap();
    assert_eq!(figures["longest_wait_ms"], *longest, "A172");

    company.change_queue(json!({ "short_abandon_ms": 0 })).await;
    let again = company.report("queue").await;
    assert_eq!(again["total"]["figures"]["short_abandoned"], 1, "the definition in force then stays");

    let Some(mut page) = Browser::start(&company.at.url).await else { return };
    page.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    let shown = page.does("look", json!({ "path": "/reports", "ids": ["report-definitions"] })).await;
    let definitions = shown["report-definitions"].as_str().unwrap().to_owned();
    for definition in
        ["The caller hung up before an agent answered.", "limit for short abandons; part of abandoned"]
    {
        assert!(definitions.contains(definition), "A168, shown on the report: {definitions}");
    }
    page.close().await;
}
