//! Colleagues join by a link.

use super::{
    Accounts, DAY, Form, ROLES, normal_email,
    store::{self, NewUser},
};
use crate::{
    Error, Result,
    documents::{self, Change, store::Stored},
    error::told,
    mail::Letter,
    secret::fingerprint,
};
use proto::tenancy::v1 as wire;
use sqlx::{FromRow, PgConnection};
use types::{AgentId, InviteId, Timestamp, UserId, config::Kind};

const OPEN_MAX: i64 = 200;

#[derive(FromRow)]
struct Open {
    id: String,
    tenant: String,
    company: String,
    language: String,
    email: String,
    name: String,
    role: String,
}

impl Accounts {
    pub(super) async fn invite(&self, request: wire::InviteRequest) -> Result<wire::InviteReply> {
        let email = normal_email(&request.email);
        let mut form = Form::default();
        form.text("name", &request.name);
        form.email("email", &email);
        if request.role == "owner" || !ROLES.contains(&request.role.as_str()) {
            form.problem("role", "unknown_role", "is none of admin, supervisor, agent, auditor, developer");
        }
        form.done()?;
        let now = chassis::clock::now();
        let tenant = documents::tenant(&request.tenant)?;
        let mut tx = self.db.platform().await?;
        if store::by_email(&mut tx, &email).await?.is_some() {
            return Err(Error::Conflict(super::address_taken()));
        }
        let waiting = open_invites(&mut tx, tenant.as_str(), now).await?;
        if waiting.len() as i64 >= OPEN_MAX {
            return Err(Error::Exhausted(
                told("too_many_invitations", format!("{OPEN_MAX} invitations are open already"))
                    .with("max", OPEN_MAX),
            ));
        }
        // A second invitation replaces the first.
        sqlx::query("delete from invites where tenant = $1 and email = $2 and accepted_at_ms is null")
            .bind(tenant.as_str())
            .bind(&email)
            .execute(&mut *tx)
            .await?;
        let id = InviteId::new(now, chassis::random::u128()).to_string();
        let token = chassis::random::token();
        sqlx::query(
            "insert into invites
               (id, token_hash, tenant, email, name, role, invited_by, created_at_ms, expires_at_ms)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&id)
        .bind(fingerprint(&token))
        .bind(tenant.as_str())
        .bind(&email)
        .bind(request.name.trim())
        .bind(&request.role)
        .bind(&request.actor)
        .bind(now.millis())
        .bind((now + 7 * DAY).millis())
        .execute(&mut *tx)
        .await?;
        let language = open(&mut tx, &token, now).await?.language;
        tx.commit().await?;
        self.post.send(Letter::Invite, &email, &language, &token);
        Ok(wire::InviteReply { id, token })
    }

    pub(super) async fn look_at_invite(&self, token: &str) -> Result<wire::InviteView> {
        let mut tx = self.db.platform().await?;
        let invite = open(&mut tx, token, chassis::clock::now()).await?;
        Ok(wire::InviteView {
            company: invite.company,
            email: invite.email,
            name: invite.name,
            role: invite.role,
        })
    }

    pub(super) async fn accept(&self, request: wire::AcceptInviteRequest) -> Result<wire::Session> {
        let mut form = Form::default();
        form.text("name", &request.name);
        form.password("password", &request.password);
        form.done()?;
        let password_hash = self.passwords.hash(request.password).await?;
        let now = chassis::clock::now();
        let mut tx = self.db.platform().await?;
        let invite = open(&mut tx, &request.token, now).await?;
        let spent =
            sqlx::query("update invites set accepted_at_ms = $2 where id = $1 and accepted_at_ms is null")
                .bind(&invite.id)
                .bind(now.millis())
                .execute(&mut *tx)
                .await?;
        if spent.rows_affected() == 0 {
            return Err(no_invite());
        }
        let tenant = documents::tenant(&invite.tenant)?;
        let user = UserId::new(now, chassis::random::u128());
        let agent = AgentId::new(now, chassis::random::u128());
        let account = NewUser {
            id: &user,
            tenant: &tenant,
            agent: &agent,
            email: &invite.email,
            name: request.name.trim(),
            password_hash: &password_hash,
            role: &invite.role,
            language: &invite.language,
            // The link came to the address.
            email_verified: true,
        };
        let inserted = store::insert_user(&mut tx, &account, now).await;
        inserted.map_err(|error| error.or_taken(super::address_taken()))?;
        let opened = store::open_session(&mut tx, user.as_str(), now, self.session_lifetime).await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        let draft = agent_draft(&mut tx, request.name.trim(), &user).await?;
        let change = Change { tenant: &tenant, actor: user.as_str(), now, expected_version: 0 };
        documents::store::insert(&mut tx, &Stored::first(&draft, agent.to_string(), &change)).await?;
        tx.commit().await?;
        self.session(user.as_str(), opened).await
    }

    pub(super) async fn users(&self, tenant: &str) -> Result<wire::Users> {
        let mut tx = self.db.platform().await?;
        let users = store::of_tenant(&mut tx, tenant).await?;
        let invites = open_invites(&mut tx, tenant, chassis::clock::now()).await?;
        let to_wire = |user: store::User| wire::User {
            id: user.id,
            agent: user.agent,
            name: user.name,
            email: user.email,
            role: user.role,
            email_verified: user.email_verified,
        };
        Ok(wire::Users { users: users.into_iter().map(to_wire).collect(), invites })
    }
}

/// Without the skill "general" where the tenant has done away with it.
async fn agent_draft(tx: &mut tenantdb::TenantTx, name: &str, user: &UserId) -> Result<documents::Draft> {
    let skills = documents::store::list(tx, Kind::Skill).await?;
    let mut body = documents::agent_document(name, user);
    if !skills.iter().any(|skill| skill.body["name"] == "general") {
        body["skills"] = serde_json::json!([]);
    }
    documents::check(Kind::Agent, &body.to_string())
}

fn no_invite() -> Error {
    Error::NotFound(told("invitation_spent", "the invitation has been used or has expired"))
}

async fn open(conn: &mut PgConnection, token: &str, now: Timestamp) -> Result<Open> {
    let found: Option<Open> = sqlx::query_as(
        "select i.id, i.tenant, t.name as company, coalesce(u.language, 'en') as language,
                i.email, i.name, i.role
         from invites i join tenants t on t.id = i.tenant left join users u on u.id = i.invited_by
         where i.token_hash = $1 and i.accepted_at_ms is null and i.expires_at_ms > $2",
    )
    .bind(fingerprint(token))
    .bind(now.millis())
    .fetch_optional(conn)
    .await?;
    found.ok_or_else(no_invite)
}

async fn open_invites(
    conn: &mut PgConnection,
    tenant: &str,
    now: Timestamp,
) -> Result<Vec<wire::PendingInvite>> {
    let rows: Vec<(String, String, String, String, i64)> = sqlx::query_as(
        "select id, email, name, role, expires_at_ms from invites
         where tenant = $1 and accepted_at_ms is null and expires_at_ms > $2 order by id",
    )
    .bind(tenant)
    .bind(now.millis())
    .fetch_all(conn)
    .await?;
    let to_wire =
        |(id, email, name, role, expires_at_ms)| wire::PendingInvite { id, email, name, role, expires_at_ms };
    Ok(rows.into_iter().map(to_wire).collect())
}
