//! Menus in menus: every way out leads where it was set to.

use crate::{
    AGENT, CALLER, SOON,
    company::{AgentPhone, Company},
};
use serde_json::{Value, json};
use softphone::{Call, Protocol, Sound};
use std::sync::Arc;

const LEVELS: usize = 3;
/// What is heard, in hertz, by level.
const MENU: [f64; LEVELS] = [2_000.0, 2_150.0, 2_300.0];
const SILENT: [f64; LEVELS] = [800.0, 920.0, 1_040.0];
const INVALID: [f64; LEVELS] = [1_160.0, 1_280.0, 1_400.0];
const WRONG_KEY: f64 = 2_600.0;
const DONE: f64 = 1_600.0;

/// The key that leads on from a level.
const ON: [&str; LEVELS] = ["1", "2", "3"];

/// What the caller does once at a level.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Invalid,
    Silent,
    Operator,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Keys {
    /// RFC 4733.
    Events,
    /// SIP INFO.
    Info,
}

async fn number(company: &Company) -> String {
    let mut nodes = company.queue_nodes();
    let wrong_key = company.tone_prompt(WRONG_KEY, 1.0).await;
    for level in 0..LEVELS {
        let (menu, silent, invalid) = (name("menu", level), name("silent", level), name("invalid", level));
        let on = if level + 1 < LEVELS { name("menu", level + 1) } else { "done".into() };
        nodes[&menu] = json!({
            "type": "menu", "label": menu, "say": [{ "prompt": company.tone_prompt(MENU[level], 1.0).await }],
            "choices": { ON[level]: on, "0": "wait" }, "attempts": 1, "invalid_attempts": 3,
            "timeout_ms": 8_000, "invalid": [{ "prompt": wrong_key }], "no_input": silent, "no_match": invalid,
        });
        nodes[&silent] = says(company, SILENT[level]).await;
        nodes[&invalid] = says(company, INVALID[level]).await;
    }
    nodes["done"] = says(company, DONE).await;
    company.number(nodes, &name("menu", 0), true).await
}

fn name(node: &str, level: usize) -> String {
    format!("{node}{level}")
}

async fn says(company: &Company, hz: f64) -> Value {
    let prompt = company.tone_prompt(hz, 5.0).await;
    json!({ "type": "play", "label": "Exit", "say": [{ "prompt": prompt }], "next": "bye" })
}

/// Answers whatever rings, for ever.
async fn works(agent: AgentPhone) {
    while let Ok(offer) = agent.phone.incoming(10 * SOON).await {
        offer.say(Sound::Tone(AGENT));
        let talk = offer.answer().await.unwrap();
        talk.hear(CALLER, SOON).await.unwrap();
        talk.wait_ended(SOON).await.unwrap();
    }
}

async fn press(call: &Call, keys: Keys, key: &str) {
    match keys {
        Keys::Events => call.press(key).await,
        Keys::Info => call.press_by_info(key).await.unwrap(),
    }
}

/// Walks to a level.
async fn walks(call: &Call, keys: Keys, level: usize) {
    call.wait_answered(SOON).await.unwrap();
    call.hear(MENU[0], SOON).await.unwrap();
    for below in 0..level {
        press(call, keys, ON[below]).await;
        call.hear(MENU[below + 1], SOON).await.unwrap();
    }
}

async fn leaves(call: &Call, keys: Keys, level: usize, way: Way) {
    walks(call, keys, level).await;
    let exit = match way {
        Way::Silent => SILENT[level],
        Way::Operator => {
            press(call, keys, "0").await;
            AGENT
        }
        Way::Invalid => {
            for _ in 0..2 {
                press(call, keys, "9").await;
                call.hear(WRONG_KEY, SOON).await.unwrap();
                call.hear(MENU[level], SOON).await.unwrap();
            }
            press(call, keys, "9").await;
            INVALID[level]
        }
    };
    call.hear(exit, SOON).await.unwrap_or_else(|error| panic!("{keys:?} {level} {way:?}: {error}"));
    if way == Way::Operator {
        // The agent's ear needs its moment too.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    call.hang_up().await.unwrap();
}

/// Proves A005.
#[tokio::test(flavor = "multi_thread")]
async fn every_exit_of_a_menu_of_three_levels_leads_where_it_was_set_to() {
    let company = Arc::new(Company::sign_up().await);
    let number = number(&company).await;
    let mut agents = Vec::new();
    for n in 0..4 {
        agents.push(tokio::spawn(works(company.agent(&format!("operator{n}")).await)));
    }
    company.call(&number, "+40216999999", Protocol::Udp).await.hang_up().await.unwrap();
    for keys in [Keys::Events, Keys::Info] {
        let mut calls = Vec::new();
        let mut place = |level: usize, way: Option<Way>| {
            let (company, number, from) =
                (company.clone(), number.clone(), format!("+402160{:05}", calls.len()));
            calls.push(tokio::spawn(async move {
                let call = company.call(&number, &from, Protocol::Udp).await;
                match way {
                    Some(way) => leaves(&call, keys, level, way).await,
                    None => {
                        walks(&call, keys, level).await;
                        press(&call, keys, ON[level]).await;
                        call.hear(DONE, SOON).await.unwrap();
                        call.hang_up().await.unwrap();
                    }
                }
            }));
        };
        for level in 0..LEVELS {
            for way in [Way::Invalid, Way::Silent, Way::Operator] {
                place(level, Some(way));
            }
        }
        place(LEVELS - 1, None);
        for call in calls {
            call.await.expect("every caller ends where the exit leads");
        }
    }
    assert!(
        agents.iter().all(|agent| !agent.is_finished()),
        "operators heard every caller who asked for one"
    );
    company.figures("queue", |f| f["answered"] == 2 * LEVELS && f["in_progress"] == 0).await;
}
