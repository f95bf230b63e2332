//! Folds the log with `stats`: the live view, reports and recounts.
//!
//! The books are kept in memory and rebuilt from the log at every start, so
//! that there is no second truth to drift away from the first.

mod alerts;
mod api;
mod books;
mod config;
mod events;
mod live;
mod staffing;
mod wire;

pub use config::Config;

use books::Books;
use chassis::{Deps, Drain};
use eventlog::ConfigView;
use proto::{analytics::v1::analytics_server::AnalyticsServer, tenancy::v1::alerts_client::AlertsClient};
use std::{sync::Arc, time::Duration};
use tonic::service::Routes;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");

pub async fn run(config: Config, deps: Deps, drain: Drain) -> anyhow::Result<()> {
    let view = ConfigView::follow(&deps.log)?;
    view.ready().await;
    let books = Arc::new(Books::default());
    let folding =
        tokio::spawn(drain.clone().ends_with(events::fold(deps.log.clone(), books.clone(), drain.clone())));
    let staffing = Arc::new(staffing::Staffing::new(view.clone()));
    let watchman = alerts::Watchman {
        view: view.clone(),
        books: books.clone(),
        staffing: staffing.clone(),
        tenancy: AlertsClient::new(chassis::grpc::channel(&deps.credentials, &deps.peers.tenancy)?),
    };
    let watching = tokio::spawn(drain.clone().ends_with(watchman.run(drain.clone())));
    let api = api::Api {
        log: deps.log,
        view,
        books,
        staffing,
        live_every: Duration::from_millis(config.live_every_ms),
        drain: drain.clone(),
    };
    let served =
        chassis::grpc::serve(deps.listener, Routes::new(AnalyticsServer::new(api)), deps.credentials, drain)
            .await;
    folding.await?;
    watching.await?;
    served
}
