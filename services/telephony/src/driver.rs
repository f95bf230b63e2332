//! One task per call: it performs what `call` wants and tells it what happened.
//!
//! The task holds everything that the call holds: the caller's leg, the media
//! session, the place in the queue, the agent's line. When it ends, even by a
//! panic, the handles drop and everyone lets go.

mod effects;
mod keep;
mod parties;
mod phones;
mod rebuild;
mod signals;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use call::{Call, Effect, Entry, Input, IvrInput, Ledger, Next, Placement, PlayId};
use proto::{acd, line, media};
use sip::Event;
use sipnet::Names;
use tokio::sync::{mpsc, watch};
use types::fact::CallEvent;
use types::{
    AgentId, CallId, E164, HangupCause, LegId, Purpose, Supervision, Target, TenantId, Timestamp, TrunkId,
};

use crate::edge::Handle;
use crate::gateways::{Gateways, Session};
use crate::ivr::Ivr;
use crate::line::{Browsers, Line};
use crate::live::{KeptCall, Saying};
use crate::outbound::Route;
use crate::queue::{Place, Queues};
use crate::rates::Rates;
use crate::tolls::{Taken, Tolls};
use crate::trunk::Directory;
use parties::Reaching;
pub use parties::callee;
pub use phones::{Dialled, Second, placement, placement_by_phone};

/// Signals that wait for one call.
const SIGNALS_MAX: usize = 256;
/// A gateway that does not answer in this time ends the call.
const MEDIA_TIMEOUT_MS: i64 = 5_000;

/// What every call needs.
pub struct Shared {
    pub log: eventlog::Log,
    pub edge: Handle,
    /// Where carriers are.
    pub names: Names,
    pub gateways: Gateways,
    pub ivr: Ivr,
    pub queues: Queues,
    pub browsers: Browsers,
    pub directory: watch::Receiver<Arc<Directory>>,
    /// Calls to the outside by trunk, and all calls by company.
    pub tolls: Arc<Tolls<TrunkId>>,
    pub companies: Arc<Tolls<TenantId>>,
    /// The same for calls that begin in a second.
    pub trunk_rates: Rates<TrunkId>,
    pub company_rates: Rates<TenantId>,
    /// Calls of one company at once, unless it wants less.
    pub company_calls_max: u32,
    pub calls: Calls,
}

impl Shared {
    /// Room for one more call of the company; `None`: it has all that it may.
    pub fn room(&self, tenant: &TenantId) -> Option<Taken<TenantId>> {
        let own = self.directory.borrow().calls_max(tenant).unwrap_or(u32::MAX);
        let taken = self.companies.take(tenant, own.min(self.company_calls_max));
        if taken.is_none() {
            metrics::counter!("telephony_company_full_total").increment(1);
            tracing::warn!(%tenant, "the company has all the calls that it may");
            return None;
        }
        let per_second = self.directory.borrow().per_second(tenant);
        if !self.begins(&self.company_rates, tenant, per_second) {
            tracing::warn!(%tenant, "more calls of the company in a second than may begin");
            return None;
        }
        taken
    }

    /// The same for a call that somebody here makes; help in need is always called.
    pub fn room_to_call(&self, tenant: &TenantId, to: &Target) -> Option<Taken<TenantId>> {
        match to {
            Target::Number { number } if number.emergency().is_some() => {
                Some(self.companies.take_anyway(tenant))
            }
            _ => self.room(tenant),
        }
    }

    /// One of the trunk's circuits for a call to this number, if it has one now.
    pub fn circuit(&self, route: &Route, number: &E164) -> Option<Taken<TrunkId>> {
        if number.emergency().is_some() {
            return Some(self.tolls.take_anyway(&route.trunk));
        }
        let Some(taken) = self.tolls.take(&route.trunk, route.calls_max) else {
            metrics::counter!("telephony_tolls_refused_total").increment(1);
            tracing::warn!(trunk = %route.trunk, "the trunk carries all the calls that it may");
            return None;
        };
        self.begins(&self.trunk_rates, &route.trunk, route.per_second).then_some(taken)
    }

    /// Whether one more call may begin now.
    pub fn begins<K: Hash + Eq + Clone>(&self, rates: &Rates<K>, of: &K, per_second: Option<u32>) -> bool {
        let begins = per_second.is_none_or(|calls| rates.allow(chassis::clock::now(), of, calls));
        if !begins {
            metrics::counter!("telephony_calls_too_fast_total").increment(1);
        }
        begins
    }
}

/// The calls that run, for those who want to end one.
#[derive(Default)]
pub struct Calls {
    running: Mutex<HashMap<CallId, (TenantId, mpsc::Sender<Signal>)>>,
    /// Calls without a caller that keep somebody's place in line.
    promised: Mutex<HashMap<(TenantId, E164), CallId>>,
}

impl Calls {
    fn running(&self) -> MutexGuard<'_, HashMap<CallId, (TenantId, mpsc::Sender<Signal>)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls that run now.
    pub fn count(&self) -> usize {
        self.running().len()
    }

    fn promised(&self) -> MutexGuard<'_, HashMap<(TenantId, E164), CallId>> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a call's fact says of callers who are to be called back: who gets
    /// through otherwise is not.
    fn follow(&self, tenant: &TenantId, ledger: &Ledger, event: &CallEvent) {
        let key = |number: &E164| (tenant.clone(), number.clone());
        match event {
            CallEvent::CallbackAsked { number, in_line: true, .. } => {
                self.promised().insert(key(number), ledger.call.clone());
            }
            CallEvent::AgentConnected { .. } => {
                if let Ok(number) = ledger.from.parse() {
                    self.got_through(&key(&number), &ledger.call);
                }
            }
            CallEvent::Joined { purpose: Purpose::Dial, target: Target::Number { number }, .. } => {
                self.got_through(&key(number), &ledger.call);
            }
            CallEvent::Ended { .. } => {
                if let Some(number) = &ledger.callback {
                    let mut promised = self.promised();
                    if promised.get(&key(number)) == Some(&ledger.call) {
                        promised.remove(&key(number));
                    }
                }
            }
            _ => {}
        }
    }

    /// A call that was taken up keeps somebody's place.
    fn promises(&self, tenant: &TenantId, call: &Call) {
        if let Some(number) = call.promised_number() {
            self.promised().insert((tenant.clone(), number.clone()), call.id().clone());
        }
    }

    fn got_through(&self, key: &(TenantId, E164), by: &CallId) {
        let promised = self.promised().remove(key);
        if let Some(call) = promised.filter(|call| call != by) {
            self.tell(&key.0, &call, Signal::HangUp(HangupCause::Normal));
        }
    }

    /// Tells a call of this tenant; false if there is none.
    pub fn tell(&self, tenant: &TenantId, call: &CallId, signal: Signal) -> bool {
        let running = self.running();
        let found = running.get(call).filter(|(owner, _)| owner == tenant);
        found.is_some_and(|(_, signals)| signals.try_send(signal).is_ok())
    }

    /// Ends all calls.
    pub fn hang_up_all(&self, cause: HangupCause) {
        for (_, signals) in self.running().values() {
            let _ = signals.try_send(Signal::HangUp(cause));
        }
    }
}

/// What a call is told.
#[derive(Debug)]
pub enum Signal {
    /// Of the caller's leg, or of a phone's.
    Sip(sip::LegId, Event),
    Media {
        op: u64,
        what: media::v1::event::What,
    },
    /// The gateway lost the session.
    MediaGone,
    /// The gateway has the session: the last operation that it did, and what plays.
    MediaHeld {
        done: u64,
        plays: Vec<String>,
    },
    Queue(acd::v1::caller_event::What),
    /// The same on an agent who is wanted in person, by the leg to be.
    Reached(LegId, acd::v1::caller_event::What),
    Line(LegId, line::v1::from_line::What),
    /// The line's stream ended.
    LineClosed(LegId),
    /// The flow's answer, with the next cursor.
    Ivr(Option<(Bytes, Next)>),
    Announcement(Vec<String>),
    /// What the agent who leads the call wants, said elsewhere than on the line.
    Command(AgentId, line::v1::command::What),
    /// A phone of an agent in this call calls again.
    Dialled(Box<Dialled>),
    /// A supervisor comes in.
    Supervise(AgentId, Supervision),
    HangUp(HangupCause),
}

/// The way of signals to a call.
pub fn signals() -> (mpsc::Sender<Signal>, mpsc::Receiver<Signal>) {
    mpsc::channel(SIGNALS_MAX)
}

/// An admitted INVITE.
pub struct NewCall {
    pub tenant: TenantId,
    /// The company's room for it.
    pub room: Taken<TenantId>,
    pub entry: Entry,
    pub leg: sip::LegId,
    /// The caller's offer; without one the gateway makes it.
    pub offer: Option<Bytes>,
}

/// A SIP leg that ends when it is dropped.
pub struct PhoneLeg {
    edge: Handle,
    leg: sip::LegId,
}

impl PhoneLeg {
    pub fn new(edge: Handle, leg: sip::LegId) -> Self {
        Self { edge, leg }
    }

    pub fn leg(&self) -> sip::LegId {
        self.leg
    }
}

impl Drop for PhoneLeg {
    fn drop(&mut self) {
        let leg = self.leg;
        // A leg that is over already is hung up enough. The edge goes on to read
        // the events of one that is being cancelled and drops them.
        self.edge.send_now(move |edge, now| {
            let _ = edge.stack.endpoint.hang_up(now, leg, 500, None);
            edge.forget(leg);
        });
    }
}

/// One call.
struct Driver {
    shared: Arc<Shared>,
    tenant: TenantId,
    call: Call,
    /// `None`: an agent called.
    caller: Option<PhoneLeg>,
    /// The caller's offer, until the gateway has it.
    offer: Option<Bytes>,
    /// Whether the INVITE had an offer.
    offered: bool,
    /// The description that the gateway made for the caller.
    local: Option<Bytes>,
    media: Option<Session>,
    media_due: Option<Timestamp>,
    cursor: Bytes,
    place: Option<Place>,
    lines: HashMap<LegId, Line>,
    /// The phone by which the agent who leads called, until it is a line.
    own: Option<Calling>,
    /// Agents who are wanted in person.
    reaching: HashMap<LegId, Reaching>,
    /// Offers of peers that the gateway is answering, by operation.
    reoffers: HashMap<u64, sip::LegId>,
    /// What the flow was asked and has not answered.
    asked: Option<IvrInput>,
    /// Words that are awaited.
    saying: Option<Saying>,
    /// Legs that a new gateway is asked to have, by operation.
    moves: HashMap<u64, rebuild::Move>,
    /// Legs whose peers are to be told where their sound goes.
    untold: BTreeSet<sip::LegId>,
    /// Since when no gateway has the call.
    silent_since: Option<Timestamp>,
    /// When to try again what did not work.
    again_at: Option<Timestamp>,
    /// The last operation of a session that is lost.
    lost_op: u64,
    /// The last plays that are not repeated, and by which operations.
    played: BTreeMap<PlayId, u64>,
    signals: mpsc::Sender<Signal>,
    /// What this task tells itself.
    inputs: VecDeque<Input>,
}

/// Runs a caller's call to its end.
#[tracing::instrument(name = "call", skip_all, fields(tenant = %new.tenant, call = %new.entry.call))]
pub async fn run(
    shared: Arc<Shared>,
    new: NewCall,
    signals: mpsc::Sender<Signal>,
    waiting: mpsc::Receiver<Signal>,
) {
    let caller = PhoneLeg::new(shared.edge.clone(), new.leg);
    let (call, effects) = Call::offered(chassis::clock::now(), new.entry);
    let _room = new.room;
    let mut driver = Driver::new(shared, new.tenant, call, signals);
    (driver.caller, driver.offered, driver.offer) = (Some(caller), new.offer.is_some(), new.offer);
    driver.run(effects, waiting).await;
}

/// An agent's phone that calls.
pub struct Own {
    pub username: String,
    pub leg: sip::LegId,
    pub offer: Bytes,
}

/// The same until its line is made.
struct Calling {
    username: String,
    leg: PhoneLeg,
    offer: Bytes,
}

/// Runs a call that an agent's phone makes to its end.
#[tracing::instrument(name = "call", skip_all, fields(%tenant, call = %placement.call))]
pub async fn place_by_phone(
    shared: Arc<Shared>,
    tenant: TenantId,
    room: Taken<TenantId>,
    placement: Placement,
    own: Own,
    (signals, waiting): (mpsc::Sender<Signal>, mpsc::Receiver<Signal>),
) {
    let _room = room;
    let leg = PhoneLeg::new(shared.edge.clone(), own.leg);
    let (call, effects) = Call::placed(chassis::clock::now(), placement);
    let mut driver = Driver::new(shared, tenant, call, signals);
    driver.own = Some(Calling { username: own.username, leg, offer: own.offer });
    driver.run(effects, waiting).await;
}

/// Runs a call of a predecessor of this process on to its end; `legs` are those that
/// were kept of it.
#[tracing::instrument(name = "call", skip_all, fields(tenant = %kept.tenant, call = %kept.call.id()))]
pub async fn take_up(
    shared: Arc<Shared>,
    kept: KeptCall,
    legs: Vec<sip::LegId>,
    (signals, waiting): (mpsc::Sender<Signal>, mpsc::Receiver<Signal>),
) {
    // It is there already: no limit keeps it out.
    let _room = shared.companies.take(&kept.tenant, u32::MAX);
    let (driver, todo) = Driver::restored(shared, kept, signals);
    driver.run_on(Begin::Again(todo, legs), waiting).await;
}

/// How a call's task begins.
enum Begin {
    Anew(Vec<Effect>),
    /// After a predecessor that may not have done the last of this, with the SIP legs
    /// that it had for the call.
    Again(Vec<Effect>, Vec<sip::LegId>),
}

/// Runs an agent's call to its end.
#[tracing::instrument(name = "call", skip_all, fields(%tenant, call = %placement.call))]
pub async fn place(shared: Arc<Shared>, tenant: TenantId, room: Taken<TenantId>, placement: Placement) {
    let _room = room;
    let (signals, waiting) = signals();
    let (call, effects) = Call::placed(chassis::clock::now(), placement);
    Driver::new(shared, tenant, call, signals).run(effects, waiting).await;
}

/// Takes the call off the list, whatever ends its task.
struct Running {
    shared: Arc<Shared>,
    id: CallId,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.calls.running().remove(&self.id);
    }
}

impl Driver {
    fn new(shared: Arc<Shared>, tenant: TenantId, call: Call, signals: mpsc::Sender<Signal>) -> Self {
        Self {
            shared,
            tenant,
            call,
            caller: None,
            offer: None,
            offered: false,
            local: None,
            media: None,
            media_due: None,
            cursor: Bytes::new(),
            place: None,
            lines: HashMap::new(),
            own: None,
            reaching: HashMap::new(),
            reoffers: HashMap::new(),
            asked: None,
            saying: None,
            moves: HashMap::new(),
            untold: BTreeSet::new(),
            silent_since: None,
            again_at: None,
            lost_op: 0,
            played: BTreeMap::new(),
            signals,
            inputs: VecDeque::new(),
        }
    }

    async fn run(self, effects: Vec<Effect>, waiting: mpsc::Receiver<Signal>) {
        self.run_on(Begin::Anew(effects), waiting).await;
    }

    async fn run_on(mut self, begin: Begin, mut waiting: mpsc::Receiver<Signal>) {
        let id = self.call.id().clone();
        self.shared.calls.running().insert(id.clone(), (self.tenant.clone(), self.signals.clone()));
        let _running = Running { shared: self.shared.clone(), id };
        match begin {
            Begin::Anew(effects) => {
                self.commit(&effects);
                self.perform(effects).await;
                self.settle().await;
            }
            Begin::Again(todo, legs) => self.resume(todo, legs).await,
        }
        while !self.call.ended() {
            let patience = self.patience();
            match tokio::time::timeout(patience, waiting.recv()).await {
                Ok(Some(signal)) => self.on_signal(signal).await,
                Ok(None) => return,
                Err(_) => self.on_time().await,
            }
            self.settle().await;
        }
        tracing::info!(ignored = self.call.ignored(), "call ended");
    }

    /// Until the next deadline of the call or of the gateway.
    fn patience(&self) -> Duration {
        const LONGEST: Duration = Duration::from_secs(3600);
        let dialled = self.lines.values().filter_map(Line::due).min();
        let due = [self.call.deadline(), self.media_due, self.again_at, dialled].into_iter().flatten().min();
        let left = due.map(|at| at.since(chassis::clock::now()));
        left.map_or(LONGEST, |ms| Duration::from_millis(ms.max(0) as u64))
    }

    async fn on_time(&mut self) {
        let now = chassis::clock::now();
        if self.media_due.is_some_and(|at| at <= now) {
            self.media_due = None;
            tracing::warn!("the gateway does not answer");
            return self.input(Input::MediaFailed(HangupCause::Unavailable)).await;
        }
        if self.again_at.is_some_and(|at| at <= now) {
            self.try_again().await;
        }
        let silent = self.lines.iter().filter(|(_, line)| line.due().is_some_and(|at| at <= now));
        let silent: Vec<_> = silent.map(|(leg, _)| leg.clone()).collect();
        for leg in silent {
            self.trunk_failed(leg, 408).await;
        }
        self.input(Input::Tick).await;
    }

    async fn input(&mut self, input: Input) {
        if let Input::LineRefused { leg, outcome } = &input {
            self.tell_reached(leg, *outcome).await;
        }
        let measured = matches!(input, Input::Measured { .. });
        let ignored = self.call.ignored();
        let effects = self.call.handle(chassis::clock::now(), input);
        let nothing_new = effects.is_empty() && (measured || self.call.ignored() > ignored);
        if !nothing_new {
            self.commit(&effects);
        }
        self.perform(effects).await;
    }

    /// What the task told itself while it performed something.
    async fn settle(&mut self) {
        while let Some(input) = self.inputs.pop_front() {
            self.input(input).await;
        }
    }

    async fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.effect(effect).await;
        }
    }

    fn caller_leg(&self) -> LegId {
        self.call.customer().clone()
    }
}
