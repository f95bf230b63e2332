//! Every service as a process of its own, a real Kafka between them.

use crate::{
    AGENT, CALLER, SOON,
    company::Company,
    platform::{Running, free_port},
};
use softphone::{Protocol, Sound};
use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::{Child, Command};

const SERVICES: [&str; 9] =
    ["tenancy", "crm", "recording", "analytics", "ivr", "acd", "media", "telephony", "api"];
/// Of each service's log, after a failure.
const LOG_LINES: usize = 40;
const FROM: &str = "+40213334444";

/// Where the services' binaries lie: beside this test's folder.
fn binaries() -> Option<PathBuf> {
    let folder = env::current_exe().ok()?.parent()?.parent()?.to_path_buf();
    let there = SERVICES.iter().all(|service| folder.join(service).exists());
    there.then_some(folder)
}

struct Fleet {
    url: String,
    running: &'static Running,
    _processes: Vec<Child>,
}

/// What the services said last tells why a story failed.
impl Drop for Fleet {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for service in SERVICES {
            let log = std::fs::read_to_string(self.running.data.join(format!("{service}.log")));
            let log = log.unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("── {service}\n{}", lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"));
        }
    }
}

/// Starts all of them at once, in no order: each waits for what it needs.
async fn start(binaries: &Path, brokers: &str, data: &Path, database_url: &str) -> Fleet {
    let ports: HashMap<&str, _> = SERVICES.iter().map(|service| (*service, free_port())).collect();
    let (http, sip) = (free_port(), free_port());
    let secret = chassis::random::token();
    let objects = data.join("objects");
    std::fs::create_dir_all(&objects).expect("a folder");
    let processes = SERVICES.iter().map(|service| {
        let mut command = Command::new(binaries.join(service));
        let log = std::fs::File::create(data.join(format!("{service}.log"))).expect("a file");
        command
            .env("KAFKA_BROKERS", brokers)
            .env("TRUNKLINE_SERVICE_SECRET", &secret)
            .env("TRUNKLINE_DATA", data)
            .env("TRUNKLINE_LISTEN", ports[service].to_string())
            .env("TRUNKLINE_API_LISTEN", http.to_string())
            .env("TRUNKLINE_TELEPHONY_SIP_LISTEN", sip.to_string())
            .env("TRUNKLINE_MEDIA_RTP_LISTEN", "127.0.0.1")
            .env("TRUNKLINE_MEDIA_RTP_PORTS", "0-0")
            .stderr(Stdio::from(log))
            .kill_on_drop(true);
        for (peer, port) in &ports {
            command.env(format!("TRUNKLINE_PEER_{}", peer.to_uppercase()), format!("http://{port}"));
        }
        for service in ["TENANCY", "CRM", "RECORDING"] {
            command.env(format!("TRUNKLINE_{service}_DATABASE_URL"), database_url);
        }
        for service in ["MEDIA", "IVR", "RECORDING", "API"] {
            command.env(format!("TRUNKLINE_{service}_OBJECTS"), &objects);
        }
        for service in ["TENANCY", "RECORDING"] {
            command.env(format!("TRUNKLINE_{service}_MASTER_KEY_FILE"), data.join("master.key"));
        }
        command.spawn().expect("the service starts")
    });
    let processes = processes.collect();
    let url = format!("http://{http}");
    let running =
        Box::leak(Box::new(Running { url: url.clone(), sip, data: data.into(), certificate: String::new() }));
    Fleet { url, running, _processes: processes }
}

impl Fleet {
    /// Until somebody can sign in: the portal is there and tenancy behind it.
    async fn answers(&self) {
        let http = reqwest::Client::new();
        for _ in 0..600 {
            let form = serde_json::json!({ "email": "nobody@example.com", "password": "wrong password" });
            let reply = http.post(format!("{}/v1/login", self.url)).json(&form).send().await;
            if reply.is_ok_and(|reply| reply.status().is_client_error()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the services never answered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_as_processes_of_their_own_complete_a_call_over_kafka() {
    let (Some(binaries), Ok(brokers)) = (binaries(), env::var("KAFKA_BROKERS")) else {
        assert!(env::var_os("CI").is_none(), "in CI there must be the services' binaries and a Kafka");
        return eprintln!(
            "SKIPPED: needs KAFKA_BROKERS (scripts/kafka start) and cargo build --workspace --bins"
        );
    };
    // A TLS provider for this process's own requests, too.
    chassis::telemetry::start();
    let database = tenantdb::testing::database().await;
    let data = tempfile::tempdir().expect("a folder");
    let fleet = start(&binaries, &brokers, data.path(), database.url()).await;
    fleet.answers().await;
    let company = Company::sign_up_at(fleet.running).await;
    let number = company.queue_number(true).await;
    let ana = company.agent("ana").await;
    let call = company.call(&number, FROM, Protocol::Udp).await;
    let offer = ana.phone.incoming(SOON).await.unwrap();
    offer.say(Sound::Tone(AGENT));
    let agent = offer.answer().await.unwrap();
    call.hear(AGENT, SOON).await.unwrap();
    agent.hear(CALLER, SOON).await.unwrap();
    call.hang_up().await.unwrap();
    agent.wait_ended(SOON).await.unwrap();
    company.history(FROM, |row| row["outcome"] == "answered").await;
    company.figures("queue", |figures| figures["handled"] == 1).await;
}
