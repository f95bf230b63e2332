//! Thresholds that are crossed, on the screen and to webhooks.

use crate::{
    AGENT, CALLER, SOON,
    browser::Browser,
    company::{Company, PASSWORD, live_call, now_ms, text},
};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::{Protocol, Sound};

const FIRST: &str = "+40217100001";
const SECOND: &str = "+40217100002";
/// How long somebody may wait before somebody is told.
const LIMIT_MS: i64 = 3_000;

fn alerts(live: &Value) -> usize {
    live["alerts"].as_array().map_or(0, Vec::len)
}

/// Two who wait are one too many: it stands on the live page until one of them
/// is gone, one supervisor says that they look after it, and integrators are told.
#[tokio::test(flavor = "multi_thread")]
async fn a_crossed_threshold_is_shown_acknowledged_by_one_and_ends_by_itself() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let eva = company.colleague("eva", "supervisor").await;
    let other = company.department("Other", None).await;
    let head = company.head("sam", &other).await;
    company.forgets_skills(&text(&head.get("/v1/me").await["agent"])).await;
    let hook = json!({ "name": "Alerts", "url": "http://127.0.0.1:9/hook",
        "kinds": ["alert.raised", "alert.acknowledged", "alert.ended"] });
    let hook = company.send(Method::POST, "/v1/webhooks", Some(hook)).await;
    let hook = text(&hook["webhook"]["id"]);
    let threshold = json!({
        "name": "Too many", "queue": company.queue["id"], "measure": "waiting", "at": 2, "lasts_ms": 1_000,
    });
    assert_eq!(
        head.status(Method::POST, "/v1/thresholds", threshold.clone()).await,
        403,
        "a queue of others"
    );
    eva.send(Method::POST, "/v1/thresholds", Some(threshold)).await;

    let first = company.call(&number, FIRST, Protocol::Udp).await;
    company.until(|live| live_call(live, FIRST).is_some_and(|row| row["stage"] == "queue")).await;
    assert_eq!(alerts(&company.live().await), 0);
    let second = company.call(&number, SECOND, Protocol::Udp).await;
    let live = company.until(|live| alerts(live) == 1).await;
    let alert = &live["alerts"][0];
    assert_eq!((&alert["measure"], &alert["value"], &alert["at"]), (&json!("waiting"), &json!(2), &json!(2)));
    assert_eq!(alerts(&head.live().await), 0, "heads see the alerts of their own queues");
    let acknowledge = format!("/v1/alerts/{}/acknowledgement", text(&alert["id"]));
    assert_eq!(head.tries(Method::POST, &acknowledge, None).await.0, 404);

    let Some(mut boss) = Browser::start(&company.at.url).await else { return };
    boss.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    boss.does("opens", json!("/live")).await;
    let shown = boss.does("text", json!("alert")).await;
    assert!(shown.as_str().unwrap().contains("Too many"), "{shown}");
    boss.pictures("alert").await;
    boss.does("press", json!("alert-acknowledge")).await;
    let by = boss.does("text", json!("alert-by")).await;
    assert!(by.as_str().unwrap().contains("Olga Owner"), "{by}");
    let (status, late) = eva.tries(Method::POST, &acknowledge, None).await;
    assert_eq!((status, &late["code"]), (409, &json!("acknowledged_already")));
    assert_eq!(late["params"]["name"], "Olga Owner", "the others see who");
    eva.until(|live| live["alerts"][0]["acknowledged"]["name"] == "Olga Owner").await;

    second.hang_up().await.unwrap();
    company.until(|live| alerts(live) == 0).await;
    boss.does("loses", json!("alert")).await;
    first.hang_up().await.unwrap();
    let mut told = String::new();
    for _ in 0..300 {
        told = company.get(&format!("/v1/webhooks/{hook}/deliveries")).await.to_string();
        if told.contains("alert.ended") {
            break;
        }
        tokio::time::sleep(SOON / 300).await;
    }
    for kind in ["alert.raised", "alert.acknowledged", "alert.ended"] {
        assert!(told.contains(kind), "{kind}: {told}");
    }
    boss.close().await;
}

/// Nobody is told while everybody waits less than the limit; who waits longer
/// raises the alarm; and the report says how many waited how long, each in one step.
/// Proves A211.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_longer_than_the_limit_raises_the_alarm_and_all_waits_are_in_the_report() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let ana = company.agent("ana").await;
    let threshold = json!({
        "name": "Too long", "queue": company.queue["id"], "measure": "longest_wait", "at": LIMIT_MS,
    });
    company.send(Method::POST, "/v1/thresholds", Some(threshold)).await;
    company.in_force().await;
    let first = company.call(&number, FIRST, Protocol::Udp).await;
    let offer = ana.phone.incoming(SOON).await.expect("it rings");
    offer.say(Sound::Tone(AGENT));
    let leg = offer.answer().await.unwrap();
    first.hear(AGENT, SOON).await.expect("the caller hears the agent");
    leg.hear(CALLER, SOON).await.expect("the agent hears the caller");

    let second = company.call(&number, SECOND, Protocol::Udp).await;
    let live = company.until(|live| alerts(live) == 1).await;
    let waiting = live_call(&live, SECOND).expect("who waits");
    let since = waiting["waiting_since_ms"].as_i64().expect("a time");
    let alert = &live["alerts"][0];
    assert_eq!((&alert["measure"], &alert["name"]), (&json!("longest_wait"), &json!("Too long")));
    let waited = alert["raised_at_ms"].as_i64().expect("a time") - since;
    assert!(waited >= LIMIT_MS, "nobody waited longer than {waited} ms");
    assert!(now_ms() as i64 - since < LIMIT_MS + 10_000, "and it is told soon");
    second.hang_up().await.unwrap();
    company.until(|live| alerts(live) == 0).await;
    first.hang_up().await.unwrap();
    leg.wait_ended(SOON).await.unwrap();

    let figures = company.figures("queue", |total| total["abandoned"] == 1 && total["answered"] == 1).await;
    let report = company.report("queue").await;
    let steps = report["total"]["waits"].as_array().expect("the steps of the wait").clone();
    for (what, wait) in [("answered", "wait_answered_ms"), ("abandoned", "wait_abandoned_ms")] {
        let wait = figures[wait].as_i64().expect("a wait");
        let within = |step: &&Value| step["up_to_ms"].as_i64().is_none_or(|up_to| wait <= up_to);
        let own = steps.iter().find(within).expect("a step");
        let all: i64 = steps.iter().map(|step| step[what].as_i64().expect("a count")).sum();
        assert_eq!((own[what].as_i64(), all), (Some(1), 1), "{what} after {wait} ms: {steps:?}");
    }
    let Some(mut page) = Browser::start(&company.at.url).await else { return };
    page.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    page.does("opens", json!("/reports")).await;
    page.does("sees", json!("waits-row")).await;
    page.pictures("reports-waits").await;
    page.close().await;
}
