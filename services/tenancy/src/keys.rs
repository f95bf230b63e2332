//! The keys that sign JWTs: ES256, kept sealed, each signing for a month, the
//! next one published a month ahead, the last one until its tokens have ended.

use crate::{Error, Result, seal::MasterKey};
use eventlog::{Topic, codec};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, JwkSet, PublicKeyUse},
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use tenantdb::{TenantDb, outbox::Fact};
use types::{Millis, TenantId, Timestamp, config::Kind, fact::ConfigFact};

pub const TOKEN_LIFETIME: Millis = 5 * 60 * 1000;
const KEY_LIFETIME: Millis = 30 * 24 * 3_600 * 1000;
pub const ISSUER: &str = "trunkline";
/// The id of the only document of its kind.
pub(crate) const DOCUMENT: &str = "jwks";

/// What a token says about who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    /// The user's or the API key's id.
    pub sub: String,
    /// Seconds since 1970, as RFC 7519 wants them.
    pub iat: i64,
    pub exp: i64,
    pub tenant: String,
    pub agent: String,
    pub name: String,
    pub role: String,
    pub scopes: Vec<String>,
    /// `company` or `department`.
    pub scope: String,
}

#[derive(FromRow)]
struct Row {
    kid: String,
    sealed_private_key: Vec<u8>,
    public_jwk: String,
    signs_from_ms: i64,
    signs_until_ms: i64,
}

#[derive(Clone)]
pub struct Keys {
    db: TenantDb,
    master: MasterKey,
}

impl Keys {
    pub fn new(db: TenantDb, master: MasterKey) -> Keys {
        Keys { db, master }
    }

    /// Makes sure that a key signs now and the one after it is known, and tells
    /// the log. Repeatable; services of several processes agree by a lock.
    pub async fn renew(&self, now: Timestamp) -> Result<()> {
        let mut tx = self.db.platform().await?;
        sqlx::query("select pg_advisory_xact_lock(hashtextextended('trunkline signing keys', 0))")
            .execute(&mut *tx)
            .await?;
        let mut until = rows(&mut tx, now).await?.iter().map(|r| r.signs_until_ms).max().unwrap_or(0);
        until = until.max(now.millis());
        while until <= now.millis() + KEY_LIFETIME {
            self.insert(&mut tx, now, until).await?;
            until += KEY_LIFETIME;
        }
        let fact = ConfigFact {
            kind: Kind::Jwks,
            id: DOCUMENT.into(),
            version: 1,
            at: now,
            actor: ISSUER.into(),
            body: Some(jwks(rows(&mut tx, now).await?)?),
        };
        let key = format!("{}/{}/{DOCUMENT}", TenantId::installation(), Kind::Jwks.as_str());
        let value = codec::encode(&fact);
        tx.tell(Fact { topic: Topic::Config.name(), key: &key, value: &value, headers: &[] }).await?;
        Ok(tx.commit().await?)
    }

    async fn insert(&self, conn: &mut PgConnection, now: Timestamp, from: i64) -> Result<()> {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(Error::internal)?;
        let private = pair.serialize_der();
        let kid = hex::encode(chassis::random::u128().to_be_bytes());
        let jwk = public_jwk(&private, &kid)?;
        sqlx::query(
            "insert into signing_keys
               (kid, sealed_private_key, public_jwk, created_at_ms, signs_from_ms, signs_until_ms)
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&kid)
        .bind(self.master.seal(&purpose(&kid), &private)?)
        .bind(jwk)
        .bind(now.millis())
        .bind(from)
        .bind(from + KEY_LIFETIME)
        .execute(conn)
        .await?;
        Ok(())
    }

    /// Signs with the key whose time it is.
    pub async fn sign(&self, now: Timestamp, claims: &Claims) -> Result<String> {
        let mut tx = self.db.platform().await?;
        let rows = rows(&mut tx, now).await?;
        tx.commit().await?;
        let current = rows
            .iter()
            .find(|r| (r.signs_from_ms..r.signs_until_ms).contains(&now.millis()))
            .ok_or_else(|| Error::internal("no signing key"))?;
        let private = self.master.unseal(&purpose(&current.kid), &current.sealed_private_key)?;
        let header = Header { kid: Some(current.kid.clone()), ..Header::new(Algorithm::ES256) };
        encode(&header, claims, &EncodingKey::from_ec_der(&private)).map_err(Error::internal)
    }
}

/// Keys that sign, will sign, or signed tokens that still hold.
fn jwks(rows: Vec<Row>) -> Result<String> {
    let keys: Result<Vec<Jwk>, _> = rows.iter().map(|row| serde_json::from_str(&row.public_jwk)).collect();
    serde_json::to_string(&JwkSet { keys: keys.map_err(Error::internal)? }).map_err(Error::internal)
}

fn purpose(kid: &str) -> String {
    format!("signing key {kid}")
}

fn public_jwk(private: &[u8], kid: &str) -> Result<String> {
    let mut jwk = Jwk::from_encoding_key(&EncodingKey::from_ec_der(private), Algorithm::ES256)
        .map_err(Error::internal)?;
    jwk.common.key_id = Some(kid.to_owned());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    serde_json::to_string(&jwk).map_err(Error::internal)
}

async fn rows(conn: &mut PgConnection, now: Timestamp) -> Result<Vec<Row>> {
    Ok(sqlx::query_as(
        "select kid, sealed_private_key, public_jwk, signs_from_ms, signs_until_ms from signing_keys
         where signs_until_ms > $1 order by signs_from_ms",
    )
    .bind(now.millis() - TOKEN_LIFETIME)
    .fetch_all(conn)
    .await?)
}
