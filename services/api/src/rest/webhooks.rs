//! Webhooks: who is told of events by HTTP, and what came of it. The secret is shown once.

use super::{Page, some};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, Path, Problem, Query, Result},
};
use axum::{Json, extract::State, response::IntoResponse};
use chassis::grpc::Channel;
use http::StatusCode;
use proto::tenancy::v1::{self as wire, webhooks_client::WebhooksClient};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(kinds))
        .routes(routes!(list, create))
        .routes(routes!(read, replace, delete))
        .routes(routes!(rotate))
        .routes(routes!(test))
        .routes(routes!(deliveries))
        .routes(routes!(resend))
        .routes(routes!(replay))
}

#[derive(Serialize, ToSchema)]
struct Webhook {
    id: String,
    name: String,
    url: String,
    kinds: Vec<String>,
    enabled: bool,
    /// Why it is off: asked (a person did it), failing (it took nothing for
    /// days) or gone (it answered 410).
    disabled_because: Option<String>,
    /// Since when it has taken nothing; absent where it works.
    failing_since_ms: Option<i64>,
    created_at_ms: i64,
    /// After a rotation: the secret before signs too until then.
    old_secret_until_ms: Option<i64>,
}

impl From<wire::Webhook> for Webhook {
    fn from(from: wire::Webhook) -> Webhook {
        let at = |ms: i64| Some(ms).filter(|ms| *ms > 0);
        Webhook {
            id: from.id,
            name: from.name,
            url: from.url,
            kinds: from.kinds,
            enabled: from.enabled,
            disabled_because: some(from.disabled_because),
            failing_since_ms: at(from.failing_since_ms),
            created_at_ms: from.created_at_ms,
            old_secret_until_ms: at(from.old_secret_until_ms)
                .filter(|at| *at > chassis::clock::now().millis()),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct WebhookList {
    items: Vec<Webhook>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PutWebhook {
    name: String,
    /// https; at most 2000 characters, no password in it.
    url: String,
    /// Of `GET /v1/event-kinds`, such as `call.ended`.
    kinds: Vec<String>,
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
}

fn yes() -> bool {
    true
}

#[derive(Serialize, ToSchema)]
struct WebhookWithSecret {
    webhook: Webhook,
    /// `whsec_…` as in Standard Webhooks; never shown again.
    secret: String,
}

impl TryFrom<wire::WebhookSecret> for WebhookWithSecret {
    type Error = Problem;
    fn try_from(from: wire::WebhookSecret) -> Result<WebhookWithSecret> {
        let webhook = from.webhook.ok_or_else(|| Problem::internal("a secret without its webhook"))?;
        Ok(WebhookWithSecret { webhook: webhook.into(), secret: from.secret })
    }
}

/// An event on its way to a receiver.
#[derive(Serialize, ToSchema)]
struct WebhookDelivery {
    id: String,
    /// What the header `webhook-id` says: the same at each attempt.
    event: String,
    kind: String,
    /// When it happened.
    at_ms: i64,
    /// The event's place in the order of all; a replay begins behind it.
    cursor: String,
    /// waiting, delivered, given_up (after 10 attempts) or dropped (too many waited).
    state: String,
    attempts: u32,
    /// The next attempt of a waiting one.
    next_at_ms: Option<i64>,
    /// The last attempt.
    tried_at_ms: Option<i64>,
    took_ms: i64,
    /// The receiver's answer; absent where there was none.
    status: Option<u32>,
    /// Why it was not taken: status, redirect, timeout, unreachable,
    /// private_address, broken_off, bad_url or no_secret (it cannot be unsealed).
    problem: Option<String>,
}

impl From<wire::delivery_list::Delivery> for WebhookDelivery {
    fn from(from: wire::delivery_list::Delivery) -> WebhookDelivery {
        let at = |ms: i64| Some(ms).filter(|ms| *ms > 0);
        WebhookDelivery {
            id: from.id.to_string(),
            event: from.event,
            kind: from.kind,
            at_ms: from.at_ms,
            cursor: from.cursor.to_string(),
            state: from.state,
            attempts: from.attempts,
            next_at_ms: at(from.next_at_ms),
            tried_at_ms: at(from.tried_at_ms),
            took_ms: from.took_ms,
            status: Some(from.status).filter(|status| *status > 0),
            problem: some(from.problem),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct WebhookDeliveryList {
    items: Vec<WebhookDelivery>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// In this state; empty: all.
    #[serde(default)]
    state: String,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    limit: Option<u32>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Replay {
    /// Events behind this cursor; absent: from the oldest that is kept (7 days).
    #[serde(default)]
    after: Option<String>,
    /// And not older than this.
    #[serde(default)]
    from_ms: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct Replayed {
    /// Deliveries that are on their way.
    queued: u32,
    /// As many as may wait are on their way: go on behind this cursor later.
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct EventKinds {
    kinds: Vec<String>,
}

fn client(app: &App) -> WebhooksClient<Channel> {
    WebhooksClient::new(app.tenancy.clone())
}

/// Events are the whole company's: who sees a part of it sends none away.
fn admitted(caller: &Caller) -> Result<()> {
    caller.may(Permission::Webhooks)?;
    caller.whole_company()
}

fn one(caller: &Caller, id: String) -> wire::WebhookRequest {
    wire::WebhookRequest { tenant: caller.tenant().into(), actor: caller.actor().into(), id }
}

fn put(caller: &Caller, id: String, form: PutWebhook) -> wire::PutWebhookRequest {
    wire::PutWebhookRequest {
        tenant: caller.tenant().into(),
        actor: caller.actor().into(),
        id,
        name: form.name,
        url: form.url,
        kinds: form.kinds,
        enabled: form.enabled,
    }
}

/// A cursor as it was given; empty: none.
fn cursor(place: &str, text: &str) -> Result<i64> {
    match text {
        "" => Ok(0),
        text => text.parse().map_err(|_| Problem::invalid(place, "unknown", "is no cursor of ours")),
    }
}

/// What webhooks can be told.
#[utoipa::path(get, path = "/v1/event-kinds", operation_id = "listEventKinds", tag = "webhooks",
    responses((status = 200, body = EventKinds)))]
async fn kinds(caller: Caller) -> Result<Json<EventKinds>> {
    caller.may(Permission::Webhooks)?;
    Ok(Json(EventKinds { kinds: types::event::kinds().map(str::to_owned).collect() }))
}

#[utoipa::path(get, path = "/v1/webhooks", operation_id = "listWebhooks", tag = "webhooks",
    params(Page), responses((status = 200, body = WebhookList)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<WebhookList>> {
    admitted(&caller)?;
    let request = wire::TenantRequest { tenant: caller.tenant().into() };
    let all = client(&app).list(request).await?.into_inner().webhooks;
    let (webhooks, next_cursor) = page.of(all, |webhook| webhook.id.clone());
    Ok(Json(WebhookList { items: webhooks.into_iter().map(Webhook::from).collect(), next_cursor }))
}

#[utoipa::path(post, path = "/v1/webhooks", operation_id = "createWebhook", tag = "webhooks",
    request_body = PutWebhook, responses((status = 201, body = WebhookWithSecret)))]
async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<PutWebhook>,
) -> Result<impl IntoResponse> {
    admitted(&caller)?;
    let made = client(&app).create(put(&caller, String::new(), form)).await?.into_inner();
    Ok((StatusCode::CREATED, Json(WebhookWithSecret::try_from(made)?)))
}

#[utoipa::path(get, path = "/v1/webhooks/{id}", operation_id = "getWebhook", tag = "webhooks",
    params(("id" = String, Path)), responses((status = 200, body = Webhook)))]
async fn read(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Json<Webhook>> {
    admitted(&caller)?;
    Ok(Json(client(&app).get(one(&caller, id)).await?.into_inner().into()))
}

/// Switched on again, it gets what waited.
#[utoipa::path(put, path = "/v1/webhooks/{id}", operation_id = "replaceWebhook", tag = "webhooks",
    params(("id" = String, Path)), request_body = PutWebhook, responses((status = 200, body = Webhook)))]
async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<PutWebhook>,
) -> Result<Json<Webhook>> {
    admitted(&caller)?;
    Ok(Json(client(&app).replace(put(&caller, id, form)).await?.into_inner().into()))
}

#[utoipa::path(delete, path = "/v1/webhooks/{id}", operation_id = "deleteWebhook", tag = "webhooks",
    params(("id" = String, Path)), responses((status = 204)))]
async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    admitted(&caller)?;
    client(&app).delete(one(&caller, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a new secret; the one before signs too for a day.
#[utoipa::path(post, path = "/v1/webhooks/{id}/secret", operation_id = "rotateWebhookSecret",
    tag = "webhooks", params(("id" = String, Path)), responses((status = 200, body = WebhookWithSecret)))]
async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<WebhookWithSecret>> {
    admitted(&caller)?;
    let made = client(&app).rotate(one(&caller, id)).await?.into_inner();
    Ok(Json(made.try_into()?))
}

/// Sends a `webhook.test`.
#[utoipa::path(post, path = "/v1/webhooks/{id}/test", operation_id = "testWebhook", tag = "webhooks",
    params(("id" = String, Path)), responses((status = 204)))]
async fn test(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    admitted(&caller)?;
    client(&app).test(one(&caller, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Newest first.
#[utoipa::path(get, path = "/v1/webhooks/{id}/deliveries", operation_id = "listWebhookDeliveries",
    tag = "webhooks", params(("id" = String, Path), Which),
    responses((status = 200, body = WebhookDeliveryList)))]
async fn deliveries(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<WebhookDeliveryList>> {
    admitted(&caller)?;
    let before = cursor("cursor", &which.cursor)?;
    let page = Page { cursor: which.cursor, limit: which.limit };
    let request = wire::DeliveriesRequest {
        tenant: caller.tenant().into(),
        webhook: id,
        state: which.state,
        limit: page.limit(),
        before,
    };
    let reply = client(&app).deliveries(request).await?.into_inner();
    let items = reply.deliveries.into_iter().map(WebhookDelivery::from).collect();
    Ok(Json(WebhookDeliveryList { items, next_cursor: next(reply.next) }))
}

fn next(cursor: i64) -> Option<String> {
    Some(cursor).filter(|cursor| *cursor > 0).map(|cursor| cursor.to_string())
}

/// Sends it again at once, with all its attempts before it.
#[utoipa::path(post, path = "/v1/webhooks/{id}/deliveries/{delivery}/resend",
    operation_id = "resendWebhookDelivery", tag = "webhooks",
    params(("id" = String, Path), ("delivery" = String, Path)), responses((status = 204)))]
async fn resend(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((webhook, delivery)): Path<(String, String)>,
) -> Result<StatusCode> {
    admitted(&caller)?;
    let delivery = delivery.parse().map_err(|_| Problem::not_found(format!("no delivery {delivery}")))?;
    let (tenant, actor) = (caller.tenant().into(), caller.actor().into());
    client(&app).resend(wire::ResendRequest { tenant, actor, webhook, delivery }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends again what happened behind a cursor, as far back as events are kept.
/// Receivers tell what they have seen by `webhook-id`.
#[utoipa::path(post, path = "/v1/webhooks/{id}/replay", operation_id = "replayWebhook", tag = "webhooks",
    params(("id" = String, Path)), request_body = Replay, responses((status = 200, body = Replayed)))]
async fn replay(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(webhook): Path<String>,
    Body(form): Body<Replay>,
) -> Result<Json<Replayed>> {
    admitted(&caller)?;
    let request = wire::ReplayRequest {
        tenant: caller.tenant().into(),
        actor: caller.actor().into(),
        webhook,
        after: cursor("after", form.after.as_deref().unwrap_or_default())?,
        from_ms: form.from_ms.unwrap_or(0),
    };
    let reply = client(&app).replay(request).await?.into_inner();
    Ok(Json(Replayed { queued: reply.queued, next_cursor: next(reply.next) }))
}
