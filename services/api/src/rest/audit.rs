//! Who did what to whom: listed, filtered, taken home.

use super::some;
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Problem, Query, Result},
};
use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use futures::stream;
use http::header;
use proto::tenancy::v1 as wire;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt::Write, sync::Arc};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Rows that one export has at most.
const EXPORTED_MAX: usize = 100_000;
const EXPORT_PAGE: u32 = 1_000;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_audit)).routes(routes!(export_audit))
}

#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// By this user or API key.
    #[serde(default)]
    actor: String,
    /// The beginning of the action, such as `config.` or `user.remove`.
    #[serde(default)]
    action: String,
    /// Kind and id, such as `queue/que_…`.
    #[serde(default)]
    subject: String,
    /// Milliseconds since 1970.
    #[serde(default)]
    from_ms: i64,
    /// The same, exclusive; 0: until now.
    #[serde(default)]
    to_ms: i64,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
struct Entry {
    id: String,
    at_ms: i64,
    actor: String,
    /// Absent where the person or the key is gone.
    actor_name: Option<String>,
    action: String,
    subject: String,
    detail: Value,
}

#[derive(Serialize, ToSchema)]
struct Entries {
    items: Vec<Entry>,
    next_cursor: Option<String>,
}

/// Rows have numbers; outside they are ids like all others.
fn id(number: i64) -> String {
    format!("aud_{number:026}")
}

fn number(cursor: &str) -> Result<i64> {
    let number =
        if cursor.is_empty() { Some(0) } else { cursor.strip_prefix("aud_").and_then(|n| n.parse().ok()) };
    number.ok_or_else(|| Problem::invalid("cursor", "bad_cursor", "is not one of an earlier page"))
}

impl From<wire::audit_entries::Entry> for Entry {
    fn from(entry: wire::audit_entries::Entry) -> Entry {
        Entry {
            id: id(entry.id),
            at_ms: entry.at_ms,
            actor: entry.actor,
            actor_name: some(entry.actor_name),
            action: entry.action,
            subject: entry.subject,
            detail: serde_json::from_str(&entry.detail).unwrap_or_default(),
        }
    }
}

fn request(caller: &Caller, which: &Which, limit: u32) -> Result<wire::AuditRequest> {
    caller.may(Permission::AuditRead)?;
    caller.whole_company()?;
    Ok(wire::AuditRequest {
        tenant: caller.tenant().into(),
        actor: which.actor.clone(),
        action: which.action.clone(),
        subject: which.subject.clone(),
        from_ms: which.from_ms,
        to_ms: which.to_ms,
        limit,
        before: number(&which.cursor)?,
    })
}

/// Newest first.
#[utoipa::path(get, path = "/v1/audit", operation_id = "listAudit", tag = "audit", params(Which),
    responses((status = 200, body = Entries)))]
async fn list_audit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Entries>> {
    let page = super::Page { cursor: String::new(), limit: which.limit };
    let found = app.audit().list(request(&caller, &which, page.limit())?).await?.into_inner();
    let items = found.entries.into_iter().map(Entry::from).collect();
    Ok(Json(Entries { items, next_cursor: Some(found.next).filter(|next| *next > 0).map(id) }))
}

/// The same as CSV (RFC 4180), up to 100,000 rows.
#[utoipa::path(get, path = "/v1/audit/export", operation_id = "exportAudit", tag = "audit", params(Which),
    responses((status = 200, content_type = "text/csv", body = String)))]
async fn export_audit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Response> {
    let first = request(&caller, &which, EXPORT_PAGE)?;
    super::note(&app, &caller, "audit.export", "audit").await?;
    let pages = stream::try_unfold((Some(first), 0), move |(request, sent)| {
        let app = app.clone();
        async move {
            let Some(request) = request.filter(|_| sent < EXPORTED_MAX) else { return Ok(None) };
            let page = app.audit().list(request.clone()).await.map_err(std::io::Error::other)?.into_inner();
            let mut text = String::new();
            if sent == 0 {
                text.push_str("at,actor,actor_name,action,subject,detail\r\n");
            }
            let rows = page.entries.len();
            page.entries.iter().for_each(|entry| row(&mut text, entry));
            let next = (page.next > 0).then_some(wire::AuditRequest { before: page.next, ..request });
            Ok::<_, std::io::Error>(Some((text, (next, sent + rows.max(1)))))
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

fn row(text: &mut String, entry: &wire::audit_entries::Entry) {
    let at = chrono::DateTime::from_timestamp_millis(entry.at_ms).unwrap_or_default().to_rfc3339();
    let cells = [&at, &entry.actor, &entry.actor_name, &entry.action, &entry.subject, &entry.detail];
    let line: Vec<String> = cells.into_iter().map(|cell| csv_cell(cell)).collect();
    let _ = write!(text, "{}\r\n", line.join(","));
}

/// Quoted; a cell that a spreadsheet would take for a formula is made a text.
pub(super) fn csv_cell(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_whatever_stands_in_it() {
        assert_eq!(csv_cell("a\"b,c"), "\"a\"\"b,c\"");
        assert_eq!(csv_cell("=1+1"), "\"'=1+1\"");
        assert_eq!(number(&id(42)).unwrap(), 42);
        assert!(number("que_1").is_err());
    }
}
