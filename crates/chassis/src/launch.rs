//! One service as a process of its own.

use crate::{Credentials, Drain, config, telemetry};
use anyhow::Context;
use eventlog::{KafkaOptions, Log};
use serde::{Deserialize, de::DeserializeOwned};
use std::{env, net::TcpListener, path::PathBuf};

/// What the process gives to a service.
pub struct Deps {
    pub log: Log,
    /// Bound already: where the service's gRPC listens.
    pub listener: TcpListener,
    pub peers: Peers,
    /// What the peers are shown, and must show.
    pub credentials: Credentials,
    /// The service's own folder for what must survive a restart.
    pub folder: PathBuf,
}

/// Where the services listen, such as `http://127.0.0.1:9001`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Peers {
    pub telephony: String,
    pub media: String,
    pub ivr: String,
    pub acd: String,
    pub crm: String,
    pub recording: String,
    pub analytics: String,
    pub tenancy: String,
    pub api: String,
}

impl Peers {
    pub const NAMES: [&str; 9] =
        ["telephony", "media", "ivr", "acd", "crm", "recording", "analytics", "tenancy", "api"];

    /// The place of a service's address.
    pub fn of(&mut self, service: &str) -> Option<&mut String> {
        Some(match service {
            "telephony" => &mut self.telephony,
            "media" => &mut self.media,
            "ivr" => &mut self.ivr,
            "acd" => &mut self.acd,
            "crm" => &mut self.crm,
            "recording" => &mut self.recording,
            "analytics" => &mut self.analytics,
            "tenancy" => &mut self.tenancy,
            "api" => &mut self.api,
            _ => return None,
        })
    }

    /// From `TRUNKLINE_PEER_<SERVICE>`, else the service's name as a host on port 9000.
    fn from_environment() -> Peers {
        let mut peers = Peers::default();
        for name in Peers::NAMES {
            let variable = format!("TRUNKLINE_PEER_{}", name.to_uppercase());
            let address = env::var(variable).unwrap_or_else(|_| format!("http://{name}:9000"));
            *peers.of(name).expect("every name has a place") = address;
        }
        peers
    }
}

/// The whole `main` of a service's binary. Environment:
/// `TRUNKLINE_LISTEN` (default `0.0.0.0:9000`), `TRUNKLINE_DATA` (default
/// `.trunkline`), `TRUNKLINE_CONFIG` (a TOML file with a table per service),
/// `KAFKA_BROKERS` (needed: separate processes share no journal),
/// `TRUNKLINE_PEER_<SERVICE>`, `TRUNKLINE_SERVICE_SECRET` (needed: the same for
/// all, at least 32 characters).
pub async fn launch<C, F>(
    service: &str,
    defaults: &str,
    run: impl FnOnce(C, Deps, Drain) -> F,
) -> anyhow::Result<()>
where
    C: DeserializeOwned,
    F: Future<Output = anyhow::Result<()>>,
{
    telemetry::start();
    let brokers = env::var("KAFKA_BROKERS")
        .context("KAFKA_BROKERS is not set: separate processes tell each other facts through Kafka")?;
    let credentials = Credentials::from_environment(service)?;
    let folder =
        PathBuf::from(env::var("TRUNKLINE_DATA").unwrap_or_else(|_| ".trunkline".into())).join(service);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let replication =
        env::var("KAFKA_REPLICATION").ok().map_or(Ok(1), |n| n.parse()).context("KAFKA_REPLICATION")?;
    let log = Log::open_with_kafka(&folder.join("journal"), KafkaOptions { brokers, replication })?;
    let listen = env::var("TRUNKLINE_LISTEN").unwrap_or_else(|_| "0.0.0.0:9000".into());
    let listener = TcpListener::bind(&listen).with_context(|| format!("cannot listen on {listen}"))?;
    let config = config::read(service, defaults, overrides(service)?)?;
    let drain = Drain::new();
    tokio::spawn(drain_on_signal(drain.clone()));
    tracing::info!(service, %listen, "started");
    let deps = Deps { log, listener, peers: Peers::from_environment(), credentials, folder };
    run(config, deps, drain).await
}

fn overrides(service: &str) -> anyhow::Result<toml::Table> {
    let Ok(path) = env::var("TRUNKLINE_CONFIG") else { return Ok(toml::Table::new()) };
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let mut file: toml::Table = text.parse().with_context(|| format!("cannot understand {path}"))?;
    match file.remove(service) {
        Some(toml::Value::Table(table)) => Ok(table),
        Some(_) => anyhow::bail!("{service} in {path} is not a table"),
        None => Ok(toml::Table::new()),
    }
}

/// Begins the drain on SIGTERM or Ctrl-C.
pub async fn drain_on_signal(drain: Drain) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    drain.start();
}
