//! The transactions of `sipx-sip`, with what it leaves to us: the clock, the
//! flow each one uses, and who owns it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sipx_sip::transaction::Dispatch;
use sipx_sip::{
    Message, Output as CoreOutput, Reliability, Request, Response, Timer, Timers, TransactionKey,
    TransactionLayer, TuEvent,
};

use super::{Credentials, Endpoint, Flow, LegId, Protocol, RequestId, Timing};

pub(crate) type Key = Arc<TransactionKey>;

/// Whose business a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The first INVITE of a leg, or an INVITE being cancelled.
    Invite(LegId),
    /// Our re-INVITE.
    Reinvite(LegId),
    /// Our refresh of a session.
    Refresh(LegId),
    /// Our out-of-dialog request.
    Request(RequestId),
    /// Nobody waits for the outcome: BYE, CANCEL, requests already answered.
    Nobody,
}

#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) flow: Flow,
    pub(crate) owner: Owner,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) attempts: u8,
    /// The ACK for a 2xx, sent again for each copy of it, and the peer's tag.
    pub(crate) ack: Option<(String, Flow, Bytes)>,
}

/// What falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    Transaction(Key, Timer),
    /// Send the leg's 2xx again.
    Unacked(LegId, u32),
    /// Send the leg's provisional response again.
    Unpracked(LegId, u32),
    /// A cancelled INVITE that never got its final answer.
    CancelGiveUp(LegId),
    /// A request of a peer that our user never answered.
    Unanswered(RequestId),
    /// Glare is over.
    TryAgain(LegId),
}

#[derive(Debug)]
struct Entry {
    at: Duration,
    order: u64,
    due: Due,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[derive(Debug)]
pub(crate) struct Transactions {
    layer: TransactionLayer,
    known: HashMap<Key, Transaction>,
    timers: BinaryHeap<Reverse<Entry>>,
    order: u64,
    max: usize,
}

impl Transactions {
    pub(crate) fn new(timing: Timing, max: usize) -> Self {
        let timers = Timers { t1: timing.t1, t2: timing.t2, t4: timing.t4 };
        Self {
            layer: TransactionLayer::new(timers),
            known: HashMap::new(),
            timers: BinaryHeap::new(),
            order: 0,
            max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.known.len() >= self.max
    }

    pub(crate) fn get(&mut self, key: &TransactionKey) -> Option<&mut Transaction> {
        self.known.get_mut(key)
    }

    pub(crate) fn known(&self, key: &TransactionKey) -> Option<&Transaction> {
        self.known.get(key)
    }

    pub(crate) fn receive(&mut self, message: Message, protocol: Protocol) -> Dispatch {
        self.layer.receive(message, reliability(protocol))
    }

    /// Whether a request belongs to a transaction that is already there.
    pub(crate) fn knows(&self, request: &Request) -> bool {
        TransactionKey::from_request(request).is_some_and(|k| self.known.contains_key(&k))
    }

    pub(crate) fn adopt(&mut self, key: TransactionKey, flow: Flow, owner: Owner) -> Key {
        let key = Arc::new(key);
        let (credentials, attempts, ack) = (None, 0, None);
        let transaction = Transaction { flow, owner, credentials, attempts, ack };
        self.known.insert(key.clone(), transaction);
        key
    }

    /// Starts a client transaction; `None` when the table is full.
    pub(crate) fn start(
        &mut self,
        request: Request,
        transaction: Transaction,
    ) -> Option<(Key, Vec<CoreOutput>)> {
        if self.is_full() {
            return None;
        }
        let reliability = reliability(transaction.flow.protocol);
        let (key, outputs) = self.layer.send_request(request, reliability)?;
        let key = Arc::new(key);
        self.known.insert(key.clone(), transaction);
        Some((key, outputs))
    }

    pub(crate) fn respond(&mut self, key: &TransactionKey, response: Response) -> Vec<CoreOutput> {
        self.layer.send_response(key, response)
    }

    /// Ends a server transaction without an answer.
    pub(crate) fn abandon(&mut self, key: &TransactionKey) {
        self.layer.abandon(key);
        self.known.remove(key);
    }

    pub(crate) fn fail(&mut self, key: &TransactionKey) -> Vec<CoreOutput> {
        self.layer.on_transport_error(key)
    }

    pub(crate) fn request(&self, key: &TransactionKey) -> Option<&Request> {
        self.layer.client_request(key).or_else(|| self.layer.server_request(key))
    }

    pub(crate) fn on_flow(&self, flow: Flow) -> Vec<Key> {
        self.known.iter().filter(|(_, t)| t.flow == flow).map(|(k, _)| k.clone()).collect()
    }

    pub(crate) fn schedule(&mut self, at: Duration, due: Due) {
        self.order += 1;
        self.timers.push(Reverse(Entry { at, order: self.order, due }));
    }

    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.timers.peek().map(|Reverse(entry)| entry.at)
    }

    fn pop_due(&mut self, now: Duration) -> Option<Due> {
        if self.next_due()? > now {
            return None;
        }
        self.timers.pop().map(|Reverse(entry)| entry.due)
    }
}

fn reliability(protocol: Protocol) -> Reliability {
    if protocol.is_stream() { Reliability::Reliable } else { Reliability::Unreliable }
}

impl Endpoint {
    /// Fires one timer that is due; false when there is none.
    pub(super) fn fire(&mut self, now: Duration) -> bool {
        let Some(due) = self.transactions.pop_due(now) else { return false };
        match due {
            Due::Transaction(key, timer) => {
                let outputs = self.transactions.layer.on_timer(&key, timer);
                self.perform(now, &key, outputs);
            }
            Due::Unacked(leg, cseq) => self.retransmit_answer(now, leg, cseq),
            Due::Unpracked(leg, rseq) => self.retransmit_progress(now, leg, rseq),
            Due::CancelGiveUp(leg) => self.give_up_cancelling(leg),
            Due::Unanswered(id) => self.answer_unanswered(now, id),
            Due::TryAgain(leg) => self.try_again(leg),
        }
        true
    }

    /// Does what a transaction wants done.
    pub(super) fn perform(&mut self, now: Duration, key: &Key, outputs: Vec<CoreOutput>) {
        for output in outputs {
            match output {
                CoreOutput::Send(message) => {
                    if let Some(flow) = self.transactions.get(key).map(|t| t.flow) {
                        self.transmit(flow, message.to_bytes());
                    }
                }
                CoreOutput::SetTimer { timer, after } => {
                    let due = Due::Transaction(key.clone(), timer);
                    self.transactions.schedule(now + after, due);
                }
                CoreOutput::ToTu(event) => self.on_transaction(now, key, *event),
                CoreOutput::Terminated(_) => {
                    self.transactions.known.remove(&**key);
                }
                // A timer that no longer applies is ignored by the machine.
                _ => {}
            }
        }
    }

    fn on_transaction(&mut self, now: Duration, key: &Key, event: TuEvent) {
        match event {
            TuEvent::Request(request) => self.on_request(now, key, *request),
            TuEvent::Ack(request) => self.on_ack(now, &request),
            TuEvent::Response(response) => self.on_response(now, key, *response),
            TuEvent::Timeout => self.on_no_response(now, key, 408),
            TuEvent::TransportError => self.on_no_response(now, key, 503),
            _ => {}
        }
    }
}
