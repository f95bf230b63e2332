//! Media gateways: one control stream each, a session per call.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chassis::{Credentials, Drain, grpc::Channel};
use proto::media::v1::gateway_client::GatewayClient;
use proto::media::v1::{
    AddLeg, Event, Hear, List, Load, Open, Play, Press, Record, Release, RemoveLeg, Request, SetRemote,
    StopPlay, StopRecord, add_leg::Kind, event, hear::Listener, request::What,
};
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
        drain: &Drain,
    ) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for address in addresses {
            let (queue, asked) = mpsc::channel(link::WAITING_MAX);
            let gateway =
                Arc::new(Gateway::new(chassis::grpc::channel(credentials, address)?, address, edge, queue));
            tokio::spawn(link::run(gateway.clone(), asked, drain.clone()));
            all.push(gateway);
        }
        Ok(Self { all })
    }

    /// Opens a session on the less loaded of two random gateways. `None`: no
    /// gateway takes calls.
    pub async fn open(
        &self,
        tenant: &TenantId,
        call: &CallId,
        signals: mpsc::Sender<Signal>,
    ) -> Option<Session> {
        let gateway = self.choose(chassis::random::u128())?;
        Some(Session::open(gateway, tenant, call, signals).await)
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
    down_since: Option<Timestamp>,
}

/// What is kept of a session, to be said again.
struct Kept {
    signals: mpsc::Sender<Signal>,
    operations: VecDeque<Request>,
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

    fn route(&self, event: Event) {
        let signals = self.state().sessions.get(&event.session).map(|kept| kept.signals.clone());
        if let (Some(signals), Some(what)) = (signals, event.what) {
            let signal = Signal::Media { op: event.op, what };
            if signals.try_send(signal).is_err() {
                tracing::warn!(session = event.session, "a call is too far behind for its media events");
            }
        }
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
        let list = Request { session: String::new(), op: 0, what: Some(What::List(List {})) };
        let kept = state.sessions.values().flat_map(|kept| kept.operations.iter().cloned());
        std::iter::once(list).chain(kept).collect()
    }

    fn event(&self, event: Event) {
        match event.what {
            Some(event::What::Load(load)) => self.state().load = load,
            Some(event::What::Sessions(_)) | None => {}
            Some(_) => self.route(event),
        }
    }

    /// After the lease the sessions are gone.
    fn down(&self) {
        self.up.store(false, Ordering::Relaxed);
        let now = chassis::clock::now();
        let mut state = self.state();
        let since = *state.down_since.get_or_insert(now);
        if now.since(since) > LEASE_MS {
            for (session, kept) in state.sessions.drain() {
                tracing::warn!(session, gateway = self.address, "media session lost");
                let _ = kept.signals.try_send(Signal::MediaGone);
            }
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
}

impl Session {
    async fn open(
        gateway: Arc<Gateway>,
        tenant: &TenantId,
        call: &CallId,
        signals: mpsc::Sender<Signal>,
    ) -> Self {
        let id = call.to_string();
        let kept = Kept { signals, operations: VecDeque::new() };
        gateway.state().sessions.insert(id.clone(), kept);
        let mut session = Self { gateway, id, op: 0 };
        session.ask(What::Open(Open { tenant: tenant.to_string() })).await;
        session
    }

    /// Adds a party that speaks plain RTP; the gateway makes the offer.
    pub async fn add_rtp(&mut self, leg: &LegId) -> u64 {
        self.add(leg, Kind::Rtp, &[]).await
    }

    /// Adds a browser, from its offer. Without one the gateway makes one.
    pub async fn add_browser(&mut self, leg: &LegId, offer: &[u8]) -> u64 {
        self.add(leg, Kind::Webrtc, offer).await
    }

    /// Adds who offered in SIP, by whatever the offer is of.
    pub async fn add_offered(&mut self, leg: &LegId, offer: &[u8]) -> u64 {
        let kind = if sip::sdp::is_webrtc(offer) { Kind::Webrtc } else { Kind::Rtp };
        self.add(leg, kind, offer).await
    }

    async fn add(&mut self, leg: &LegId, kind: Kind, offer: &[u8]) -> u64 {
        let offer = String::from_utf8_lossy(offer).into_owned();
        self.ask(What::AddLeg(AddLeg { leg: leg.to_string(), kind: kind.into(), offer })).await
    }

    /// A party's answer to the gateway's offer, or a new offer of the party; the
    /// number of the operation.
    pub async fn set_remote(&mut self, leg: &LegId, sdp: &[u8], is_offer: bool) -> u64 {
        let sdp = String::from_utf8_lossy(sdp).into_owned();
        self.ask(What::SetRemote(SetRemote { leg: leg.to_string(), sdp, is_offer })).await
    }

    pub async fn remove(&mut self, leg: &LegId) {
        self.ask(What::RemoveLeg(RemoveLeg { leg: leg.to_string() })).await;
    }

    /// Who hears whom, whole.
    pub async fn hear(&mut self, matrix: &[(LegId, Vec<LegId>)]) {
        let text = |leg: &LegId| leg.to_string();
        let listeners = matrix
            .iter()
            .map(|(leg, sources)| Listener { leg: text(leg), sources: sources.iter().map(text).collect() });
        self.ask(What::Hear(Hear { listeners: listeners.collect() })).await;
    }

    pub async fn play(&mut self, play: String, leg: &LegId, hashes: Vec<String>, repeat: bool) {
        self.ask(What::Play(Play { play, leg: leg.to_string(), hashes, r#loop: repeat })).await;
    }

    pub async fn stop_play(&mut self, play: String) {
        self.ask(What::StopPlay(StopPlay { play })).await;
    }

    /// Asked again with other legs, the recording goes on with those.
    pub async fn record(
        &mut self,
        recording: &RecordingId,
        tenant: &TenantId,
        left: &LegId,
        right: &[LegId],
    ) {
        let mut right = right.iter().map(ToString::to_string);
        let record = Record {
            recording: recording.to_string(),
            tenant: tenant.to_string(),
            left: left.to_string(),
            right: right.next().unwrap_or_default(),
            also_right: right.collect(),
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
