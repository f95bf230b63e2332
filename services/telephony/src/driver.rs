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
mod shared;
mod signals;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use call::{Call, Effect, Entry, Input, IvrInput, Next, Placement, PlayId};
use proto::{acd, line, media};
use sip::Event;
use tokio::sync::mpsc;
use types::{AgentId, CallId, HangupCause, LegId, Supervision, TenantId, Timestamp};

use crate::edge::Handle;
use crate::gateways::Session;
use crate::line::Line;
use crate::live::{KeptCall, Saying};
use crate::queue::Place;
use crate::tolls::Taken;
use parties::Reaching;
pub use parties::callee;
pub use phones::{Dialled, Second, placement, placement_by_phone};
pub use shared::{Calls, Shared};

/// Signals that wait for one call.
const SIGNALS_MAX: usize = 256;
/// A gateway that does not answer in this time ends the call.
const MEDIA_TIMEOUT_MS: i64 = 5_000;

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
    let _room = shared.companies.take_anyway(&kept.tenant);
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
