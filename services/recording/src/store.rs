//! Rows of recordings and their segments.

use sqlx::FromRow;
use tenantdb::{TenantTx, outbox::Fact};
use types::{CallId, RecordingId, Timestamp, fact::RecordingFact};

use crate::error::Result;

/// One recording.
#[derive(Debug, Clone, FromRow)]
pub struct Row {
    pub id: String,
    pub call: String,
    pub started_at_ms: i64,
    pub duration_ms: i64,
    pub bytes: i64,
    pub sha256: String,
    pub sealed_key: Option<Vec<u8>>,
    pub peaks_left: Vec<f32>,
    pub peaks_right: Vec<f32>,
    pub complete: bool,
}

/// One stored segment.
#[derive(Debug, Clone, FromRow)]
pub struct SegmentRow {
    pub number: i32,
    pub bytes: i64,
    pub sha256: String,
}

/// Bytes of PCM16 stereo in a millisecond.
pub const BYTES_PER_MS: i64 = 32;

/// Makes the row of a recording unless it is there; returns it.
pub async fn begin(
    tx: &mut TenantTx,
    id: &RecordingId,
    call: &CallId,
    started_at_ms: i64,
    sealed_key: &[u8],
) -> Result<Row> {
    sqlx::query(
        "insert into recordings (id, call, started_at_ms, sealed_key) values ($1, $2, $3, $4)
         on conflict (id) do nothing",
    )
    .bind(id.as_str())
    .bind(call.as_str())
    .bind(started_at_ms)
    .bind(sealed_key)
    .execute(&mut **tx)
    .await?;
    let row = recording(tx, id.as_str()).await?;
    row.ok_or_else(|| crate::Error::NoRecording(id.to_string()))
}

pub async fn recording(tx: &mut TenantTx, id: &str) -> Result<Option<Row>> {
    let row = sqlx::query_as(
        "select id, call, started_at_ms, duration_ms, bytes, sha256, sealed_key, peaks_left, peaks_right, complete
         from recordings where id = $1",
    )
    .bind(id)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row)
}

/// The stored segments in order.
pub async fn segments(tx: &mut TenantTx, id: &str) -> Result<Vec<SegmentRow>> {
    let query = "select number, bytes, sha256 from recording_segments where recording = $1 order by number";
    Ok(sqlx::query_as(query).bind(id).fetch_all(&mut **tx).await?)
}

pub async fn has_segment(tx: &mut TenantTx, id: &str, number: u32) -> Result<bool> {
    let query = "select exists (select from recording_segments where recording = $1 and number = $2)";
    Ok(sqlx::query_scalar(query).bind(id).bind(number as i32).fetch_one(&mut **tx).await?)
}

/// Notes a stored segment, once.
pub async fn append(
    tx: &mut TenantTx,
    id: &str,
    number: u32,
    object: &str,
    bytes: i64,
    sha256: &str,
) -> Result<()> {
    sqlx::query(
        "with new as (
           insert into recording_segments (recording, number, object, bytes, sha256)
           values ($1, $2, $3, $4, $5) on conflict do nothing returning bytes)
         update recordings set bytes = recordings.bytes + new.bytes,
           duration_ms = greatest(duration_ms, $2::bigint * 5000 + new.bytes / $6)
         from new where id = $1",
    )
    .bind(id)
    .bind(number as i32)
    .bind(object)
    .bind(bytes)
    .bind(sha256)
    .bind(BYTES_PER_MS)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What is known when all audio is there.
pub struct Completion {
    pub sha256: String,
    pub peaks_left: Vec<f32>,
    pub peaks_right: Vec<f32>,
}

/// Closes a recording and tells of it, once.
pub async fn complete(tx: &mut TenantTx, now: Timestamp, id: &RecordingId, done: Completion) -> Result<()> {
    let closed: Option<(String, i64, i64)> = sqlx::query_as(
        "update recordings set sha256 = $2, peaks_left = $3, peaks_right = $4, complete = true
         where id = $1 and sha256 <> $2 returning call, duration_ms, bytes",
    )
    .bind(id.as_str())
    .bind(&done.sha256)
    .bind(&done.peaks_left)
    .bind(&done.peaks_right)
    .fetch_optional(&mut **tx)
    .await?;
    let Some((call, duration, bytes)) = closed else { return Ok(()) };
    let wrong = |_| crate::Error::Invalid(format!("call {call} of {id}"));
    let fact = RecordingFact {
        recording: id.clone(),
        call: call.parse().map_err(wrong)?,
        at: now,
        duration,
        bytes: bytes as u64,
        sha256: done.sha256,
    };
    let (topic, value) = (eventlog::Topic::Recording.name(), eventlog::codec::encode(&fact));
    tx.tell(Fact { topic, key: &call, value: &value, headers: &[] }).await?;
    Ok(())
}

/// A page of recordings, newest first, behind `(started_at_ms, id)`; all calls
/// when `call` is empty.
pub async fn page(tx: &mut TenantTx, call: &str, behind: (i64, &str), limit: i64) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(
        "select id, call, started_at_ms, duration_ms, bytes, sha256, null::bytea as sealed_key,
           '{}'::real[] as peaks_left, '{}'::real[] as peaks_right, complete
         from recordings
         where ($1 = '' or call = $1) and (started_at_ms, id) < ($2, $3)
         order by started_at_ms desc, id desc limit $4",
    )
    .bind(call)
    .bind(behind.0)
    .bind(behind.1)
    .bind(limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}
