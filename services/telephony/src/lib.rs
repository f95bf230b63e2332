//! The telephony edge: SIP sockets, trunks, numbers, lines; drives the call.
//!
//! A datagram becomes an INVITE ([`edge`], on the engine of `sip`), the INVITE a
//! tenant's call ([`admission`], [`trunk`]), the call a task ([`driver`]) that
//! performs what `call` decides: media at a gateway ([`gateways`]), the flow's
//! next word ([`ivr`]), a place in a queue ([`queue`]), the agent's line
//! ([`line`]). Facts, and what a successor of the process needs ([`live`]), are in
//! the journal before anything is done.

mod admission;
mod api;
mod attend;
mod carriers;
mod challenged;
mod cidr;
mod config;
mod driver;
mod edge;
mod gate;
mod gateways;
mod ivr;
mod ladder;
mod line;
mod link;
mod live;
mod outbound;
mod pcap;
mod queue;
mod rates;
mod tolls;
mod trunk;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chassis::{Deps, Drain};
use eventlog::ConfigView;
use proto::telephony::v1::edge_server::EdgeServer;
use tokio::sync::watch;
use types::HangupCause;

pub use config::Config;
use driver::{Shared, Signal};
use edge::Edge;
use trunk::Directory;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");

type Signals = tokio::sync::mpsc::Sender<Signal>;

/// Runs the edge until drained: takes no new calls, waits for those that run.
pub async fn run(config: Config, deps: Deps, drain: Drain) -> anyhow::Result<()> {
    let view = ConfigView::follow(&deps.log)?;
    view.ready().await;
    let directory = follow(view, config.realm.clone(), drain.clone());
    let (transport, certificate) = edge::listen(&config).await?;
    let address = SocketAddr::new(config.address()?, transport.address().port());
    let tls = transport.tls_address().map(|tls| SocketAddr::new(address.ip(), tls.port()));
    let websockets = transport.websocket_addresses();
    let [ws, wss] = websockets.map(|at| at.map(|at| SocketAddr::new(address.ip(), at.port())));

    // The streams to our peers outlive the drain: running calls need them.
    let stop = Drain::new();
    let (handle, commands) = edge::handle();
    let addresses = gateway_addresses(&config, &deps);
    let mut left = live::read(&deps.log)?;
    let calls: Vec<_> = left.calls.drain(..).map(|kept| (kept, driver::signals())).collect();
    let attached = |kept: &live::KeptCall, signals: &Signals| {
        let (session, signals) = (kept.media.clone()?, signals.clone());
        Some(gateways::Attached { session, signals })
    };
    let sessions: Vec<_> = calls.iter().filter_map(|(kept, (signals, _))| attached(kept, signals)).collect();
    let place = |place, signals: &Signals| queue::Attached { place, signals: signals.clone() };
    let places = calls.iter().flat_map(|(kept, (signals, _))| kept.places().map(move |p| place(p, signals)));
    let places: Vec<_> = places.collect();
    let shared = Arc::new(Shared {
        log: deps.log.clone(),
        edge: handle,
        names: sipnet::Names::new(&config.name_servers()?)?,
        gateways: gateways::Gateways::connect(
            &deps.credentials,
            &addresses,
            &address.to_string(),
            &sessions,
            &stop,
        )?,
        ivr: ivr::Ivr::connect(&deps.credentials, &deps.peers.ivr)?,
        queues: queue::Queues::connect(&deps.credentials, &deps.peers.acd, &places, &stop)?,
        browsers: line::Browsers::new(deps.credentials.clone()),
        directory: directory.clone(),
        tolls: Arc::default(),
        companies: Arc::default(),
        trunk_rates: rates::Rates::default(),
        company_rates: rates::Rates::default(),
        company_calls_max: config.company_calls_max,
        calls: driver::Calls::default(),
    });
    let attendance = attend::Attendance::connect(&deps.credentials, &deps.peers.acd, &stop)?;
    let mut edge = Edge::new(
        &config,
        (transport, certificate),
        address,
        directory,
        attendance,
        shared.clone(),
        drain.clone(),
    )?;
    let mut legs = left.take_legs();
    for (kept, (signals, waiting)) in calls {
        let trunk = kept.call.entry().map(|entry| &entry.trunk);
        let legs = legs.remove(kept.call.id()).unwrap_or_default();
        let names = legs.iter().map(|kept| kept.leg.id()).collect();
        edge.take_up(legs, trunk, Some(&signals));
        tokio::spawn(driver::take_up(shared.clone(), kept, names, (signals, waiting)));
    }
    legs.into_values().for_each(|orphans| edge.take_up(orphans, None, None));
    let edge = tokio::spawn(stop.clone().ends_with(edge.run(commands, stop.clone())));
    tracing::info!(%address, "sip edge listens");

    let ending = tokio::spawn(end(config.drain_wait_ms, shared.clone(), drain, stop.clone()));
    let api = EdgeServer::new(api::Api { shared, address, tls, ws, wss });
    let routes = tonic::service::Routes::new(api);
    let served = chassis::grpc::serve(deps.listener, routes, deps.credentials, stop.clone()).await;
    stop.start();
    ending.abort();
    edge.await?;
    served
}

fn gateway_addresses(config: &Config, deps: &Deps) -> Vec<String> {
    match config.gateways.is_empty() {
        true => vec![deps.peers.media.clone()],
        false => config.gateways.clone(),
    }
}

/// Keeps the index of trunks and numbers as new as the configuration.
fn follow(view: Arc<ConfigView>, realm: String, drain: Drain) -> watch::Receiver<Arc<Directory>> {
    /// Changes that come together are taken together.
    const TOGETHER: Duration = Duration::from_millis(50);
    let (index, directory) = watch::channel(Arc::new(Directory::build(&view, &realm)));
    let mut changes = view.changes();
    tokio::spawn(async move {
        let keep = async {
            while changes.changed().await.is_ok() {
                tokio::time::sleep(TOGETHER).await;
                changes.mark_unchanged();
                index.send_replace(Arc::new(Directory::build(&view, &realm)));
            }
        };
        drain.or(keep).await;
    });
    directory
}

/// Drains: calls that run go on for a while, then they are ended.
async fn end(wait_ms: u64, shared: Arc<Shared>, drain: Drain, stop: Drain) {
    drain.begun().await;
    let quiet = |shared: Arc<Shared>| async move {
        while shared.calls.count() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(Duration::from_millis(wait_ms), quiet(shared.clone())).await.is_err() {
        shared.calls.hang_up_all(HangupCause::Shutdown);
        let _ = tokio::time::timeout(Duration::from_secs(2), quiet(shared)).await;
    }
    // BYE and its answer are on their way.
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.start();
}
