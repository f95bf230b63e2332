//! The edges that are connected: one control stream each.

use std::sync::Arc;

use proto::media::v1::Event;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Events waiting for one edge at most; an edge that is further behind is cut
/// off and comes back with List.
pub const EVENTS_MAX: usize = 16_384;

/// A control stream, as the loops know it.
#[derive(Clone)]
pub struct Edge(Arc<Stream>);

struct Stream {
    id: u64,
    /// The edge's own name, the same after it has come back; may be empty.
    name: String,
    events: mpsc::Sender<Event>,
    cut: CancellationToken,
}

impl Edge {
    pub fn new(id: u64, name: String, events: mpsc::Sender<Event>) -> Self {
        Self(Arc::new(Stream { id, name, events, cut: CancellationToken::new() }))
    }

    pub fn is(&self, other: &Edge) -> bool {
        self.0.id == other.0.id
    }

    /// Whether `self` is `other` come back.
    pub fn is_again(&self, other: &Edge) -> bool {
        !self.0.name.is_empty() && self.succeeds(other)
    }

    /// Whether `self` is `other` come back, or one that cannot be told from it.
    pub fn succeeds(&self, other: &Edge) -> bool {
        self.0.name == other.0.name
    }

    pub fn tell(&self, event: Event) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.0.events.try_send(event) {
            tracing::error!(edge = self.0.name, "edge is too far behind, cutting it off");
            self.0.cut.cancel();
        }
    }

    /// Returns when the edge is to be cut off.
    pub async fn cut(&self) {
        self.0.cut.cancelled().await;
    }
}
