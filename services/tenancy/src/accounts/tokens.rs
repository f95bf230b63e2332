//! JWTs of five minutes for the API.

use super::Accounts;
use crate::{Claims, ISSUER, Result, keys::TOKEN_LIFETIME};
use proto::tenancy::v1 as wire;

impl Accounts {
    pub(super) async fn issue(&self, session: &str) -> Result<wire::Jwt> {
        let who = self.resume(session).await?;
        let now = chassis::clock::now();
        let expires_at = now + TOKEN_LIFETIME;
        let claims = Claims {
            iss: ISSUER.into(),
            sub: who.user,
            iat: now.millis() / 1000,
            exp: expires_at.millis() / 1000,
            tenant: who.tenant,
            agent: who.agent,
            name: who.name,
            role: who.role,
            scopes: who.scopes,
            scope: who.scope,
        };
        let jwt = self.keys.sign(now, &claims).await?;
        Ok(wire::Jwt { jwt, expires_at_ms: expires_at.millis() })
    }
}
