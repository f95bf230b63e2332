//! How much of one frequency is in a stretch of audio (Goertzel's algorithm).

use std::f64::consts::TAU;

use crate::RATE;

/// Amplitude of `hz` in `samples`, 1.0 being a full-scale sine; 0.0 for none.
/// A stretch of `n` samples tells frequencies apart that lie 8000 / n Hz from each other.
pub fn tone_level(samples: &[i16], hz: f64) -> f64 {
    tone_levels(samples, &[hz])[0]
}

/// The same for several frequencies at once: each step waits for the one before
/// it, so that eight side by side take hardly longer than one.
pub fn tone_levels<const N: usize>(samples: &[i16], hz: &[f64; N]) -> [f64; N] {
    if samples.is_empty() {
        return [0.0; N];
    }
    let coefficients = hz.map(|hz| 2.0 * (TAU * hz / f64::from(RATE)).cos());
    let (mut s1, mut s2) = ([0.0; N], [0.0; N]);
    for sample in samples {
        let sample = f64::from(*sample);
        for n in 0..N {
            let s0 = sample + coefficients[n] * s1[n] - s2[n];
            (s2[n], s1[n]) = (s1[n], s0);
        }
    }
    std::array::from_fn(|n| {
        let power = s1[n] * s1[n] + s2[n] * s2[n] - coefficients[n] * s1[n] * s2[n];
        2.0 * power.max(0.0).sqrt() / samples.len() as f64 / f64::from(i16::MAX)
    })
}

/// Root mean square of `samples`, 1.0 being a full-scale square wave.
pub fn loudness(samples: &[i16]) -> f64 {
    let squares: i64 = samples.iter().map(|s| i64::from(*s) * i64::from(*s)).sum();
    (squares as f64 / samples.len().max(1) as f64).sqrt() / f64::from(i16::MAX)
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
        let [other, here] = tone_levels(&samples, &[620.0, 440.0]);
        assert_eq!((other, here), (tone_level(&samples, 620.0), tone_level(&samples, 440.0)));
        assert!((loudness(&samples) - 0.5 / 2f64.sqrt()).abs() < 0.01);
    }
}
