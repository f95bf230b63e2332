//! The IVR service: the flow repository, `Next()` over `flow`, and prompts.

mod announcement;
mod api;
mod config;
mod dips;
mod flows;
mod music;
mod prompts;
mod speech;
mod turns;
mod wire;

pub use config::Config;

use chassis::{Deps, Drain};
use eventlog::ConfigView;
use proto::ivr::v1::ivr_server::IvrServer;
use std::sync::Arc;
use tonic::service::Routes;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");
/// An uploaded file and its envelope.
const MESSAGE_MAX: usize = 32 * 1024 * 1024;

pub async fn run(config: Config, deps: Deps, drain: Drain) -> anyhow::Result<()> {
    let view = ConfigView::follow(&deps.log)?;
    let prompts = Arc::new(prompts::Prompts::open(&config).await?);
    view.ready().await;
    let flows = Arc::new(flows::Flows::new(view.clone()));
    let speaking = tokio::spawn(prompts::speak_ahead(prompts.clone(), flows.clone(), drain.clone()));
    let sweeping = tokio::spawn(prompts::sweep(prompts.clone(), drain.clone()));
    let dips = dips::Dips::new(&config)?;
    let server = IvrServer::new(api::Api { prompts, flows, dips }).max_decoding_message_size(MESSAGE_MAX);
    let served = chassis::grpc::serve(deps.listener, Routes::new(server), deps.credentials, drain).await;
    speaking.await?;
    sweeping.await?;
    served
}
