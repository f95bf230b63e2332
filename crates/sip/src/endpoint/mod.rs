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
mod inbound;
mod leg;
mod outbound;
mod session;
mod transactions;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use crate::message::Message;
use crate::read::{Refusal, read};
use crate::{Party, Request, Response, Tokens, Uri};

use leg::Leg;
pub use session::SessionTimes;
use transactions::Transactions;

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

    fn via(self) -> &'static str {
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
    /// The user part of our Contact.
    pub contact_user: String,
    /// User-Agent and Server.
    pub agent: String,
    /// Legs at the same time; more are answered with 503.
    pub legs_max: usize,
    /// Transactions at the same time; more requests are answered with 503.
    pub transactions_max: usize,
    /// Protocol timers.
    pub timing: Timing,
    /// Session timers (RFC 4028); `None`: neither asked for nor granted.
    pub session: Option<SessionTimes>,
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
            contact_user: "trunkline".to_owned(),
            agent: "Trunkline".to_owned(),
            legs_max: 20_000,
            transactions_max: 200_000,
            timing: Timing::default(),
            session: Some(SessionTimes::default()),
        }
    }
}

/// Names a leg; never reused by one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

/// Names a request that waits for an answer, theirs or ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// A name and password for a peer that challenges us.
#[derive(Clone, PartialEq, Eq)]
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

/// A call that came in. 100 Trying has been sent.
#[derive(Debug, Clone)]
pub struct IncomingInvite {
    /// The new leg.
    pub leg: LegId,
    /// Where it came from.
    pub flow: Flow,
    /// The INVITE.
    pub request: Request,
}

/// Why an established leg is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The peer sent BYE; the text of its Reason header, if any.
    Bye(Option<String>),
    /// The peer never acknowledged our 200; we sent BYE.
    NoAck,
    /// The peer no longer knows the dialog or cannot be reached.
    Lost,
    /// Nobody refreshed the session in time (RFC 4028); we sent BYE.
    Expired,
}

/// What the owner of the endpoint must know.
#[derive(Debug, Clone)]
pub enum Event {
    /// A call came in: answer with `progress`, `accept`, `reject` or `ignore`.
    Invite(IncomingInvite),
    /// A REGISTER or OPTIONS: answer with `respond` or `ignore_request`.
    Request {
        /// Its handle.
        id: RequestId,
        /// Where it came from.
        flow: Flow,
        /// The request.
        request: Request,
    },
    /// The caller gave up before we answered; the leg is over.
    Cancelled {
        /// The leg.
        leg: LegId,
        /// The text of its Reason header, if any.
        reason: Option<String>,
    },
    /// Our 200 was acknowledged, with the answer if the 200 made the offer.
    Acked {
        /// The leg.
        leg: LegId,
        /// The peer's session description.
        sdp: Option<Bytes>,
    },
    /// 101 to 199 to our INVITE.
    Progress {
        /// The leg.
        leg: LegId,
        /// The response.
        response: Response,
    },
    /// 2xx to our INVITE; acknowledged already.
    Answered {
        /// The leg.
        leg: LegId,
        /// The response.
        response: Response,
    },
    /// Our INVITE failed; the leg is over.
    Failed {
        /// The leg.
        leg: LegId,
        /// The status, or 408 for no answer at all and 503 for no way there.
        code: u16,
        /// The response, if there was one.
        response: Option<Response>,
    },
    /// The peer changes the session (re-INVITE or UPDATE): `answer_offer`.
    Offer {
        /// The leg.
        leg: LegId,
        /// The new description; `None` asks us to make the offer.
        sdp: Option<Bytes>,
    },
    /// Our `offer` was accepted.
    OfferAnswered {
        /// The leg.
        leg: LegId,
        /// The peer's description.
        sdp: Option<Bytes>,
    },
    /// Our `offer` was refused; the session stays as it was.
    OfferRefused {
        /// The leg.
        leg: LegId,
        /// The status; 491 after too many attempts.
        code: u16,
    },
    /// Our `offer` crossed the peer's (491): make a new one now, if it is still
    /// wanted.
    TryAgain {
        /// The leg.
        leg: LegId,
    },
    /// An INFO, answered with 200; some peers send digits so.
    Info {
        /// The leg.
        leg: LegId,
        /// The Content-Type.
        content_type: String,
        /// The body.
        body: Bytes,
    },
    /// The peer wants the other side transferred (RFC 3515), accepted with 202;
    /// say how it went with `refer_ended`.
    Refer {
        /// The leg.
        leg: LegId,
        /// The user part of Refer-To.
        user: String,
    },
    /// An answered leg is over.
    Ended {
        /// The leg.
        leg: LegId,
        /// Who ended it.
        cause: Ended,
    },
    /// The final answer to our `request`.
    Response {
        /// Its handle.
        id: RequestId,
        /// The status; 408 and 503 as in `Failed`.
        code: u16,
        /// The response, if there was one.
        response: Option<Response>,
    },
}

impl Event {
    /// The leg that it is about.
    pub fn leg(&self) -> Option<LegId> {
        match self {
            Event::Cancelled { leg, .. }
            | Event::Acked { leg, .. }
            | Event::Progress { leg, .. }
            | Event::Answered { leg, .. }
            | Event::Failed { leg, .. }
            | Event::Offer { leg, .. }
            | Event::OfferAnswered { leg, .. }
            | Event::OfferRefused { leg, .. }
            | Event::TryAgain { leg }
            | Event::Info { leg, .. }
            | Event::Refer { leg, .. }
            | Event::Ended { leg, .. } => Some(*leg),
            Event::Invite(_) | Event::Request { .. } | Event::Response { .. } => None,
        }
    }

    /// Whether nothing more comes of the leg.
    pub fn is_last(&self) -> bool {
        matches!(self, Event::Cancelled { .. } | Event::Failed { .. } | Event::Ended { .. })
    }
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
}

/// The SIP engine. See the module's text.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    tokens: Tokens,
    transactions: Transactions,
    legs: HashMap<LegId, Leg>,
    /// Our tag in each dialog, to its leg.
    tags: HashMap<String, LegId>,
    /// When to look at which leg's session.
    sessions: BTreeSet<(Duration, LegId)>,
    /// Requests of peers that wait for our answer.
    requests: HashMap<RequestId, transactions::Key>,
    out: VecDeque<Output>,
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
            tags: HashMap::new(),
            sessions: BTreeSet::new(),
            requests: HashMap::new(),
            out: VecDeque::new(),
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
        let leg = self.legs.remove(&id)?;
        self.tags.remove(&leg.dialog.local_tag);
        self.forget_session(id, &leg.session);
        Some(leg)
    }
}

#[cfg(test)]
mod tests;
