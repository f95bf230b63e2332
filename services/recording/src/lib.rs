//! Recordings: encrypted, checksummed, listed, played.
//!
//! Each recording has a key of its own, sealed under its tenant's key, which is
//! sealed under the master key: deleting a key erases what it sealed.

mod api;
mod config;
mod error;
mod ingest;
mod keyring;
mod peaks;
mod playback;
mod seal;
mod store;
mod vault;

use std::sync::Arc;

use chassis::{Deps, Drain};
use proto::recording::v1::recording_server::RecordingServer;
use tenantdb::{TenantDb, TenantTx};
use types::TenantId;

pub use config::Config;
pub use error::{Error, Result};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");
/// A segment holds 320 kB; what is larger than this is refused.
const MESSAGE_MAX: usize = 4 << 20;

/// What every request works with.
#[derive(Clone)]
pub struct Service {
    db: TenantDb,
    vault: vault::Vault,
    keys: Arc<keyring::Keyring>,
}

impl Service {
    /// A transaction of the tenant's, in two steps: should the tenant not exist,
    /// the first one is rolled back properly and the connection stays usable.
    async fn begin_for(&self, tenant: &TenantId) -> Result<TenantTx> {
        self.db.platform().await?.into_tenant(tenant).await.map_err(error::beginning)
    }
}

/// Runs the service until drained.
pub async fn run(config: Config, deps: Deps, drain: Drain) -> anyhow::Result<()> {
    let db = TenantDb::connect(&config.database_url).await?;
    let objects = chassis::objects::open(&config.objects)?;
    let master = seal::Key::open(&config.master_key(&deps.folder))?;
    let keys = Arc::new(keyring::Keyring::new(objects.clone(), master));
    let service = Service { db: db.clone(), vault: vault::Vault::new(objects), keys };
    let api =
        RecordingServer::new(api::Api::new(service, drain.clone())).max_decoding_message_size(MESSAGE_MAX);
    chassis::grpc::serve(deps.listener, tonic::service::Routes::new(api), deps.credentials, drain).await?;
    db.close().await;
    Ok(())
}
