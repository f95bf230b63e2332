//! Wallboards: figures of chosen queues for whoever has the link, as long as
//! it is not revoked. The link's token is shown once; its hash is kept.

use super::{documents, note_with, sight::Sight};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, Path, Problem, Query, Result},
};
use axum::{
    Json,
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use eventlog::ConfigView;
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, StatusCode, header};
use proto::{
    analytics::v1 as wire,
    tenancy::v1::{DeleteRequest, ListRequest},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{convert::Infallible, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tonic::Streaming;
use types::{
    TenantId,
    config::{Kind, Wallboard},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

const TOKEN: &str = "wall_";
/// Walls that may look at once.
pub const WATCHING_MAX: usize = 500;
const WALLBOARDS_MAX: usize = 50;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_wallboards, create_wallboard))
        .routes(routes!(revoke_wallboard))
        .routes(routes!(watch_wallboard))
}

#[derive(Serialize, ToSchema)]
struct Link {
    id: String,
    name: String,
    queues: Vec<String>,
    /// Who made it, and when (milliseconds since 1970).
    actor: String,
    at_ms: i64,
}

#[derive(Serialize, ToSchema)]
struct Links {
    items: Vec<Link>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWallboard {
    name: String,
    /// Ids of queues, 1 to 30.
    queues: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct MadeWallboard {
    id: String,
    /// Behind `/wall#`; never shown again.
    token: String,
}

/// What a wall shows. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
struct Board {
    name: String,
    company: String,
    at_ms: i64,
    queues: Vec<BoardQueue>,
}

#[derive(Serialize, ToSchema)]
struct BoardQueue {
    name: String,
    waiting: u32,
    /// Absent where nobody waits.
    longest_waiting_since_ms: Option<i64>,
    /// Agents who serve it: signed in, and free for a caller now.
    signed_in: u32,
    free: u32,
    /// Today, as the next four.
    offered: u64,
    answered: u64,
    abandoned: u64,
    service_level: Option<f64>,
    asa_ms: Option<f64>,
}

fn hash(token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

async fn links(app: &App, caller: &Caller) -> Result<Vec<Link>> {
    let request = ListRequest { tenant: caller.tenant().into(), kind: Kind::Wallboard.as_str().into() };
    let documents = app.documents().list(request).await?.into_inner().documents;
    let read = |document: proto::tenancy::v1::Document| {
        let of: Wallboard = serde_json::from_str(&document.body).map_err(Problem::internal)?;
        Ok(Link {
            id: document.id,
            name: of.name,
            queues: of.queues.into_iter().map(String::from).collect(),
            actor: document.actor,
            at_ms: document.at_ms,
        })
    };
    documents.into_iter().map(read).collect()
}

/// Those whose queues the caller sees.
#[utoipa::path(get, path = "/v1/wallboards", operation_id = "listWallboards", tag = "live",
    params(super::Page), responses((status = 200, body = Links)))]
async fn list_wallboards(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<super::Page>,
) -> Result<Json<Links>> {
    caller.may(Permission::Supervise)?;
    let sight = Sight::of(&app, &caller).await?;
    let all = links(&app, &caller).await?;
    let all = all.into_iter().filter(|link| link.queues.iter().all(|queue| sight.queue(queue))).collect();
    let (items, next_cursor) = page.of(all, |link| link.id.clone());
    Ok(Json(Links { items, next_cursor }))
}

#[utoipa::path(post, path = "/v1/wallboards", operation_id = "createWallboard", tag = "live",
    request_body = NewWallboard, responses((status = 201, body = MadeWallboard)))]
async fn create_wallboard(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(new): Body<NewWallboard>,
) -> Result<(StatusCode, Json<MadeWallboard>)> {
    caller.may(Permission::Supervise)?;
    let sight = Sight::of(&app, &caller).await?;
    if !new.queues.iter().all(|queue| sight.queue(queue)) {
        return Err(Problem::outside_department());
    }
    if links(&app, &caller).await?.len() >= WALLBOARDS_MAX {
        let detail = format!("there are {WALLBOARDS_MAX} wallboards already");
        return Err(Problem::new(StatusCode::CONFLICT, detail)
            .coded("too_many_wallboards")
            .with("max", WALLBOARDS_MAX));
    }
    let token = format!("{TOKEN}{}", chassis::random::token());
    let body = json!({ "name": new.name, "queues": new.queues, "token_hash": hash(&token) });
    let Value::Object(body) = body else { return Err(Problem::internal("an object")) };
    let id = documents::put(&app, &caller, Kind::Wallboard, "", body, 0).await?.id;
    let detail = json!({ "name": new.name, "queues": new.queues });
    note_with(&app, &caller, "wallboard.create", &format!("wallboard/{id}"), detail).await?;
    Ok((StatusCode::CREATED, Json(MadeWallboard { id, token })))
}

/// The link leads nowhere from now on; walls that show it go dark.
#[utoipa::path(delete, path = "/v1/wallboards/{id}", operation_id = "revokeWallboard", tag = "live",
    params(("id" = String, Path)), responses((status = 204)))]
async fn revoke_wallboard(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    caller.may(Permission::Supervise)?;
    let stored = documents::get(&app, &caller, Kind::Wallboard, &id).await?;
    let of: Wallboard = serde_json::from_str(&stored.body).map_err(Problem::internal)?;
    let sight = Sight::of(&app, &caller).await?;
    if !of.queues.iter().all(|queue| sight.queue(queue.as_str())) {
        return Err(Problem::outside_department());
    }
    let (tenant, actor) = (caller.tenant().to_owned(), caller.actor().to_owned());
    let kind = Kind::Wallboard.as_str().to_owned();
    app.documents().delete(DeleteRequest { tenant, actor, kind, id: id.clone() }).await?;
    note_with(&app, &caller, "wallboard.revoke", &format!("wallboard/{id}"), json!({ "name": of.name }))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Event `board` whenever a figure changed, and each second. The link's token
/// is the bearer; the stream ends when it is revoked.
#[utoipa::path(get, path = "/v1/wallboard", operation_id = "watchWallboard", tag = "live", security(()),
    responses((status = 200, content_type = "text/event-stream", body = Board)))]
async fn watch_wallboard(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.split_once(' ')).map_or("", |(_, token)| token.trim());
    let gone = || Problem::unauthorized("the link is not valid any more").coded("link_revoked");
    let hash = Some(token).filter(|token| token.starts_with(TOKEN)).map(hash).ok_or_else(gone)?;
    let tenant = whose(&app.view, &hash).ok_or_else(gone)?;
    let place = app.walls.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::unavailable("too many wallboards are open"))?;
    let request = wire::WatchRequest { tenant: tenant.to_string() };
    let views = app.analytics().watch(request).await?.into_inner();
    let (view, changes) = (app.view.clone(), app.view.changes());
    let wall = Wall { view, changes, tenant, hash, views, _place: place };
    let draining = app.drain.clone().begun_owned();
    Ok(Sse::new(stream::unfold(wall, Wall::next).take_until(draining)).keep_alive(KeepAlive::default()))
}

/// Whose link this is.
fn whose(view: &ConfigView, hash: &str) -> Option<TenantId> {
    view.tenants(Kind::Wallboard).into_iter().find(|tenant| shown(view, tenant, hash).is_some())
}

fn shown(view: &ConfigView, tenant: &TenantId, hash: &str) -> Option<Wallboard> {
    let docs = view.docs(tenant, Kind::Wallboard);
    docs.iter().filter_map(|doc| doc.read::<Wallboard>()).find(|board| board.token_hash == hash)
}

struct Wall {
    view: Arc<ConfigView>,
    changes: watch::Receiver<u64>,
    tenant: TenantId,
    hash: String,
    views: Streaming<wire::Live>,
    _place: OwnedSemaphorePermit,
}

impl Wall {
    async fn next(mut self) -> Option<(std::result::Result<Event, Infallible>, Wall)> {
        loop {
            tokio::select! {
                changed = self.changes.changed() => {
                    changed.ok()?;
                    shown(&self.view, &self.tenant, &self.hash)?;
                }
                live = self.views.message() => {
                    let live = live.ok()??;
                    let board = self.board(&live, shown(&self.view, &self.tenant, &self.hash)?);
                    let json = serde_json::to_string(&board).ok()?;
                    return Some((Ok(Event::default().event("board").data(json)), self));
                }
            }
        }
    }

    fn board(&self, live: &wire::Live, of: Wallboard) -> Board {
        let queue = |id: &types::QueueId| {
            let row = live.queues.iter().find(|row| row.queue == id.as_str()).cloned().unwrap_or_default();
            let today = row.today.unwrap_or_default();
            BoardQueue {
                name: self.name(Kind::Queue, id.as_str()),
                waiting: row.waiting,
                longest_waiting_since_ms: Some(row.longest_waiting_since_ms).filter(|_| row.waiting > 0),
                signed_in: row.signed_in,
                free: row.free,
                offered: today.offered,
                answered: today.answered,
                abandoned: today.abandoned,
                service_level: today.service_level,
                asa_ms: today.asa_ms,
            }
        };
        let company = self.name(Kind::Tenant, self.tenant.as_str());
        Board { queues: of.queues.iter().map(queue).collect(), name: of.name, company, at_ms: live.at_ms }
    }

    fn name(&self, kind: Kind, id: &str) -> String {
        let body: Option<Value> = self.view.get(&self.tenant, kind, id);
        body.and_then(|body| body["name"].as_str().map(str::to_owned)).unwrap_or_default()
    }
}
