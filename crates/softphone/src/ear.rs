//! What a phone heard: samples as they arrived, and tones measured in them.

use rtp::goertzel::{loudness, tone_level};

/// Samples that decide whether a tone is there: 200 ms.
const WINDOW: usize = 1600;
/// Samples kept: 20 minutes.
const SAMPLES_MAX: usize = 20 * 60 * 8000;
/// Below this a window counts as quiet.
const QUIET: f64 = 0.01;

/// A tone that was heard for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// Frequency, Hz.
    pub hz: f64,
    /// Milliseconds of audio in which it was the main thing heard.
    pub ms: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Ear {
    samples: Vec<i16>,
}

impl Ear {
    pub(crate) fn hear(&mut self, samples: &[i16]) {
        let room = SAMPLES_MAX - self.samples.len();
        self.samples.extend_from_slice(&samples[..samples.len().min(room)]);
    }

    /// How much was heard so far, in samples: a mark for the functions below.
    pub(crate) fn mark(&self) -> usize {
        self.samples.len()
    }

    /// Whether the newest 200 ms after `mark` carry the tone.
    pub(crate) fn has_tone(&self, mark: usize, hz: f64) -> bool {
        let heard = self.samples.get(mark..).unwrap_or_default();
        heard.len() >= WINDOW && is_tone(&heard[heard.len() - WINDOW..], hz)
    }

    /// Whether the newest 200 ms after `mark` are quiet, or nothing came.
    pub(crate) fn is_quiet(&self, mark: usize) -> bool {
        let heard = self.samples.get(mark..).unwrap_or_default();
        loudness(&heard[heard.len().saturating_sub(WINDOW)..]) < QUIET
    }

    /// For each frequency the time in which it was the main thing heard.
    pub(crate) fn tones(&self, candidates: &[f64]) -> Vec<Tone> {
        let windows = || self.samples.chunks_exact(WINDOW / 2);
        let ms = |hz: f64| windows().filter(|w| is_tone(w, hz)).count() as u64 * 100;
        candidates.iter().map(|hz| Tone { hz: *hz, ms: ms(*hz) }).collect()
    }

    pub(crate) fn samples(&self) -> &[i16] {
        &self.samples
    }
}

/// A tone is there when it makes up most of what is heard.
fn is_tone(samples: &[i16], hz: f64) -> bool {
    let (level, all) = (tone_level(samples, hz), loudness(samples) * std::f64::consts::SQRT_2);
    level > 0.02 && level > 0.5 * all
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtp::tone::Sine;

    #[test]
    fn a_tone_is_heard_after_the_mark_only() {
        let mut ear = Ear::default();
        ear.hear(&Sine::new(440.0, 0.4).take(4000));
        assert!(ear.has_tone(0, 440.0) && !ear.has_tone(0, 620.0));
        let mark = ear.mark();
        assert!(!ear.has_tone(mark, 440.0) && ear.is_quiet(mark));
        ear.hear(&Sine::new(620.0, 0.4).take(4000));
        assert!(ear.has_tone(mark, 620.0) && !ear.has_tone(mark, 440.0) && !ear.is_quiet(mark));
        let tones = ear.tones(&[440.0, 620.0, 900.0]);
        assert_eq!(tones.iter().map(|t| t.ms / 100).collect::<Vec<_>>(), [5, 5, 0]);
    }
}
