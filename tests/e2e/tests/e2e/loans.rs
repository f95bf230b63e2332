//! Agents lent to another queue until a time.

use crate::{
    AGENT, CALLER, SOON,
    company::{AgentPhone, Company, live_agent, now_ms, text},
    desks::desk,
};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::{Call, Protocol, Sound};
use std::time::Duration;

const SUPERVISOR: f64 = 1_000.0;
/// From the loan until the first offer.
const RINGS_WITHIN_MS: i64 = 2_000;
const LENT_MS: i64 = 25_000;

/// Two departments with a queue each, and their heads.
struct Two {
    company: Company,
    /// Numbers that lead to the queues.
    sell: String,
    help: String,
    /// The queue of sales.
    queue: String,
    support: String,
    of_sales: Company,
    of_support: Company,
}

impl Two {
    async fn departments() -> Two {
        let company = Company::sign_up().await;
        let (sell, help) = (company.queue_for("sell").await, company.queue_for("help").await);
        let queues = company.get("/v1/queues").await;
        let queue = queues["items"].as_array().unwrap().iter().find(|queue| queue["name"] == "sell");
        let queue = text(&queue.expect("the queue")["id"]);
        let (sales, support) =
            (company.department("Sales", None).await, company.department("Support", None).await);
        let of_sales = company.head("sam", &sales).await;
        let of_support = company.head("sven", &support).await;
        for (head, skill) in [(&of_sales, "sell"), (&of_support, "help")] {
            let path = format!("/v1/agents/{}/skills", text(&head.get("/v1/me").await["agent"]));
            let skills = json!({ "skills": [{ "name": skill, "level": 5 }] });
            company.send(Method::PUT, &path, Some(skills)).await;
        }
        Two { company, sell, help, queue, support, of_sales, of_support }
    }

    async fn helper(&self, name: &str) -> AgentPhone {
        let agent = self.company.agent_who_knows(name, "help").await;
        self.company.place(&agent.agent, &self.support).await;
        agent
    }

    async fn rings(&self, number: &str, from: &str, agent: &AgentPhone) -> (i64, Call, Call) {
        let call = self.company.call(number, from, Protocol::Udp).await;
        let (rang, leg) = talks(agent, &call).await;
        (rang, call, leg)
    }
}

/// When it rang; then both hear each other.
async fn talks(agent: &AgentPhone, call: &Call) -> (i64, Call) {
    let offer = agent.phone.incoming(SOON).await.expect("the agent rings");
    let rang = now_ms() as i64;
    offer.say(Sound::Tone(AGENT));
    let leg = offer.answer().await.expect("an answer");
    call.hear(AGENT, SOON).await.expect("the caller hears the agent");
    leg.hear(CALLER, SOON).await.expect("the agent hears the caller");
    (rang, leg)
}

fn loan_of<'a>(live: &'a Value, agent: &AgentPhone) -> Option<&'a Value> {
    live_agent(live, &agent.agent).map(|row| &row["loan"])
}

/// Five at once; the callers who wait there ring within two seconds; at the end
/// of the time all are back at their own queue; who lent, and that they came
/// back, is in the audit.
/// Proves A020.
#[tokio::test(flavor = "multi_thread")]
async fn five_agents_help_an_overloaded_queue_and_come_back_by_themselves() {
    let two = Two::departments().await;
    let mut helpers = Vec::new();
    for name in ["ana", "ben", "cleo", "dan", "ema"] {
        helpers.push(two.helper(name).await);
    }
    let mut waiting = Vec::new();
    for n in 0..5 {
        waiting.push(two.company.call(&two.sell, &format!("+4021700010{n}"), Protocol::Udp).await);
    }
    two.company.until(|live| live["calls"].as_array().is_some_and(|calls| calls.len() == 5)).await;
    assert!(helpers[0].phone.incoming(Duration::from_millis(500)).await.is_err(), "it is not their queue");

    let agents: Vec<&String> = helpers.iter().map(|one| &one.agent).collect();
    let lent_at = now_ms() as i64;
    let until = lent_at + LENT_MS;
    let loan = json!({ "agents": agents, "queue": two.queue, "until_ms": until });
    let reply = two.of_sales.send(Method::POST, "/v1/loans", Some(loan.clone())).await;
    assert_eq!(reply["items"].as_array().unwrap().len(), 5);
    let mut first = i64::MAX;
    let mut legs = Vec::new();
    for helper in &helpers {
        let offer = helper.phone.incoming(SOON).await.expect("each has a caller");
        first = first.min(now_ms() as i64);
        offer.say(Sound::Tone(AGENT));
        legs.push(offer.answer().await.unwrap());
    }
    assert!(first - lent_at <= RINGS_WITHIN_MS, "{} ms until the first offer", first - lent_at);
    for (call, leg) in waiting.iter().zip(&legs) {
        call.hear(AGENT, SOON).await.unwrap();
        leg.hear(CALLER, SOON).await.unwrap();
    }
    for leg in legs {
        leg.hang_up().await.unwrap();
    }
    let again = two.of_sales.tries(Method::POST, "/v1/loans", Some(loan)).await;
    assert_eq!((again.0, &again.1["code"]), (409, &json!("lent_already")));

    let back = |live: &Value| helpers.iter().all(|one| loan_of(live, one).is_some_and(Value::is_null));
    two.company.until(back).await;
    assert!(now_ms() as i64 >= until, "not before the time");
    let stays = two.company.call(&two.sell, "+40217000201", Protocol::Udp).await;
    let call = two.company.call(&two.help, "+40217000202", Protocol::Udp).await;
    let mut own = None;
    for helper in &helpers {
        if let Ok(offer) = helper.phone.incoming(Duration::from_secs(2)).await {
            assert_eq!(offer.from(), "+40217000202", "the own queue's caller");
            offer.say(Sound::Tone(AGENT));
            own = Some(offer.answer().await.unwrap());
            break;
        }
    }
    let own = own.expect("somebody of the own department rings");
    call.hear(AGENT, SOON).await.unwrap();
    own.hear(CALLER, SOON).await.unwrap();
    own.hang_up().await.unwrap();
    stays.hang_up().await.unwrap();

    for (action, least) in [("loan.lend", lent_at), ("loan.return", until)] {
        let page = two.company.get(&format!("/v1/audit?action={action}")).await;
        let lines = page["items"].as_array().unwrap();
        assert_eq!(lines.len(), 5, "{page:#}");
        for line in lines {
            let at = line["at_ms"].as_i64().unwrap();
            assert!((least..least + 5_000).contains(&at), "{action} at {at}, {} ms late", at - least);
            assert!(agents.iter().any(|agent| line["subject"] == format!("agent/{agent}").as_str()));
        }
    }
}

/// The borrowing head sees how busy the others are before confirming; then both
/// heads see the loan, and the agent at the desk; it ends by itself.
/// Proves A126.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_borrows_an_agent_and_both_heads_see_it() {
    let two = Two::departments().await;
    let ana = two.helper("ana").await;
    // So that the department has been busy.
    let (_, call, leg) = two.rings(&two.help, "+40217000301", &ana).await;
    leg.hang_up().await.unwrap();
    call.wait_ended(SOON).await.unwrap();
    let other = two.company.department("Other", None).await;
    let stranger = two.company.head("olga", &other).await;
    two.company.forgets_skills(&text(&stranger.get("/v1/me").await["agent"])).await;

    let lenders = two.of_sales.get(&format!("/v1/queues/{}/lenders", two.queue)).await;
    let group = lenders["items"].as_array().unwrap().iter().find(|one| one["name"] == "Support").unwrap();
    let busy = group["occupancy"].as_f64().expect("somebody was at work");
    assert!(busy > 0.0 && busy <= 1.0, "{group}");
    assert!(
        two.of_sales.live().await["agents"].as_array().unwrap().iter().all(|row| row["agent"] != ana.agent)
    );

    let Some(mut boss) = desk(&two.of_sales, SUPERVISOR).await else { return };
    // The head has the skill too, and is not to be asked.
    let head = text(&two.of_sales.get("/v1/me").await["agent"]);
    let aux = json!({ "state": "aux", "reason": "meeting" });
    two.company.send(Method::PUT, &format!("/v1/agents/{head}/state"), Some(aux)).await;
    two.company.until(|live| live_agent(live, &head).is_some_and(|row| row["state"] == "aux")).await;
    boss.does("opens", json!("/live")).await;
    let waits = two.company.call(&two.sell, "+40217000302", Protocol::Udp).await;
    boss.does("press_named", json!({ "role": "button", "name": "Borrow agents for sell" })).await;
    let shown = boss.does("texts", json!("lender-occupancy")).await;
    let percents =
        shown.as_array().unwrap().iter().filter(|text| text.as_str().unwrap().contains('%')).count();
    assert!(percents >= 1, "how busy they are stands there before anything is confirmed: {shown}");
    boss.does("press_named", json!({ "role": "checkbox", "name": "ana" })).await;
    boss.pictures("loan").await;
    boss.does("press", json!("loan-confirm")).await;
    let (_, leg) = talks(&ana, &waits).await;

    let lent = |live: &Value| loan_of(live, &ana).is_some_and(|loan| loan["queue"] == two.queue.as_str());
    two.of_sales.until(lent).await;
    two.of_support.until(lent).await;
    for head in [&two.of_sales, &two.of_support] {
        let loans = head.get("/v1/loans").await;
        assert_eq!(loans["items"][0]["agent"], ana.agent.as_str(), "{loans}");
    }
    assert_eq!(stranger.get("/v1/loans").await["items"], json!([]));
    let badge = boss.does("text", json!("agent-loan")).await;
    assert!(badge.as_str().unwrap().starts_with("sell until"), "{badge}");
    boss.pictures("lent").await;
    let loan = text(&two.of_support.get("/v1/loans").await["items"][0]["id"]);
    assert_eq!(stranger.status(Method::DELETE, &format!("/v1/loans/{loan}"), json!({})).await, 403);
    leg.hang_up().await.unwrap();

    // The lender has the agent back before the time; the next loan ends by itself.
    assert_eq!(two.of_support.status(Method::DELETE, &format!("/v1/loans/{loan}"), json!({})).await, 204);
    let home = |live: &Value| loan_of(live, &ana).is_some_and(Value::is_null);
    two.of_support.until(home).await;
    let until = now_ms() as i64 + 3_000;
    let again = json!({ "agents": [ana.agent], "queue": two.queue, "until_ms": until });
    two.of_support.send(Method::POST, "/v1/loans", Some(again)).await;
    two.of_support.until(lent).await;
    two.of_support.until(home).await;
    assert!(now_ms() as i64 >= until, "not before the time");
    let gone = |live: &Value| live_agent(live, &ana.agent).is_none();
    two.of_sales.until(gone).await;
    let (_, call, leg) = two.rings(&two.help, "+40217000303", &ana).await;
    leg.hang_up().await.unwrap();
    call.wait_ended(SOON).await.unwrap();
    boss.close().await;
}
