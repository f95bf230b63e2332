//! Waiting callers: our sessions in the ACD.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chassis::{Credentials, Drain, grpc::Channel};
use prost::Message;
use proto::acd::v1::caller_request::{Answered, Join, Need, OfferEnded, Reach, Release, What};
use proto::acd::v1::queue_client::QueueClient;
use proto::acd::v1::{Caller, CallerEvent, CallerRequest, caller_event};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use types::{
    CallId, HangupCause, LegId, OfferOutcome, QueueId, ReservationId, Skill, TenantId, Timestamp, name,
};

use crate::driver::Signal;
use crate::link::{self, Peer};

/// Reservations of one caller that are remembered; more ring at once nowhere.
const RESERVED_MAX: usize = 32;

/// The stream to the ACD that all calls of this edge share.
pub struct Queues {
    acd: Arc<Acd>,
}

struct Acd {
    client: QueueClient<Channel>,
    queue: mpsc::Sender<CallerRequest>,
    places: Mutex<HashMap<String, Kept>>,
}

/// A place in a queue as it is asked for.
pub struct Wish {
    pub queue: QueueId,
    pub since: Timestamp,
    pub priority: i32,
    /// What this caller needs of an agent beyond what the queue asks for.
    pub needs: Vec<Skill>,
}

/// What the ACD must be told again after a broken stream: with the original
/// `waiting_since`, nobody loses the place.
struct Kept {
    signals: mpsc::Sender<Signal>,
    /// The leg to be, of an agent who is wanted in person.
    leg: Option<LegId>,
    queue: String,
    join: CallerRequest,
    /// The last ones, by reservation, and who was reserved: an ACD that was
    /// started anew must be told who talks.
    reserved: VecDeque<(String, String)>,
    answered: Option<CallerRequest>,
}

/// A place as a successor of this process needs it: it is asserted with the time at
/// which the caller began to wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptPlace {
    tenant: String,
    session: String,
    leg: Option<LegId>,
    queue: String,
    join: Vec<u8>,
    reserved: VecDeque<(String, String)>,
    answered: Option<Vec<u8>>,
}

/// A place that a predecessor had, and whom what the ACD says of it is for.
pub struct Attached {
    pub place: KeptPlace,
    pub signals: mpsc::Sender<Signal>,
}

impl Attached {
    fn kept(&self) -> Option<Kept> {
        let read = |bytes: &[u8]| CallerRequest::decode(bytes).ok();
        let KeptPlace { leg, queue, join, reserved, answered, .. } = &self.place;
        Some(Kept {
            signals: self.signals.clone(),
            leg: leg.clone(),
            queue: queue.clone(),
            join: read(join)?,
            reserved: reserved.clone(),
            answered: answered.as_deref().and_then(read),
        })
    }
}

impl Queues {
    pub fn connect(
        credentials: &Credentials,
        address: &str,
        kept: &[Attached],
        drain: &Drain,
    ) -> anyhow::Result<Self> {
        let (queue, asked) = mpsc::channel(link::WAITING_MAX);
        let client = QueueClient::new(chassis::grpc::channel(credentials, address)?);
        // Before the stream is opened: they are the first that it says.
        let places = kept.iter().filter_map(|one| Some((one.place.session.clone(), one.kept()?)));
        let places = Mutex::new(places.collect());
        let acd = Arc::new(Acd { client, queue, places });
        tokio::spawn(link::run(acd.clone(), asked, drain.clone()));
        Ok(Self { acd })
    }

    /// The place that a predecessor of this process had.
    pub fn attach(&self, kept: &KeptPlace) -> Place {
        Place { acd: self.acd.clone(), tenant: kept.tenant.clone(), call: kept.session.clone() }
    }

    /// Takes a place in a queue.
    pub async fn join(
        &self,
        tenant: &TenantId,
        call: &CallId,
        wish: Wish,
        caller: Caller,
        signals: mpsc::Sender<Signal>,
    ) -> Place {
        let Wish { queue, since, priority, needs } = wish;
        let need = |Skill { name, level }| Need { skill: name, level: level.into() };
        let place = Place { acd: self.acd.clone(), tenant: tenant.to_string(), call: call.to_string() };
        let join = Join {
            queue: queue.to_string(),
            waiting_since_ms: since.millis(),
            priority,
            caller: Some(caller),
            needs: needs.into_iter().map(need).collect(),
            ..Join::default()
        };
        place.begin(What::Join(join), signals, None).await
    }

    /// Wants an agent in person.
    pub async fn reach(
        &self,
        tenant: &TenantId,
        reach: Reach,
        leg: LegId,
        signals: mpsc::Sender<Signal>,
    ) -> Place {
        let session = CallId::new(chassis::clock::now(), chassis::random::u128());
        let place = Place { acd: self.acd.clone(), tenant: tenant.to_string(), call: session.to_string() };
        place.begin(What::Reach(reach), signals, Some(leg)).await
    }
}

impl Kept {
    /// What an ACD that lost us must hear: who talks does not wait again.
    fn again(&self) -> Vec<CallerRequest> {
        match (&self.answered, &self.leg) {
            (Some(answered), None) => vec![answered.clone()],
            (answered, _) => std::iter::once(&self.join).chain(answered).cloned().collect(),
        }
    }

    fn notes(&mut self, what: Option<&caller_event::What>) {
        if let Some(caller_event::What::Reserved(reserved)) = what {
            self.reserved.truncate(RESERVED_MAX - 1);
            self.reserved.push_front((reserved.reservation.clone(), reserved.agent.clone()));
        }
    }

    fn agent_of(&self, reservation: &str) -> String {
        let found = self.reserved.iter().find(|(id, _)| id == reservation);
        found.map(|(_, agent)| agent.clone()).unwrap_or_default()
    }
}

impl Acd {
    fn places(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer for Acd {
    type Request = CallerRequest;
    type Event = CallerEvent;

    async fn open(&self, requests: ReceiverStream<CallerRequest>) -> Result<Streaming<CallerEvent>, Status> {
        Ok(self.client.clone().attach(requests).await?.into_inner())
    }

    fn up(&self) -> Vec<CallerRequest> {
        let places = self.places();
        places.values().flat_map(Kept::again).collect()
    }

    fn event(&self, event: CallerEvent) {
        let kept = self.places().get_mut(&event.session).map(|kept| {
            kept.notes(event.what.as_ref());
            (kept.signals.clone(), kept.leg.clone())
        });
        let (Some((signals, leg)), Some(what)) = (kept, event.what) else { return };
        let signal = match leg {
            Some(leg) => Signal::Reached(leg, what),
            None => Signal::Queue(what),
        };
        if signals.try_send(signal).is_err() {
            tracing::warn!(call = event.session, "a call is too far behind for its queue events");
        }
    }

    fn down(&self, _refused: bool) {}

    fn name(&self) -> &str {
        "acd queue"
    }
}

/// A caller's place, then the conversation that came of it. Dropping it lets go.
pub struct Place {
    acd: Arc<Acd>,
    tenant: String,
    call: String,
}

impl Place {
    async fn begin(self, what: What, signals: mpsc::Sender<Signal>, leg: Option<LegId>) -> Self {
        let queue = match &what {
            What::Join(join) => join.queue.clone(),
            _ => String::new(),
        };
        let join = self.request(what);
        let reserved = VecDeque::new();
        let kept = Kept { signals, leg, queue, join: join.clone(), reserved, answered: None };
        self.acd.places().insert(self.call.clone(), kept);
        self.ask(join).await;
        self
    }

    pub fn kept(&self) -> Option<KeptPlace> {
        let places = self.acd.places();
        let kept = places.get(&self.call)?;
        Some(KeptPlace {
            tenant: self.tenant.clone(),
            session: self.call.clone(),
            leg: kept.leg.clone(),
            queue: kept.queue.clone(),
            join: kept.join.encode_to_vec(),
            reserved: kept.reserved.clone(),
            answered: kept.answered.as_ref().map(Message::encode_to_vec),
        })
    }

    /// The agent answered.
    pub async fn answered(&self, reservation: &ReservationId) {
        let reservation = reservation.to_string();
        let mut answered = Answered { reservation, ..Answered::default() };
        if let Some(kept) = self.acd.places().get(&self.call).filter(|kept| kept.leg.is_none()) {
            answered.agent = kept.agent_of(&answered.reservation);
            answered.queue = kept.queue.clone();
        }
        let request = self.request(What::Answered(answered));
        if let Some(kept) = self.acd.places().get_mut(&self.call) {
            kept.answered = Some(request.clone());
        }
        self.ask(request).await;
    }

    /// The agent did not answer.
    pub async fn offer_ended(&self, reservation: &ReservationId, outcome: OfferOutcome) {
        let ended = OfferEnded { reservation: reservation.to_string(), outcome: name(outcome) };
        self.ask(self.request(What::OfferEnded(ended))).await;
    }

    /// The caller left, or the conversation is over.
    pub async fn release(self, cause: HangupCause) {
        let request = self.request(What::Release(Release { cause: name(cause) }));
        self.acd.places().remove(&self.call);
        self.ask(request).await;
    }

    fn request(&self, what: What) -> CallerRequest {
        CallerRequest { session: self.call.clone(), tenant: self.tenant.clone(), what: Some(what) }
    }

    async fn ask(&self, request: CallerRequest) {
        if self.acd.queue.send(request).await.is_err() {
            tracing::debug!(call = self.call, "the stream to the acd is closed");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.acd.places().remove(&self.call).is_some() {
            let cause = name(HangupCause::Unavailable);
            let _ = self.acd.queue.try_send(self.request(What::Release(Release { cause })));
        }
    }
}
