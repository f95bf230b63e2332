//! POST with `Idempotency-Key`: sent again, it is done once and answered alike.

use crate::{
    App, BODY_MAX,
    auth::Caller,
    problem::{Problem, Result},
};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderName, HeaderValue, Method, StatusCode,
    header::{CONTENT_TYPE, ETAG, LOCATION},
    request::Parts,
};
use proto::tenancy::v1::{self as wire, begin_reply::What, idempotency_client::IdempotencyClient};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::Arc};

pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// What a second answer repeats.
const REPEATED: [HeaderName; 3] = [CONTENT_TYPE, LOCATION, ETAG];

/// Around every route; what has no key, or nobody who is known, passes.
pub async fn once(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let key = request.headers().get(&KEY).cloned();
    let Some(key) = key.filter(|_| request.method() == Method::POST) else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let Ok(caller) = Caller::from_request_parts(&mut parts, &app).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    match one(&app, caller, key, parts, body, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn one(
    app: &App,
    caller: Caller,
    key: HeaderValue,
    mut parts: Parts,
    body: Body,
    next: Next,
) -> Result<Response> {
    let key = key.to_str().map_err(|_| Problem::bad_request("Idempotency-Key is not ASCII text"))?.to_owned();
    let (body, fingerprint) = read(&parts, body).await?;
    let (tenant, actor) = (caller.tenant().to_owned(), caller.actor().to_owned());
    parts.extensions.insert(caller);
    let begin =
        wire::BeginRequest { tenant: tenant.clone(), actor: actor.clone(), key: key.clone(), fingerprint };
    let mut kept = IdempotencyClient::new(app.tenancy.clone());
    match kept.begin(begin).await?.into_inner().what {
        Some(What::Kept(answer)) => return replay(answer),
        Some(What::Running(_)) => {
            let told = "the first request with this Idempotency-Key still runs";
            return Err(Problem::new(StatusCode::CONFLICT, told).coded("still_running"));
        }
        Some(What::Other(_)) => {
            let told = "this Idempotency-Key was used for another request";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, told).coded("key_reused"));
        }
        Some(What::Fresh(_)) | None => {}
    }
    let response = next.run(Request::from_parts(parts, body)).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_MAX).await.map_err(Problem::internal)?;
    let answer = (!parts.status.is_server_error()).then(|| keep(&parts, &body));
    kept.finish(wire::FinishRequest { tenant, actor, key, kept: answer }).await?;
    Ok(Response::from_parts(parts, body.into()))
}

/// The body again, and what tells this request from others. An uploaded file is told by its length.
async fn read(parts: &Parts, body: Body) -> Result<(Body, Bytes)> {
    let mut hash = Sha256::new();
    hash.update(format!("{} {}\n", parts.method, parts.uri));
    let header = |name: HeaderName| parts.headers.get(name).map(|v| v.as_bytes()).unwrap_or_default();
    let body = if header(CONTENT_TYPE).starts_with(b"multipart/") {
        hash.update(header(http::header::CONTENT_LENGTH));
        body
    } else {
        let too_large = |_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 1 MiB");
        let bytes = to_bytes(body, BODY_MAX).await.map_err(too_large)?;
        hash.update(&bytes);
        bytes.into()
    };
    Ok((body, Bytes::copy_from_slice(&hash.finalize())))
}

fn keep(parts: &http::response::Parts, body: &Bytes) -> wire::Kept {
    let text =
        |name: &HeaderName| Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.to_owned()));
    let headers: HashMap<String, String> = REPEATED.iter().filter_map(text).collect();
    wire::Kept { status: u32::from(parts.status.as_u16()), headers, body: body.clone() }
}

fn replay(answer: wire::Kept) -> Result<Response> {
    let mut response = Response::builder().status(answer.status as u16).header(REPLAYED, "true");
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(answer.body.into()).map_err(Problem::internal)
}
