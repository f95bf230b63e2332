//! Ways to peers.

use std::net::SocketAddr;

/// How a packet travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Datagrams; we retransmit.
    Udp,
    /// A connection, named by the peer's address and port.
    Tcp,
    /// The same under TLS, with whom it was proved to lead to.
    Tls(Identity),
}

/// Whom the other end of a TLS connection has proved to be, as the owner of the
/// sockets numbers those that it may connect to. Connections to different ones
/// are never shared, even at the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(pub u32);

impl Identity {
    /// Somebody who connected to us and proved nothing.
    pub const GUEST: Self = Self(0);
}

impl Protocol {
    /// In small letters, as in a URI's `transport`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls(_) => "tls",
        }
    }

    /// Whether it is a connection: nothing is repeated, answers come on it.
    pub fn is_stream(self) -> bool {
        self != Self::Udp
    }

    /// As Via names it.
    pub(super) fn via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls(_) => "TLS",
        }
    }
}

/// A way to a peer: for TCP and TLS the open connection from that address, or a
/// new one to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// UDP, TCP or TLS.
    pub protocol: Protocol,
    /// The peer's address as seen from here.
    pub remote: SocketAddr,
}
