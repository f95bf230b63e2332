use types::{Millis, Stage};

/// Sums from which every rate follows. What is `offered` ends in exactly one
/// of `answered`, `abandoned` and `overflowed`, or is still `in_progress`.
///
/// By queue these are stays in the queue, by number they are calls, by agent
/// they are offers. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    pub offered: u64,
    pub answered: u64,
    /// The caller hung up first.
    pub abandoned: u64,
    /// Of those, within the queue's limit for short abandons.
    pub short_abandoned: u64,
    /// Left in another way: to elsewhere (queue), served by the flow
    /// (number), taken back, device offline or media failed (agent).
    pub overflowed: u64,
    /// Of those, because the queue was full (by queue, like the next three).
    pub overflowed_full: u64,
    /// … nobody was signed in.
    pub overflowed_no_agents: u64,
    /// … the longest wait was reached.
    pub overflowed_wait_limit: u64,
    /// … the emergency switch was on.
    pub overflowed_emergency: u64,
    pub in_progress: u64,
    /// Answered within the queue's service level.
    pub within_service_level: u64,
    pub wait_answered: Millis,
    pub wait_abandoned: Millis,
    pub longest_wait: Millis,
    /// With the agent, hold included.
    pub talk: Millis,
    pub hold: Millis,
    pub wrap_up: Millis,
    /// Conversations that ended.
    pub handled: u64,
    /// Offers not answered (by agent).
    pub missed: u64,
    pub declined: u64,
    /// In any state but offline.
    pub signed_in: Millis,
    /// On a call or in wrap-up.
    pub busy: Millis,
    /// Busy, ringing or available.
    pub staffed: Millis,
    pub abandoned_greeting: u64,
    pub abandoned_menu: u64,
    pub abandoned_queue: u64,
    pub abandoned_ringing: u64,
}

impl Figures {
    pub fn add(&mut self, other: &Figures) {
        self.offered += other.offered;
        self.answered += other.answered;
        self.abandoned += other.abandoned;
        self.short_abandoned += other.short_abandoned;
        self.overflowed += other.overflowed;
        self.overflowed_full += other.overflowed_full;
        self.overflowed_no_agents += other.overflowed_no_agents;
        self.overflowed_wait_limit += other.overflowed_wait_limit;
        self.overflowed_emergency += other.overflowed_emergency;
        self.in_progress += other.in_progress;
        self.within_service_level += other.within_service_level;
        self.wait_answered += other.wait_answered;
        self.wait_abandoned += other.wait_abandoned;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.talk += other.talk;
        self.hold += other.hold;
        self.wrap_up += other.wrap_up;
        self.handled += other.handled;
        self.missed += other.missed;
        self.declined += other.declined;
        self.signed_in += other.signed_in;
        self.busy += other.busy;
        self.staffed += other.staffed;
        self.abandoned_greeting += other.abandoned_greeting;
        self.abandoned_menu += other.abandoned_menu;
        self.abandoned_queue += other.abandoned_queue;
        self.abandoned_ringing += other.abandoned_ringing;
    }

    /// offered = answered + abandoned + overflowed + missed + declined + in progress.
    pub fn balanced(&self) -> bool {
        let ended = self.answered + self.abandoned + self.overflowed + self.missed + self.declined;
        self.offered == ended + self.in_progress
    }

    pub(crate) fn abandoned_at(&mut self, stage: Stage) {
        self.abandoned += 1;
        match stage {
            Stage::Menu => self.abandoned_menu += 1,
            Stage::Queue => self.abandoned_queue += 1,
            Stage::Ringing => self.abandoned_ringing += 1,
            _ => self.abandoned_greeting += 1,
        }
    }

    /// Share answered in time: within / (offered − in progress − short abandons).
    pub fn service_level(&self) -> Option<f64> {
        let counted = self.offered - self.in_progress - self.short_abandoned;
        ratio(self.within_service_level as f64, counted as f64)
    }

    /// Average speed of answer: wait of the answered / answered, milliseconds.
    pub fn asa(&self) -> Option<f64> {
        ratio(self.wait_answered as f64, self.answered as f64)
    }

    /// Average handle time: (talk + wrap-up) / handled, milliseconds; talk
    /// includes hold.
    pub fn aht(&self) -> Option<f64> {
        ratio((self.talk + self.wrap_up) as f64, self.handled as f64)
    }

    /// Abandoned / offered.
    pub fn abandonment(&self) -> Option<f64> {
        ratio(self.abandoned as f64, self.offered as f64)
    }

    /// The same without short abandons: (abandoned − short) / (offered − short).
    pub fn abandonment_net(&self) -> Option<f64> {
        let (abandoned, offered) = (self.abandoned, self.offered);
        let short = self.short_abandoned;
        ratio((abandoned - short) as f64, (offered - short) as f64)
    }

    /// Average wait of those who abandoned, milliseconds.
    pub fn abandoned_wait(&self) -> Option<f64> {
        ratio(self.wait_abandoned as f64, self.abandoned as f64)
    }

    /// Average talk time: talk / handled, milliseconds, hold included.
    pub fn att(&self) -> Option<f64> {
        ratio(self.talk as f64, self.handled as f64)
    }

    /// Busy / staffed.
    pub fn occupancy(&self) -> Option<f64> {
        ratio(self.busy as f64, self.staffed as f64)
    }
}

/// Absent, not 0, where the formula would divide by zero.
fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A062: 3 calls (120+30, 60+0, 180+90) → 160 s.
    #[test]
    fn average_handle_time_is_talk_and_wrap_up_over_conversations() {
        let calls = [(120, 30), (60, 0), (180, 90)];
        let mut total = Figures::default();
        for (talk, wrap_up) in calls {
            total.add(&Figures {
                talk: talk * 1000,
                wrap_up: wrap_up * 1000,
                handled: 1,
                ..Figures::default()
            });
        }
        assert_eq!(total.aht(), Some(160_000.0));
    }

    #[test]
    fn what_would_divide_by_zero_is_not_available() {
        let none = Figures::default();
        let rates = [none.service_level(), none.asa(), none.aht(), none.abandonment(), none.occupancy()];
        assert_eq!(rates, [None; 5]);
    }
}
