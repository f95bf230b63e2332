//! Users: who there is, what they may, and their sessions.

use super::{Accounts, Form, ROLES, store};
use crate::{
    Error, Result,
    audit::{self, Deed},
    documents::{self, Change, store::Stored},
    error::told,
};
use proto::tenancy::v1 as wire;
use serde_json::json;
use sqlx::{FromRow, PgConnection};
use std::collections::HashMap;
use tenantdb::TenantTx;
use types::{TenantId, config::Kind};

const SCOPES: [&str; 2] = ["company", "department"];

#[derive(FromRow)]
struct SessionRow {
    id: String,
    device: String,
    address: String,
    created_at_ms: i64,
    seen_at_ms: i64,
}

impl Accounts {
    pub(super) async fn users(&self, tenant: &str) -> Result<wire::Users> {
        let now = chassis::clock::now();
        let mut tx = self.db.platform().await?;
        let users = store::of_tenant(&mut tx, tenant).await?;
        let seen = last_seen(&mut tx, tenant).await?;
        let invites = super::invites::open_invites(&mut tx, tenant, now).await?;
        let to_wire = |user: store::User| {
            let seen_at_ms = seen.get(&user.id).copied().unwrap_or_default();
            wire::User { seen_at_ms, ..to_wire(user) }
        };
        Ok(wire::Users { users: users.into_iter().map(to_wire).collect(), invites })
    }

    pub(super) async fn update_user(&self, request: wire::UpdateUserRequest) -> Result<wire::User> {
        let tenant = documents::tenant(&request.tenant)?;
        let now = chassis::clock::now();
        let mut form = Form::default();
        if let Some(name) = &request.name {
            form.text("name", name);
        }
        if request.scope.as_deref().is_some_and(|scope| !SCOPES.contains(&scope)) {
            form.problem("scope", "unknown", "is none of company, department");
        }
        form.done()?;
        if let Some(role) = &request.role {
            self.role_exists(&tenant, role).await?;
        }
        let mut tx = self.db.platform().await?;
        let before = one(&mut tx, &tenant, &request.id).await?;
        let role = request.role.as_deref().unwrap_or(&before.role);
        if before.role == "owner" && role != "owner" {
            somebody_else_owns(&mut tx, &tenant, &request.id).await?;
        }
        let name = request.name.as_deref().map_or(before.name.as_str(), str::trim);
        let scope = request.scope.as_deref().unwrap_or(&before.scope);
        sqlx::query("update users set name = $2, role = $3, scope = $4 where id = $1")
            .bind(&request.id)
            .bind(name)
            .bind(role)
            .bind(scope)
            .execute(&mut *tx)
            .await?;
        let after = one(&mut tx, &tenant, &request.id).await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        let of = |user: &store::User| json!({ "name": user.name, "role": user.role, "scope": user.scope });
        let deed = Deed {
            actor: &request.actor,
            action: "user.update",
            subject: format!("user/{}", request.id),
            detail: json!({ "before": of(&before), "after": of(&after) }),
        };
        audit::note(&mut tx, now, deed).await?;
        tx.commit().await?;
        Ok(to_wire(after))
    }

    /// Their sessions end and the agent takes no calls any more; what they did stays.
    pub(super) async fn remove_user(&self, request: wire::UserRequest) -> Result<()> {
        let tenant = documents::tenant(&request.tenant)?;
        let now = chassis::clock::now();
        if request.id == request.actor {
            return Err(Error::Conflict(told("not_yourself", "nobody removes themselves")));
        }
        let mut tx = documents::lock(&self.db, &tenant).await?;
        let user = one(&mut tx, &tenant, &request.id).await?;
        if user.role == "owner" {
            somebody_else_owns(&mut tx, &tenant, &request.id).await?;
        }
        sqlx::query("delete from users where id = $1").bind(&request.id).execute(&mut *tx).await?;
        documents::release_claims(&mut tx, &tenant, Kind::Agent, &user.agent).await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        let change = Change { tenant: &tenant, actor: &request.actor, now, expected_version: 0 };
        if let Some(agent) = documents::store::get(&mut tx, Kind::Agent, &user.agent).await? {
            let gone = Stored { deleted: true, ..agent.next(agent.body.clone(), &change) };
            documents::store::insert(&mut tx, &gone).await?;
        }
        let deed = Deed {
            actor: &request.actor,
            action: "user.remove",
            subject: format!("user/{}", request.id),
            detail: json!({ "name": user.name, "email": user.email }),
        };
        audit::note(&mut tx, now, deed).await?;
        Ok(tx.commit().await?)
    }

    /// Built in, or a document of the tenant's.
    pub(super) async fn role_exists(&self, tenant: &TenantId, role: &str) -> Result<()> {
        if ROLES.contains(&role) {
            return Ok(());
        }
        let mut tx = self.db.begin(tenant).await?;
        match documents::store::get(&mut tx, Kind::Role, role).await? {
            Some(_) => Ok(()),
            None => Err(Error::invalid("role", "unknown_role", "is no role")),
        }
    }

    pub(super) async fn sessions(&self, request: wire::UserRequest) -> Result<wire::Sessions> {
        let tenant = documents::tenant(&request.tenant)?;
        let mut tx = self.db.platform().await?;
        one(&mut tx, &tenant, &request.id).await?;
        let rows: Vec<SessionRow> = sqlx::query_as(
            "select id, device, address, created_at_ms, seen_at_ms from sessions
             where user_id = $1 and expires_at_ms > $2 order by id desc",
        )
        .bind(&request.id)
        .bind(chassis::clock::now().millis())
        .fetch_all(&mut *tx)
        .await?;
        let to_wire = |row: SessionRow| wire::OpenSession {
            id: row.id,
            user_agent: row.device,
            address: row.address,
            created_at_ms: row.created_at_ms,
            seen_at_ms: row.seen_at_ms,
        };
        Ok(wire::Sessions { sessions: rows.into_iter().map(to_wire).collect() })
    }

    pub(super) async fn end_session(&self, request: wire::EndSessionRequest) -> Result<()> {
        let tenant = documents::tenant(&request.tenant)?;
        let mut tx = self.db.platform().await?;
        one(&mut tx, &tenant, &request.user).await?;
        let ended = sqlx::query("delete from sessions where id = $1 and user_id = $2")
            .bind(&request.id)
            .bind(&request.user)
            .execute(&mut *tx)
            .await?;
        if ended.rows_affected() == 0 {
            return Err(Error::NotFound(told("not_found", format!("no session {}", request.id))));
        }
        let mut tx = tx.into_tenant(&tenant).await?;
        let deed = Deed {
            actor: &request.actor,
            action: "session.end",
            subject: format!("user/{}", request.user),
            detail: json!({ "session": request.id }),
        };
        audit::note(&mut tx, chassis::clock::now(), deed).await?;
        Ok(tx.commit().await?)
    }
}

/// What a role of the tenant's own allows; nothing where it is gone.
pub(super) async fn permissions_of(tx: &mut TenantTx, role: &str) -> Result<Vec<String>> {
    if ROLES.contains(&role) {
        return Ok(Vec::new());
    }
    let document = documents::store::get(tx, Kind::Role, role).await?;
    let names = document.map(|document| document.body["permissions"].clone());
    Ok(names.and_then(|names| serde_json::from_value(names).ok()).unwrap_or_default())
}

async fn one(conn: &mut PgConnection, tenant: &TenantId, id: &str) -> Result<store::User> {
    let user = store::by_id(conn, id).await?.filter(|user| user.tenant == tenant.as_str());
    user.ok_or_else(|| Error::NotFound(told("not_found", format!("no user {id}"))))
}

async fn somebody_else_owns(conn: &mut PgConnection, tenant: &TenantId, id: &str) -> Result<()> {
    let others: i64 =
        sqlx::query_scalar("select count(*) from users where tenant = $1 and role = 'owner' and id <> $2")
            .bind(tenant.as_str())
            .bind(id)
            .fetch_one(conn)
            .await?;
    match others {
        0 => Err(Error::Conflict(told("last_owner", "a company keeps an owner"))),
        _ => Ok(()),
    }
}

async fn last_seen(conn: &mut PgConnection, tenant: &str) -> Result<HashMap<String, i64>> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select s.user_id, max(s.seen_at_ms) from sessions s join users u on u.id = s.user_id
         where u.tenant = $1 group by s.user_id",
    )
    .bind(tenant)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().collect())
}

fn to_wire(user: store::User) -> wire::User {
    wire::User {
        id: user.id,
        agent: user.agent,
        name: user.name,
        email: user.email,
        role: user.role,
        email_verified: user.email_verified,
        scope: user.scope,
        totp: user.totp,
        seen_at_ms: 0,
    }
}
