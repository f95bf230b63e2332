//! What a phone says: frames of audio and pressed keys.

use std::collections::VecDeque;
use std::sync::Arc;

use rtp::dtmf;
use rtp::tone::Sine;
use rtp::{FRAME, Frame, SILENCE};

/// What a phone says until told otherwise.
#[derive(Debug, Clone, Default)]
pub enum Sound {
    /// Nothing audible.
    #[default]
    Silence,
    /// A sine of this frequency, Hz.
    Tone(f64),
    /// 8 kHz samples, once; then silence.
    Speech(Arc<[i16]>),
    /// 8 kHz samples, over and over.
    Repeated(Arc<[i16]>),
    /// Nothing at all: no packets.
    Mute,
}

/// Loudness of a spoken tone, 1.0 being full scale.
const LEVEL: f64 = 0.4;
/// How long a key is held.
const PRESS_MS: u16 = 100;
/// Frames between two keys.
const PAUSE_FRAMES: u8 = 4;
/// Keys that wait to be pressed.
const KEYS_MAX: usize = 64;

/// One 20 ms step of a mouth.
#[derive(Debug, PartialEq)]
pub(crate) enum Utterance {
    Audio(Box<Frame>),
    /// A telephone-event; `first` and `last` of its key.
    Event {
        event: dtmf::Event,
        first: bool,
        last: bool,
    },
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Mouth {
    sound: Sound,
    sine: Option<Sine>,
    position: usize,
    keys: VecDeque<char>,
    pressed: VecDeque<dtmf::Event>,
    fresh: bool,
    pause: u8,
}

impl Mouth {
    pub(crate) fn new(sound: Sound) -> Self {
        let (keys, pressed) = (VecDeque::new(), VecDeque::new());
        let mut mouth =
            Self { sound: Sound::Silence, sine: None, position: 0, keys, pressed, fresh: false, pause: 0 };
        mouth.say(sound);
        mouth
    }

    pub(crate) fn say(&mut self, sound: Sound) {
        self.sine = if let Sound::Tone(hz) = sound { Some(Sine::new(hz, LEVEL)) } else { None };
        self.sound = sound;
        self.position = 0;
    }

    pub(crate) fn press(&mut self, keys: &str) {
        let room = KEYS_MAX - self.keys.len().min(KEYS_MAX);
        self.keys.extend(keys.chars().filter(|k| dtmf::code(*k).is_some()).take(room));
    }

    /// Whether every key has been pressed and released.
    pub(crate) fn keys_done(&self) -> bool {
        self.keys.is_empty() && self.pressed.is_empty()
    }

    /// The next 20 ms.
    pub(crate) fn next(&mut self) -> Utterance {
        if self.pressed.is_empty() && self.pause == 0 {
            self.begin_key();
        }
        if let Some(event) = self.pressed.pop_front() {
            let first = std::mem::take(&mut self.fresh);
            let last = self.pressed.is_empty();
            self.pause = if last { PAUSE_FRAMES } else { 0 };
            return Utterance::Event { event, first, last };
        }
        self.pause = self.pause.saturating_sub(1);
        self.audio()
    }

    fn begin_key(&mut self) {
        if let Some(key) = self.keys.pop_front() {
            self.pressed = dtmf::press(key, PRESS_MS).collect();
            self.fresh = true;
        }
    }

    fn audio(&mut self) -> Utterance {
        let mut frame = SILENCE;
        match (&self.sound, &mut self.sine) {
            (Sound::Mute, _) => return Utterance::Nothing,
            (Sound::Tone(_), Some(sine)) => sine.fill(&mut frame),
            (Sound::Speech(samples), _) => {
                let rest = samples.get(self.position..).unwrap_or_default();
                let count = rest.len().min(FRAME);
                frame[..count].copy_from_slice(&rest[..count]);
                self.position += count;
            }
            (Sound::Repeated(samples), _) if !samples.is_empty() => {
                let from = samples.iter().cycle().skip(self.position);
                frame.iter_mut().zip(from).for_each(|(to, sample)| *to = *sample);
                self.position = (self.position + FRAME) % samples.len();
            }
            _ => {}
        }
        Utterance::Audio(Box::new(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_interrupt_the_tone_and_are_apart() {
        let mut mouth = Mouth::new(Sound::Tone(440.0));
        mouth.press("1x2");
        let steps: Vec<_> = (0..40).map(|_| mouth.next()).collect();
        let firsts: Vec<_> = steps
            .iter()
            .enumerate()
            .filter(|(_, s)| matches!(s, Utterance::Event { first: true, .. }))
            .map(|(at, _)| at)
            .collect();
        assert_eq!(firsts.len(), 2, "x is no key");
        assert!(firsts[1] - firsts[0] > 7);
        assert!(matches!(steps[39], Utterance::Audio(_)));
        assert!(mouth.keys_done());
    }

    #[test]
    fn speech_ends_in_silence() {
        let mut mouth = Mouth::new(Sound::Speech(vec![7i16; 200].into()));
        let Utterance::Audio(first) = mouth.next() else { panic!() };
        let Utterance::Audio(second) = mouth.next() else { panic!() };
        assert_eq!((first[159], second[39], second[40]), (7, 7, 0));
    }

    #[test]
    fn a_repeated_sound_begins_anew_without_a_gap() {
        let samples: Vec<i16> = (0..200).collect();
        let mut mouth = Mouth::new(Sound::Repeated(samples.into()));
        let said: Vec<i16> = (0..3)
            .flat_map(|_| match mouth.next() {
                Utterance::Audio(frame) => frame.to_vec(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(said.iter().zip((0..200).cycle()).all(|(a, b)| *a == b), "{said:?}");
    }
}
