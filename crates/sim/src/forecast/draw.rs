//! How long things take.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;
use types::Millis;

/// How long something takes: a shape around a mean, or values that were seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Seconds.
    #[serde(default)]
    pub mean_s: f64,
    #[serde(default)]
    pub shape: Shape,
    /// Standard deviation of the shape `log_normal`; absent: as large as the mean.
    #[serde(default)]
    pub deviation_s: Option<f64>,
    /// Instead of a shape: one of these, each as likely.
    #[serde(default)]
    pub values_s: Vec<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Memoryless, as Erlang assumed.
    #[default]
    Exponential,
    /// Few very long ones, as talks are.
    LogNormal,
    Fixed,
}

impl Span {
    pub fn fixed(mean_s: f64) -> Span {
        Span { mean_s, shape: Shape::Fixed, ..Span::default() }
    }

    pub fn exponential(mean_s: f64) -> Span {
        Span { mean_s, ..Span::default() }
    }

    pub(crate) fn is_sound(&self) -> bool {
        let sound = |s: &f64| s.is_finite() && (0.0..=86_400.0).contains(s);
        let deviation = self.deviation_s.as_ref().is_none_or(sound);
        sound(&self.mean_s) && deviation && self.values_s.iter().all(sound)
    }

    pub(crate) fn draw(&self, rng: &mut ChaCha8Rng) -> Millis {
        let seconds = match (self.values_s.len(), self.shape) {
            (0, Shape::Fixed) => self.mean_s,
            (0, Shape::Exponential) => self.mean_s * exponential(rng),
            (0, Shape::LogNormal) => self.log_normal(rng),
            (n, _) => self.values_s[rng.random_range(0..n)],
        };
        (seconds * 1_000.0).round() as Millis
    }

    /// By mean and deviation of what is drawn, not of its logarithm.
    fn log_normal(&self, rng: &mut ChaCha8Rng) -> f64 {
        if self.mean_s == 0.0 {
            return 0.0;
        }
        let relative = self.deviation_s.unwrap_or(self.mean_s) / self.mean_s;
        let variance = (1.0 + relative * relative).ln();
        (self.mean_s.ln() - variance / 2.0 + variance.sqrt() * normal(rng)).exp()
    }
}

/// Of mean 1.
pub(crate) fn exponential(rng: &mut ChaCha8Rng) -> f64 {
    -open(rng).ln()
}

/// Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (-2.0 * open(rng).ln()).sqrt() * (TAU * open(rng)).cos()
}

/// Above 0, up to 1.
fn open(rng: &mut ChaCha8Rng) -> f64 {
    1.0 - rng.random::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn what_is_drawn_has_the_mean_and_the_deviation_that_were_asked_for() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let log_normal =
            Span { mean_s: 200.0, shape: Shape::LogNormal, deviation_s: Some(100.0), ..Span::default() };
        for (span, deviation) in [
            (Span::exponential(200.0), 200.0),
            (log_normal, 100.0),
            (Span::fixed(200.0), 0.0),
            (Span { values_s: vec![100.0, 300.0], ..Span::default() }, 100.0),
        ] {
            let drawn: Vec<f64> = (0..100_000).map(|_| span.draw(&mut rng) as f64 / 1_000.0).collect();
            let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let variance = drawn.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
            assert!((mean - 200.0).abs() < 2.0, "{span:?}: {mean}");
            assert!((variance.sqrt() - deviation).abs() < 3.0, "{span:?}: {}", variance.sqrt());
        }
    }
}
