//! Prompts from a WAV file or from text, and their audio.

use super::documents::{get, put, view};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, Path, Problem, Result},
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, Multipart, State, multipart::MultipartRejection},
    response::IntoResponse,
};
use bytes::Bytes;
use http::{StatusCode, header};
use object_store::{ObjectStoreExt, path::Path as ObjectPath};
use proto::ivr::v1::{
    RenderRequest,
    render_request::{Source, Speech},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use types::config::Kind;
use utoipa::ToSchema;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt},
    routes,
};

/// Ten minutes at 16 bit, 44.1 kHz, one channel.
const WAV_MAX: usize = 64 * 1024 * 1024;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(upload).layer(DefaultBodyLimit::max(WAV_MAX)))
        .routes(routes!(speech))
        .routes(routes!(audio))
}

/// A prompt spoken by the speech engine.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SpokenPrompt {
    name: String,
    text: String,
    /// `en`, `ru` or `ro`.
    language: String,
}

/// Only describes the form for the document.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is read field by field")]
struct UploadedPrompt {
    name: String,
    /// A WAV file.
    #[schema(format = Binary, content_media_type = "audio/wav")]
    file: String,
}

#[utoipa::path(post, path = "/v1/prompts/upload", operation_id = "uploadPrompt", tag = "prompts",
    request_body(content = UploadedPrompt, content_type = "multipart/form-data"),
    responses((status = 201, body = Value)))]
async fn upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    form: Result<Multipart, MultipartRejection>,
) -> Result<impl IntoResponse> {
    caller.may(Permission::ConfigWrite)?;
    let form = form.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    let (name, wav) = fields(form).await?;
    save(&app, &caller, name, Source::Wav(wav)).await
}

async fn fields(mut form: Multipart) -> Result<(String, Bytes)> {
    let broken =
        |error: axum::extract::multipart::MultipartError| Problem::new(error.status(), error.body_text());
    let (mut name, mut wav) = (String::new(), Bytes::new());
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some("name") => name = field.text().await.map_err(broken)?,
            Some("file") => wav = field.bytes().await.map_err(broken)?,
            _ => {}
        }
    }
    if wav.is_empty() {
        return Err(Problem::invalid("file", "empty", "is missing"));
    }
    Ok((name, wav))
}

#[utoipa::path(post, path = "/v1/prompts/speech", operation_id = "speakPrompt", tag = "prompts",
    request_body = SpokenPrompt, responses((status = 201, body = Value)))]
async fn speech(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<SpokenPrompt>,
) -> Result<impl IntoResponse> {
    caller.may(Permission::ConfigWrite)?;
    if form.text.trim().is_empty() || form.text.len() > 2_000 {
        return Err(Problem::invalid("text", "length", "is not 1 to 2000 bytes"));
    }
    let speech = Speech { text: form.text, language: form.language };
    save(&app, &caller, form.name, Source::Speech(speech)).await
}

async fn save(app: &App, caller: &Caller, name: String, source: Source) -> Result<impl IntoResponse + use<>> {
    if name.trim().is_empty() {
        return Err(Problem::invalid("name", "empty", "is empty"));
    }
    let request = RenderRequest { tenant: caller.tenant().into(), source: Some(source) };
    let made = app.ivr().render(request).await?.into_inner();
    let body: Map<String, Value> = [
        ("name".to_owned(), json!(name)),
        ("hash".to_owned(), json!(made.hash)),
        ("duration_ms".to_owned(), json!(made.duration_ms)),
    ]
    .into_iter()
    .collect();
    let stored = put(app, caller, Kind::Prompt, "", body, 0).await?;
    Ok((StatusCode::CREATED, Json(view(caller, stored)?)))
}

/// The audio as gateways play it.
#[utoipa::path(get, path = "/v1/prompts/{id}/audio", operation_id = "getPromptAudio", tag = "prompts",
    params(("id" = String, Path)),
    responses((status = 200, content_type = "audio/wav", body = Vec<u8>)))]
async fn audio(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<impl IntoResponse> {
    caller.may(Permission::ConfigRead)?;
    let stored = get(&app, &caller, Kind::Prompt, &id).await?;
    let body: Value = serde_json::from_str(&stored.body).map_err(Problem::internal)?;
    let hash = body["hash"].as_str().unwrap_or_default();
    let place = ObjectPath::from(format!("prompts/{hash}.wav"));
    let object = app.objects.get(&place).await.map_err(|error| match error {
        object_store::Error::NotFound { .. } => Problem::not_found("the prompt's audio is not in the store"),
        other => Problem::internal(other),
    })?;
    let wav = object.bytes().await.map_err(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, "audio/wav")], wav))
}
