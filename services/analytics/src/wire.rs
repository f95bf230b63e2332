//! Proto ↔ domain.

use chassis::Error;
use eventlog::Topic;
use proto::analytics::v1::{self as wire, ReportReply, ReportRequest};
use serde::Serialize;
use stats::{By, Figures, Period, Row};
use types::Timestamp;

/// Rows of one report at most.
const ROWS_MAX: i64 = 10_000;

/// The snake_case name of an enum's value.
pub fn name<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        other => unreachable!("an enum without fields is a string, not {other:?}"),
    }
}

pub fn question(request: &ReportRequest, now: Timestamp) -> Result<(By, Period), Error> {
    let by = match request.by.as_str() {
        "queue" => By::Queue,
        "agent" => By::Agent,
        "did" => By::Did,
        other => return Err(Error::invalid(format!("by {other:?} is none of queue, agent, did"))),
    };
    let (from, to) = (Timestamp::from_millis(request.from_ms), Timestamp::from_millis(request.to_ms));
    if to <= from {
        return Err(Error::invalid("the period ends before it begins"));
    }
    let interval = request.interval_ms;
    if interval < 0 || (interval > 0 && (to - from) / interval > ROWS_MAX) {
        return Err(Error::invalid("the interval is too short for the period"));
    }
    let as_of = if request.as_of_ms == 0 { now } else { Timestamp::from_millis(request.as_of_ms) };
    Ok((by, Period { from, to, as_of, interval }))
}

pub fn positions(positions: &[wire::Position]) -> Result<Vec<eventlog::Position>, Error> {
    let one = |at: &wire::Position| {
        let topic =
            Topic::parse(&at.topic).ok_or_else(|| Error::invalid(format!("no topic {:?}", at.topic)))?;
        let partition = u16::try_from(at.partition).map_err(|_| Error::invalid("no such partition"))?;
        Ok(eventlog::Position { topic, partition, offset: at.offset })
    };
    positions.iter().map(one).collect()
}

pub fn reply(rows: Vec<Row>, positions: &[eventlog::Position], as_of: Timestamp) -> ReportReply {
    let mut total = Figures::default();
    rows.iter().for_each(|row| total.add(&row.figures));
    assert!(total.balanced(), "what is offered ends in exactly one way: {total:?}");
    let row = |row: Row| wire::Row {
        key: row.key,
        from_ms: row.from.millis(),
        figures: Some(figures(&row.figures)),
    };
    let position = |at: &eventlog::Position| wire::Position {
        topic: at.topic.name().into(),
        partition: u32::from(at.partition),
        offset: at.offset,
    };
    ReportReply {
        rows: rows.into_iter().map(row).collect(),
        total: Some(wire::Row { key: String::new(), from_ms: 0, figures: Some(figures(&total)) }),
        positions: positions.iter().map(position).collect(),
        as_of_ms: as_of.millis(),
    }
}

pub fn figures(figures: &Figures) -> wire::Figures {
    wire::Figures {
        offered: figures.offered,
        answered: figures.answered,
        abandoned: figures.abandoned,
        short_abandoned: figures.short_abandoned,
        overflowed: figures.overflowed,
        in_progress: figures.in_progress,
        within_service_level: figures.within_service_level,
        wait_answered_ms: figures.wait_answered,
        wait_abandoned_ms: figures.wait_abandoned,
        longest_wait_ms: figures.longest_wait,
        talk_ms: figures.talk,
        hold_ms: figures.hold,
        wrap_up_ms: figures.wrap_up,
        handled: figures.handled,
        missed: figures.missed,
        declined: figures.declined,
        signed_in_ms: figures.signed_in,
        busy_ms: figures.busy,
        staffed_ms: figures.staffed,
        abandoned_greeting: figures.abandoned_greeting,
        abandoned_menu: figures.abandoned_menu,
        abandoned_queue: figures.abandoned_queue,
        abandoned_ringing: figures.abandoned_ringing,
        service_level: figures.service_level(),
        asa_ms: figures.asa(),
        aht_ms: figures.aht(),
        abandonment: figures.abandonment(),
        occupancy: figures.occupancy(),
    }
}
