//! Every service with its configuration; the one list of them.

use chassis::{Credentials, Deps, Drain, Peers, config};
use eventlog::Log;
use serde::de::DeserializeOwned;
use std::{net::TcpListener, path::PathBuf};
use tokio::task::JoinSet;
use toml::Table;

/// What the services of this process share.
pub struct Shared {
    pub log: Log,
    pub peers: Peers,
    pub credentials: Credentials,
    /// Overrides by service, from the options and the configuration file.
    pub settings: Table,
    pub drain: Drain,
}

/// A running service; ends with its name and how it ended.
pub type Running = JoinSet<(&'static str, anyhow::Result<()>)>;

/// One bound listener per service, and their addresses.
pub fn bind() -> anyhow::Result<(Vec<(&'static str, TcpListener)>, Peers)> {
    let mut peers = Peers::default();
    let mut listeners = Vec::new();
    for name in Peers::NAMES {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *peers.of(name).expect("every name has a place") = format!("http://{}", listener.local_addr()?);
        listeners.push((name, listener));
    }
    Ok((listeners, peers))
}

/// Starts one service by name.
pub fn start(
    running: &mut Running,
    shared: &Shared,
    name: &'static str,
    listener: TcpListener,
    folder: PathBuf,
) -> anyhow::Result<()> {
    let deps = Deps {
        log: shared.log.clone(),
        listener,
        peers: shared.peers.clone(),
        credentials: shared.credentials.clone(),
        folder,
    };
    let drain = shared.drain.clone();
    match name {
        "telephony" => {
            spawn(running, name, telephony::run(read(shared, name, telephony::DEFAULTS)?, deps, drain))
        }
        "media" => spawn(running, name, media::run(read(shared, name, media::DEFAULTS)?, deps, drain)),
        "ivr" => spawn(running, name, ivr::run(read(shared, name, ivr::DEFAULTS)?, deps, drain)),
        "acd" => spawn(running, name, acd::run(read(shared, name, acd::DEFAULTS)?, deps, drain)),
        "crm" => spawn(running, name, crm::run(read(shared, name, crm::DEFAULTS)?, deps, drain)),
        "recording" => {
            spawn(running, name, recording::run(read(shared, name, recording::DEFAULTS)?, deps, drain))
        }
        "analytics" => {
            spawn(running, name, analytics::run(read(shared, name, analytics::DEFAULTS)?, deps, drain))
        }
        "tenancy" => spawn(running, name, tenancy::run(read(shared, name, tenancy::DEFAULTS)?, deps, drain)),
        "api" => spawn(running, name, api::run(read(shared, name, api::DEFAULTS)?, deps, drain)),
        other => anyhow::bail!("no service {other}"),
    }
    Ok(())
}

fn read<C: DeserializeOwned>(shared: &Shared, name: &str, defaults: &str) -> anyhow::Result<C> {
    let overrides = shared.settings.get(name).and_then(|table| table.as_table()).cloned().unwrap_or_default();
    config::read(name, defaults, overrides)
}

fn spawn(
    running: &mut Running,
    name: &'static str,
    work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) {
    running.spawn(async move { (name, work.await) });
}
