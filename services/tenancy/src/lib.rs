//! Tenants, users, roles, sessions, keys, configuration.
//!
//! Owns the platform's tables and the tenants' table `config`. A saved
//! document, what must be unique about it and the fact that tells it commit in
//! one transaction; an outbox carries the fact to `config.v1`.

mod accounts;
mod alerts;
mod api_keys;
mod audit;
mod config;
mod documents;
mod error;
mod idempotency;
mod keys;
mod loans;
mod mail;
mod publish;
mod seal;
mod secret;
mod throttle;
mod webhooks;

pub use config::Config;
pub use error::{Error, Result};
pub use keys::{Claims, ISSUER};

use chassis::{Deps, Drain};
use eventlog::ConfigView;
use proto::tenancy::v1::{
    accounts_server::AccountsServer, alerts_server::AlertsServer, api_keys_server::ApiKeysServer,
    audit_server::AuditServer, config_server::ConfigServer, idempotency_server::IdempotencyServer,
    webhooks_server::WebhooksServer,
};
use std::{path::PathBuf, time::Duration};
use tenantdb::TenantDb;
use tonic::service::Routes;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// Half of it: the next key is made long before it signs.
const KEYS_CHECKED_EVERY: Duration = Duration::from_secs(3_600);

pub async fn run(config: Config, deps: Deps, drain: Drain) -> anyhow::Result<()> {
    let db = TenantDb::connect(&config.database_url).await?;
    let migrated = db.migrate_all().await?;
    tracing::info!(migrated, "tenants are up to date");
    let master = seal::MasterKey::open(&master_key_file(&config, &deps))?;
    let kept = idempotency::Idempotency::new(db.clone(), master.clone());
    let keys = keys::Keys::new(db.clone(), master.clone());
    keys.renew(chassis::clock::now()).await?;
    let post = mail::Post::open(&config.smtp_url, &config.mail_from, &config.public_url)?;
    let sealed_and_sent = (master.clone(), post.clone());
    let (webhooks, telling) =
        webhooks::start(&config, (db.clone(), &deps.log), sealed_and_sent, drain.clone()).await?;
    let api_keys = api_keys::ApiKeys::new(db.clone(), keys.clone());
    let alerts = alerts::Alerts::new(db.clone(), post.clone());
    let accounts = accounts::Accounts::new(&config, db.clone(), keys.clone(), master, post)?;
    let routes = Routes::new(AccountsServer::new(accounts))
        .add_service(ApiKeysServer::new(api_keys))
        .add_service(IdempotencyServer::new(kept))
        .add_service(AuditServer::new(audit::Audit::new(db.clone())))
        .add_service(WebhooksServer::new(webhooks))
        .add_service(AlertsServer::new(alerts))
        .add_service(ConfigServer::new(documents::Documents::new(db.clone())));
    publish::all_if_the_log_is_new(&db, &deps.log).await?;
    let view = ConfigView::follow(&deps.log)?;
    let shipper = tokio::spawn(drain.clone().ends_with(publish::ship(db.clone(), deps.log, drain.clone())));
    let telling = tokio::spawn(drain.clone().ends_with(telling));
    let returning = tokio::spawn(drain.clone().ends_with(loans::keep(view, db.clone(), drain.clone())));
    let renewal = tokio::spawn(renew_keys(keys, drain.clone()));
    chassis::grpc::serve(deps.listener, routes, deps.credentials, drain).await?;
    let _ = tokio::join!(shipper, renewal, telling, returning);
    db.close().await;
    Ok(())
}

fn master_key_file(config: &Config, deps: &Deps) -> PathBuf {
    match config.master_key_file.as_str() {
        "" => deps.folder.join("master.key"),
        path => path.into(),
    }
}

async fn renew_keys(keys: keys::Keys, drain: Drain) {
    while drain.or(tokio::time::sleep(KEYS_CHECKED_EVERY)).await.is_some() {
        if let Err(error) = keys.renew(chassis::clock::now()).await {
            tracing::error!(%error, "the signing keys could not be renewed");
        }
    }
}
