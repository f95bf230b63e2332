//! Who did not get through is called back.

use crate::{
    AGENT, CALLER, SOON,
    company::{AgentPhone, Company, live_call, text, unique},
    picks_up,
    transfers::Desk,
};
use reqwest::{Method, StatusCode};
use rtp::goertzel::tone_level;
use serde_json::{Value, json};
use softphone::{Config, Incoming, Phone, Protocol, Sound};
use std::time::Duration;

const FROM: &str = "+40217770001";
/// What whoever is called back says.
const CUSTOMER: f64 = 900.0;

/// A carrier that takes our calls to the outside.
pub async fn carrier_of(company: &Company) -> Phone {
    let carrier = Phone::bind(Config::default()).await.unwrap();
    let trunk = json!({
        "name": "Carrier", "enabled": true,
        "auth": { "type": "digest", "username": format!("out-{:x}", unique()), "password": "secret trunk" },
        "outbound": { "gateways": [{ "address": carrier.address().to_string() }], "prefixes": ["40"],
                      "caller_id": "+40310000000" },
    });
    company.send(Method::POST, "/v1/trunks", Some(trunk)).await;
    carrier
}

impl Company {
    /// Calls, waits in the queue and hangs up.
    pub async fn gives_up_waiting(&self, number: &str, from: &str) {
        let call = self.call(number, from, Protocol::Udp).await;
        call.wait_answered(SOON).await.unwrap();
        self.until(|live| live_call(live, from).is_some_and(|row| row["stage"] == "queue")).await;
        call.hang_up().await.unwrap();
    }

    /// The only open task, once it is as wanted.
    pub async fn task(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..300 {
            last = self.get("/v1/callbacks").await;
            if let [task] = &last["items"].as_array().expect("tasks")[..]
                && wanted(task)
            {
                return task.clone();
            }
            tokio::time::sleep(SOON / 300).await;
        }
        panic!("the task never got there: {last:#}");
    }

    /// This task, once it is as wanted.
    pub async fn task_is(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..300 {
            last = self.get(&format!("/v1/callbacks/{id}")).await;
            if wanted(&last) {
                return last;
            }
            tokio::time::sleep(SOON / 300).await;
        }
        panic!("the task never got there: {last:#}");
    }

    async fn disposition(&self) -> String {
        text(&self.get("/v1/dispositions").await["items"][0]["id"])
    }
}

/// The agent calls for the task, and talks with whom the carrier reaches.
async fn calls_back(desk: &Desk, ana: &AgentPhone, carrier: &Phone, task: &str) {
    let wanted = json!({ "to": { "number": FROM }, "callback": task });
    let placed = async {
        // Until the edge knows the trunk.
        while desk.post("/v1/calls", wanted.clone()).await.0 != StatusCode::CREATED {
            tokio::time::sleep(SOON / 300).await;
        }
    };
    tokio::time::timeout(SOON, placed).await.unwrap();
    let own = picks_up(&ana.phone, AGENT).await;
    let called = picks_up(carrier, CUSTOMER).await;
    own.hear(CUSTOMER, SOON).await.unwrap();
    called.hear(AGENT, SOON).await.unwrap();
    called.hang_up().await.unwrap();
    own.wait_ended(SOON).await.unwrap();
}

/// A caller gives up twice: one task, which one agent takes and calls, and which
/// the answered call closes.
#[tokio::test(flavor = "multi_thread")]
async fn who_gave_up_twice_is_called_back_once() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let carrier = carrier_of(&company).await;
    for _ in 0..2 {
        company.gives_up_waiting(&number, FROM).await;
    }
    let task = company.task(|task| task["missed"] == 2).await;
    let id = text(&task["id"]);
    assert_eq!((task["number"].as_str(), task["stage"].as_str()), (Some(FROM), Some("queue")));
    assert_eq!((task["did"].as_str(), task["did_label"].as_str()), (Some(&*number), Some("Story line")));
    assert!(task["last_at_ms"].as_i64() > task["first_at_ms"].as_i64(), "{task}");

    let (ana, ben) = (company.agent("ana").await, company.agent("ben").await);
    company.send(Method::POST, "/v1/skills", Some(json!({ "name": "other" }))).await;
    let foreign_group = company.agent_who_knows("eva", "other").await;
    let stranger = Company::sign_up().await;
    let (desk, second, eva) = (
        Desk::of(&company, &ana).await,
        Desk::of(&company, &ben).await,
        Desk::of(&company, &foreign_group).await,
    );
    let claim = format!("/v1/callbacks/{id}/claim");
    assert_eq!(stranger.tries(Method::POST, &claim, Some(json!({}))).await.0, 404, "another company's");
    assert_eq!(eva.post(&claim, json!({})).await.0, StatusCode::NOT_FOUND, "another group's");
    assert_eq!(eva.get("/v1/callbacks").await["items"], json!([]));
    assert_eq!(desk.post(&claim, json!({})).await.0, StatusCode::OK);
    let (status, refusal) = second.post(&claim, json!({})).await;
    assert_eq!((status, refusal["code"].as_str()), (StatusCode::CONFLICT, Some("callback_claimed")));
    assert_eq!(refusal["params"]["agent"], ana.agent.as_str());

    calls_back(&desk, &ana, &carrier, &id).await;
    let task = company.task_is(&id, |task| task["state"] == "closed" && task["tries"].is_array()).await;
    assert_eq!(
        (task["closed_how"].as_str(), task["closed_by"].as_str()),
        (Some("called_back"), Some(&*ana.agent))
    );
    assert_eq!(
        (task["tries"][0]["result"].as_str(), task["calls"].as_array().map(Vec::len)),
        (Some("reached"), Some(2))
    );
    let outcome = json!({ "disposition": company.disposition().await, "note": "all well" });
    let (status, noted) = desk.post(&format!("/v1/callbacks/{id}/outcome"), outcome).await;
    assert_eq!(status, StatusCode::OK, "{noted}");
    assert_eq!(company.get("/v1/callbacks").await["items"], json!([]), "nobody is left to call");
    let missed = company.get("/v1/missed-calls").await;
    let rows = missed["items"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{missed}");
    for row in rows {
        assert_eq!((row["stage"].as_str(), row["did_label"].as_str()), (Some("queue"), Some("Story line")));
        assert_eq!(
            (row["callback_state"].as_str(), row["closed_how"].as_str()),
            (Some("closed"), Some("called_back"))
        );
        assert!(row["wait_ms"].as_i64() > Some(0), "{row}");
    }
}

/// The caller rings again and gets through: nobody has to call back.
#[tokio::test(flavor = "multi_thread")]
async fn who_calls_again_and_gets_through_is_not_called_back() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    company.gives_up_waiting(&number, FROM).await;
    let id = text(&company.task(|_| true).await["id"]);
    let ana = company.agent("ana").await;
    let call = company.call(&number, FROM, Protocol::Udp).await;
    let agent = picks_up(&ana.phone, AGENT).await;
    call.hear(AGENT, SOON).await.unwrap();
    agent.hear(CALLER, SOON).await.unwrap();
    company.task_is(&id, |task| task["closed_how"] == "called_again").await;
    call.hang_up().await.unwrap();
    agent.wait_ended(SOON).await.unwrap();
}

/// Waits in the queue, asks for a callback and is let go.
async fn asks(company: &Company, number: &str, from: &str) {
    let call = company.call(number, from, Protocol::Udp).await;
    call.wait_answered(SOON).await.unwrap();
    company.until(|live| live_call(live, from).is_some_and(|row| row["stage"] == "queue")).await;
    call.press("5").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    call.press("1").await;
    call.wait_ended(SOON).await.expect("the caller is thanked and let go");
}

/// Who asked waits without a leg and is served before who came later; the agent
/// is there when the customer answers.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_to_be_called_back_keeps_the_place_in_line() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "callback_key": "5", "ring_timeout_ms": 20_000 })).await;
    let carrier = carrier_of(&company).await;
    let number = company.queue_number(true).await;
    asks(&company, &number, FROM).await;
    let later = company.call(&number, "+40217770002", Protocol::Udp).await;
    later.wait_answered(SOON).await.unwrap();
    let task = company.task(|task| task["state"] == "in_line").await;
    assert_eq!((task["number"].as_str(), task["asked"].as_bool()), (Some(FROM), Some(true)));
    let id = text(&task["id"]);
    let (status, refusal) =
        company.tries(Method::POST, &format!("/v1/callbacks/{id}/claim"), Some(json!({}))).await;
    assert_eq!((status, refusal["code"].as_str()), (409, Some("callback_in_line")));

    let ana = company.agent("ana").await;
    let own = picks_up(&ana.phone, AGENT).await;
    let offer: Incoming = carrier.incoming(SOON).await.expect("the customer is called");
    offer.say(Sound::Tone(CUSTOMER));
    let called = offer.answer().await.unwrap();
    called.hear(AGENT, Duration::from_secs(2)).await.expect("the agent is there at the answer");
    own.hear(CUSTOMER, SOON).await.unwrap();
    let done = company.task_is(&id, |task| task["state"] == "closed").await;
    assert_eq!(
        (done["closed_how"].as_str(), done["closed_by"].as_str()),
        (Some("called_back"), Some(&*ana.agent))
    );
    called.hang_up().await.unwrap();
    own.wait_ended(SOON).await.unwrap();
    let row = company.history(FROM, |row| row["ended_at_ms"].is_i64()).await;
    assert_eq!((row["outcome"].as_str(), row["agent"].as_str()), (Some("answered"), Some(&*ana.agent)));

    // Who stayed is next.
    let next = picks_up(&ana.phone, AGENT).await;
    later.hear(AGENT, SOON).await.unwrap();
    next.hear(CALLER, SOON).await.unwrap();
    let figures = company.figures("queue", |figures| figures["answered"] == 2).await;
    assert_eq!(figures["abandoned"], 0, "nobody was lost");
}

/// Who does not answer is tried again at the old place, and then is a task.
#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_reached_by_the_queue_becomes_a_task_for_people() {
    let mut company = Company::sign_up().await;
    let settings = json!({ "callback_key": "5", "callback_attempts": 2, "callback_every_ms": 5_000 });
    company.change_queue(settings).await;
    let carrier = carrier_of(&company).await;
    let number = company.queue_number(true).await;
    asks(&company, &number, FROM).await;
    let ana = company.agent("ana").await;
    for _ in 0..2 {
        let own = ana.phone.incoming(SOON).await.unwrap().answer().await.unwrap();
        carrier.incoming(SOON).await.unwrap().reject(486).await.unwrap();
        own.wait_ended(SOON).await.expect("the agent is free again");
    }
    let task = company.task(|task| task["state"] == "open").await;
    assert_eq!((task["number"].as_str(), task["missed"].as_u64()), (Some(FROM), Some(1)));
}

/// At night callers leave a message or say at which number to call them: in the
/// morning both are tasks, the oldest first.
/// Proves A218.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_and_a_callback_of_the_night_are_tasks_of_the_morning() {
    const OTHER: &str = "+40721000111";
    let company = Company::sign_up().await;
    let nodes = json!({
        "open": { "type": "hours", "label": "Open", "time_zone": "Europe/Bucharest", "weekly": [],
                  "open": "bye", "closed": "night" },
        "night": { "type": "menu", "label": "Night", "say": [{ "text": "One or two." }],
                   "choices": { "1": "speak", "2": "type" }, "timeout_ms": 20_000, "no_input": "bye",
                   "no_match": "bye" },
        "speak": { "type": "voicemail", "label": "Message", "say": [{ "text": "Speak." }], "next": "thanks" },
        "type": { "type": "digits", "label": "Number", "say": [{ "text": "Your number." }], "variable": "back",
                  "digits_max": 15, "timeout_ms": 20_000, "next": "right", "no_input": "bye" },
        "right": { "type": "menu", "label": "Right?", "say": [{ "text": "{back}. One if that is right." }],
                   "choices": { "1": "promise", "2": "type" }, "timeout_ms": 20_000, "no_input": "bye",
                   "no_match": "bye" },
        "promise": { "type": "callback", "label": "Callback", "number": "{back}", "next": "thanks",
                     "invalid": "type" },
        "thanks": { "type": "play", "label": "Thanks", "say": [{ "text": "Thank you." }], "next": "bye" },
        "bye": { "type": "hangup" },
    });
    let number = company.number(nodes, "open", true).await;
    let at = async |stage: &str, node: &str, from: &str| {
        let there = |row: &Value| row["stage"] == stage && row["node"] == node;
        company.until(|live| live_call(live, from).is_some_and(there)).await;
    };
    let speaks = company.call(&number, FROM, Protocol::Udp).await;
    at("menu", "Night", FROM).await;
    speaks.press("1").await;
    speaks.hear(1_000.0, SOON).await.expect("the tone");
    tokio::time::sleep(Duration::from_secs(4)).await;
    speaks.press("#").await;
    speaks.wait_ended(SOON).await.expect("thanked and let go");

    const SECOND: &str = "+40217770003";
    let asks = company.call(&number, SECOND, Protocol::Udp).await;
    at("menu", "Night", SECOND).await;
    asks.press("2").await;
    at("menu", "Number", SECOND).await;
    asks.press("0721000111#").await;
    at("menu", "Right?", SECOND).await;
    asks.press("1").await;
    asks.wait_ended(SOON).await.expect("thanked and let go");

    let mut tasks = Vec::new();
    for _ in 0..300 {
        tasks = company.get("/v1/callbacks?state=open").await["items"].as_array().unwrap().clone();
        if tasks.len() == 2 {
            break;
        }
        tokio::time::sleep(SOON / 300).await;
    }
    let told: Vec<_> = tasks
        .iter()
        .map(|task| (task["number"].as_str().unwrap(), task["message"] == true, task["asked"] == true))
        .collect();
    assert_eq!(told, [(FROM, true, false), (OTHER, false, true)], "the oldest first");
    let heard = message(&company, &text(&tasks[0]["id"])).await;
    assert!(heard > 3.0, "{heard} s of what the caller said are in the message");
    let ana = company.agent("ana").await;
    let desk = Desk::of(&company, &ana).await;
    for task in &tasks {
        let path = format!("/v1/callbacks/{}/claim", text(&task["id"]));
        let (status, _) = desk.post(&path, json!({})).await;
        assert_eq!(status, StatusCode::OK, "an agent takes it in the morning");
    }
    let figures = company.figures("did", |figures| figures["offered"] == 2).await;
    assert_eq!(figures["abandoned"], 0, "nobody gave up");
}

/// Seconds of the caller's tone in a task's message, once it is whole.
async fn message(company: &Company, task: &str) -> f64 {
    let path = format!("/v1/callbacks/{task}/audio");
    let mut seconds = 0.0;
    for _ in 0..100 {
        if !company.refused(&path).await {
            let file = company.bytes(&path).await;
            let mut reader = hound::WavReader::new(&file[..]).expect("a WAV file");
            let samples: Vec<i16> = reader.samples().step_by(2).map(|sample| sample.unwrap()).collect();
            let loud = samples.chunks_exact(800).filter(|piece| tone_level(piece, CALLER) > 0.01);
            seconds = loud.count() as f64 / 10.0;
            if seconds > 3.0 {
                break;
            }
        }
        tokio::time::sleep(SOON / 100).await;
    }
    seconds
}
