//! Whether a party that should be heard is: silence within seconds, and after
//! longer that its media is lost.

use std::time::Duration;

use rtp::{Packet, packet::COMFORT_NOISE};

/// What is newly so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Somebody should hear the party and nothing comes.
    Silent,
    /// It is heard again, or nobody is to hear it any more.
    Over,
    /// Nothing came for so long that its media counts as lost.
    Lost,
}

/// After how long nothing.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub silent: Duration,
    pub lost: Duration,
}

/// One party, watched in the direction to us.
#[derive(Debug, Default)]
pub struct Watch {
    /// When the last packet came, or since when it means to send again.
    heard_at: Option<Duration>,
    /// Since when somebody should hear it.
    wanted_since: Option<Duration>,
    /// The last packet's sequence number.
    last: Option<u16>,
    /// It said by comfort noise (RFC 3389) that it will send nothing.
    rests: bool,
    /// It was silent once and had counted no packet meanwhile: it sends none
    /// while nobody speaks, and its silence says nothing.
    pauses: bool,
    silent: bool,
    lost: bool,
}

impl Watch {
    /// A packet of the party came, of whatever kind.
    pub fn heard(&mut self, now: Duration, packet: &Packet<'_>) {
        if self.silent && self.last.is_some_and(|last| last.wrapping_add(1) == packet.sequence) {
            self.pauses = true;
        }
        (self.heard_at, self.last, self.lost) = (Some(now), Some(packet.sequence), false);
        self.rests = packet.payload_type == COMFORT_NOISE;
    }

    /// Whether anything came yet.
    pub fn is_up(&self) -> bool {
        self.heard_at.is_some()
    }

    /// Whether somebody is to hear it from now on.
    pub fn wanted(&mut self, now: Duration, on: bool) {
        self.wanted_since = on.then(|| self.wanted_since.unwrap_or(now));
    }

    /// Its transport gave up on it; `true` when that is new.
    pub fn gave_up(&mut self) -> bool {
        !std::mem::replace(&mut self.lost, true)
    }

    /// What is newly so; `talks`: it means to send.
    pub fn look(&mut self, now: Duration, talks: bool, limits: Limits) -> Option<Change> {
        if !talks {
            // The time begins when it comes back.
            self.heard_at = self.heard_at.map(|_| now);
            self.wanted_since = self.wanted_since.map(|_| now);
        }
        let silent = talks && self.is_silent(now, limits.silent);
        if silent != self.silent {
            self.silent = silent;
            return Some(if silent { Change::Silent } else { Change::Over });
        }
        let lost = self.heard_at.is_some_and(|at| now.saturating_sub(at) >= limits.lost);
        (lost && self.gave_up()).then_some(Change::Lost)
    }

    fn is_silent(&self, now: Duration, after: Duration) -> bool {
        let Some(wanted) = self.wanted_since.filter(|_| !self.rests && !self.pauses) else { return false };
        let since = self.heard_at.map_or(wanted, |heard| heard.max(wanted));
        now.saturating_sub(since) >= after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { silent: Duration::from_secs(2), lost: Duration::from_secs(30) };

    fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn packet(payload_type: u8, sequence: u16) -> Packet<'static> {
        Packet { marker: false, payload_type, sequence, timestamp: 0, ssrc: 1, payload: &[] }
    }

    fn heard(watch: &mut Watch, now: Duration, sequence: u16) {
        watch.heard(now, &packet(8, sequence));
    }

    #[test]
    fn who_is_to_be_heard_and_never_was_is_silent_after_the_limit() {
        let mut watch = Watch::default();
        assert_eq!(watch.look(s(60), true, LIMITS), None, "nobody is to hear it");
        watch.wanted(s(60), true);
        assert_eq!(watch.look(s(61), true, LIMITS), None);
        assert_eq!(watch.look(s(62), true, LIMITS), Some(Change::Silent));
        assert_eq!(watch.look(s(63), true, LIMITS), None, "told once");
        heard(&mut watch, s(64), 1);
        assert_eq!(watch.look(s(64), true, LIMITS), Some(Change::Over));
    }

    #[test]
    fn a_silence_that_lasts_becomes_a_loss() {
        let mut watch = Watch::default();
        watch.wanted(s(0), true);
        heard(&mut watch, s(1), 1);
        assert_eq!(watch.look(s(3), true, LIMITS), Some(Change::Silent));
        assert_eq!(watch.look(s(31), true, LIMITS), Some(Change::Lost));
        assert_eq!(watch.look(s(32), true, LIMITS), None);
        heard(&mut watch, s(40), 2_000);
        assert_eq!(watch.look(s(40), true, LIMITS), Some(Change::Over));
        assert_eq!(watch.look(s(42), true, LIMITS), Some(Change::Silent), "packets were lost: not a pause");
    }

    #[test]
    fn who_holds_or_is_not_to_be_heard_is_not_silent() {
        let mut watch = Watch::default();
        watch.wanted(s(0), true);
        heard(&mut watch, s(1), 1);
        assert_eq!(watch.look(s(20), false, LIMITS), None, "it holds");
        assert_eq!(watch.look(s(21), true, LIMITS), None, "it came back a second ago");
        assert_eq!(watch.look(s(22), true, LIMITS), Some(Change::Silent));
        watch.wanted(s(22), false);
        assert_eq!(watch.look(s(22), true, LIMITS), Some(Change::Over), "muted: nobody listens");
    }

    #[test]
    fn comfort_noise_is_no_silence() {
        let mut watch = Watch::default();
        watch.wanted(s(0), true);
        watch.heard(s(1), &packet(COMFORT_NOISE, 1));
        assert_eq!(watch.look(s(20), true, LIMITS), None);
        heard(&mut watch, s(21), 2);
        assert_eq!(watch.look(s(23), true, LIMITS), Some(Change::Silent));
    }

    #[test]
    fn a_phone_that_pauses_while_nobody_speaks_is_believed_from_the_second_time_on() {
        let mut watch = Watch::default();
        watch.wanted(s(0), true);
        heard(&mut watch, s(1), 65_535);
        assert_eq!(watch.look(s(3), true, LIMITS), Some(Change::Silent));
        heard(&mut watch, s(4), 0);
        assert_eq!(watch.look(s(4), true, LIMITS), Some(Change::Over));
        assert_eq!(watch.look(s(9), true, LIMITS), None);
        assert_eq!(watch.look(s(34), true, LIMITS), Some(Change::Lost));
    }
}
