//! A jitter buffer for the legs that we decode: samples placed by RTP time, read
//! in 20 ms frames.

use std::time::Duration;

use crate::{FRAME, Frame, SILENCE, samples_in};

/// Room in samples: half a second, a power of two.
const ROOM: usize = 4096;
/// Frames of repeated speech before a gap becomes silence.
const CONCEALED_MAX: u32 = 3;
/// Frames without audio after which the next packet starts the playout anew.
const IDLE_RESTART: u32 = 10;
/// Frames for which the buffer must stay too deep before one is skipped.
const DEEP_FRAMES: u32 = 50;

/// How deep the buffer is.
#[derive(Debug, Clone, Copy)]
pub enum Depth {
    /// Samples between arrival and playout of the first packet.
    Fixed(usize),
    /// Three times the mean deviation of arrivals, within these bounds in samples.
    Adaptive { min: usize, max: usize },
}

impl Default for Depth {
    fn default() -> Self {
        Self::Adaptive { min: 2 * FRAME, max: 12 * FRAME }
    }
}

/// What a frame was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    Audio,
    /// Lost; made of what came before.
    Concealed,
    /// Nothing to play.
    Silence,
}

/// Samples of one stream between the network and the mixer.
pub struct JitterBuffer {
    depth: Depth,
    samples: Box<[i16; ROOM]>,
    filled: Box<[bool; ROOM]>,
    /// Position to be read next and the one behind the newest sample; both grow
    /// with RTP time. `None` while nothing plays.
    playing: Option<(u64, u64)>,
    /// RTP timestamp ↔ position.
    anchor: (u32, u64),
    arrival: Option<(i64, i64)>,
    deviation_q4: i64,
    missing: u32,
    deep: u32,
    last: Frame,
    late: u64,
}

impl Default for JitterBuffer {
    fn default() -> Self {
        Self::new(Depth::default())
    }
}

impl JitterBuffer {
    pub fn new(depth: Depth) -> Self {
        Self {
            depth,
            samples: Box::new([0; ROOM]),
            filled: Box::new([false; ROOM]),
            playing: None,
            anchor: (0, 0),
            arrival: None,
            deviation_q4: 0,
            missing: 0,
            deep: 0,
            last: SILENCE,
            late: 0,
        }
    }

    /// Samples that came after their turn.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Samples waiting, gaps included.
    pub fn waiting(&self) -> usize {
        self.playing.map_or(0, |(head, tail)| (tail - head) as usize)
    }

    /// Depth aimed at, in samples.
    pub fn target(&self) -> usize {
        match self.depth {
            Depth::Fixed(samples) => samples,
            Depth::Adaptive { min, max } => {
                let wanted = FRAME + 3 * (self.deviation_q4 >> 4) as usize;
                wanted.clamp(min, max)
            }
        }
    }

    /// Forgets the stream, e.g. after a change of SSRC.
    pub fn reset(&mut self) {
        *self = Self { late: self.late, ..Self::new(self.depth) };
    }

    /// Takes decoded samples that came at `now` with the RTP time of the first.
    pub fn put(&mut self, now: Duration, timestamp: u32, samples: &[i16]) {
        if samples.is_empty() || samples.len() > ROOM / 2 {
            return;
        }
        self.note_arrival(now, timestamp);
        let Some((head, tail)) = self.place(timestamp, samples.len()) else {
            self.late += samples.len() as u64;
            return;
        };
        let start = self.position(timestamp) as u64;
        for (n, sample) in samples.iter().enumerate() {
            let at = start + n as u64;
            if at >= head {
                self.samples[at as usize % ROOM] = *sample;
                self.filled[at as usize % ROOM] = true;
            }
        }
        self.playing = Some((head, tail.max(start + samples.len() as u64)));
    }

    fn position(&self, timestamp: u32) -> i64 {
        self.anchor.1 as i64 + i64::from(timestamp.wrapping_sub(self.anchor.0) as i32)
    }

    /// Head and tail once there is room for `length` samples at `timestamp`;
    /// `None` when their turn is over.
    fn place(&mut self, timestamp: u32, length: usize) -> Option<(u64, u64)> {
        let Some((head, tail)) = self.playing.filter(|_| self.missing < IDLE_RESTART) else {
            return Some(self.start(timestamp));
        };
        let (start, length) = (self.position(timestamp), length as i64);
        let behind = head as i64 - (start + length);
        if behind >= ROOM as i64 || start + length - head as i64 > ROOM as i64 {
            return Some(self.start(timestamp));
        }
        (behind < 0).then_some((head, tail))
    }

    /// Playout begins `target` before this packet.
    fn start(&mut self, timestamp: u32) -> (u64, u64) {
        self.filled.fill(false);
        self.missing = 0;
        self.deep = 0;
        let head = ROOM as u64;
        let first = head + (self.target() as u64).saturating_sub(FRAME as u64);
        self.anchor = (timestamp, first);
        (head, first)
    }

    fn note_arrival(&mut self, now: Duration, timestamp: u32) {
        let now = samples_in(now) as i64;
        if let Some((before, stamp)) = self.arrival {
            let sent = i64::from(timestamp.wrapping_sub(stamp as u32) as i32);
            let d = (now - before - sent).abs().min(ROOM as i64);
            self.deviation_q4 += d - ((self.deviation_q4 + 8) >> 4);
        }
        self.arrival = Some((now, i64::from(timestamp)));
    }

    /// The next 20 ms; to be called every 20 ms.
    pub fn get(&mut self, out: &mut Frame) -> Heard {
        let Some((head, tail)) = self.playing else {
            *out = SILENCE;
            return Heard::Silence;
        };
        let head = self.skip_if_deep(head, tail);
        let present = self.read(head, out);
        let head = head + FRAME as u64;
        self.playing = Some((head, tail.max(head)));
        if present == FRAME {
            self.missing = 0;
            self.last = *out;
            return Heard::Audio;
        }
        self.missing += 1;
        self.conceal(out, present)
    }

    /// Reads and clears a frame; returns how many samples were there.
    fn read(&mut self, head: u64, out: &mut Frame) -> usize {
        let mut present = 0;
        for (n, slot) in out.iter_mut().enumerate() {
            let at = (head as usize + n) % ROOM;
            *slot = if self.filled[at] { self.samples[at] } else { 0 };
            present += usize::from(std::mem::take(&mut self.filled[at]));
        }
        present
    }

    /// Repeats the last frame at half the loudness each time, then falls silent.
    fn conceal(&mut self, out: &mut Frame, present: usize) -> Heard {
        if present > 0 {
            self.last = *out;
            return Heard::Audio;
        }
        if self.missing > CONCEALED_MAX || self.last == SILENCE {
            self.last = SILENCE;
            *out = SILENCE;
            return Heard::Silence;
        }
        self.last = self.last.map(|sample| sample / 2);
        *out = self.last;
        Heard::Concealed
    }

    /// A sender's clock that runs fast fills the buffer: drop a frame when it has
    /// been too deep for a second.
    fn skip_if_deep(&mut self, head: u64, tail: u64) -> u64 {
        let waiting = tail.saturating_sub(head) as usize;
        if waiting <= self.target() + 3 * FRAME {
            self.deep = 0;
            return head;
        }
        self.deep += 1;
        if self.deep < DEEP_FRAMES {
            return head;
        }
        self.deep = 0;
        self.read(head, &mut SILENCE.clone());
        head + FRAME as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIXED: Depth = Depth::Fixed(2 * FRAME);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// Sends frame `n` filled with `n` and collects what is played.
    fn play(buffer: &mut JitterBuffer, order: &[u16]) -> Vec<(Heard, i16)> {
        let mut heard = Vec::new();
        for (n, frame) in order.iter().enumerate() {
            let samples = [*frame as i16; FRAME];
            buffer.put(ms(20 * n as u64), u32::from(*frame) * 160, &samples);
            heard.push(next(buffer));
        }
        heard
    }

    fn next(buffer: &mut JitterBuffer) -> (Heard, i16) {
        let mut frame = SILENCE;
        let heard = buffer.get(&mut frame);
        (heard, frame[0])
    }

    #[test]
    fn frames_swapped_on_the_way_come_out_in_order() {
        let mut buffer = JitterBuffer::new(FIXED);
        let heard = play(&mut buffer, &[100, 101, 103, 102, 104, 105]);
        let played: Vec<i16> = heard.iter().skip(1).map(|h| h.1).collect();
        assert_eq!(played, [100, 101, 102, 103, 104]);
    }

    #[test]
    fn a_lost_frame_is_concealed_then_silent() {
        let mut buffer = JitterBuffer::new(FIXED);
        play(&mut buffer, &[100, 101]);
        assert_eq!(next(&mut buffer), (Heard::Audio, 101));
        let heard: Vec<_> = (0..4).map(|_| next(&mut buffer)).collect();
        use Heard::*;
        assert_eq!(heard, [(Concealed, 50), (Concealed, 25), (Concealed, 12), (Silence, 0)]);
    }

    #[test]
    fn a_sender_who_pauses_is_picked_up_again() {
        let mut buffer = JitterBuffer::new(FIXED);
        play(&mut buffer, &[1, 2, 3]);
        for _ in 0..500 {
            next(&mut buffer);
        }
        buffer.put(ms(10_000), 4_000_000, &[9; FRAME]);
        let heard: Vec<i16> = (0..3).map(|_| next(&mut buffer).1).collect();
        assert!(heard.contains(&9), "{heard:?}");
    }

    #[test]
    fn packets_of_10_and_40_ms_are_the_same_audio() {
        for size in [80usize, 320] {
            let mut buffer = JitterBuffer::new(Depth::Fixed(480));
            let (mut played, mut sent) = (Vec::new(), 0usize);
            for tick in 1..=50usize {
                while sent + size <= tick * FRAME + size {
                    let samples: Vec<i16> = (sent..sent + size).map(|n| n as i16).collect();
                    buffer.put(ms(sent as u64 / 8), sent as u32, &samples);
                    sent += size;
                }
                let mut frame = SILENCE;
                buffer.get(&mut frame);
                played.extend_from_slice(&frame);
            }
            let start = played.iter().position(|s| *s == 1).unwrap();
            let expected: Vec<i16> = (1..1000).collect();
            assert_eq!(&played[start..start + 999], &expected[..], "packets of {size}");
        }
    }

    #[test]
    fn a_clock_that_runs_fast_does_not_fill_the_buffer() {
        let mut buffer = JitterBuffer::new(FIXED);
        for n in 0..5_000u32 {
            buffer.put(ms(u64::from(n) * 19), n * 160, &[1; FRAME]);
            if n % 20 != 0 {
                next(&mut buffer);
            }
        }
        assert!(buffer.waiting() < ROOM);
        assert!(buffer.waiting() <= 10 * FRAME, "{}", buffer.waiting());
    }

    #[test]
    fn jittery_arrivals_deepen_the_buffer() {
        let mut buffer = JitterBuffer::default();
        for n in 0..200u32 {
            buffer.put(ms(u64::from(n) * 20 + if n % 2 == 0 { 0 } else { 30 }), n * 160, &[1; FRAME]);
            next(&mut buffer);
        }
        assert!(buffer.target() > 4 * FRAME, "{}", buffer.target());
    }

    proptest! {
        #[test]
        fn any_timestamps_at_any_time_stay_within_the_room(
            puts in prop::collection::vec((any::<u32>(), 0usize..700, 0u64..100, any::<bool>()), 0..200)
        ) {
            let mut buffer = JitterBuffer::default();
            let mut now = 0;
            for (timestamp, size, step, near) in puts {
                now += step;
                let timestamp = if near { now as u32 * 8 } else { timestamp };
                buffer.put(ms(now), timestamp, &vec![1; size]);
                prop_assert!(buffer.waiting() <= ROOM);
                next(&mut buffer);
            }
        }
    }
}
