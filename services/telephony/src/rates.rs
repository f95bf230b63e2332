//! How many calls may begin in a second: by a trunk, and of one company. A carrier
//! whose limit is passed refuses calls or locks the account, and a flood by one
//! trunk must leave room for the others.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use types::Timestamp;

/// Those that are remembered; who has been silent for a second is forgotten first.
const KEPT_MAX: usize = 20_000;
/// A second's worth of calls may come at once.
const SECOND_US: i64 = 1_000_000;

/// When the next call may begin, by whose it is (the generic cell rate algorithm,
/// ITU-T I.371).
#[derive(Debug)]
pub struct Rates<K: Hash + Eq>(Mutex<HashMap<K, i64>>);

impl<K: Hash + Eq> Default for Rates<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone> Rates<K> {
    /// Whether one more call may begin now, where `per_second` may; 0: none may.
    pub fn allow(&self, now: Timestamp, of: &K, per_second: u32) -> bool {
        if per_second == 0 {
            return false;
        }
        let (now, step) = (now.millis() * 1_000, SECOND_US / i64::from(per_second));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT_MAX && !all.contains_key(of) {
            all.retain(|_, next| *next > now);
        }
        if all.len() >= KEPT_MAX && !all.contains_key(of) {
            return false;
        }
        let next = all.entry(of.clone()).or_insert(now);
        let due = (*next).max(now);
        let allowed = due - now <= SECOND_US - step;
        if allowed {
            *next = due + step;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    #[test]
    fn so_many_begin_in_a_second_and_the_next_when_its_time_has_come() {
        let rates = Rates::default();
        let begun = (0..30).filter(|_| rates.allow(at(0), &"trunk", 10)).count();
        assert_eq!(begun, 10);
        assert!(rates.allow(at(0), &"another", 10), "each has its own");
        assert!(!rates.allow(at(99), &"trunk", 10));
        assert!(rates.allow(at(100), &"trunk", 10) && !rates.allow(at(100), &"trunk", 10));
        let begun = (0..10_000).filter(|ms| rates.allow(at(1_000 + ms), &"trunk", 10)).count();
        assert_eq!(begun, 99 + 9, "one in each tenth of a second, and nine that were saved");
    }

    #[test]
    fn nobody_is_remembered_for_ever() {
        let rates = Rates::default();
        assert!((0..KEPT_MAX).all(|n| rates.allow(at(0), &n, 1)));
        assert!(!rates.allow(at(0), &KEPT_MAX, 1), "full of those who called just now");
        assert!(rates.allow(at(1_000), &KEPT_MAX, 1));
        assert!(!rates.allow(at(0), &0, 0));
    }
}
