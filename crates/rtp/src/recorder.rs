//! A stereo recorder: left is the caller, right the agent. Audio is placed by RTP
//! time, not by arrival, and cut into segments that are safe one by one.

use std::{collections::BTreeMap, time::Duration};

use crate::{Law, samples_in};

/// Samples in one full segment: 5 s.
pub const SEGMENT: u64 = 5 * crate::RATE as u64;
/// How far a packet's RTP time may stray from its arrival before it is placed by
/// arrival again, and how long a segment waits for late packets.
const STRAY: u64 = crate::RATE as u64;
/// Streams of one recording at most; the oldest knowledge is dropped beyond it.
const STREAMS_MAX: usize = 64;

/// Which ear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    Left,
    Right,
}

/// A stretch of a recording: G.711 octets, left and right by turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// From 0, without gaps but for those that a recorder before this one left.
    pub number: u32,
    /// First sample since the recording began.
    pub start: u64,
    pub law: Law,
    /// Two octets per sample.
    pub octets: Vec<u8>,
}

impl Segment {
    /// Length in samples per channel.
    pub fn samples(&self) -> u64 {
        self.octets.len() as u64 / 2
    }
}

/// One stream of packets: RTP time ↔ position in the recording.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    timestamp: u32,
    position: i64,
}

/// Records one call.
pub struct Recorder {
    law: Law,
    began: Duration,
    /// Samples that were recorded elsewhere before.
    ahead: u64,
    /// Octets from `base` on, left and right by turns.
    buffer: Vec<u8>,
    base: u64,
    number: u32,
    streams: BTreeMap<(Channel, u32), Anchor>,
}

impl Recorder {
    /// Begins at `now`; what is stored is in `law`.
    pub fn new(now: Duration, law: Law) -> Self {
        Self { law, began: now, ahead: 0, buffer: Vec::new(), base: 0, number: 0, streams: BTreeMap::new() }
    }

    /// Goes on with a recording that began `elapsed` ago elsewhere, and whose recorder is
    /// gone with what it had not cut: a hole of silence, whose length is right because
    /// positions and numbers are those that the recorder before would have come to.
    pub fn resumed(now: Duration, law: Law, elapsed: Duration) -> Self {
        let ahead = samples_in(elapsed);
        let number = ahead / SEGMENT;
        Self { ahead, base: number * SEGMENT, number: number as u32, ..Self::new(now, law) }
    }

    /// The number that the next segment will bear.
    pub fn next_number(&self) -> u32 {
        self.number
    }

    fn elapsed(&self, now: Duration) -> u64 {
        self.ahead + samples_in(now.saturating_sub(self.began))
    }

    /// Takes a packet's G.711 payload that came at `now`. Duplicates must have been
    /// left out: what several streams of a channel say at once is added.
    pub fn record(&mut self, now: Duration, channel: Channel, stream: (u32, u32), law: Law, payload: &[u8]) {
        let (ssrc, timestamp) = stream;
        let position = self.position(now, (channel, ssrc), timestamp, payload.len());
        // What lies before this segment is cut off, and what lies far behind it.
        let at = position - self.base as i64;
        let early = at.min(0).unsigned_abs() as usize;
        let room = (2 * (SEGMENT + STRAY) as i64 - at).max(0) as usize;
        let Some(octets) = payload.get(early..payload.len().min(room)) else { return };
        self.write(at.max(0) as usize, channel, law, octets);
    }

    fn write(&mut self, at: usize, channel: Channel, law: Law, octets: &[u8]) {
        let (silence, end) = (self.law.silence(), 2 * (at + octets.len()));
        if self.buffer.len() < end {
            self.buffer.resize(end, silence);
        }
        let slots = self.buffer[2 * at..end].iter_mut().skip(channel as usize).step_by(2);
        for (slot, octet) in slots.zip(octets) {
            let octet = law.transcode(*octet, self.law);
            *slot = if *slot == silence { octet } else { add(self.law, *slot, octet) };
        }
    }

    /// Where a packet belongs; by arrival when its stream is new or its clock jumped.
    fn position(&mut self, now: Duration, key: (Channel, u32), timestamp: u32, length: usize) -> i64 {
        let arrived = self.elapsed(now) as i64 - length as i64;
        if let Some(anchor) = self.streams.get(&key) {
            let position = anchor.position + i64::from(timestamp.wrapping_sub(anchor.timestamp) as i32);
            if (position - arrived).unsigned_abs() <= STRAY {
                self.streams.insert(key, Anchor { timestamp, position });
                return position;
            }
        }
        if self.streams.len() >= STREAMS_MAX {
            self.streams.clear();
        }
        let position = arrived.max(0);
        self.streams.insert(key, Anchor { timestamp, position });
        position
    }

    /// The next full segment, once late packets had their chance.
    pub fn cut(&mut self, now: Duration) -> Option<Segment> {
        let due = self.elapsed(now) >= self.base + SEGMENT + STRAY;
        due.then(|| self.segment(SEGMENT))
    }

    /// Ends the recording: all that is left, in segments that last until `now`.
    pub fn finish(mut self, now: Duration) -> Vec<Segment> {
        let end = self.elapsed(now);
        let mut segments = Vec::new();
        while self.base < end {
            let length = SEGMENT.min(end - self.base);
            segments.push(self.segment(length));
        }
        segments
    }

    fn segment(&mut self, samples: u64) -> Segment {
        let length = samples as usize * 2;
        if self.buffer.len() < length {
            self.buffer.resize(length, self.law.silence());
        }
        let rest = self.buffer.split_off(length);
        let octets = std::mem::replace(&mut self.buffer, rest);
        let segment = Segment { number: self.number, start: self.base, law: self.law, octets };
        self.number += 1;
        self.base += samples;
        segment
    }
}

/// Both voices in one octet.
fn add(law: Law, a: u8, b: u8) -> u8 {
    law.encode(law.decode(a).saturating_add(law.decode(b)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_recording_goes_on_behind_a_hole_of_the_right_length() {
        let mut recorder = Recorder::resumed(ms(1_000), Law::A, ms(7_000));
        let loud = Law::A.encode(8_000);
        for n in 0..200 {
            let at = 1_020 + n * 20;
            recorder.record(ms(at), Channel::Left, (1, n as u32 * 160), Law::A, &[loud; 160]);
        }
        let segments = recorder.finish(ms(5_020));
        let all: Vec<_> = segments.iter().map(|s| (s.number, s.start, s.samples())).collect();
        assert_eq!(all, [(1, SEGMENT, SEGMENT), (2, 2 * SEGMENT, 8 * 1_020)]);
        let left: Vec<u8> = segments.iter().flat_map(|s| s.octets.iter().step_by(2).copied()).collect();
        let (hole, heard) = left.split_at(8 * 2_000);
        assert!(hole.iter().all(|octet| *octet == Law::A.silence()), "5 s to 7 s");
        assert!(heard[..8 * 4_000].iter().all(|octet| *octet == loud), "7 s to 11 s");
    }

    /// Drives a recording of `length_ms` with a packet of `octet` per 20 ms of `heard`.
    fn recorded(length_ms: u64, mut packets: Vec<(u64, u32, u8)>) -> Vec<Segment> {
        let mut recorder = Recorder::new(ms(0), Law::A);
        let mut segments = Vec::new();
        packets.sort_by_key(|p| p.0);
        for (at, timestamp, octet) in packets {
            recorder.record(ms(at), Channel::Left, (1, timestamp), Law::A, &[octet; 160]);
            segments.extend(recorder.cut(ms(at)));
        }
        segments.extend(recorder.finish(ms(length_ms)));
        segments
    }

    fn left(segments: &[Segment]) -> Vec<u8> {
        segments.iter().flat_map(|s| s.octets.iter().step_by(2).copied()).collect()
    }

    #[test]
    fn packets_that_swap_on_the_way_are_recorded_in_order() {
        let heard = recorded(100, vec![(20, 0, 1), (40, 320, 3), (45, 160, 2), (80, 480, 4)]);
        let left = left(&heard);
        assert_eq!([left[0], left[160], left[320], left[480]], [1, 2, 3, 4]);
    }

    #[test]
    fn a_burst_after_a_stall_is_spread_as_it_was_spoken() {
        let burst = (0..20).map(|n| (420, 3200 + n * 160, 7));
        let mut packets: Vec<_> = (0..20).map(|n| (20 + u64::from(n) * 20, n * 160, 5)).collect();
        packets.extend(burst);
        let left = left(&recorded(1000, packets));
        assert!(left[..3200].iter().all(|o| *o == 5));
        assert!(left[3200..6400].iter().all(|o| *o == 7));
        assert_eq!(left[6400], Law::A.silence());
    }

    #[test]
    fn a_gap_is_silence_and_the_length_is_the_time_that_passed() {
        let heard = recorded(12_340, vec![(20, 0, 1), (11_000, 87_840, 2)]);
        assert_eq!(heard.len(), 3);
        assert_eq!(heard.iter().map(Segment::samples).sum::<u64>(), 12_340 * 8);
        let left = left(&heard);
        assert_eq!((left[0], left[160], left[87_840]), (1, Law::A.silence(), 2));
    }

    #[test]
    fn a_clock_that_jumps_is_placed_by_arrival() {
        let left = left(&recorded(10_000, vec![(20, 0, 1), (8_000, 0xdead_beef, 2)]));
        assert_eq!(left[8_000 * 8 - 160], 2);
    }

    #[test]
    fn left_is_the_caller_and_right_the_agent() {
        let mut recorder = Recorder::new(ms(0), Law::A);
        recorder.record(ms(20), Channel::Left, (1, 0), Law::A, &[1; 160]);
        recorder.record(ms(20), Channel::Right, (2, 0), Law::Mu, &[0x80; 160]);
        let segments = recorder.finish(ms(20));
        assert_eq!(&segments[0].octets[..2], &[1, Law::Mu.transcode(0x80, Law::A)]);
        assert_eq!((segments.len(), segments[0].samples()), (1, 160));
    }

    #[test]
    fn two_who_share_a_channel_are_both_heard() {
        let mut recorder = Recorder::new(ms(0), Law::A);
        for ssrc in [1, 2] {
            let octet = Law::A.encode(1000);
            recorder.record(ms(20), Channel::Right, (ssrc, 0), Law::A, &[octet; 160]);
        }
        let sum = Law::A.decode(recorder.finish(ms(20))[0].octets[1]);
        assert!((1900..2100).contains(&sum), "{sum}");
    }

    proptest! {
        #[test]
        fn recorded_is_elapsed_whatever_comes(
            packets in prop::collection::vec((0u64..30_000, any::<u32>(), any::<u8>()), 0..100)
        ) {
            let segments = recorded(30_000, packets);
            prop_assert_eq!(segments.iter().map(Segment::samples).sum::<u64>(), 240_000);
            for (n, segment) in segments.iter().enumerate() {
                prop_assert_eq!(segment.number as usize, n);
                prop_assert_eq!(segment.start, n as u64 * SEGMENT);
            }
        }
    }
}
