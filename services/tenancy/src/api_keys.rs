//! tenancy.v1 ApiKeys: shown once, stored as a hash.

use crate::{
    Error, Result,
    audit::{self, Deed},
    documents::tenant,
    error::told,
    keys::{Claims, ISSUER, Keys, TOKEN_LIFETIME},
    secret::fingerprint,
};
use proto::tenancy::v1::{self as wire, api_keys_server};
use serde_json::json;
use sqlx::FromRow;
use tenantdb::TenantDb;
use tonic::{Request, Response, Status};
use types::ApiKeyId;

const KEYS_MAX: i64 = 100;
const SCOPES_MAX: usize = 50;
/// How stale `last_used_at_ms` may be: not every request writes.
const USE_NOTED_EVERY_MS: i64 = 60_000;

#[derive(Clone)]
pub struct ApiKeys {
    db: TenantDb,
    keys: Keys,
}

#[derive(FromRow)]
struct Row {
    id: String,
    tenant: String,
    tenant_name: String,
    name: String,
    scopes: Vec<String>,
    created_at_ms: i64,
    last_used_at_ms: i64,
}

impl ApiKeys {
    pub fn new(db: TenantDb, keys: Keys) -> ApiKeys {
        ApiKeys { db, keys }
    }

    async fn insert(&self, request: wire::CreateKeyRequest) -> Result<wire::CreatedKey> {
        let tenant = tenant(&request.tenant)?;
        let name = request.name.trim();
        if name.is_empty() || name.chars().count() > 100 {
            return Err(Error::invalid("name", "not_a_name", "is not 1 to 100 characters"));
        }
        if request.scopes.is_empty() || request.scopes.len() > SCOPES_MAX {
            return Err(Error::invalid("scopes", "scopes", "are not 1 to 50"));
        }
        let now = chassis::clock::now();
        let id = ApiKeyId::new(now, chassis::random::u128()).to_string();
        let secret = format!("tlk_{}", chassis::random::token());
        let mut tx = self.db.platform().await?;
        let count: i64 = sqlx::query_scalar("select count(*) from api_keys where tenant = $1")
            .bind(tenant.as_str())
            .fetch_one(&mut *tx)
            .await?;
        if count >= KEYS_MAX {
            return Err(Error::Exhausted(
                told("too_many_keys", format!("there are {KEYS_MAX} API keys already")).with("max", KEYS_MAX),
            ));
        }
        sqlx::query(
            "insert into api_keys (id, secret_hash, tenant, name, scopes, created_by, created_at_ms)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&id)
        .bind(fingerprint(&secret))
        .bind(tenant.as_str())
        .bind(name)
        .bind(&request.scopes)
        .bind(&request.actor)
        .bind(now.millis())
        .execute(&mut *tx)
        .await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        let deed = Deed {
            actor: &request.actor,
            action: "api_key.create",
            subject: format!("api_key/{id}"),
            detail: json!({ "name": name, "scopes": request.scopes }),
        };
        audit::note(&mut tx, now, deed).await?;
        tx.commit().await?;
        Ok(wire::CreatedKey { id, secret })
    }

    async fn of_tenant(&self, tenant: &str) -> Result<Vec<Row>> {
        let mut tx = self.db.platform().await?;
        Ok(sqlx::query_as(
            "select k.id, k.tenant, t.name as tenant_name, k.name, k.scopes, k.created_at_ms, k.last_used_at_ms
             from api_keys k join tenants t on t.id = k.tenant where k.tenant = $1 order by k.id",
        )
        .bind(tenant)
        .fetch_all(&mut *tx)
        .await?)
    }

    async fn remove(&self, request: &wire::RevokeKeyRequest) -> Result<()> {
        let (tenant, id) = (tenant(&request.tenant)?, &request.id);
        let mut tx = self.db.platform().await?;
        let removed = sqlx::query("delete from api_keys where tenant = $1 and id = $2")
            .bind(tenant.as_str())
            .bind(id)
            .execute(&mut *tx)
            .await?;
        if removed.rows_affected() == 0 {
            return Err(Error::NotFound(told("not_found", format!("no API key {id}"))));
        }
        let mut tx = tx.into_tenant(&tenant).await?;
        let deed = Deed {
            actor: &request.actor,
            action: "api_key.revoke",
            subject: format!("api_key/{id}"),
            detail: json!({}),
        };
        audit::note(&mut tx, chassis::clock::now(), deed).await?;
        Ok(tx.commit().await?)
    }

    async fn holder(&self, secret: &str) -> Result<wire::Identity> {
        let hash = fingerprint(secret);
        let mut tx = self.db.platform().await?;
        let found: Option<Row> = sqlx::query_as(
            "select k.id, k.tenant, t.name as tenant_name, k.name, k.scopes, k.created_at_ms, k.last_used_at_ms
             from api_keys k join tenants t on t.id = k.tenant where k.secret_hash = $1",
        )
        .bind(&hash)
        .fetch_optional(&mut *tx)
        .await?;
        let row = found.ok_or_else(|| Error::Denied(told("bad_key", "the API key is not valid")))?;
        let now = chassis::clock::now().millis();
        if row.last_used_at_ms + USE_NOTED_EVERY_MS < now {
            sqlx::query("update api_keys set last_used_at_ms = $2 where secret_hash = $1")
                .bind(&hash)
                .bind(now)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(identity(row))
    }
}

impl ApiKeys {
    /// A short-lived token with the key's scopes, or some of them.
    async fn grant(&self, request: wire::GrantRequest) -> Result<wire::Granted> {
        let who = self.holder(&request.secret).await?;
        if who.user != request.id {
            return Err(Error::Denied(told("bad_key", "the client id and the secret do not fit")));
        }
        if let Some(more) = request.scopes.iter().find(|scope| !who.scopes.contains(scope)) {
            return Err(Error::invalid("scope", "unknown", format!("{more:?} is not of this client")));
        }
        let scopes = if request.scopes.is_empty() { who.scopes } else { request.scopes };
        let now = chassis::clock::now();
        let expires_at = now + TOKEN_LIFETIME;
        let claims = Claims {
            iss: ISSUER.into(),
            sub: who.user,
            iat: now.millis() / 1000,
            exp: expires_at.millis() / 1000,
            tenant: who.tenant,
            agent: String::new(),
            name: who.name,
            role: String::new(),
            scopes: scopes.clone(),
            scope: String::new(),
        };
        let jwt = self.keys.sign(now, &claims).await?;
        Ok(wire::Granted { jwt, expires_at_ms: expires_at.millis(), scopes })
    }

    async fn standing(&self, request: wire::KeyRequest) -> Result<wire::Identity> {
        let rows = self.of_tenant(&request.tenant).await?;
        let found = rows.into_iter().find(|row| row.id == request.id);
        Ok(identity(found.ok_or_else(|| Error::Denied(told("bad_key", "the API key is not valid")))?))
    }
}

fn identity(row: Row) -> wire::Identity {
    wire::Identity {
        tenant: row.tenant,
        tenant_name: row.tenant_name,
        user: row.id,
        name: row.name,
        scopes: row.scopes,
        ..Default::default()
    }
}

fn to_wire(row: Row) -> wire::ApiKey {
    wire::ApiKey {
        id: row.id,
        name: row.name,
        scopes: row.scopes,
        created_at_ms: row.created_at_ms,
        last_used_at_ms: row.last_used_at_ms,
    }
}

#[tonic::async_trait]
impl api_keys_server::ApiKeys for ApiKeys {
    async fn create(
        &self,
        request: Request<wire::CreateKeyRequest>,
    ) -> Result<Response<wire::CreatedKey>, Status> {
        Ok(Response::new(self.insert(request.into_inner()).await?))
    }

    async fn list(
        &self,
        request: Request<wire::TenantRequest>,
    ) -> Result<Response<wire::ApiKeyList>, Status> {
        let rows = self.of_tenant(&request.into_inner().tenant).await?;
        Ok(Response::new(wire::ApiKeyList { keys: rows.into_iter().map(to_wire).collect() }))
    }

    async fn revoke(&self, request: Request<wire::RevokeKeyRequest>) -> Result<Response<wire::Done>, Status> {
        self.remove(&request.into_inner()).await?;
        Ok(Response::new(wire::Done {}))
    }

    async fn grant(&self, request: Request<wire::GrantRequest>) -> Result<Response<wire::Granted>, Status> {
        Ok(Response::new(ApiKeys::grant(self, request.into_inner()).await?))
    }

    async fn standing(&self, request: Request<wire::KeyRequest>) -> Result<Response<wire::Identity>, Status> {
        Ok(Response::new(ApiKeys::standing(self, request.into_inner()).await?))
    }

    async fn check(&self, request: Request<wire::Token>) -> Result<Response<wire::Identity>, Status> {
        Ok(Response::new(self.holder(&request.into_inner().token).await?))
    }
}
