//! The control stream of an edge.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chassis::Drain;
use futures::{StreamExt, stream::BoxStream};
use proto::media::v1::{
    Event, Request, Sessions, event::What, gateway_server::Gateway as Contract, request::What as Asked,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

use crate::{
    edges::{EVENTS_MAX, Edge},
    error::Error,
    gateway::Gateway,
    reactor::Command,
    session::failed,
};

/// The metadata by which an edge says who it is, so that it gets its own
/// sessions back and nobody else's.
pub const EDGE: &str = "edge";
/// Load is told on change, no more often than this,
const LOAD_LOOK: Duration = Duration::from_millis(100);
/// and this often anyway.
const LOAD_LOOKS: u32 = 10;

/// The gRPC service.
pub struct Api {
    gateway: Arc<Gateway>,
    edges: AtomicU64,
    /// Ends the streams when the server stops.
    drain: Drain,
}

impl Api {
    pub fn new(gateway: Arc<Gateway>, drain: Drain) -> Self {
        Self { gateway, edges: AtomicU64::new(0), drain }
    }
}

#[tonic::async_trait]
impl Contract for Api {
    type ControlStream = BoxStream<'static, Result<Event, Status>>;

    async fn control(
        &self,
        request: tonic::Request<Streaming<Request>>,
    ) -> Result<Response<Self::ControlStream>, Status> {
        let name = request.metadata().get(EDGE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let (events, stream) = mpsc::channel(EVENTS_MAX);
        let id = self.edges.fetch_add(1, Ordering::Relaxed);
        tracing::info!(edge = name, "edge connected");
        let edge = Edge::new(id, name, events.clone());
        tokio::spawn(serve(self.gateway.clone(), edge, request.into_inner(), self.drain.clone()));
        tokio::spawn(tell_load(self.gateway.clone(), events));
        let events = ReceiverStream::new(stream).map(Ok).take_until(self.drain.clone().begun_owned());
        Ok(Response::new(events.boxed()))
    }
}

/// Does what the edge asks until its stream ends; then its sessions are orphans.
async fn serve(gateway: Arc<Gateway>, edge: Edge, mut requests: Streaming<Request>, drain: Drain) {
    loop {
        let request = tokio::select! {
            request = requests.message() => request,
            () = edge.cut() => break,
            () = drain.begun() => break,
        };
        let Ok(Some(request)) = request else { break };
        ask(&gateway, &edge, request).await;
    }
    tracing::info!("edge disconnected");
    tokio::task::spawn_blocking(move || gateway.gone(&edge));
}

async fn ask(gateway: &Gateway, edge: &Edge, request: Request) {
    if let Some(Asked::List(_)) = request.what {
        let sessions = Sessions { held: gateway.list(edge).await };
        return edge.tell(Event {
            session: String::new(),
            op: request.op,
            what: Some(What::Sessions(sessions)),
        });
    }
    let (session, op) = (request.session.clone(), request.op);
    if !gateway.tell(&session, Command::Operate(edge.clone(), request)) {
        let busy = failed(&Error::Exhausted("room for operations"), String::new());
        edge.tell(Event { session, op, what: Some(busy) });
    }
}

async fn tell_load(gateway: Arc<Gateway>, events: mpsc::Sender<Event>) {
    let (mut told, mut looks) = (None, 0);
    while !events.is_closed() {
        let load = gateway.stats.load();
        if told != Some(load) || looks >= LOAD_LOOKS {
            (told, looks) = (Some(load), 0);
            let event = Event { session: String::new(), op: 0, what: Some(What::Load(load)) };
            if events.send(event).await.is_err() {
                return;
            }
        }
        looks += 1;
        tokio::time::sleep(LOAD_LOOK).await;
    }
}
