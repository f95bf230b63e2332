//! Marked RTP: every packet says which call it is of, which way it goes and when
//! it was sent. The server relays payloads as they are, so marks come out again.

use std::{net::SocketAddr, time::Duration};

const MARK: &[u8; 4] = b"TLmk";
const HEADER: usize = 12;
const PAYLOAD: usize = 160;
const PCMA: u8 = 8;

/// One direction of one call.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    pub to: SocketAddr,
    call: u32,
    sequence: u16,
}

/// What a marked packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub call: u32,
    /// Counts in the figures: it was sent while both could hear.
    pub counts: bool,
    pub sent_at: Duration,
}

impl Stream {
    pub fn new(to: SocketAddr, call: u32) -> Stream {
        Stream { to, call, sequence: 0 }
    }

    /// The next 20 ms.
    pub fn packet(&mut self, now: Duration, counts: bool) -> Vec<u8> {
        let mut packet = vec![0xD5; HEADER + PAYLOAD];
        packet[..2].copy_from_slice(&[0x80, PCMA]);
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(self.sequence) * PAYLOAD as u32).to_be_bytes());
        packet[8..12].copy_from_slice(&self.call.to_be_bytes());
        packet[12..16].copy_from_slice(MARK);
        packet[16..20].copy_from_slice(&self.call.to_be_bytes());
        packet[20..28].copy_from_slice(&(now.as_nanos() as u64).to_be_bytes());
        packet[28] = u8::from(counts);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }
}

/// `None` for prompts, music and whatever else is not ours.
pub fn read(packet: &[u8]) -> Option<Mark> {
    let payload = packet.get(HEADER..HEADER + PAYLOAD)?;
    if &payload[..4] != MARK {
        return None;
    }
    let call = u32::from_be_bytes(payload[4..8].try_into().ok()?);
    let sent_at = Duration::from_nanos(u64::from_be_bytes(payload[8..16].try_into().ok()?));
    Some(Mark { call, counts: payload[16] == 1, sent_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_out_as_it_went_in() {
        let now = Duration::from_micros(1_234_567);
        let packet = Stream::new("127.0.0.1:9".parse().unwrap(), 77).packet(now, true);
        assert_eq!(read(&packet), Some(Mark { call: 77, counts: true, sent_at: now }));
        assert_eq!(read(&[0; 172]), None);
    }
}
