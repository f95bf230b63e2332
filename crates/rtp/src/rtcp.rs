//! Minimal RTCP: sender and receiver reports with one block (RFC 3550 section 6.4).

use std::time::Duration;

use crate::{Error, Sender, receiver::Quality};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const BLOCK: usize = 24;

/// One SR or RR of a compound packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub ssrc: u32,
    /// Set in a sender report.
    pub sender: Option<SenderInfo>,
    pub blocks: Vec<Quality>,
}

/// The sender's half of a sender report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// 32.32 fixed point seconds since 1900.
    pub ntp: u64,
    pub rtp_timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

impl SenderInfo {
    /// What `sender` has sent, as of `since_unix_epoch`.
    pub fn of(sender: &Sender, since_unix_epoch: Duration) -> Self {
        let (packets, octets) = sender.sent();
        Self { ntp: ntp(since_unix_epoch), rtp_timestamp: sender.timestamp(), packets, octets }
    }
}

/// 32.32 fixed point NTP time of a Unix time.
pub fn ntp(since_unix_epoch: Duration) -> u64 {
    let seconds = since_unix_epoch.as_secs() + 2_208_988_800;
    let fraction = (u64::from(since_unix_epoch.subsec_nanos()) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}

/// The round trip by the party's report of our stream, at `now` as [`ntp`] writes it
/// (section 6.4.1). `None` before it had a sender report of ours, and for times that
/// cannot be.
pub fn round_trip(now: u64, block: &Quality) -> Option<Duration> {
    /// Longer ones are no round trips: a clock was set, or somebody makes them up.
    const LONGEST: u32 = 10 << 16;
    let spent = ((now >> 16) as u32).wrapping_sub(block.last_report).wrapping_sub(block.since_report);
    let known = block.last_report != 0 && spent < LONGEST;
    known.then(|| Duration::from_micros(u64::from(spent) * 1_000_000 / 65_536))
}

impl Report {
    /// Appends the report to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let blocks = self.blocks.len().min(31);
        let words = 1 + if self.sender.is_some() { 5 } else { 0 } + blocks * BLOCK / 4;
        out.push(2 << 6 | blocks as u8);
        out.push(if self.sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT });
        out.extend_from_slice(&(words as u16).to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        if let Some(sender) = &self.sender {
            out.extend_from_slice(&sender.ntp.to_be_bytes());
            for word in [sender.rtp_timestamp, sender.packets, sender.octets] {
                out.extend_from_slice(&word.to_be_bytes());
            }
        }
        self.blocks.iter().take(blocks).for_each(|block| write_block(block, out));
    }

    /// The sender and receiver reports of a compound packet; others are stepped over.
    ///
    /// # Errors
    /// [`Error::Rtcp`] when a length points outside the datagram.
    pub fn parse(mut datagram: &[u8]) -> Result<Vec<Self>, Error> {
        let mut reports = Vec::new();
        while !datagram.is_empty() {
            let head = datagram.get(..4).ok_or(Error::Rtcp("short header"))?;
            if head[0] >> 6 != 2 {
                return Err(Error::Rtcp("version is not 2"));
            }
            let length = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
            let body = datagram.get(4..length).ok_or(Error::Rtcp("length points outside"))?;
            match head[1] {
                SENDER_REPORT => reports.push(parse_one(body, head[0] & 31, true)?),
                RECEIVER_REPORT => reports.push(parse_one(body, head[0] & 31, false)?),
                _ => {}
            }
            datagram = &datagram[length..];
        }
        Ok(reports)
    }
}

fn parse_one(body: &[u8], blocks: u8, is_sender: bool) -> Result<Report, Error> {
    let start = if is_sender { 24 } else { 4 };
    let end = start + usize::from(blocks) * BLOCK;
    if body.len() < end {
        return Err(Error::Rtcp("report shorter than its blocks"));
    }
    let sender = is_sender.then(|| SenderInfo {
        ntp: u64::from(word(body, 4)) << 32 | u64::from(word(body, 8)),
        rtp_timestamp: word(body, 12),
        packets: word(body, 16),
        octets: word(body, 20),
    });
    let blocks = body[start..end].chunks_exact(BLOCK).map(parse_block).collect();
    Ok(Report { ssrc: word(body, 0), sender, blocks })
}

fn parse_block(block: &[u8]) -> Quality {
    Quality {
        ssrc: word(block, 0),
        fraction_lost: block[4],
        lost: (word(block, 4) << 8) as i32 >> 8,
        highest_sequence: word(block, 8),
        jitter: word(block, 12),
        last_report: word(block, 16),
        since_report: word(block, 20),
    }
}

fn write_block(block: &Quality, out: &mut Vec<u8>) {
    let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
    let loss = u32::from(block.fraction_lost) << 24 | lost;
    for word in
        [block.ssrc, loss, block.highest_sequence, block.jitter, block.last_report, block.since_report]
    {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_report_is_read_as_written() {
        let block = Quality {
            ssrc: 5,
            fraction_lost: 64,
            lost: -3,
            highest_sequence: 70_000,
            jitter: 12,
            last_report: 77,
            since_report: 65_536,
        };
        let sender = SenderInfo { ntp: 1 << 40 | 7, rtp_timestamp: 160, packets: 1, octets: 160 };
        let sent = Report { ssrc: 9, sender: Some(sender), blocks: vec![block] };
        let receiver = Report { ssrc: 9, sender: None, blocks: vec![] };
        let mut bytes = Vec::new();
        sent.write(&mut bytes);
        receiver.write(&mut bytes);
        assert_eq!(bytes.len(), 52 + 8);
        assert_eq!(Report::parse(&bytes).unwrap(), [sent, receiver]);
    }

    #[test]
    fn the_round_trip_is_what_the_party_did_not_keep() {
        let at = |ms: u64| ntp(Duration::from_millis(1_700_000_000_000 + ms));
        let block = |last_report, since_report| Quality {
            ssrc: 5,
            fraction_lost: 0,
            lost: 0,
            highest_sequence: 1,
            jitter: 0,
            last_report,
            since_report,
        };
        let sent = (at(0) >> 16) as u32;
        // The party kept it for half a second.
        let rtt = round_trip(at(580), &block(sent, 32_768)).unwrap();
        assert!(rtt.abs_diff(Duration::from_millis(80)) < Duration::from_micros(50), "{rtt:?}");
        assert_eq!(round_trip(at(580), &block(0, 0)), None, "no report of ours was heard");
        assert_eq!(round_trip(at(100), &block(sent, 32_768)), None, "kept longer than it has been");
    }

    #[test]
    fn ntp_starts_in_1900() {
        assert_eq!(ntp(Duration::from_millis(500)), 2_208_988_800 << 32 | 1 << 31);
    }

    proptest! {
        #[test]
        fn whatever_comes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = Report::parse(&bytes);
        }

        #[test]
        fn a_report_cut_anywhere_never_panics(cut in 0usize..76, kind in 200u8..202, count in 0u8..32) {
            let mut bytes = [0; 76];
            bytes[..4].copy_from_slice(&[0x80 | count, kind, 0, 18]);
            let _ = Report::parse(&bytes[..cut]);
        }
    }
}
