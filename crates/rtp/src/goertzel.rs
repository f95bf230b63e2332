//! How much of one frequency is in a stretch of audio (Goertzel's algorithm).

use std::f64::consts::TAU;

use crate::RATE;

/// Amplitude of `hz` in `samples`, 1.0 being a full-scale sine; 0.0 for none.
/// A stretch of `n` samples tells frequencies apart that lie 8000 / n Hz from each other.
pub fn tone_level(samples: &[i16], hz: f64) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let coefficient = 2.0 * (TAU * hz / f64::from(RATE)).cos();
    let (mut s1, mut s2) = (0.0, 0.0);
    for sample in samples {
        let s0 = f64::from(*sample) + coefficient * s1 - s2;
        (s2, s1) = (s1, s0);
    }
    let power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
    2.0 * power.max(0.0).sqrt() / samples.len() as f64 / f64::from(i16::MAX)
}

/// Root mean square of `samples`, 1.0 being a full-scale square wave.
pub fn loudness(samples: &[i16]) -> f64 {
    let squares: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    (squares / samples.len().max(1) as f64).sqrt() / f64::from(i16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Sine;

    #[test]
    fn a_tone_is_found_where_it_is_and_nowhere_else() {
        let samples = Sine::new(440.0, 0.5).take(1600);
        assert!((tone_level(&samples, 440.0) - 0.5).abs() < 0.01);
        assert!(tone_level(&samples, 620.0) < 0.01);
        assert_eq!(tone_level(&[], 440.0), 0.0);
        assert!((loudness(&samples) - 0.5 / 2f64.sqrt()).abs() < 0.01);
    }
}
