//! What sees every SIP message first: the guard against scanners, and the
//! ladders of calls.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sip::Flow;
use sip::guard::{Guard, Refuse};
use sipnet::{Direction, Tap};
use tokio::sync::watch;

use crate::Config;
use crate::cidr::Blocks;
use crate::ladder::{Ladders, Message};
use crate::trunk::Directory;

/// The door of the edge.
pub struct Gate {
    pub guard: Guard,
    /// OPTIONS of strangers, counted apart: a carrier's pings must not silence
    /// its calls.
    pub probes: Guard,
    pub proven: Proven,
    pub ladders: Ladders,
    /// Connections that are gone; whoever was reached by them is not there any more.
    pub broken: Vec<Flow>,
    directory: watch::Receiver<Arc<Directory>>,
    never_silenced: Blocks<()>,
}

impl Gate {
    pub fn new(config: &Config, directory: watch::Receiver<Arc<Directory>>) -> Self {
        let mut never_silenced = Blocks::default();
        for block in &config.never_silenced {
            if !never_silenced.insert(block, ()) {
                tracing::warn!(block, "not an address block");
            }
        }
        Self {
            never_silenced,
            guard: Guard::new(config.guard()),
            probes: Guard::new(config.guard()),
            proven: Proven::default(),
            ladders: Ladders::new(config.ladders_mb << 20),
            broken: Vec::new(),
            directory,
        }
    }

    /// Whether the address is a trunk's, or somebody proved a password there.
    pub fn knows(&self, now: Duration, address: IpAddr) -> bool {
        self.proven.holds(now, address) || self.directory.borrow().source(address).is_some()
    }

    /// A call or registration of a stranger is refused: with an answer or silently?
    pub fn refuse(&mut self, now: Duration, address: IpAddr) -> Refuse {
        match self.never_silenced.get(address) {
            Some(()) => Refuse::Answer,
            None => self.guard.refuse(now, address),
        }
    }

    /// Drops what is too old.
    pub fn forget(&mut self, now: Duration) {
        self.proven.forget(now);
    }
}

impl Tap for Gate {
    fn admits(&mut self, now: Duration, flow: Flow) -> bool {
        let address = flow.remote.ip();
        let heard = self.never_silenced.get(address).is_some() || !self.guard.is_silent(now, address);
        if heard || self.knows(now, address) {
            return true;
        }
        metrics::counter!("telephony_silenced_total").increment(1);
        false
    }

    fn message(&mut self, direction: Direction, flow: Flow, bytes: &Bytes) {
        let at = chassis::clock::now();
        self.ladders.note(&Message { at, direction, flow, bytes: bytes.clone() });
    }

    fn unsent(&mut self, messages: usize) {
        if messages > 0 {
            metrics::counter!("telephony_sends_failed_total").increment(messages as u64);
        }
    }

    /// Taken by the edge after each batch of arrivals.
    fn broken(&mut self, flow: Flow) {
        self.broken.push(flow);
    }
}

/// Addresses from which somebody proved a password lately.
#[derive(Debug, Default)]
pub struct Proven(HashMap<IpAddr, Duration>);

/// How long a proof makes its address known.
const PROOF_LASTS: Duration = Duration::from_secs(3600);
/// Addresses remembered.
const PROVEN_MAX: usize = 100_000;

impl Proven {
    pub fn note(&mut self, now: Duration, address: IpAddr) {
        if self.0.len() < PROVEN_MAX {
            self.0.insert(address, now + PROOF_LASTS);
        }
    }

    fn holds(&self, now: Duration, address: IpAddr) -> bool {
        self.0.get(&address).is_some_and(|until| *until > now)
    }

    fn forget(&mut self, now: Duration) {
        self.0.retain(|_, until| *until > now);
    }
}
