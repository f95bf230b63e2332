//! Alerts: thresholds that are crossed, and who looks after them.

use super::sight::Sight;
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Path, Problem, Query, Result},
};
use axum::{Json, extract::State};
use eventlog::Doc;
use proto::tenancy::v1::{AcknowledgeRequest, alerts_client::AlertsClient};
use serde::Serialize;
use std::sync::Arc;
use types::{
    TenantId,
    config::{self, Kind},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_alerts)).routes(routes!(acknowledge_alert))
}

/// A threshold that is crossed. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Alert {
    pub id: String,
    /// The threshold's.
    name: String,
    pub queue: String,
    /// waiting, longest_wait, service_level or free_agents.
    measure: String,
    /// The threshold: callers, milliseconds, percent or agents.
    at: i64,
    /// What was measured when it was raised.
    value: i64,
    raised_at_ms: i64,
    acknowledged: Option<Acknowledged>,
}

/// Who looks after it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct Acknowledged {
    by: String,
    name: String,
    at_ms: i64,
}

#[derive(Serialize, ToSchema)]
struct Alerts {
    items: Vec<Alert>,
    next_cursor: Option<String>,
}

impl Alert {
    fn of(id: &str, from: config::Alert) -> Alert {
        let acknowledged =
            |by: config::Acknowledged| Acknowledged { by: by.by, name: by.name, at_ms: by.at_ms };
        Alert {
            id: id.to_owned(),
            name: from.name,
            queue: from.queue.to_string(),
            measure: types::name(from.measure),
            at: from.at,
            value: from.value,
            raised_at_ms: from.raised_at_ms,
            acknowledged: from.acknowledged.map(acknowledged),
        }
    }

    /// Those that go on, the oldest first.
    pub fn open(docs: &[Arc<Doc>], sight: &Sight) -> Vec<Alert> {
        let read = |doc: &Arc<Doc>| {
            let alert = doc.read::<config::Alert>().filter(|alert| alert.ended_at_ms.is_none())?;
            Some(Alert::of(&doc.id, alert))
        };
        docs.iter().filter_map(read).filter(|alert| sight.queue(&alert.queue)).collect()
    }
}

fn tenant(caller: &Caller) -> Result<TenantId> {
    caller.tenant().parse().map_err(Problem::internal)
}

/// Those that go on, of queues that the caller sees.
#[utoipa::path(get, path = "/v1/alerts", operation_id = "listAlerts", tag = "supervision",
    params(super::Page), responses((status = 200, body = Alerts)))]
async fn list_alerts(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<super::Page>,
) -> Result<Json<Alerts>> {
    caller.may(Permission::LiveRead)?;
    let sight = Sight::of(&app, &caller).await?;
    let all = Alert::open(&app.view.docs(&tenant(&caller)?, Kind::Alert), &sight);
    let (items, next_cursor) = page.of(all, |alert| alert.id.clone());
    Ok(Json(Alerts { items, next_cursor }))
}

/// Says that one looks after it; the first who does is shown to the others.
#[utoipa::path(post, path = "/v1/alerts/{id}/acknowledgement", operation_id = "acknowledgeAlert",
    tag = "supervision", params(("id" = String, Path)), responses((status = 200, body = Alert)))]
async fn acknowledge_alert(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Alert>> {
    caller.may(Permission::Supervise)?;
    let sight = Sight::of(&app, &caller).await?;
    let known = app.view.get::<config::Alert>(&tenant(&caller)?, Kind::Alert, &id);
    if !known.is_some_and(|alert| sight.queue(alert.queue.as_str())) {
        return Err(Problem::not_found(format!("no alert {id}")));
    }
    let request = AcknowledgeRequest {
        tenant: caller.tenant().into(),
        alert: id.clone(),
        actor: caller.actor().into(),
        name: caller.identity.name.clone(),
    };
    let stored = AlertsClient::new(app.tenancy.clone()).acknowledge(request).await?.into_inner();
    let alert = serde_json::from_str(&stored.body).map_err(Problem::internal)?;
    Ok(Json(Alert::of(&id, alert)))
}
