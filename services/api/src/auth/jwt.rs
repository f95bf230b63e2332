//! JWTs are proved here with tenancy's keys, which `config.v1` carries: no
//! call per request, and none that would fail while tenancy is away.

use crate::problem::{Problem, Result};
use eventlog::{ConfigView, Doc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use proto::tenancy::v1::Identity;
use serde::Deserialize;
use std::sync::Arc;
use types::{TenantId, config::Kind};

const ISSUER: &str = "trunkline";
const DOCUMENT: &str = "jwks";

/// The keys that were told last.
pub struct KeyRing {
    view: Arc<ConfigView>,
    installation: TenantId,
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
    pub fn new(view: Arc<ConfigView>) -> KeyRing {
        KeyRing { view, installation: TenantId::installation() }
    }

    /// Who the token was issued to.
    pub fn verify(&self, token: &str) -> Result<Identity> {
        let invalid = || Problem::unauthorized("the token is not valid");
        let kid = decode_header(token).ok().and_then(|header| header.kid).ok_or_else(invalid)?;
        let keys: JwkSet =
            self.published()?.read().ok_or_else(|| Problem::internal("the keys are damaged"))?;
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

    /// The JWKS (RFC 7517) as tenancy told it last.
    pub fn published(&self) -> Result<Arc<Doc>> {
        let doc = self.view.doc(&self.installation, Kind::Jwks, DOCUMENT);
        doc.ok_or_else(|| Problem::unavailable("the keys have not come yet; try again"))
    }
}
