//! UDP and TCP sockets under a SIP endpoint, of a phone or of the edge.
//!
//! Datagrams are read where they are used, without a queue between. Each TCP
//! connection has a task that cuts its stream into messages.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sip::framing::{Frame, Framer};
use sip::{Flow, Protocol};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The limits of a [`Transport`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Receive buffer of the UDP socket, bytes; 208 KiB lose packets at 2,000
    /// calls a second.
    pub receive_buffer: usize,
    /// TCP connections at the same time.
    pub connections_max: usize,
    /// TCP connections from one address.
    pub per_source_max: usize,
    /// Messages that wait for one connection.
    pub waiting_max: usize,
    /// A connection must send its first message, and finish one that it began,
    /// in this time.
    pub message_timeout: Duration,
    /// A silent connection is closed after this time.
    pub idle_timeout: Duration,
    /// Time for a connection to be made.
    pub connect_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            receive_buffer: 4 << 20,
            connections_max: 4096,
            per_source_max: 512,
            waiting_max: 256,
            message_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(7200),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// What arrived.
#[derive(Debug)]
pub enum Arrival {
    /// One message.
    Message(Flow, Bytes),
    /// The connection of this flow is gone or could not be made.
    Broken(Flow),
}

/// The sockets of one endpoint: UDP and TCP on the same address.
#[derive(Debug)]
pub struct Transport {
    udp: UdpSocket,
    address: SocketAddr,
    listener: TcpListener,
    limits: Limits,
    connections: HashMap<SocketAddr, Connection>,
    arrivals: mpsc::Receiver<FromConnection>,
    arrived: mpsc::Sender<FromConnection>,
    buffer: Vec<u8>,
    generation: u64,
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

#[derive(Debug)]
enum FromConnection {
    Message(SocketAddr, Bytes),
    Closed(SocketAddr, u64),
}

/// Time until the next attempt to accept after one that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Attempts to find a port that is free for UDP and TCP alike.
const PORT_ATTEMPTS: u32 = 20;

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
            limits,
            connections: HashMap::new(),
            arrivals,
            arrived,
            buffer: vec![0; 65_536],
            generation: 0,
        })
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next thing that arrives. Cancel safe.
    pub async fn next(&mut self) -> Arrival {
        loop {
            tokio::select! {
                received = self.udp.recv_from(&mut self.buffer) => {
                    // An error here is an ICMP for an earlier packet: timers handle it.
                    if let Ok((length, remote)) = received {
                        let bytes = Bytes::copy_from_slice(&self.buffer[..length]);
                        return Arrival::Message(Flow { protocol: Protocol::Udp, remote }, bytes);
                    }
                }
                accepted = self.listener.accept() => {
                    match accepted {
                        Ok((stream, remote)) => self.accept(stream, remote),
                        // Out of descriptors: others must end first.
                        Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                    }
                }
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
        if let Ok((length, remote)) = self.udp.try_recv_from(&mut self.buffer) {
            let bytes = Bytes::copy_from_slice(&self.buffer[..length]);
            return Some(Arrival::Message(Flow { protocol: Protocol::Udp, remote }, bytes));
        }
        let arrival = self.arrivals.try_recv().ok()?;
        self.connection_told(arrival)
    }

    /// Sends a message; false when it could not even be queued. A datagram that
    /// the kernel does not take at once is lost, as datagrams are.
    pub fn send(&mut self, flow: Flow, bytes: Bytes) -> bool {
        if flow.protocol == Protocol::Udp {
            return self.udp.try_send_to(&bytes, flow.remote).is_ok();
        }
        if let Some(connection) = self.connections.get(&flow.remote) {
            return connection.out.try_send(bytes).is_ok();
        }
        self.connect(flow.remote, bytes)
    }

    fn connection_told(&mut self, arrival: FromConnection) -> Option<Arrival> {
        let flow = |remote| Flow { protocol: Protocol::Tcp, remote };
        match arrival {
            FromConnection::Message(remote, bytes) => Some(Arrival::Message(flow(remote), bytes)),
            FromConnection::Closed(remote, generation) => {
                let current = self.connections.get(&remote)?.generation == generation;
                if current {
                    self.connections.remove(&remote);
                }
                current.then(|| Arrival::Broken(flow(remote)))
            }
        }
    }

    fn accept(&mut self, stream: TcpStream, remote: SocketAddr) {
        let from_there = self.connections.keys().filter(|a| a.ip() == remote.ip()).count();
        let is_room = self.connections.len() < self.limits.connections_max;
        if is_room && from_there < self.limits.per_source_max {
            let limits = self.limits;
            self.spawn(remote, |out, arrived, generation| async move {
                serve(stream, remote, out, &arrived, limits).await;
                let _ = arrived.send(FromConnection::Closed(remote, generation)).await;
            });
        }
    }

    fn connect(&mut self, remote: SocketAddr, first: Bytes) -> bool {
        if self.connections.len() >= self.limits.connections_max {
            return false;
        }
        let limits = self.limits;
        self.spawn(remote, |out, arrived, generation| async move {
            let connecting = TcpStream::connect(remote);
            if let Ok(Ok(stream)) = tokio::time::timeout(limits.connect_timeout, connecting).await {
                serve(stream, remote, out, &arrived, limits).await;
            }
            let _ = arrived.send(FromConnection::Closed(remote, generation)).await;
        });
        let connection = self.connections.get(&remote);
        connection.is_some_and(|c| c.out.try_send(first).is_ok())
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        remote: SocketAddr,
        run: impl FnOnce(mpsc::Receiver<Bytes>, mpsc::Sender<FromConnection>, u64) -> F,
    ) {
        self.generation += 1;
        let generation = self.generation;
        let (out, waiting) = mpsc::channel(self.limits.waiting_max);
        let task = tokio::spawn(run(waiting, self.arrived.clone(), generation));
        self.connections.insert(remote, Connection { generation, out, task });
    }
}

fn udp_socket(listen: SocketAddr, receive_buffer: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, None)?;
    // The kernel may grant less than asked for (net.core.rmem_max): still better.
    let _ = socket.set_recv_buffer_size(receive_buffer);
    socket.set_nonblocking(true)?;
    socket.bind(&listen.into())?;
    UdpSocket::from_std(socket.into())
}

/// Reads messages and writes what is queued until either side ends.
async fn serve(
    stream: TcpStream,
    remote: SocketAddr,
    mut waiting: mpsc::Receiver<Bytes>,
    arrived: &mpsc::Sender<FromConnection>,
    limits: Limits,
) {
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.into_split();
    let mut framer = Framer::default();
    let mut buffer = vec![0; 16_384];
    let mut silent_so_far = true;
    loop {
        let begun = framer.pending() > 2 || silent_so_far;
        let patience = if begun { limits.message_timeout } else { limits.idle_timeout };
        tokio::select! {
            out = waiting.recv() => {
                let Some(bytes) = out else { return };
                if writer.write_all(&bytes).await.is_err() { return }
            }
            read = tokio::time::timeout(patience, reader.read(&mut buffer)) => {
                let Ok(Ok(length @ 1..)) = read else { return };
                framer.push(&buffer[..length]);
                loop {
                    match framer.frame() {
                        Ok(Some(Frame::Message(bytes))) => {
                            silent_so_far = false;
                            let message = FromConnection::Message(remote, bytes);
                            if arrived.send(message).await.is_err() { return }
                        }
                        Ok(Some(Frame::Ping)) => {
                            if writer.write_all(b"\r\n").await.is_err() { return }
                        }
                        Ok(None) => break,
                        Err(error) => {
                            tracing::debug!(%remote, %error, "stream cannot be framed");
                            return;
                        }
                    }
                }
            }
        }
    }
}
