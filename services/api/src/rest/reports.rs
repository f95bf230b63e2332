//! Figures of a period, from the projections or counted anew from the log.

use super::{live::Figures, sight::Sight};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Problem, Query, Result},
};
use axum::{Json, extract::State};
use chrono::DateTime;
use proto::analytics::v1 as wire;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Rows that one report may have, so that a minute's interval over a year is refused.
const INTERVALS_MAX: i64 = 2_000;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(report)).routes(routes!(recount))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Period {
    /// Milliseconds since 1970 or RFC 3339.
    from: String,
    /// The same, exclusive.
    to: String,
    /// queue, agent, did or category.
    by: String,
    /// Contacts about this category alone. Agents' states belong to none and are left out then.
    #[serde(default)]
    category: String,
    /// 0: one row for the whole period.
    #[serde(default)]
    interval_ms: i64,
    /// For a recount: the `positions` of the report to compare with, each
    /// `topic:partition:offset`, with commas between. Without: all there is now.
    #[serde(default)]
    positions: String,
    /// For a recount: the `as_of_ms` of the report to compare with.
    #[serde(default)]
    as_of_ms: i64,
}

#[derive(Serialize, ToSchema)]
struct Row {
    /// The queue's, agent's or number's id.
    key: String,
    from_ms: i64,
    figures: Figures,
    /// How long callers waited, in rising steps: each is counted in one. Empty by agent.
    waits: Vec<WaitStep>,
}

/// Callers whose wait was longer than the step before and not longer than this.
#[derive(Serialize, ToSchema)]
struct WaitStep {
    /// Absent: beyond all others.
    up_to_ms: Option<i64>,
    answered: u64,
    abandoned: u64,
}

/// Up to where the log was counted: a recount of the same positions gives the same figures.
#[derive(Serialize, ToSchema)]
struct Position {
    topic: String,
    partition: u32,
    offset: u64,
}

#[derive(Serialize, ToSchema)]
struct Report {
    rows: Vec<Row>,
    total: Option<Row>,
    positions: Vec<Position>,
    as_of_ms: i64,
}

impl From<wire::Row> for Row {
    fn from(row: wire::Row) -> Row {
        let step = |step: wire::WaitStep| WaitStep {
            up_to_ms: Some(step.up_to_ms).filter(|up_to| *up_to > 0),
            answered: step.answered,
            abandoned: step.abandoned,
        };
        Row {
            key: row.key,
            from_ms: row.from_ms,
            figures: row.figures.unwrap_or_default().into(),
            waits: row.waits.into_iter().map(step).collect(),
        }
    }
}

impl From<wire::ReportReply> for Report {
    fn from(reply: wire::ReportReply) -> Report {
        let position =
            |p: wire::Position| Position { topic: p.topic, partition: p.partition, offset: p.offset };
        Report {
            rows: reply.rows.into_iter().map(Row::from).collect(),
            total: reply.total.map(Row::from),
            positions: reply.positions.into_iter().map(position).collect(),
            as_of_ms: reply.as_of_ms,
        }
    }
}

impl Report {
    /// A head of a department sees its people; a total would tell of the others.
    fn seen(mut self, sight: &Sight) -> Report {
        if *sight != Sight::Company {
            self.rows.retain(|row| sight.agent(&row.key));
            self.total = None;
        }
        self
    }
}

/// Queues and numbers are shared between departments: their figures are the company's.
async fn sight(app: &App, caller: &Caller, period: &Period) -> Result<Sight> {
    let sight = Sight::of(app, caller).await?;
    match sight {
        Sight::Part(_) if period.by != "agent" => Err(Problem::outside_department()),
        sight => Ok(sight),
    }
}

fn instant(place: &str, text: &str) -> Result<i64> {
    let millis =
        text.parse().ok().or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()));
    millis.ok_or_else(|| {
        Problem::invalid(place, "bad_instant", "is neither milliseconds since 1970 nor RFC 3339")
    })
}

fn request(caller: &Caller, period: &Period) -> Result<wire::ReportRequest> {
    caller.may(Permission::ReportsRead)?;
    let (from_ms, to_ms) = (instant("from", &period.from)?, instant("to", &period.to)?);
    if to_ms <= from_ms {
        return Err(Problem::invalid("to", "not_after_from", "is not after from"));
    }
    if !["queue", "agent", "did", "category"].contains(&period.by.as_str()) {
        return Err(Problem::invalid("by", "unknown", "is none of queue, agent, did, category"));
    }
    let steps = if period.interval_ms > 0 { (to_ms - from_ms) / period.interval_ms } else { 0 };
    if period.interval_ms < 0 || steps > INTERVALS_MAX {
        return Err(Problem::invalid(
            "interval_ms",
            "too_many_pieces",
            "cuts the period into more than 2000 pieces",
        ));
    }
    Ok(wire::ReportRequest {
        tenant: caller.tenant().into(),
        from_ms,
        to_ms,
        by: period.by.clone(),
        category: period.category.clone(),
        interval_ms: period.interval_ms,
        positions: positions(&period.positions)?,
        as_of_ms: period.as_of_ms,
    })
}

fn positions(text: &str) -> Result<Vec<wire::Position>> {
    let one = |text: &str| {
        let mut parts = text.split(':');
        let topic = parts.next()?.to_owned();
        let (partition, offset) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(wire::Position { topic, partition, offset })
    };
    let all: Option<Vec<_>> = text.split(',').filter(|part| !part.is_empty()).map(one).collect();
    all.ok_or_else(|| {
        Problem::invalid("positions", "bad_positions", "is not topic:partition:offset, with commas between")
    })
}

#[utoipa::path(get, path = "/v1/reports", operation_id = "getReport", tag = "reports", params(Period),
    responses((status = 200, body = Report)))]
async fn report(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(period): Query<Period>,
) -> Result<Json<Report>> {
    let sight = sight(&app, &caller, &period).await?;
    let report: Report = app.analytics().report(request(&caller, &period)?).await?.into_inner().into();
    Ok(Json(report.seen(&sight)))
}

/// The same report, counted anew from the log.
#[utoipa::path(get, path = "/v1/reports/recount", operation_id = "recountReport", tag = "reports", params(Period),
    responses((status = 200, body = Report)))]
async fn recount(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(period): Query<Period>,
) -> Result<Json<Report>> {
    let sight = sight(&app, &caller, &period).await?;
    let report: Report = app.analytics().recount(request(&caller, &period)?).await?.into_inner().into();
    Ok(Json(report.seen(&sight)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_milliseconds_or_as_a_date() {
        assert_eq!(instant("from", "1700000000000").unwrap(), 1_700_000_000_000);
        assert_eq!(instant("from", "2023-11-14T22:13:20Z").unwrap(), 1_700_000_000_000);
        assert_eq!(instant("from", "yesterday").unwrap_err().status, 422);
    }
}
