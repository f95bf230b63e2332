//! Time as an argument: nothing in the pure crates reads a clock.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};

/// A span in milliseconds.
pub type Millis = i64;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to here, 0 if it lies ahead.
    pub fn since(self, earlier: Timestamp) -> Millis {
        (self.0 - earlier.0).max(0)
    }
}

impl Add<Millis> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Millis) -> Timestamp {
        Timestamp(self.0.saturating_add(span))
    }
}

impl Sub<Timestamp> for Timestamp {
    type Output = Millis;
    fn sub(self, earlier: Timestamp) -> Millis {
        self.0 - earlier.0
    }
}
