//! RTP packets (RFC 3550 section 5.1) and the state of one sent stream.

use rtp_types::RtpPacket;

use crate::Error;

/// Length of the header that [`Packet::write`] makes, in bytes.
pub const HEADER: usize = 12;

/// Payload type of comfort noise (RFC 3389, RFC 3551).
pub const COMFORT_NOISE: u8 = 13;

/// One RTP packet; the payload is borrowed from the datagram, without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    pub marker: bool,
    /// 7 bits.
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`Error::Packet`] when the version is not 2 or a length points outside.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Error> {
        let packet = RtpPacket::parse(datagram)?;
        let start = packet.payload_offset();
        let payload = &datagram[start..start + packet.payload_len()];
        Ok(Self {
            marker: packet.marker_bit(),
            payload_type: packet.payload_type(),
            sequence: packet.sequence_number(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
            payload,
        })
    }

    /// Appends the packet to `out`: no CSRC, no extension, no padding.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(HEADER + self.payload.len());
        out.push(2 << 6);
        out.push(u8::from(self.marker) << 7 | self.payload_type & 0x7f);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(self.payload);
    }
}

/// True when the datagram is RTCP rather than RTP on a shared port
/// (RFC 5761 section 4: packet types 192–223).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.len() >= 8 && datagram[0] >> 6 == 2 && (192..=223).contains(&datagram[1])
}

/// Sequence, timestamp and counters of one stream that we send.
#[derive(Debug, Clone)]
pub struct Sender {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    packets: u32,
    octets: u32,
}

impl Sender {
    /// A stream that starts at random values of the caller's choice (RFC 3550 5.1).
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, sequence, timestamp, packets: 0, octets: 0 }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The timestamp that the next packet bears.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Packets and payload octets sent so far, for the sender report.
    pub fn sent(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// Moves the clock on by `samples`, whether or not anything was sent.
    pub fn advance(&mut self, samples: u32) {
        self.timestamp = self.timestamp.wrapping_add(samples);
    }

    /// Appends the next packet at the current timestamp to `out`.
    pub fn write(&mut self, marker: bool, payload_type: u8, payload: &[u8], out: &mut Vec<u8>) {
        self.write_at(self.timestamp, marker, payload_type, payload, out);
    }

    /// The same with a timestamp of its own: a telephone-event keeps the one at
    /// which its key went down (RFC 4733 section 2.2).
    pub fn write_at(
        &mut self,
        timestamp: u32,
        marker: bool,
        payload_type: u8,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) {
        let (sequence, ssrc) = (self.sequence, self.ssrc);
        Packet { marker, payload_type, sequence, timestamp, ssrc, payload }.write(out);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stream_counts_packets_and_keeps_its_clock() {
        let mut sender = Sender::new(7, u16::MAX, u32::MAX - 159);
        let mut first = Vec::new();
        sender.write(true, 8, &[0xd5; 160], &mut first);
        sender.advance(160);
        let mut second = Vec::new();
        sender.write(false, 8, &[0xd5; 160], &mut second);

        let second = Packet::parse(&second).unwrap();
        assert!(Packet::parse(&first).unwrap().marker);
        assert_eq!((second.sequence, second.timestamp, second.ssrc), (0, 0, 7));
        assert_eq!(sender.sent(), (2, 320));
    }

    #[test]
    fn csrc_extension_and_padding_are_stepped_over() {
        let mut datagram = vec![0b1011_0001, 0x80, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        datagram.extend_from_slice(&[0, 0, 0, 9]); // one CSRC
        datagram.extend_from_slice(&[0xbe, 0xde, 0, 1, 1, 2, 3, 4]); // one extension word
        datagram.extend_from_slice(&[10, 11, 12, 0, 2]); // three payload bytes, padding of two
        let packet = Packet::parse(&datagram).unwrap();
        assert_eq!(packet.payload, &[10, 11, 12]);
        assert!(packet.marker);
    }

    #[test]
    fn rtcp_on_a_shared_port_is_told_apart() {
        assert!(is_rtcp(&[0x80, 200, 0, 1, 0, 0, 0, 1]));
        assert!(!is_rtcp(&[0x80, 0x80 | 8, 0, 1, 0, 0, 0, 1]));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_packet_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert!(packet.payload.len() + HEADER <= bytes.len());
            }
        }

        #[test]
        fn what_is_written_is_read(marker: bool, payload_type in 0u8..128, sequence: u16,
            timestamp: u32, ssrc: u32, payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let sent = Packet { marker, payload_type, sequence, timestamp, ssrc, payload: &payload };
            let mut bytes = Vec::new();
            sent.write(&mut bytes);
            prop_assert_eq!(Packet::parse(&bytes).unwrap(), sent);
        }
    }
}
