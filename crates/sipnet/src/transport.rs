//! UDP, TCP, TLS and WebSocket sockets under a SIP endpoint, of a phone or of the edge.
//!
//! Datagrams are read where they are used, many at once, and sent many at once.
//! Each connection has a task ([`crate::connection`]). A socket on `[::]` serves both
//! IP versions; IPv4 peers are known by their IPv4 addresses.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sip::{Flow, Identity, Protocol};
use socket2::{Domain, Socket, Type};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::connection::{FromConnection, Limits, Wire, prepare};
use crate::tls::{self, Certificate, Peer, Verify};
use crate::ws::{self, Doors, Guest};

/// What arrived.
#[derive(Debug)]
pub enum Arrival {
    /// One message.
    Message(Flow, Bytes),
    /// The connection of this flow is gone or could not be made.
    Broken(Flow),
}

/// The sockets of one endpoint: UDP and TCP on the same address, TLS and WebSockets
/// on others.
#[derive(Debug)]
pub struct Transport {
    udp: UdpSocket,
    address: SocketAddr,
    listener: TcpListener,
    secure: Option<Secure>,
    websockets: Doors,
    limits: Limits,
    connections: HashMap<Flow, Connection>,
    /// Whom we connect to by TLS.
    peers: BTreeMap<u32, Arc<Peer>>,
    identities: HashMap<Verify, Identity>,
    last_identity: u32,
    arrivals: mpsc::Receiver<FromConnection>,
    arrived: mpsc::Sender<FromConnection>,
    inbox: udp::Inbox,
    /// Datagrams that one system call read and nobody has taken yet.
    read: VecDeque<Arrival>,
    /// Datagrams for the next system call, as the socket wants their addresses.
    unsent: Vec<(SocketAddr, Bytes)>,
    generation: u64,
}

struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secure").field("listener", &self.listener).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Connection {
    generation: u64,
    out: mpsc::Sender<Bytes>,
    task: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Peers whose names are remembered.
const PEERS_MAX: usize = 10_000;
/// Time until the next attempt to accept after one that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Attempts to find a port that is free for UDP and TCP alike.
const PORT_ATTEMPTS: u32 = 20;
/// Datagrams read at once, and their length.
const READ_MAX: usize = 32;
const DATAGRAM_MAX: usize = 65_536;

impl Transport {
    /// Binds UDP and TCP to `listen`; port 0 chooses one that is free for both.
    pub async fn bind(listen: SocketAddr, limits: Limits) -> io::Result<Self> {
        let mut attempt = 0;
        let (udp, listener) = loop {
            attempt += 1;
            let udp = udp_socket(listen, limits.receive_buffer)?;
            match TcpListener::bind(udp.local_addr()?).await {
                Ok(listener) => break (udp, listener),
                Err(_) if listen.port() == 0 && attempt < PORT_ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        };
        let (arrived, arrivals) = mpsc::channel(1024);
        Ok(Self {
            address: udp.local_addr()?,
            udp,
            listener,
            secure: None,
            websockets: Doors::default(),
            limits,
            connections: HashMap::new(),
            peers: BTreeMap::new(),
            identities: HashMap::new(),
            last_identity: 0,
            arrivals,
            arrived,
            inbox: udp::Inbox::new(READ_MAX, DATAGRAM_MAX),
            read: VecDeque::new(),
            unsent: Vec::new(),
            generation: 0,
        })
    }

    /// Takes TLS connections at `listen` with this certificate.
    pub async fn listen_tls(&mut self, listen: SocketAddr, certificate: &Arc<Certificate>) -> io::Result<()> {
        let (listener, acceptor) = (TcpListener::bind(listen).await?, certificate.acceptor()?);
        self.secure = Some(Secure { listener, acceptor });
        Ok(())
    }

    /// Takes WebSockets at `listen` (RFC 7118).
    pub async fn listen_ws(&mut self, listen: SocketAddr) -> io::Result<()> {
        self.websockets.open(listen).await
    }

    /// Takes WebSockets under TLS at `listen` with this certificate.
    pub async fn listen_wss(&mut self, listen: SocketAddr, certificate: &Arc<Certificate>) -> io::Result<()> {
        self.websockets.open_tls(listen, certificate).await
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where TLS connections are taken, if they are.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.secure.as_ref()?.listener.local_addr().ok()
    }

    /// Where WebSockets are taken, without TLS and with it, if they are.
    pub fn websocket_addresses(&self) -> [Option<SocketAddr>; 2] {
        self.websockets.addresses()
    }

    /// The number of a peer that we may connect to by TLS. When there are too many
    /// the oldest is forgotten: nobody connects to it by its old number any more.
    pub fn identity(&mut self, verify: Verify) -> Identity {
        if let Some(identity) = self.identities.get(&verify) {
            return *identity;
        }
        if self.peers.len() >= PEERS_MAX
            && let Some((_, oldest)) = self.peers.pop_first()
        {
            self.identities.remove(oldest.verify());
        }
        self.last_identity += 1;
        let identity = Identity(self.last_identity);
        self.peers.insert(self.last_identity, Arc::new(Peer::new(verify.clone())));
        self.identities.insert(verify, identity);
        identity
    }

    /// Whom a connection that we may make by this flow must lead to.
    pub fn verify(&self, flow: Flow) -> Option<&Verify> {
        let Protocol::Tls(Identity(number)) = flow.protocol else { return None };
        self.peers.get(&number).map(|peer| peer.verify())
    }

    /// The next thing that arrives. Cancel safe.
    pub async fn next(&mut self) -> Arrival {
        loop {
            if let Some(arrival) = self.read.pop_front() {
                return arrival;
            }
            tokio::select! {
                _ = self.udp.readable() => self.read_datagrams(),
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, remote)) => self.accept(stream, canonical(remote)),
                    // Out of descriptors: others must end first.
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                accepted = accept_secure(self.secure.as_ref()) => match accepted {
                    Ok((stream, remote)) => self.accept_tls(stream, canonical(remote)),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                accepted = self.websockets.accept() => match accepted {
                    Ok(guest) => self.accept_websocket(guest),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(arrival) = self.arrivals.recv() => {
                    if let Some(arrival) = self.connection_told(arrival) {
                        return arrival;
                    }
                }
            }
        }
    }

    /// What has arrived already, without waiting: read in batches.
    pub fn try_next(&mut self) -> Option<Arrival> {
        if self.read.is_empty() {
            self.read_datagrams();
        }
        if let Some(arrival) = self.read.pop_front() {
            return Some(arrival);
        }
        let arrival = self.arrivals.try_recv().ok()?;
        self.connection_told(arrival)
    }

    /// Reads the datagrams that wait. An error is an ICMP for an earlier packet:
    /// timers handle it.
    fn read_datagrams(&mut self) {
        let Self { udp, inbox, read, .. } = self;
        let _ = udp.try_io(Interest::READABLE, || {
            let more = inbox.read(udp)?;
            read.extend(inbox.datagrams().map(|(remote, bytes)| {
                let flow = Flow { protocol: Protocol::Udp, remote: canonical(remote) };
                Arrival::Message(flow, Bytes::copy_from_slice(bytes))
            }));
            // Where no more waits, the next one is worth a wake-up.
            if more { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        });
    }

    /// Sends the datagrams that [`Transport::send`] took; how many the kernel did
    /// not take. Those are lost, as datagrams are.
    pub fn flush(&mut self) -> usize {
        let lost = match self.unsent.as_slice() {
            [] => return 0,
            [(to, bytes)] => usize::from(self.udp.try_send_to(bytes, *to).is_err()),
            many => udp::send(&self.udp, many),
        };
        self.unsent.clear();
        lost
    }

    /// Sends a message, a datagram with the next [`Transport::flush`] at the latest;
    /// how many could not even be queued.
    pub fn send(&mut self, flow: Flow, bytes: Bytes) -> usize {
        if flow.protocol != Protocol::Udp {
            return usize::from(!self.send_by_connection(flow, bytes));
        }
        self.unsent.push((self.wire_address(flow.remote), bytes));
        if self.unsent.len() < udp::BATCH_MAX { 0 } else { self.flush() }
    }

    fn send_by_connection(&mut self, flow: Flow, bytes: Bytes) -> bool {
        if let Some(connection) = self.connections.get(&flow) {
            return connection.out.try_send(bytes).is_ok();
        }
        self.connect(flow, bytes)
    }

    /// The address as our UDP socket wants it.
    fn wire_address(&self, remote: SocketAddr) -> SocketAddr {
        match (self.address, remote.ip()) {
            (SocketAddr::V6(_), IpAddr::V4(ip)) => (ip.to_ipv6_mapped(), remote.port()).into(),
            _ => remote,
        }
    }

    fn connection_told(&mut self, arrival: FromConnection) -> Option<Arrival> {
        match arrival {
            FromConnection::Message(flow, bytes) => Some(Arrival::Message(flow, bytes)),
            FromConnection::Closed(flow, generation) => {
                let current = self.connections.get(&flow)?.generation == generation;
                if current {
                    self.connections.remove(&flow);
                }
                current.then_some(Arrival::Broken(flow))
            }
        }
    }

    fn has_room_for(&self, source: IpAddr) -> bool {
        let from_there = self.connections.keys().filter(|flow| flow.remote.ip() == source).count();
        self.connections.len() < self.limits.connections_max && from_there < self.limits.per_source_max
    }

    fn accept(&mut self, stream: TcpStream, remote: SocketAddr) {
        if self.has_room_for(remote.ip()) {
            prepare(&stream);
            self.spawn(Flow { protocol: Protocol::Tcp, remote }, |wire| wire.serve(stream));
        }
    }

    fn accept_tls(&mut self, stream: TcpStream, remote: SocketAddr) {
        let Some(acceptor) = self.secure.as_ref().map(|secure| secure.acceptor.clone()) else { return };
        if !self.has_room_for(remote.ip()) {
            return;
        }
        prepare(&stream);
        let flow = Flow { protocol: Protocol::Tls(Identity::GUEST), remote };
        self.spawn(flow, |wire| async move {
            let patience = wire.limits.connect_timeout;
            match tokio::time::timeout(patience, tls::accept(acceptor, stream)).await {
                Ok(Ok(stream)) => wire.serve(stream).await,
                Ok(Err(error)) => tracing::debug!(%remote, %error, "no TLS with who connected"),
                Err(_) => {}
            }
        });
    }

    fn accept_websocket(&mut self, guest: Guest) {
        let remote = canonical(guest.remote);
        if self.has_room_for(remote.ip()) {
            prepare(&guest.stream);
            let flow = Flow { protocol: guest.protocol(), remote };
            self.spawn(flow, |wire| ws::serve(wire, guest.stream, guest.acceptor));
        }
    }

    /// False when there may not be one more, or nobody can be there.
    fn connect(&mut self, flow: Flow, first: Bytes) -> bool {
        if self.connections.len() >= self.limits.connections_max {
            return false;
        }
        match flow.protocol {
            Protocol::Udp => return false,
            Protocol::Tcp => self.spawn(flow, |wire| async move {
                if let Some(stream) = open(&wire).await {
                    wire.serve(stream).await;
                }
            }),
            // Who connected to us cannot be connected to.
            Protocol::Ws | Protocol::Wss => self.spawn(flow, |_| std::future::ready(())),
            Protocol::Tls(Identity(number)) => {
                let peer = self.peers.get(&number).cloned();
                self.spawn(flow, |wire| async move {
                    if let Some(peer) = peer {
                        connect_tls(wire, &peer).await;
                    }
                });
            }
        }
        let connection = self.connections.get(&flow);
        connection.is_some_and(|c| c.out.try_send(first).is_ok())
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(&mut self, flow: Flow, run: impl FnOnce(Wire) -> F) {
        self.generation += 1;
        let generation = self.generation;
        let (out, waiting) = mpsc::channel(self.limits.waiting_max);
        let arrived = self.arrived.clone();
        let running = run(Wire { flow, waiting, arrived: arrived.clone(), limits: self.limits });
        let task = tokio::spawn(async move {
            running.await;
            let _ = arrived.send(FromConnection::Closed(flow, generation)).await;
        });
        self.connections.insert(flow, Connection { generation, out, task });
    }
}

/// The next who wants TLS; never, where nobody may.
async fn accept_secure(secure: Option<&Secure>) -> io::Result<(TcpStream, SocketAddr)> {
    match secure {
        Some(secure) => secure.listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn open(wire: &Wire) -> Option<TcpStream> {
    let connecting = TcpStream::connect(wire.flow.remote);
    let stream = tokio::time::timeout(wire.limits.connect_timeout, connecting).await.ok()?.ok()?;
    prepare(&stream);
    Some(stream)
}

async fn connect_tls(wire: Wire, peer: &Arc<Peer>) {
    let Some(stream) = open(&wire).await else { return };
    match tokio::time::timeout(wire.limits.connect_timeout, peer.connect(stream)).await {
        Ok(Ok(stream)) => wire.serve(stream).await,
        Ok(Err(error)) => tracing::warn!(remote = %wire.flow.remote, %error, "no TLS with the peer"),
        Err(_) => {}
    }
}

/// An IPv4 peer of a socket for both versions, by its IPv4 address.
fn canonical(remote: SocketAddr) -> SocketAddr {
    SocketAddr::new(remote.ip().to_canonical(), remote.port())
}

fn udp_socket(listen: SocketAddr, receive_buffer: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, None)?;
    // The kernel may grant less than asked for (net.core.rmem_max): still better.
    let _ = socket.set_recv_buffer_size(receive_buffer);
    if listen.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&listen.into())?;
    UdpSocket::from_std(socket.into())
}
