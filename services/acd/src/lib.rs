//! The ACD service: holds waiting callers and agents, drives `routing`.
//!
//! One task owns the router; streams talk to it through a bounded queue.

mod api;
mod config;
mod driver;
mod floor;
mod sessions;
mod wire;

pub use config::Config;

use chassis::{Deps, Drain};
use eventlog::ConfigView;
use proto::acd::v1::{attend_server::AttendServer, floor_server::FloorServer, queue_server::QueueServer};
use tonic::service::Routes;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");

pub async fn run(config: Config, deps: Deps, drain: Drain) -> anyhow::Result<()> {
    let view = ConfigView::follow(&deps.log)?;
    view.ready().await;
    let (door, driver) = driver::start(config, deps.log, view, drain.clone());
    let routes = Routes::new(QueueServer::new(api::Api(door.clone())))
        .add_service(FloorServer::new(api::Api(door.clone())))
        .add_service(AttendServer::new(api::Api(door)));
    let served = chassis::grpc::serve(deps.listener, routes, deps.credentials, drain).await;
    driver.await?;
    served
}
