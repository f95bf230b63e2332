//! Keys pressed for a party to hear.

use std::collections::VecDeque;

use rtp::{FRAME, Frame, SILENCE, dtmf};

/// Keys that wait to be pressed.
const KEYS_MAX: usize = 64;
/// How long a key is held, ms.
const HELD_MS: u16 = 100;
/// Frames between two keys.
const PAUSE: u8 = 4;

/// One 20 ms step of a pressed key.
#[derive(Debug, PartialEq)]
pub enum Stroke {
    /// A telephone-event; `first` of its key.
    Event { event: dtmf::Event, first: bool },
    /// The key's two tones, for a party that knows no telephone-events.
    Tone(Box<Frame>),
}

/// The keys of one leg.
#[derive(Debug, Default)]
pub struct Keypad {
    waiting: VecDeque<char>,
    down: VecDeque<Stroke>,
    /// The RTP time of the key that is down.
    pub began: Option<u32>,
    pause: u8,
}

impl Keypad {
    /// Presses keys after those that wait; what is no key is left out. `false`:
    /// too many wait already.
    pub fn press(&mut self, keys: &str) -> bool {
        let keys: Vec<char> = keys.chars().filter(|key| dtmf::code(*key).is_some()).collect();
        let room = self.waiting.len() + keys.len() <= KEYS_MAX;
        if room {
            self.waiting.extend(keys);
        }
        room
    }

    /// Whether a key is down: it is all that the party hears.
    pub fn is_down(&self) -> bool {
        !self.down.is_empty()
    }

    /// The next 20 ms, if a key is to be heard.
    pub fn next(&mut self, events: bool) -> Option<Stroke> {
        if self.down.is_empty() {
            self.pause = self.pause.saturating_sub(1);
            if self.pause == 0 {
                self.begin(events);
            }
        }
        let stroke = self.down.pop_front();
        if stroke.is_some() && self.down.is_empty() {
            self.pause = PAUSE;
        }
        stroke
    }

    fn begin(&mut self, events: bool) {
        let Some(key) = self.waiting.pop_front() else { return };
        self.began = None;
        if events {
            let steps = dtmf::press(key, HELD_MS).enumerate();
            self.down = steps.map(|(n, event)| Stroke::Event { event, first: n == 0 }).collect();
            return;
        }
        let tones = dtmf::tones(key, u32::from(HELD_MS)).unwrap_or_default();
        let frame = |part: &[i16]| {
            let mut frame = Box::new(SILENCE);
            frame[..part.len()].copy_from_slice(part);
            Stroke::Tone(frame)
        };
        self.down = tones.chunks(FRAME).map(frame).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(keypad: &mut Keypad, events: bool, count: usize) -> Vec<Option<Stroke>> {
        (0..count).map(|_| keypad.next(events)).collect()
    }

    #[test]
    fn keys_are_pressed_one_after_the_other_with_a_pause() {
        let mut keypad = Keypad::default();
        assert!(keypad.press("1x2"));
        let steps = steps(&mut keypad, true, 30);
        let firsts: Vec<usize> =
            (0..30).filter(|n| matches!(steps[*n], Some(Stroke::Event { first: true, .. }))).collect();
        assert_eq!(firsts.len(), 2, "x is no key");
        assert!(steps[firsts[0]..firsts[1]].iter().any(Option::is_none));
        assert!(steps[29].is_none() && !keypad.is_down());
    }

    #[test]
    fn who_knows_no_events_hears_the_tones() {
        let mut keypad = Keypad::default();
        keypad.press("5");
        let mut detector = dtmf::Detector::default();
        let mut heard = String::new();
        for step in steps(&mut keypad, false, 10).into_iter().flatten() {
            let Stroke::Tone(frame) = step else { panic!("an event") };
            heard.extend(detector.listen(&frame[..]));
        }
        assert_eq!(heard, "5");
    }

    #[test]
    fn nobody_makes_it_wait_for_ever() {
        let mut keypad = Keypad::default();
        assert!(keypad.press(&"7".repeat(KEYS_MAX)));
        assert!(!keypad.press("7"));
    }
}
