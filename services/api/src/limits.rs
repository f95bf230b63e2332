//! How often one address may try what costs much or guesses.

use crate::problem::{Problem, Result};
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Mutex,
};
use types::{Millis, Timestamp};

/// Addresses remembered; at this many, those that may try again are forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// `burst` at once, then one every `refill`.
pub struct Limit {
    burst: Millis,
    refill: Millis,
    full_at: Mutex<HashMap<IpAddr, Timestamp>>,
}

impl Limit {
    pub fn new(burst: u32, refill: Millis) -> Limit {
        Limit { burst: i64::from(burst), refill, full_at: Mutex::default() }
    }

    fn take(&self, now: Timestamp, address: IpAddr) -> bool {
        let mut all = self.full_at.lock().expect("no panic while the lock is held");
        if all.len() >= ADDRESSES_MAX {
            all.retain(|_, full_at| *full_at > now);
        }
        let next = all.get(&address).copied().unwrap_or(now).max(now) + self.refill;
        let fits = next - now <= self.burst * self.refill && all.len() < ADDRESSES_MAX;
        if fits {
            all.insert(address, next);
        }
        fits
    }
}

/// Our own machine is not limited: tests and a proxy come from there.
pub fn from_here(limit: &Limit, from: SocketAddr) -> Result<()> {
    if from.ip().to_canonical().is_loopback() || limit.take(chassis::clock::now(), from.ip()) {
        return Ok(());
    }
    Err(Problem::new(
        http::StatusCode::TOO_MANY_REQUESTS,
        "too many attempts from this address, try again later",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_runs_out_of_attempts_and_gets_them_back() {
        let limit = Limit::new(2, 1_000);
        let (now, address) = (Timestamp::from_millis(0), IpAddr::from([192, 0, 2, 1]));
        assert!(limit.take(now, address) && limit.take(now, address) && !limit.take(now, address));
        assert!(limit.take(now + 1_000, address));
    }
}
