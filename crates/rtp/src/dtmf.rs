//! Keys: telephone-events (RFC 4733) and in-band tones (ITU-T Q.23, Q.24).

use crate::{
    Error, RATE,
    goertzel::{loudness, tone_levels},
    tone::Sine,
};

/// The keys in the order of their event codes (RFC 4733 table 3).
const KEYS: &[u8; 16] = b"0123456789*#ABCD";
const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const PAD: [&[u8; 4]; 4] = [b"123A", b"456B", b"789C", b"*0#D"];
/// Samples between the packets of one event.
const EVENT_STEP: u16 = 160;

/// The four-byte payload of a telephone-event packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// 0–15 are keys; others (hook flash, fax tones) are kept as they are.
    pub code: u8,
    pub end: bool,
    /// Loudness in -dBm0, 0–63.
    pub volume: u8,
    /// In samples since the packet's timestamp.
    pub duration: u16,
}

impl Event {
    /// Reads a payload; a second event behind the first is left alone.
    ///
    /// # Errors
    /// [`Error::TelephoneEvent`] when it is shorter than four bytes.
    pub fn parse(payload: &[u8]) -> Result<Self, Error> {
        let [code, flags, high, low, ..] = *payload else {
            return Err(Error::TelephoneEvent("shorter than four bytes"));
        };
        let duration = u16::from_be_bytes([high, low]);
        Ok(Self { code, end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }

    pub fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, u8::from(self.end) << 7 | self.volume & 0x3f, high, low]
    }

    /// The key, if the code is one.
    pub fn key(self) -> Option<char> {
        KEYS.get(usize::from(self.code)).map(|key| char::from(*key))
    }
}

/// The event code of a key.
pub fn code(key: char) -> Option<u8> {
    KEYS.iter().position(|k| char::from(*k) == key.to_ascii_uppercase()).map(|n| n as u8)
}

/// Turns packets of events into key presses: one per press, on its first packet,
/// so that a lost end does not lose the key.
#[derive(Debug, Default, Clone)]
pub struct Receiver {
    last: Option<Pressed>,
}

#[derive(Debug, Clone, Copy)]
struct Pressed {
    ssrc: u32,
    timestamp: u32,
    code: u8,
    duration: u16,
    end: bool,
}

impl Receiver {
    /// The key that this packet newly presses.
    pub fn receive(&mut self, ssrc: u32, timestamp: u32, event: Event) -> Option<char> {
        let now = Pressed { ssrc, timestamp, code: event.code, duration: event.duration, end: event.end };
        match self.last.filter(|last| last.ssrc == ssrc) {
            Some(last) if is_before(timestamp, last.timestamp) => return None,
            Some(last) if timestamp == last.timestamp => {
                self.last = Some(Pressed {
                    end: last.end || now.end,
                    duration: last.duration.max(now.duration),
                    ..last
                });
                return None;
            }
            Some(last) if continues(last, now) => {
                self.last = Some(now);
                return None;
            }
            _ => self.last = Some(now),
        }
        event.key()
    }
}

fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// A press of more than 65535 samples goes on in a new segment (RFC 4733 section 2.5.1.3).
fn continues(last: Pressed, now: Pressed) -> bool {
    let joint = last.timestamp.wrapping_add(u32::from(u16::MAX));
    now.code == last.code
        && !last.end
        && last.duration > u16::MAX - 4 * EVENT_STEP
        && now.timestamp.wrapping_sub(joint) <= u32::from(EVENT_STEP)
}

/// The payloads of one press, to be sent every 20 ms with the same timestamp:
/// the event grows, then its end is sent three times.
pub fn press(key: char, length_ms: u16) -> impl Iterator<Item = Event> {
    let steps = (length_ms / 20).clamp(2, 400);
    let events = code(key).into_iter().flat_map(move |code| {
        (1..=steps + 2).map(move |n| Event {
            code,
            end: n >= steps,
            volume: 10,
            duration: n.min(steps) * EVENT_STEP,
        })
    });
    events.collect::<Vec<_>>().into_iter()
}

/// The two tones of a key.
pub fn frequencies(key: char) -> Option<(f64, f64)> {
    let key = key.to_ascii_uppercase();
    PAD.iter().enumerate().find_map(|(row, keys)| {
        let column = keys.iter().position(|k| char::from(*k) == key)?;
        Some((LOW[row], HIGH[column]))
    })
}

/// `length_ms` of a key's tones, each at a quarter of full scale.
pub fn tones(key: char, length_ms: u32) -> Option<Vec<i16>> {
    let (low, high) = frequencies(key)?;
    let (mut low, mut high) = (Sine::new(low, 0.25), Sine::new(high, 0.25));
    let count = RATE * length_ms / 1000;
    Some((0..count).map(|_| low.sample() + high.sample()).collect())
}

/// Samples in one block of the detector: 25.6 ms tell the eight frequencies apart.
const BLOCK: usize = 205;
const LEVEL_MIN: f64 = 0.01;
/// By how much a tone stands out from the others of its group.
const STANDS_OUT: f64 = 4.0;
/// Normal and reverse twist, both as amplitude.
const TWIST_MAX: f64 = 3.2;

/// Finds keys in audio; a key counts when two blocks in a row agree.
#[derive(Debug, Default, Clone)]
pub struct Detector {
    block: Vec<i16>,
    candidate: Option<char>,
    reported: Option<char>,
}

impl Detector {
    /// The keys that these samples newly press.
    pub fn listen(&mut self, samples: &[i16]) -> Vec<char> {
        let mut keys = Vec::new();
        for chunk in samples.chunks(BLOCK) {
            self.block.extend_from_slice(chunk);
            if self.block.len() >= BLOCK {
                let found = key_in(&self.block[..BLOCK]);
                self.block.drain(..BLOCK);
                keys.extend(self.step(found));
            }
        }
        keys
    }

    fn step(&mut self, found: Option<char>) -> Option<char> {
        let stable = found == self.candidate;
        self.candidate = found;
        if !stable || found == self.reported {
            return None;
        }
        self.reported = found;
        found
    }
}

fn key_in(block: &[i16]) -> Option<char> {
    // Most blocks are spared the search: two tones that count are louder than this.
    if loudness(block) < LEVEL_MIN / 2.0 {
        return None;
    }
    let (row, low) = strongest(block, &LOW)?;
    let (column, high) = strongest(block, &HIGH)?;
    let twist = low.max(high) / low.min(high);
    (twist <= TWIST_MAX).then(|| char::from(PAD[row][column]))
}

fn strongest(block: &[i16], group: &[f64; 4]) -> Option<(usize, f64)> {
    let levels = tone_levels(block, group);
    let (at, level) = levels.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let others = levels.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, l)| *l);
    (level >= LEVEL_MIN && others.fold(0.0, f64::max) * STANDS_OUT < level).then_some((at, level))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_key_pressed_is_heard_once() {
        let mut receiver = Receiver::default();
        let mut heard = String::new();
        for (n, key) in "0123456789*#ABCD".chars().enumerate() {
            for event in press(key, 100) {
                heard.extend(receiver.receive(1, n as u32 * 1600, event));
            }
        }
        assert_eq!(heard, "0123456789*#ABCD");
    }

    #[test]
    fn the_same_key_twice_is_two_presses_even_when_ends_are_lost() {
        let mut receiver = Receiver::default();
        let start = Event { code: 5, end: false, volume: 10, duration: 160 };
        assert_eq!(receiver.receive(1, 0, start), Some('5'));
        assert_eq!(receiver.receive(1, 0, Event { duration: 320, ..start }), None);
        assert_eq!(receiver.receive(1, 4000, start), Some('5'));
        assert_eq!(
            receiver.receive(1, 0, Event { end: true, ..start }),
            None,
            "late packet of the first press"
        );
    }

    #[test]
    fn a_lone_end_packet_still_is_a_press() {
        let mut receiver = Receiver::default();
        let end = Event { code: 11, end: true, volume: 10, duration: 800 };
        assert_eq!([end; 3].map(|e| receiver.receive(1, 99, e)), [Some('#'), None, None]);
    }

    #[test]
    fn a_key_held_for_long_goes_on_in_a_second_segment() {
        let mut receiver = Receiver::default();
        let event = Event { code: 1, end: false, volume: 10, duration: 160 };
        assert_eq!(receiver.receive(1, 0, event), Some('1'));
        assert_eq!(receiver.receive(1, 0, Event { duration: u16::MAX, ..event }), None);
        assert_eq!(receiver.receive(1, 65_535, event), None);
        assert_eq!(receiver.receive(1, 90_000, event), Some('1'));
    }

    #[test]
    fn hook_flash_is_not_a_key() {
        let flash = Event { code: 16, end: true, volume: 10, duration: 800 };
        assert_eq!(Receiver::default().receive(1, 0, flash), None);
    }

    #[test]
    fn the_detector_hears_what_the_generator_plays() {
        for key in "0123456789*#ABCD".chars() {
            let mut audio = vec![0; 100];
            audio.extend(tones(key, 100).unwrap());
            audio.extend([0; 800]);
            audio.extend(tones(key, 100).unwrap());
            let mut detector = Detector::default();
            let heard: String = audio.chunks(160).flat_map(|c| detector.listen(c)).collect();
            assert_eq!(heard, format!("{key}{key}"));
        }
    }

    #[test]
    fn a_plain_tone_is_no_key() {
        let mut detector = Detector::default();
        assert!(detector.listen(&Sine::new(770.0, 0.5).take(8000)).is_empty());
        assert!(detector.listen(&Sine::new(440.0, 0.5).take(8000)).is_empty());
    }

    proptest! {
        #[test]
        fn payloads_never_panic(payload in prop::collection::vec(any::<u8>(), 0..9), ts: u32) {
            if let Ok(event) = Event::parse(&payload) {
                prop_assert_eq!(Event::parse(&event.to_bytes()).unwrap(), event);
                Receiver::default().receive(0, ts, event);
            }
        }
    }
}
