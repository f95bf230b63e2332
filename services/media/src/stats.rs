//! Counters of the gateway, shared by its loops.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use proto::media::v1::Load;

/// Sessions against capacity.
#[derive(Debug, Default)]
pub struct Stats {
    sessions: AtomicU32,
    capacity: u32,
    draining: AtomicBool,
}

impl Stats {
    pub fn new(capacity: u32) -> Self {
        Self { capacity, ..Self::default() }
    }

    /// Takes a place, unless all are taken or the gateway drains.
    pub fn enter(&self) -> bool {
        let free = |n: u32| (n < self.capacity && !self.draining()).then_some(n + 1);
        let entered = self.sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).is_ok();
        metrics::gauge!("media_sessions").set(self.sessions());
        entered
    }

    pub fn leave(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("media_sessions").set(self.sessions());
    }

    pub fn sessions(&self) -> u32 {
        self.sessions.load(Ordering::Relaxed)
    }

    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub fn load(&self) -> Load {
        Load { sessions: self.sessions(), capacity: self.capacity, draining: self.draining() }
    }
}
