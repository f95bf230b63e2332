//! How long a caller will wait: an estimate that watches how often it was right.
//!
//! Agents who are busy with this queue get free at the rate agents ÷ handle
//! time. Until the n-th has got free takes n such spans on average, and with
//! 80 % probability about n + 0.84 √n (the normal approximation of Erlang's
//! distribution). What this leaves out (callers who give up, agents with other
//! queues, talks that are not exponential) shows in how often the promise was
//! kept, and a factor follows: each promise that was broken raises it, each
//! that was kept lowers it a quarter as much, so that it comes to rest where 80
//! of 100 are kept (adaptive conformal inference: Gibbs and Candès, 2021).

use types::Millis;

/// The share of promises that are to be kept.
const KEPT: f64 = 0.8;
/// The 80th percentile of the normal distribution.
const Z: f64 = 0.84;
/// How much one promise moves the factor, at first and in the long run.
const STEPS: (f64, f64) = (0.2, 0.04);
/// How much one handle time counts in the long run.
const WEIGHT: f64 = 0.02;
/// Before the first conversation has ended.
const HANDLE_AT_FIRST: f64 = 180_000.0;
const FACTORS: (f64, f64) = (0.05, 20.0);

#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    /// Average time from an offer until the agent is free again, milliseconds.
    handle: f64,
    handled: u32,
    factor: f64,
    judged: u32,
}

impl Default for Expectation {
    fn default() -> Expectation {
        Expectation { handle: HANDLE_AT_FIRST, handled: 0, factor: 1.0, judged: 0 }
    }
}

impl Expectation {
    /// An agent is free again after so long.
    pub(crate) fn handled(&mut self, span: Millis) {
        self.handled = self.handled.saturating_add(1);
        let weight = WEIGHT.max(1.0 / f64::from(self.handled));
        self.handle += weight * (span.max(0) as f64 - self.handle);
    }

    /// What 80 of 100 callers at this place will not wait longer than, as it
    /// is said: in steps that a person can follow. `None`: nobody serves them.
    pub(crate) fn promise(&self, position: usize, agents: usize) -> Option<Millis> {
        let places = position as f64;
        let span = self.handle / agents as f64 * (places + Z * places.sqrt()) * self.factor;
        (agents > 0 && position > 0).then(|| said(span))
    }

    /// A promise was kept, or not.
    pub(crate) fn judge(&mut self, kept: bool) {
        self.judged = self.judged.saturating_add(1);
        let step = STEPS.1.max(STEPS.0 / f64::from(self.judged).sqrt());
        let broken = if kept { 0.0 } else { 1.0 };
        self.factor = (self.factor * (step * (broken - (1.0 - KEPT))).exp()).clamp(FACTORS.0, FACTORS.1);
    }
}

/// Steps of 10 s up to a minute, of 30 s up to five, then of a minute.
fn said(span: f64) -> Millis {
    let step = match span {
        s if s < 60_000.0 => 10_000.0,
        s if s < 300_000.0 => 30_000.0,
        _ => 60_000.0,
    };
    ((span / step).round().max(1.0) * step) as Millis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_said_in_steps() {
        let said = [1_000.0, 26_000.0, 44_000.0, 70_000.0, 80_000.0, 290_000.0, 400_000.0].map(said);
        assert_eq!(said, [10_000, 30_000, 40_000, 60_000, 90_000, 300_000, 420_000]);
    }

    #[test]
    fn who_stands_further_back_waits_longer_and_more_agents_make_it_shorter() {
        let mut expected = Expectation::default();
        (0..100).for_each(|_| expected.handled(200_000));
        let promise = |position, agents| expected.promise(position, agents).unwrap();
        assert!(promise(1, 5) < promise(2, 5) && promise(2, 10) < promise(2, 5));
        assert_eq!(promise(4, 10), 120_000, "4 + 1.68 spans of 20 s");
        assert_eq!(expected.promise(1, 0), None);
    }

    #[test]
    fn broken_promises_make_it_more_careful() {
        let mut expected = Expectation::default();
        let before = expected.promise(10, 10).unwrap();
        (0..20).for_each(|_| expected.judge(false));
        let careful = expected.promise(10, 10).unwrap();
        assert!(careful > 2 * before);
        (0..400).for_each(|_| expected.judge(true));
        assert!(expected.promise(10, 10).unwrap() < careful / 2);
    }
}
