//! The media gateway: RTP and WebRTC sockets.
//!
//! Every call is a conference: legs, and who hears whom. Packets are relayed
//! where they can be and mixed where they must; an edge says what should be so
//! over one gRPC stream ([`api`]), and one thread per core does it ([`reactor`]).

mod api;
mod config;
mod control;
mod edges;
mod error;
mod gateway;
mod io;
mod keypad;
mod leg;
mod plays;
mod ports;
mod prompts;
mod reactor;
mod recordings;
mod route;
pub mod sdp;
mod session;
mod spool;
mod stats;
mod upload;
mod watch;
mod web;
mod wire;

use std::{
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use chassis::{Deps, Drain};
use proto::media::v1::gateway_server::GatewayServer;
use tokio::sync::{Semaphore, mpsc};

pub use config::Config;
pub use error::Error;
use gateway::{Gateway, Shared};
use io::PromptsWanted;
use prompts::Prompts;
use reactor::Command;
use spool::Spool;
use stats::Stats;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// Plays that wait for the object store at most, and how many fetch at once.
const LOADS_MAX: usize = 4096;
const FETCHES_MAX: usize = 32;

/// Runs the gateway until drained: takes no new sessions, waits for the calls.
pub async fn run(config: Config, deps: Deps, drain: Drain) -> anyhow::Result<()> {
    let prompts = Arc::new(Prompts::new(chassis::objects::open(&config.objects)?, config.prompt_cache_mb));
    let stats = Arc::new(Stats::new(config.sessions_max));
    let spool = Spool::open(deps.folder.join("spool"), config.spool_max_mb)?;
    let (spool_in, spool_out) = sync_channel(spool::WAITING_MAX);
    let (loads, wanted) = mpsc::channel(LOADS_MAX);
    let shared = Shared { prompts: prompts.clone(), loads, spool: spool_in, stats: stats.clone() };
    let gateway = Arc::new(Gateway::start(&config, &shared)?);
    drop(shared);

    let writer = std::thread::Builder::new().name("media-spool".into()).spawn({
        let spool = spool.clone();
        move || spool.run(spool_out)
    })?;
    let upload =
        tokio::spawn(upload::run(spool, chassis::grpc::channel(&deps.credentials, &deps.peers.recording)?));
    let load = tokio::spawn(load_prompts(gateway.clone(), prompts, wanted));

    let served = Drain::new();
    let waiting = tokio::spawn(wait_for_calls(config.drain_wait_ms, stats, drain, served.clone()));
    let api = GatewayServer::new(api::Api::new(gateway.clone(), served.clone()));
    let result =
        chassis::grpc::serve(deps.listener, tonic::service::Routes::new(api), deps.credentials, served).await;

    waiting.abort();
    load.abort();
    tokio::task::spawn_blocking(move || {
        gateway.stop_all();
        drop(gateway);
        let _ = writer.join();
    })
    .await?;
    upload.abort();
    result
}

/// Fetches prompts for the loops, some at a time.
async fn load_prompts(
    gateway: Arc<Gateway>,
    prompts: Arc<Prompts>,
    mut wanted: mpsc::Receiver<PromptsWanted>,
) {
    let places = Arc::new(Semaphore::new(FETCHES_MAX));
    while let Some(want) = wanted.recv().await {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (gateway, prompts) = (gateway.clone(), prompts.clone());
        tokio::spawn(async move {
            let PromptsWanted { nth_loop, session, play, serial, hashes } = want;
            let prompts = prompts.load(&hashes).await;
            gateway.tell_loaded(nth_loop, Command::Loaded { session, play, serial, prompts });
            drop(place);
        });
    }
}

/// Drains: no new sessions; the server stops when the last has ended or time is up.
async fn wait_for_calls(wait_ms: u64, stats: Arc<Stats>, drain: Drain, served: Drain) {
    drain.begun().await;
    stats.drain();
    let ended = async {
        while stats.sessions() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(wait_ms), ended).await;
    served.start();
}
