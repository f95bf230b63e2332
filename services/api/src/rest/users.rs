//! Colleagues and their invitations.

use super::{
    Page,
    accounts::{device, signed_in},
    sight::Sight,
};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, FieldError, Path, Problem, Query, Result, holds_nul},
};
use axum::{
    Json,
    extract::{ConnectInfo, State},
    response::IntoResponse,
};
use bytes::Bytes;
use chassis::Details;
use http::{HeaderMap, StatusCode, header};
use proto::tenancy::v1 as wire;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_users))
        .routes(routes!(list_invites, invite))
        .routes(routes!(look_at_invite))
        .routes(routes!(revoke_invite))
        .routes(routes!(invite_many))
        .routes(routes!(accept_invite))
}

#[derive(Serialize, ToSchema)]
pub(super) struct User {
    pub id: String,
    pub agent: String,
    name: String,
    email: String,
    /// Built in, or the id of a role of your own.
    pub role: String,
    email_verified: bool,
    /// company or department.
    scope: String,
    /// Signs in with a second factor.
    totp: bool,
    /// Exact to a minute; absent where no session is open.
    seen_at_ms: Option<i64>,
}

impl From<wire::User> for User {
    fn from(user: wire::User) -> User {
        User {
            id: user.id,
            agent: user.agent,
            name: user.name,
            email: user.email,
            role: user.role,
            email_verified: user.email_verified,
            scope: user.scope,
            totp: user.totp,
            seen_at_ms: Some(user.seen_at_ms).filter(|at| *at > 0),
        }
    }
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
    /// admin, supervisor, agent, auditor, developer or the id of a role of your own.
    role: String,
}

/// As JSON, or as CSV (`text/csv`) with the columns email, name, role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Invitations {
    items: Vec<Invitation>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct DryRun {
    /// Only says what would come of it.
    #[serde(default)]
    dry_run: bool,
}

/// What came of one row.
#[derive(Serialize, ToSchema)]
struct InviteResult {
    /// From 1, in the order sent.
    row: usize,
    email: String,
    /// Absent where it was refused, and in a dry run.
    id: Option<String>,
    token: Option<String>,
    /// Empty: nothing is wrong with it.
    errors: Vec<FieldError>,
}

#[derive(Serialize, ToSchema)]
struct InviteResults {
    items: Vec<InviteResult>,
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

/// A colleague, seen from within their company.
pub(super) async fn one(app: &App, caller: &Caller, id: &str) -> Result<User> {
    let request = wire::TenantRequest { tenant: caller.tenant().to_owned() };
    let users = app.accounts().list_users(request).await?.into_inner().users;
    let found = users.into_iter().find(|user| user.id == id).map(User::from);
    let found = found.ok_or_else(|| Problem::not_found(format!("no user {id}")))?;
    Sight::of(app, caller).await?.must_see(&found.agent)?;
    Ok(found)
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
    let sight = Sight::of(&app, &caller).await?;
    let mut users = people(&app, &caller).await?.users;
    users.retain(|user| sight.agent(&user.agent));
    let (users, next_cursor) = page.of(users, |user| user.id.clone());
    Ok(Json(Users { items: users.into_iter().map(User::from).collect(), next_cursor }))
}

/// Invitations that nobody has accepted yet.
#[utoipa::path(get, path = "/v1/users/invites", operation_id = "listInvites", tag = "users", params(Page),
    responses((status = 200, body = PendingInvites)))]
async fn list_invites(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<PendingInvites>> {
    let mut invites = people(&app, &caller).await?.invites;
    // Nobody has a department before they accept.
    invites.retain(|_| !caller.heads_department());
    let (invites, next_cursor) = page.of(invites, |invite| invite.id.clone());
    let invite = |i: wire::PendingInvite| PendingInvite {
        id: i.id,
        email: i.email,
        name: i.name,
        role: i.role,
        expires_at_ms: i.expires_at_ms,
    };
    Ok(Json(PendingInvites { items: invites.into_iter().map(invite).collect(), next_cursor }))
}

/// Whoever is invited sees the whole company at first.
fn may_invite(caller: &Caller) -> Result<()> {
    caller.may(Permission::UsersWrite)?;
    caller.whole_company()
}

/// Invites a colleague by mail and by link.
#[utoipa::path(post, path = "/v1/users/invites", operation_id = "inviteUser", tag = "users",
    request_body = Invitation, responses((status = 201, body = Invited)))]
async fn invite(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<Invitation>,
) -> Result<impl IntoResponse> {
    may_invite(&caller)?;
    super::roles::may_give(&app, &caller, &form.role).await?;
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

/// Up to 1,000 colleagues at a time; each row is taken or refused by itself.
#[utoipa::path(post, path = "/v1/users/invites/bulk", operation_id = "inviteUsers", tag = "users",
    params(DryRun), request_body(content(
        (Invitations = "application/json"), (String = "text/csv"))),
    responses((status = 200, body = InviteResults)))]
async fn invite_many(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(DryRun { dry_run }): Query<DryRun>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<InviteResults>> {
    may_invite(&caller)?;
    let rows = read_rows(&headers, &body)?;
    for role in rows.iter().map(|row| row.role.as_str()).collect::<BTreeSet<_>>() {
        // A role that is not there is told at its rows.
        match super::roles::may_give(&app, &caller, role).await {
            Err(problem) if problem.status != 422 => return Err(problem),
            _ => {}
        }
    }
    let emails: Vec<String> = rows.iter().map(|row| row.email.clone()).collect();
    let rows = rows.into_iter().map(|r| wire::invite_many_request::Row {
        email: r.email,
        name: r.name,
        role: r.role,
    });
    let (tenant, actor) = (caller.tenant().to_owned(), caller.actor().to_owned());
    let request = wire::InviteManyRequest { tenant, actor, rows: rows.collect(), dry_run };
    let results = app.accounts().invite_many(request).await?.into_inner().results;
    let items = results.into_iter().zip(emails).enumerate().map(|(i, (result, email))| InviteResult {
        row: i + 1,
        email,
        id: super::some(result.id),
        token: super::some(result.token),
        errors: refusal(&result.refusal),
    });
    Ok(Json(InviteResults { items: items.collect() }))
}

fn refusal(details: &[u8]) -> Vec<FieldError> {
    if details.is_empty() {
        return Vec::new();
    }
    let details: Details = serde_json::from_slice(details).unwrap_or_default();
    match details.faults.is_empty() {
        false => details.faults.into_iter().map(FieldError::from).collect(),
        true => vec![FieldError::of("email", details)],
    }
}

fn read_rows(headers: &HeaderMap, body: &Bytes) -> Result<Vec<Invitation>> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if holds_nul(body) || body.contains(&0) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "a text holds the character U+0000"));
    }
    if media_type.starts_with("text/csv") {
        return read_csv(body);
    }
    let read: Invitations = serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    Ok(read.items)
}

/// With commas or semicolons, as spreadsheets of different countries write it.
fn read_csv(body: &[u8]) -> Result<Vec<Invitation>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let head = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let delimiter = if head.contains(&b';') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(body);
    let rows: std::result::Result<Vec<Invitation>, csv::Error> = reader.deserialize().collect();
    rows.map_err(|error| Problem::invalid("", "bad_csv", &error.to_string()))
}

/// The link works no more.
#[utoipa::path(delete, path = "/v1/users/invites/{id}", operation_id = "revokeInvite", tag = "users",
    params(("id" = String, Path)), responses((status = 204)))]
async fn revoke_invite(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    may_invite(&caller)?;
    let (tenant, actor) = (caller.tenant().to_owned(), caller.actor().to_owned());
    app.accounts().revoke_invite(wire::RevokeInviteRequest { tenant, actor, id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an invitation is for; the token is the proof.
#[utoipa::path(get, path = "/v1/invites/{token}", operation_id = "getInvite", tag = "users", security(()),
    params(("token" = String, Path)), responses((status = 200, body = InviteView)))]
async fn look_at_invite(State(app): State<Arc<App>>, Path(token): Path<String>) -> Result<Json<InviteView>> {
    let view = app.accounts().get_invite(wire::Token { token }).await?.into_inner();
    Ok(Json(InviteView { company: view.company, email: view.email, name: view.name, role: view.role }))
}

#[utoipa::path(post, path = "/v1/invites/{token}/accept", operation_id = "acceptInvite", tag = "users",
    security(()), params(("token" = String, Path)), request_body = Acceptance, responses((status = 201, body = super::accounts::Me)))]
async fn accept_invite(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path(token): Path<String>,
    Body(form): Body<Acceptance>,
) -> Result<impl IntoResponse> {
    let device = Some(device(&headers, from));
    let request = wire::AcceptInviteRequest { token, name: form.name, password: form.password, device };
    let session = app.accounts().accept_invite(request).await?.into_inner();
    signed_in(&app, StatusCode::CREATED, session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_of_any_country_is_read() {
        for text in [
            "email,name,role\nana@a.example,\"Pop, Ana\",agent\n",
            "\u{feff}email; name; role\r\nana@a.example ;\"Pop, Ana\";agent\r\n",
        ] {
            let rows = read_csv(text.as_bytes()).unwrap();
            assert_eq!((rows.len(), rows[0].name.as_str(), rows[0].role.as_str()), (1, "Pop, Ana", "agent"));
        }
        assert_eq!(read_csv(b"email,name\na,b\n").err().map(|problem| problem.status), Some(422));
    }
}
