//! UDP, many datagrams a system call: `recvmmsg(2)` and `sendmmsg(2)` by `nix`.
//!
//! The sockets stay their owners': of tokio, mio or the standard library. They
//! must not block.

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::SocketAddr,
    os::fd::AsRawFd,
};

use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg},
};

/// Datagrams given to one system call at most.
pub const BATCH_MAX: usize = 64;

/// Room for what one call reads.
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    length: usize,
    /// What was read last: sources and lengths.
    found: Vec<(SocketAddr, usize)>,
}

impl Inbox {
    /// For `count` datagrams of `length` bytes each; what is longer is cut off.
    pub fn new(count: usize, length: usize) -> Self {
        let count = count.clamp(1, BATCH_MAX);
        Self { bytes: vec![0; count * length], length, found: Vec::with_capacity(count) }
    }

    /// Reads what waits, up to the room; whether more may wait.
    ///
    /// # Errors
    /// `WouldBlock` when nothing waits; what an earlier datagram met, such as
    /// `ConnectionRefused`.
    pub fn read(&mut self, socket: &impl AsRawFd) -> io::Result<bool> {
        self.found.clear();
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.bytes.chunks_exact_mut(self.length).map(|chunk| [IoSliceMut::new(chunk)]).collect();
        let room = slices.len();
        // Anew for each call: they keep the length of the last address, and it
        // would cut off that of the other IP version.
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(room, None);
        let flags = MsgFlags::MSG_DONTWAIT;
        let read = recvmmsg(socket.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None)?;
        let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
        let source = |address: Option<&SockaddrStorage>| address.and_then(std_address).unwrap_or(unspecified);
        self.found.extend(read.map(|message| (source(message.address.as_ref()), message.bytes)));
        Ok(self.found.len() == room)
    }

    /// What was read last, with its sources.
    pub fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let chunks = self.bytes.chunks_exact(self.length);
        self.found.iter().zip(chunks).map(|((from, length), chunk)| (*from, &chunk[..*length]))
    }
}

fn std_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = || address.as_sockaddr_in().map(|a| SocketAddr::V4((*a).into()));
    let v6 = || address.as_sockaddr_in6().map(|a| SocketAddr::V6((*a).into()));
    v4().or_else(v6)
}

/// Sends all of them, each to its address; how many the kernel did not take.
/// Those are lost, as datagrams are.
pub fn send<B: AsRef<[u8]>>(socket: &impl AsRawFd, datagrams: &[(SocketAddr, B)]) -> usize {
    datagrams.chunks(BATCH_MAX).map(|chunk| send_chunk(socket, chunk)).sum()
}

fn send_chunk<B: AsRef<[u8]>>(socket: &impl AsRawFd, datagrams: &[(SocketAddr, B)]) -> usize {
    let slices: Vec<[IoSlice<'_>; 1]> =
        datagrams.iter().map(|(_, bytes)| [IoSlice::new(bytes.as_ref())]).collect();
    let addresses: Vec<_> = datagrams.iter().map(|(to, _)| Some(SockaddrStorage::from(*to))).collect();
    let mut headers = MultiHeaders::preallocate(datagrams.len(), None);
    let (mut next, mut lost) = (0, 0);
    while next < datagrams.len() {
        let (slices, addresses) = (&slices[next..], &addresses[next..]);
        let flags = MsgFlags::MSG_DONTWAIT;
        match sendmmsg(socket.as_raw_fd(), &mut headers, slices, addresses, [], flags) {
            Ok(sent) => next += sent.count().max(1),
            Err(Errno::EINTR) => {}
            // The first of the rest was refused.
            Err(_) => (next, lost) = (next + 1, lost + 1),
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    fn socket(at: &str) -> UdpSocket {
        let socket = UdpSocket::bind(at).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    #[test]
    fn what_is_sent_at_once_is_read_at_once_with_its_source() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let (near, far) = (socket(host), socket(host));
            let to = far.local_addr().unwrap();
            let datagrams: Vec<_> = (0..10u8).map(|n| (to, vec![n; usize::from(n) + 1])).collect();
            assert_eq!(send(&near, &datagrams), 0);
            let mut inbox = Inbox::new(8, 100);
            let mut read = Vec::new();
            assert!(inbox.read(&far).unwrap(), "the room is full");
            read.extend(inbox.datagrams().map(|(from, bytes)| (from, bytes.to_vec())));
            assert!(!inbox.read(&far).unwrap(), "no more waits");
            read.extend(inbox.datagrams().map(|(from, bytes)| (from, bytes.to_vec())));
            assert_eq!(inbox.read(&far).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            assert_eq!(inbox.datagrams().count(), 0);
            let from = near.local_addr().unwrap();
            let expected: Vec<_> = datagrams.into_iter().map(|(_, bytes)| (from, bytes)).collect();
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_datagram_that_cannot_be_sent_does_not_hold_up_the_others() {
        let (near, far) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
        let to = far.local_addr().unwrap();
        let too_long = vec![0; 70_000];
        let datagrams = [(to, vec![1]), (to, too_long), (to, vec![2])];
        assert_eq!(send(&near, &datagrams), 1);
        let mut inbox = Inbox::new(4, 10);
        assert!(!inbox.read(&far).unwrap());
        assert_eq!(inbox.datagrams().map(|(_, bytes)| bytes).collect::<Vec<_>>(), [[1], [2]]);
    }
}
