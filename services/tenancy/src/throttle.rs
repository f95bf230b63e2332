//! How often one e-mail address may be tried.

use std::{collections::HashMap, sync::Mutex};
use types::{Millis, Timestamp};

/// Addresses remembered; beyond it the longest quiet ones are forgotten.
const SUBJECTS_MAX: usize = 10_000;

/// A bucket per subject: `burst` attempts at once, then one every `refill`.
pub struct Throttle {
    burst: Millis,
    refill: Millis,
    /// When the subject's bucket is full again.
    full_at: Mutex<HashMap<String, Timestamp>>,
}

impl Throttle {
    pub fn new(burst: u32, refill: Millis) -> Throttle {
        Throttle { burst: i64::from(burst), refill, full_at: Mutex::default() }
    }

    /// Takes one attempt; false when there is none left.
    pub fn take(&self, now: Timestamp, subject: &str) -> bool {
        let mut all = self.full_at.lock().expect("no panic while the lock is held");
        if all.len() >= SUBJECTS_MAX {
            forget(&mut all, now);
        }
        let full_at = all.get(subject).copied().unwrap_or(now).max(now);
        let next = full_at + self.refill;
        if next - now > self.burst * self.refill {
            return false;
        }
        all.insert(subject.to_owned(), next);
        true
    }

    /// A success: earlier attempts count no more.
    pub fn forgive(&self, subject: &str) {
        self.full_at.lock().expect("no panic while the lock is held").remove(subject);
    }
}

fn forget(all: &mut HashMap<String, Timestamp>, now: Timestamp) {
    all.retain(|_, full_at| *full_at > now);
    while all.len() >= SUBJECTS_MAX {
        let quietest = all.iter().min_by_key(|(_, at)| **at).map(|(subject, _)| subject.clone());
        quietest.and_then(|subject| all.remove(&subject));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn after_a_burst_attempts_come_back_one_by_one() {
        let throttle = Throttle::new(3, 1_000);
        assert_eq!((0..5).filter(|_| throttle.take(NOW, "ana")).count(), 3);
        assert!(throttle.take(NOW, "ben"));
        assert!(throttle.take(NOW + 1_000, "ana"));
        assert!(!throttle.take(NOW + 1_000, "ana"));
    }

    #[test]
    fn a_success_clears_the_slate() {
        let throttle = Throttle::new(1, 1_000);
        assert!(throttle.take(NOW, "ana") && !throttle.take(NOW, "ana"));
        throttle.forgive("ana");
        assert!(throttle.take(NOW, "ana"));
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::new(1, 1_000);
        (0..SUBJECTS_MAX + 50).for_each(|i| assert!(throttle.take(NOW, &i.to_string())));
        assert!(throttle.full_at.lock().unwrap().len() <= SUBJECTS_MAX);
    }
}
