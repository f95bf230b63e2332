//! What is known of every tenant right now.

use call::Ledger;
use eventlog::{Delivery, Position, Topic, codec};
use stats::Book;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard},
};
use tokio::sync::watch;
use types::{
    fact::{AgentEvent, AgentFact, CallFact},
    *,
};

/// The topics that figures come from.
pub const TOPICS: [Topic; 2] = [Topic::Call, Topic::Agent];

/// One tenant: the countable, and what goes on.
#[derive(Default)]
pub struct Tenant {
    pub book: Book,
    /// Calls that have not ended.
    pub calls: HashMap<CallId, Ledger>,
    pub agents: BTreeMap<AgentId, AgentNow>,
    /// Grows with every fact.
    pub sequence: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentNow {
    pub state: AgentState,
    pub since: Timestamp,
    pub reason: Option<String>,
    pub call: Option<CallId>,
    seq: u64,
}

/// A fact that figures come from.
pub enum Fact {
    Call(CallFact),
    Agent(AgentFact),
}

pub fn read(delivery: &Delivery) -> Option<Fact> {
    let value = &delivery.record.value;
    let fact = match delivery.record.topic {
        Topic::Call => codec::decode(value).map(Fact::Call),
        Topic::Agent => codec::decode(value).map(Fact::Agent),
        _ => return None,
    };
    fact.inspect_err(|error| tracing::error!(%error, at = ?delivery.position, "a fact cannot be read")).ok()
}

/// Folds a fact into a book.
pub fn enter(book: &mut Book, fact: &Fact) {
    match fact {
        Fact::Call(fact) => book.call(fact),
        Fact::Agent(fact) => book.agent(fact),
    }
}

impl Tenant {
    pub fn fold(&mut self, fact: &Fact) {
        self.sequence += 1;
        enter(&mut self.book, fact);
        match fact {
            Fact::Call(fact) => self.fold_call(fact),
            Fact::Agent(fact) => self.fold_agent(fact),
        }
    }

    fn fold_call(&mut self, fact: &CallFact) {
        if let Some(ledger) = self.calls.get_mut(&fact.call) {
            ledger.apply(fact);
            if ledger.ended.is_some() {
                self.calls.remove(&fact.call);
            }
        } else if let Some(ledger) = Ledger::open(fact) {
            self.calls.insert(fact.call.clone(), ledger);
        }
    }

    fn fold_agent(&mut self, fact: &AgentFact) {
        let AgentEvent::StateChanged { to, reason, call, .. } = &fact.event else { return };
        if self.agents.get(&fact.agent).is_some_and(|known| fact.seq <= known.seq) {
            return;
        }
        let (reason, call) = (reason.clone(), call.clone().filter(|_| busy(*to)));
        let now = AgentNow { state: *to, since: fact.at, reason, call, seq: fact.seq };
        self.agents.insert(fact.agent.clone(), now);
    }
}

fn busy(state: AgentState) -> bool {
    matches!(state, AgentState::Ringing | AgentState::OnCall | AgentState::WrapUp)
}

/// All tenants of this process.
pub struct Books {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
    ready: watch::Sender<bool>,
}

#[derive(Default)]
pub struct Inner {
    tenants: HashMap<TenantId, Tenant>,
    /// Of whom no fact was told yet.
    nothing: Tenant,
    /// The next offset of each partition.
    folded: HashMap<(Topic, u16), u64>,
}

impl Default for Books {
    fn default() -> Books {
        Books { inner: Mutex::default(), changed: watch::channel(0).0, ready: watch::channel(false).0 }
    }
}

impl Books {
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while the lock is held")
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Everything that was told before the start is in the books.
    pub fn is_ready(&self) {
        self.ready.send_replace(true);
    }

    pub async fn ready(&self) {
        let mut ready = self.ready.subscribe();
        let _ = ready.wait_for(|ready| *ready).await;
    }

    pub fn fold(&self, delivery: &Delivery, fact: Option<&Fact>) {
        let Position { topic, partition, offset } = delivery.position;
        let mut inner = self.lock();
        inner.folded.insert((topic, partition), offset + 1);
        if let Some(fact) = fact {
            let tenant = inner.tenants.entry(delivery.record.tenant.clone()).or_default();
            let before = tenant.book.dropped();
            tenant.fold(fact);
            metrics::counter!("trunkline_wrap_ups_dropped_total").increment(tenant.book.dropped() - before);
        }
        drop(inner);
        self.changed.send_modify(|count| *count += 1);
    }
}

impl Inner {
    pub fn tenant(&self, id: &TenantId) -> &Tenant {
        self.tenants.get(id).unwrap_or(&self.nothing)
    }

    /// How far the log is folded.
    pub fn positions(&self) -> Vec<Position> {
        let mut positions: Vec<Position> = self
            .folded
            .iter()
            .map(|((topic, partition), offset)| Position {
                topic: *topic,
                partition: *partition,
                offset: *offset,
            })
            .collect();
        positions.sort_by_key(|at| (at.topic, at.partition));
        positions
    }
}
