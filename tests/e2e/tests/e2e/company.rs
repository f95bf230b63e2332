//! A company that signed up, with what its stories need.

use crate::{
    CALLER, SOON,
    platform::{Running, platform},
    watch::{Events, Watch},
};
use reqwest::{
    Client, Method, Response, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use softphone::{Call, Config, Dial, Phone, Protocol, Registration, Sound};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub struct Company {
    pub at: &'static Running,
    http: Client,
    csrf: String,
    pub email: String,
    pub queue: Value,
    /// Digest credentials of the trunk "Test caller".
    trunk: (String, String),
}

pub const PASSWORD: &str = "correct horse battery";
/// Of every SIP phone.
const PHONE_PASSWORD: &str = "secret-phone";

/// A SIP phone that an agent is registered with.
pub struct AgentPhone {
    pub phone: Phone,
    pub agent: String,
    pub registration: Registration,
}

pub fn unique() -> u128 {
    chassis::random::u128() >> 64
}

pub fn now_ms() -> u128 {
    #[expect(clippy::disallowed_methods, reason = "a report's period is asked for by the wall clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).expect("after 1970").as_millis()
}

impl Company {
    /// Signs up at the platform that all stories share.
    pub async fn sign_up() -> Company {
        Company::sign_up_at(platform()).await
    }

    /// Signs up, as a person would, by REST. The queue rings 4 s and has no wrap-up.
    pub async fn sign_up_at(at: &'static Running) -> Company {
        let http = Client::builder().cookie_store(true).build().expect("a client");
        let email = format!("owner-{:x}@example.com", unique());
        let form = json!({
            "company": "Story Ltd", "name": "Olga Owner", "email": email, "password": PASSWORD,
            "time_zone": "Europe/Bucharest", "language": "en", "country_code": "40",
        });
        let reply = http.post(format!("{}/v1/signup", at.url)).json(&form).send().await.expect("a reply");
        assert_eq!(reply.status(), StatusCode::CREATED, "{}", reply.text().await.unwrap_or_default());
        let me: Value = reply.json().await.expect("who I am");
        let csrf = text(&me["csrf"]);
        let trunk = (String::new(), String::new());
        let mut company = Company { at, http, csrf, email, queue: Value::Null, trunk };
        let trunks = company.get("/v1/trunks").await;
        let auth = &trunks["items"][0]["auth"];
        company.trunk = (text(&auth["username"]), text(&auth["password"]));
        company.queue = company.get("/v1/queues").await["items"][0].clone();
        company.change_queue(json!({ "ring_timeout_ms": 4_000, "wrap_up_ms": 0 })).await;
        company
    }

    pub async fn change_queue(&mut self, changes: Value) {
        let mut queue = self.queue.clone();
        for (key, value) in changes.as_object().expect("fields") {
            queue[key] = value.clone();
        }
        let path = format!("/v1/queues/{}", text(&queue["id"]));
        self.queue = self.send(Method::PUT, &path, Some(body(&queue))).await;
    }

    async fn request(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        self.ask(method, path, body).await.expect("a reply")
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Response> {
        let request =
            self.http.request(method, format!("{}{path}", self.at.url)).header("x-csrf-token", &self.csrf);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let reply = self.request(method.clone(), path, body).await;
        let (status, text) = (reply.status(), reply.text().await.unwrap_or_default());
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await
    }

    /// A document as it may be sent back.
    pub async fn document(&self, path: &str) -> Value {
        body(&self.get(path).await)
    }

    /// The status that a request gets.
    pub async fn status(&self, method: Method, path: &str, body: Value) -> u16 {
        self.request(method, path, Some(body)).await.status().as_u16()
    }

    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let reply = self.request(Method::GET, path, None).await;
        assert!(reply.status().is_success(), "{path}: {}", reply.status());
        reply.bytes().await.expect("a body").to_vec()
    }

    /// Whether nothing whole comes from there.
    pub async fn refused(&self, path: &str) -> bool {
        match self.ask(Method::GET, path, None).await {
            Ok(reply) => !reply.status().is_success() || reply.bytes().await.is_err(),
            Err(_) => true,
        }
    }

    /// Saves a flow of these nodes and a number that leads to it; gives the number.
    pub async fn number(&self, nodes: Value, start: &str, auto_connect: bool) -> String {
        self.number_with(nodes, start, json!({ "auto_connect": auto_connect })).await
    }

    /// The same with these settings of the number.
    pub async fn number_with(&self, nodes: Value, start: &str, mut did: Value) -> String {
        let flow = json!({ "name": "Story", "language": "en", "start": start, "nodes": nodes });
        let flow = self.send(Method::POST, "/v1/flows", Some(flow)).await;
        let number = format!("+888{:010}", unique() % 10_000_000_000);
        (did["number"], did["label"], did["flow"]) = (json!(number), json!("Story line"), flow["id"].clone());
        self.send(Method::POST, "/v1/numbers", Some(did)).await;
        number
    }

    /// A number that leads straight into the queue, with music only.
    pub async fn queue_number(&self, auto_connect: bool) -> String {
        self.number(self.queue_nodes(), "wait", auto_connect).await
    }

    pub fn queue_nodes(&self) -> Value {
        json!({
            "wait": { "type": "queue", "label": "Support", "queue": self.queue["id"], "announce_every_ms": 0,
                      "overflow": "bye" },
            "bye": { "type": "hangup" },
        })
    }

    /// A colleague with the skill of the first queue.
    pub async fn agent(&self, name: &str) -> AgentPhone {
        self.agent_who_knows(name, "general").await
    }

    /// A colleague who was invited and whose phone is registered, and who so
    /// takes calls.
    pub async fn agent_who_knows(&self, name: &str, skill: &str) -> AgentPhone {
        let phone = Phone::bind(Config::default()).await.expect("a phone");
        let (agent, username) = self.agent_with(name, skill, Value::Null).await;
        let registration = self.register(&phone, &username).await;
        self.is_there(&agent).await;
        AgentPhone { phone, agent, registration }
    }

    /// A colleague whose phone does not register: it is always at its address.
    pub async fn agent_at_a_fixed_place(&self, name: &str) -> (Phone, String) {
        let phone = Phone::bind(Config::default()).await.expect("a phone");
        let contact = json!(format!("sip:{name}@{}", phone.address()));
        let (agent, _) = self.agent_with(name, "general", contact).await;
        self.is_there(&agent).await;
        (phone, agent)
    }

    /// The new agent's id and the phone's user name.
    async fn agent_with(&self, name: &str, skill: &str, contact: Value) -> (String, String) {
        let username = format!("{name}-{:x}", unique());
        let agent = self.invited(name, &username).await;
        self.give_phone(&agent, &username, json!([{ "name": skill, "level": 5 }]), contact).await;
        (agent, username)
    }

    async fn give_phone(&self, agent: &str, username: &str, skills: Value, contact: Value) {
        let path = format!("/v1/agents/{agent}");
        let mut profile = body(&self.get(&path).await);
        profile["skills"] = skills;
        profile["phone"] = json!({ "username": username, "password": PHONE_PASSWORD, "contact": contact });
        self.send(Method::PUT, &path, Some(profile)).await;
    }

    /// Somebody who is there already gets a SIP phone, and it registers.
    pub async fn with_phone(&self, agent: String, username: &str, skill: &str) -> AgentPhone {
        let phone = Phone::bind(Config::default()).await.expect("a phone");
        let skills = json!([{ "name": skill, "level": 5 }]);
        self.give_phone(&agent, username, skills, Value::Null).await;
        let registration = self.register(&phone, username).await;
        self.is_there(&agent).await;
        AgentPhone { phone, agent, registration }
    }

    /// A colleague whose phone is a program that is not ours: the agent, and the
    /// name and password of the phone.
    pub async fn agent_with_foreign_phone(&self, name: &str) -> (String, String, &'static str) {
        let (agent, username) = self.agent_with(name, "general", Value::Null).await;
        // The edge must know the phone before it registers: strangers are soon not answered.
        self.in_force().await;
        (agent, username, PHONE_PASSWORD)
    }

    /// Waits until what was saved of queues and agents decides about callers:
    /// the configuration is learnt in its order, and a newcomer without skills
    /// who was saved last is there.
    pub async fn in_force(&self) {
        let username = format!("newcomer-{:x}", unique());
        let agent = self.invited("newcomer", &username).await;
        self.give_phone(&agent, &username, json!([]), Value::Null).await;
        let phone = Phone::bind(Config::default()).await.expect("a phone");
        let registration = self.register(&phone, &username).await;
        self.is_there(&agent).await;
        drop((phone, registration));
    }

    pub async fn is_there(&self, agent: &str) {
        self.until(|live| live_agent(live, agent).is_some_and(|row| row["state"] != "offline")).await;
    }

    /// Another person of the company, signed in by invitation.
    pub async fn colleague(&self, name: &str, role: &str) -> Company {
        let email = format!("{name}-{:x}@example.com", unique());
        let invitation = json!({ "email": email, "name": name, "role": role });
        let invited = self.send(Method::POST, "/v1/users/invites", Some(invitation)).await;
        let http = Client::builder().cookie_store(true).build().expect("a client");
        let link = format!("{}/v1/invites/{}/accept", self.at.url, text(&invited["token"]));
        let form = json!({ "name": name, "password": PASSWORD });
        let reply = http.post(link).json(&form).send().await.expect("a reply");
        assert_eq!(reply.status(), StatusCode::CREATED);
        let me: Value = reply.json().await.expect("who the colleague is");
        let (csrf, queue, trunk) = (text(&me["csrf"]), self.queue.clone(), self.trunk.clone());
        Company { at: self.at, http, csrf, email, queue, trunk }
    }

    /// The status and body of what need not succeed.
    pub async fn tries(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let reply = self.request(method, path, body).await;
        (reply.status().as_u16(), reply.json().await.unwrap_or_default())
    }

    /// Posts a file.
    pub async fn post_file(&self, path: &str, media_type: &str, file: String) -> Value {
        let request = self.http.post(format!("{}{path}", self.at.url)).header("x-csrf-token", &self.csrf);
        let reply = request.header("content-type", media_type).body(file).send().await.expect("a reply");
        assert!(reply.status().is_success(), "{path}: {}", reply.status());
        reply.json().await.expect("JSON")
    }

    /// Invites and accepts by the link; gives the agent's id.
    async fn invited(&self, name: &str, username: &str) -> String {
        let email = format!("{username}@example.com");
        let invitation = json!({ "email": email, "name": name, "role": "agent" });
        let invited = self.send(Method::POST, "/v1/users/invites", Some(invitation)).await;
        let link = format!("{}/v1/invites/{}/accept", self.at.url, text(&invited["token"]));
        let form = json!({ "name": name, "password": PASSWORD });
        let reply = Client::new().post(link).json(&form).send().await.expect("a reply");
        assert_eq!(reply.status(), StatusCode::CREATED);
        let me: Value = reply.json().await.expect("who the colleague is");
        text(&me["agent"])
    }

    /// The credentials reach the edge within 2 s of being saved. Few attempts:
    /// the edge answers a stranger some times, then no more.
    async fn register(&self, phone: &Phone, username: &str) -> Registration {
        for wait in [200, 300, 500, 1_000] {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            if let Ok(registration) = phone.register(self.at.sip, username, PHONE_PASSWORD).await {
                return registration;
            }
        }
        panic!("the registrar never knew {username}");
    }

    /// A caller who says [`CALLER`]; retried until the edge knows the number.
    pub async fn call(&self, number: &str, from: &str, protocol: Protocol) -> Call {
        for _ in 0..40 {
            let phone = Phone::bind(Config { protocol, ..Config::default() }).await.expect("a phone");
            let call = phone.call(self.dial(number, from)).await.expect("a call");
            match call.wait_ended(Duration::from_millis(400)).await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(_) => return call,
            }
        }
        panic!("the edge never knew {number}");
    }

    /// Through the company's trunk, saying [`CALLER`].
    pub fn dial(&self, number: &str, from: &str) -> Dial {
        let (username, password) = &self.trunk;
        Dial::new(self.at.sip, number)
            .from(from)
            .saying(Sound::Tone(CALLER))
            .with_credentials(username, password)
    }

    /// A prompt of one tone; gives its id.
    pub async fn tone_prompt(&self, hz: f64, seconds: f64) -> String {
        let samples = rtp::tone::Sine::new(hz, 0.4).take((8_000.0 * seconds) as usize);
        let file = Part::bytes(rtp::wav::write(&samples, 1)).file_name("tone.wav");
        let form = Form::new().text("name", format!("{hz} Hz {:x}", unique())).part("file", file);
        let request = self.http.post(format!("{}/v1/prompts/upload", self.at.url)).multipart(form);
        let reply = request.header("x-csrf-token", &self.csrf).send().await.expect("a reply");
        assert_eq!(reply.status(), StatusCode::CREATED);
        text(&reply.json::<Value>().await.expect("a prompt")["id"])
    }

    /// Follows the live view from now on.
    pub async fn watch(&self) -> Watch {
        Watch::begin(self.request(Method::GET, "/v1/live", None).await)
    }

    /// The live view's events; from behind this one, if they are still known.
    pub async fn live_events(&self, behind: &str) -> Events {
        let request = self.http.get(format!("{}/v1/live", self.at.url)).header("last-event-id", behind);
        Events::of(request.send().await.expect("a reply"))
    }

    /// The live view's first snapshot.
    pub async fn live(&self) -> Value {
        self.live_events("").await.next().await.expect("a live view").data
    }

    /// The live view once it is as wanted.
    pub async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..300 {
            last = self.live().await;
            if wanted(&last) {
                return last;
            }
            tokio::time::sleep(SOON / 300).await;
        }
        panic!("the live view never got there: {last:#}");
    }

    /// The report of the last hour.
    pub async fn report(&self, by: &str) -> Value {
        self.get(&self.report_path("", by)).await
    }

    /// The same, counted from the log to its present end.
    pub async fn recount(&self, by: &str) -> Value {
        self.get(&self.report_path("/recount", by)).await
    }

    /// The last two and the next row of this length.
    pub async fn report_every(&self, by: &str, interval_ms: i64) -> Value {
        let now = now_ms() as i64 / interval_ms;
        let (from, to) = ((now - 1) * interval_ms, (now + 2) * interval_ms);
        self.get(&format!("/v1/reports?from={from}&to={to}&by={by}&interval_ms={interval_ms}")).await
    }

    fn report_path(&self, recount: &str, by: &str) -> String {
        let now = now_ms();
        format!("/v1/reports{recount}?from={}&to={}&by={by}", now - 3_600_000, now + 3_600_000)
    }

    /// The report's totals once they are as wanted, proved by a recount from
    /// the log at the same positions.
    pub async fn figures(&self, by: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..300 {
            let report = self.report(by).await;
            if wanted(&report["total"]["figures"]) {
                self.agrees_with_the_log(by).await;
                return report["total"]["figures"].clone();
            }
            tokio::time::sleep(SOON / 300).await;
        }
        panic!("the figures never got there: {:#}", self.report(by).await);
    }

    async fn agrees_with_the_log(&self, by: &str) {
        let path = self.report_path("", by);
        let kept = self.get(&path).await;
        let positions: Vec<String> = kept["positions"]
            .as_array()
            .expect("positions")
            .iter()
            .map(|at| format!("{}:{}:{}", text(&at["topic"]), at["partition"], at["offset"]))
            .collect();
        let path = path.replace("/v1/reports?", "/v1/reports/recount?");
        let path = format!("{path}&positions={}&as_of_ms={}", positions.join(","), kept["as_of_ms"]);
        let anew = self.get(&path).await;
        assert_eq!(kept["rows"], anew["rows"], "the figures are those of the log");
    }

    /// The newest call from this number, once `wanted`.
    pub async fn history(&self, from: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.history_of(|call| call["from"] == from, wanted).await
    }

    /// The newest call that `is` the one, once `wanted`.
    pub async fn history_of(&self, is: impl Fn(&Value) -> bool, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..300 {
            let calls = self.get("/v1/calls").await;
            let found = calls["items"].as_array().expect("calls").iter().find(|call| is(call));
            last = found.cloned().unwrap_or_default();
            if !last.is_null() && wanted(&last) {
                return last;
            }
            tokio::time::sleep(SOON / 300).await;
        }
        panic!("the history never got there: {last:#}");
    }
}

pub fn live_agent<'a>(live: &'a Value, agent: &str) -> Option<&'a Value> {
    live["agents"].as_array()?.iter().find(|row| row["agent"] == agent)
}

pub fn live_call<'a>(live: &'a Value, from: &str) -> Option<&'a Value> {
    live["calls"].as_array()?.iter().find(|row| row["from"] == from)
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

/// Times are asked for up to three times: what is to be quick is so on an idle machine.
const ATTEMPTS: usize = 3;

/// The shortest of some attempts, each in milliseconds; quick enough ends it.
pub async fn at_best(limit: f64, mut attempt: impl AsyncFnMut(usize) -> f64) -> f64 {
    let mut best = f64::INFINITY;
    for turn in 0..ATTEMPTS {
        best = best.min(attempt(turn).await);
        if best <= limit {
            break;
        }
    }
    best
}

/// A document without what the server adds.
pub fn body(document: &Value) -> Value {
    let mut body = document.clone();
    let fields = body.as_object_mut().expect("a document");
    for added in ["id", "version", "actor", "at_ms", "updated_at_ms", "updated_by"] {
        fields.remove(added);
    }
    body
}
