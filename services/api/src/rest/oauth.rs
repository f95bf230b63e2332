//! OAuth 2.0 client credentials (RFC 6749 section 4.4): an API key's id and
//! secret for a short-lived token. Errors are those of section 5.2, because
//! OAuth libraries read no other.

use crate::App;
use axum::{
    Json,
    extract::{Form, State, rejection::FormRejection},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, StatusCode, header};
use proto::tenancy::v1::GrantRequest;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tonic::Code;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

const GRANT: &str = "client_credentials";

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(grant_token))
}

#[derive(Deserialize, ToSchema)]
struct TokenRequest {
    /// client_credentials
    #[serde(default)]
    grant_type: String,
    /// Scopes with spaces between; absent: all that the key has.
    #[serde(default)]
    scope: String,
    /// The API key's id, where it is not in the Authorization header (Basic).
    #[serde(default)]
    client_id: String,
    /// Its secret.
    #[serde(default)]
    client_secret: String,
}

#[derive(Serialize, ToSchema)]
struct AccessToken {
    access_token: String,
    /// Bearer
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    scope: String,
}

/// RFC 6749 section 5.2.
#[derive(Debug, Serialize, ToSchema)]
struct OAuthError {
    /// invalid_request, invalid_client, unsupported_grant_type, invalid_scope or temporarily_unavailable.
    error: &'static str,
    error_description: String,
}

type Refused = (StatusCode, OAuthError);

/// A token of five minutes for an API key's id and secret. It ends at once when
/// the key is revoked.
#[utoipa::path(post, path = "/v1/oauth/token", operation_id = "grantToken", tag = "api-keys", security(()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = AccessToken), (status = 400, body = OAuthError), (status = 401, body = OAuthError)))]
async fn grant_token(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    form: Result<Form<TokenRequest>, FormRejection>,
) -> Response {
    match granted(&app, &headers, form).await {
        Ok(token) => ([(header::PRAGMA, "no-cache")], Json(token)).into_response(),
        Err((status, error)) => {
            let mut response = (status, Json(error)).into_response();
            if status == StatusCode::UNAUTHORIZED {
                let basic = http::HeaderValue::from_static("Basic realm=\"trunkline\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
            }
            response
        }
    }
}

fn refused(error: &'static str, description: impl Into<String>) -> Refused {
    let status = match error {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    (status, OAuthError { error, error_description: description.into() })
}

async fn granted(
    app: &App,
    headers: &HeaderMap,
    form: Result<Form<TokenRequest>, FormRejection>,
) -> Result<AccessToken, Refused> {
    let Form(form) = form.map_err(|rejection| refused("invalid_request", rejection.body_text()))?;
    match form.grant_type.as_str() {
        GRANT => {}
        "" => return Err(refused("invalid_request", "grant_type is missing")),
        _ => return Err(refused("unsupported_grant_type", "grant_type is not client_credentials")),
    }
    let (id, secret) = client(headers, &form)?;
    let scopes = form.scope.split_ascii_whitespace().map(str::to_owned).collect();
    let request = GrantRequest { id, secret, scopes };
    let granted = app.api_keys().grant(request).await.map_err(|status| match status.code() {
        Code::PermissionDenied => refused("invalid_client", "the client id and the secret do not fit"),
        Code::InvalidArgument => refused("invalid_scope", status.message()),
        _ => refused("temporarily_unavailable", "a service is not available, try again"),
    })?;
    let granted = granted.into_inner();
    Ok(AccessToken {
        access_token: granted.jwt,
        token_type: "Bearer",
        expires_in: (granted.expires_at_ms - chassis::clock::now().millis()) / 1_000,
        scope: granted.scopes.join(" "),
    })
}

/// By HTTP Basic, or in the body; not both (section 2.3.1).
fn client(headers: &HeaderMap, form: &TokenRequest) -> Result<(String, String), Refused> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        if form.client_id.is_empty() || form.client_secret.is_empty() {
            return Err(refused("invalid_client", "the client names neither itself nor its secret"));
        }
        return Ok((form.client_id.clone(), form.client_secret.clone()));
    };
    if !form.client_secret.is_empty() {
        return Err(refused("invalid_request", "the client shows its secret in two places"));
    }
    basic(value.to_str().unwrap_or_default())
        .ok_or_else(|| refused("invalid_client", "the Authorization header is not Basic"))
}

/// The two parts are form-encoded before they are joined; ids and secrets of
/// ours have nothing to encode.
fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, text) = value.split_once(' ')?;
    let text = BASE64_STANDARD.decode(text.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(text).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
