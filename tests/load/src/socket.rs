//! A UDP socket of the driver: large buffers, many datagrams a system call, and
//! what the kernel dropped on it.

use std::{
    fs, io,
    net::{SocketAddr, UdpSocket},
};

use udp::{BATCH_MAX, Inbox};

/// Room for what arrives while the driver does something else, bytes.
const BUFFER: usize = 4 << 20;
const READ_MAX: usize = 64;
const DATAGRAM_MAX: usize = 4_096;
/// Reads before something else has its turn.
const ROUNDS_MAX: usize = 4;

pub struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
    inbox: Inbox,
    out: Vec<(SocketAddr, Vec<u8>)>,
    /// Datagrams that the kernel would not send.
    pub unsent: u64,
}

impl Socket {
    pub fn open(at: SocketAddr) -> io::Result<Socket> {
        let socket = socket2::Socket::new(socket2::Domain::for_address(at), socket2::Type::DGRAM, None)?;
        socket.set_recv_buffer_size(BUFFER)?;
        socket.set_send_buffer_size(BUFFER)?;
        socket.set_nonblocking(true)?;
        socket.bind(&at.into())?;
        let socket = UdpSocket::from(socket);
        let address = socket.local_addr()?;
        Ok(Socket { socket, address, inbox: Inbox::new(READ_MAX, DATAGRAM_MAX), out: Vec::new(), unsent: 0 })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes out with the next [`Socket::flush`] at the latest.
    pub fn send(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        self.out.push((to, datagram));
        if self.out.len() >= BATCH_MAX {
            self.flush();
        }
    }

    pub fn flush(&mut self) {
        self.unsent += udp::send(&self.socket, &self.out) as u64;
        self.out.clear();
    }

    /// Hands what waits to `each`; false when nothing did.
    pub fn read(&mut self, mut each: impl FnMut(SocketAddr, &[u8])) -> io::Result<bool> {
        let mut any = false;
        for _ in 0..ROUNDS_MAX {
            let more = match self.inbox.read(&self.socket) {
                Ok(more) => more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            any = true;
            self.inbox.datagrams().for_each(|(from, datagram)| each(from, datagram));
            if !more {
                break;
            }
        }
        Ok(any)
    }

    /// Datagrams that the kernel dropped because this socket was not read in time.
    pub fn dropped(&self) -> u64 {
        drops("/proc/net/udp", self.address.port()) + drops("/proc/net/udp6", self.address.port())
    }
}

/// The last column of `/proc/net/udp` for a local port (proc(5)).
fn drops(table: &str, port: u16) -> u64 {
    let text = fs::read_to_string(table).unwrap_or_default();
    let of_port = |line: &&str| {
        let local = line.split_whitespace().nth(1).and_then(|local| local.rsplit_once(':'));
        local.is_some_and(|(_, found)| u16::from_str_radix(found, 16) == Ok(port))
    };
    let dropped = |line: &str| line.split_whitespace().last()?.parse::<u64>().ok();
    text.lines().skip(1).filter(of_port).filter_map(dropped).sum()
}

/// Datagrams that the kernel dropped on all sockets of this machine since it
/// started, because they were not read in time.
pub fn dropped_everywhere() -> u64 {
    let errors = |path: &str, prefix: &str| -> Option<u64> {
        let text = fs::read_to_string(path).ok()?;
        if prefix.is_empty() {
            // Two lines that begin with `Udp:`: the names, then the values.
            let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
            let (names, values) = (lines.next()?, lines.next()?);
            let at = names.split(' ').position(|name| name == "RcvbufErrors")?;
            return values.split(' ').nth(at)?.parse().ok();
        }
        text.lines().find_map(|line| line.strip_prefix(prefix))?.trim().parse().ok()
    };
    errors("/proc/net/snmp", "").unwrap_or_default()
        + errors("/proc/net/snmp6", "Udp6RcvbufErrors").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_in_time_is_counted_as_dropped() {
        let mut near = Socket::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        let small = socket2::SockRef::from(&far);
        small.set_recv_buffer_size(4_096).unwrap();
        let to = far.local_addr().unwrap();
        let before = dropped_everywhere();
        (0..200).for_each(|_| near.send(to, vec![0; 1_000]));
        near.flush();
        let port = to.port();
        assert!(drops("/proc/net/udp", port) > 100);
        assert!(dropped_everywhere() - before >= drops("/proc/net/udp", port));
        assert_eq!((near.dropped(), near.unsent), (0, 0));
    }
}
