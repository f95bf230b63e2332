//! Proto ↔ domain.

use chassis::Error;
use eventlog::Topic;
use proto::analytics::v1::{self as wire, ReportReply, ReportRequest, WaitStep};
use stats::{Book, By, Figures, Period, Row, Spread, WAITS};
use types::{CategoryId, Timestamp};

/// Rows of one report at most.
const ROWS_MAX: i64 = 10_000;

/// What is asked for.
pub struct Question {
    pub by: By,
    pub period: Period,
    pub category: Option<CategoryId>,
}

impl Question {
    pub fn answer(&self, book: &Book) -> Vec<Row> {
        book.report_of(self.by, &self.period, self.category.as_ref())
    }
}

pub fn question(request: &ReportRequest, now: Timestamp) -> Result<Question, Error> {
    let by = match request.by.as_str() {
        "queue" => By::Queue,
        "agent" => By::Agent,
        "did" => By::Did,
        "category" => By::Category,
        other => return Err(Error::invalid(format!("by {other:?} is none of queue, agent, did, category"))),
    };
    let category = match request.category.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| Error::invalid("category is not the id of a category"))?),
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
    Ok(Question { by, period: Period { from, to, as_of, interval }, category })
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
    let waits: Spread = rows.iter().flat_map(|row| row.waits.iter()).collect();
    let lost: Spread = rows.iter().flat_map(|row| row.lost.iter()).collect();
    let talks: Spread = rows.iter().flat_map(|row| row.talks.iter()).collect();
    assert!(total.balanced(), "what is offered ends in exactly one way: {total:?}");
    let row = |row: Row| wire::Row {
        key: row.key,
        from_ms: row.from.millis(),
        figures: Some(spread(figures(&row.figures), &row.waits, &row.talks)),
        waits: steps(&row.waits, &row.lost),
    };
    let position = |at: &eventlog::Position| wire::Position {
        topic: at.topic.name().into(),
        partition: u32::from(at.partition),
        offset: at.offset,
    };
    ReportReply {
        rows: rows.into_iter().map(row).collect(),
        total: Some(wire::Row {
            key: String::new(),
            from_ms: 0,
            figures: Some(spread(figures(&total), &waits, &talks)),
            waits: steps(&waits, &lost),
        }),
        positions: positions.iter().map(position).collect(),
        as_of_ms: as_of.millis(),
    }
}

/// How long they waited; nothing where nobody's wait is known.
fn steps(answered: &Spread, lost: &Spread) -> Vec<WaitStep> {
    let bounds = WAITS.iter().copied().chain([0]);
    let counts = answered.steps(&WAITS).into_iter().zip(lost.steps(&WAITS));
    let steps = bounds.zip(counts).map(|(up_to_ms, (answered, abandoned))| WaitStep {
        up_to_ms,
        answered,
        abandoned,
    });
    steps.filter(|_| answered.iter().next().is_some() || lost.iter().next().is_some()).collect()
}

/// With the percentiles, which only reports have.
fn spread(figures: wire::Figures, waits: &Spread, talks: &Spread) -> wire::Figures {
    wire::Figures {
        answer_p50_ms: waits.percentile(50),
        answer_p90_ms: waits.percentile(90),
        answer_p99_ms: waits.percentile(99),
        talk_p50_ms: talks.percentile(50),
        talk_p90_ms: talks.percentile(90),
        talk_p99_ms: talks.percentile(99),
        ..figures
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
        abandonment_net: figures.abandonment_net(),
        abandoned_wait_ms: figures.abandoned_wait(),
        att_ms: figures.att(),
        overflowed_full: figures.overflowed_full,
        overflowed_no_agents: figures.overflowed_no_agents,
        overflowed_wait_limit: figures.overflowed_wait_limit,
        overflowed_emergency: figures.overflowed_emergency,
        ..wire::Figures::default()
    }
}
