//! Symmetric RTP: where to send, learnt from where packets come (RFC 4961), with
//! a guard against whoever else finds the port.

use std::{net::SocketAddr, time::Duration};

/// A party silent for this long may come back from another address.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// The address of one party.
#[derive(Debug, Default, Clone)]
pub struct Latch {
    /// From the party's SDP.
    signalled: Option<SocketAddr>,
    locked: Option<Locked>,
}

#[derive(Debug, Clone, Copy)]
struct Locked {
    address: SocketAddr,
    ssrc: u32,
    heard: Duration,
}

impl Latch {
    /// The party's SDP names an address (`None`: it wants nothing). A new one
    /// makes the guard look again.
    pub fn signal(&mut self, address: Option<SocketAddr>) {
        if address.is_some() && address != self.signalled {
            self.locked = None;
        }
        self.signalled = address;
    }

    /// Whether a valid packet from `from` is the party's. The first source wins;
    /// then only the signalled address, or the same stream (`ssrc`) after a
    /// silence, may take its place.
    pub fn admit(&mut self, now: Duration, from: SocketAddr, ssrc: u32) -> bool {
        let admitted = match self.locked {
            None => true,
            Some(locked) if locked.address == from => true,
            Some(_) if self.signalled == Some(from) => true,
            Some(locked) => locked.ssrc == ssrc && now.saturating_sub(locked.heard) >= SILENCE_MAX,
        };
        if admitted {
            self.locked = Some(Locked { address: from, ssrc, heard: now });
        }
        admitted
    }

    /// Where to send: where packets come from, else what the SDP says.
    pub fn target(&self) -> Option<SocketAddr> {
        self.locked.map(|l| l.address).or(self.signalled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        ([192, 0, 2, 1], port).into()
    }

    fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_first_source_is_kept_and_a_stranger_is_not_heard() {
        let mut latch = Latch::default();
        latch.signal(Some(address(1)));
        assert!(latch.admit(s(0), address(2), 7), "behind a NAT");
        assert!(!latch.admit(s(1), address(3), 8));
        assert!(!latch.admit(s(1), address(3), 7), "same ssrc while the party is heard");
        assert_eq!(latch.target(), Some(address(2)));
    }

    #[test]
    fn the_signalled_address_takes_its_place_back_from_a_stranger() {
        let mut latch = Latch::default();
        latch.signal(Some(address(1)));
        latch.admit(s(0), address(66), 6);
        assert!(latch.admit(s(0), address(1), 7));
        assert!(latch.admit(s(1), address(1), 7));
        assert!(!latch.admit(s(1), address(66), 6));
    }

    #[test]
    fn a_party_whose_nat_rebinds_is_followed_after_a_silence() {
        let mut latch = Latch::default();
        latch.admit(s(0), address(2), 7);
        assert!(!latch.admit(s(9), address(4), 8), "another stream");
        assert!(latch.admit(s(9), address(3), 7));
        assert_eq!(latch.target(), Some(address(3)));
    }

    #[test]
    fn a_new_address_in_the_sdp_opens_the_latch() {
        let mut latch = Latch::default();
        latch.signal(Some(address(1)));
        latch.admit(s(0), address(1), 7);
        latch.signal(Some(address(5)));
        assert_eq!(latch.target(), Some(address(5)));
        assert!(latch.admit(s(0), address(5), 8));
    }
}
