//! The guard against scanners: a few refusals, then silence.
//!
//! A source that we do not know gets an answer the first few times, so that an
//! operator with a wrong address sees 403 and not a void. After that we are
//! silent: an answer only tells a scanner that somebody is here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// The limits of a [`Guard`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Refusals a source is told of in one window.
    pub answers_max: u32,
    /// How long refusals are counted, and the first silence; each further one is
    /// twice as long, up to 256 windows.
    pub window: Duration,
    /// Sources remembered per window.
    pub sources_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { answers_max: 5, window: Duration::from_secs(300), sources_max: 100_000 }
    }
}

/// What a bad request deserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refuse {
    /// Say so.
    Answer,
    /// Say nothing.
    Silently,
}

/// Counts refusals by source address. Two generations of a bounded table make
/// forgetting O(1), so a flood of forged sources costs no sweep.
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    current: HashMap<IpAddr, u32>,
    previous: HashMap<IpAddr, u32>,
    since: Duration,
    bans: HashMap<IpAddr, Ban>,
}

/// Silence towards a source that used up its answers: one window, and twice as
/// long each time it comes again.
#[derive(Debug, Clone, Copy)]
struct Ban {
    until: Duration,
    times: u32,
}

/// The longest silence, in windows; a source that behaved for as long after a
/// ban is a stranger again.
const BAN_MAX: u32 = 256;

impl Guard {
    /// A guard that knows nobody yet.
    pub fn new(limits: Limits) -> Self {
        let (current, previous) = (HashMap::new(), HashMap::new());
        Self { limits, current, previous, since: Duration::ZERO, bans: HashMap::new() }
    }

    /// A request from this source must be refused: with an answer or silently?
    pub fn refuse(&mut self, now: Duration, source: IpAddr) -> Refuse {
        self.turn(now);
        let before = self.count(source);
        let count = before.saturating_add(1);
        self.current.insert(source, count);
        if count >= self.limits.answers_max {
            self.ban(now, source);
        }
        if count <= self.limits.answers_max { Refuse::Answer } else { Refuse::Silently }
    }

    /// Whether the source has used up its answers: its packets need not even be
    /// parsed.
    pub fn is_silent(&mut self, now: Duration, source: IpAddr) -> bool {
        self.turn(now);
        self.count(source) >= self.limits.answers_max
            || self.bans.get(&source).is_some_and(|ban| ban.until > now)
    }

    fn ban(&mut self, now: Duration, source: IpAddr) {
        if self.bans.len() >= self.limits.sources_max && !self.bans.contains_key(&source) {
            return;
        }
        let ban = self.bans.entry(source).or_insert(Ban { until: Duration::ZERO, times: 0 });
        if ban.until <= now {
            let windows = 1u32.checked_shl(ban.times).unwrap_or(BAN_MAX).min(BAN_MAX);
            *ban = Ban { until: now + self.limits.window * windows, times: ban.times + 1 };
        }
    }

    /// The source proved itself (a valid digest, or it became a trunk).
    pub fn forgive(&mut self, source: IpAddr) {
        self.current.remove(&source);
        self.previous.remove(&source);
        self.bans.remove(&source);
    }

    /// Sources remembered now.
    pub fn len(&self) -> usize {
        self.current.len() + self.previous.len()
    }

    /// Whether no source is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn count(&self, source: IpAddr) -> u32 {
        let found = self.current.get(&source).or_else(|| self.previous.get(&source));
        found.copied().unwrap_or(0)
    }

    fn turn(&mut self, now: Duration) {
        let full = self.current.len() >= self.limits.sources_max;
        let age = now.saturating_sub(self.since);
        if !full && age < self.limits.window {
            return;
        }
        let behaved = self.limits.window * BAN_MAX;
        self.bans.retain(|_, ban| ban.until + behaved > now);
        self.previous = std::mem::take(&mut self.current);
        if age >= 2 * self.limits.window {
            self.previous.clear();
        }
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCANNER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_stranger_hears_403_a_few_times_and_then_nothing() {
        let mut guard = Guard::new(Limits::default());
        for second in 0..5 {
            assert!(!guard.is_silent(at(second), SCANNER));
            assert_eq!(guard.refuse(at(second), SCANNER), Refuse::Answer);
        }
        assert!(guard.is_silent(at(5), SCANNER));
        assert_eq!(guard.refuse(at(6), SCANNER), Refuse::Silently);
        assert!(!guard.is_silent(at(7), "198.51.100.1".parse().unwrap()));
    }

    #[test]
    fn silence_ends_when_the_scanner_stops() {
        let mut guard = Guard::new(Limits::default());
        for _ in 0..9 {
            guard.refuse(at(1), SCANNER);
        }
        assert!(guard.is_silent(at(301), SCANNER));
        assert!(!guard.is_silent(at(1000), SCANNER));
    }

    #[test]
    fn who_comes_again_is_silenced_for_longer() {
        let mut guard = Guard::new(Limits::default());
        let offends = |guard: &mut Guard, second| {
            (0..9).for_each(|_| {
                guard.refuse(at(second), SCANNER);
            })
        };
        offends(&mut guard, 1);
        assert!(!guard.is_silent(at(1_000), SCANNER));
        offends(&mut guard, 1_000);
        assert!(guard.is_silent(at(1_590), SCANNER), "two windows");
        assert!(!guard.is_silent(at(2_000), SCANNER));
        offends(&mut guard, 2_000);
        assert!(guard.is_silent(at(3_190), SCANNER), "four");
        assert!(!guard.is_silent(at(3_300), SCANNER));
    }

    #[test]
    fn who_proves_himself_is_forgiven() {
        let mut guard = Guard::new(Limits::default());
        for _ in 0..9 {
            guard.refuse(at(1), SCANNER);
        }
        guard.forgive(SCANNER);
        assert_eq!(guard.refuse(at(2), SCANNER), Refuse::Answer);
    }

    #[test]
    fn a_flood_of_forged_sources_does_not_grow_the_table() {
        let limits = Limits { sources_max: 100, ..Limits::default() };
        let mut guard = Guard::new(limits);
        for n in 0..100_000u32 {
            guard.refuse(at(1), IpAddr::V4(n.into()));
            assert!(guard.len() <= 201);
        }
    }
}
