//! The process: folder, database, log, services, in this order; and back.

use crate::{folder::Folder, services, services::Running};
use anyhow::Context;
use chassis::{Credentials, Drain, Peers};
use eventlog::{KafkaOptions, Log};
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use tenantdb::{
    admin,
    embedded::{Cluster, Durability},
};
use toml::{Table, Value};

/// How long a service may take to answer after the start.
const START_MAX: Duration = Duration::from_secs(60);

/// How the process is started; every field has a default that works on a laptop.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything that must survive a restart.
    pub data: PathBuf,
    /// Where the portal listens.
    pub http: SocketAddr,
    /// Where SIP is received, UDP and TCP.
    pub sip: SocketAddr,
    /// What carriers and browsers are told; empty: found out.
    pub public_address: String,
    /// A PostgreSQL of one's own; otherwise a private cluster in the data folder.
    pub database_url: Option<String>,
    /// A Kafka of one's own; otherwise the journal is the whole log.
    pub kafka: Option<KafkaOptions>,
    /// A table per service, over the defaults.
    pub settings: Table,
}

/// A running platform.
pub struct Platform {
    pub http: SocketAddr,
    /// Where the portal is to be opened.
    pub url: String,
    pub peers: Peers,
    /// The same log that the services use.
    pub log: Log,
    drain: Drain,
    running: Running,
    cluster: Option<Cluster>,
    _folder: Folder,
}

impl Platform {
    /// Starts everything; returns when every service answers.
    pub async fn start(options: Options) -> anyhow::Result<Platform> {
        let folder = Folder::open(&options.data)?;
        let (cluster, database_url) = database(&options, &folder).await?;
        let journal = folder.part("journal")?;
        let log = match options.kafka.clone() {
            Some(kafka) => Log::open_with_kafka(&journal, kafka),
            None => Log::open(&journal),
        };
        let log = log.context("the journal")?;
        let (listeners, peers) = services::bind()?;
        let https = !options.http.ip().is_loopback();
        let url = portal_url(&options, https);
        let drain = Drain::new();
        let settings = settings(&options, &folder, &database_url, &url)?;
        let shared = services::Shared {
            log: log.clone(),
            peers: peers.clone(),
            credentials: Credentials::alone(),
            settings,
            drain: drain.clone(),
        };
        let mut running = Running::new();
        for (name, listener) in listeners {
            services::start(&mut running, &shared, name, listener, folder.part(name)?)?;
        }
        let mut platform =
            Platform { http: options.http, url, peers, log, drain, running, cluster, _folder: folder };
        platform.answers().await?;
        Ok(platform)
    }

    /// Waits until every service and the portal answer.
    async fn answers(&mut self) -> anyhow::Result<()> {
        healthy_all(&self.peers, &Peers::NAMES, &mut self.running).await?;
        let portal = async {
            while tokio::net::TcpStream::connect(self.http).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(START_MAX, portal).await.context("the portal does not answer")
    }

    pub fn drain(&self) -> Drain {
        self.drain.clone()
    }

    /// Runs until the drain begins or a service ends by itself, then stops
    /// everything in order. The first error is returned.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let ended = tokio::select! {
            () = self.drain.clone().begun_owned() => Ok(()),
            Some(ended) = self.running.join_next() => Err(ended_early(ended)),
        };
        self.stop().await?;
        ended
    }

    /// Drains the services, then stops the database.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.drain.start();
        while let Some(ended) = self.running.join_next().await {
            if let Ok((name, Err(error))) = ended {
                tracing::error!(name, %error, "did not stop cleanly");
            }
        }
        self.log.sync()?;
        if let Some(cluster) = self.cluster.take() {
            cluster.stop().await?;
        }
        Ok(())
    }
}

/// Waits until these services answer their health check.
pub(crate) async fn healthy_all(peers: &Peers, names: &[&str], running: &mut Running) -> anyhow::Result<()> {
    let mut peers = peers.clone();
    for name in names {
        let address = peers.of(name).expect("every name has a place").clone();
        let answered = tokio::select! {
            answered = tokio::time::timeout(START_MAX, chassis::grpc::healthy(&address)) => answered,
            Some(ended) = running.join_next() => return Err(ended_early(ended)),
        };
        answered.with_context(|| format!("{name} does not answer"))??;
    }
    Ok(())
}

pub(crate) fn ended_early(
    ended: Result<(&'static str, anyhow::Result<()>), tokio::task::JoinError>,
) -> anyhow::Error {
    match ended {
        Ok((name, Ok(()))) => anyhow::anyhow!("{name} ended by itself"),
        Ok((name, Err(error))) => error.context(format!("{name} failed")),
        Err(error) => error.into(),
    }
}

/// The database that was given, or a private one.
async fn database(options: &Options, folder: &Folder) -> anyhow::Result<(Option<Cluster>, String)> {
    if let Some(url) = &options.database_url {
        let url = admin::login_url(url, &folder.part("secrets")?).await.context("DATABASE_URL")?;
        return Ok((None, url));
    }
    let cluster = Cluster::start(&folder.part("postgres")?, Durability::Full).await.context("PostgreSQL")?;
    let url = cluster.database("trunkline").await.context("PostgreSQL")?;
    Ok((Some(cluster), url))
}

fn portal_url(options: &Options, https: bool) -> String {
    let scheme = if https { "https" } else { "http" };
    let host = match (options.public_address.as_str(), options.http.ip()) {
        ("", ip) if ip.is_unspecified() => "localhost".to_owned(),
        ("", ip) => ip.to_string(),
        (given, _) => given.to_owned(),
    };
    format!("{scheme}://{host}:{}", options.http.port())
}

/// What the services must agree on, under what the user set.
fn settings(options: &Options, folder: &Folder, database_url: &str, url: &str) -> anyhow::Result<Table> {
    let objects = folder.part("objects")?.display().to_string();
    let master_key_file = folder.part("secrets")?.join("master.key").display().to_string();
    let public_address = options.public_address.clone();
    let mut settings = toml::toml! {
        [telephony]
        [media]
        [ivr]
        [crm]
        [recording]
        [tenancy]
        [api]
    };
    let mut set = |service: &str, key: &str, value: &str| {
        if let Some(Value::Table(table)) = settings.get_mut(service) {
            table.insert(key.into(), Value::String(value.into()));
        }
    };
    for service in ["tenancy", "crm", "recording"] {
        set(service, "database_url", database_url);
    }
    for service in ["media", "ivr", "recording", "api"] {
        set(service, "objects", &objects);
    }
    for service in ["tenancy", "recording"] {
        set(service, "master_key_file", &master_key_file);
    }
    for service in ["telephony", "media"] {
        set(service, "public_address", &public_address);
    }
    set("telephony", "sip_listen", &options.sip.to_string());
    set("media", "rtp_listen", &options.sip.ip().to_string());
    set("tenancy", "public_url", url);
    set("api", "listen", &options.http.to_string());
    for (service, given) in &options.settings {
        match (settings.get_mut(service), given) {
            (Some(Value::Table(table)), Value::Table(given)) => table.extend(given.clone()),
            _ => drop(settings.insert(service.clone(), given.clone())),
        }
    }
    Ok(settings)
}
