//! SIP over WebSocket (RFC 7118): the phones of browsers. They connect, nobody
//! connects to them; one WebSocket message is one SIP message.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use sip::Protocol;
use sip::framing::MESSAGE_MAX;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::connection::{FromConnection, Wire};
use crate::tls::{self, Certificate};

/// A peer that is silent for so long is asked whether it is there, and is gone
/// when it does not say so in the same time: browsers sleep without a word, and
/// proxies between close what is silent for a minute.
const ASK_AFTER: Duration = Duration::from_secs(25);

const SUBPROTOCOL: &str = "sip";
const PROTOCOL_HEADER: &str = "sec-websocket-protocol";

/// Where WebSockets are taken.
#[derive(Default)]
pub(crate) struct Doors {
    plain: Option<TcpListener>,
    secure: Option<(TcpListener, TlsAcceptor)>,
}

/// Somebody who connected.
pub(crate) struct Guest {
    pub(crate) stream: TcpStream,
    pub(crate) remote: SocketAddr,
    /// TLS is to begin first.
    pub(crate) acceptor: Option<TlsAcceptor>,
}

impl Guest {
    pub(crate) fn protocol(&self) -> Protocol {
        if self.acceptor.is_some() { Protocol::Wss } else { Protocol::Ws }
    }
}

impl Doors {
    pub(crate) async fn open(&mut self, listen: SocketAddr) -> io::Result<()> {
        self.plain = Some(TcpListener::bind(listen).await?);
        Ok(())
    }

    pub(crate) async fn open_tls(
        &mut self,
        listen: SocketAddr,
        certificate: &Arc<Certificate>,
    ) -> io::Result<()> {
        self.secure = Some((TcpListener::bind(listen).await?, certificate.acceptor()?));
        Ok(())
    }

    /// Without TLS and with it.
    pub(crate) fn addresses(&self) -> [Option<SocketAddr>; 2] {
        let plain = self.plain.as_ref();
        let secure = self.secure.as_ref().map(|(listener, _)| listener);
        [plain, secure].map(|listener| listener?.local_addr().ok())
    }

    /// The next who connects; never, where nobody may. Cancel safe.
    pub(crate) async fn accept(&self) -> io::Result<Guest> {
        tokio::select! {
            accepted = next(self.plain.as_ref()) => {
                accepted.map(|(stream, remote)| Guest { stream, remote, acceptor: None })
            }
            accepted = next(self.secure.as_ref().map(|(listener, _)| listener)) => {
                let acceptor = self.secure.as_ref().map(|(_, acceptor)| acceptor.clone());
                accepted.map(|(stream, remote)| Guest { stream, remote, acceptor })
            }
        }
    }
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.addresses()).finish()
    }
}

async fn next(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Serves who connected to the end.
pub(crate) async fn serve(wire: Wire, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
    let (remote, patience) = (wire.flow.remote, wire.limits.connect_timeout);
    let Some(acceptor) = acceptor else { return wire.serve_websocket(stream).await };
    match tokio::time::timeout(patience, tls::accept(acceptor, stream)).await {
        Ok(Ok(stream)) => wire.serve_websocket(stream).await,
        Ok(Err(error)) => tracing::debug!(%remote, %error, "no TLS with who connected"),
        Err(_) => {}
    }
}

/// Why a WebSocket ended; nobody needs to know more.
struct Over;

impl Wire {
    async fn serve_websocket<S: AsyncRead + AsyncWrite + Unpin>(mut self, stream: S) {
        let shaking = tokio_tungstenite::accept_hdr_async_with_config(stream, choose, Some(limits()));
        let Ok(Ok(mut socket)) = tokio::time::timeout(self.limits.connect_timeout, shaking).await else {
            return;
        };
        let idle_max = self.limits.idle_timeout.as_secs() / ASK_AFTER.as_secs();
        // Questions since the last message, and whether the last one is open.
        let (mut idle, mut asked, mut silent_so_far) = (0, false, true);
        loop {
            let patience = if silent_so_far { self.limits.message_timeout } else { ASK_AFTER };
            let said = tokio::select! {
                out = self.waiting.recv() => match out {
                    Some(bytes) => self.say(&mut socket, message(bytes)).await,
                    None => return,
                },
                heard = tokio::time::timeout(patience, socket.next()) => match heard {
                    Ok(Some(Ok(heard))) => {
                        asked = false;
                        if heard.is_text() || heard.is_binary() {
                            (idle, silent_so_far) = (0, false);
                        }
                        self.take(&mut socket, heard).await
                    }
                    Err(_) if !silent_so_far && !asked && idle < idle_max => {
                        (asked, idle) = (true, idle + 1);
                        self.say(&mut socket, Message::Ping(Bytes::new())).await
                    }
                    _ => return,
                },
            };
            if said.is_err() {
                return;
            }
        }
    }

    /// Hands on a SIP message; answers a keep-alive (RFC 5626 §4.4.1). What the
    /// WebSocket itself says is answered by its own.
    async fn take<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: &mut WebSocketStream<S>,
        heard: Message,
    ) -> Result<(), Over> {
        if !heard.is_text() && !heard.is_binary() {
            return Ok(());
        }
        let bytes = heard.into_data();
        if bytes.as_ref() == b"\r\n\r\n" {
            return self.say(socket, message(Bytes::from_static(b"\r\n"))).await;
        }
        self.arrived.send(FromConnection::Message(self.flow, bytes)).await.map_err(|_| Over)
    }

    /// A peer that reads nothing must not hold the task for ever.
    async fn say<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: &mut WebSocketStream<S>,
        message: Message,
    ) -> Result<(), Over> {
        match tokio::time::timeout(self.limits.message_timeout, socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Over),
        }
    }
}

/// As text, which is what browsers' phones read best; SIP need not be UTF-8.
fn message(bytes: Bytes) -> Message {
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes),
    }
}

/// Of one message as on a stream; a peer that does not read is not written to
/// without end.
fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16_384)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MESSAGE_MAX)
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX))
}

/// Only who speaks SIP is let in (RFC 7118 §4).
#[expect(clippy::result_large_err, reason = "the type of the handshake's callback")]
fn choose(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if !offers_sip(request.headers()) {
        let told = format!("the WebSocket subprotocol {SUBPROTOCOL:?} is required\n");
        let mut refusal = ErrorResponse::new(Some(told));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refusal);
    }
    response.headers_mut().insert(PROTOCOL_HEADER, HeaderValue::from_static(SUBPROTOCOL));
    Ok(response)
}

fn offers_sip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(PROTOCOL_HEADER).iter().filter_map(|value| value.to_str().ok());
    let mut offered = lists.flat_map(|list| list.split(','));
    offered.any(|name| name.trim().eq_ignore_ascii_case(SUBPROTOCOL))
}
