//! Who asks, and what they may.

mod jwt;
mod permission;

pub use jwt::KeyRing;
pub use permission::{Permission, of_role, of_scopes};

use crate::{App, problem::Problem, problem::Result};
use axum::extract::FromRequestParts;
use http::{HeaderMap, Method, header, request::Parts};
use proto::tenancy::v1::{Identity, KeyRequest, Token};
use std::{collections::BTreeSet, sync::Arc};

pub const COOKIE: &str = "trunkline_session";
pub const CSRF: &str = "x-csrf-token";
const API_KEY: &str = "tlk_";

/// Someone who has proved who they are.
#[derive(Debug, Clone)]
pub struct Caller {
    pub identity: Identity,
    pub permissions: BTreeSet<Permission>,
    /// The session's token, where it came by cookie.
    pub session: Option<String>,
}

impl Caller {
    pub fn tenant(&self) -> &str {
        &self.identity.tenant
    }

    /// The user's or the API key's id.
    pub fn actor(&self) -> &str {
        &self.identity.user
    }

    pub fn has(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    pub fn may(&self, permission: Permission) -> Result<()> {
        match self.has(permission) {
            true => Ok(()),
            false => Err(Problem::forbidden(format!("this needs the permission {}", permission.name()))
                .coded("missing_permission")
                .with("permission", permission.name())),
        }
    }

    /// Who they are and what they may by now; `None`: the session has ended.
    /// Where that cannot be learnt, and of a token, it is what was known.
    pub async fn again(&self, app: &App) -> Option<Caller> {
        let Some(token) = self.session.clone() else { return Some(self.clone()) };
        match app.accounts().resume(Token { token: token.clone() }).await {
            Ok(identity) => Some(Caller::of_session(identity.into_inner(), token)),
            Err(status) if status.code() == tonic::Code::PermissionDenied => None,
            Err(_) => Some(self.clone()),
        }
    }

    /// Sees and moves only the people of their department and of those below it.
    pub fn heads_department(&self) -> bool {
        self.identity.scope == "department"
    }

    /// What concerns the whole company is not for the head of a part of it.
    pub fn whole_company(&self) -> Result<()> {
        if self.heads_department() { Err(Problem::outside_department()) } else { Ok(()) }
    }

    /// An API key acts for the company, a person for themselves.
    pub fn is_api_key(&self) -> bool {
        self.identity.role.is_empty()
    }

    pub fn of_session(identity: Identity, token: String) -> Caller {
        Caller::new(identity, Some(token))
    }

    fn new(identity: Identity, session: Option<String>) -> Caller {
        let permissions = match identity.role.as_str() {
            // An API key, or a role of the tenant's own.
            role if role.is_empty() || role.starts_with("rol_") => of_scopes(&identity.scopes),
            role => of_role(role),
        };
        Caller { identity, permissions, session }
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Caller> {
        if let Some(known) = parts.extensions.get::<Caller>() {
            return Ok(known.clone());
        }
        match bearer(&parts.headers) {
            Some(token) => by_token(app, token).await,
            None => by_cookie(app, parts).await,
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

async fn by_token(app: &App, token: &str) -> Result<Caller> {
    if !token.starts_with(API_KEY) {
        let identity = app.keys.verify(token)?;
        // A client's token ends with its key, not with its time.
        if identity.role.is_empty() {
            let request = KeyRequest { tenant: identity.tenant.clone(), id: identity.user.clone() };
            app.api_keys().standing(request).await.map_err(Problem::not_signed_in)?;
        }
        return Ok(Caller::new(identity, None));
    }
    let token = Token { token: token.to_owned() };
    let checked = app.api_keys().check(token).await.map_err(Problem::not_signed_in)?;
    Ok(Caller::new(checked.into_inner(), None))
}

async fn by_cookie(app: &App, parts: &Parts) -> Result<Caller> {
    let session = session_cookie(&parts.headers)
        .ok_or_else(|| Problem::unauthorized("sign in first").coded("sign_in_first"))?;
    let token = Token { token: session.clone() };
    let identity = app.accounts().resume(token).await.map_err(Problem::not_signed_in)?.into_inner();
    if !is_safe(&parts.method) && !same(parts.headers.get(CSRF).map(|v| v.as_bytes()), &identity.csrf) {
        return Err(Problem::forbidden(format!("the header {CSRF} does not carry the value of GET /v1/me"))
            .coded("csrf"));
    }
    Ok(Caller::new(identity, Some(session)))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// In a time that does not tell how much of it fits.
fn same(given: Option<&[u8]>, expected: &str) -> bool {
    let expected = expected.as_bytes();
    given.is_some_and(|given| {
        let differences = given.iter().zip(expected).fold(0, |all, (a, b)| all | (a ^ b));
        given.len() == expected.len() && !expected.is_empty() && differences == 0
    })
}

pub fn session_cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "a=b; trunkline_session=xyz; c=d".parse().unwrap());
        assert_eq!(session_cookie(&headers).as_deref(), Some("xyz"));
    }

    #[test]
    fn an_empty_or_shorter_csrf_value_does_not_fit() {
        assert!(same(Some(b"abc"), "abc"));
        assert!(!same(Some(b"ab"), "abc"));
        assert!(!same(Some(b""), ""));
        assert!(!same(None, "abc"));
    }
}
