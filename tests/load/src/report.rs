//! What came of it.

use crate::{Plan, server};
use serde_json::{Value, json};
use std::time::Duration;

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Report {
    pub placed: u32,
    pub answered: u32,
    pub ended: u32,
    /// By final status; 0 for calls that nobody answered in time.
    pub failed: Vec<u16>,
    /// INVITE → 200, ms.
    pub setup: Vec<f64>,
    /// INVITE → the agent's INVITE, ms.
    pub ring: Vec<f64>,
    pub rtp_sent: u64,
    pub rtp_received: u64,
    /// One way, end to end, ms.
    pub delay: Vec<f64>,
    /// Most calls at once.
    pub peak: usize,
}

/// The server before the first call.
pub struct Before {
    cpu: Option<Duration>,
    memory: Option<f64>,
}

impl Before {
    pub fn of(plan: &Plan) -> Before {
        Before { cpu: plan.pid.and_then(server::cpu), memory: plan.pid.and_then(server::memory) }
    }
}

impl Report {
    pub fn to_json(&self, plan: &Plan, before: &Before, took: Duration) -> Value {
        let lost = self.rtp_sent.saturating_sub(self.rtp_received);
        let cpu = plan.pid.and_then(server::cpu).zip(before.cpu).map(|(after, before)| after - before);
        let memory = plan.pid.and_then(server::memory).zip(before.memory);
        json!({
            "number": plan.number, "rate": plan.rate, "seconds": round(took.as_secs_f64()),
            "placed": self.placed, "answered": self.answered, "ended": self.ended,
            "failed": self.failed, "peak": self.peak,
            "setup_ms": spread(&self.setup), "ring_ms": spread(&self.ring),
            "rtp": { "sent": self.rtp_sent, "received": self.rtp_received,
                     "loss_percent": round(100.0 * lost as f64 / self.rtp_sent.max(1) as f64),
                     "delay_ms": spread(&self.delay) },
            "server": cpu.map(|cpu| json!({
                "cpu_percent": round(100.0 * cpu.as_secs_f64() / took.as_secs_f64()),
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
