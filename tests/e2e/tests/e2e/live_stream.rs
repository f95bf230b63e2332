//! The live view over a connection that breaks.

use crate::{
    SOON,
    browser::Browser,
    company::{Company, PASSWORD, live_call, text},
    proxy::Proxy,
    watch::LiveEvent,
};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::Protocol;
use std::time::Duration;

const FIRST: &str = "+40215550001";
const SECOND: &str = "+40215550002";

fn count(event: &LiveEvent) -> (String, u64) {
    let (epoch, count) = event.id.split_once('-').expect("a feed and a count");
    (epoch.to_owned(), count.parse().expect("a count"))
}

/// Without what goes on by itself.
fn told(live: &Value) -> Value {
    let mut calls = live["calls"].as_array().expect("calls").clone();
    calls.sort_by_key(|call| call["call"].to_string());
    json!(calls)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_to_the_live_view_misses_nothing_and_sees_nothing_twice() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let mut events = company.live_events("").await;
    let whole = events.next().await.expect("an event");
    assert_eq!(whole.name, "live", "the whole view first");
    let (mut live, mut last) = (whole.data.clone(), whole);
    let first = company.call(&number, FIRST, Protocol::Udp).await;
    while live_call(&live, FIRST).is_none_or(|row| row["stage"] != "queue") {
        let next = events.next().await.expect("an event");
        assert_eq!((next.name.as_str(), count(&next).1), ("delta", count(&last).1 + 1));
        next.fold(&mut live);
        last = next;
    }
    drop(events);

    // Away: one caller leaves, another comes.
    first.hang_up().await.unwrap();
    let second = company.call(&number, SECOND, Protocol::Udp).await;
    let there = |live: &Value| {
        live_call(live, FIRST).is_none()
            && live_call(live, SECOND).is_some_and(|row| row["stage"] == "queue" && row["position"] == 1)
    };
    company.until(there).await;
    let mut events = company.live_events(&last.id).await;
    let newcomer = company.live().await;
    let folds = async {
        while told(&live) != told(&newcomer) {
            let next = events.next().await.expect("an event");
            assert_eq!((next.name.as_str(), count(&next)), ("delta", (count(&last).0, count(&last).1 + 1)));
            next.fold(&mut live);
            last = next;
        }
    };
    tokio::time::timeout(SOON, folds).await.expect("folded, it is what a newcomer sees");

    for unknown in ["0000beef-3", "no id"] {
        let anew = company.live_events(unknown).await.next().await.expect("an event");
        assert_eq!(anew.name, "live", "{unknown} is not known: the whole view");
    }
    second.hang_up().await.unwrap();
}

/// Whoever is signed out, wherever that was done, is told no more.
#[tokio::test(flavor = "multi_thread")]
async fn with_its_session_a_live_view_ends() {
    let company = Company::sign_up().await;
    let mut events = company.live_events("").await;
    events.next().await.expect("the whole view");
    company.send(Method::POST, "/v1/logout", None).await;
    let over = async { while events.next().await.is_some() {} };
    tokio::time::timeout(SOON, over).await.expect("the stream ends");
}

/// A supervisor is given a department without people, then made an agent: the
/// stream that is open shows no more than what is left, and ends.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_rights_of_who_watches_an_open_live_view_shrinks_and_ends() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let eva = company.colleague("eva", "supervisor").await;
    let me = eva.get("/v1/me").await;
    // Who could serve the queue would see who waits in it.
    let skills = format!("/v1/agents/{}/skills", text(&me["agent"]));
    company.send(Method::PUT, &skills, Some(json!({ "skills": [] }))).await;
    let caller = company.call(&number, FIRST, Protocol::Udp).await;
    company.until(|live| live_call(live, FIRST).is_some()).await;
    let mut events = eva.live_events("").await;
    let whole = events.next().await.expect("the whole view");
    assert!(live_call(&whole.data, FIRST).is_some(), "{}", whole.data);

    let user = format!("/v1/users/{}", text(&me["user"]));
    company.send(Method::PATCH, &user, Some(json!({ "scope": "department" }))).await;
    let anew = async {
        loop {
            let next = events.next().await.expect("another view");
            if next.name == "live" {
                return next.data;
            }
        }
    };
    let anew = tokio::time::timeout(SOON, anew).await.expect("the view begins anew");
    assert_eq!(anew["calls"], json!([]), "nobody of the department talks");

    company.send(Method::PATCH, &user, Some(json!({ "role": "agent" }))).await;
    let over = async { while events.next().await.is_some() {} };
    tokio::time::timeout(SOON, over).await.expect("the stream ends");
    caller.hang_up().await.unwrap();
}

/// The line goes dead without a word: the page says how old its figures are
/// within ten seconds, and has the right ones when the line is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_stream_stopped_says_how_old_its_figures_are() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let wire = Proxy::to(&company.at.url).await;
    let Some(mut page) = Browser::start(&wire.url).await else { return };
    page.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    page.does("opens", json!("/live")).await;
    page.does("sees", json!("live-link")).await;
    let first = company.call(&number, FIRST, Protocol::Udp).await;
    page.does("sees", json!("live-call-row")).await;

    wire.dies();
    let said = tokio::time::timeout(Duration::from_secs(10), page.does("text", json!("live-stale"))).await;
    let said = said.expect("within ten seconds");
    assert!(said.as_str().unwrap().chars().any(|c| c.is_ascii_digit()), "with their age: {said}");
    first.hang_up().await.unwrap();
    company.until(|live| live["calls"] == json!([])).await;
    let second = company.call(&number, SECOND, Protocol::Udp).await;
    company.until(|live| live_call(live, SECOND).is_some()).await;

    wire.comes_back();
    page.does("loses", json!("live-stale")).await;
    shows(&mut page, SECOND).await;
    second.hang_up().await.unwrap();
    second.wait_ended(SOON).await.unwrap();
    page.close().await;
}

/// The first row of the monitor is this caller's.
async fn shows(page: &mut Browser, from: &str) {
    for _ in 0..100 {
        let caller = page.does("text", json!("live-call-caller")).await;
        let digits: String = caller.as_str().unwrap().chars().filter(char::is_ascii_digit).collect();
        if format!("+{digits}") == from {
            return;
        }
        tokio::time::sleep(SOON / 100).await;
    }
    panic!("the monitor never showed {from}");
}
