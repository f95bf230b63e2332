//! Sine tones.

use std::f64::consts::TAU;

use crate::RATE;

/// A sine that goes on where the frame before ended.
#[derive(Debug, Clone)]
pub struct Sine {
    phase: f64,
    step: f64,
    amplitude: f64,
}

impl Sine {
    /// A tone of `hz`; `level` is the amplitude, 1.0 being full scale.
    pub fn new(hz: f64, level: f64) -> Self {
        let amplitude = level.clamp(0.0, 1.0) * f64::from(i16::MAX);
        Self { phase: 0.0, step: TAU * hz / f64::from(RATE), amplitude }
    }

    /// The next sample.
    pub fn sample(&mut self) -> i16 {
        let value = self.phase.sin() * self.amplitude;
        self.phase = (self.phase + self.step) % TAU;
        value as i16
    }

    /// Overwrites `out` with the next samples.
    pub fn fill(&mut self, out: &mut [i16]) {
        out.fill_with(|| self.sample());
    }

    /// `count` samples in a vector of their own.
    pub fn take(&mut self, count: usize) -> Vec<i16> {
        (0..count).map(|_| self.sample()).collect()
    }
}
