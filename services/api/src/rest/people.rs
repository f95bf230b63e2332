//! Changing and removing people, their sessions and second factors.

use super::{documents, sight::Sight, users::User};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, Path, Problem, Result},
};
use axum::{Json, extract::State};
use http::StatusCode;
use proto::tenancy::v1 as wire;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use types::config::Kind;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(update_user, remove_user))
        .routes(routes!(list_user_sessions))
        .routes(routes!(end_user_session))
        .routes(routes!(move_agent))
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
        .routes(routes!(offer_totp))
        .routes(routes!(confirm_totp, drop_totp))
}

/// What is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChange {
    name: Option<String>,
    /// owner, admin, supervisor, agent, auditor, developer or the id of a role of your own.
    role: Option<String>,
    /// company, or department: sees and moves only the people of the own department and those below it.
    scope: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Place {
    /// Absent: in none.
    department: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Session {
    id: String,
    /// The browser's name for itself.
    user_agent: String,
    address: String,
    created_at_ms: i64,
    /// Exact to a minute.
    seen_at_ms: i64,
    /// The one that asks.
    current: bool,
}

#[derive(Serialize, ToSchema)]
struct Sessions {
    items: Vec<Session>,
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct TotpOffer {
    /// Base 32, to be typed where no code can be scanned.
    secret: String,
    /// otpauth://, to be scanned.
    uri: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TotpCode {
    code: String,
}

#[derive(Serialize, ToSchema)]
struct RecoveryCodes {
    /// Each signs in once in place of a code; never shown again.
    codes: Vec<String>,
}

impl Caller {
    fn of_user(&self, id: &str) -> wire::UserRequest {
        wire::UserRequest { tenant: self.tenant().into(), actor: self.actor().into(), id: id.into() }
    }
}

#[utoipa::path(patch, path = "/v1/users/{id}", operation_id = "updateUser", tag = "users",
    params(("id" = String, Path)), request_body = UserChange, responses((status = 200, body = User)))]
async fn update_user(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(change): Body<UserChange>,
) -> Result<Json<User>> {
    caller.may(Permission::UsersWrite)?;
    if change.scope.is_some() {
        caller.whole_company()?;
    }
    let before = super::users::one(&app, &caller, &id).await?;
    super::roles::may_give(&app, &caller, &before.role).await?;
    if let Some(role) = &change.role {
        super::roles::may_give(&app, &caller, role).await?;
    }
    let request = wire::UpdateUserRequest {
        tenant: caller.tenant().into(),
        actor: caller.actor().into(),
        id,
        name: change.name,
        role: change.role,
        scope: change.scope,
    };
    Ok(Json(app.accounts().update_user(request).await?.into_inner().into()))
}

/// Their sessions end at once; their calls stay in the history.
#[utoipa::path(delete, path = "/v1/users/{id}", operation_id = "removeUser", tag = "users",
    params(("id" = String, Path)), responses((status = 204)))]
async fn remove_user(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    caller.may(Permission::UsersWrite)?;
    let user = super::users::one(&app, &caller, &id).await?;
    super::roles::may_give(&app, &caller, &user.role).await?;
    app.accounts().remove_user(caller.of_user(&id)).await?;
    app.desks.dismiss(&user.agent);
    Ok(StatusCode::NO_CONTENT)
}

async fn sessions_of(app: &App, caller: &Caller, user: &str) -> Result<Json<Sessions>> {
    let all = app.accounts().list_sessions(caller.of_user(user)).await?.into_inner().sessions;
    let items = all.into_iter().map(|one| Session {
        current: one.id == caller.identity.session,
        id: one.id,
        user_agent: one.user_agent,
        address: one.address,
        created_at_ms: one.created_at_ms,
        seen_at_ms: one.seen_at_ms,
    });
    Ok(Json(Sessions { items: items.collect(), next_cursor: None }))
}

async fn end(app: &App, caller: &Caller, user: &str, id: String) -> Result<StatusCode> {
    let (tenant, actor) = (caller.tenant().to_owned(), caller.actor().to_owned());
    let request = wire::EndSessionRequest { tenant, actor, user: user.to_owned(), id };
    app.accounts().end_session(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(get, path = "/v1/users/{id}/sessions", operation_id = "listUserSessions", tag = "users",
    params(("id" = String, Path)), responses((status = 200, body = Sessions)))]
async fn list_user_sessions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Sessions>> {
    caller.may(Permission::UsersWrite)?;
    super::users::one(&app, &caller, &id).await?;
    sessions_of(&app, &caller, &id).await
}

#[utoipa::path(delete, path = "/v1/users/{id}/sessions/{session}", operation_id = "endUserSession", tag = "users",
    params(("id" = String, Path), ("session" = String, Path)), responses((status = 204)))]
async fn end_user_session(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, session)): Path<(String, String)>,
) -> Result<StatusCode> {
    caller.may(Permission::UsersWrite)?;
    let user = super::users::one(&app, &caller, &id).await?;
    super::roles::may_give(&app, &caller, &user.role).await?;
    end(&app, &caller, &id, session).await
}

/// Moves somebody to another department: a head moves own people, within what is theirs.
#[utoipa::path(put, path = "/v1/agents/{id}/department", operation_id = "moveAgent", tag = "agents",
    params(("id" = String, Path)), request_body = Place, responses((status = 204)))]
async fn move_agent(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(place): Body<Place>,
) -> Result<StatusCode> {
    if !caller.has(Permission::UsersWrite) {
        caller.may(Permission::Supervise)?;
    }
    let stored = documents::get(&app, &caller, Kind::Agent, &id).await?;
    let sight = Sight::of(&app, &caller).await?;
    sight.must_see(&id)?;
    match &place.department {
        Some(department) => sight.must_see_department(department)?,
        None if sight != Sight::Company => return Err(Problem::outside_department()),
        None => {}
    }
    let mut body: Map<String, Value> = serde_json::from_str(&stored.body).map_err(Problem::internal)?;
    body.insert("department".into(), place.department.into());
    documents::put(&app, &caller, Kind::Agent, &id, body, stored.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One's own, the newest first.
#[utoipa::path(get, path = "/v1/me/sessions", operation_id = "listSessions", tag = "accounts",
    params(super::Page), responses((status = 200, body = Sessions)))]
async fn list_sessions(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Sessions>> {
    sessions_of(&app, &caller, person(&caller)?).await
}

#[utoipa::path(delete, path = "/v1/me/sessions/{id}", operation_id = "endSession", tag = "accounts",
    params(("id" = String, Path)), responses((status = 204)))]
async fn end_session(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    end(&app, &caller, person(&caller)?, id).await
}

/// An API key has no sessions and no authenticator.
fn person(caller: &Caller) -> Result<&str> {
    match caller.identity.agent.is_empty() {
        true => Err(Problem::forbidden("this belongs to a person").coded("people_only")),
        false => Ok(caller.actor()),
    }
}

/// A new secret for an authenticator; it counts once a code has proved it.
#[utoipa::path(post, path = "/v1/me/totp/offer", operation_id = "offerTotp", tag = "accounts",
    responses((status = 200, body = TotpOffer)))]
async fn offer_totp(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<TotpOffer>> {
    let request = caller.of_user(person(&caller)?);
    let offer = app.accounts().offer_totp(request).await?.into_inner();
    Ok(Json(TotpOffer { secret: offer.secret, uri: offer.uri }))
}

/// From now on a code is asked for at sign-in.
#[utoipa::path(put, path = "/v1/me/totp", operation_id = "confirmTotp", tag = "accounts",
    request_body = TotpCode, responses((status = 200, body = RecoveryCodes)))]
async fn confirm_totp(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<TotpCode>,
) -> Result<Json<RecoveryCodes>> {
    let (tenant, user) = (caller.tenant().to_owned(), person(&caller)?.to_owned());
    let request = wire::TotpRequest { tenant, user, code: form.code };
    let codes = app.accounts().confirm_totp(request).await.map_err(wrong_code)?.into_inner().codes;
    Ok(Json(RecoveryCodes { codes }))
}

#[utoipa::path(delete, path = "/v1/me/totp", operation_id = "dropTotp", tag = "accounts",
    request_body = TotpCode, responses((status = 204)))]
async fn drop_totp(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<TotpCode>,
) -> Result<StatusCode> {
    let (tenant, user) = (caller.tenant().to_owned(), person(&caller)?.to_owned());
    let request = wire::TotpRequest { tenant, user, code: form.code };
    app.accounts().drop_totp(request).await.map_err(wrong_code)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A mistake in the form, not a lack of rights.
fn wrong_code(status: tonic::Status) -> Problem {
    match status.code() {
        tonic::Code::PermissionDenied => Problem::invalid("code", "wrong_code", status.message()),
        _ => status.into(),
    }
}
