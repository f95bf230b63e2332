//! Where the phone reads the clock and draws randomness.

use std::time::{Duration, Instant};

/// Time since a phone was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the phone drives sockets in real time")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Duration {
        self.0.elapsed()
    }
}

/// Fresh random bytes.
#[allow(clippy::disallowed_methods, reason = "the phone is a driver, its engine takes a seed")]
pub(crate) fn seed() -> [u8; 32] {
    use rand::Rng;
    rand::rng().random()
}
