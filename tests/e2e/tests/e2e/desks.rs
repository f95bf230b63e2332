//! Desks in browsers, worked by clicking, with tones in every direction.

use crate::{
    AGENT, CALLER, SOON,
    browser::Browser,
    company::{Company, PASSWORD, at_best, live_agent, now_ms, text, unique},
    picks_up,
};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::{Call, Config, Phone, Protocol, Sound};
use std::time::Duration;

const FROM: &str = "+40216667788";
/// What the colleague, the called and the supervisor say.
const SECOND: f64 = 900.0;
const SUPERVISOR: f64 = 1_000.0;
const MUSIC: f64 = 261.6;
const RINGBACK: f64 = 425.0;

async fn company() -> Company {
    let mut company = Company::sign_up().await;
    company.change_queue(json!({ "ring_timeout_ms": 30_000, "wrap_up_ms": 60_000 })).await;
    company
}

/// Somebody of the company at a desk in a browser.
pub async fn desk(who: &Company, says: f64) -> Option<Browser> {
    let mut desk = Browser::saying(&who.at.url, says).await?;
    desk.does("log_in", json!({ "email": who.email, "password": PASSWORD })).await;
    desk.does("available", Value::Null).await;
    Some(desk)
}

/// A caller who talks with the agent at this desk.
async fn talks(company: &Company, number: &str, desk: &mut Browser) -> Call {
    let caller = company.call(number, FROM, Protocol::Udp).await;
    desk.does("offer", Value::Null).await;
    desk.does("accept", Value::Null).await;
    desk.does("tone", json!({ "hz": CALLER })).await;
    caller.hear(AGENT, SOON).await.expect("the caller hears the agent");
    caller
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consultation_by_clicks_swaps_and_completes() {
    let company = company().await;
    let number = company.queue_number(true).await;
    let Some(mut desk) = desk(&company, AGENT).await else { return };
    let caller = talks(&company, &number, &mut desk).await;
    let ben = company.agent("ben").await;
    desk.does("press", json!("call-connect")).await;
    desk.does("press", json!("way-consult")).await;
    caller.hear(MUSIC, SOON).await.expect("the caller waits with music");
    let asked = picks_up(&ben.phone, SECOND).await;
    desk.does("tone", json!({ "hz": SECOND })).await;
    asked.hear(AGENT, SOON).await.unwrap();

    desk.does("press", json!("consult-swap")).await;
    asked.hear(MUSIC, SOON).await.expect("now the colleague waits");
    desk.does("tone", json!({ "hz": CALLER })).await;
    caller.hear(AGENT, SOON).await.unwrap();
    desk.does("press", json!("consult-swap")).await;
    desk.does("tone", json!({ "hz": SECOND })).await;
    asked.hear(AGENT, SOON).await.unwrap();

    desk.does("press", json!("consult-complete")).await;
    desk.does("loses", json!("call-end")).await;
    caller.hear(SECOND, SOON).await.expect("the colleague has the caller");
    asked.hear(CALLER, SOON).await.unwrap();
    desk.does("wrap_up", Value::Null).await;
    caller.hang_up().await.unwrap();
    asked.wait_ended(SOON).await.unwrap();
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_calls_a_number_outside_by_clicks() {
    let company = company().await;
    let carrier = Phone::bind(Config::default()).await.unwrap();
    let trunk = json!({
        "name": "Carrier", "enabled": true,
        "auth": { "type": "digest", "username": format!("out-{:x}", unique()), "password": "secret trunk" },
        "outbound": { "gateways": [{ "address": carrier.address().to_string() }], "prefixes": ["40"],
                      "caller_id": "+40310000000" },
    });
    company.send(Method::POST, "/v1/trunks", Some(trunk)).await;
    let Some(mut desk) = desk(&company, AGENT).await else { return };
    desk.does("press", json!("desk-call")).await;
    desk.does("press_named", json!({ "role": "tab", "name": "Number" })).await;
    desk.does("fill", json!({ "id": "connect-number", "text": "+40 21 777 8899" })).await;
    desk.does("press", json!("way-call")).await;
    let offer = carrier.incoming(SOON).await.expect("the carrier is called");
    offer.ring().await.unwrap();
    desk.does("tone", json!({ "hz": RINGBACK })).await;
    offer.say(Sound::Tone(SECOND));
    let called = offer.answer().await.unwrap();
    desk.does("tone", json!({ "hz": SECOND })).await;
    called.hear(AGENT, SOON).await.expect("the called hears the agent");
    desk.does("press", json!("call-end")).await;
    called.wait_ended(SOON).await.unwrap();
    desk.close().await;
}

/// From one's click until the other sees it, in milliseconds.
async fn shows(actor: &mut Browser, press: &str, watcher: &mut Browser, what: (&str, Value)) -> f64 {
    let pressed = async {
        actor.does("press", json!(press)).await;
        now_ms()
    };
    let seen = async {
        watcher.does(what.0, what.1).await;
        now_ms()
    };
    let (pressed, seen) = tokio::join!(pressed, seen);
    seen.saturating_sub(pressed) as f64
}

/// An agent and a supervisor, each in a browser. The supervisor has no skill,
/// so that callers come to the agent.
struct Team {
    company: Company,
    number: String,
    ana: Browser,
    agent: String,
    boss: Browser,
}

impl Team {
    async fn new() -> Option<Team> {
        let company = company().await;
        let number = company.queue_number(true).await;
        let ana = company.colleague("ana", "agent").await;
        let agent = text(&ana.get("/v1/me").await["agent"]);
        let owner = text(&company.get("/v1/me").await["agent"]);
        for (who, skills) in [(&agent, json!([{ "name": "general", "level": 5 }])), (&owner, json!([]))] {
            let path = format!("/v1/agents/{who}/skills");
            company.send(Method::PUT, &path, Some(json!({ "skills": skills }))).await;
        }
        let mut boss = desk(&company, SUPERVISOR).await?;
        boss.does("opens", json!("/live")).await;
        let ana = desk(&ana, AGENT).await?;
        Some(Team { company, number, ana, agent, boss })
    }

    /// Opens the menu of the agent's row: by name, when the names have come.
    async fn menu(&mut self) {
        let named = json!({ "role": "button", "name": "Actions for ana" });
        self.boss.does("press_named", named).await;
    }

    async fn chooses(&mut self, item: &str) {
        self.menu().await;
        self.boss.does("press", json!(item)).await;
    }

    /// From the click until the supervisor hears the caller.
    async fn listens(&mut self) -> f64 {
        self.menu().await;
        let with = json!({ "id": "supervise-listen", "hz": CALLER });
        self.boss.does("press_and_hear", with).await.as_f64().expect("a time")
    }

    /// Ends the supervisor's own leg by its key, on whatever page.
    async fn leaves(&mut self) {
        self.boss.does("press_named", json!({ "role": "link", "name": "Back to the call" })).await;
        self.boss.does("press", json!("call-end")).await;
        self.boss.does("loses", json!("call-end")).await;
        self.boss.does("opens", json!("/live")).await;
        self.boss.does("sees", json!("live-agent-row")).await;
    }

    /// Another way to be in the call, by the call's own buttons.
    async fn goes_on(&mut self, button: &str) {
        self.boss.does("press_named", json!({ "role": "link", "name": "Back to the call" })).await;
        self.boss.does("press", json!(button)).await;
    }

    /// The audit's lines of this deed, once there are so many.
    async fn audits(&self, action: &str, many: usize) {
        for _ in 0..300 {
            if self.audited(action).await.len() == many {
                return;
            }
            tokio::time::sleep(SOON / 300).await;
        }
        panic!("there never were {many} deeds {action}");
    }

    async fn audited(&self, action: &str) -> Vec<Value> {
        let page = self.company.get(&format!("/v1/audit?action={action}")).await;
        page["items"].as_array().expect("lines").clone()
    }
}

fn says(call: &Call, hz: f64) -> bool {
    call.report(&[hz]).tones.iter().any(|tone| tone.hz == hz && tone.ms > 0)
}

/// Nobody hears who listens; it begins within a second and stands in the
/// audit; the company decides whether the agent is told.
/// Proves A161.
#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_listens_by_a_click_and_nobody_hears() {
    let Some(mut team) = Team::new().await else { return };
    let caller = talks(&team.company, &team.number.clone(), &mut team.ana).await;
    team.boss.does("sees", json!("live-call-row")).await;
    let took = at_best(1_000.0, async |turn| {
        if turn > 0 {
            team.leaves().await;
        }
        team.listens().await
    })
    .await;
    assert!(took <= 1_000.0, "{took} ms until the supervisor heard");
    team.boss.does("tone", json!({ "hz": AGENT })).await;
    team.ana.does("quiet", json!({ "hz": SUPERVISOR, "ms": 2_000 })).await;
    assert!(!says(&caller, SUPERVISOR), "the caller hears nothing of it");
    caller.hear(AGENT, SOON).await.unwrap();
    team.ana.does("absent", json!("listening-notice")).await;
    let deeds = team.audited("supervisor.listen").await;
    assert!(deeds[0]["subject"].as_str().unwrap().starts_with("call/"), "{deeds:?}");

    let mut settings = team.company.document("/v1/company").await;
    settings["listening_notice"] = json!(true);
    team.company.send(Method::PUT, "/v1/company", Some(settings)).await;
    team.leaves().await;
    // Whoever is in the call another way listens no more unseen than who comes.
    team.chooses("supervise-whisper").await;
    team.ana.does("tone", json!({ "hz": SUPERVISOR })).await;
    team.ana.does("absent", json!("listening-notice")).await;
    let listened = team.audited("supervisor.listen").await.len();
    team.goes_on("supervision-listen").await;
    let notice = team.ana.does("text", json!("listening-notice")).await;
    assert!(notice.as_str().unwrap().contains("Olga Owner"), "{notice}");
    team.audits("supervisor.listen", listened + 1).await;
    team.ana.does("falls_silent", json!({ "hz": SUPERVISOR, "ms": 1_000 })).await;
    team.ana.does("quiet", json!({ "hz": SUPERVISOR, "ms": 1_000 })).await;
    caller.hang_up().await.unwrap();
    team.ana.close().await;
    team.boss.close().await;
}

/// An agent asks for help during a call: the supervisor sees it at once, and
/// whispers, joins in and takes over by clicks.
/// Proves A147.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_asks_for_help_and_the_supervisor_comes_in() {
    let Some(mut team) = Team::new().await else { return };
    let caller = talks(&team.company, &team.number.clone(), &mut team.ana).await;
    team.boss.does("sees", json!("live-call-row")).await;
    let took = at_best(1_000.0, async |turn| {
        if turn > 0 {
            team.ana.does("press", json!("desk-hand")).await;
            team.boss.does("loses", json!("hand")).await;
        }
        shows(&mut team.ana, "desk-hand", &mut team.boss, ("sees", json!("hand"))).await
    })
    .await;
    assert!(took <= 1_000.0, "{took} ms until the supervisor was alerted");

    team.chooses("supervise-whisper").await;
    team.boss.does("tone", json!({ "hz": CALLER })).await;
    team.ana.does("tone", json!({ "hz": SUPERVISOR })).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!says(&caller, SUPERVISOR), "the caller never hears the whisper");
    team.chooses("supervise-barge").await;
    caller.hear(SUPERVISOR, SOON).await.expect("the caller hears who joined");
    caller.hear(AGENT, SOON).await.expect("and the agent");
    team.ana.does("tone", json!({ "hz": CALLER })).await;
    team.chooses("supervise-take_over").await;
    team.ana.does("loses", json!("call-end")).await;
    caller.hear(SUPERVISOR, SOON).await.expect("the supervisor has the call");
    team.boss.does("tone", json!({ "hz": CALLER })).await;
    team.boss.does("falls_silent", json!({ "hz": AGENT, "ms": 1_000 })).await;
    caller.hang_up().await.unwrap();
    team.ana.close().await;
    team.boss.close().await;
}

/// From the one screen a supervisor sends a word, changes the state and the
/// queues of an agent; the agent sees each within a second, all is in the audit.
/// Proves A018.
#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_coordinates_agents_from_one_screen() {
    let Some(mut team) = Team::new().await else { return };
    team.boss.does("sees", json!("live-agent-row")).await;
    let word = at_best(1_000.0, async |turn| {
        if turn > 0 {
            team.ana.does("press", json!("desk-message-read")).await;
        }
        team.chooses("supervise-message").await;
        team.boss.does("fill", json!({ "id": "supervise-text", "text": "Please close window 3" })).await;
        shows(&mut team.boss, "supervise-send", &mut team.ana, ("sees", json!("desk-message"))).await
    })
    .await;
    assert!(word <= 1_000.0, "{word} ms until the word was there");
    let shown = team.ana.does("text", json!("desk-message")).await;
    assert!(shown.as_str().unwrap().contains("Please close window 3"), "{shown}");

    let state = at_best(1_000.0, async |turn| {
        if turn > 0 {
            team.chooses("supervise-available").await;
            team.ana.does("state", json!("available")).await;
        }
        team.menu().await;
        shows(&mut team.boss, "supervise-meeting", &mut team.ana, ("state", json!("aux"))).await
    })
    .await;
    assert!(state <= 1_000.0, "{state} ms until the state changed");

    let moved = at_best(1_000.0, async |turn| {
        if turn > 0 {
            tokio::time::sleep(Duration::from_secs(8)).await;
        }
        team.chooses("supervise-skills").await;
        if turn == 0 {
            team.boss.does("press_named", json!({ "role": "button", "name": "Remove: general" })).await;
        }
        shows(&mut team.boss, "supervise-save", &mut team.ana, ("sees", json!("toast"))).await
    })
    .await;
    assert!(moved <= 1_000.0, "{moved} ms until the agent saw the other queues");
    let agent = team.company.get(&format!("/v1/agents/{}", team.agent)).await;
    assert_eq!(agent["skills"], json!([]), "out of the queue");
    let live = team.company.live().await;
    assert_eq!(live_agent(&live, &team.agent).unwrap()["state"], "aux");

    let subject = json!(format!("agent/{}", team.agent));
    for action in ["supervisor.message", "supervisor.state", "supervisor.skills"] {
        let deeds = team.audited(action).await;
        assert!(deeds.iter().any(|deed| deed["subject"] == subject), "{action}: {deeds:?}");
    }
    team.ana.close().await;
    team.boss.close().await;
}
