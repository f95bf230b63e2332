//! RTP ports: handed out longest-unused first, held back while stale packets may
//! still arrive.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use mio::net::UdpSocket;

use crate::error::{Error, Result};

/// Ports that others on the machine hold, tried in one go at most.
const TRIES_MAX: usize = 64;

/// The ports of one loop.
pub struct Ports {
    listen: IpAddr,
    /// `None`: the system chooses.
    free: Option<VecDeque<u16>>,
    /// Closed legs' sockets stay bound until their time has come.
    draining: VecDeque<(Duration, UdpSocket)>,
    drain: Duration,
}

impl Ports {
    /// The even ports that fall to loop `nth` of `loops`; 0–0 lets the system choose.
    pub fn new(listen: IpAddr, (first, last): (u16, u16), nth: usize, loops: usize, drain: Duration) -> Self {
        let even = (first..=last).filter(|port| port % 2 == 0);
        let free = (first > 0).then(|| even.skip(nth).step_by(loops.max(1)).collect());
        Self { listen, free, draining: VecDeque::new(), drain }
    }

    /// A bound socket and its port.
    ///
    /// # Errors
    /// [`Error::Exhausted`] when none is free.
    pub fn open(&mut self, now: Duration) -> Result<(UdpSocket, u16)> {
        self.reclaim(now);
        for _ in 0..TRIES_MAX {
            let port = match &mut self.free {
                None => 0,
                Some(free) => free.pop_front().ok_or(Error::Exhausted("rtp ports"))?,
            };
            match UdpSocket::bind(SocketAddr::new(self.listen, port)) {
                Ok(socket) => {
                    let port = socket.local_addr()?.port();
                    return Ok((socket, port));
                }
                Err(error) => {
                    tracing::debug!(port, %error, "port not to be had");
                    self.free.iter_mut().for_each(|free| free.push_back(port));
                }
            }
        }
        Err(Error::Exhausted("rtp ports"))
    }

    /// The same at this port where it is one of ours and free, else at any.
    pub fn open_at(&mut self, now: Duration, wanted: u16) -> Result<(UdpSocket, u16)> {
        let ours = match &mut self.free {
            None => wanted > 0,
            Some(free) => {
                free.iter().position(|port| *port == wanted).is_some_and(|at| free.remove(at).is_some())
            }
        };
        if ours && let Ok(socket) = UdpSocket::bind(SocketAddr::new(self.listen, wanted)) {
            return Ok((socket, wanted));
        }
        if let Some(free) = self.free.as_mut().filter(|_| ours) {
            free.push_back(wanted);
        }
        self.open(now)
    }

    /// Takes a leg's socket back.
    pub fn close(&mut self, now: Duration, socket: UdpSocket) {
        self.draining.push_back((now + self.drain, socket));
    }

    /// Frees what has drained.
    pub fn reclaim(&mut self, now: Duration) {
        while self.draining.front().is_some_and(|(until, _)| *until <= now) {
            let Some((_, socket)) = self.draining.pop_front() else { return };
            if let (Some(free), Ok(address)) = (&mut self.free, socket.local_addr()) {
                free.push_back(address.port());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Two neighbouring ports that nobody holds just now.
    fn free_pair() -> (u16, u16) {
        loop {
            let socket = std::net::UdpSocket::bind((HOST, 0)).unwrap();
            let port = socket.local_addr().unwrap().port() & !1;
            if port < 65_000 && std::net::UdpSocket::bind((HOST, port + 2)).is_ok() {
                return (port, port + 3);
            }
        }
    }

    #[test]
    fn a_port_is_not_used_again_before_it_has_drained() {
        let mut ports = Ports::new(HOST, free_pair(), 0, 1, s(5));
        let Ok((first, _)) = ports.open(s(0)) else { return };
        let Ok((second, port)) = ports.open(s(0)) else { return };
        assert_eq!(ports.open(s(0)).unwrap_err(), Error::Exhausted("rtp ports"));
        ports.close(s(1), second);
        assert!(ports.open(s(5)).is_err());
        assert_eq!(ports.open(s(6)).unwrap().1, port);
        drop(first);
    }

    #[test]
    fn a_port_that_is_wanted_is_given_where_it_is_free() {
        let range = free_pair();
        let mut ports = Ports::new(HOST, range, 0, 1, s(5));
        let second = range.0 + 2;
        let Ok((held, port)) = ports.open_at(s(0), second) else { return };
        assert_eq!(port, second);
        assert_eq!(ports.open_at(s(0), second).unwrap().1, range.0, "another one where it is taken");
        assert!(ports.open_at(s(0), 9).is_err(), "nothing outside of the range");
        drop(held);
        let mut any = Ports::new(HOST, (0, 0), 0, 1, s(5));
        let Ok((socket, port)) = any.open_at(s(0), 0) else { return };
        drop(socket);
        assert!(any.open_at(s(0), port).is_ok());
    }

    #[test]
    fn loops_share_the_range_without_overlap() {
        let mine: Vec<_> = (0..2).map(|n| Ports::new(HOST, (10, 19), n, 2, s(5)).free.unwrap()).collect();
        assert_eq!(mine[0], [10, 14, 18]);
        assert_eq!(mine[1], [12, 16]);
    }
}
