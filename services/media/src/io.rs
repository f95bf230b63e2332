//! What legs and sessions act through: sockets, events to the edge, the spool.

use std::{
    net::SocketAddr,
    sync::{Arc, mpsc::SyncSender},
    time::{Duration, Instant},
};

use mio::{Registry, net::UdpSocket};
use proto::media::v1::{Event, event::What};
use str0m::crypto::dtls::DtlsCert;

use crate::{ports::Ports, prompts::Prompts, spool, stats::Stats, watch::Limits};

/// The hands of one loop.
pub struct Io {
    pub nth_loop: usize,
    pub registry: Registry,
    pub ports: Ports,
    /// Our address in SDP; the port varies.
    pub address: std::net::IpAddr,
    /// One socket for all browsers of this loop, and its address as they see it.
    pub browser: UdpSocket,
    pub browser_address: SocketAddr,
    pub certificate: DtlsCert,
    /// What the session at work tells its edge.
    pub events: Vec<Event>,
    pub spool: SyncSender<spool::Item>,
    pub prompts: Arc<Prompts>,
    pub loads: tokio::sync::mpsc::Sender<PromptsWanted>,
    pub stats: Arc<Stats>,
    pub watch: Limits,
    /// When the loop began; all other times count from here.
    pub origin: Instant,
    /// The same since 1970, for RTCP.
    pub unix_origin: Duration,
    /// A datagram being built.
    pub scratch: Vec<u8>,
}

/// A Play whose prompts are not in memory.
pub struct PromptsWanted {
    pub nth_loop: usize,
    pub session: String,
    pub play: String,
    /// Tells a Play from one that replaced it.
    pub serial: u64,
    pub hashes: Vec<String>,
}

impl Io {
    pub fn tell(&mut self, session: &str, op: u64, what: What) {
        self.events.push(Event { session: session.to_owned(), op, what: Some(what) });
    }

    /// A time since the origin as time since 1970.
    pub fn unix(&self, now: Duration) -> Duration {
        self.unix_origin + now
    }

    /// The instant of a time since the origin, as str0m wants it.
    pub fn instant(&self, now: Duration) -> Instant {
        self.origin + now
    }
}
