//! Calls handed over, consulted about, held in conference and supervised, with
//! tones in every direction.

use crate::{
    AGENT, CALLER, SOON,
    browser::Browser,
    company::{AgentPhone, Company, PASSWORD, at_best, live_agent, text},
    picks_up,
    platform::Running,
};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use softphone::{Call, Config, Dial, Phone, Protocol, Registration, Sound};
use std::time::{Duration, Instant};

const FROM: &str = "+40214440000";
/// What the second agent says.
const SECOND: f64 = 900.0;
/// The first note of the built-in music.
const MUSIC: f64 = 261.6;

/// An agent's own session: what the desk's buttons do, by REST.
pub struct Desk {
    at: &'static Running,
    http: Client,
    csrf: String,
}

impl Desk {
    pub async fn of(company: &Company, agent: &AgentPhone) -> Desk {
        let profile = company.get(&format!("/v1/agents/{}", agent.agent)).await;
        let email = format!("{}@example.com", text(&profile["phone"]["username"]));
        let http = Client::builder().cookie_store(true).build().expect("a client");
        let form = json!({ "email": email, "password": crate::company::PASSWORD });
        let reply =
            http.post(format!("{}/v1/login", company.at.url)).json(&form).send().await.expect("a reply");
        assert_eq!(reply.status(), StatusCode::OK);
        let me: Value = reply.json().await.expect("who I am");
        Desk { at: company.at, http, csrf: text(&me["csrf"]) }
    }

    pub async fn get(&self, path: &str) -> Value {
        let reply = self.http.get(format!("{}{path}", self.at.url)).send().await.expect("a reply");
        reply.json().await.expect("JSON")
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}{path}", self.at.url)).header("x-csrf-token", &self.csrf);
        let reply = request.json(&body).send().await.expect("a reply");
        let status = reply.status();
        (status, reply.json().await.unwrap_or_default())
    }

    async fn wants(&self, call: &str, command: Value) {
        let (status, body) = self.post(&format!("/v1/calls/{call}/commands"), command).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    }
}

/// A caller who talks with the first agent, and the call's id.
struct Talk {
    company: Company,
    ana: AgentPhone,
    ben: AgentPhone,
    caller: Call,
    agent: Call,
    call: String,
}

impl Talk {
    /// Ben is on a break: the queue gives him nobody.
    async fn new() -> Talk {
        let company = Company::sign_up().await;
        let number = company.queue_number(true).await;
        let ana = company.agent("ana").await;
        let caller = company.call(&number, FROM, Protocol::Udp).await;
        let agent = picks_up(&ana.phone, AGENT).await;
        caller.hear(AGENT, SOON).await.unwrap();
        agent.hear(CALLER, SOON).await.unwrap();
        let ben = company.agent("ben").await;
        let row = company.history(FROM, |row| row["agent"] == ana.agent.as_str()).await;
        let call = text(&row["call"]);
        Talk { company, ana, ben, caller, agent, call }
    }

    async fn ben_answers(&self) -> Call {
        let offer = self.ben.phone.incoming(SOON).await.unwrap();
        offer.say(Sound::Tone(SECOND));
        offer.answer().await.unwrap()
    }

    /// The name of an agent's phone.
    async fn username(&self, of: &AgentPhone) -> String {
        text(&self.company.get(&format!("/v1/agents/{}", of.agent)).await["phone"]["username"])
    }

    fn to_ben(&self) -> Value {
        json!({ "agent": self.ben.agent })
    }
}

/// The longest time in which a party heard nothing, since `from` samples: gaps
/// in which nothing came and stretches in which what came was silent.
struct Hearing {
    since: Instant,
    from: usize,
}

impl Hearing {
    #[expect(clippy::disallowed_methods, reason = "how much should have been heard is told by the clock")]
    fn begin(call: &Call) -> Hearing {
        Hearing { since: Instant::now(), from: call.heard().len() }
    }

    /// In milliseconds.
    fn worst_silence(&self, call: &Call) -> f64 {
        let heard = call.heard().split_off(self.from);
        let came = Duration::from_millis(heard.len() as u64 / 8);
        let missing = self.since.elapsed().saturating_sub(came);
        let mut run = 0;
        let mut longest = 0;
        for frame in heard.chunks(160) {
            let loud = frame.iter().any(|sample| sample.unsigned_abs() > 300);
            run = if loud { 0 } else { run + frame.len() };
            longest = longest.max(run);
        }
        (missing + Duration::from_millis(longest as u64 / 8)).as_secs_f64() * 1_000.0
    }
}

/// The most that a caller may hear nothing, in milliseconds.
const SILENCE_MAX: f64 = 1_000.0;

/// Proves A169.
#[tokio::test(flavor = "multi_thread")]
async fn a_phones_transfer_gives_the_caller_music_and_then_the_colleague() {
    let silence = at_best(SILENCE_MAX, async |_| a_transfer_by_a_phone().await).await;
    assert!(silence < SILENCE_MAX, "the caller heard nothing for {silence} ms");
}

/// The longest silence that the caller heard.
async fn a_transfer_by_a_phone() -> f64 {
    let talk = Talk::new().await;
    let profile = talk.company.get(&format!("/v1/agents/{}", talk.ben.agent)).await;
    let hearing = Hearing::begin(&talk.caller);
    talk.agent.refer(&text(&profile["phone"]["username"])).await.unwrap();
    talk.caller.hear(MUSIC, SOON).await.unwrap();
    let ben = talk.ben_answers().await;
    talk.caller.hear(SECOND, SOON).await.unwrap();
    ben.hear(CALLER, SOON).await.unwrap();
    talk.agent.wait_ended(SOON).await.unwrap();
    let silence = hearing.worst_silence(&talk.caller);
    talk.caller.hang_up().await.unwrap();
    ben.wait_ended(SOON).await.unwrap();
    // Once for each agent, once in total.
    let figures = talk.company.figures("agent", |f| f["handled"] == 2).await;
    assert_eq!((&figures["answered"], &figures["handled"]), (&json!(2), &json!(2)));
    let report = talk.company.report("agent").await;
    let handled = |agent: &str| {
        let row = report["rows"].as_array().unwrap().iter().find(|row| row["key"] == agent);
        row.map(|row| row["figures"]["handled"].clone())
    };
    assert_eq!([handled(&talk.ana.agent), handled(&talk.ben.agent)], [Some(json!(1)), Some(json!(1))]);
    let figures = talk.company.figures("queue", |f| f["handled"] == 1).await;
    assert_eq!((&figures["offered"], &figures["answered"]), (&json!(1), &json!(1)));
    says_how_transfers_count(&talk.company).await;
    let free =
        |live: &Value| live_agent(live, &talk.ben.agent).is_some_and(|row| row["state"] == "available");
    talk.company.until(free).await;
    silence
}

/// The rule stands on the report.
async fn says_how_transfers_count(company: &Company) {
    let Some(mut page) = Browser::start(&company.at.url).await else { return };
    page.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    let shown = page.does("look", json!({ "path": "/reports", "ids": ["report-definitions"] })).await;
    let definitions = shown["report-definitions"].as_str().unwrap().to_owned();
    assert!(definitions.contains("once for each agent who handled it, and once in total"), "{definitions}");
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consultation_is_private_swaps_and_completes() {
    let talk = Talk::new().await;
    let desk = Desk::of(&talk.company, &talk.ana).await;
    desk.wants(&talk.call, json!({ "type": "consult", "to": talk.to_ben() })).await;
    talk.caller.hear(MUSIC, SOON).await.unwrap();
    let ben = talk.ben_answers().await;
    talk.agent.hear(SECOND, SOON).await.unwrap();
    ben.hear(AGENT, SOON).await.unwrap();
    desk.wants(&talk.call, json!({ "type": "swap" })).await;
    ben.hear(MUSIC, SOON).await.unwrap();
    talk.caller.hear(AGENT, SOON).await.unwrap();
    talk.agent.hear(CALLER, SOON).await.unwrap();
    desk.wants(&talk.call, json!({ "type": "swap" })).await;
    talk.agent.hear(SECOND, SOON).await.unwrap();
    desk.wants(&talk.call, json!({ "type": "complete" })).await;
    talk.agent.wait_ended(SOON).await.unwrap();
    talk.caller.hear(SECOND, SOON).await.unwrap();
    ben.hear(CALLER, SOON).await.unwrap();
    let heard = ben.report(&[CALLER]).tones;
    assert!(heard.iter().any(|tone| tone.hz == CALLER), "{heard:?}");
    talk.caller.hang_up().await.unwrap();
    ben.wait_ended(SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conference_of_three_grows_and_shrinks() {
    let talk = Talk::new().await;
    let desk = Desk::of(&talk.company, &talk.ana).await;
    desk.wants(&talk.call, json!({ "type": "consult", "to": talk.to_ben() })).await;
    let ben = talk.ben_answers().await;
    talk.agent.hear(SECOND, SOON).await.unwrap();
    desk.wants(&talk.call, json!({ "type": "conference" })).await;
    for (who, hears) in
        [(&talk.caller, [AGENT, SECOND]), (&talk.agent, [CALLER, SECOND]), (&ben, [CALLER, AGENT])]
    {
        who.hear(hears[0], SOON).await.unwrap();
        who.hear(hears[1], SOON).await.unwrap();
    }
    ben.hang_up().await.unwrap();
    talk.agent.hear(CALLER, SOON).await.unwrap();
    talk.caller.hear(AGENT, SOON).await.unwrap();
    talk.agent.hang_up().await.unwrap();
    talk.caller.wait_ended(SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_nobody_takes_returns_to_the_agent() {
    let silence = at_best(SILENCE_MAX, async |_| a_transfer_that_nobody_takes().await).await;
    assert!(silence < SILENCE_MAX, "the caller heard nothing for {silence} ms");
}

/// The longest silence that the caller heard.
async fn a_transfer_that_nobody_takes() -> f64 {
    let talk = Talk::new().await;
    let desk = Desk::of(&talk.company, &talk.ana).await;
    let hearing = Hearing::begin(&talk.caller);
    desk.wants(&talk.call, json!({ "type": "transfer", "to": talk.to_ben() })).await;
    let offer = talk.ben.phone.incoming(SOON).await.unwrap();
    talk.caller.hear(MUSIC, SOON).await.unwrap();
    offer.reject(486).await.unwrap();
    talk.caller.hear(AGENT, SOON).await.unwrap();
    talk.agent.hear(CALLER, SOON).await.unwrap();
    let silence = hearing.worst_silence(&talk.caller);
    talk.caller.hang_up().await.unwrap();
    talk.agent.wait_ended(SOON).await.unwrap();
    silence
}

/// Who listens is heard by nobody, who whispers by the agent alone, who joins by
/// both; who takes over has the call.
#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_listens_whispers_joins_and_takes_over() {
    let talk = Talk::new().await;
    let (phone, _registration) = owners_phone(&talk.company).await;
    let supervises = async |how: &str| {
        let path = format!("/v1/calls/{}/supervision", talk.call);
        talk.company.send(Method::POST, &path, Some(json!({ "how": how }))).await;
    };
    supervises("listen").await;
    let boss = picks_up(&phone, SECOND).await;
    boss.hear(CALLER, SOON).await.unwrap();
    boss.hear(AGENT, SOON).await.unwrap();
    let quiet = |call: &Call| !call.report(&[SECOND]).tones.iter().any(|t| t.hz == SECOND && t.ms > 0);
    assert!(quiet(&talk.caller) && quiet(&talk.agent), "who listens is heard by nobody");
    supervises("whisper").await;
    talk.agent.hear(SECOND, SOON).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(quiet(&talk.caller), "the caller never hears the whisper");
    supervises("barge").await;
    talk.caller.hear(SECOND, SOON).await.unwrap();
    talk.caller.hear(AGENT, SOON).await.unwrap();
    supervises("take_over").await;
    talk.agent.wait_ended(SOON).await.unwrap();
    talk.caller.hear(SECOND, SOON).await.unwrap();
    boss.hear(CALLER, SOON).await.unwrap();
    talk.caller.hang_up().await.unwrap();
    boss.wait_ended(SOON).await.unwrap();
}

/// The owner may supervise, and gets a SIP phone.
async fn owners_phone(company: &Company) -> (Phone, Registration) {
    let agent = text(&company.get("/v1/me").await["agent"]);
    let (path, username) = (format!("/v1/agents/{agent}"), format!("owner-{:x}", crate::company::unique()));
    let mut profile = crate::company::body(&company.get(&path).await);
    profile["phone"] = json!({ "username": username, "password": "secret-phone" });
    company.send(Method::PUT, &path, Some(profile)).await;
    let phone = Phone::bind(Config::default()).await.unwrap();
    for wait in [300, 500, 1_000, 2_000] {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        if let Ok(registration) = phone.register(company.at.sip, &username, "secret-phone").await {
            company
                .until(|live| live_agent(live, &agent).is_some_and(|row| row["state"] == "available"))
                .await;
            return (phone, registration);
        }
    }
    panic!("the registrar never knew {username}");
}

/// By name and presence from the directory, with sound both ways; in no queue's
/// figures and in nobody's list of those who wait.
/// Proves A163.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_calls_a_colleague_and_no_queue_counts_it() {
    let company = Company::sign_up().await;
    let (ana, ben) = (company.agent("ana").await, company.agent("ben").await);
    let desk = Desk::of(&company, &ana).await;
    let found = directory_has(&desk, "ben", "available").await;
    assert_eq!(found["id"], ben.agent.as_str());
    let (status, placed) = desk.post("/v1/calls", json!({ "to": { "agent": found["id"] } })).await;
    assert_eq!(status, StatusCode::CREATED, "{placed}");
    let own = picks_up(&ana.phone, AGENT).await;
    let offer = ben.phone.incoming(SOON).await.unwrap();
    own.hear(425.0, SOON).await.unwrap();
    offer.say(Sound::Tone(SECOND));
    let other = offer.answer().await.unwrap();
    own.hear(SECOND, SOON).await.unwrap();
    other.hear(AGENT, SOON).await.unwrap();
    let busy = |live: &Value| {
        [&ana.agent, &ben.agent]
            .iter()
            .all(|agent| live_agent(live, agent).is_some_and(|row| row["state"] == "on_call"))
    };
    let live = company.until(busy).await;
    let waits = |queue: &Value| queue["waiting"] != 0 || queue["talking"].as_u64().unwrap_or(0) != 0;
    assert!(!live["queues"].as_array().unwrap().iter().any(waits), "{}", live["queues"]);
    directory_has(&desk, "ben", "on_call").await;
    other.hang_up().await.unwrap();
    own.wait_ended(SOON).await.unwrap();
    let free = |live: &Value| {
        [&ana.agent, &ben.agent]
            .iter()
            .all(|agent| live_agent(live, agent).is_some_and(|row| row["state"] == "available"))
    };
    company.until(free).await;
    let row = company.history("ana", |row| row["outcome"] == "answered").await;
    assert_eq!((row["direction"].as_str(), row["to"].as_str()), (Some("internal"), Some(ben.agent.as_str())));
    assert!(row["talk_ms"].as_i64().unwrap() > 0 && row["queue"].is_null(), "{row}");
    // The history knows the call, so its facts are in the log, which is counted to its end.
    let counted = company.recount("queue").await;
    assert_eq!(counted["rows"], json!([]), "no queue counts it");
    let figures = &counted["total"]["figures"];
    for count in ["offered", "answered", "handled", "abandoned", "overflowed", "within_service_level"] {
        assert_eq!(figures[count].as_i64().unwrap_or(0), 0, "{count}: {figures}");
    }
}

/// The colleague by name, once in this state.
async fn directory_has(desk: &Desk, name: &str, state: &str) -> Value {
    let mut last = Value::Null;
    for _ in 0..300 {
        last = desk.get("/v1/directory").await;
        let found = last["agents"]
            .as_array()
            .and_then(|all| all.iter().find(|one| one["name"] == name && one["state"] == state).cloned());
        if let Some(found) = found {
            return found;
        }
        tokio::time::sleep(SOON / 300).await;
    }
    panic!("nobody called {name} is {state}: {last}");
}

/// As desk phones do it: the caller on hold, a second call of the phone, then REFER
/// with Replaces. Or the second call is hung up, and the caller is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_consults_by_a_second_call_and_hands_over_or_takes_the_caller_back() {
    let silence = at_best(SILENCE_MAX, async |_| a_consultation_by_a_phone().await).await;
    assert!(silence < SILENCE_MAX, "the caller heard nothing for {silence} ms");
}

/// The longest silence that the caller heard.
async fn a_consultation_by_a_phone() -> f64 {
    let talk = Talk::new().await;
    let (ana, ben) = (talk.username(&talk.ana).await, talk.username(&talk.ben).await);
    let dial = || {
        let dial = Dial::new(talk.company.at.sip, &ben).from(&ana).saying(Sound::Tone(AGENT));
        dial.with_credentials(&ana, "secret-phone")
    };
    talk.agent.hold().await.unwrap();
    talk.caller.hear(MUSIC, SOON).await.unwrap();
    let second = talk.ana.phone.call(dial()).await.unwrap();
    second.wait_answered(SOON).await.unwrap();
    let consulted = talk.ben_answers().await;
    second.hear(SECOND, SOON).await.unwrap();
    consulted.hear(AGENT, SOON).await.unwrap();
    second.hang_up().await.unwrap();
    consulted.wait_ended(SOON).await.unwrap();
    talk.caller.hear(MUSIC, SOON).await.unwrap();
    talk.agent.resume().await.unwrap();
    talk.caller.hear(AGENT, SOON).await.unwrap();
    talk.agent.hear(CALLER, SOON).await.unwrap();

    talk.agent.hold().await.unwrap();
    talk.caller.hear(MUSIC, SOON).await.unwrap();
    let free =
        |live: &Value| live_agent(live, &talk.ben.agent).is_some_and(|row| row["state"] == "available");
    talk.company.until(free).await;
    let second = talk.ana.phone.call(dial()).await.unwrap();
    second.wait_answered(SOON).await.unwrap();
    let consulted = talk.ben_answers().await;
    second.hear(SECOND, SOON).await.unwrap();
    consulted.hear(AGENT, SOON).await.unwrap();
    let hearing = Hearing::begin(&talk.caller);
    talk.agent.refer_to_call(&ben, &second).await.unwrap();
    talk.caller.hear(SECOND, SOON).await.unwrap();
    consulted.hear(CALLER, SOON).await.unwrap();
    let silence = hearing.worst_silence(&talk.caller);
    talk.agent.wait_ended(SOON).await.unwrap();
    second.wait_ended(SOON).await.unwrap();
    talk.caller.hang_up().await.unwrap();
    consulted.wait_ended(SOON).await.unwrap();
    silence
}

/// INVITE with Replaces by another phone of the same agent, such as a cordless one.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_moves_to_another_phone_of_the_agent() {
    let talk = Talk::new().await;
    let ana = talk.username(&talk.ana).await;
    let other = Phone::bind(Config::default()).await.unwrap();
    let dialog = talk.agent.dialog().await.unwrap();
    let mut dial = Dial::new(talk.company.at.sip, &ana).from(&ana).saying(Sound::Tone(SECOND));
    dial.headers.push(("Replaces".to_owned(), dialog.to_string()));
    let unproved = other.call(dial.clone()).await.unwrap();
    assert!(unproved.wait_answered(SOON).await.is_err(), "whoever knows the dialog is not the agent yet");
    let moved = other.call(dial.with_credentials(&ana, "secret-phone")).await.unwrap();
    moved.wait_answered(SOON).await.unwrap();
    talk.agent.wait_ended(SOON).await.unwrap();
    talk.caller.hear(SECOND, SOON).await.unwrap();
    moved.hear(CALLER, SOON).await.unwrap();
    moved.hang_up().await.unwrap();
    talk.caller.wait_ended(SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_phone_calls_a_colleague() {
    let company = Company::sign_up().await;
    let (ana, ben) = (company.agent("ana").await, company.agent("ben").await);
    let username = async |of: &AgentPhone| {
        text(&company.get(&format!("/v1/agents/{}", of.agent)).await["phone"]["username"])
    };
    let (from, to) = (username(&ana).await, username(&ben).await);
    let dial = Dial::new(company.at.sip, &to).from(&from).saying(Sound::Tone(AGENT));
    let call = ana.phone.call(dial.with_credentials(&from, "secret-phone")).await.unwrap();
    let answered = picks_up(&ben.phone, SECOND).await;
    call.hear(SECOND, SOON).await.unwrap();
    answered.hear(AGENT, SOON).await.unwrap();
    answered.hang_up().await.unwrap();
    call.wait_ended(SOON).await.unwrap();
    drop((ana.registration, ben.registration));
}
