//! Contacts and the history of their interactions.
//!
//! The history is a projection of the log: a consumer folds calls, wrap-ups
//! and recordings into one row per call, and who did not get through into one
//! task per caller.

mod api;
mod callbacks;
mod config;
mod events;
mod store;

pub use config::Config;

use chassis::{Deps, Drain};
use eventlog::{ConfigView, Topic};
use proto::crm::v1::crm_server::CrmServer;
use tenantdb::TenantDb;
use tonic::service::Routes;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");

pub async fn run(config: Config, deps: Deps, drain: Drain) -> anyhow::Result<()> {
    let db = TenantDb::connect(&config.database_url).await?;
    let view = ConfigView::follow(&deps.log)?;
    view.ready().await;
    let consumer = deps.log.consumer("crm", &[Topic::Call, Topic::Agent])?;
    let folding = tokio::spawn(drain.clone().ends_with(events::fold(
        consumer,
        db.clone(),
        view.clone(),
        drain.clone(),
    )));
    let server = CrmServer::new(api::Api { db: db.clone(), view });
    chassis::grpc::serve(deps.listener, Routes::new(server), deps.credentials, drain).await?;
    folding.await?;
    db.close().await;
    Ok(())
}
