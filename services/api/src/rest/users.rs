//! Colleagues and their invitations.

use super::{Page, accounts::signed_in};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, Path, Query, Result},
};
use axum::{Json, extract::State, response::IntoResponse};
use http::StatusCode;
use proto::tenancy::v1 as wire;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_users))
        .routes(routes!(list_invites, invite))
        .routes(routes!(look_at_invite))
        .routes(routes!(accept_invite))
}

#[derive(Serialize, ToSchema)]
struct User {
    id: String,
    agent: String,
    name: String,
    email: String,
    role: String,
    email_verified: bool,
}

#[derive(Serialize, ToSchema)]
struct PendingInvite {
    id: String,
    email: String,
    name: String,
    role: String,
    expires_at_ms: i64,
}

#[derive(Serialize, ToSchema)]
struct Users {
    items: Vec<User>,
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct PendingInvites {
    items: Vec<PendingInvite>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Invitation {
    email: String,
    name: String,
    /// admin, supervisor, agent, auditor or developer.
    role: String,
}

#[derive(Serialize, ToSchema)]
struct Invited {
    id: String,
    /// The last part of the link, which is also mailed.
    token: String,
}

#[derive(Serialize, ToSchema)]
struct InviteView {
    company: String,
    email: String,
    name: String,
    role: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    name: String,
    password: String,
}

async fn people(app: &App, caller: &Caller) -> Result<wire::Users> {
    caller.may(Permission::UsersRead)?;
    let request = wire::TenantRequest { tenant: caller.tenant().to_owned() };
    Ok(app.accounts().list_users(request).await?.into_inner())
}

#[utoipa::path(get, path = "/v1/users", operation_id = "listUsers", tag = "users", params(Page),
    responses((status = 200, body = Users)))]
async fn list_users(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<Users>> {
    let (users, next_cursor) = page.of(people(&app, &caller).await?.users, |user| user.id.clone());
    let user = |u: wire::User| User {
        id: u.id,
        agent: u.agent,
        name: u.name,
        email: u.email,
        role: u.role,
        email_verified: u.email_verified,
    };
    Ok(Json(Users { items: users.into_iter().map(user).collect(), next_cursor }))
}

/// Invitations that nobody has accepted yet.
#[utoipa::path(get, path = "/v1/users/invites", operation_id = "listInvites", tag = "users", params(Page),
    responses((status = 200, body = PendingInvites)))]
async fn list_invites(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<PendingInvites>> {
    let (invites, next_cursor) = page.of(people(&app, &caller).await?.invites, |invite| invite.id.clone());
    let invite = |i: wire::PendingInvite| PendingInvite {
        id: i.id,
        email: i.email,
        name: i.name,
        role: i.role,
        expires_at_ms: i.expires_at_ms,
    };
    Ok(Json(PendingInvites { items: invites.into_iter().map(invite).collect(), next_cursor }))
}

/// Invites a colleague by mail and by link.
#[utoipa::path(post, path = "/v1/users/invites", operation_id = "inviteUser", tag = "users",
    responses((status = 201, body = Invited)))]
async fn invite(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<Invitation>,
) -> Result<impl IntoResponse> {
    caller.may(Permission::UsersWrite)?;
    let request = wire::InviteRequest {
        tenant: caller.tenant().to_owned(),
        actor: caller.actor().to_owned(),
        email: form.email,
        name: form.name,
        role: form.role,
    };
    let reply = app.accounts().invite(request).await?.into_inner();
    Ok((StatusCode::CREATED, Json(Invited { id: reply.id, token: reply.token })))
}

/// What an invitation is for; the token is the proof.
#[utoipa::path(get, path = "/v1/invites/{token}", operation_id = "getInvite", tag = "users", security(()),
    params(("token" = String, Path)), responses((status = 200, body = InviteView)))]
async fn look_at_invite(State(app): State<Arc<App>>, Path(token): Path<String>) -> Result<Json<InviteView>> {
    let view = app.accounts().get_invite(wire::Token { token }).await?.into_inner();
    Ok(Json(InviteView { company: view.company, email: view.email, name: view.name, role: view.role }))
}

#[utoipa::path(post, path = "/v1/invites/{token}/accept", operation_id = "acceptInvite", tag = "users",
    security(()), params(("token" = String, Path)), responses((status = 201, body = super::accounts::Me)))]
async fn accept_invite(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    Body(form): Body<Acceptance>,
) -> Result<impl IntoResponse> {
    let request = wire::AcceptInviteRequest { token, name: form.name, password: form.password };
    let session = app.accounts().accept_invite(request).await?.into_inner();
    signed_in(&app, StatusCode::CREATED, session)
}
