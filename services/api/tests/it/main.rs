//! The services behind the API in one process, on real PostgreSQL, asked over real HTTP.

mod accounts;
mod contract;
mod desk;
mod desk_rights;
mod documents;
mod edge;
mod history;
mod isolation;
mod oauth;
mod people;
mod problems;
mod protocol;
mod rights;
mod roles;
mod serving;
mod webhooks;

use chassis::{Credentials, Deps, Drain, Peers};
use eventlog::Log;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::{net::TcpListener, time::Duration};
use tenantdb::testing::TestDatabase;

const PASSWORD: &str = "correct horse battery";

/// Everything that runs; stops when dropped.
struct World {
    base: String,
    peers: Peers,
    credentials: Credentials,
    log: Log,
    drain: Drain,
    _folder: tempfile::TempDir,
    _database: TestDatabase,
}

impl Drop for World {
    fn drop(&mut self) {
        self.drain.start();
    }
}

impl World {
    async fn start() -> World {
        World::start_with("desk_parked_ms = 30000").await
    }

    /// Services that no test of this crate needs have addresses where nobody listens.
    async fn start_with(settings: &str) -> World {
        chassis::telemetry::start();
        let folder = tempfile::tempdir().expect("a folder");
        let database = tenantdb::testing::database().await;
        let log = Log::open(&folder.path().join("journal")).expect("a log");
        let drain = Drain::new();
        let credentials = Credentials::alone();
        let mut peers = Peers::default();
        let mut listeners = std::collections::HashMap::new();
        for name in Peers::NAMES {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = format!("http://{}", listener.local_addr().expect("an address"));
            *peers.of(name).expect("a peer") = address;
            listeners.insert(name, listener);
        }
        let mut deps = |name: &str| {
            let own = folder.path().join(name);
            std::fs::create_dir_all(&own).expect("a folder");
            let listener = listeners.remove(name).expect("a listener");
            let credentials = credentials.clone();
            Deps { log: log.clone(), listener, peers: peers.clone(), credentials, folder: own }
        };
        let database_url = format!("database_url = {:?}", database.url());
        let objects = format!("objects = {:?}", folder.path().join("objects").to_string_lossy());
        macro_rules! service {
            ($name:ident, $settings:expr) => {
                let defaults = include_str!(concat!("../../../", stringify!($name), "/default.toml"));
                let overrides = $settings.parse().expect("settings");
                let config = chassis::config::read(stringify!($name), defaults, overrides).expect("config");
                tokio::spawn($name::run(config, deps(stringify!($name)), drain.clone()));
            };
        }
        service!(tenancy, format!("{database_url}\nhashes_at_once = 2\nwebhook_private_addresses = true"));
        service!(acd, String::new());
        service!(crm, database_url);
        service!(recording, format!("{database_url}\n{objects}"));
        let defaults = include_str!("../../default.toml");
        let overrides = format!("{objects}\n{settings}").parse().expect("settings");
        let config: api::Config = chassis::config::read("api", defaults, overrides).expect("config");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(api::run_on(listener, config, deps("api"), drain.clone()));
        let world = World { base, peers, credentials, log, drain, _folder: folder, _database: database };
        world.is_up().await;
        world
    }

    async fn is_up(&self) {
        let stranger = self.stranger();
        for _ in 0..600 {
            let keys = stranger.http.get(format!("{}/.well-known/jwks.json", self.base)).send().await;
            if keys.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the services do not answer");
    }

    fn stranger(&self) -> Browser {
        let http = reqwest::Client::builder().cookie_store(true).build().expect("a client");
        Browser { http, base: self.base.clone(), csrf: String::new(), me: Value::Null, bearer: None }
    }

    /// The owner of a new company.
    async fn owner(&self, company: &str) -> Browser {
        let mut browser = self.stranger();
        let answer = browser.post("/v1/signup", &sign_up(company)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        browser.signed_in(answer.body);
        browser
    }

    /// A colleague who joined by invitation.
    async fn colleague(&self, owner: &Browser, role: &str) -> Browser {
        let form = json!({ "email": format!("{role}@colleague.example"), "name": role, "role": role });
        let invite = owner.post("/v1/users/invites", &form).await;
        assert_eq!(invite.status, 201, "{}", invite.body);
        let mut browser = self.stranger();
        let path = format!("/v1/invites/{}/accept", invite.body["token"].as_str().expect("a token"));
        let joined = browser.post(&path, &json!({ "name": role, "password": PASSWORD })).await;
        assert_eq!(joined.status, 201, "{}", joined.body);
        browser.signed_in(joined.body);
        browser
    }
}

fn sign_up(company: &str) -> Value {
    json!({
        "company": company, "name": "Ana Pop", "email": format!("ana@{company}.example"),
        "password": PASSWORD, "time_zone": "Europe/Bucharest", "language": "en", "country_code": "40",
    })
}

/// Keeps cookies and sends the CSRF value as the portal does.
#[derive(Clone)]
struct Browser {
    http: reqwest::Client,
    base: String,
    csrf: String,
    me: Value,
    bearer: Option<String>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    content_type: String,
    headers: header::HeaderMap,
    body: Value,
}

impl Answer {
    /// Asserts that it is problem+json of this status; gives the detail.
    fn problem(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.content_type, "application/problem+json", "{}", self.body);
        assert_eq!(self.body["status"], status);
        let code = self.body["code"].as_str().expect("a code");
        assert_eq!(self.body["type"], format!("urn:trunkline:problem:{code}"));
        assert!(self.body["title"].is_string(), "{}", self.body);
        self.body["detail"].as_str().expect("a detail")
    }
}

impl Browser {
    fn signed_in(&mut self, me: Value) {
        self.csrf = me["csrf"].as_str().expect("a csrf value").to_owned();
        self.me = me;
    }

    fn tenant(&self) -> &str {
        self.me["tenant"].as_str().expect("a tenant")
    }

    fn agent(&self) -> &str {
        self.me["agent"].as_str().expect("an agent")
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.bearer {
            Some(token) => request.bearer_auth(token),
            None => request.header("x-csrf-token", &self.csrf),
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.expect("an answer");
        let headers = answer.headers().clone();
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let (status, content_type) = (answer.status().as_u16(), content_type.unwrap_or_default().to_owned());
        let text = answer.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, content_type, headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// The id of the first document of a collection.
    async fn first(&self, collection: &str) -> Value {
        let answer = self.get(&format!("/v1/{collection}")).await;
        assert_eq!(answer.status, 200, "{collection}: {}", answer.body);
        answer.body["items"][0].clone()
    }
}
