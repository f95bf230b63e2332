//! Callers choose what they call about.

use crate::{
    CALLER, SOON,
    company::{AgentPhone, Company, text, unique},
};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::{Config, Phone, Sound};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::sync::Semaphore;

const CALLS: usize = 400;
const AGENTS_PER_TOPIC: usize = 4;
/// What agents of a topic say, in hertz; a topic's key is its place here, from 1.
const TOPICS: [(&str, f64); 4] =
    [("connection", 500.0), ("technical", 620.0), ("finance", 740.0), ("general", 860.0)];

/// A queue per topic, each with a skill of its own; and the menu that leads there.
async fn number(company: &Company) -> (String, Vec<Value>) {
    let mut queues = Vec::new();
    let mut nodes = json!({ "bye": { "type": "hangup" } });
    for (at, (topic, _)) in TOPICS.iter().enumerate() {
        if *topic != "general" {
            company.send(Method::POST, "/v1/skills", Some(json!({ "name": topic }))).await;
        }
        let queue = json!({ "name": topic, "skills": [{ "name": topic, "level": 1 }], "wrap_up_ms": 0 });
        let queue = company.send(Method::POST, "/v1/queues", Some(queue)).await;
        nodes[topic] = json!({ "type": "queue", "label": topic, "queue": queue["id"], "announce_every_ms": 0,
                               "overflow": "bye" });
        nodes["menu"]["choices"][(at + 1).to_string()] = json!(topic);
        queues.push(queue["id"].clone());
    }
    let choices = nodes["menu"]["choices"].take();
    nodes["menu"] = json!({ "type": "menu", "label": "Topics", "say": [{ "text": "What is it about?" }],
        "choices": choices, "timeout_ms": 60_000, "no_input": "bye", "no_match": "bye" });
    (company.number(nodes, "menu", true).await, queues)
}

/// Callers that a topic's agents were offered.
type Offered = Arc<Mutex<Vec<(usize, String)>>>;

/// Answers whatever rings, for ever.
async fn works(agent: AgentPhone, topic: usize, offered: Offered) {
    while let Ok(offer) = agent.phone.incoming(10 * SOON).await {
        offered.lock().unwrap().push((topic, offer.from()));
        offer.say(Sound::Tone(TOPICS[topic].1));
        // The caller may have left at this very moment.
        if let Ok(talk) = offer.answer().await {
            talk.hear(CALLER, SOON).await.unwrap();
            talk.wait_ended(SOON).await.unwrap();
        }
    }
}

/// Proves A001.
#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_callers_reach_the_topic_that_they_chose_and_nobody_else() {
    let company = Arc::new(Company::sign_up().await);
    let (number, queues) = number(&company).await;
    let offered = Offered::default();
    let mut agents = Vec::new();
    for (topic, (skill, _)) in TOPICS.iter().enumerate() {
        for n in 0..AGENTS_PER_TOPIC {
            let agent = company.agent_who_knows(&format!("a{topic}{n}"), skill).await;
            agents.push(tokio::spawn(works(agent, topic, offered.clone())));
        }
    }
    company.call(&number, "+40219999999", softphone::Protocol::Udp).await.hang_up().await.unwrap();

    let at_once = Arc::new(Semaphore::new(TOPICS.len() * AGENTS_PER_TOPIC + 4));
    let phone = Phone::bind(Config::default()).await.unwrap();
    let mut chosen = BTreeMap::new();
    let mut calls = Vec::new();
    for n in 0..CALLS {
        let (from, topic) = (format!("+4021{n:07}"), (unique() % 4) as usize);
        chosen.insert(from.clone(), topic);
        let permit = at_once.clone().acquire_owned().await.unwrap();
        let (company, number, phone) = (company.clone(), number.clone(), phone.clone());
        calls.push(tokio::spawn(async move {
            let call = phone.call(company.dial(&number, &from)).await.unwrap();
            call.wait_answered(SOON).await.unwrap();
            call.press(&(topic + 1).to_string()).await;
            call.hear(TOPICS[topic].1, 2 * SOON).await.unwrap();
            // The agent's ear needs its moment too.
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            call.hang_up().await.unwrap();
            drop(permit);
        }));
    }
    for call in calls {
        call.await.expect("every caller talks with the topic that they chose");
    }

    assert!(agents.iter().all(|agent| !agent.is_finished()), "every agent has heard every caller");
    let offered = offered.lock().unwrap().clone();
    assert_eq!(offered.len(), CALLS, "nobody was offered twice, nobody to somebody else");
    assert!(
        offered.iter().all(|(topic, from)| chosen[from] == *topic),
        "an agent without the skill was asked"
    );
    company.figures("queue", |f| f["answered"] == CALLS && f["in_progress"] == 0).await;
    assert_eq!(entered(&company, &queues).await, chosen);
}

/// The topic whose queue each caller entered, by the history.
async fn entered(company: &Company, queues: &[Value]) -> BTreeMap<String, usize> {
    let mut entered = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = company.get(&format!("/v1/calls?limit=100&cursor={cursor}")).await;
        for row in page["items"].as_array().expect("calls") {
            if let Some(topic) = queues.iter().position(|queue| *queue == row["queue"]) {
                entered.insert(text(&row["from"]), topic);
            }
        }
        match page["next_cursor"].as_str() {
            Some(next) if !next.is_empty() => cursor = next.to_owned(),
            _ => return entered,
        }
    }
}
