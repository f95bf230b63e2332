//! The physical limit: a socket per phone, what one of a call says goes to the
//! other, no logic. Whatever a gateway does comes on top of this.

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use mio::{Events, Interest, Poll, Token};
use udp::Inbox;

/// As many as the gateway reads of a leg.
const READ_MAX: usize = 3;
const DATAGRAM_MAX: usize = 2048;

/// Relays between neighbours until the process ends; where each phone sends to.
pub fn start(calls: usize) -> anyhow::Result<Vec<SocketAddr>> {
    let open = |_| -> std::io::Result<UdpSocket> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    let sockets: Vec<_> = (0..2 * calls).map(open).collect::<Result<_, _>>()?;
    let addresses = sockets.iter().map(UdpSocket::local_addr).collect::<Result<_, _>>()?;
    std::thread::Builder::new().name(super::LOOP.into()).spawn(move || relay(sockets))?;
    Ok(addresses)
}

fn relay(sockets: Vec<UdpSocket>) -> anyhow::Result<()> {
    let mut poll = Poll::new()?;
    let mut sockets: Vec<_> = sockets.into_iter().map(mio::net::UdpSocket::from_std).collect();
    for (n, socket) in sockets.iter_mut().enumerate() {
        poll.registry().register(socket, Token(n), Interest::READABLE)?;
    }
    let mut phones = vec![None; sockets.len()];
    let mut events = Events::with_capacity(1024);
    let mut inbox = Inbox::new(READ_MAX, DATAGRAM_MAX);
    loop {
        poll.poll(&mut events, Some(Duration::from_millis(5)))?;
        for event in &events {
            let near = event.token().0;
            while let Ok(more) = inbox.read(&sockets[near]) {
                for (from, datagram) in inbox.datagrams() {
                    phones[near] = Some(from);
                    if let Some(to) = phones[near ^ 1] {
                        let _ = sockets[near ^ 1].send_to(datagram, to);
                    }
                }
                if !more {
                    break;
                }
            }
        }
    }
}
