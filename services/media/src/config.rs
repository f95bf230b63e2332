//! The configuration; `default.toml` documents it.

use std::{net::IpAddr, time::Duration};

use serde::Deserialize;

use crate::watch::Limits;

/// One struct for the whole service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub rtp_listen: IpAddr,
    pub public_address: String,
    pub rtp_ports: String,
    pub browser_port: u16,
    pub port_drain_ms: u64,
    pub loops: usize,
    pub sessions_max: u32,
    pub lease_ms: u64,
    pub media_silent_ms: u64,
    pub media_lost_ms: u64,
    pub drain_wait_ms: u64,
    pub objects: String,
    pub prompt_cache_mb: usize,
    pub spool_max_mb: u64,
}

impl Config {
    /// First and last port of the range.
    pub fn ports(&self) -> anyhow::Result<(u16, u16)> {
        let wrong = || anyhow::anyhow!("rtp_ports must be first-last, not {:?}", self.rtp_ports);
        let (first, last) = self.rtp_ports.split_once('-').ok_or_else(wrong)?;
        let (first, last) = (first.trim().parse()?, last.trim().parse()?);
        anyhow::ensure!(first <= last && (first > 0 || last == 0), wrong());
        Ok((first, last))
    }

    /// The address that our SDP bears.
    pub fn address(&self) -> anyhow::Result<IpAddr> {
        if !self.public_address.is_empty() {
            return Ok(self.public_address.parse()?);
        }
        if !self.rtp_listen.is_unspecified() {
            return Ok(self.rtp_listen);
        }
        Ok(outward_address().unwrap_or(IpAddr::from([127, 0, 0, 1])))
    }

    pub fn loops(&self) -> usize {
        match self.loops {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }

    pub fn port_drain(&self) -> Duration {
        Duration::from_millis(self.port_drain_ms)
    }

    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// After how long without a packet something is said.
    pub fn watch(&self) -> Limits {
        let [silent, lost] = [self.media_silent_ms, self.media_lost_ms].map(Duration::from_millis);
        Limits { silent, lost }
    }
}

/// The source address of the route to the outside; no packet is sent.
fn outward_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}
