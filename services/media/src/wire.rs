//! How a leg is reached by plain RTP: its socket, what was agreed, where it is.

use std::{net::SocketAddr, time::Duration};

use mio::net::UdpSocket;
use rtp::{Law, Packet, latch::Latch, outbound::Stamp, packet::COMFORT_NOISE};

use crate::{
    error::Result,
    io::Io,
    sdp::{self, Local, Remote},
};

/// The RTP side of a leg.
pub struct Wire {
    pub socket: UdpSocket,
    local: Local,
    /// `None` until the party has answered our offer.
    remote: Option<Remote>,
    latch: Latch,
}

impl Wire {
    pub fn new(socket: UdpSocket, address: SocketAddr, session_id: u64) -> Self {
        let local = Local { address, session_id, version: 0 };
        Self { socket, local, remote: None, latch: Latch::default() }
    }

    fn describe(&mut self) -> Local {
        self.local.version += 1;
        self.local
    }

    /// Our offer; `prefer` is the law of the other party.
    pub fn offer(&mut self, prefer: Option<Law>) -> String {
        sdp::offer(self.describe(), prefer)
    }

    /// Answers the party's offer, first or later.
    pub fn answer(&mut self, offer: &str, prefer: Option<Law>) -> Result<String> {
        let local = self.describe();
        let prefer = self.remote.as_ref().map(|r| r.law).or(prefer);
        let (remote, answer) = sdp::answer(offer, local, prefer)?;
        self.agree(remote);
        Ok(answer)
    }

    /// Takes the party's answer to our offer.
    pub fn accept(&mut self, answer: &str) -> Result<()> {
        self.agree(sdp::accept(answer)?);
        Ok(())
    }

    fn agree(&mut self, remote: Remote) {
        self.latch.signal(remote.address);
        self.remote = Some(remote);
    }

    pub fn law(&self) -> Option<Law> {
        self.remote.as_ref().map(|r| r.law)
    }

    /// Whether the party means to send.
    pub fn talks(&self) -> bool {
        self.remote.as_ref().is_some_and(Remote::talks)
    }

    /// Payload type of telephone-events, if agreed.
    pub fn event(&self) -> Option<u8> {
        self.remote.as_ref()?.event
    }

    /// The law of a payload type that the party may send; before it has answered,
    /// what we offered.
    pub fn law_of(&self, payload_type: u8) -> Option<Law> {
        let Some(remote) = &self.remote else {
            return [Law::A, Law::Mu].into_iter().find(|law| law.payload_type() == payload_type);
        };
        remote.payloads.iter().find(|p| p.0 == payload_type).map(|p| p.1)
    }

    /// Whether a packet from `from` is the party's own.
    pub fn admit(&mut self, now: Duration, from: SocketAddr, packet: &Packet<'_>) -> bool {
        let pt = packet.payload_type;
        // Some rest by comfort noise without having said so.
        let known = self.law_of(pt).is_some() || self.event() == Some(pt) || pt == COMFORT_NOISE;
        known && self.latch.admit(now, from, packet.ssrc)
    }

    /// Sends a payload in the agreed law; `false` when the party does not listen.
    pub fn send(
        &self,
        stamp: Stamp,
        ssrc: u32,
        payload_type: u8,
        payload: &[u8],
        scratch: &mut Vec<u8>,
    ) -> bool {
        let Some(to) = self.target() else { return false };
        scratch.clear();
        let (marker, sequence, timestamp) = (stamp.marker, stamp.sequence as u16, stamp.timestamp);
        Packet { marker, payload_type, sequence, timestamp, ssrc, payload }.write(scratch);
        self.socket.send_to(scratch, to).is_ok()
    }

    pub fn payload_type(&self) -> Option<u8> {
        self.remote.as_ref()?.payloads.first().map(|p| p.0)
    }

    fn target(&self) -> Option<SocketAddr> {
        self.remote.as_ref().filter(|r| r.listens())?;
        self.latch.target()
    }

    /// Whether a report from there is the party's.
    pub fn is_party(&self, from: SocketAddr) -> bool {
        self.latch.target() == Some(from)
    }

    /// Where reports go, if RTCP shares the port.
    pub fn send_report(&self, report: &[u8]) {
        let muxed = self.remote.as_ref().is_some_and(|r| r.rtcp_mux);
        if let Some(to) = self.latch.target().filter(|_| muxed) {
            let _ = self.socket.send_to(report, to);
        }
    }

    /// Gives the port back.
    pub fn close(mut self, now: Duration, io: &mut Io) {
        let _ = io.registry.deregister(&mut self.socket);
        io.ports.close(now, self.socket);
    }
}
