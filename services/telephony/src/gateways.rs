//! Media gateways: one control stream each, a session per call.
//!
//! A gateway that is gone takes its sessions with it. That is known at once where
//! nobody listens at its address any more, or where it is back and does not name the
//! session; where nothing is known, after the lease. The call is told and builds its
//! session anew.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chassis::{Credentials, Drain, grpc::Channel};
use proto::media::v1::gateway_client::GatewayClient;
use proto::media::v1::{
    AddLeg, Event, Hear, List, Load, Open, Play, Press, Record, Release, RemoveLeg, Request, SetRemote,
    StopPlay, StopRecord, add_leg::Kind, event, failed::Code, hear::Listener, request::What, sessions::Held,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use types::{CallId, LegId, RecordingId, TenantId, Timestamp};

use crate::driver::Signal;
use crate::link::{self, Peer};

/// How long a gateway keeps the sessions of a broken stream.
const LEASE_MS: i64 = 10_000;
/// Operations of one session that are said again after a broken stream.
const OPERATIONS_MAX: usize = 256;

/// The fleet as this edge knows it.
pub struct Gateways {
    all: Vec<Arc<Gateway>>,
}

impl Gateways {
    /// Connects to every address and stays connected. `edge` is our name: after
    /// a broken stream we get our sessions back by it.
    pub fn connect(
        credentials: &Credentials,
        addresses: &[String],
        edge: &str,
        kept: &[Attached],
        drain: &Drain,
    ) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for address in addresses {
            let (queue, asked) = mpsc::channel(link::WAITING_MAX);
            let gateway =
                Arc::new(Gateway::new(chassis::grpc::channel(credentials, address)?, address, edge, queue));
            // Before the stream is opened: what the gateway tells of them is heard.
            for attached in kept.iter().filter(|attached| attached.session.gateway == *address) {
                gateway.keep(&attached.session.id, attached.signals.clone(), 0);
            }
            tokio::spawn(link::run(gateway.clone(), asked, drain.clone()));
            all.push(gateway);
        }
        Ok(Self { all })
    }

    /// The session that a predecessor of this process had; `None`: its gateway is
    /// none of ours any more.
    pub fn attach(&self, kept: &KeptSession) -> Option<Session> {
        let gateway = self.all.iter().find(|gateway| gateway.address == kept.gateway)?.clone();
        let KeptSession { id, op, legs, matrix, .. } = kept.clone();
        Some(Session { gateway, id, op, legs, matrix })
    }

    /// Opens a session on the less loaded of two random gateways. `None`: no
    /// gateway takes calls. `after`: the last operation of the session before, which is
    /// lost; what is still said of that one is told apart by it.
    pub async fn open(
        &self,
        tenant: &TenantId,
        call: &CallId,
        signals: mpsc::Sender<Signal>,
        after: u64,
    ) -> Option<Session> {
        let gateway = self.choose(chassis::random::u128())?;
        Some(Session::open(gateway, tenant, call, signals, after).await)
    }

    fn choose(&self, random: u128) -> Option<Arc<Gateway>> {
        let ready: Vec<_> = self.all.iter().filter(|g| g.takes_calls()).collect();
        let count = ready.len() as u128;
        if count == 0 {
            return None;
        }
        let one = ready[(random % count) as usize];
        let other = ready[((random >> 64) % count) as usize];
        Some(if other.fullness() < one.fullness() { other.clone() } else { one.clone() })
    }
}

/// One gateway.
pub struct Gateway {
    address: String,
    edge: String,
    client: GatewayClient<Channel>,
    queue: mpsc::Sender<Request>,
    up: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    load: Load,
    sessions: HashMap<String, Kept>,
    /// Sessions that the gateway must name when it says what it has.
    asserted: Vec<String>,
    down_since: Option<Timestamp>,
}

/// A session as a successor of this process needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptSession {
    pub id: String,
    pub gateway: String,
    /// The last operation that was asked.
    pub op: u64,
    legs: BTreeSet<LegId>,
    matrix: Vec<(LegId, Vec<LegId>)>,
}

/// A session that a predecessor had, and whom what the gateway tells of it is for.
pub struct Attached {
    pub session: KeptSession,
    pub signals: mpsc::Sender<Signal>,
}

/// What is kept of a session, to be said again.
struct Kept {
    signals: mpsc::Sender<Signal>,
    operations: VecDeque<Request>,
    /// Operations up to this one were those of a session that is lost.
    after: u64,
}

impl Gateway {
    fn new(channel: Channel, address: &str, edge: &str, queue: mpsc::Sender<Request>) -> Self {
        let client = GatewayClient::new(channel);
        let (address, edge) = (address.to_owned(), edge.to_owned());
        let (up, state) = (AtomicBool::new(false), Mutex::default());
        Self { address, edge, client, queue, up, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn takes_calls(&self) -> bool {
        let state = self.state();
        let room = state.load.capacity == 0 || (state.sessions.len() as u32) < state.load.capacity;
        self.up.load(Ordering::Relaxed) && !state.load.draining && room
    }

    /// Sessions for each place: what the gateway says or what we know, whichever
    /// is more.
    fn fullness(&self) -> f64 {
        let state = self.state();
        let sessions = state.load.sessions.max(state.sessions.len() as u32);
        f64::from(sessions) / f64::from(state.load.capacity.max(1))
    }

    fn keep(&self, session: &str, signals: mpsc::Sender<Signal>, after: u64) {
        let kept = Kept { signals, operations: VecDeque::new(), after };
        self.state().sessions.insert(session.to_owned(), kept);
    }

    /// The gateway says which sessions it has: the calls of the others must know.
    fn holds(&self, held: Vec<Held>) {
        let asserted = std::mem::take(&mut self.state().asserted);
        let named: BTreeSet<String> = held.iter().map(|held| held.session.clone()).collect();
        for Held { session, done, plays } in held {
            self.tell(&session, Signal::MediaHeld { done, plays });
        }
        asserted.iter().filter(|session| !named.contains(*session)).for_each(|session| self.lose(session));
    }

    fn tell(&self, session: &str, signal: Signal) {
        let signals = self.state().sessions.get(session).map(|kept| kept.signals.clone());
        if signals.is_some_and(|signals| signals.try_send(signal).is_err()) {
            tracing::warn!(session, "a call is too far behind for its media events");
        }
    }

    /// The gateway does not have it.
    fn lose(&self, session: &str) {
        let Some(kept) = self.state().sessions.remove(session) else { return };
        metrics::counter!("telephony_media_sessions_lost_total").increment(1);
        tracing::warn!(session, gateway = self.address, "media session lost");
        let _ = kept.signals.try_send(Signal::MediaGone);
    }

    fn lose_all(&self) {
        let sessions: Vec<String> = self.state().sessions.keys().cloned().collect();
        sessions.iter().for_each(|session| self.lose(session));
    }

    fn route(&self, event: Event) {
        let Event { session, op, what: Some(what) } = event else { return };
        self.tell(&session, Signal::Media { op, what });
    }
}

impl Peer for Gateway {
    type Request = Request;
    type Event = Event;

    async fn open(&self, requests: ReceiverStream<Request>) -> Result<Streaming<Event>, Status> {
        let mut request = tonic::Request::new(requests);
        let edge = self.edge.parse().map_err(|_| Status::internal("the edge's name is no metadata"))?;
        request.metadata_mut().insert("edge", edge);
        Ok(self.client.clone().control(request).await?.into_inner())
    }

    fn up(&self) -> Vec<Request> {
        let mut state = self.state();
        state.down_since = None;
        self.up.store(true, Ordering::Relaxed);
        state.asserted = state.sessions.keys().cloned().collect();
        let list = Request { session: String::new(), op: 0, what: Some(What::List(List {})) };
        // A session that the gateway lost must not come to be there without its legs.
        let opens = |request: &Request| matches!(request.what, Some(What::Open(_)));
        let kept = state.sessions.values().flat_map(|kept| kept.operations.iter());
        std::iter::once(list).chain(kept.filter(|request| !opens(request)).cloned()).collect()
    }

    fn event(&self, event: Event) {
        match event.what {
            Some(event::What::Load(load)) => self.state().load = load,
            Some(event::What::Sessions(sessions)) => self.holds(sessions.held),
            Some(event::What::Failed(failed)) if failed.code() == Code::NoSession => {
                let after = self.state().sessions.get(&event.session).map(|kept| kept.after);
                if after.is_some_and(|after| event.op > after) {
                    self.lose(&event.session);
                }
            }
            None => {}
            Some(_) => self.route(event),
        }
    }

    /// After the lease the sessions are gone; at once where nobody listens: a process
    /// that is no more holds none.
    fn down(&self, refused: bool) {
        self.up.store(false, Ordering::Relaxed);
        let now = chassis::clock::now();
        let mut state = self.state();
        let since = *state.down_since.get_or_insert(now);
        drop(state);
        if refused || now.since(since) > LEASE_MS {
            self.lose_all();
        }
    }

    fn name(&self) -> &str {
        &self.address
    }
}

/// A call's conference in a gateway. Dropping it lets go of it.
pub struct Session {
    gateway: Arc<Gateway>,
    id: String,
    op: u64,
    legs: BTreeSet<LegId>,
    /// Who hears whom, whole, as it was asked last.
    matrix: Vec<(LegId, Vec<LegId>)>,
}

impl Session {
    async fn open(
        gateway: Arc<Gateway>,
        tenant: &TenantId,
        call: &CallId,
        signals: mpsc::Sender<Signal>,
        after: u64,
    ) -> Self {
        let id = call.to_string();
        gateway.keep(&id, signals, after);
        let mut session = Self { gateway, id, op: after, legs: BTreeSet::new(), matrix: Vec::new() };
        session.ask(What::Open(Open { tenant: tenant.to_string() })).await;
        session
    }

    pub fn kept(&self) -> KeptSession {
        let (id, gateway) = (self.id.clone(), self.gateway.address.clone());
        KeptSession { id, gateway, op: self.op, legs: self.legs.clone(), matrix: self.matrix.clone() }
    }

    /// The last operation that was asked.
    pub fn last_op(&self) -> u64 {
        self.op
    }

    /// Adds a party that speaks plain RTP; the gateway makes the offer.
    pub async fn add_rtp(&mut self, leg: &LegId) -> u64 {
        self.add(leg, Kind::Rtp, &[], 0).await
    }

    /// Adds a party that speaks plain RTP and had this port at a gateway before.
    pub async fn add_rtp_at(&mut self, leg: &LegId, offer: Option<&[u8]>, port: u16) -> u64 {
        self.add(leg, Kind::Rtp, offer.unwrap_or_default(), port).await
    }

    /// Adds a browser, from its offer. Without one the gateway makes one.
    pub async fn add_browser(&mut self, leg: &LegId, offer: &[u8]) -> u64 {
        self.add(leg, Kind::Webrtc, offer, 0).await
    }

    /// Adds who offered in SIP, by whatever the offer is of.
    pub async fn add_offered(&mut self, leg: &LegId, offer: &[u8]) -> u64 {
        let kind = if sip::sdp::is_webrtc(offer) { Kind::Webrtc } else { Kind::Rtp };
        self.add(leg, kind, offer, 0).await
    }

    async fn add(&mut self, leg: &LegId, kind: Kind, offer: &[u8], port: u16) -> u64 {
        let offer = String::from_utf8_lossy(offer).into_owned();
        let add = AddLeg { leg: leg.to_string(), kind: kind.into(), offer, port: port.into() };
        let op = self.ask(What::AddLeg(add)).await;
        let comes_late = self.legs.insert(leg.clone()) && self.matrix.iter().any(|(to, _)| to == leg);
        if comes_late {
            self.hear_those_here().await;
        }
        op
    }

    /// A party's answer to the gateway's offer, or a new offer of the party; the
    /// number of the operation.
    pub async fn set_remote(&mut self, leg: &LegId, sdp: &[u8], is_offer: bool) -> u64 {
        let sdp = String::from_utf8_lossy(sdp).into_owned();
        self.ask(What::SetRemote(SetRemote { leg: leg.to_string(), sdp, is_offer })).await
    }

    pub async fn remove(&mut self, leg: &LegId) {
        self.legs.remove(leg);
        self.ask(What::RemoveLeg(RemoveLeg { leg: leg.to_string() })).await;
    }

    /// Who hears whom, whole. Who has no leg here yet hears, and is heard, from when
    /// there is one.
    pub async fn hear(&mut self, matrix: &[(LegId, Vec<LegId>)]) {
        self.matrix = matrix.to_vec();
        self.hear_those_here().await;
    }

    async fn hear_those_here(&mut self) {
        let here = |leg: &&LegId| self.legs.contains(*leg);
        let listeners = self.matrix.iter().filter(|(leg, _)| here(&leg)).map(|(leg, sources)| Listener {
            leg: leg.to_string(),
            sources: sources.iter().filter(here).map(LegId::to_string).collect(),
        });
        let listeners = listeners.collect();
        self.ask(What::Hear(Hear { listeners })).await;
    }

    pub async fn play(&mut self, play: String, leg: &LegId, hashes: Vec<String>, repeat: bool) {
        self.ask(What::Play(Play { play, leg: leg.to_string(), hashes, r#loop: repeat })).await;
    }

    pub async fn stop_play(&mut self, play: String) {
        self.ask(What::StopPlay(StopPlay { play })).await;
    }

    /// Asked again with other legs, the recording goes on with those. `since`: it began
    /// then at a gateway that is no more.
    pub async fn record(
        &mut self,
        recording: &RecordingId,
        tenant: &TenantId,
        (left, right): (&LegId, &[LegId]),
        since: Option<Timestamp>,
    ) {
        let mut right = right.iter().map(ToString::to_string);
        let record = Record {
            recording: recording.to_string(),
            tenant: tenant.to_string(),
            left: left.to_string(),
            right: right.next().unwrap_or_default(),
            also_right: right.collect(),
            began_ms: since.map_or(0, Timestamp::millis),
        };
        self.ask(What::Record(record)).await;
    }

    pub async fn stop_record(&mut self, recording: &RecordingId) {
        self.ask(What::StopRecord(StopRecord { recording: recording.to_string() })).await;
    }

    /// Keys for the leg to hear.
    pub async fn press(&mut self, leg: &LegId, keys: String) {
        self.ask(What::Press(Press { leg: leg.to_string(), keys })).await;
    }

    async fn ask(&mut self, what: What) -> u64 {
        let request = self.next(what);
        if let Some(kept) = self.gateway.state().sessions.get_mut(&self.id) {
            if kept.operations.len() >= OPERATIONS_MAX {
                kept.operations.pop_front();
            }
            kept.operations.push_back(request.clone());
        }
        if self.gateway.queue.send(request).await.is_err() {
            tracing::debug!(session = self.id, "the gateway's stream is closed");
        }
        self.op
    }

    fn next(&mut self, what: What) -> Request {
        self.op += 1;
        Request { session: self.id.clone(), op: self.op, what: Some(what) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let release = self.next(What::Release(Release { cause: "ended".to_owned() }));
        self.gateway.state().sessions.remove(&self.id);
        // While the gateway is away the queue may be full: its lease lets go then.
        let _ = self.gateway.queue.try_send(release);
    }
}
