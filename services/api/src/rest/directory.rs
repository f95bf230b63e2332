//! Whom one can reach: colleagues with their states, queues with their waits.

use super::{documents, some};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Problem, Result},
};
use axum::{Json, extract::State};
use proto::analytics::v1 as wire;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::config::Kind;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(directory))
}

/// As it is this moment; times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
struct Directory {
    at_ms: i64,
    agents: Vec<Colleague>,
    queues: Vec<Line>,
}

#[derive(Serialize, ToSchema)]
struct Colleague {
    id: String,
    name: String,
    /// offline, available, aux, ringing, on_call, wrap_up or missed.
    state: String,
    /// Absent where they are not signed in.
    since_ms: Option<i64>,
    reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Line {
    id: String,
    name: String,
    waiting: u32,
    /// Absent where nobody waits.
    longest_waiting_since_ms: Option<i64>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Colleagues with their states and queues with their waits, by name.
#[utoipa::path(get, path = "/v1/directory", operation_id = "getDirectory", tag = "desk",
    responses((status = 200, body = Directory)))]
async fn directory(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Directory>> {
    caller.may(Permission::Directory)?;
    let agents = documents::all::<Named>(&app, &caller, Kind::Agent).await?;
    let queues = documents::all::<Named>(&app, &caller, Kind::Queue).await?;
    let request = wire::WatchRequest { tenant: caller.tenant().into() };
    let mut views = app.analytics().watch(request).await?.into_inner();
    let live = views.message().await?.ok_or_else(|| Problem::internal("a live view without a view"))?;
    let colleague = |(id, named): (String, Named)| {
        let row = live.agents.iter().find(|row| row.agent == id);
        Colleague {
            state: row.map_or("offline", |row| &row.state).to_owned(),
            since_ms: row.map(|row| row.since_ms),
            reason: row.and_then(|row| some(row.reason.clone())),
            name: named.name,
            id,
        }
    };
    let line = |(id, named): (String, Named)| {
        let row = live.queues.iter().find(|row| row.queue == id);
        let longest = row.filter(|row| row.waiting > 0).map(|row| row.longest_waiting_since_ms);
        let waiting = row.map_or(0, |row| row.waiting);
        Line { id, name: named.name, waiting, longest_waiting_since_ms: longest }
    };
    let mut agents: Vec<Colleague> = agents.into_iter().map(colleague).collect();
    let mut queues: Vec<Line> = queues.into_iter().map(line).collect();
    agents.sort_by_cached_key(|agent| agent.name.to_lowercase());
    queues.sort_by_cached_key(|queue| queue.name.to_lowercase());
    Ok(Json(Directory { at_ms: live.at_ms, agents, queues }))
}
