//! Proto ↔ rows.

use super::store::{AttemptRow, MissedRow, Row, Seen};
use proto::crm::v1 as wire;

fn count<T: TryInto<u32>>(count: T) -> u32 {
    count.try_into().unwrap_or(u32::MAX)
}

/// Nothing said: nothing seen but what belongs to no queue.
pub fn seen(seen: Option<wire::Seen>) -> Seen {
    let wire::Seen { all, queues } = seen.unwrap_or_default();
    Seen { all, queues }
}

pub fn task(row: Row) -> wire::Callback {
    wire::Callback {
        id: row.id,
        number: row.number,
        contact: row.contact.unwrap_or_default(),
        contact_name: row.contact_name.unwrap_or_default(),
        state: row.state,
        queue: row.queue.unwrap_or_default(),
        did: row.did,
        did_label: row.did_label,
        stage: row.stage,
        wait_ms: row.wait_ms,
        missed: count(row.missed),
        first_at_ms: row.first_at_ms,
        last_at_ms: row.last_at_ms,
        claimed_by: row.claimed_by.unwrap_or_default(),
        claimed_until_ms: row.claimed_until_ms,
        attempts: count(row.attempts),
        closed_at_ms: row.closed_at_ms.unwrap_or_default(),
        closed_how: row.closed_how.unwrap_or_default(),
        closed_by: row.closed_by.unwrap_or_default(),
        disposition: row.disposition.unwrap_or_default(),
        note: row.note.unwrap_or_default(),
        asked: row.asked,
        message: row.message.unwrap_or_default(),
        calls: Vec::new(),
        tries: Vec::new(),
    }
}

pub fn missed(row: MissedRow) -> wire::MissedCall {
    wire::MissedCall {
        call: row.call,
        from: row.caller,
        did: row.did,
        did_label: row.did_label,
        queue: row.queue.unwrap_or_default(),
        stage: row.stage,
        wait_ms: row.wait_ms,
        at_ms: row.at_ms,
        callback: row.callback.unwrap_or_default(),
        callback_state: row.callback_state,
        closed_how: row.closed_how.unwrap_or_default(),
        attempts: count(row.attempts),
        contact: row.contact.unwrap_or_default(),
        contact_name: row.contact_name.unwrap_or_default(),
        what: row.what,
        recording: row.recording.unwrap_or_default(),
    }
}

pub fn attempt(row: AttemptRow) -> wire::Attempt {
    let result = match row.reached {
        None => "calling",
        Some(true) => "reached",
        Some(false) => "not_reached",
    };
    wire::Attempt {
        id: row.id,
        callback: row.callback,
        call: row.call.unwrap_or_default(),
        agent: row.agent,
        at_ms: row.at_ms,
        result: result.into(),
        disposition: row.disposition.unwrap_or_default(),
        note: row.note.unwrap_or_default(),
        number: row.number,
    }
}
