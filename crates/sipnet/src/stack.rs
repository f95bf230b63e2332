//! An endpoint and its sockets: what arrives goes in, what it wants sent goes
//! out, what its owner must know is handed over one by one.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::{Endpoint, Event, Flow, Identity, Output};

use crate::{Arrival, Transport, Verify};

/// Messages read before the endpoint is drained.
const BATCH: usize = 128;
/// How long a stack without timers sleeps.
const LONG: Duration = Duration::from_secs(3600);

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// Sees every message that goes in or out, before the endpoint or the network
/// does.
pub trait Tap: Send {
    /// Whether an arriving message is looked at at all.
    fn admits(&mut self, _now: Duration, _flow: Flow) -> bool {
        true
    }

    /// One message, whole.
    fn message(&mut self, _direction: Direction, _flow: Flow, _bytes: &Bytes) {}

    /// Messages that could not even be queued.
    fn unsent(&mut self, _messages: usize) {}

    /// The connection of this flow is gone.
    fn broken(&mut self, _flow: Flow) {}
}

/// Nobody looks.
impl Tap for () {}

/// What [`Stack::turn`] hands over.
#[derive(Debug)]
pub enum Turn {
    Event(Box<Event>),
    /// Nothing more now: wait for an arrival, at most until then.
    Idle(Duration),
}

/// An endpoint of `sip` on its sockets. Times are since the stack was made.
pub struct Stack {
    pub endpoint: Endpoint,
    transport: Transport,
    began: Instant,
}

impl Stack {
    #[expect(clippy::disallowed_methods, reason = "sockets live in real time")]
    pub fn new(endpoint: Endpoint, transport: Transport) -> Self {
        Self { endpoint, transport, began: Instant::now() }
    }

    /// Time since the stack was made.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A time of this stack for tokio's timers.
    pub fn at(&self, time: Duration) -> tokio::time::Instant {
        (self.began + time).into()
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.transport.address()
    }

    /// Where TLS connections are taken, if they are.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.transport.tls_address()
    }

    /// See [`Transport::websocket_addresses`].
    pub fn websocket_addresses(&self) -> [Option<SocketAddr>; 2] {
        self.transport.websocket_addresses()
    }

    /// See [`Transport::identity`].
    pub fn identity(&mut self, verify: Verify) -> Identity {
        self.transport.identity(verify)
    }

    /// See [`Transport::verify`].
    pub fn verify(&self, flow: Flow) -> Option<&Verify> {
        self.transport.verify(flow)
    }

    /// The next thing that arrives. Cancel safe.
    pub async fn arrival(&mut self) -> Arrival {
        self.transport.next().await
    }

    /// Gives an arrival, and what arrived with it, to the endpoint.
    pub fn receive(&mut self, first: Arrival, tap: &mut impl Tap) {
        let mut next = Some(first);
        for _ in 0..BATCH {
            let now = self.now();
            match next {
                Some(Arrival::Message(flow, bytes)) if tap.admits(now, flow) => {
                    tap.message(Direction::In, flow, &bytes);
                    self.endpoint.receive(now, flow, bytes);
                }
                Some(Arrival::Message(..)) => {}
                Some(Arrival::Broken(flow)) => {
                    tap.broken(flow);
                    self.endpoint.flow_failed(now, flow);
                }
                None => return,
            }
            next = self.transport.try_next();
        }
    }

    /// Sends what wants to be sent, up to the next event. Call it until it is
    /// idle, after everything that was asked of the endpoint.
    pub fn turn(&mut self, tap: &mut impl Tap) -> Turn {
        loop {
            let now = self.now();
            match self.endpoint.poll(now) {
                Output::Transmit { flow, bytes } => {
                    tap.message(Direction::Out, flow, &bytes);
                    tap.unsent(self.transport.send(flow, bytes));
                }
                Output::Event(event) => return Turn::Event(event),
                Output::Timeout(at) => {
                    tap.unsent(self.transport.flush());
                    return Turn::Idle(at.unwrap_or(now + LONG));
                }
            }
        }
    }
}
