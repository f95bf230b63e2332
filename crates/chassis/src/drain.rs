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

    /// Runs what the service cannot be without: when that ends, by a panic too, the
    /// drain begins, so that nobody goes on asking a service that is but half there.
    pub async fn ends_with<T>(self, work: impl Future<Output = T>) -> T {
        let _begins = self.0.drop_guard();
        work.await
    }

    /// Runs `work` until it ends or the drain begins; `None` in the second case.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.0.run_until_cancelled(work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_service_cannot_be_without_takes_it_along() {
        let drain = Drain::new();
        let broken = tokio::spawn(drain.clone().ends_with(async { panic!("on purpose") }));
        drain.begun().await;
        assert!(broken.await.is_err_and(|error| error.is_panic()));
    }
}
