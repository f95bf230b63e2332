//! Every service as a process of its own, a real Kafka between them; any of them can
//! be killed and started again.

use crate::platform::{CHAIN, KEY, Running, certificate, free_port};
use std::{
    collections::HashMap,
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::{Child, Command};

const SERVICES: [&str; 9] =
    ["tenancy", "crm", "recording", "analytics", "ivr", "acd", "media", "telephony", "api"];
/// Of each service's log, after a failure.
const LOG_LINES: usize = 60;

/// Where the services' binaries lie: beside this test's folder.
fn binaries() -> Option<PathBuf> {
    let folder = env::current_exe().ok()?.parent()?.parent()?.to_path_buf();
    let there = SERVICES.iter().all(|service| folder.join(service).exists());
    there.then_some(folder)
}

pub struct Fleet {
    pub running: &'static Running,
    binaries: PathBuf,
    /// What each of them is told by its environment.
    settings: Vec<(String, String)>,
    listen: HashMap<&'static str, SocketAddr>,
    processes: HashMap<&'static str, Child>,
    _folder: tempfile::TempDir,
    _database: tenantdb::testing::TestDatabase,
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

impl Fleet {
    /// Starts all of them at once, in no order: each waits for what it needs. `None`,
    /// said aloud, where there is no Kafka or no binary; never in CI.
    pub async fn start() -> Option<Fleet> {
        let (Some(binaries), Ok(brokers)) = (binaries(), env::var("KAFKA_BROKERS")) else {
            assert!(env::var_os("CI").is_none(), "in CI there must be the services' binaries and a Kafka");
            eprintln!(
                "SKIPPED: needs KAFKA_BROKERS (scripts/kafka start) and cargo build --workspace --bins"
            );
            return None;
        };
        // A TLS provider for this process's own requests, too.
        chassis::telemetry::start();
        let database = tenantdb::testing::database().await;
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path();
        let listen: HashMap<_, _> = SERVICES.iter().map(|service| (*service, free_port())).collect();
        let (http, sip) = (free_port(), free_port());
        let vouches = certificate(data);
        let settings = settings(data, database.url(), &brokers, (http, sip), &listen);
        let url = format!("http://{http}");
        let running = Running { url, sip, data: data.into(), certificate: vouches };
        let mut fleet = Fleet {
            running: Box::leak(Box::new(running)),
            binaries,
            settings,
            listen,
            processes: HashMap::new(),
            _folder: folder,
            _database: database,
        };
        SERVICES.iter().for_each(|service| fleet.spawn(service));
        fleet.answers().await;
        Some(fleet)
    }

    fn spawn(&mut self, service: &'static str) {
        let log = self.running.data.join(format!("{service}.log"));
        let log = std::fs::File::options().create(true).append(true).open(log).expect("a file");
        let process = Command::new(self.binaries.join(service))
            .envs(self.settings.iter().cloned())
            .env("TRUNKLINE_LISTEN", self.listen[service].to_string())
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn();
        self.processes.insert(service, process.expect("the service starts"));
    }

    /// SIGKILL: the process has no time for anything.
    pub async fn kill(&mut self, service: &'static str) {
        let mut process = self.processes.remove(service).expect("it runs");
        process.kill().await.expect("it can be killed");
    }

    /// Starts a killed one again, as whatever watches over processes would.
    pub fn start_again(&mut self, service: &'static str) {
        self.spawn(service);
    }

    async fn answers(&self) {
        answers(&self.running.url).await;
    }
}

/// Until somebody can sign in: the portal is there and tenancy behind it.
async fn answers(url: &str) {
    let http = reqwest::Client::new();
    for _ in 0..600 {
        let form = serde_json::json!({ "email": "nobody@example.com", "password": "wrong password" });
        let reply = http.post(format!("{url}/v1/login")).json(&form).send().await;
        if reply.is_ok_and(|reply| reply.status().is_client_error()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the services never answered");
}

/// All services in one process.
pub struct Single {
    pub running: &'static Running,
    command: Box<dyn Fn() -> Command + Send>,
    process: Child,
    _folder: tempfile::TempDir,
    _database: tenantdb::testing::TestDatabase,
}

impl Single {
    /// `None`, said aloud, where there is no binary; never in CI.
    pub async fn start() -> Option<Single> {
        let folder = env::current_exe().ok()?.parent()?.parent()?.to_path_buf();
        let binary = folder.join("trunkline");
        if !binary.exists() {
            assert!(env::var_os("CI").is_none(), "in CI there must be the binary");
            eprintln!("SKIPPED: needs cargo build --workspace --bins");
            return None;
        }
        chassis::telemetry::start();
        let database = tenantdb::testing::database().await;
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().to_path_buf();
        let (http, sip) = (free_port(), free_port());
        let settings = data.join("settings.toml");
        std::fs::write(&settings, "[media]\nrtp_ports = \"0-0\"\n").expect("written");
        let database_url = database.url().to_owned();
        let log = data.join("trunkline.log");
        let command = move || {
            let log = std::fs::File::options().create(true).append(true).open(&log).expect("a file");
            let mut command = Command::new(&binary);
            command
                .args(["up", "--data", &data.join("data").display().to_string()])
                .args(["--http", &http.to_string(), "--sip", &sip.to_string()])
                .args(["--database-url", &database_url, "--config", &settings.display().to_string()])
                .env_remove("KAFKA_BROKERS")
                .stdout(Stdio::null())
                .stderr(Stdio::from(log))
                .kill_on_drop(true);
            command
        };
        let process = command().spawn().expect("it starts");
        let (url, data) = (format!("http://{http}"), folder.path().into());
        let running = Box::leak(Box::new(Running { url, sip, data, certificate: String::new() }));
        answers(&running.url).await;
        Some(Single { running, command: Box::new(command), process, _folder: folder, _database: database })
    }

    /// SIGKILL: the process has no time for anything.
    pub async fn kill(&mut self) {
        self.process.kill().await.expect("it can be killed");
    }

    pub fn start_again(&mut self) {
        self.process = (self.command)().spawn().expect("it starts");
    }
}

impl Drop for Single {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.running.data.join("trunkline.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("{}", lines[lines.len().saturating_sub(2 * LOG_LINES)..].join("\n"));
        }
    }
}

fn settings(
    data: &Path,
    database_url: &str,
    brokers: &str,
    (http, sip): (SocketAddr, SocketAddr),
    listen: &HashMap<&'static str, SocketAddr>,
) -> Vec<(String, String)> {
    let objects = data.join("objects");
    std::fs::create_dir_all(&objects).expect("a folder");
    let path = |path: PathBuf| path.display().to_string();
    let mut settings = vec![
        ("KAFKA_BROKERS".to_owned(), brokers.to_owned()),
        ("TRUNKLINE_SERVICE_SECRET".to_owned(), chassis::random::token()),
        ("TRUNKLINE_DATA".to_owned(), path(data.into())),
        ("TRUNKLINE_API_LISTEN".to_owned(), http.to_string()),
        ("TRUNKLINE_TELEPHONY_SIP_LISTEN".to_owned(), sip.to_string()),
        ("TRUNKLINE_TELEPHONY_TLS_LISTEN".to_owned(), free_port().to_string()),
        ("TRUNKLINE_TELEPHONY_CERTIFICATE_FILE".to_owned(), path(data.join(CHAIN))),
        ("TRUNKLINE_TELEPHONY_PRIVATE_KEY_FILE".to_owned(), path(data.join(KEY))),
        ("TRUNKLINE_MEDIA_RTP_LISTEN".to_owned(), "127.0.0.1".to_owned()),
        ("TRUNKLINE_MEDIA_RTP_PORTS".to_owned(), "0-0".to_owned()),
    ];
    for (peer, port) in listen {
        settings.push((format!("TRUNKLINE_PEER_{}", peer.to_uppercase()), format!("http://{port}")));
    }
    for service in ["TENANCY", "CRM", "RECORDING"] {
        settings.push((format!("TRUNKLINE_{service}_DATABASE_URL"), database_url.to_owned()));
    }
    for service in ["MEDIA", "IVR", "RECORDING", "API"] {
        settings.push((format!("TRUNKLINE_{service}_OBJECTS"), path(objects.clone())));
    }
    for service in ["TENANCY", "RECORDING"] {
        settings.push((format!("TRUNKLINE_{service}_MASTER_KEY_FILE"), path(data.join("master.key"))));
    }
    settings
}
