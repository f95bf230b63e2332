//! Streams keep their order; between streams anything overtakes anything.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use types::{Millis, Timestamp};

/// No message is longer on its way.
pub(crate) const DELAY_MAX: Millis = 2_000;
/// No broken stream to the ACD stays broken longer.
pub(crate) const OUTAGE_MAX: Millis = 3_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stream {
    Caller(usize),
    Media(usize),
    Ivr(usize),
    EdgeToAcd,
    AcdToEdge,
    DeskToAcd(usize),
    AcdToDesk(usize),
    /// Of one call to one agent's device.
    LineTold(usize, usize),
    LineSays(usize, usize),
    CallLog(usize),
    AgentLog(usize),
}

#[derive(Debug, Default)]
pub(crate) struct Network {
    last: HashMap<Stream, Timestamp>,
    /// So many of a thousand messages take very long; at most 100.
    pub(crate) spikes: u32,
    /// The stream between edge and ACD is broken until then.
    pub(crate) broken_until: Timestamp,
}

impl Network {
    /// When what is sent now arrives; `None`: lost with a broken stream.
    pub(crate) fn arrival(
        &mut self,
        now: Timestamp,
        rng: &mut ChaCha8Rng,
        stream: Stream,
    ) -> Option<Timestamp> {
        let broken = self.broken_until > now;
        if broken && stream == Stream::AcdToEdge {
            return None;
        }
        let begun = if broken && stream == Stream::EdgeToAcd { self.broken_until } else { now };
        let delay = match rng.random_range(0..1000) {
            0..900 => rng.random_range(1..40),
            n if n < 1_000 - self.spikes => rng.random_range(40..300),
            _ => rng.random_range(300..DELAY_MAX),
        };
        let last = self.last.entry(stream).or_default();
        *last = (*last).max(begun + delay);
        Some(*last)
    }
}
