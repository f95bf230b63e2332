//! Recordings: list, waveform, audio.

use super::{Page, some};
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
use proto::recording::v1 as wire;
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
    caller.may(Permission::RecordingsRead)?;
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
    caller.may(Permission::RecordingsRead)?;
    let request = wire::GetRequest { tenant: caller.tenant().into(), id };
    Ok(Json(app.recordings().get(request).await?.into_inner().into()))
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
    caller.may(Permission::RecordingsRead)?;
    let request = wire::GetRequest { tenant: caller.tenant().into(), id };
    let mut chunks = app.recordings().fetch(request).await?.into_inner();
    let (head, length) = head(&mut chunks).await?;
    let wanted = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
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
