//! Colleagues join by a link.

use super::{
    Accounts, DAY, Form, normal_email,
    store::{self, NewUser},
};
use crate::{
    Error, Result,
    audit::{self, Deed},
    documents::{self, Change, store::Stored},
    error::told,
    mail::Letter,
    secret::fingerprint,
};
use bytes::Bytes;
use proto::tenancy::v1::{self as wire, invite_many_reply::Result as Outcome, invite_many_request};
use sqlx::{FromRow, PgConnection};
use std::collections::HashSet;
use types::{AgentId, InviteId, TenantId, Timestamp, UserId, config::Kind};

const OPEN_MAX: i64 = 1_000;
const ROWS_MAX: usize = 1_000;

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
        let tenant = documents::tenant(&request.tenant)?;
        let row = invite_many_request::Row { email: request.email, name: request.name, role: request.role };
        self.invite_one(&tenant, &request.actor, row, false).await
    }

    /// Each row by itself: one that is refused keeps the others from nothing.
    pub(super) async fn invite_many(
        &self,
        request: wire::InviteManyRequest,
    ) -> Result<wire::InviteManyReply> {
        let tenant = documents::tenant(&request.tenant)?;
        if request.rows.len() > ROWS_MAX {
            return Err(Error::invalid("rows", "too_many", "are more than 1000"));
        }
        let mut seen = HashSet::new();
        let mut results = Vec::new();
        for row in request.rows {
            let done = match seen.insert(normal_email(&row.email)) {
                true => self.invite_one(&tenant, &request.actor, row, request.dry_run).await,
                false => Err(Error::invalid("email", "twice", "stands there twice")),
            };
            results.push(match done {
                Ok(reply) => Outcome { id: reply.id, token: reply.token, refusal: Default::default() },
                Err(error) => Outcome { refusal: refusal(error)?, ..Default::default() },
            });
        }
        Ok(wire::InviteManyReply { results })
    }

    async fn invite_one(
        &self,
        tenant: &TenantId,
        actor: &str,
        row: invite_many_request::Row,
        dry_run: bool,
    ) -> Result<wire::InviteReply> {
        let email = normal_email(&row.email);
        let mut form = Form::default();
        form.text("name", &row.name);
        form.email("email", &email);
        if row.role == "owner" {
            form.problem("role", "unknown_role", "is none that one is invited as");
        }
        form.done()?;
        self.role_exists(tenant, &row.role).await?;
        let now = chassis::clock::now();
        let mut tx = self.db.platform().await?;
        if store::by_email(&mut tx, &email).await?.is_some() {
            return Err(Error::Conflict(super::address_taken()));
        }
        if open_count(&mut tx, tenant.as_str(), now).await? >= OPEN_MAX {
            let refusal = told("too_many_invitations", format!("{OPEN_MAX} invitations are open already"));
            return Err(Error::Exhausted(refusal.with("max", OPEN_MAX)));
        }
        if dry_run {
            return Ok(wire::InviteReply::default());
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
        .bind(row.name.trim())
        .bind(&row.role)
        .bind(actor)
        .bind(now.millis())
        .bind((now + 7 * DAY).millis())
        .execute(&mut *tx)
        .await?;
        let language = open(&mut tx, &token, now).await?.language;
        let mut tx = tx.into_tenant(tenant).await?;
        let detail = serde_json::json!({ "email": email, "role": row.role });
        let deed = Deed { actor, action: "user.invite", subject: format!("invite/{id}"), detail };
        audit::note(&mut tx, now, deed).await?;
        tx.commit().await?;
        self.post.send(Letter::Invite, &email, &language, &token);
        Ok(wire::InviteReply { id, token })
    }

    pub(super) async fn revoke_invite(&self, request: wire::RevokeInviteRequest) -> Result<()> {
        let tenant = documents::tenant(&request.tenant)?;
        let mut tx = self.db.platform().await?;
        let gone =
            sqlx::query("delete from invites where tenant = $1 and id = $2 and accepted_at_ms is null")
                .bind(tenant.as_str())
                .bind(&request.id)
                .execute(&mut *tx)
                .await?;
        if gone.rows_affected() == 0 {
            return Err(Error::NotFound(told("not_found", format!("no invitation {}", request.id))));
        }
        let mut tx = tx.into_tenant(&tenant).await?;
        let subject = format!("invite/{}", request.id);
        let deed =
            Deed { actor: &request.actor, action: "invite.revoke", subject, detail: serde_json::json!({}) };
        audit::note(&mut tx, chassis::clock::now(), deed).await?;
        Ok(tx.commit().await?)
    }

    pub(super) async fn look_at_invite(&self, token: &str) -> Result<wire::InviteView> {
        let mut tx = self.db.platform().await?;
        let invite = open(&mut tx, token, chassis::clock::now()).await?;
        tx.commit().await?;
        let tenant = documents::tenant(&invite.tenant)?;
        let mut tx = self.db.begin(&tenant).await?;
        // A role of their own is told by its name: the reader is not signed in.
        let own = documents::store::get(&mut tx, Kind::Role, &invite.role).await?;
        let name = own.and_then(|role| role.body["name"].as_str().map(str::to_owned));
        Ok(wire::InviteView {
            company: invite.company,
            email: invite.email,
            name: invite.name,
            role: name.unwrap_or(invite.role),
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
        let opened =
            store::open_session(&mut tx, user.as_str(), now, self.session_lifetime, request.device.clone())
                .await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        let draft = agent_draft(&mut tx, request.name.trim(), &user).await?;
        let change = Change { tenant: &tenant, actor: user.as_str(), now, expected_version: 0 };
        documents::store::insert(&mut tx, &Stored::first(&draft, agent.to_string(), &change)).await?;
        tx.commit().await?;
        self.session(opened).await
    }
}

/// What was refused of one row, as a status would carry it; what broke breaks all.
fn refusal(error: Error) -> Result<Bytes> {
    match error {
        Error::Db(_) | Error::Sql(_) | Error::Internal(_) => Err(error),
        refused => Ok(Bytes::copy_from_slice(tonic::Status::from(refused).details())),
    }
}

async fn open_count(conn: &mut PgConnection, tenant: &str, now: Timestamp) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "select count(*) from invites where tenant = $1 and accepted_at_ms is null and expires_at_ms > $2",
    )
    .bind(tenant)
    .bind(now.millis())
    .fetch_one(conn)
    .await?)
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

pub(super) async fn open_invites(
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
