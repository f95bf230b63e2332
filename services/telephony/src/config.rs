//! The configuration; `default.toml` documents it.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use sip::SessionTimes;
use sipnet::Certificate;

use crate::carriers::Pace;

/// One struct for the whole service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub sip_listen: SocketAddr,
    pub public_address: String,
    pub other_address: String,
    pub tls_listen: String,
    pub ws_listen: String,
    pub wss_listen: String,
    pub certificate_file: PathBuf,
    pub private_key_file: PathBuf,
    pub realm: String,
    pub gateways: Vec<String>,
    pub legs_max: usize,
    pub arriving_max: usize,
    pub ladders_mb: usize,
    pub company_calls_max: u32,
    pub receive_buffer: usize,
    pub refusals_max: u32,
    pub refusals_window_ms: u64,
    pub drain_wait_ms: u64,
    pub never_silenced: Vec<String>,
    pub name_servers: Vec<String>,
    pub probe_every_ms: u64,
    pub probe_timeout_ms: u64,
    pub again_ms: u64,
    pub again_max_ms: u64,
    pub registration_s: u32,
    pub session_s: u64,
    pub session_least_s: u64,
}

impl Config {
    /// The address that peers are told.
    pub fn address(&self) -> anyhow::Result<IpAddr> {
        if !self.public_address.is_empty() {
            return Ok(self.public_address.parse()?);
        }
        if !self.sip_listen.ip().is_unspecified() {
            return Ok(self.sip_listen.ip());
        }
        Ok(outward_address().unwrap_or(IpAddr::from([127, 0, 0, 1])))
    }

    /// How long a session lasts without a refresh.
    pub fn session(&self) -> SessionTimes {
        let [interval, least] = [self.session_s, self.session_least_s].map(Duration::from_secs);
        SessionTimes { interval, least }
    }

    /// How often carriers are asked.
    pub fn pace(&self) -> Pace {
        Pace {
            every: Duration::from_millis(self.probe_every_ms),
            timeout: Duration::from_millis(self.probe_timeout_ms),
            again: Duration::from_millis(self.again_ms),
            again_max: Duration::from_millis(self.again_max_ms),
            expires: self.registration_s,
        }
    }

    /// The name servers that are asked where carriers are.
    pub fn name_servers(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let address = |text: &String| match text.parse::<IpAddr>() {
            Ok(ip) => Ok(SocketAddr::new(ip, 53)),
            Err(_) => text.parse().with_context(|| format!("name_servers: {text:?} is no IP address")),
        };
        self.name_servers.iter().map(address).collect()
    }

    /// The address that peers of the other IP version are told, if there is one.
    pub fn other(&self) -> anyhow::Result<Option<IpAddr>> {
        let given = Some(&self.other_address).filter(|text| !text.is_empty());
        Ok(given.map(|text| text.parse()).transpose()?)
    }

    /// Where TLS is received, if it is.
    pub fn tls(&self) -> anyhow::Result<Option<SocketAddr>> {
        place(&self.tls_listen, "tls_listen")
    }

    /// Where WebSockets are taken, if they are.
    pub fn ws(&self) -> anyhow::Result<Option<SocketAddr>> {
        place(&self.ws_listen, "ws_listen")
    }

    /// Where WebSockets under TLS are taken, if they are.
    pub fn wss(&self) -> anyhow::Result<Option<SocketAddr>> {
        place(&self.wss_listen, "wss_listen")
    }

    /// Our certificate, where anything is received under TLS.
    pub fn certificate(&self) -> anyhow::Result<Option<Arc<Certificate>>> {
        if self.tls_listen.is_empty() && self.wss_listen.is_empty() {
            return Ok(None);
        }
        Ok(Some(Certificate::open(&self.certificate_file, &self.private_key_file)?))
    }

    /// The limits of the guard against scanners.
    pub fn guard(&self) -> sip::guard::Limits {
        sip::guard::Limits {
            answers_max: self.refusals_max,
            window: Duration::from_millis(self.refusals_window_ms),
            ..sip::guard::Limits::default()
        }
    }
}

fn place(listen: &str, setting: &'static str) -> anyhow::Result<Option<SocketAddr>> {
    let given = Some(listen).filter(|text| !text.is_empty());
    given.map(str::parse).transpose().context(setting)
}

/// The source address of the route to the outside; no packet is sent.
fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}
