//! tenancy.v1 Webhooks (Standard Webhooks 1.0): the log told to receivers by
//! HTTP, at least once, in order per key, with retries and replay.

mod api;
mod deliveries;
mod events;
mod follow;
mod guard;
mod sign;
mod store;
mod turn;

pub use api::Webhooks;

use crate::{Config, mail::Post, seal::MasterKey};
use chassis::Drain;
use eventlog::{Log, Topic};
use guard::Guard;
use std::{sync::Arc, time::Duration};
use tenantdb::TenantDb;
use tokio::sync::Notify;
use types::Millis;

/// What the instance lets webhooks do.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    guard: Guard,
    timeout: Duration,
    retry: Millis,
    failing: Millis,
}

impl Rules {
    pub fn new(config: &Config) -> Rules {
        Rules {
            guard: Guard { private_addresses: config.webhook_private_addresses },
            timeout: Duration::from_millis(config.webhook_timeout_ms),
            retry: config.webhook_retry_ms.max(1),
            failing: config.webhook_failing_ms,
        }
    }
}

/// The service, and what runs behind it until the drain.
pub async fn start(
    config: &Config,
    (db, log): (TenantDb, &Log),
    (master, post): (MasterKey, Post),
    drain: Drain,
) -> anyhow::Result<(Webhooks, impl Future<Output = ()> + use<>)> {
    let rules = Rules::new(config);
    let (wake, asked) = (Arc::new(Notify::new()), follow::Asked::default());
    asked.look(&db).await?;
    let consumer = log.consumer("webhooks", &[Topic::Call, Topic::Agent, Topic::Recording, Topic::Config])?;
    let sender = turn::Sender::new(db.clone(), master.clone(), post, rules, wake.clone())?;
    let service = Webhooks { db: db.clone(), master, rules, asked: asked.clone(), wake: wake.clone() };
    let work = async move {
        tokio::join!(
            follow::fold(consumer, db.clone(), asked.clone(), wake, drain.clone()),
            asked.keep_looking(db.clone(), drain.clone()),
            follow::forget(db, drain.clone()),
            sender.run(drain),
        );
    };
    Ok((service, work))
}
