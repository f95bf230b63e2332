//! Who did not get through is called back.

use crate::{
    AGENT, CALLER, SOON,
    company::{AgentPhone, Company, live_call, text, unique},
    transfers::Desk,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use softphone::{Config, Phone, Protocol, Sound};

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
    let own = ana.phone.incoming(SOON).await.unwrap();
    own.say(Sound::Tone(AGENT));
    let own = own.answer().await.unwrap();
    let offer = carrier.incoming(SOON).await.unwrap();
    offer.say(Sound::Tone(CUSTOMER));
    let called = offer.answer().await.unwrap();
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
    let offer = ana.phone.incoming(SOON).await.unwrap();
    offer.say(Sound::Tone(AGENT));
    let agent = offer.answer().await.unwrap();
    call.hear(AGENT, SOON).await.unwrap();
    agent.hear(CALLER, SOON).await.unwrap();
    company.task_is(&id, |task| task["closed_how"] == "called_again").await;
    call.hang_up().await.unwrap();
    agent.wait_ended(SOON).await.unwrap();
}
