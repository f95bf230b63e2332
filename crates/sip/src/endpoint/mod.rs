//! The engine: bytes and commands in; packets, events and one timeout out.
//!
//! ```text
//! receive(now, flow, bytes) ─┐                ┌─ Output::Transmit
//! accept / invite / hang_up ─┼─► Endpoint ──► ┼─ Output::Event
//! (time passes)             ─┘   poll(now)    └─ Output::Timeout
//! ```
//!
//! A *leg* is one INVITE dialog, ours or theirs. Out-of-dialog requests that
//! need a decision (REGISTER, OPTIONS) are *requests*. Retransmissions, ACK, 100
//! Trying, CANCEL answers and dialog matching happen inside.

mod build;
mod commands;
mod dialog;
mod event;
mod flow;
mod inbound;
mod kept;
mod leg;
mod outbound;
mod reliable;
mod session;
mod transactions;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::message::Message;
use crate::read::{Refusal, read};
use crate::{Party, Tokens, Uri};

pub(crate) use dialog::hops;
pub use event::{Ended, Event, IncomingInvite};
pub use flow::{Flow, Identity, Protocol};
pub use kept::KeptLeg;
use leg::Leg;
pub use session::SessionTimes;
use transactions::Transactions;

/// The timers of RFC 3261 §17, appendix A.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Round-trip estimate; 64 × T1 ends a transaction.
    pub t1: Duration,
    /// Longest interval between retransmissions.
    pub t2: Duration,
    /// Longest life of a message in the network.
    pub t4: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self { t1: ms(500), t2: ms(4000), t4: ms(5000) }
    }
}

impl Timing {
    fn deadline(&self) -> Duration {
        self.t1 * 64
    }
}

/// What an [`Endpoint`] is told once.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address peers can reach: written in Via and Contact.
    pub host: IpAddr,
    /// The same for peers of the other IP version, if there is one.
    pub other_host: Option<IpAddr>,
    /// The advertised UDP port.
    pub udp_port: u16,
    /// The advertised TCP port.
    pub tcp_port: u16,
    /// The advertised TLS port; 0: nobody can connect to us by TLS.
    pub tls_port: u16,
    /// The advertised ports of WebSockets, without TLS and with it; 0: none there.
    pub ws_port: u16,
    /// See `ws_port`.
    pub wss_port: u16,
    /// The user part of our Contact.
    pub contact_user: String,
    /// User-Agent and Server.
    pub agent: String,
    /// Legs at the same time; more are answered with 503.
    pub legs_max: usize,
    /// INVITEs of peers that wait for our first answer at the same time; more are
    /// answered with 503: all would be late.
    pub offered_max: usize,
    /// Transactions at the same time; more requests are answered with 503.
    pub transactions_max: usize,
    /// Protocol timers.
    pub timing: Timing,
    /// Session timers (RFC 4028); `None`: neither asked for nor granted.
    pub session: Option<SessionTimes>,
    /// Somebody keeps the legs for a successor: see [`Endpoint::take_noted`].
    pub kept: bool,
}

impl Config {
    /// Defaults around an address that serves UDP and TCP.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            host: address.ip(),
            other_host: None,
            udp_port: address.port(),
            tcp_port: address.port(),
            tls_port: 0,
            ws_port: 0,
            wss_port: 0,
            contact_user: "trunkline".to_owned(),
            agent: "Trunkline".to_owned(),
            legs_max: 20_000,
            offered_max: 20_000,
            transactions_max: 200_000,
            timing: Timing::default(),
            session: Some(SessionTimes::default()),
            kept: false,
        }
    }
}

/// Names a leg; never reused by one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LegId(pub u64);

/// Names a request that waits for an answer, theirs or ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// A name and password for a peer that challenges us.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// An INVITE to send.
#[derive(Debug, Clone)]
pub struct OutboundInvite {
    /// Where the request goes first.
    pub flow: Flow,
    /// The Request-URI.
    pub uri: Uri,
    /// From: without a tag.
    pub from: Party,
    /// To: without a tag.
    pub to: Party,
    /// The offer.
    pub sdp: Bytes,
    /// Route values, the next hop first.
    pub routes: Vec<String>,
    /// Header lines to add.
    pub headers: Vec<(String, String)>,
    /// For a peer that answers 401 or 407.
    pub credentials: Option<Credentials>,
}

/// A request outside any dialog to send: REGISTER, OPTIONS, MESSAGE.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// The method.
    pub method: String,
    /// Where it goes.
    pub flow: Flow,
    /// The Request-URI.
    pub uri: Uri,
    /// From: without a tag.
    pub from: Party,
    /// To.
    pub to: Party,
    /// Reuse for every REGISTER of one registration; `None` makes a new one.
    pub call_id: Option<String>,
    /// The sequence number, rising within one Call-ID.
    pub cseq: u32,
    /// Header lines to add; a Contact is added by itself.
    pub headers: Vec<(String, String)>,
    /// For a peer that answers 401 or 407.
    pub credentials: Option<Credentials>,
}

/// What the owner must do.
#[derive(Debug, Clone)]
pub enum Output {
    /// Send this.
    Transmit {
        /// Over this.
        flow: Flow,
        /// One message.
        bytes: Bytes,
    },
    /// Know this.
    Event(Box<Event>),
    /// Nothing more now: call `poll` again at this time, or after the next
    /// input. `None`: only after an input.
    Timeout(Option<Duration>),
}

/// What happened to messages that were not handed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages received.
    pub received: u64,
    /// Messages that could not be understood or answered.
    pub dropped: u64,
    /// Messages refused with an error at once.
    pub refused: u64,
    /// INVITEs refused because too many waited for their first answer.
    pub shed: u64,
}

/// The SIP engine. See the module's text.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    tokens: Tokens,
    transactions: Transactions,
    legs: HashMap<LegId, Leg>,
    /// Legs of peers that wait for our first answer.
    offered: HashSet<LegId>,
    /// Our tag in each dialog, to its leg.
    tags: HashMap<String, LegId>,
    /// When to look at which leg's session.
    sessions: BTreeSet<(Duration, LegId)>,
    /// Requests of peers that wait for our answer.
    requests: HashMap<RequestId, transactions::Key>,
    out: VecDeque<Output>,
    /// Legs that changed since they were kept.
    noted: BTreeSet<LegId>,
    last_id: u64,
    counters: Counters,
}

impl Endpoint {
    /// An endpoint at rest. `seed`: 32 secret random bytes, fresh per process.
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            transactions: Transactions::new(config.timing, config.transactions_max),
            tokens: Tokens::new(seed),
            config,
            legs: HashMap::new(),
            offered: HashSet::new(),
            tags: HashMap::new(),
            sessions: BTreeSet::new(),
            requests: HashMap::new(),
            out: VecDeque::new(),
            noted: BTreeSet::new(),
            last_id: 0,
            counters: Counters::default(),
        }
    }

    /// Takes one message: a datagram, or what [`crate::framing::Framer`] cut out.
    pub fn receive(&mut self, now: Duration, flow: Flow, bytes: Bytes) {
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return;
        }
        self.counters.received += 1;
        match read(bytes, flow.remote, &mut self.tokens) {
            Ok(Message::Request(request)) => self.on_wire_request(now, flow, request),
            Ok(Message::Response(response)) => self.on_wire_response(now, response),
            Err(Refusal::Drop) => self.counters.dropped += 1,
            Err(Refusal::Answer { response, .. }) => {
                self.counters.refused += 1;
                self.transmit(flow, response);
            }
        }
    }

    /// The next thing to do at `now`; call it until it returns a timeout.
    pub fn poll(&mut self, now: Duration) -> Output {
        loop {
            if let Some(output) = self.out.pop_front() {
                return output;
            }
            if !self.fire(now) && !self.session_due(now) {
                let session = self.sessions.first().map(|(at, _)| *at);
                let next = [self.transactions.next_due(), session].into_iter().flatten().min();
                return Output::Timeout(next);
            }
        }
    }

    /// A flow cannot be used: a connection was refused or broke, a datagram was
    /// rejected. Everything that waits for it fails at once.
    pub fn flow_failed(&mut self, now: Duration, flow: Flow) {
        for key in self.transactions.on_flow(flow) {
            let outputs = self.transactions.fail(&key);
            self.perform(now, &key, outputs);
        }
    }

    /// Legs, transactions and timers held: all zero (timers later) when idle.
    pub fn load(&self) -> (usize, usize) {
        (self.legs.len(), self.transactions.len())
    }

    /// The Call-ID of a leg.
    pub fn call_id(&self, leg: LegId) -> Option<&str> {
        self.legs.get(&leg).map(|leg| leg.dialog.call_id.as_str())
    }

    /// What happened to messages that were not handed on.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        self.out.push_back(Output::Transmit { flow, bytes });
    }

    fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(Box::new(event)));
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn remove_leg(&mut self, id: LegId) -> Option<Leg> {
        self.offered.remove(&id);
        let leg = self.legs.remove(&id)?;
        self.tags.remove(&leg.dialog.local_tag);
        self.forget_session(id, &leg.session);
        self.note(id);
        Some(leg)
    }
}

#[cfg(test)]
mod tests;
