//! tenancy.v1 Alerts: thresholds that are crossed, each told by mail once, by
//! `config.v1` to whoever shows it, and looked after by the first who says so.

use crate::{
    Error, Result,
    audit::{self, Deed},
    documents::{Change, Documents, check, store, store::Stored, tenant},
    error::told,
    mail::Post,
};
use chassis::clock;
use proto::tenancy::v1::{self as wire, alerts_server};
use serde_json::json;
use tenantdb::TenantDb;
use tonic::{Request, Response, Status};
use types::{
    TenantId,
    config::{Acknowledged, Alert, Kind, Threshold},
};

/// Who raises and ends them.
const ACTOR: &str = "system";

pub struct Alerts {
    db: TenantDb,
    post: Post,
}

impl Alerts {
    pub fn new(db: TenantDb, post: Post) -> Alerts {
        Alerts { db, post }
    }

    async fn raise(&self, request: wire::RaiseRequest) -> Result<Stored> {
        let tenant = tenant(&request.tenant)?;
        let mut tx = self.db.begin(&tenant).await?;
        let open = store::list(&mut tx, Kind::Alert).await?;
        if let Some(open) = open.into_iter().find(|alert| alert.body["threshold"] == *request.threshold) {
            return Ok(open);
        }
        let threshold = store::get(&mut tx, Kind::Threshold, &request.threshold).await?;
        let threshold = threshold.ok_or_else(|| Error::NotFound(told("not_found", "no such threshold")))?;
        let company = store::get(&mut tx, Kind::Tenant, tenant.as_str()).await?;
        let queue = threshold.body["queue"].as_str().unwrap_or_default().to_owned();
        let queue = store::get(&mut tx, Kind::Queue, &queue).await?;
        tx.commit().await?;
        let id = threshold.id.parse().map_err(Error::internal)?;
        let threshold: Threshold = serde_json::from_value(threshold.body).map_err(Error::internal)?;
        let now = clock::now();
        let alert = Alert {
            threshold: id,
            name: threshold.name,
            queue: threshold.queue,
            measure: threshold.measure,
            at: threshold.at,
            value: request.value,
            raised_at_ms: now.millis(),
            acknowledged: None,
            ended_at_ms: None,
        };
        let draft = check(Kind::Alert, &json!(alert).to_string())?;
        let change = Change { tenant: &tenant, actor: ACTOR, now, expected_version: 0 };
        let stored = Documents::new(self.db.clone()).create(&change, draft).await?;
        let text = |found: Option<Stored>, field: &str| {
            found.and_then(|d| d.body[field].as_str().map(str::to_owned)).unwrap_or_default()
        };
        let (language, queue) = (text(company, "language"), text(queue, "name"));
        for email in &threshold.emails {
            self.post.alert(email, &language, &queue, &alert);
        }
        Ok(stored)
    }

    async fn open(&self, tenant: &TenantId, id: &str) -> Result<(Stored, Alert)> {
        let mut tx = self.db.begin(tenant).await?;
        let stored = store::get(&mut tx, Kind::Alert, id).await?;
        let stored = stored.ok_or_else(|| Error::NotFound(told("not_found", format!("no alert {id}"))))?;
        let alert = serde_json::from_value(stored.body.clone()).map_err(Error::internal)?;
        Ok((stored, alert))
    }

    async fn save(&self, change: &Change<'_>, id: &str, alert: &Alert) -> Result<Stored> {
        let draft = check(Kind::Alert, &json!(alert).to_string())?;
        Documents::new(self.db.clone()).replace(change, id, draft).await
    }

    async fn end(&self, request: wire::EndAlertRequest) -> Result<()> {
        let (tenant, id, now) = (tenant(&request.tenant)?, request.alert, clock::now());
        let (_, mut alert) = match self.open(&tenant, &id).await {
            Err(Error::NotFound(_)) => return Ok(()),
            found => found?,
        };
        alert.ended_at_ms = Some(now.millis());
        let change = Change { tenant: &tenant, actor: ACTOR, now, expected_version: 0 };
        self.save(&change, &id, &alert).await?;
        Documents::new(self.db.clone()).delete(&change, Kind::Alert, &id).await
    }

    /// Two who do it at once: the second is told of the first.
    async fn acknowledge(&self, request: wire::AcknowledgeRequest) -> Result<Stored> {
        let (tenant, id, now) = (tenant(&request.tenant)?, request.alert, clock::now());
        let by = Acknowledged { by: request.actor.clone(), name: request.name, at_ms: now.millis() };
        let (stored, mut alert) = self.open(&tenant, &id).await?;
        if let Some(first) = &alert.acknowledged {
            return Err(taken(first));
        }
        alert.acknowledged = Some(by);
        let (actor, expected_version) = (request.actor.as_str(), stored.version);
        let change = Change { tenant: &tenant, actor, now, expected_version };
        let stored = match self.save(&change, &id, &alert).await {
            Err(Error::Stale(_)) => match self.open(&tenant, &id).await?.1.acknowledged {
                Some(first) => return Err(taken(&first)),
                None => return Err(Error::NotFound(told("not_found", format!("no alert {id}")))),
            },
            saved => saved?,
        };
        let mut tx = self.db.begin(&tenant).await?;
        let subject = format!("alert/{id}");
        let deed =
            Deed { actor, action: "alert.acknowledge", subject, detail: json!({ "name": alert.name }) };
        audit::note(&mut tx, now, deed).await?;
        tx.commit().await?;
        Ok(stored)
    }
}

fn taken(first: &Acknowledged) -> Error {
    let message = format!("{} looks after it already", first.name);
    Error::Conflict(told("acknowledged_already", message).with("name", &first.name))
}

#[tonic::async_trait]
impl alerts_server::Alerts for Alerts {
    async fn raise(&self, request: Request<wire::RaiseRequest>) -> Result<Response<wire::Document>, Status> {
        Ok(Response::new(Alerts::raise(self, request.into_inner()).await?.into()))
    }

    async fn end(&self, request: Request<wire::EndAlertRequest>) -> Result<Response<wire::Done>, Status> {
        Alerts::end(self, request.into_inner()).await?;
        Ok(Response::new(wire::Done {}))
    }

    async fn acknowledge(
        &self,
        request: Request<wire::AcknowledgeRequest>,
    ) -> Result<Response<wire::Document>, Status> {
        Ok(Response::new(Alerts::acknowledge(self, request.into_inner()).await?.into()))
    }
}
