//! One server that a gateway's name leads to: whether it answers.

use std::time::Duration;

use sip::Flow;
use sip::locate::Target;

use super::Pace;

/// One address of a gateway, probed by itself.
#[derive(Debug)]
pub struct Server {
    pub target: Target,
    pub flow: Flow,
    /// The last probe was answered; nobody knows before the first.
    up: Option<bool>,
    /// It answered a probe once: its silence says something.
    answers_probes: bool,
    probe_at: Duration,
    probe_again: Duration,
}

impl Server {
    pub fn new(target: Target, flow: Flow, pace: &Pace) -> Self {
        let (probe_at, probe_again) = (Duration::ZERO, pace.again);
        Self { target, flow, up: None, answers_probes: false, probe_at, probe_again }
    }

    pub fn is_up(&self) -> bool {
        self.up == Some(true)
    }

    pub fn is_down(&self) -> bool {
        self.up == Some(false)
    }

    /// Whether a probe is to be sent now; none before it counts as unanswered.
    pub fn asks(&mut self, now: Duration, pace: &Pace) -> bool {
        let due = self.probe_at <= now;
        if due {
            self.probe_at = now + pace.timeout.max(pace.every);
        }
        due
    }

    /// A call found it silent or failing: it is asked at once.
    pub fn suspect(&mut self, now: Duration) {
        if !self.is_down() {
            self.probe_at = now;
        }
    }

    /// Some carriers leave every OPTIONS without an answer: one of them that we
    /// are registered with lives. `true`: its state changed.
    pub fn probed(&mut self, now: Duration, answered: bool, registered: bool, pace: &Pace) -> bool {
        self.answers_probes |= answered;
        let lives = answered || (registered && !self.answers_probes);
        let changed = self.up.replace(lives) != Some(lives);
        self.probe_at = now + if lives { pace.every } else { self.probe_again };
        self.probe_again = if lives { pace.again } else { (self.probe_again * 2).min(pace.again_max) };
        changed
    }
}
