//! JWTs are proved here with tenancy's published keys: no call per request.

use crate::problem::{Problem, Result};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use proto::tenancy::v1::{Done, Identity, accounts_client::AccountsClient};
use serde::Deserialize;
use std::sync::{Arc, RwLock};
use tonic::transport::Channel;
use types::{Millis, Timestamp};

const ISSUER: &str = "trunkline";
/// An unknown key id makes us ask again, but not more often.
const ASKED_EVERY: Millis = 5_000;

/// The keys that we know.
pub struct KeyRing {
    accounts: AccountsClient<Channel>,
    known: RwLock<(Arc<JwkSet>, Timestamp)>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    tenant: String,
    agent: String,
    name: String,
    role: String,
    scopes: Vec<String>,
    scope: String,
}

impl KeyRing {
    pub fn new(accounts: AccountsClient<Channel>) -> KeyRing {
        let none = (Arc::new(JwkSet { keys: Vec::new() }), Timestamp::from_millis(0));
        KeyRing { accounts, known: RwLock::new(none) }
    }

    /// Who the token was issued to.
    pub async fn verify(&self, token: &str) -> Result<Identity> {
        let invalid = || Problem::unauthorized("the token is not valid");
        let kid = decode_header(token).ok().and_then(|header| header.kid).ok_or_else(invalid)?;
        let keys = self.keys(&kid).await?;
        let key = keys.find(&kid).and_then(|jwk| DecodingKey::from_jwk(jwk).ok()).ok_or_else(invalid)?;
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_issuer(&[ISSUER]);
        rules.leeway = 5;
        let claims = decode::<Claims>(token, &key, &rules).map_err(|_| invalid())?.claims;
        Ok(Identity {
            tenant: claims.tenant,
            user: claims.sub,
            agent: claims.agent,
            name: claims.name,
            role: claims.role,
            scopes: claims.scopes,
            scope: claims.scope,
            ..Default::default()
        })
    }

    /// The published keys, asked for again when `kid` is not among them.
    async fn keys(&self, kid: &str) -> Result<Arc<JwkSet>> {
        let now = chassis::clock::now();
        {
            let known = self.known.read().expect("no panic while the lock is held");
            if known.0.find(kid).is_some() || now.since(known.1) < ASKED_EVERY {
                return Ok(known.0.clone());
            }
        }
        let set: JwkSet = serde_json::from_str(&self.published().await?).map_err(Problem::internal)?;
        let set = Arc::new(set);
        *self.known.write().expect("no panic while the lock is held") = (set.clone(), now);
        Ok(set)
    }

    /// The JWKS as tenancy publishes it now.
    pub async fn published(&self) -> Result<String> {
        Ok(self.accounts.clone().keys(Done {}).await?.into_inner().json)
    }
}
