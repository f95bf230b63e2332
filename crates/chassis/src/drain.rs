use tokio_util::sync::CancellationToken;

/// Tells a service to stop: take nothing new, end what runs, return.
#[derive(Debug, Clone, Default)]
pub struct Drain(CancellationToken);

impl Drain {
    pub fn new() -> Drain {
        Drain::default()
    }

    pub fn start(&self) {
        self.0.cancel();
    }

    pub fn draining(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns when the drain has begun.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }

    /// The same, owning its handle.
    pub async fn begun_owned(self) {
        self.0.cancelled_owned().await;
    }

    /// Runs `work` until it ends or the drain begins; `None` in the second case.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.0.run_until_cancelled(work).await
    }
}
