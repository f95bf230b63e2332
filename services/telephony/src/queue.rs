//! Waiting callers: our sessions in the ACD.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chassis::Drain;
use proto::acd::v1::caller_request::{Answered, Join, OfferEnded, Reach, Release, What};
use proto::acd::v1::queue_client::QueueClient;
use proto::acd::v1::{Caller, CallerEvent, CallerRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use types::{CallId, HangupCause, LegId, OfferOutcome, QueueId, ReservationId, TenantId, Timestamp};

use crate::driver::Signal;
use crate::events::word;
use crate::link::{self, Peer};

/// The stream to the ACD that all calls of this edge share.
pub struct Queues {
    acd: Arc<Acd>,
}

struct Acd {
    client: QueueClient<Channel>,
    queue: mpsc::Sender<CallerRequest>,
    places: Mutex<HashMap<String, Kept>>,
}

/// What the ACD must be told again after a broken stream: with the original
/// `waiting_since`, nobody loses the place.
struct Kept {
    signals: mpsc::Sender<Signal>,
    /// The leg to be, of an agent who is wanted in person.
    leg: Option<LegId>,
    join: CallerRequest,
    answered: Option<CallerRequest>,
}

impl Queues {
    pub fn connect(address: &str, drain: &Drain) -> anyhow::Result<Self> {
        let (queue, asked) = mpsc::channel(link::WAITING_MAX);
        let client = QueueClient::new(chassis::grpc::channel(address)?);
        let acd = Arc::new(Acd { client, queue, places: Mutex::default() });
        tokio::spawn(link::run(acd.clone(), asked, drain.clone()));
        Ok(Self { acd })
    }

    /// Takes a place in a queue.
    pub async fn join(
        &self,
        tenant: &TenantId,
        call: &CallId,
        wish: (QueueId, Timestamp, i32),
        caller: Caller,
        signals: mpsc::Sender<Signal>,
    ) -> Place {
        let (queue, since, priority) = wish;
        let place = Place { acd: self.acd.clone(), tenant: tenant.to_string(), call: call.to_string() };
        let join = Join {
            queue: queue.to_string(),
            waiting_since_ms: since.millis(),
            priority,
            caller: Some(caller),
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
        let joins = places.values().map(|kept| kept.join.clone());
        let answers = places.values().filter_map(|kept| kept.answered.clone());
        joins.chain(answers).collect()
    }

    fn event(&self, event: CallerEvent) {
        let kept = self.places().get(&event.session).map(|kept| (kept.signals.clone(), kept.leg.clone()));
        let (Some((signals, leg)), Some(what)) = (kept, event.what) else { return };
        let signal = match leg {
            Some(leg) => Signal::Reached(leg, what),
            None => Signal::Queue(what),
        };
        if signals.try_send(signal).is_err() {
            tracing::warn!(call = event.session, "a call is too far behind for its queue events");
        }
    }

    fn down(&self) {}

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
        let join = self.request(what);
        let kept = Kept { signals, leg, join: join.clone(), answered: None };
        self.acd.places().insert(self.call.clone(), kept);
        self.ask(join).await;
        self
    }

    /// The agent answered.
    pub async fn answered(&self, reservation: &ReservationId) {
        let request = self.request(What::Answered(Answered { reservation: reservation.to_string() }));
        if let Some(kept) = self.acd.places().get_mut(&self.call) {
            kept.answered = Some(request.clone());
        }
        self.ask(request).await;
    }

    /// The agent did not answer.
    pub async fn offer_ended(&self, reservation: &ReservationId, outcome: OfferOutcome) {
        let ended = OfferEnded { reservation: reservation.to_string(), outcome: word(&outcome) };
        self.ask(self.request(What::OfferEnded(ended))).await;
    }

    /// The caller left, or the conversation is over.
    pub async fn release(self, cause: HangupCause) {
        let request = self.request(What::Release(Release { cause: word(&cause) }));
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
            let cause = word(&HangupCause::Unavailable);
            let _ = self.acd.queue.try_send(self.request(What::Release(Release { cause })));
        }
    }
}
