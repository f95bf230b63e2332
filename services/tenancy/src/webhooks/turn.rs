//! A receiver's turn: what is due is sent, several keys at a time, by the
//! process that holds the turn.

use super::{
    Rules,
    deliveries::{self, Due, Tried},
    events,
    guard::Refused,
    sign,
    store::{self, Back, Rest, Row},
};
use crate::{
    Error, Result,
    audit::{self, Deed},
    mail::{Letter, Post},
    seal::MasterKey,
};
use chassis::{Drain, clock};
use futures::future::join_all;
use metrics::counter;
use reqwest::{StatusCode, Url, redirect::Policy};
use serde_json::json;
use std::{error::Error as _, sync::Arc, time::Duration};
use tenantdb::TenantDb;
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
};
use types::{Millis, TenantId, Timestamp};

/// Receivers that are sent to at once, and deliveries to one of them.
const RECEIVERS_MAX: usize = 32;
const AT_ONCE: i64 = 8;
/// Looks without having been woken: another process may have queued something.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long one turn goes on with taking deliveries, and how long it is nobody else's.
const TURN_MAX: Millis = 30_000;
const HELD_FOR: Millis = 120_000;
const ATTEMPTS_MAX: i32 = 10;
const PAUSE_MAX: Millis = 8 * 3_600 * 1_000;
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// What the audit says did it.
const ACTOR: &str = "webhooks";

/// Sends what is due until the drain.
pub struct Sender {
    db: TenantDb,
    master: MasterKey,
    post: Post,
    rules: Rules,
    client: reqwest::Client,
    wake: Arc<Notify>,
}

impl Sender {
    pub fn new(
        db: TenantDb,
        master: MasterKey,
        post: Post,
        rules: Rules,
        wake: Arc<Notify>,
    ) -> Result<Sender> {
        let client = reqwest::Client::builder()
            .user_agent("Trunkline-Webhooks/1")
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(rules.guard))
            .connect_timeout(CONNECT_MAX.min(rules.timeout))
            .timeout(rules.timeout)
            .build()
            .map_err(Error::internal)?;
        Ok(Sender { db, master, post, rules, client, wake })
    }

    pub async fn run(self, drain: Drain) {
        let (sender, places) = (Arc::new(self), Arc::new(Semaphore::new(RECEIVERS_MAX)));
        let mut turns = JoinSet::new();
        while !drain.draining() {
            let free = places.available_permits();
            for row in sender.claimed(free).await {
                let place = places.clone().acquire_owned().await.expect("the places are never closed");
                let (sender, drain) = (sender.clone(), drain.clone());
                turns.spawn(async move {
                    sender.turn(row, &drain).await;
                    drop(place);
                });
            }
            while turns.try_join_next().is_some() {}
            tokio::select! {
                () = drain.begun() => {}
                () = sender.wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        while turns.join_next().await.is_some() {}
    }

    async fn claimed(&self, free: usize) -> Vec<Row> {
        if free == 0 {
            return Vec::new();
        }
        let now = clock::now();
        let claimed = store::claim(&self.db, free as i64, now, now + HELD_FOR).await;
        claimed
            .inspect_err(|error| tracing::warn!(%error, "webhooks wait for the database"))
            .unwrap_or_default()
    }

    async fn turn(&self, claimed: Row, drain: &Drain) {
        if let Err(error) = self.send_due(&claimed, drain).await {
            tracing::warn!(%error, webhook = claimed.id, "a webhook's turn was broken off");
        }
        self.wake.notify_one();
    }

    async fn send_due(&self, claimed: &Row, drain: &Drain) -> Result<()> {
        let tenant: TenantId = claimed.tenant.parse().map_err(Error::internal)?;
        let ends_at = clock::now() + TURN_MAX;
        let mut failed_at = None;
        while clock::now() < ends_at {
            // Whoever changes it need not wait for the turn's end.
            let Some(row) = store::current(&self.db, &claimed.id).await?.filter(|row| row.enabled) else {
                break;
            };
            let due = deliveries::due(&self.db, (&tenant, &row.id), clock::now(), AT_ONCE).await?;
            if due.is_empty() {
                break;
            }
            let Some(tried) = drain.or(join_all(due.iter().map(|one| self.attempt(&row, one)))).await else {
                break;
            };
            if !self.took(&row, &tenant, &tried).await? {
                failed_at = Some(row.url);
                break;
            }
        }
        let due_at_ms = deliveries::next_due(&self.db, &tenant, &claimed.id).await?;
        let now = clock::now();
        let until_ms = now.millis() + self.rules.retry;
        let rest = failed_at.as_deref().map(|url| Rest { url, until_ms });
        store::give_back(&self.db, Back { of: claimed, due_at_ms, rest }, now).await
    }

    /// Notes attempts; whether the receiver took any. One that has taken none
    /// for long is switched off.
    async fn took(&self, row: &Row, tenant: &TenantId, tried: &[Tried]) -> Result<bool> {
        let (now, taken) = (clock::now().millis(), tried.iter().any(|one| one.problem.is_empty()));
        let failing_since_ms = match row.failing_since_ms {
            _ if taken => 0,
            0 => now,
            since => since,
        };
        deliveries::tried(&self.db, (tenant, row), tried, failing_since_ms).await?;
        let gone = tried.iter().any(|one| one.status == StatusCode::GONE.as_u16());
        let tired = now - failing_since_ms >= self.rules.failing;
        if !taken && (gone || tired) {
            let because = if gone { "gone" } else { "failing" };
            self.switch_off((row, tenant), failing_since_ms, because).await?;
        }
        Ok(taken)
    }

    async fn attempt(&self, row: &Row, due: &Due) -> Tried {
        let at = clock::now();
        let (status, problem) = match self.post_event(row, due, at).await {
            Ok(status) => (status.as_u16(), refusal(status)),
            Err(problem) => (0, problem),
        };
        let now = clock::now();
        let attempts = due.attempts + 1;
        let state = match problem {
            "" => "delivered",
            _ if attempts >= ATTEMPTS_MAX => "given_up",
            _ => "waiting",
        };
        let outcome = if state == "waiting" { "failed" } else { state };
        counter!("trunkline_webhook_attempts_total", "outcome" => outcome).increment(1);
        let next_at_ms = now.millis() + pause(self.rules.retry, attempts, chassis::random::u128());
        let (at_ms, took_ms) = (at.millis(), now.since(at));
        Tried { delivery: due.id, state, next_at_ms, at_ms, took_ms, status, problem }
    }

    async fn post_event(&self, row: &Row, due: &Due, now: Timestamp) -> Result<StatusCode, &'static str> {
        let url: Url = row.url.parse().map_err(|_| "bad_url")?;
        self.rules.guard.check_literal(&url).map_err(|_| "private_address")?;
        let body =
            events::body(&due.event, &due.kind, Timestamp::from_millis(due.at_ms), due.cursor, &due.data);
        let seconds = now.millis() / 1_000;
        let secrets = self.secrets(row, now).map_err(|_| "no_secret")?;
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", &due.event)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", sign::signatures(&secrets, &due.event, seconds, &body))
            .body(body);
        // The answer's body is left unread: it may have no end.
        request.send().await.map(|answer| answer.status()).map_err(|error| why(&error))
    }

    /// The present one first.
    fn secrets(&self, row: &Row, now: Timestamp) -> Result<Vec<Vec<u8>>> {
        let old = row.sealed_old_secret.as_ref().filter(|_| row.old_secret_until_ms > now.millis());
        [Some(&row.sealed_secret), old]
            .into_iter()
            .flatten()
            .map(|sealed| sign::unseal(&self.master, &row.id, sealed))
            .collect()
    }

    async fn switch_off(
        &self,
        (row, tenant): (&Row, &TenantId),
        failing_since_ms: i64,
        because: &'static str,
    ) -> Result<()> {
        let mut tx = self.db.platform().await?;
        if !store::switch_off(&mut tx, row, failing_since_ms, because).await? {
            return Ok(());
        }
        let admins: Vec<(String, String)> = sqlx::query_as(
            "select email, language from users
             where tenant = $1 and role in ('owner', 'admin') and email_verified order by id limit 20",
        )
        .bind(tenant.as_str())
        .fetch_all(&mut *tx)
        .await?;
        let mut tx = tx.into_tenant(tenant).await?;
        let deed = Deed {
            actor: ACTOR,
            action: "webhook.switch_off",
            subject: format!("webhook/{}", row.id),
            detail: json!({ "name": row.name, "because": because }),
        };
        audit::note(&mut tx, clock::now(), deed).await?;
        tx.commit().await?;
        for (email, language) in admins {
            self.post.send(Letter::WebhookOff, &email, &language, &row.id);
        }
        Ok(())
    }
}

/// Empty for what counts as taken (Standard Webhooks: 2xx and nothing else).
fn refusal(status: StatusCode) -> &'static str {
    match status {
        status if status.is_success() => "",
        status if status.is_redirection() => "redirect",
        _ => "status",
    }
}

fn why(error: &reqwest::Error) -> &'static str {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.downcast_ref::<Refused>().is_some() {
            return "private_address";
        }
        cause = inner.source();
    }
    match error {
        error if error.is_timeout() => "timeout",
        error if error.is_connect() => "unreachable",
        _ => "broken_off",
    }
}

/// Four times as long after each attempt, and up to a tenth more, so that
/// what failed together does not come back together.
fn pause(first: Millis, attempts: i32, random: u128) -> Millis {
    let grown = first.saturating_mul(4_i64.saturating_pow(attempts.max(1) as u32 - 1)).min(PAUSE_MAX);
    grown + (random % (grown as u128 / 10 + 1)) as Millis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_maximum_and_end_after_about_a_day() {
        let pauses: Vec<Millis> = (1..ATTEMPTS_MAX).map(|attempts| pause(5_000, attempts, 0)).collect();
        assert_eq!(pauses[..3], [5_000, 20_000, 80_000]);
        assert!(pauses.iter().all(|pause| *pause <= PAUSE_MAX));
        let hours = pauses.iter().sum::<Millis>() / 3_600_000;
        assert!((18..30).contains(&hours), "{hours} hours");
        assert!(pause(5_000, 1, u128::MAX) <= 5_500);
    }
}
