//! Ways to peers.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// How a packet travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// Datagrams; we retransmit.
    Udp,
    /// A connection, named by the peer's address and port.
    Tcp,
    /// The same under TLS, with whom it was proved to lead to.
    Tls(Identity),
    /// A WebSocket that the peer opened (RFC 7118): it cannot be connected to.
    Ws,
    /// The same under TLS.
    Wss,
}

/// Whom the other end of a TLS connection has proved to be, as the owner of the
/// sockets numbers those that it may connect to. Connections to different ones
/// are never shared, even at the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity(pub u32);

impl Identity {
    /// Somebody who connected to us and proved nothing.
    pub const GUEST: Self = Self(0);
}

impl Protocol {
    /// In small letters, as people know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls(_) => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// As a URI's `transport` names it: a WebSocket is `ws` with TLS and without
    /// (RFC 7118 §5.2).
    pub(super) fn transport(self) -> &'static str {
        if self.is_websocket() { "ws" } else { self.name() }
    }

    /// Whether it is a browser's: its sound is WebRTC.
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
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
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }
}

/// A way to a peer: for TCP and TLS the open connection from that address, or a
/// new one to it; for a WebSocket the open one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// UDP, TCP, TLS or a WebSocket.
    pub protocol: Protocol,
    /// The peer's address as seen from here.
    pub remote: SocketAddr,
}
