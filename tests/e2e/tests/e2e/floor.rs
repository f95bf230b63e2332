//! Supervisors and the callers who wait: taken, given to somebody.

use crate::{
    AGENT, CALLER, SOON,
    browser::Browser,
    company::{AgentPhone, Company, live_agent, live_call, now_ms, text},
    desks::desk,
};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::{Call, Protocol, Sound};
use std::time::Duration;

const SUPERVISOR: f64 = 1_000.0;
const TAKEN_WITHIN_MS: i64 = 2_000;

fn caller(n: usize) -> String {
    format!("+4021900000{n}")
}

impl Company {
    async fn agent_of_another_skill(&self, name: &str) -> AgentPhone {
        let (status, _) = self.tries(Method::POST, "/v1/skills", Some(json!({ "name": "other" }))).await;
        assert!([201, 409].contains(&status));
        self.agent_who_knows(name, "other").await
    }

    /// So many callers wait, in this order.
    async fn wait_in_line(&self, number: &str, callers: std::ops::Range<usize>) -> Vec<Call> {
        let mut calls = Vec::new();
        for n in callers {
            calls.push(self.call(number, &caller(n), Protocol::Udp).await);
            self.until(|live| {
                live_call(live, &caller(n)).is_some_and(|row| row["position"].as_i64() > Some(0))
            })
            .await;
        }
        calls
    }

    async fn id_of(&self, n: usize) -> String {
        text(&live_call(&self.live().await, &caller(n)).expect("the caller waits")["call"])
    }

    /// The places of these callers are 1, 2, 3 …
    async fn stand_in_line(&self, callers: &[usize]) -> Value {
        let at = |live: &Value, n: usize| live_call(live, &caller(n)).map(|row| row["position"].clone());
        self.until(|live| (1..).zip(callers).all(|(place, n)| at(live, *n) == Some(json!(place)))).await
    }

    /// Once the queues are in service: an ACD that has just started listens first.
    async fn gives(&self, n: usize, to: Value) -> (u16, Value) {
        let path = format!("/v1/calls/{}/assignment", self.id_of(n).await);
        for _ in 0..300 {
            let tried = self.tries(Method::POST, &path, Some(to.clone())).await;
            if tried.0 != 503 {
                return tried;
            }
            tokio::time::sleep(SOON / 300).await;
        }
        panic!("the queues never came into service");
    }

    /// Somebody whom no queue asks.
    async fn colleague_without_skills(&self, name: &str, role: &str) -> (Company, String) {
        let colleague = self.colleague(name, role).await;
        let agent = text(&colleague.get("/v1/me").await["agent"]);
        self.forgets_skills(&agent).await;
        (colleague, agent)
    }

    pub async fn forgets_skills(&self, agent: &str) {
        let path = format!("/v1/agents/{agent}/skills");
        self.send(Method::PUT, &path, Some(json!({ "skills": [] }))).await;
    }
}

/// Answers, and both hear each other.
async fn answered(agent: &AgentPhone, call: &Call, says: f64) -> Call {
    let offer = agent.phone.incoming(SOON).await.expect("it rings");
    offer.say(Sound::Tone(says));
    let leg = offer.answer().await.expect("an answer");
    call.hear(says, SOON).await.expect("the caller hears the agent");
    leg.hear(CALLER, SOON).await.expect("the agent hears the caller");
    leg
}

/// It rings at the chosen agent and nowhere else, though that one has not the
/// queue's skill; nobody answers, and the caller is back at the old place.
/// Proves A129.
#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_gives_a_waiting_caller_to_one_agent_and_the_place_is_kept() {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "pause_after_missed": 0 })).await;
    let number = company.queue_number(true).await;
    let ana = company.agent("ana").await;
    let (ben, cleo) =
        (company.agent_of_another_skill("ben").await, company.agent_of_another_skill("cleo").await);
    let first = company.call(&number, &caller(0), Protocol::Udp).await;
    let talk = answered(&ana, &first, AGENT).await;
    let waiting = company.wait_in_line(&number, 1..4).await;
    let before = company.stand_in_line(&[1, 2, 3]).await;
    let since = live_call(&before, &caller(2)).unwrap()["waiting_since_ms"].clone();

    assert_eq!(company.gives(2, json!({ "agent": ben.agent })).await.0, 202);
    let offer = ben.phone.incoming(SOON).await.expect("the chosen agent rings");
    assert_eq!(offer.from(), caller(2));
    let rings = |row: &Value| row["stage"] == "ringing" && row["agent"] == ben.agent.as_str();
    company.until(|live| live_call(live, &caller(2)).is_some_and(rings)).await;
    assert_eq!(company.gives(2, json!({ "agent": ana.agent })).await.1["code"], "agent_busy");
    assert!(cleo.phone.incoming(Duration::from_secs(1)).await.is_err(), "nobody else rings");
    offer.wait_ended(SOON).await.expect("nobody answered");
    let queued = |live: &Value| live_call(live, &caller(2)).is_some_and(|row| row["stage"] == "queue");
    company.until(queued).await;
    let after = company.stand_in_line(&[1, 2, 3]).await;
    assert_eq!(live_call(&after, &caller(2)).unwrap()["waiting_since_ms"], since);

    // Before who came later, and after who came sooner.
    talk.hang_up().await.unwrap();
    let talk = answered(&ana, &waiting[0], AGENT).await;
    company.stand_in_line(&[2, 3]).await;
    talk.hang_up().await.unwrap();
    let talk = answered(&ana, &waiting[1], AGENT).await;
    company.stand_in_line(&[3]).await;
    talk.hang_up().await.unwrap();
    let ended = company.history(&caller(2), |row| row["ended_at_ms"].is_i64()).await;
    let told = company.get(&format!("/v1/calls/{}", text(&ended["id"]))).await;
    let offers: Vec<[String; 2]> = told["offers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|offer| [text(&offer["agent"]), text(&offer["rule"])])
        .collect();
    assert_eq!(offers[0], [ben.agent.clone(), "assigned".to_owned()], "{told:#}");
    assert_eq!(offers.last().map(|offer| &offer[0]), Some(&ana.agent));
    assert_eq!(offers.len(), 2, "only these two were asked: {offers:?}");

    let talk = answered(&ana, &waiting[2], AGENT).await;
    talk.hang_up().await.unwrap();
}

/// The menu of a row, and what is chosen there.
async fn opens_menu(boss: &mut Browser, n: usize) {
    let name = format!("Actions for {}", caller(n));
    boss.does("press_named", json!({ "role": "button", "name": name })).await;
}

/// From the middle of the line, by two clicks at the monitor; sound both ways
/// within two seconds of the second; the others move up.
/// Proves A128.
#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_takes_a_caller_from_the_middle_of_the_line() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let (eva, supervisor) = company.colleague_without_skills("eva", "supervisor").await;
    let Some(mut boss) = desk(&eva, SUPERVISOR).await else { return };
    boss.does("opens", json!("/live")).await;
    let mut line: Vec<usize> = (1..6).collect();
    let calls = company.wait_in_line(&number, 1..6).await;
    let mut best = i64::MAX;
    while best > TAKEN_WITHIN_MS && line.len() > 2 {
        company.stand_in_line(&line).await;
        let n = line.remove(line.len() / 2);
        opens_menu(&mut boss, n).await;
        let began = now_ms() as i64;
        let taken = boss.does("press_and_hear", json!({ "id": "assign-take", "hz": CALLER }));
        let heard = async {
            calls[n - 1].hear(SUPERVISOR, SOON).await.expect("the caller hears the supervisor");
            now_ms() as i64 - began
        };
        let (there, back) = tokio::join!(taken, heard);
        best = best.min(back.max(there.as_f64().expect("a time") as i64));
        company.stand_in_line(&line).await;
        calls[n - 1].hang_up().await.unwrap();
        let free = |row: &Value| row["state"] == "available";
        company.until(|live| live_agent(live, &supervisor).is_some_and(free)).await;
    }
    assert!(best <= TAKEN_WITHIN_MS, "{best} ms until both heard each other");
    let audit = company.get("/v1/audit?action=supervisor.take").await;
    assert!(audit["items"][0]["subject"].as_str().unwrap().starts_with("call/call_"), "{audit}");
    for n in line {
        calls[n - 1].hang_up().await.unwrap();
    }
    boss.close().await;
}

/// By drag and by menu; only who may, and what they see.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_dropped_on_an_agent_who_sees_who_gave_it() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let (ana, agent) = company.colleague_without_skills("ana", "agent").await;
    let (eva, _) = company.colleague_without_skills("eva", "supervisor").await;
    let calls = company.wait_in_line(&number, 1..3).await;
    let path = format!("/v1/calls/{}/assignment", company.id_of(1).await);
    let to_ana = || Some(json!({ "agent": agent }));
    assert_eq!(company.gives(1, json!({ "agent": agent })).await.1["code"], "agent_offline");
    assert_eq!(ana.tries(Method::POST, &path, to_ana()).await.0, 403, "agents give nobody callers");
    let sales = company.department("Sales", None).await;
    let head = company.head("sam", &sales).await;
    company.forgets_skills(&text(&head.get("/v1/me").await["agent"])).await;
    let own = head.tries(Method::POST, &path, Some(json!({}))).await;
    assert_eq!(own.0, 404, "a queue of others: {own:?}");
    assert_eq!(head.tries(Method::POST, &path, to_ana()).await.0, 403, "an agent of others");
    let stranger = Company::sign_up().await;
    assert_eq!(stranger.tries(Method::POST, &path, Some(json!({}))).await.0, 404);

    let Some(mut there) = desk(&ana, AGENT).await else { return };
    let Some(mut boss) = desk(&eva, SUPERVISOR).await else { return };
    boss.does("opens", json!("/live")).await;
    let drag = json!({ "from": { "id": "live-call-row", "text": caller(1) },
        "to": { "id": "live-agent-row", "text": "ana" } });
    boss.does("drag", drag).await;
    there.does("offer", Value::Null).await;
    let by = there.does("text", json!("offer-assigned")).await;
    assert!(by.as_str().unwrap().contains("eva"), "{by}");
    there.does("accept", Value::Null).await;
    there.does("tone", json!({ "hz": CALLER })).await;
    calls[0].hear(AGENT, SOON).await.expect("the caller hears the agent");
    there.does("press", json!("call-end")).await;
    company.until(|live| live_agent(live, &agent).is_some_and(|row| row["state"] == "available")).await;

    opens_menu(&mut boss, 2).await;
    boss.does("press", json!("assign-give")).await;
    boss.does("press_named", json!({ "role": "button", "name": "Give to ana" })).await;
    there.does("offer", Value::Null).await;
    there.does("accept", Value::Null).await;
    there.does("tone", json!({ "hz": CALLER })).await;
    calls[1].hear(AGENT, SOON).await.expect("the caller hears the agent");
    let audit = company.get("/v1/audit?action=supervisor.assign").await;
    assert_eq!(audit["items"].as_array().unwrap().len(), 2);
    assert_eq!(audit["items"][0]["detail"]["agent"], agent.as_str());
    calls[1].hang_up().await.unwrap();
    there.close().await;
    boss.close().await;
}
