//! Users and sessions in the platform's tables.

use crate::{Result, secret::fingerprint};
use proto::tenancy::v1 as wire;
use sqlx::{FromRow, PgConnection};
use types::{AgentId, SessionId, TenantId, Timestamp, UserId};

/// How stale `seen_at_ms` may be: not every request writes.
const SEEN_NOTED_EVERY_MS: i64 = 60_000;
/// Of a browser's name, characters kept.
const DEVICE_MAX: usize = 200;

/// A user with the tenant's name.
#[derive(Debug, Clone, FromRow)]
pub(super) struct User {
    pub id: String,
    pub tenant: String,
    pub tenant_name: String,
    pub agent: String,
    pub email: String,
    pub name: String,
    pub password_hash: String,
    pub role: String,
    pub language: String,
    pub email_verified: bool,
    pub scope: String,
    /// Signs in with a second factor.
    pub totp: bool,
}

/// What a new account is made of.
pub(super) struct NewUser<'a> {
    pub id: &'a UserId,
    pub tenant: &'a TenantId,
    pub agent: &'a AgentId,
    pub email: &'a str,
    pub name: &'a str,
    pub password_hash: &'a str,
    pub role: &'a str,
    pub language: &'a str,
    pub email_verified: bool,
}

pub(super) async fn insert_user(conn: &mut PgConnection, user: &NewUser<'_>, now: Timestamp) -> Result<()> {
    sqlx::query(
        "insert into users
           (id, tenant, agent, email, name, password_hash, role, language, email_verified, created_at_ms)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(user.id.as_str())
    .bind(user.tenant.as_str())
    .bind(user.agent.as_str())
    .bind(user.email)
    .bind(user.name)
    .bind(user.password_hash)
    .bind(user.role)
    .bind(user.language)
    .bind(user.email_verified)
    .bind(now.millis())
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn by_email(conn: &mut PgConnection, email: &str) -> Result<Option<User>> {
    Ok(sqlx::query_as(
        "select u.id, u.tenant, t.name as tenant_name, u.agent, u.email, u.name, u.password_hash,
                u.role, u.language, u.email_verified, u.scope, u.sealed_totp is not null as totp
         from users u join tenants t on t.id = u.tenant where u.email = $1",
    )
    .bind(email)
    .fetch_optional(conn)
    .await?)
}

pub(super) async fn by_id(conn: &mut PgConnection, id: &str) -> Result<Option<User>> {
    Ok(sqlx::query_as(
        "select u.id, u.tenant, t.name as tenant_name, u.agent, u.email, u.name, u.password_hash,
                u.role, u.language, u.email_verified, u.scope, u.sealed_totp is not null as totp
         from users u join tenants t on t.id = u.tenant where u.id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?)
}

pub(super) async fn of_tenant(conn: &mut PgConnection, tenant: &str) -> Result<Vec<User>> {
    Ok(sqlx::query_as(
        "select u.id, u.tenant, t.name as tenant_name, u.agent, u.email, u.name, u.password_hash,
                u.role, u.language, u.email_verified, u.scope, u.sealed_totp is not null as totp
         from users u join tenants t on t.id = u.tenant where u.tenant = $1 order by u.id",
    )
    .bind(tenant)
    .fetch_all(conn)
    .await?)
}

/// A session as the browser will hold it.
pub(super) struct Opened {
    pub token: String,
    pub csrf: String,
    pub expires_at: Timestamp,
}

pub(super) async fn open_session(
    conn: &mut PgConnection,
    user: &str,
    now: Timestamp,
    lifetime: i64,
    device: Option<wire::Device>,
) -> Result<Opened> {
    let device = device.unwrap_or_default();
    let opened = Opened {
        token: chassis::random::token(),
        csrf: chassis::random::token(),
        expires_at: now + lifetime,
    };
    sqlx::query("delete from sessions where expires_at_ms < $1")
        .bind(now.millis())
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "insert into sessions
           (token_hash, user_id, csrf, created_at_ms, expires_at_ms, id, device, address, seen_at_ms)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $4)",
    )
    .bind(fingerprint(&opened.token))
    .bind(user)
    .bind(&opened.csrf)
    .bind(now.millis())
    .bind(opened.expires_at.millis())
    .bind(SessionId::new(now, chassis::random::u128()).as_str())
    .bind(device.user_agent.chars().take(DEVICE_MAX).collect::<String>())
    .bind(&device.address)
    .execute(conn)
    .await?;
    Ok(opened)
}

/// A session that has not ended.
#[derive(FromRow)]
pub(super) struct Session {
    pub id: String,
    pub user_id: String,
    pub csrf: String,
    pub seen_at_ms: i64,
}

/// The user of a session that has not ended.
pub(super) async fn resume(
    conn: &mut PgConnection,
    token: &str,
    now: Timestamp,
) -> Result<Option<(User, Session)>> {
    let found: Option<Session> = sqlx::query_as(
        "select id, user_id, csrf, seen_at_ms from sessions where token_hash = $1 and expires_at_ms > $2",
    )
    .bind(fingerprint(token))
    .bind(now.millis())
    .fetch_optional(&mut *conn)
    .await?;
    let Some(session) = found else { return Ok(None) };
    if session.seen_at_ms + SEEN_NOTED_EVERY_MS < now.millis() {
        sqlx::query("update sessions set seen_at_ms = $2 where id = $1")
            .bind(&session.id)
            .bind(now.millis())
            .execute(&mut *conn)
            .await?;
    }
    Ok(by_id(conn, &session.user_id).await?.map(|user| (user, session)))
}

/// `permissions`: of a role of the tenant's own.
pub(super) fn identity(
    user: User,
    session: Session,
    time_zone: String,
    permissions: Vec<String>,
) -> wire::Identity {
    wire::Identity {
        tenant: user.tenant,
        tenant_name: user.tenant_name,
        user: user.id,
        agent: user.agent,
        name: user.name,
        email: user.email,
        email_verified: user.email_verified,
        role: user.role,
        language: user.language,
        time_zone,
        scopes: permissions,
        csrf: session.csrf,
        session: session.id,
        scope: user.scope,
        totp: user.totp,
    }
}
