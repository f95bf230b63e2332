//! The log → the books, and the counters of Prometheus.

use crate::books::{self, Books, Fact, TOPICS};
use chassis::Drain;
use eventlog::Log;
use metrics::counter;
use std::sync::Arc;
use types::{Party, Stage, TenantId, fact::CallEvent};

/// From the beginning of the log on. Counters begin with what happens after
/// the start, as Prometheus expects of a process that restarts.
pub async fn fold(log: Log, books: Arc<Books>, drain: Drain) {
    let work = async {
        let ends = log.ends(&TOPICS).await?;
        let mut consumer = log.from_start(&TOPICS)?;
        consumer.read_to(&ends, |delivery| books.fold(delivery, books::read(delivery).as_ref())).await?;
        books.is_ready();
        tracing::info!("the figures are up to date with the log");
        loop {
            let delivery = consumer.next().await?;
            let fact = books::read(&delivery);
            if let Some(Fact::Call(fact)) = &fact {
                count(&delivery.record.tenant, &fact.event);
            }
            books.fold(&delivery, fact.as_ref());
        }
    };
    if let Some(Err::<(), eventlog::Error>(error)) = drain.or(work).await {
        tracing::error!(%error, "the log cannot be read, figures stand still");
    }
}

fn count(tenant: &TenantId, event: &CallEvent) {
    let tenant = tenant.to_string();
    match event {
        CallEvent::Offered { .. } => {
            counter!("trunkline_calls_offered_total", "tenant" => tenant).increment(1)
        }
        CallEvent::Enqueued { queue, .. } => {
            counter!("trunkline_queue_offered_total", "tenant" => tenant, "queue" => queue.to_string())
                .increment(1);
        }
        CallEvent::AgentConnected { queue, .. } => {
            counter!("trunkline_queue_answered_total", "tenant" => tenant, "queue" => queue.to_string())
                .increment(1);
        }
        CallEvent::Ended {
            by: Party::Caller,
            stage: Stage::Queue | Stage::Ringing,
            queue: Some(queue),
            ..
        } => {
            counter!("trunkline_queue_abandoned_total", "tenant" => tenant, "queue" => queue.to_string())
                .increment(1);
        }
        CallEvent::Overflowed { queue, .. } => {
            counter!("trunkline_queue_overflowed_total", "tenant" => tenant, "queue" => queue.to_string())
                .increment(1);
        }
        _ => {}
    }
}
