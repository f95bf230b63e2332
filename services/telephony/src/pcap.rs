//! A ladder as a capture file, for the tools that everybody has.
//!
//! The file holds IP packets (LINKTYPE_RAW) made from the messages as they
//! travelled: datagrams as they were, connections as one segment a message.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etherparse::{PacketBuilder, PacketBuilderStep};
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, PcapError};
use sip::Protocol;
use sipnet::Direction;

use crate::ladder::Message;

/// Hops left; nobody looks at it.
const TTL: u8 = 64;
const WINDOW: u16 = 65_535;
/// Room for the headers of one packet.
const HEADERS: usize = 80;

/// The capture; `ours` is the address that peers know.
pub fn capture(messages: &[Message], ours: SocketAddr) -> Result<Vec<u8>, PcapError> {
    let header = PcapHeader { datalink: DataLink::RAW, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(Vec::new(), header)?;
    // The next byte of each direction of each connection.
    let mut sequence: HashMap<(SocketAddr, SocketAddr), u32> = HashMap::new();
    for message in messages {
        let theirs = message.flow.remote;
        let (from, to) = match message.direction {
            Direction::In => (theirs, ours),
            Direction::Out => (ours, theirs),
        };
        let acknowledged = sequence.get(&(to, from)).copied().unwrap_or(1);
        let next = sequence.entry((from, to)).or_insert(1);
        let packet = packet(message, from, to, *next, acknowledged).map_err(PcapError::IoError)?;
        *next = next.wrapping_add(message.bytes.len() as u32);
        let at = Duration::from_millis(message.at.millis().max(0) as u64);
        writer.write_packet(&PcapPacket::new(at, packet.len() as u32, &packet))?;
    }
    Ok(writer.into_writer())
}

fn packet(message: &Message, from: SocketAddr, to: SocketAddr, next: u32, seen: u32) -> io::Result<Vec<u8>> {
    let mut packet = Vec::with_capacity(message.bytes.len() + HEADERS);
    let ip = ip(from.ip(), to.ip());
    let written = match message.flow.protocol {
        Protocol::Udp => ip.udp(from.port(), to.port()).write(&mut packet, &message.bytes),
        _ => {
            let tcp = ip.tcp(from.port(), to.port(), next, WINDOW).psh().ack(seen);
            tcp.write(&mut packet, &message.bytes)
        }
    };
    written.map_err(io::Error::other)?;
    Ok(packet)
}

/// Both as IPv4 if they are, else both as IPv6.
fn ip(from: IpAddr, to: IpAddr) -> PacketBuilderStep<etherparse::IpHeaders> {
    let six = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    };
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), TTL),
        _ => PacketBuilder::ipv6(six(from), six(to), TTL),
    }
}
