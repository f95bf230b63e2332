//! API keys: the secret is shown once.

use super::Page;
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, Path, Problem, Query, Result},
};
use axum::{Json, extract::State, response::IntoResponse};
use http::StatusCode;
use proto::tenancy::v1 as wire;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

#[derive(Serialize, ToSchema)]
struct ApiKey {
    id: String,
    name: String,
    scopes: Vec<String>,
    created_at_ms: i64,
    /// Exact to a minute; absent where it was never used.
    last_used_at_ms: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct ApiKeys {
    items: Vec<ApiKey>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewApiKey {
    name: String,
    /// Permissions such as `config:read`; `*` is all that you have yourself.
    scopes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct CreatedApiKey {
    id: String,
    /// Never shown again.
    secret: String,
}

#[utoipa::path(get, path = "/v1/api-keys", operation_id = "listApiKeys", tag = "api-keys",
    params(Page), responses((status = 200, body = ApiKeys)))]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<ApiKeys>> {
    caller.may(Permission::ApiKeys)?;
    let request = wire::TenantRequest { tenant: caller.tenant().to_owned() };
    let keys = app.api_keys().list(request).await?.into_inner().keys;
    let (keys, next_cursor) = page.of(keys, |key| key.id.clone());
    let items = keys.into_iter().map(|key| ApiKey {
        id: key.id,
        name: key.name,
        scopes: key.scopes,
        created_at_ms: key.created_at_ms,
        last_used_at_ms: Some(key.last_used_at_ms).filter(|at| *at > 0),
    });
    Ok(Json(ApiKeys { items: items.collect(), next_cursor }))
}

#[utoipa::path(post, path = "/v1/api-keys", operation_id = "createApiKey", tag = "api-keys",
    request_body = NewApiKey, responses((status = 201, body = CreatedApiKey)))]
async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<NewApiKey>,
) -> Result<impl IntoResponse> {
    caller.may(Permission::ApiKeys)?;
    // A key would see more than its maker.
    caller.whole_company()?;
    let request = wire::CreateKeyRequest {
        tenant: caller.tenant().to_owned(),
        actor: caller.actor().to_owned(),
        name: form.name,
        scopes: scopes(&caller, form.scopes)?,
    };
    let created = app.api_keys().create(request).await?.into_inner();
    Ok((StatusCode::CREATED, Json(CreatedApiKey { id: created.id, secret: created.secret })))
}

/// Nobody gives away more than they have.
fn scopes(caller: &Caller, wanted: Vec<String>) -> Result<Vec<String>> {
    if wanted == ["*"] {
        return Ok(caller.permissions.iter().map(|p| p.name().to_owned()).collect());
    }
    for scope in &wanted {
        match Permission::parse(scope) {
            None => {
                return Err(Problem::invalid("scopes", "unknown", &format!("{scope:?} is not a permission")));
            }
            Some(permission) => caller.may(permission)?,
        }
    }
    Ok(wanted)
}

#[utoipa::path(delete, path = "/v1/api-keys/{id}", operation_id = "revokeApiKey", tag = "api-keys",
    params(("id" = String, Path)), responses((status = 204)))]
async fn revoke(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    caller.may(Permission::ApiKeys)?;
    caller.whole_company()?;
    let (tenant, actor) = (caller.tenant().to_owned(), caller.actor().to_owned());
    app.api_keys().revoke(wire::RevokeKeyRequest { tenant, actor, id }).await?;
    Ok(StatusCode::NO_CONTENT)
}
