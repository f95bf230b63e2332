//! One connection: a task that cuts its stream into messages and writes what is
//! queued, until either side ends.

use std::time::Duration;

use bytes::Bytes;
use sip::Flow;
use sip::framing::{Frame, Framer};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// A peer that is gone without a word is found after this time and three
/// questions of the kernel more, or when it acknowledges nothing for so long.
const ALIVE_AFTER: Duration = Duration::from_secs(60);
const ALIVE_EVERY: Duration = Duration::from_secs(10);
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(30);

/// No delay for small messages, and nobody waits for a peer that is gone.
pub(crate) fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    let alive = TcpKeepalive::new().with_time(ALIVE_AFTER).with_interval(ALIVE_EVERY).with_retries(3);
    let _ = socket.set_tcp_keepalive(&alive);
    let _ = socket.set_tcp_user_timeout(Some(ACKNOWLEDGED_WITHIN));
}

/// The limits of a [`crate::Transport`] and of its connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Receive buffer of the UDP socket, bytes; 208 KiB lose packets at 2,000
    /// calls a second.
    pub receive_buffer: usize,
    /// Connections at the same time, TCP and TLS together.
    pub connections_max: usize,
    /// Connections from one address.
    pub per_source_max: usize,
    /// Messages that wait for one connection.
    pub waiting_max: usize,
    /// A connection must send its first message, and finish one that it began,
    /// in this time.
    pub message_timeout: Duration,
    /// A silent connection is closed after this time.
    pub idle_timeout: Duration,
    /// Time for a connection to be made, and again for its TLS handshake.
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

/// What a connection has to say.
#[derive(Debug)]
pub(crate) enum FromConnection {
    Message(Flow, Bytes),
    Closed(Flow, u64),
}

/// The two directions of a connection and their limits.
pub(crate) struct Wire {
    pub(crate) flow: Flow,
    pub(crate) waiting: mpsc::Receiver<Bytes>,
    pub(crate) arrived: mpsc::Sender<FromConnection>,
    pub(crate) limits: Limits,
}

/// Why a connection ended; nobody needs to know more.
struct Over;

impl Wire {
    /// Serves the stream to its end.
    pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut self, mut stream: S) {
        let (mut framer, mut buffer) = (Framer::default(), vec![0; 16_384]);
        let mut silent_so_far = true;
        loop {
            let begun = framer.pending() > 2 || silent_so_far;
            let patience = if begun { self.limits.message_timeout } else { self.limits.idle_timeout };
            tokio::select! {
                out = self.waiting.recv() => {
                    let Some(bytes) = out else { return };
                    if self.write(&mut stream, &bytes).await.is_err() { return }
                }
                read = tokio::time::timeout(patience, stream.read(&mut buffer)) => {
                    let Ok(Ok(length @ 1..)) = read else { return };
                    framer.push(&buffer[..length]);
                    match self.cut(&mut framer, &mut stream).await {
                        Ok(some) => silent_so_far &= !some,
                        Err(Over) => return,
                    }
                }
            }
        }
    }

    /// A peer that reads nothing must not hold the task for ever.
    async fn write<S: AsyncWrite + Unpin>(&self, stream: &mut S, bytes: &[u8]) -> Result<(), Over> {
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        match tokio::time::timeout(self.limits.message_timeout, written).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Over),
        }
    }

    /// Hands on the messages that are whole; whether there were any.
    async fn cut<S: AsyncWrite + Unpin>(&self, framer: &mut Framer, stream: &mut S) -> Result<bool, Over> {
        let mut some = false;
        loop {
            match framer.frame() {
                Ok(Some(Frame::Message(bytes))) => {
                    some = true;
                    let message = FromConnection::Message(self.flow, bytes);
                    self.arrived.send(message).await.map_err(|_| Over)?;
                }
                Ok(Some(Frame::Ping)) => self.write(stream, b"\r\n").await?,
                Ok(None) => return Ok(some),
                Err(error) => {
                    tracing::debug!(remote = %self.flow.remote, %error, "stream cannot be framed");
                    return Err(Over);
                }
            }
        }
    }
}
