//! What a supervisor sees of a call, stage by stage.

use crate::{
    AGENT, CALLER, SOON,
    browser::Browser,
    company::{Company, PASSWORD, text, unique},
    picks_up,
    watch::moment,
};
use serde_json::json;
use softphone::{Protocol, Sound};

const SECOND: i64 = 1_000;
const GREETING_MS: i64 = 2_000;
/// What is said on entry to the queue, in hertz.
const WELCOME: f64 = 1_000.0;

/// Greeting, two menus and a queue whose welcome is a tone.
async fn number(company: &Company) -> String {
    let greeting = company.tone_prompt(880.0, GREETING_MS as f64 / 1_000.0).await;
    let welcome = company.tone_prompt(WELCOME, 1.5).await;
    let mut nodes = company.queue_nodes();
    nodes["wait"]["welcome"] = json!([{ "prompt": welcome }]);
    let menu = |label: &str, key: &str, next: &str| {
        json!({ "type": "menu", "label": label, "say": [{ "text": "Press." }], "choices": { key: next },
                "timeout_ms": 60_000, "no_input": "bye", "no_match": "bye" })
    };
    nodes["hello"] =
        json!({ "type": "play", "label": "Greeting", "say": [{ "prompt": greeting }], "next": "main" });
    nodes["main"] = menu("Main menu", "1", "sales");
    nodes["sales"] = menu("Sales menu", "3", "wait");
    company.number(nodes, "hello", false).await
}

/// Proves A009, A113, A114, A115, A116, A117.
#[tokio::test(flavor = "multi_thread")]
async fn the_monitor_follows_a_call_from_its_invite_through_greeting_menus_queue_and_ringing() {
    let company = Company::sign_up().await;
    let (menus, direct) = (number(&company).await, company.queue_number(true).await);
    let (first, from) = ("+40218880001", format!("+4021{:07}", unique() % 10_000_000));
    let ahead = company.call(&direct, first, Protocol::Udp).await;
    let watch = company.watch().await;

    let (invited, call) = moment(async {
        let phone = softphone::Phone::bind(softphone::Config::default()).await?;
        phone.call(company.dial(&menus, &from)).await
    })
    .await;
    let (seen, _) = watch.first(&from, |_| true).await;
    assert!(seen - invited <= SECOND, "visible after {} ms", seen - invited);

    let (greeted, row) = watch.first(&from, |row| row["stage"] == "greeting").await;
    let (asked, menu) = watch.first(&from, |row| row["stage"] == "menu").await;
    let told = menu["stage_since_ms"].as_i64().unwrap() - row["stage_since_ms"].as_i64().unwrap();
    for lasted in [asked - greeted, told] {
        assert!((lasted - GREETING_MS).abs() <= 500, "a greeting of 2 s was shown for {lasted} ms");
    }
    assert_eq!((text(&menu["node"]), text(&menu["path"])), ("Main menu".into(), String::new()));
    call.press("1").await;
    watch.first(&from, |row| row["node"] == "Sales menu" && row["path"] == "1").await;
    call.press("3").await;

    let (_, row) = watch.first(&from, |row| row["stage"] == "queue").await;
    let since = row["waiting_since_ms"].as_i64().unwrap();
    let (heard, ()) = moment(call.hear(WELCOME, SOON)).await;
    assert!(
        heard - since <= SECOND,
        "the welcome was heard {} ms after the caller had queued",
        heard - since
    );
    assert_eq!((&row["queue"], &row["path"]), (&company.queue["id"], &json!("1→3")));
    watch.first(&from, |row| row["position"] == 2).await;
    assert_eq!(call.report(&[]).answered_ms, None, "all this before anybody answered");

    let ana = company.agent("ana").await;
    let (offer, ben) = (ana.phone.incoming(SOON).await.unwrap(), company.agent("ben").await);
    let (rang, missed) = moment(ben.phone.incoming(SOON)).await;
    assert_eq!(offer.from(), first, "whoever came first");
    offer.say(Sound::Tone(AGENT));
    let talk = offer.answer().await.unwrap();
    talk.hear(CALLER, SOON).await.unwrap();
    ahead.hear(AGENT, SOON).await.unwrap();
    let (seen, row) = watch.first(&from, |row| row["stage"] == "ringing").await;
    assert_eq!(row["agent"], ben.agent.as_str());
    assert!(seen - rang <= SECOND, "whom it rings is shown after {} ms", seen - rang);
    assert!(
        (row["stage_since_ms"].as_i64().unwrap() - rang).abs() <= 500,
        "ring seconds count from the INVITE"
    );
    let cleo = company.agent("cleo").await;
    let (rang, offer) = moment(cleo.phone.incoming(SOON)).await;
    let (seen, _) = watch.first(&from, |row| row["agent"] == cleo.agent.as_str()).await;
    assert!(seen - rang <= SECOND, "the next name is shown after {} ms", seen - rang);
    missed.wait_ended(SOON).await.unwrap();
    offer.say(Sound::Tone(AGENT));
    let talk = offer.answer().await.unwrap();
    talk.hear(CALLER, SOON).await.unwrap();
    call.hear(AGENT, SOON).await.unwrap();

    let (_, row) = watch.first(&from, |row| row["stage"] == "talking").await;
    let waited = row["stage_since_ms"].as_i64().unwrap() - since;
    call.hang_up().await.unwrap();
    let history = company.history(&from, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    assert_eq!(history["wait_ms"].as_i64().unwrap(), waited, "the wait on record is the wait that was shown");
}

/// Proves A123.
#[tokio::test(flavor = "multi_thread")]
async fn the_wait_on_the_monitor_ticks_and_ends_as_the_wait_on_record() {
    let company = Company::sign_up().await;
    let Some(mut monitor) = Browser::start(&company.at.url).await else { return };
    let number = company.queue_number(true).await;
    monitor.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    let watch = company.watch().await;
    let from = "+40218880002";
    let call = company.call(&number, from, Protocol::Udp).await;
    let (_, row) = watch.first(from, |row| row["stage"] == "queue").await;
    let shown = monitor.does("waits", json!({ "seconds": 4 })).await;
    let shown: Vec<i64> =
        shown.as_array().unwrap().iter().map(|text| seconds(text.as_str().unwrap())).collect();
    let ticks: Vec<i64> = shown.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(ticks.iter().all(|tick| (0..=2).contains(tick)) && ticks.iter().sum::<i64>() >= 3, "{shown:?}");

    let ana = company.agent("ana").await;
    let talk = picks_up(&ana.phone, AGENT).await;
    talk.hear(CALLER, SOON).await.unwrap();
    call.hear(AGENT, SOON).await.unwrap();
    let (_, talking) = watch.first(from, |row| row["stage"] == "talking").await;
    call.hang_up().await.unwrap();
    let history = company.history(from, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    let waited = talking["stage_since_ms"].as_i64().unwrap() - row["waiting_since_ms"].as_i64().unwrap();
    assert_eq!(history["wait_ms"], waited, "connected − enqueued");
    monitor.close().await;
}

/// Of a clock such as `1:05`.
fn seconds(clock: &str) -> i64 {
    clock.split(':').fold(0, |sum, part| 60 * sum + part.trim().parse::<i64>().expect("a clock"))
}
