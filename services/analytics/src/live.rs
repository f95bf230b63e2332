//! The live view of one tenant.

use crate::{books::Tenant, staffing::Staff, wire};
use call::Ledger;
use chrono::TimeZone;
use proto::analytics::v1::*;
use stats::{By, Period};
use std::collections::{BTreeMap, HashMap};
use types::{QueueId, Stage, Timestamp, config};

/// Everything, as it is at `now`.
pub fn view(tenant: &Tenant, staff: &BTreeMap<QueueId, Staff>, now: Timestamp, today: Timestamp) -> Live {
    let mut calls: Vec<&Ledger> = tenant.calls.values().collect();
    calls.sort_by_key(|call| (call.offered_at, call.call.clone()));
    let agents = tenant.agents.iter().map(|(id, agent)| LiveAgent {
        agent: id.to_string(),
        state: types::name(agent.state),
        since_ms: agent.since.millis(),
        reason: agent.reason.clone().unwrap_or_default(),
        call: agent.call.as_ref().map(ToString::to_string).unwrap_or_default(),
    });
    Live {
        sequence: tenant.sequence,
        at_ms: now.millis(),
        calls: calls.iter().map(|ledger| call(ledger)).collect(),
        agents: agents.collect(),
        queues: queues(tenant, staff, now, today),
    }
}

fn call(ledger: &Ledger) -> LiveCall {
    let agent = ledger.offers.first().map(|offer| &offer.agent).or(ledger.agent.as_ref());
    LiveCall {
        call: ledger.call.to_string(),
        from: ledger.from.clone(),
        did: ledger.did.as_ref().map(ToString::to_string).unwrap_or_default(),
        did_label: ledger.did_label.clone(),
        stage: types::name(ledger.stage),
        stage_since_ms: ledger.stage_since.millis(),
        offered_at_ms: ledger.offered_at.millis(),
        node: ledger.node.clone(),
        path: ledger.path.clone(),
        queue: ledger.queue.as_ref().map(ToString::to_string).unwrap_or_default(),
        position: ledger.position.unwrap_or_default(),
        waiting_since_ms: ledger.enqueued_at.map_or(0, Timestamp::millis),
        agent: agent.map(ToString::to_string).unwrap_or_default(),
        attempt: ledger.attempts,
        held: ledger.held_since.is_some(),
    }
}

fn queues(
    tenant: &Tenant,
    staff: &BTreeMap<QueueId, Staff>,
    now: Timestamp,
    today: Timestamp,
) -> Vec<LiveQueue> {
    let period = Period { from: today, to: now + 1, as_of: now, interval: 0 };
    let mut figures: HashMap<String, Figures> = HashMap::new();
    for row in tenant.book.report(By::Queue, &period) {
        figures.insert(row.key, wire::figures(&row.figures));
    }
    let mut queues = queues_now(tenant, staff);
    for row in &mut queues {
        row.today = figures.remove(&row.queue);
    }
    // Deleted today.
    let gone = figures.into_iter().map(|(queue, today)| LiveQueue {
        queue,
        today: Some(today),
        ..LiveQueue::default()
    });
    queues.extend(gone);
    queues.sort_by(|a, b| a.queue.cmp(&b.queue));
    queues
}

/// Who waits and who could take them, by queue.
pub fn queues_now(tenant: &Tenant, staff: &BTreeMap<QueueId, Staff>) -> Vec<LiveQueue> {
    let mut queues: BTreeMap<String, LiveQueue> = BTreeMap::new();
    for (id, Staff { signed_in, free }) in staff {
        let queue = id.to_string();
        let row = LiveQueue { queue, signed_in: *signed_in, free: *free, ..LiveQueue::default() };
        queues.insert(id.to_string(), row);
    }
    let waits = |call: &&Ledger| matches!(call.stage, Stage::Queue | Stage::Ringing);
    for call in tenant.calls.values().filter(waits) {
        let (Some(queue), Some(since)) = (&call.queue, call.enqueued_at) else { continue };
        let row = queues
            .entry(queue.to_string())
            .or_insert_with(|| LiveQueue { queue: queue.to_string(), ..LiveQueue::default() });
        row.waiting += 1;
        let longest = row.longest_waiting_since_ms;
        row.longest_waiting_since_ms =
            if longest == 0 { since.millis() } else { longest.min(since.millis()) };
    }
    queues.into_values().collect()
}

/// The last midnight in the tenant's time zone. Where a clock change swallows
/// midnight the day begins at the first hour that exists.
pub fn midnight(tenant: Option<&config::Tenant>, now: Timestamp) -> Timestamp {
    let zone = tenant.and_then(|tenant| tenant.time_zone.parse().ok()).unwrap_or(chrono_tz::UTC);
    let Some(here) = zone.timestamp_millis_opt(now.millis()).single() else { return now };
    let hours = (0..3).filter_map(|hour| here.date_naive().and_hms_opt(hour, 0, 0));
    let begin = hours.filter_map(|at| zone.from_local_datetime(&at).earliest()).next();
    begin.map_or(now, |at| Timestamp::from_millis(at.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(zone: &str) -> config::Tenant {
        config::Tenant {
            name: "x".into(),
            time_zone: zone.into(),
            language: "en".into(),
            country_code: None,
            flow_networks: Vec::new(),
            listening_notice: false,
            calls_max: None,
            calls_per_second: None,
        }
    }

    #[test]
    fn the_day_begins_at_midnight_of_the_companys_own_zone() {
        let now = Timestamp::from_millis(1_795_300_000_000); // 2026-11-22T00:26:40+02:00
        let bucharest = midnight(Some(&tenant("Europe/Bucharest")), now);
        assert_eq!(now - bucharest, (26 * 60 + 40) * 1_000);
    }
}
