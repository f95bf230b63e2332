//! What a receiver knows of one stream: order, duplicates, loss and jitter.

use std::time::Duration;

use crate::{Packet, RATE};

/// How far a sequence number may jump before it means a new start (RFC 3550 A.1).
const MAX_DROPOUT: i64 = 3_000;
/// Packets behind the newest that are still told from duplicates.
const WINDOW: i64 = 64;

/// What a packet is to its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Newer than everything before it.
    Next,
    /// Out of order, seen for the first time.
    Late,
    /// Seen already, or too old to tell.
    Duplicate,
    /// The stream began, or began anew (other SSRC or a jump).
    Restart,
}

/// Receiver state of one stream; follows a change of SSRC.
#[derive(Debug, Default, Clone)]
pub struct Receiver {
    started: bool,
    ssrc: u32,
    first: i64,
    highest: i64,
    window: u64,
    received: u64,
    transit: i64,
    jitter_q4: u64,
    expected_before: i64,
    received_before: u64,
    /// Received and lost of the streams before this one.
    earlier: (u64, u64),
}

/// The figures of a report block (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    pub ssrc: u32,
    /// Loss since the report before, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the stream began; negative when duplicates came.
    pub lost: i32,
    /// Roll-over count in the upper half, highest sequence in the lower.
    pub highest_sequence: u32,
    /// Inter-arrival jitter in RTP clock units (A.8).
    pub jitter: u32,
    /// Middle 32 bits of the time in the last sender report that came; 0: none did.
    pub last_report: u32,
    /// Time since it came, in 1/65536 s.
    pub since_report: u32,
}

impl Receiver {
    /// Takes account of a packet that came at `now`.
    pub fn receive(&mut self, now: Duration, packet: &Packet<'_>) -> Arrival {
        let arrival = self.order(packet);
        if arrival != Arrival::Duplicate {
            self.received += 1;
            self.note_transit(now, packet.timestamp, arrival);
        }
        arrival
    }

    fn order(&mut self, packet: &Packet<'_>) -> Arrival {
        if !self.started || packet.ssrc != self.ssrc {
            return self.restart(packet);
        }
        let step = i64::from(packet.sequence.wrapping_sub(self.highest as u16) as i16);
        match step {
            1..=MAX_DROPOUT => {
                self.highest += step;
                self.window = if step < WINDOW { self.window << step | 1 } else { 1 };
                Arrival::Next
            }
            _ if step <= 0 && -step < WINDOW => self.late(-step),
            _ if step <= 0 && -step < MAX_DROPOUT => Arrival::Duplicate,
            _ => self.restart(packet),
        }
    }

    fn late(&mut self, back: i64) -> Arrival {
        let bit = 1 << back;
        if self.window & bit != 0 {
            return Arrival::Duplicate;
        }
        self.window |= bit;
        self.first = self.first.min(self.highest - back);
        Arrival::Late
    }

    fn restart(&mut self, packet: &Packet<'_>) -> Arrival {
        let sequence = i64::from(packet.sequence) + 0x1_0000;
        let earlier = self.total();
        *self = Self {
            earlier,
            started: true,
            ssrc: packet.ssrc,
            first: sequence,
            highest: sequence,
            window: 1,
            ..Self::default()
        };
        Arrival::Restart
    }

    /// J += (|D| - J) / 16, kept with four fractional bits (A.8).
    fn note_transit(&mut self, now: Duration, timestamp: u32, arrival: Arrival) {
        let arrived = (now.as_micros() * u128::from(RATE) / 1_000_000) as u32;
        let transit = i64::from(arrived.wrapping_sub(timestamp));
        if arrival != Arrival::Restart {
            let d = u64::from(((transit - self.transit) as i32).unsigned_abs());
            self.jitter_q4 = (self.jitter_q4 + d).saturating_sub((self.jitter_q4 + 8) >> 4);
        }
        self.transit = transit;
    }

    /// Inter-arrival jitter in RTP clock units.
    pub fn jitter(&self) -> u32 {
        (self.jitter_q4 >> 4) as u32
    }

    /// Packets that came, duplicates left out.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets received and lost since the beginning, of all streams.
    pub fn total(&self) -> (u64, u64) {
        let expected = if self.started { self.highest - self.first + 1 } else { 0 };
        let lost = (expected - self.received as i64).max(0) as u64;
        (self.earlier.0 + self.received, self.earlier.1 + lost)
    }

    /// The report block for what came since the last call; `None` before the first packet.
    pub fn report(&mut self) -> Option<Quality> {
        if !self.started {
            return None;
        }
        let expected = self.highest - self.first + 1;
        let expected_now = expected - self.expected_before;
        let received_now = (self.received - self.received_before) as i64;
        self.expected_before = expected;
        self.received_before = self.received;
        let lost_now = (expected_now - received_now).max(0);
        let fraction_lost = if expected_now > 0 { (lost_now * 256 / expected_now).min(255) } else { 0 };
        Some(Quality {
            ssrc: self.ssrc,
            fraction_lost: fraction_lost as u8,
            lost: (expected - self.received as i64) as i32,
            highest_sequence: (self.highest - 0x1_0000) as u32,
            jitter: self.jitter(),
            last_report: 0,
            since_report: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16) -> Packet<'static> {
        let timestamp = u32::from(sequence) * 160;
        Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 1, payload: &[] }
    }

    fn at(sequence: u16) -> Duration {
        Duration::from_millis(20 * u64::from(sequence))
    }

    #[test]
    fn a_duplicate_is_dropped_and_a_late_packet_is_not() {
        let mut receiver = Receiver::default();
        let arrivals = [10, 11, 13, 12, 12, 13].map(|n| receiver.receive(at(n), &packet(n)));
        use Arrival::*;
        assert_eq!(arrivals, [Restart, Next, Next, Late, Duplicate, Duplicate]);
        assert_eq!(receiver.received(), 4);
    }

    #[test]
    fn loss_is_counted_per_report_and_in_all() {
        let mut receiver = Receiver::default();
        for n in (0..100).filter(|n| n % 4 != 3) {
            receiver.receive(at(n), &packet(n));
        }
        let first = receiver.report().unwrap();
        assert_eq!((first.lost, first.highest_sequence), (24, 98));
        assert_eq!(first.fraction_lost, (24 * 256 / 99) as u8);
        for n in 99..150 {
            receiver.receive(at(n), &packet(n));
        }
        let second = receiver.report().unwrap();
        assert_eq!((second.fraction_lost, second.lost), (0, 24));
    }

    #[test]
    fn the_roll_over_of_the_sequence_is_no_new_stream() {
        let mut receiver = Receiver::default();
        receiver.receive(at(0), &packet(u16::MAX));
        assert_eq!(receiver.receive(at(1), &packet(0)), Arrival::Next);
        assert_eq!(receiver.report().unwrap().highest_sequence, 0x1_0000);
    }

    #[test]
    fn another_ssrc_starts_anew() {
        let mut receiver = Receiver::default();
        receiver.receive(at(0), &packet(0));
        let other = Packet { ssrc: 2, ..packet(1) };
        assert_eq!(receiver.receive(at(1), &other), Arrival::Restart);
        assert_eq!(receiver.report().unwrap().ssrc, 2);
        receiver.receive(at(5), &Packet { ssrc: 2, ..packet(5) });
        assert_eq!((receiver.received(), receiver.total()), (2, (3, 3)), "the first stream counts too");
    }

    #[test]
    fn jitter_settles_near_the_mean_deviation() {
        let mut receiver = Receiver::default();
        for n in 0..1000u16 {
            let wobble = Duration::from_millis(if n % 2 == 0 { 0 } else { 10 });
            receiver.receive(at(n) + wobble, &packet(n));
        }
        assert!((75..=85).contains(&receiver.jitter()), "{}", receiver.jitter());
    }
}
