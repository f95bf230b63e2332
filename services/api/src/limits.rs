//! How often one may ask: what costs much or guesses, by address; everything, by who asks.

use crate::{
    App,
    auth::session_cookie,
    problem::{Problem, Result},
};
use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};
use types::{Millis, Timestamp};

/// Askers remembered; at this many, those who may try again are forgotten.
const ASKERS_MAX: usize = 10_000;
const MINUTE: Millis = 60_000;

/// `burst` at once, then one every `refill`. The time is counted in microseconds.
pub struct Limit<Who> {
    burst: i64,
    refill_us: i64,
    full_at_us: Mutex<HashMap<Who, i64>>,
}

/// What an asker has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub allowed: bool,
    pub requests: i64,
    /// Until all of them are there again.
    pub seconds: i64,
}

impl<Who: Eq + Hash> Limit<Who> {
    pub fn new(burst: u32, refill: Millis) -> Limit<Who> {
        Limit { burst: i64::from(burst), refill_us: refill * 1_000, full_at_us: Mutex::default() }
    }

    pub fn per_minute(requests: u32) -> Limit<Who> {
        let requests = i64::from(requests.max(1));
        Limit { burst: requests, refill_us: MINUTE * 1_000 / requests, full_at_us: Mutex::default() }
    }

    fn take(&self, now: Timestamp, who: Who) -> Left {
        let now = now.millis() * 1_000;
        let mut all = self.full_at_us.lock().expect("no panic while the lock is held");
        if all.len() >= ASKERS_MAX {
            all.retain(|_, full_at| *full_at > now);
        }
        let before = all.get(&who).copied().unwrap_or(now).max(now);
        let next = before + self.refill_us;
        let allowed = next - now <= self.burst * self.refill_us && all.len() < ASKERS_MAX;
        if allowed {
            all.insert(who, next);
        }
        let owed = if allowed { next } else { before } - now;
        let spent = (owed + self.refill_us - 1) / self.refill_us;
        Left { allowed, requests: (self.burst - spent).max(0), seconds: (owed + 999_999) / 1_000_000 }
    }
}

/// Who asks, as far as it can be told before anybody has looked: a credential, else an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    Credential([u8; 32]),
    Address(IpAddr),
}

impl Who {
    fn of(headers: &HeaderMap, from: SocketAddr) -> Who {
        let bearer = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes().to_vec());
        match bearer.or_else(|| session_cookie(headers).map(String::into_bytes)) {
            Some(credential) => Who::Credential(Sha256::digest(credential).into()),
            None => Who::Address(from.ip().to_canonical()),
        }
    }
}

/// Counts requests and says what is left (draft-ietf-httpapi-ratelimit-headers).
/// A credential that is not valid counts for its address: guessing does not pay.
pub async fn counted(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let now = chassis::clock::now();
    let who = Who::of(request.headers(), from);
    let known = matches!(who, Who::Credential(_));
    let mut left = app.requests.take(now, who);
    let mut response = match left.allowed {
        true => next.run(request).await,
        false => too_many(),
    };
    if known && response.status() == StatusCode::UNAUTHORIZED {
        left = app.requests.take(now, Who::Address(from.ip().to_canonical()));
        if !left.allowed {
            response = too_many();
        }
    }
    tell(response.headers_mut(), &app.requests, left);
    response
}

fn too_many() -> Response {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many requests, slow down").into_response()
}

fn tell<W>(headers: &mut HeaderMap, limit: &Limit<W>, left: Left) {
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    let window = (limit.burst * limit.refill_us + 999_999) / 1_000_000;
    set("ratelimit-policy", format!("\"requests\";q={};w={window}", limit.burst));
    set("ratelimit", format!("\"requests\";r={};t={}", left.requests, left.seconds));
    if !left.allowed {
        set("retry-after", (limit.refill_us / 1_000_000).max(1).to_string());
    }
}

/// Our own machine is not limited: tests and a proxy come from there.
pub fn from_here(limit: &Limit<IpAddr>, from: SocketAddr) -> Result<()> {
    let loopback = from.ip().to_canonical().is_loopback();
    if loopback || limit.take(chassis::clock::now(), from.ip()).allowed {
        return Ok(());
    }
    let told = "too many attempts from this address, try again later";
    Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, told).coded("too_many_attempts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_runs_out_of_attempts_and_gets_them_back() {
        let limit = Limit::new(2, 1_000);
        let (now, address) = (Timestamp::from_millis(0), IpAddr::from([192, 0, 2, 1]));
        let left = limit.take(now, address);
        assert_eq!(left, Left { allowed: true, requests: 1, seconds: 1 });
        assert!(limit.take(now, address).allowed);
        assert_eq!(limit.take(now, address), Left { allowed: false, requests: 0, seconds: 2 });
        assert!(limit.take(now + 1_000, address).allowed);
    }

    #[test]
    fn a_fast_limit_refills_in_less_than_a_millisecond() {
        let limit = Limit::per_minute(120_000);
        let now = Timestamp::from_millis(0);
        (0..120_000).for_each(|_| assert!(limit.take(now, 1).allowed));
        assert!(!limit.take(now, 1).allowed);
        assert!(limit.take(now + 1, 1).allowed);
    }
}
