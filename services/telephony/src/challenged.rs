//! Who was challenged and came again without an answer. Some phones and gateways
//! give up when one of several challenges is by an algorithm that they do not know,
//! though it is to be skipped (RFC 8760 §2.4): those are challenged by MD5 alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use sip::digest::Algorithm;

/// Names remembered, each at its address.
const KEPT_MAX: usize = 20_000;
const KEPT_FOR: Duration = Duration::from_secs(86_400);
/// When there are too many they are looked through so often at most.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// By name and address, until when.
#[derive(Debug, Default)]
pub struct Challenged {
    names: HashMap<(String, IpAddr), Duration>,
    sweep_at: Duration,
}

impl Challenged {
    /// One more challenge without an answer; whether there was one before.
    pub fn again(&mut self, now: Duration, name: &str, from: IpAddr) -> bool {
        if self.names.len() >= KEPT_MAX && self.sweep_at <= now {
            self.sweep_at = now + SWEEP_EVERY;
            self.names.retain(|_, until| *until > now);
        }
        let key = (name.to_owned(), from);
        if self.names.len() >= KEPT_MAX && !self.names.contains_key(&key) {
            return false;
        }
        self.names.insert(key, now + KEPT_FOR).is_some_and(|until| until > now)
    }

    /// It answered by this algorithm: by a strong one it may go on.
    pub fn answered(&mut self, name: &str, from: IpAddr, algorithm: Algorithm) {
        if algorithm != Algorithm::Md5 {
            self.names.remove(&(name.to_owned(), from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn who_does_not_answer_is_asked_simply_and_who_can_do_better_is_not() {
        let (mut challenged, at) = (Challenged::default(), Duration::from_secs);
        assert!(!challenged.again(at(0), "ana", HERE));
        assert!(challenged.again(at(30), "ana", HERE));
        assert!(!challenged.again(at(30), "ana", "192.0.2.1".parse().unwrap()), "elsewhere it is another");
        challenged.answered("ana", HERE, Algorithm::Md5);
        assert!(challenged.again(at(60), "ana", HERE), "it can do no better");
        challenged.answered("ana", HERE, Algorithm::Sha256);
        assert!(!challenged.again(at(90), "ana", HERE));
        assert!(!challenged.again(at(90) + KEPT_FOR, "ana", HERE), "a day later it may have learnt");
    }

    #[test]
    fn strangers_do_not_fill_the_memory() {
        let mut challenged = Challenged::default();
        for n in 0..2 * KEPT_MAX {
            challenged.again(Duration::ZERO, &n.to_string(), HERE);
        }
        assert_eq!(challenged.names.len(), KEPT_MAX);
    }
}
