//! One bidirectional gRPC stream to a peer that holds things for us, made again
//! whenever it breaks. What is asked while it is broken waits.

use std::sync::Arc;
use std::time::Duration;

use chassis::Drain;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// Requests that wait for a stream.
pub const WAITING_MAX: usize = 8192;
/// Requests given to a stream and not yet sent.
const SENDING_MAX: usize = 1024;
/// Time between two attempts.
const AGAIN: Duration = Duration::from_millis(200);

/// What the two directions carry, and what to do with them.
pub trait Peer: Send + Sync + 'static {
    type Request: Send + 'static;
    type Event: Send + 'static;

    /// Opens the stream.
    fn open(
        &self,
        requests: ReceiverStream<Self::Request>,
    ) -> impl Future<Output = Result<Streaming<Self::Event>, Status>> + Send;

    /// The stream is there: what must be said first. Operations are idempotent,
    /// so what the peer knows already does no harm.
    fn up(&self) -> Vec<Self::Request>;

    /// The peer said something.
    fn event(&self, event: Self::Event);

    /// The stream could not be opened, or broke. `refused`: nobody listens there.
    fn down(&self, refused: bool);

    /// For the log.
    fn name(&self) -> &str;
}

/// Keeps the stream until the drain begins or nobody can ask any more.
pub async fn run<P: Peer>(peer: Arc<P>, mut asked: mpsc::Receiver<P::Request>, drain: Drain) {
    let keep = async {
        loop {
            let served = serve(&*peer, &mut asked).await;
            match served {
                Ok(()) => return peer.down(false),
                Err(status) => {
                    peer.down(is_refused(&status));
                    tracing::debug!(peer = peer.name(), %status, "stream broken");
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    drain.or(keep).await;
}

/// Whether the connection was refused: where a machine answers so no process listens.
fn is_refused(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// One stream, from its opening to its end. `Ok`: nobody asks any more.
async fn serve<P: Peer>(peer: &P, asked: &mut mpsc::Receiver<P::Request>) -> Result<(), Status> {
    let (out, requests) = mpsc::channel(SENDING_MAX);
    let mut events = peer.open(ReceiverStream::new(requests)).await?;
    let broken = || Status::unavailable("stream ended");
    let mut first = peer.up().into_iter();
    tracing::info!(peer = peer.name(), "stream open");
    loop {
        // What must be said first goes first, while the peer's events are read.
        let again = !first.as_slice().is_empty();
        tokio::select! {
            permit = out.reserve(), if again => {
                let permit = permit.map_err(|_| broken())?;
                if let Some(request) = first.next() {
                    permit.send(request);
                }
            }
            request = asked.recv(), if !again => match request {
                Some(request) => out.send(request).await.map_err(|_| broken())?,
                None => return Ok(()),
            },
            event = events.message() => match event? {
                Some(event) => peer.event(event),
                None => return Err(broken()),
            },
        }
    }
}
