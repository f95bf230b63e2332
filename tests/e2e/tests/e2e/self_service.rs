//! Callers whom the flow serves, and what it finds out for those who need an agent.

use crate::{
    AGENT, CALLER, SOON,
    company::{Company, at_best, body, text},
    picks_up,
};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::{Call, Protocol, Sound};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const MENU: f64 = 2_000.0;
const INFO: f64 = 1_000.0;
const SORRY: f64 = 1_200.0;

async fn menu(company: &Company, choices: Value) -> Value {
    let prompt = company.tone_prompt(MENU, 1.0).await;
    json!({ "type": "menu", "label": "Menu", "say": [{ "prompt": prompt }], "choices": choices,
            "timeout_ms": 60_000, "no_input": "bye", "no_match": "bye" })
}

async fn says(company: &Company, hz: f64) -> Value {
    let prompt = company.tone_prompt(hz, 3.0).await;
    json!({ "type": "play", "label": "Tone", "say": [{ "prompt": prompt }], "next": "bye" })
}

/// The call as the history has it once it ended.
async fn ended(company: &Company, from: &str) -> Value {
    let row = company.history(from, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    company.get(&format!("/v1/calls/{}", text(&row["id"]))).await
}

/// Proves A006.
#[tokio::test(flavor = "multi_thread")]
async fn who_hears_the_information_and_hangs_up_was_served_and_no_agent_was_asked() {
    let company = Company::sign_up().await;
    let ana = company.agent("ana").await;
    let mut nodes = company.queue_nodes();
    nodes["menu"] = menu(&company, json!({ "1": "wait", "2": "served" })).await;
    nodes["served"] = json!({ "type": "self_served", "label": "Information", "next": "info" });
    nodes["info"] = says(&company, INFO).await;
    let number = company.number(nodes, "menu", true).await;

    let call = company.call(&number, "+40215000001", Protocol::Udp).await;
    call.hear(MENU, SOON).await.unwrap();
    call.press("2").await;
    call.hear(INFO, SOON).await.unwrap();
    call.hang_up().await.unwrap();
    let record = ended(&company, "+40215000001").await;
    assert_eq!(record["outcome"], "self_served", "{record:#}");
    assert!(record["offers"].as_array().is_none_or(Vec::is_empty), "no offer was told: {record:#}");
    let figures = company.figures("did", |f| f["overflowed"] == 1).await;
    assert_eq!((&figures["offered"], &figures["abandoned"]), (&json!(1), &json!(0)));
    assert!(ana.phone.incoming(Duration::from_millis(500)).await.is_err(), "nobody rings");
    let agents = company.report("agent").await;
    assert_eq!(agents["total"]["figures"]["offered"], 0, "no offer is counted: {agents:#}");

    // The same caller, who wants an agent after all.
    let call = company.call(&number, "+40215000002", Protocol::Udp).await;
    call.hear(MENU, SOON).await.unwrap();
    call.press("1").await;
    let talk = picks_up(&ana.phone, AGENT).await;
    call.hear(AGENT, SOON).await.unwrap();
    talk.hear(CALLER, SOON).await.unwrap();
    call.hang_up().await.unwrap();
    assert_eq!(ended(&company, "+40215000002").await["outcome"], "answered");
}

/// The company's own system: tells everybody this balance, or, without one,
/// takes the question and never answers.
async fn system(balance: Option<&str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, balance) = (listener.local_addr().unwrap(), balance.map(str::to_owned));
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4_096];
            let length = stream.read(&mut asked).await.unwrap_or(0);
            let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
            match &balance {
                None => open.push(stream),
                Some(balance) => {
                    let known = asked.starts_with("GET /balance?number=%2B4021500");
                    let (status, body) = match known {
                        true => ("200 OK", json!({ "account": { "balance": balance } }).to_string()),
                        false => ("404 Not Found", String::new()),
                    };
                    let length = body.len();
                    let reply = format!(
                        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                    );
                    let _ = stream.write_all(reply.as_bytes()).await;
                }
            }
        }
    });
    address
}

fn spoken(say: &str) -> Value {
    json!({ "type": "play", "label": "Balance", "say": [{ "text": say }], "next": "bye" })
}

async fn dip_number(company: &Company, system: SocketAddr) -> String {
    let nodes = json!({
        "ask": { "type": "http", "label": "Balance", "url": format!("http://{system}/balance?number={{caller}}"),
                 "variables": { "balance": "/account/balance" }, "next": "tells", "failed": "sorry" },
        "tells": spoken("Your balance is {balance} euros."),
        "sorry": says(company, SORRY).await,
        "bye": { "type": "hangup" },
    });
    company.number(nodes, "ask", true).await
}

/// Everything that a caller heard to the end of the call.
async fn heard(call: Call) -> Vec<i16> {
    call.wait_ended(SOON).await.unwrap();
    call.heard()
}

/// The end of what was heard, without the silence after it: the text.
fn text_of(heard: &[i16]) -> &[i16] {
    let end = heard.iter().rposition(|s| s.unsigned_abs() > 300).map_or(0, |last| last + 1);
    &heard[..end]
}

/// How alike the last two seconds of one are to any part of the other: 1 is the same.
fn alike(a: &[i16], b: &[i16]) -> f64 {
    const LENGTH: usize = 12_000;
    let (a, b) = (text_of(a), text_of(b));
    let needle = &a[a.len().saturating_sub(LENGTH)..];
    let dot = |x: &[i16], y: &[i16]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let own = dot(needle, needle).sqrt();
    let score = |part: &[i16]| dot(needle, part) / (own * dot(part, part).sqrt()).max(1.0);
    b.windows(needle.len()).map(score).fold(0.0, f64::max)
}

/// The longest time without a sound before the last one, in milliseconds.
fn longest_silence(heard: &[i16]) -> usize {
    let loud = |window: &[i16]| window.iter().any(|sample| sample.unsigned_abs() > 100);
    let windows: Vec<bool> = heard.chunks(80).map(loud).collect();
    let first = windows.iter().position(|loud| *loud).unwrap_or(0);
    let last = windows.iter().rposition(|loud| *loud).unwrap_or(0);
    windows[first..=last].split(|loud| *loud).map(|quiet| quiet.len() * 10).max().unwrap_or(0)
}

/// Proves A007.
#[tokio::test(flavor = "multi_thread")]
async fn a_balance_is_read_out_and_a_hung_system_is_given_up_on_without_a_silence() {
    let company = Company::sign_up().await;
    let dip = dip_number(&company, system(Some("4711")).await).await;
    let nobody = company.call(&dip, "+40215000010", Protocol::Udp).await;
    nobody.hear(SORRY, SOON).await.expect("the company has not opened its network to flows");
    nobody.hang_up().await.unwrap();

    let mut settings = company.get("/v1/company").await;
    settings = body(&settings);
    settings["flow_networks"] = json!(["127.0.0.0/8"]);
    company.send(Method::PUT, "/v1/company", Some(settings)).await;

    // Whoever hears a flow that was saved later is served by who knows of the network.
    let say = |text: &str| json!({ "say": spoken(text), "bye": { "type": "hangup" } });
    let right = company.number(say("Your balance is 4711 euros."), "say", true).await;
    let wrong = company.number(say("Your balance is 95 euros."), "say", true).await;
    let right = heard(company.call(&right, "+40215000012", Protocol::Udp).await).await;
    let wrong = heard(company.call(&wrong, "+40215000013", Protocol::Udp).await).await;
    let told = heard(company.call(&dip, "+40215000011", Protocol::Udp).await).await;
    let (same, other) = (alike(&right, &told), alike(&wrong, &told));
    assert!(same > 0.8 && same > other + 0.2, "the caller heard the balance: {same}, not another: {other}");

    let hung = dip_number(&company, system(None).await).await;
    let music = at_best(4_000.0, async |_| {
        let call = company.call(&hung, "+40215000014", Protocol::Udp).await;
        call.wait_answered(SOON).await.unwrap();
        call.hear(SORRY, SOON).await.unwrap();
        let heard = heard(call).await;
        let silence = longest_silence(&heard);
        assert!(silence < 1_000, "nothing was heard for {silence} ms");
        // All but the three seconds of the fallback's tone.
        (heard.len() as f64 - 3.0 * 8_000.0) / 8.0
    })
    .await;
    assert!(
        (1_500.0..=4_000.0).contains(&music),
        "the fallback came after {music} ms, not the set two seconds"
    );
}

/// Proves A144.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_chose_is_asked_of_the_agent_and_stands_in_the_decision() {
    let company = Company::sign_up().await;
    company.send(Method::POST, "/v1/skills", Some(json!({ "name": "french" }))).await;
    let queue = json!({ "name": "Anybody", "skills": [], "wrap_up_ms": 0 });
    let queue = company.send(Method::POST, "/v1/queues", Some(queue)).await;
    let choices = json!({ "1": "english", "2": "french" });
    let set = |language: &str| {
        json!({ "type": "set", "label": "Language", "values": { "language": language },
                                       "next": "wait" })
    };
    let nodes = json!({
        "menu": menu(&company, choices).await,
        "english": set(""), "french": set("french"),
        "wait": { "type": "queue", "label": "Anybody", "queue": queue["id"], "announce_every_ms": 0,
                  "skills": [{ "name": "{language}", "level": 4 }], "overflow": "bye" },
        "bye": { "type": "hangup" },
    });
    let number = company.number(nodes, "menu", true).await;
    // Ben has been idle longer and comes first where nothing is asked.
    let ben = company.agent_who_knows("ben", "general").await;
    let ana = company.agent_who_knows("ana", "french").await;
    for (key, agent, needs) in
        [("2", &ana, json!([{ "name": "french", "level": 4 }])), ("1", &ben, json!([]))]
    {
        let from = format!("+4021500002{key}");
        let call = company.call(&number, &from, Protocol::Udp).await;
        call.hear(MENU, SOON).await.unwrap();
        call.press(key).await;
        let offer = agent.phone.incoming(SOON).await.expect("the agent who suits");
        offer.say(Sound::Tone(AGENT));
        let talk = offer.answer().await.unwrap();
        call.hear(AGENT, SOON).await.unwrap();
        talk.hear(CALLER, SOON).await.unwrap();
        call.hang_up().await.unwrap();
        talk.wait_ended(SOON).await.unwrap();
        let offers = ended(&company, &from).await["offers"].clone();
        assert_eq!(offers.as_array().map(Vec::len), Some(1), "nobody else was asked: {offers:#}");
        assert_eq!((&offers[0]["agent"], &offers[0]["needs"]), (&json!(agent.agent), &needs), "{offers:#}");
    }
}
