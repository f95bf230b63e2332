//! Streams in and out; no decision.

use crate::driver::{Door, Message};
use futures::{Stream, StreamExt};
use proto::acd::v1::*;
use std::pin::Pin;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Events that may wait for one slow peer.
const OUT_MAX: usize = 8_192;

#[derive(Clone)]
pub struct Api(pub Door);

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl queue_server::Queue for Api {
    type AttachStream = Events<CallerEvent>;

    async fn attach(
        &self,
        request: Request<Streaming<CallerRequest>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let (events, out) = mpsc::channel(OUT_MAX);
        let stream = self.0.next_stream();
        self.0.send(Message::CallersAttached { stream, events }).await?;
        tokio::spawn(pump(self.0.clone(), request.into_inner(), stream, Message::Caller));
        Ok(Response::new(Box::pin(ReceiverStream::new(out).map(Ok))))
    }
}

#[tonic::async_trait]
impl attend_server::Attend for Api {
    type AttachStream = Events<DeviceEvent>;

    async fn attach(
        &self,
        request: Request<Streaming<DeviceRequest>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let (events, out) = mpsc::channel(OUT_MAX);
        let stream = self.0.next_stream();
        self.0.send(Message::DevicesAttached { stream, events }).await?;
        tokio::spawn(pump(self.0.clone(), request.into_inner(), stream, Message::Device));
        Ok(Response::new(Box::pin(ReceiverStream::new(out).map(Ok))))
    }
}

#[tonic::async_trait]
impl floor_server::Floor for Api {
    async fn assign(&self, request: Request<AssignRequest>) -> Result<Response<AssignReply>, Status> {
        let (reply, told) = oneshot::channel();
        self.0.send(Message::Assign(request.into_inner(), reply)).await?;
        let refused = told.await.map_err(|_| Status::unavailable("the acd is going down"))?;
        Ok(Response::new(AssignReply { refused: refused.unwrap_or_default().into() }))
    }
}

/// Hands everything that comes in to the driver; tells it when the stream broke.
async fn pump<T>(door: Door, mut requests: Streaming<T>, stream: u64, message: fn(u64, T) -> Message) {
    while let Ok(Some(request)) = requests.message().await {
        if door.send(message(stream, request)).await.is_err() {
            return;
        }
    }
    let _ = door.send(Message::Detached { stream }).await;
}
