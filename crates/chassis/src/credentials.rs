//! How the services of an installation know each other: by JWTs of five
//! minutes, signed with a secret that only they hold (docs/adr/005).

use crate::clock;
use anyhow::Context;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    env,
    sync::{Arc, Mutex, PoisonError, RwLock},
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
};
use types::{Millis, Timestamp};

const VARIABLE: &str = "TRUNKLINE_SERVICE_SECRET";
const LIFETIME: Millis = 5 * 60 * 1000;
/// A token is made anew long before it ends: it may wait in a queue.
const USED_FOR: Millis = 60 * 1000;
/// Clocks of two machines may differ by so much.
const LEEWAY: Millis = 30 * 1000;
/// RFC 7518 section 3.2: a key as long as the hash, at least.
const SECRET_MIN: usize = 32;
/// Tokens that were proved and need no second proof, one per peer and minute.
const PROVED_MAX: usize = 256;
const ISSUER: &str = "trunkline";
/// Keeps these tokens apart from those of users, whatever signs them.
const AUDIENCE: &str = "trunkline-services";
const HEADER: &str = "authorization";
const BEARER: &str = "Bearer ";

/// RFC 7519; times in seconds since 1970.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// The service that asks.
    sub: String,
    iat: i64,
    exp: i64,
}

/// Who this service is among the others. Cheap to clone.
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

struct Inner {
    service: String,
    signs: EncodingKey,
    proves: Vec<DecodingKey>,
    /// What we show, and since when.
    shown: Mutex<Option<(MetadataValue<Ascii>, Timestamp)>>,
    /// Tokens of others that hold, and until when.
    proved: RwLock<HashMap<MetadataValue<Ascii>, Timestamp>>,
}

impl Credentials {
    /// `secrets`: one or, while it is being changed, several with blanks
    /// between; the first signs, each proves.
    ///
    /// # Errors
    /// None was given, or one is shorter than 32 characters.
    pub fn new(service: &str, secrets: &str) -> anyhow::Result<Credentials> {
        let secrets: Vec<&[u8]> = secrets.split_whitespace().map(str::as_bytes).collect();
        let first = secrets.first().context("the services' secret is empty")?;
        anyhow::ensure!(
            secrets.iter().all(|secret| secret.len() >= SECRET_MIN),
            "the services' secret is shorter than {SECRET_MIN} characters"
        );
        Ok(Credentials(Arc::new(Inner {
            service: service.to_owned(),
            signs: EncodingKey::from_secret(first),
            proves: secrets.iter().map(|secret| DecodingKey::from_secret(secret)).collect(),
            shown: Mutex::default(),
            proved: RwLock::default(),
        })))
    }

    /// For services that share a process: a secret that nobody else knows.
    pub fn alone() -> Credentials {
        Credentials::new("trunkline", &crate::random::token()).expect("a token is long enough")
    }

    /// From `TRUNKLINE_SERVICE_SECRET`.
    pub(crate) fn from_environment(service: &str) -> anyhow::Result<Credentials> {
        let secrets = env::var(VARIABLE).with_context(|| {
            format!("{VARIABLE} is not set: give every service the same one, such as `openssl rand -hex 32` prints")
        })?;
        Credentials::new(service, &secrets).context(VARIABLE)
    }

    /// What we show to the others, made anew every minute.
    fn token(&self, now: Timestamp) -> Result<MetadataValue<Ascii>, Status> {
        let mut shown = self.0.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, _)) = shown.as_ref().filter(|(_, since)| now.since(*since) < USED_FOR) {
            return Ok(token.clone());
        }
        let token = self.sign(now).map_err(|error| Status::internal(error.to_string()))?;
        *shown = Some((token.clone(), now));
        Ok(token)
    }

    fn sign(&self, now: Timestamp) -> anyhow::Result<MetadataValue<Ascii>> {
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: self.0.service.clone(),
            iat: now.millis() / 1000,
            exp: (now.millis() + LIFETIME) / 1000,
        };
        let jwt = encode(&Header::new(Algorithm::HS256), &claims, &self.0.signs)?;
        Ok(format!("{BEARER}{jwt}").parse()?)
    }

    /// Whether the token is one of ours and still holds.
    fn prove(&self, token: &MetadataValue<Ascii>, now: Timestamp) -> Result<(), Status> {
        let known = self.0.proved.read().unwrap_or_else(PoisonError::into_inner).get(token).copied();
        let until = match known {
            Some(until) => until,
            None => self.remember(token, now)?,
        };
        match now < until {
            true => Ok(()),
            false => Err(Status::unauthenticated("the service's token has ended: are the clocks the same?")),
        }
    }

    fn remember(&self, token: &MetadataValue<Ascii>, now: Timestamp) -> Result<Timestamp, Status> {
        let claims = token.to_str().ok().and_then(|text| self.claims(text.strip_prefix(BEARER)?));
        let claims = claims
            .ok_or_else(|| Status::unauthenticated("the token is not one of this installation's services"))?;
        let until = Timestamp::from_millis(claims.exp * 1000 + LEEWAY);
        let mut proved = self.0.proved.write().unwrap_or_else(PoisonError::into_inner);
        if proved.len() >= PROVED_MAX {
            proved.retain(|_, until| now < *until);
        }
        if proved.len() < PROVED_MAX {
            proved.insert(token.clone(), until);
        }
        Ok(until)
    }

    /// Its end is looked at by the caller, whose clock is an argument.
    fn claims(&self, jwt: &str) -> Option<Claims> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        rules.validate_exp = false;
        self.0.proves.iter().find_map(|key| Some(decode::<Claims>(jwt, key, &rules).ok()?.claims))
    }
}

/// Shows our token with each request.
#[derive(Clone)]
pub struct Shows(pub(crate) Credentials);

impl Interceptor for Shows {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert(HEADER, self.0.token(clock::now())?);
        Ok(request)
    }
}

/// Lets nobody in but the services of this installation.
#[derive(Clone)]
pub(crate) struct Proves(pub(crate) Credentials);

impl Interceptor for Proves {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let token = request.metadata().get(HEADER);
        let token = token.ok_or_else(|| Status::unauthenticated("a service shows a token"))?;
        self.0.prove(token, clock::now())?;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "the-secret-of-last-year-0123456789";
    const NEW: &str = "the-secret-of-this-year-0123456789";

    fn of(secrets: &str) -> Credentials {
        Credentials::new("acd", secrets).unwrap()
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + ms)
    }

    #[test]
    fn a_token_holds_for_five_minutes_and_is_made_anew_before() {
        let (asks, asked) = (of(NEW), of(NEW));
        let token = asks.token(at(0)).unwrap();
        assert_eq!(asks.token(at(USED_FOR - 1)).unwrap(), token);
        assert_ne!(asks.token(at(USED_FOR + 1_000)).unwrap(), token);
        for now in [0, LIFETIME, LIFETIME + LEEWAY - 1] {
            asked.prove(&token, at(now)).unwrap();
        }
        // Known from before or not, it has ended.
        for asked in [asked, of(NEW)] {
            let refused = asked.prove(&token, at(LIFETIME + LEEWAY)).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::Unauthenticated);
        }
    }

    #[test]
    fn a_stranger_and_a_users_token_are_refused() {
        let asked = of(NEW);
        let stranger = of(OLD).token(at(0)).unwrap();
        let users = encode(
            &Header::new(Algorithm::HS256),
            &serde_json::json!({ "iss": ISSUER, "sub": "usr_1", "exp": at(LIFETIME).millis() / 1000 }),
            &EncodingKey::from_secret(NEW.as_bytes()),
        );
        let users = format!("{BEARER}{}", users.unwrap()).parse().unwrap();
        for token in [stranger, users, "Bearer".parse().unwrap(), "Bearer a.b.c".parse().unwrap()] {
            assert_eq!(asked.prove(&token, at(0)).unwrap_err().code(), tonic::Code::Unauthenticated);
        }
    }

    #[test]
    fn a_secret_is_changed_without_an_interruption() {
        let (old, both, new) = (of(OLD), of(&format!("{NEW} {OLD}")), of(NEW));
        both.prove(&old.token(at(0)).unwrap(), at(1)).unwrap();
        new.prove(&both.token(at(0)).unwrap(), at(1)).unwrap();
        assert!(old.prove(&new.token(at(0)).unwrap(), at(1)).is_err());
    }

    #[test]
    fn a_weak_secret_is_refused_with_words() {
        for secret in ["", "  ", "short", &format!("{NEW} short")] {
            assert!(Credentials::new("acd", secret).is_err(), "{secret:?}");
        }
    }

    #[test]
    fn what_is_remembered_of_others_is_bounded() {
        let asked = of(NEW);
        for second in 0..2 * PROVED_MAX as i64 {
            let token = of(NEW).token(at(second * 1000)).unwrap();
            asked.prove(&token, at(second * 1000)).unwrap();
        }
        assert!(asked.0.proved.read().unwrap().len() <= PROVED_MAX);
    }
}
