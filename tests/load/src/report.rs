//! What came of it.

use crate::{Plan, server, socket};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Report {
    pub placed: u32,
    /// When the last one was placed.
    pub placing: Duration,
    /// Their numbers.
    pub answered: Vec<u32>,
    pub ended: u32,
    /// Answered soon and ended as they should.
    pub good: u32,
    /// Refused with 503 and Retry-After.
    pub shed: u32,
    /// By final status; 0 for calls that nobody answered in time.
    pub failed: BTreeMap<u16, u32>,
    /// Requests sent again.
    pub again: u32,
    /// INVITE → 200, ms.
    pub setup: Vec<f64>,
    /// INVITE → the agent's INVITE, ms.
    pub ring: Vec<f64>,
    pub rtp_sent: u64,
    pub rtp_received: u64,
    /// One way, end to end, ms.
    pub delay: Vec<f64>,
    /// While all calls talked.
    pub steady: Steady,
    /// Most calls at once.
    pub peak: usize,
    /// Datagrams that the kernel dropped on our sockets, and would not send.
    pub dropped: u64,
    pub unsent: u64,
}

/// The server's CPU time while nobody came and nobody went.
#[derive(Debug, Default)]
pub struct Steady {
    began: Option<(Duration, Duration)>,
    ended: Option<(Duration, Duration, usize)>,
}

/// A shorter time says too little: the system counts CPU time in hundredths.
const STEADY_MIN: Duration = Duration::from_secs(2);

impl Steady {
    /// All calls are up.
    pub fn begin(&mut self, now: Duration, plan: &Plan) {
        if self.began.is_none() {
            self.began = plan.pid.and_then(server::cpu).map(|cpu| (now, cpu));
        }
    }

    /// The first of these calls leaves.
    pub fn end(&mut self, now: Duration, plan: &Plan, calls: usize) {
        if self.ended.is_none() {
            self.ended = plan.pid.and_then(server::cpu).map(|cpu| (now, cpu, calls));
        }
    }

    /// Percent of a core a call; `None` when calls came and went all the time.
    fn share(&self) -> Option<f64> {
        let ((began, before), (ended, after, calls)) = self.began.zip(self.ended)?;
        let time = ended.checked_sub(began).filter(|time| *time >= STEADY_MIN)?;
        let cpu = after.saturating_sub(before);
        Some(round(100.0 * cpu.as_secs_f64() / time.as_secs_f64() / calls.max(1) as f64))
    }
}

/// The server before the first call.
pub struct Before {
    cpu: Option<Duration>,
    memory: Option<f64>,
    dropped: u64,
}

impl Before {
    pub fn of(plan: &Plan) -> Before {
        Before {
            cpu: plan.pid.and_then(server::cpu),
            memory: plan.pid.and_then(server::memory),
            dropped: socket::dropped_everywhere(),
        }
    }
}

impl Report {
    pub fn fail(&mut self, status: u16) {
        *self.failed.entry(status).or_default() += 1;
    }

    pub fn to_json(&self, plan: &Plan, before: &Before, took: Duration) -> Value {
        let lost = self.rtp_sent.saturating_sub(self.rtp_received);
        let cpu = plan.pid.and_then(server::cpu).zip(before.cpu).map(|(after, before)| after - before);
        let memory = plan.pid.and_then(server::memory).zip(before.memory);
        let own = server::cpu(std::process::id()).unwrap_or_default();
        let dropped_by_others = (socket::dropped_everywhere() - before.dropped).saturating_sub(self.dropped);
        json!({
            "number": plan.number, "rate": plan.rate, "seconds": round(took.as_secs_f64()),
            "placed": self.placed, "answered": self.answered.len(), "ended": self.ended,
            "shed": self.shed, "failed": self.failed, "peak": self.peak, "sent_again": self.again,
            "goodput": round(f64::from(self.good) / self.placing.as_secs_f64().max(0.001)),
            "setup_ms": spread(&self.setup), "ring_ms": spread(&self.ring),
            "rtp": { "sent": self.rtp_sent, "received": self.rtp_received,
                     "loss_percent": round(100.0 * lost as f64 / self.rtp_sent.max(1) as f64),
                     "delay_ms": spread(&self.delay) },
            "driver": { "cpu_percent": round(100.0 * own.as_secs_f64() / took.as_secs_f64()),
                        "dropped": self.dropped, "unsent": self.unsent },
            "dropped_by_others": dropped_by_others,
            "server": cpu.map(|cpu| json!({
                "cpu_percent": round(100.0 * cpu.as_secs_f64() / took.as_secs_f64()),
                "cpu_percent_per_call": self.steady.share(),
                "cpu_ms_per_call": round(1_000.0 * cpu.as_secs_f64() / f64::from(self.placed.max(1))),
                "memory_mb": memory.map(|(after, before)| json!([round(before), round(after)])),
            })),
        })
    }
}

fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn spread(values: &[f64]) -> Value {
    if values.is_empty() {
        return Value::Null;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| round(sorted[((sorted.len() - 1) as f64 * share) as usize]);
    json!({ "p50": at(0.5), "p99": at(0.99), "max": at(1.0) })
}
