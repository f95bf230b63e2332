//! One continuous stream to a party, made of whatever it hears: packets relayed
//! from one source or another, and frames that we make ourselves.

use std::time::Duration;

use crate::{Packet, RATE, samples_in};

/// What a packet of the stream bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The lower 16 bits travel; SRTP needs the upper ones too.
    pub sequence: u64,
    pub timestamp: u32,
    /// Set at the first packet after a gap (RFC 3551 section 4.1).
    pub marker: bool,
}

/// A source that is being relayed and how far its numbers are from ours.
#[derive(Debug, Clone, Copy)]
struct Splice {
    source: usize,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    base: u64,
    offset: u32,
}

/// Sequence and clock of a stream that outlives its sources.
#[derive(Debug, Clone)]
pub struct Outbound {
    pub ssrc: u32,
    next: u64,
    /// Timestamp behind the last sample sent.
    end: u32,
    /// When the last packet was sent; `None` before the first.
    at: Option<Duration>,
    splice: Option<Splice>,
}

/// A source that jumps further than this is spliced anew.
const TIMESTAMP_JUMP: u32 = 10 * RATE;
const SEQUENCE_JUMP: u16 = 3_000;
/// Frames that come this late or early still continue the last one.
const SLACK: i64 = RATE as i64 / 16;

impl Outbound {
    /// A stream that begins at random values (RFC 3550 section 5.1).
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        let next = u64::from(sequence & 0x7fff) + 1;
        Self { ssrc, next, end: timestamp, at: None, splice: None }
    }

    /// The RTP time at `now`, for reports.
    pub fn timestamp(&self, now: Duration) -> u32 {
        let idle = self.at.map_or(0, |at| samples_in(now.saturating_sub(at)) as u32);
        self.end.wrapping_add(idle)
    }

    /// Relays a packet of `samples` that `source` sent; loss and order are kept.
    pub fn relay(&mut self, now: Duration, source: usize, packet: &Packet<'_>, samples: u32) -> Stamp {
        let known =
            self.splice.filter(|s| s.source == source && s.ssrc == packet.ssrc && s.continued_by(packet));
        let marker = known.is_none();
        let splice = known.unwrap_or_else(|| self.splice_in(now, source, packet));
        let step = i64::from(packet.sequence.wrapping_sub(splice.sequence) as i16);
        let sequence = splice.base.saturating_add_signed(step);
        let timestamp = packet.timestamp.wrapping_add(splice.offset);
        if sequence >= self.next {
            self.next = sequence + 1;
            self.end = timestamp.wrapping_add(samples);
            let (s, t) = (packet.sequence, packet.timestamp);
            self.splice = Some(Splice { sequence: s, timestamp: t, base: sequence, ..splice });
        }
        self.note_sent(now);
        Stamp { sequence, timestamp, marker: marker || packet.marker }
    }

    fn splice_in(&self, now: Duration, source: usize, packet: &Packet<'_>) -> Splice {
        let timestamp = self.next_timestamp(now).0;
        Splice {
            source,
            ssrc: packet.ssrc,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            base: self.next,
            offset: timestamp.wrapping_sub(packet.timestamp),
        }
    }

    /// A frame of our own, to be sent at once.
    pub fn frame(&mut self, now: Duration, samples: u32) -> Stamp {
        self.splice = None;
        let (timestamp, marker) = self.next_timestamp(now);
        let sequence = self.next;
        self.next += 1;
        self.end = timestamp.wrapping_add(samples);
        self.note_sent(now);
        Stamp { sequence, timestamp, marker }
    }

    /// Goes on where the last packet ended, or as much later as time has passed.
    fn next_timestamp(&self, now: Duration) -> (u32, bool) {
        let Some(at) = self.at else { return (self.end, true) };
        let idle = samples_in(now.saturating_sub(at)) as i64 - crate::FRAME as i64;
        if idle.abs() <= SLACK {
            return (self.end, false);
        }
        (self.end.wrapping_add(idle.max(0) as u32), idle > 0)
    }

    fn note_sent(&mut self, now: Duration) {
        self.at = Some(now);
    }
}

impl Splice {
    fn continued_by(&self, packet: &Packet<'_>) -> bool {
        let steps = packet.sequence.wrapping_sub(self.sequence) as i16;
        let time = packet.timestamp.wrapping_sub(self.timestamp) as i32;
        steps.unsigned_abs() < SEQUENCE_JUMP && time.unsigned_abs() < TIMESTAMP_JUMP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn packet(ssrc: u32, n: u16) -> Packet<'static> {
        let timestamp = 5_000 + u32::from(n) * 160;
        Packet { marker: false, payload_type: 8, sequence: n, timestamp, ssrc, payload: &[] }
    }

    #[test]
    fn a_relayed_stream_keeps_its_losses_and_its_order() {
        let mut out = Outbound::new(1, 99, 0);
        let stamps = [10, 11, 13, 12].map(|n| out.relay(ms(u64::from(n) * 20), 0, &packet(7, n), 160));
        assert_eq!(stamps.map(|s| s.sequence), [100, 101, 103, 102]);
        assert_eq!(stamps.map(|s| s.timestamp), [0, 160, 480, 320]);
        assert_eq!(stamps.map(|s| s.marker), [true, false, false, false]);
    }

    #[test]
    fn a_change_of_source_is_one_stream_to_the_listener() {
        let mut out = Outbound::new(1, 99, 0);
        let prompt = out.frame(ms(0), 160);
        let caller = out.relay(ms(20), 0, &packet(7, 500), 160);
        let agent = out.relay(ms(40), 1, &packet(8, 9), 160);
        let music = out.frame(ms(60), 160);
        assert_eq!([prompt, caller, agent, music].map(|s| s.sequence), [100, 101, 102, 103]);
        assert_eq!([prompt, caller, agent, music].map(|s| s.timestamp), [0, 160, 320, 480]);
    }

    #[test]
    fn silence_in_between_moves_the_clock_and_sets_the_marker() {
        let mut out = Outbound::new(1, 0, 0);
        out.frame(ms(0), 160);
        let later = out.frame(ms(1_020), 160);
        assert_eq!((later.timestamp, later.marker), (160 + 8_000, true));
    }

    #[test]
    fn sequence_numbers_roll_over_and_go_on() {
        let mut out = Outbound::new(1, 0, 0);
        out.relay(ms(0), 0, &packet(7, u16::MAX), 160);
        let after = out.relay(ms(20), 0, &packet(7, 0).with_timestamp(5_000 + 65_536 * 160), 160);
        assert_eq!((after.sequence, after.timestamp), (2, 160));
    }

    impl Packet<'_> {
        fn with_timestamp(self, timestamp: u32) -> Self {
            Self { timestamp, ..self }
        }
    }
}
