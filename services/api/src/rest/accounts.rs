//! Sign-up, sign-in, and proof of one's address.

use crate::{
    App,
    auth::{COOKIE, Caller},
    limits::from_here,
    problem::{Body, Problem, Result},
};
use axum::{
    Json,
    extract::{ConnectInfo, State},
    response::{AppendHeaders, IntoResponse},
};
use http::{
    HeaderMap, StatusCode,
    header::{SET_COOKIE, USER_AGENT},
};
use proto::tenancy::v1 as wire;
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, sync::Arc};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(sign_up))
        .routes(routes!(log_in))
        .routes(routes!(log_out))
        .routes(routes!(me))
        .routes(routes!(forgot_password))
        .routes(routes!(reset_password))
        .routes(routes!(verify_email))
        .routes(routes!(token))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignUp {
    company: String,
    name: String,
    email: String,
    /// 10 characters or more.
    password: String,
    /// IANA name such as `Europe/Bucharest`.
    time_zone: String,
    /// `en`, `ru` or `ro`.
    language: String,
    /// Digits such as `40`.
    #[serde(default)]
    country_code: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogIn {
    email: String,
    password: String,
    /// Of the authenticator, or a recovery code; where one is set up (`code_needed`).
    #[serde(default)]
    code: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Forgot {
    email: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reset {
    token: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Link {
    token: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    tenant: String,
    company: String,
    user: String,
    agent: Option<String>,
    name: String,
    email: Option<String>,
    email_verified: bool,
    /// owner, admin, supervisor, agent, auditor or developer; none for an API key.
    role: Option<String>,
    language: Option<String>,
    time_zone: Option<String>,
    permissions: Vec<&'static str>,
    /// company or department.
    scope: Option<String>,
    /// Signs in with a second factor.
    totp: bool,
    /// To be sent as `x-csrf-token` with every change.
    csrf: Option<String>,
}

impl Me {
    fn of(caller: Caller) -> Me {
        let who = caller.identity;
        Me {
            tenant: who.tenant,
            company: who.tenant_name,
            user: who.user,
            agent: super::some(who.agent),
            name: who.name,
            email: super::some(who.email),
            email_verified: who.email_verified,
            role: super::some(who.role),
            language: super::some(who.language),
            time_zone: super::some(who.time_zone),
            permissions: caller.permissions.into_iter().map(|p| p.name()).collect(),
            csrf: super::some(who.csrf),
            scope: super::some(who.scope),
            totp: who.totp,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Jwt {
    token: String,
    expires_at_ms: i64,
}

/// Answers with who signed in and sets the cookie.
pub(super) fn signed_in(
    app: &App,
    status: StatusCode,
    session: wire::Session,
) -> Result<impl IntoResponse + use<>> {
    let identity = session.identity.ok_or_else(|| Problem::internal("a session without an identity"))?;
    let seconds = (session.expires_at_ms - chassis::clock::now().millis()).max(0) / 1000;
    let cookie = cookie(app, &session.token, seconds);
    let me = Me::of(Caller::of_session(identity, session.token));
    Ok((status, AppendHeaders([(SET_COOKIE, cookie)]), Json(me)))
}

/// What a session is told apart by.
pub(super) fn device(headers: &HeaderMap, from: SocketAddr) -> wire::Device {
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    wire::Device { user_agent: user_agent.to_owned(), address: from.ip().to_canonical().to_string() }
}

fn cookie(app: &App, token: &str, seconds: i64) -> String {
    let secure = if app.https { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
}

/// Creates a company with its owner, and all that a first call needs.
#[utoipa::path(post, path = "/v1/signup", operation_id = "signUp", tag = "accounts", security(()),
    request_body = SignUp, responses((status = 201, body = Me)))]
async fn sign_up(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Body(form): Body<SignUp>,
) -> Result<impl IntoResponse> {
    from_here(&app.sign_ups, from)?;
    let request = wire::SignUpRequest {
        company: form.company,
        name: form.name,
        email: form.email,
        password: form.password,
        time_zone: form.time_zone,
        language: form.language,
        country_code: form.country_code,
        device: Some(device(&headers, from)),
    };
    let session = app.accounts().sign_up(request).await?.into_inner();
    signed_in(&app, StatusCode::CREATED, session)
}

#[utoipa::path(post, path = "/v1/login", operation_id = "logIn", tag = "accounts", security(()),
    request_body = LogIn, responses((status = 200, body = Me)))]
async fn log_in(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Body(form): Body<LogIn>,
) -> Result<impl IntoResponse> {
    from_here(&app.sign_ins, from)?;
    let device = Some(device(&headers, from));
    let request = wire::LogInRequest { email: form.email, password: form.password, code: form.code, device };
    let session = app.accounts().log_in(request).await.map_err(Problem::not_signed_in)?;
    signed_in(&app, StatusCode::OK, session.into_inner())
}

#[utoipa::path(post, path = "/v1/logout", operation_id = "logOut", tag = "accounts",
    responses((status = 204)))]
async fn log_out(State(app): State<Arc<App>>, caller: Caller) -> Result<impl IntoResponse> {
    if let Some(token) = caller.session {
        app.accounts().log_out(wire::Token { token }).await?;
    }
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(SET_COOKIE, cookie(&app, "", 0))])))
}

#[utoipa::path(get, path = "/v1/me", operation_id = "getMe", tag = "accounts",
    responses((status = 200, body = Me)))]
async fn me(caller: Caller) -> Json<Me> {
    Json(Me::of(caller))
}

/// Mails a link. Answers the same for an address that nobody has.
#[utoipa::path(post, path = "/v1/password/forgot", operation_id = "forgotPassword", tag = "accounts",
    security(()), request_body = Forgot, responses((status = 202)))]
async fn forgot_password(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Body(form): Body<Forgot>,
) -> Result<StatusCode> {
    from_here(&app.sign_ins, from)?;
    app.accounts().request_reset(wire::RequestResetRequest { email: form.email }).await?;
    Ok(StatusCode::ACCEPTED)
}

#[utoipa::path(post, path = "/v1/password/reset", operation_id = "resetPassword", tag = "accounts",
    security(()), request_body = Reset, responses((status = 204)))]
async fn reset_password(State(app): State<Arc<App>>, Body(form): Body<Reset>) -> Result<StatusCode> {
    app.accounts().reset(wire::ResetRequest { token: form.token, password: form.password }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/v1/email/verify", operation_id = "verifyEmail", tag = "accounts",
    security(()), request_body = Link, responses((status = 204)))]
async fn verify_email(State(app): State<Arc<App>>, Body(link): Body<Link>) -> Result<StatusCode> {
    app.accounts().verify_email(wire::Token { token: link.token }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A JWT of five minutes for the session that asks.
#[utoipa::path(post, path = "/v1/token", operation_id = "issueToken", tag = "accounts",
    responses((status = 200, body = Jwt)))]
async fn token(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Jwt>> {
    let token = caller.session.ok_or_else(|| Problem::forbidden("a JWT is issued to a session only"))?;
    let jwt = app.accounts().issue_token(wire::Token { token }).await?.into_inner();
    Ok(Json(Jwt { token: jwt.jwt, expires_at_ms: jwt.expires_at_ms }))
}
