//! What may be asked about receivers and deliveries.

use super::{Rules, deliveries, events::Event, follow::Asked, sign, store, store::Row};
use crate::{
    Error, Result,
    audit::{self, Deed},
    documents::tenant,
    error::told,
    seal::MasterKey,
};
use chassis::{Fault, clock};
use proto::tenancy::v1::{self as wire, webhooks_server};
use reqwest::Url;
use serde_json::{Value, json};
use std::sync::Arc;
use tenantdb::{TenantDb, TenantTx};
use tokio::sync::Notify;
use tonic::{Request, Response, Status};
use types::{Millis, TenantId, WebhookId};

const WEBHOOKS_MAX: usize = 20;
const NAME_MAX: usize = 100;
const URL_MAX: usize = 2_000;
const PAGE_MAX: u32 = 200;
/// How long the secret before a rotation signs too.
const OLD_SECRET_SIGNS: Millis = 24 * 3_600 * 1_000;
const TEST_KIND: &str = "webhook.test";

pub struct Webhooks {
    pub(super) db: TenantDb,
    pub(super) master: MasterKey,
    pub(super) rules: Rules,
    pub(super) asked: Asked,
    pub(super) wake: Arc<Notify>,
}

impl Webhooks {
    async fn make(&self, request: wire::PutWebhookRequest) -> Result<wire::WebhookSecret> {
        let tenant = tenant(&request.tenant)?;
        let checked = self.checked(&request)?;
        let now = clock::now();
        let id = WebhookId::new(now, chassis::random::u128()).to_string();
        let secret = chassis::random::key();
        let row = Row {
            tenant: request.tenant,
            sealed_secret: sign::seal(&self.master, &id, &secret)?,
            created_at_ms: now.millis(),
            id,
            ..checked
        };
        let mut tx = self.db.platform().await?;
        if store::of_tenant(&mut tx, &tenant).await?.len() >= WEBHOOKS_MAX {
            let refusal = told("too_many_webhooks", format!("there are {WEBHOOKS_MAX} webhooks already"));
            return Err(Error::Exhausted(refusal.with("max", WEBHOOKS_MAX)));
        }
        store::insert(&mut tx, &row).await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        let detail = json!({ "name": row.name, "url": row.url, "kinds": row.kinds });
        note(&mut tx, &request.actor, "webhook.create", &row.id, detail).await?;
        tx.commit().await?;
        self.asked.look(&self.db).await?;
        Ok(wire::WebhookSecret { webhook: Some(store::to_wire(row)), secret: sign::shown(&secret) })
    }

    async fn change(&self, request: wire::PutWebhookRequest) -> Result<wire::Webhook> {
        let tenant = tenant(&request.tenant)?;
        let mut tx = self.db.platform().await?;
        let before = store::get_to_change(&mut tx, &tenant, &request.id).await?;
        let Row { name, url, kinds, enabled, .. } = self.checked(&request)?;
        let disabled_because = match (enabled, before.enabled) {
            (true, _) => "",
            (false, true) => "asked",
            (false, false) => &before.disabled_because,
        };
        let row = Row {
            name,
            url,
            kinds,
            enabled,
            disabled_because: disabled_because.to_owned(),
            ..before.clone()
        };
        store::replace(&mut tx, &row, clock::now()).await?;
        let row = store::get(&mut tx, &tenant, &request.id).await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        let detail = json!({ "name": row.name, "url": row.url, "kinds": row.kinds, "enabled": row.enabled });
        note(&mut tx, &request.actor, "webhook.update", &row.id, detail).await?;
        tx.commit().await?;
        self.asked.look(&self.db).await?;
        self.wake.notify_one();
        Ok(store::to_wire(row))
    }

    /// What makes sense by itself; the rest of the row is empty.
    fn checked(&self, request: &wire::PutWebhookRequest) -> Result<Row> {
        let mut faults = Vec::new();
        let name = request.name.trim();
        if name.is_empty() || name.chars().count() > NAME_MAX {
            faults.push(Fault::new("name", "not_a_name", "is not 1 to 100 characters"));
        }
        faults.extend(self.wrong_with(&request.url));
        if request.kinds.is_empty() {
            faults.push(Fault::new("kinds", "empty", "asks for no kind of event"));
        }
        for kind in &request.kinds {
            if !types::event::kinds().any(|known| known == kind) {
                faults.push(Fault::new("kinds", "unknown", format!("{kind:?} is no kind of event")));
            }
        }
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        let mut kinds = request.kinds.clone();
        kinds.sort_unstable();
        kinds.dedup();
        Ok(Row {
            id: String::new(),
            tenant: String::new(),
            name: name.to_owned(),
            url: request.url.clone(),
            kinds,
            enabled: request.enabled,
            disabled_because: if request.enabled { "" } else { "asked" }.to_owned(),
            sealed_secret: Vec::new(),
            sealed_old_secret: None,
            old_secret_until_ms: 0,
            failing_since_ms: 0,
            created_at_ms: 0,
            added: 0,
        })
    }

    /// A name is resolved and checked at each attempt; what is wrong already now is said now.
    fn wrong_with(&self, text: &str) -> Option<Fault> {
        let bad = |message: &str| Some(Fault::new("url", "bad_url", message));
        let Ok(url) = text.parse::<Url>() else { return bad("is no https address") };
        let open = self.rules.guard.private_addresses;
        if url.scheme() != "https" && !(open && url.scheme() == "http") {
            return bad("is no https address");
        }
        if text.len() > URL_MAX || !url.username().is_empty() || url.password().is_some() {
            return bad("has a password in it or is longer than 2000 characters");
        }
        let inside = self.rules.guard.check_literal(&url).is_err()
            || !open && url.domain().is_some_and(|name| name == "localhost" || name.ends_with(".localhost"));
        inside.then(|| Fault::new("url", "private_address", "is not on the public internet"))
    }

    async fn rotate(&self, request: wire::WebhookRequest) -> Result<wire::WebhookSecret> {
        let tenant = tenant(&request.tenant)?;
        let mut tx = self.db.platform().await?;
        let row = store::get_to_change(&mut tx, &tenant, &request.id).await?;
        let secret = chassis::random::key();
        let sealed = sign::seal(&self.master, &row.id, &secret)?;
        store::replace_secret(&mut tx, &row.id, &sealed, clock::now() + OLD_SECRET_SIGNS).await?;
        let row = store::get(&mut tx, &tenant, &row.id).await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        note(&mut tx, &request.actor, "webhook.rotate", &row.id, json!({ "name": row.name })).await?;
        tx.commit().await?;
        Ok(wire::WebhookSecret { webhook: Some(store::to_wire(row)), secret: sign::shown(&secret) })
    }

    async fn remove(&self, request: wire::WebhookRequest) -> Result<()> {
        let tenant = tenant(&request.tenant)?;
        let mut tx = self.db.platform().await?;
        let row = store::get_to_change(&mut tx, &tenant, &request.id).await?;
        let mut tx = store::delete(tx, &tenant, &row.id).await?;
        note(&mut tx, &request.actor, "webhook.delete", &row.id, json!({ "name": row.name })).await?;
        tx.commit().await?;
        self.asked.look(&self.db).await
    }

    async fn test(&self, request: wire::WebhookRequest) -> Result<()> {
        let tenant = tenant(&request.tenant)?;
        let (mut tx, row) = self.switched_on(&tenant, &request.id).await?;
        let now = clock::now();
        let event = Event {
            id: format!("test-{}", chassis::random::token()),
            kind: TEST_KIND,
            key: row.id.clone(),
            at: now,
            data: json!({ "webhook": row.id }),
        };
        if let Some(cursor) = deliveries::keep(&mut tx, &event).await? {
            deliveries::queue(&mut tx, &row.id, cursor, &event.key, now).await?;
        }
        self.sent_soon(tx).await
    }

    async fn resend(&self, request: wire::ResendRequest) -> Result<()> {
        let tenant = tenant(&request.tenant)?;
        let (mut tx, row) = self.switched_on(&tenant, &request.webhook).await?;
        if !deliveries::resend(&mut tx, &row.id, request.delivery, clock::now()).await? {
            return Err(Error::NotFound(told("not_found", format!("no delivery {}", request.delivery))));
        }
        let detail = json!({ "name": row.name, "delivery": request.delivery });
        note(&mut tx, &request.actor, "webhook.resend", &row.id, detail).await?;
        self.sent_soon(tx).await
    }

    async fn replay(&self, request: wire::ReplayRequest) -> Result<wire::Replayed> {
        let tenant = tenant(&request.tenant)?;
        let (mut tx, row) = self.switched_on(&tenant, &request.webhook).await?;
        let (queued, next) =
            deliveries::replay(&mut tx, &row, request.after, request.from_ms, clock::now()).await?;
        let detail = json!({ "name": row.name, "after": request.after, "from_ms": request.from_ms });
        note(&mut tx, &request.actor, "webhook.replay", &row.id, detail).await?;
        self.sent_soon(tx).await?;
        Ok(wire::Replayed { queued, next })
    }

    /// The receiver, made due, in the transaction that goes on to give it something.
    async fn switched_on(&self, tenant: &TenantId, id: &str) -> Result<(TenantTx, Row)> {
        let mut tx = self.db.platform().await?;
        let row = store::get_to_change(&mut tx, tenant, id).await?;
        if !row.enabled {
            return Err(Error::Conflict(told("webhook_off", format!("{} is switched off", row.name))));
        }
        store::make_due(&mut tx, id, clock::now()).await?;
        Ok((tx.into_tenant(tenant).await?, row))
    }

    async fn sent_soon(&self, tx: TenantTx) -> Result<()> {
        tx.commit().await?;
        self.wake.notify_one();
        Ok(())
    }

    async fn page(&self, mut request: wire::DeliveriesRequest) -> Result<wire::DeliveryList> {
        let tenant = tenant(&request.tenant)?;
        request.limit = request.limit.clamp(1, PAGE_MAX);
        let mut tx = self.db.platform().await?;
        store::get(&mut tx, &tenant, &request.webhook).await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        let mut deliveries = deliveries::page(&mut tx, &request, i64::from(request.limit) + 1).await?;
        let more = deliveries.len() > request.limit as usize;
        deliveries.truncate(request.limit as usize);
        let next = deliveries.last().filter(|_| more).map_or(0, |last| last.id);
        Ok(wire::DeliveryList { deliveries, next })
    }
}

async fn note(tx: &mut TenantTx, actor: &str, action: &'static str, id: &str, detail: Value) -> Result<()> {
    audit::note(tx, clock::now(), Deed { actor, action, subject: format!("webhook/{id}"), detail }).await
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl webhooks_server::Webhooks for Webhooks {
    async fn create(&self, request: Request<wire::PutWebhookRequest>) -> Answer<wire::WebhookSecret> {
        Ok(Response::new(self.make(request.into_inner()).await?))
    }

    async fn replace(&self, request: Request<wire::PutWebhookRequest>) -> Answer<wire::Webhook> {
        Ok(Response::new(self.change(request.into_inner()).await?))
    }

    async fn list(&self, request: Request<wire::TenantRequest>) -> Answer<wire::WebhookList> {
        let mut tx = self.db.platform().await.map_err(Error::from)?;
        let rows = store::of_tenant(&mut tx, &tenant(&request.into_inner().tenant)?).await?;
        Ok(Response::new(wire::WebhookList { webhooks: rows.into_iter().map(store::to_wire).collect() }))
    }

    async fn get(&self, request: Request<wire::WebhookRequest>) -> Answer<wire::Webhook> {
        let request = request.into_inner();
        let mut tx = self.db.platform().await.map_err(Error::from)?;
        let row = store::get(&mut tx, &tenant(&request.tenant)?, &request.id).await?;
        Ok(Response::new(store::to_wire(row)))
    }

    async fn delete(&self, request: Request<wire::WebhookRequest>) -> Answer<wire::Done> {
        self.remove(request.into_inner()).await?;
        Ok(Response::new(wire::Done {}))
    }

    async fn rotate(&self, request: Request<wire::WebhookRequest>) -> Answer<wire::WebhookSecret> {
        Ok(Response::new(Webhooks::rotate(self, request.into_inner()).await?))
    }

    async fn test(&self, request: Request<wire::WebhookRequest>) -> Answer<wire::Done> {
        Webhooks::test(self, request.into_inner()).await?;
        Ok(Response::new(wire::Done {}))
    }

    async fn deliveries(&self, request: Request<wire::DeliveriesRequest>) -> Answer<wire::DeliveryList> {
        Ok(Response::new(self.page(request.into_inner()).await?))
    }

    async fn resend(&self, request: Request<wire::ResendRequest>) -> Answer<wire::Done> {
        Webhooks::resend(self, request.into_inner()).await?;
        Ok(Response::new(wire::Done {}))
    }

    async fn replay(&self, request: Request<wire::ReplayRequest>) -> Answer<wire::Replayed> {
        Ok(Response::new(Webhooks::replay(self, request.into_inner()).await?))
    }
}
