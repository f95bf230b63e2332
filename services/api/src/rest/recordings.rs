//! Recordings: list, waveform, audio.

use super::{Page, sight::Sight, some};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Path, Problem, Query, Result},
    range::{self, Span},
};
use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use http::{HeaderMap, StatusCode, header};
use proto::{
    crm::v1::{GetInteractionRequest, Interaction},
    recording::v1 as wire,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tonic::Streaming;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_recordings))
        .routes(routes!(get_recording))
        .routes(routes!(audio))
}

#[derive(Serialize, ToSchema)]
struct Recording {
    id: String,
    call: String,
    started_at_ms: i64,
    duration_ms: i64,
    bytes: u64,
    sha256: String,
    /// The last second has arrived.
    complete: bool,
    /// Highest amplitude per slice, 0 to 1, of the caller.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    peaks_left: Vec<f32>,
    /// The same of the agent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    peaks_right: Vec<f32>,
}

impl From<wire::Item> for Recording {
    fn from(item: wire::Item) -> Recording {
        Recording {
            id: item.id,
            call: item.call,
            started_at_ms: item.started_at_ms,
            duration_ms: item.duration_ms,
            bytes: item.bytes,
            sha256: item.sha256,
            complete: item.complete,
            peaks_left: item.peaks_left,
            peaks_right: item.peaks_right,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Recordings {
    items: Vec<Recording>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Of this call.
    #[serde(default)]
    call: String,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    limit: Option<u32>,
}

#[utoipa::path(get, path = "/v1/recordings", operation_id = "listRecordings", tag = "recordings", params(Which),
    responses((status = 200, body = Recordings)))]
async fn list_recordings(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Recordings>> {
    if !hears_all(&caller) {
        own(&app, &caller, &which.call).await?;
    }
    let page = Page { cursor: which.cursor, limit: which.limit };
    let request = wire::ListRequest {
        tenant: caller.tenant().into(),
        call: which.call,
        limit: page.limit(),
        cursor: page.cursor,
    };
    let reply = app.recordings().list(request).await?.into_inner();
    let items = reply.items.into_iter().map(Recording::from).collect();
    Ok(Json(Recordings { items, next_cursor: some(reply.next_cursor) }))
}

#[utoipa::path(get, path = "/v1/recordings/{id}", operation_id = "getRecording", tag = "recordings",
    params(("id" = String, Path)), responses((status = 200, body = Recording)))]
async fn get_recording(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Recording>> {
    Ok(Json(heard(&app, &caller, &id).await?.into()))
}

/// WAV, left the caller, right the agent; `Range` as players send it.
#[utoipa::path(get, path = "/v1/recordings/{id}/audio", operation_id = "getRecordingAudio", tag = "recordings",
    params(("id" = String, Path)),
    responses((status = 200, content_type = "audio/wav", body = Vec<u8>),
              (status = 206, content_type = "audio/wav", body = Vec<u8>), (status = 416)))]
async fn audio(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    heard(&app, &caller, &id).await?;
    sound(&app, &caller, id, &headers).await
}

/// For whoever may hear it.
pub(super) async fn sound(app: &App, caller: &Caller, id: String, headers: &HeaderMap) -> Result<Response> {
    let wanted = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    // A player asks for many pieces: the first one is the playback.
    if wanted.is_none_or(|range| range.trim().starts_with("bytes=0-")) {
        super::note(app, caller, "recording.play", &format!("recording/{id}")).await?;
    }
    let request = wire::GetRequest { tenant: caller.tenant().into(), id };
    let mut chunks = app.recordings().fetch(request).await?.into_inner();
    let (head, length) = head(&mut chunks).await?;
    let (status, span) = match range::parse(wanted, length) {
        Span::Whole => (StatusCode::OK, 0..length),
        Span::Part(span) => (StatusCode::PARTIAL_CONTENT, span),
        Span::Unsatisfiable => {
            let all = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            return Ok(
                (all, Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "the file is shorter")).into_response()
            );
        }
    };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "audio/wav")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_LENGTH, span.end - span.start);
    if status == StatusCode::PARTIAL_CONTENT {
        let last = span.end.saturating_sub(1);
        response = response.header(header::CONTENT_RANGE, format!("bytes {}-{last}/{length}", span.start));
    }
    let all = stream::once(std::future::ready(Ok(head))).chain(chunks.map(|chunk| chunk.map(|c| c.wav)));
    let body = range::cut(all.map(|chunk| chunk.map_err(std::io::Error::other)), span);
    response.body(Body::from_stream(body)).map_err(Problem::internal)
}

/// The recording, if the caller may hear it: any, or that of an own call. What
/// is not theirs is not there.
async fn heard(app: &App, caller: &Caller, id: &str) -> Result<wire::Item> {
    if !caller.has(Permission::RecordingsRead) {
        caller.may(Permission::CallsOwn)?;
    }
    let all = hears_all(caller);
    let request = wire::GetRequest { tenant: caller.tenant().into(), id: id.into() };
    let item = app.recordings().get(request).await?.into_inner();
    if !all {
        let of_others = |_| Problem::not_found(format!("no recording {id}"));
        own(app, caller, &item.call).await.map_err(of_others)?;
    }
    Ok(item)
}

/// Whether somebody may hear what was recorded of a call: then they are shown
/// that there is a recording.
pub(super) fn may_hear(caller: &Caller, sight: &Sight, call: &Interaction) -> bool {
    let own = !call.agent.is_empty() && call.agent == caller.identity.agent;
    caller.has(Permission::CallsOwn) && own
        || caller.has(Permission::RecordingsRead) && sight.interaction(call)
}

/// Of the whole company; a head of a department hears its calls.
fn hears_all(caller: &Caller) -> bool {
    caller.has(Permission::RecordingsRead) && !caller.heads_department()
}

/// The call is the caller's own, or one of their department.
async fn own(app: &App, caller: &Caller, call: &str) -> Result<()> {
    let head = caller.has(Permission::RecordingsRead);
    if !head {
        caller.may(Permission::CallsOwn)?;
    }
    let refused = || Problem::forbidden("you may hear your own calls only").coded("own_calls_only");
    if call.is_empty() {
        return Err(refused());
    }
    let request = GetInteractionRequest { tenant: caller.tenant().into(), id: call.into() };
    let found = app.crm().get_interaction(request).await?.into_inner();
    let agent = &caller.identity.agent;
    let own = !agent.is_empty() && found.agent == *agent;
    if own || head && Sight::of(app, caller).await?.agent(&found.agent) { Ok(()) } else { Err(refused()) }
}

/// The file's beginning and its length, which a RIFF file tells in bytes 4 to 8.
async fn head(chunks: &mut Streaming<wire::Chunk>) -> Result<(Bytes, u64)> {
    let mut head = BytesMut::new();
    while head.len() < 8 {
        match chunks.message().await? {
            Some(chunk) => head.extend_from_slice(&chunk.wav),
            None => return Err(Problem::internal("a recording without a header")),
        }
    }
    let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    Ok((head.freeze(), u64::from(size) + 8))
}
