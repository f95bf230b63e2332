//! Rows of tasks, missed calls and attempts.

use super::fold::How;
use crate::store::Told;
use sqlx::FromRow;
use tenantdb::{Result, TenantTx};
use types::{AgentId, CallId, CallbackId, E164, Millis, Timestamp};

/// Calls and attempts that a task is shown with.
const SHOWN_MAX: i64 = 50;

#[derive(Debug, Clone, FromRow)]
pub struct Row {
    pub id: String,
    pub number: String,
    pub contact: Option<String>,
    pub contact_name: Option<String>,
    pub state: String,
    pub queue: Option<String>,
    pub did: String,
    pub did_label: String,
    pub stage: String,
    pub wait_ms: i64,
    pub missed: i32,
    pub first_at_ms: i64,
    pub last_at_ms: i64,
    pub claimed_by: Option<String>,
    pub claimed_until_ms: i64,
    pub attempts: i64,
    pub closed_at_ms: Option<i64>,
    pub closed_how: Option<String>,
    pub closed_by: Option<String>,
    pub disposition: Option<String>,
    pub note: Option<String>,
    pub asked: bool,
    pub message: Option<String>,
}

#[derive(Debug, Clone, FromRow)]
pub struct MissedRow {
    pub call: String,
    pub caller: String,
    pub did: String,
    pub did_label: String,
    pub queue: Option<String>,
    pub stage: String,
    pub wait_ms: i64,
    pub at_ms: i64,
    pub callback: Option<String>,
    pub callback_state: String,
    pub closed_how: Option<String>,
    pub what: String,
    pub recording: Option<String>,
    pub attempts: i64,
    pub contact: Option<String>,
    pub contact_name: Option<String>,
}

#[derive(Debug, Clone, FromRow)]
pub struct AttemptRow {
    pub id: String,
    pub callback: String,
    pub call: Option<String>,
    pub agent: String,
    pub at_ms: i64,
    pub reached: Option<bool>,
    pub disposition: Option<String>,
    pub note: Option<String>,
    pub number: String,
}

/// Whose tasks somebody sees.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub all: bool,
    pub queues: Vec<String>,
}

/// A call that did not get through.
pub struct Lost<'a> {
    pub call: &'a CallId,
    pub told: &'a Told,
    pub queue: Option<&'a str>,
    pub stage: &'a str,
    pub wait: Millis,
    pub at: Timestamp,
    /// lost, asked or message.
    pub what: &'static str,
    pub recording: Option<&'a str>,
}

// ── the fold ────────────────────────────────────────────────────────────────

/// When somebody with this number last talked with an agent.
pub async fn reached_at(tx: &mut TenantTx, number: &E164) -> Result<i64> {
    let at: Option<i64> = sqlx::query_scalar("select reached_at_ms from contact_numbers where number = $1")
        .bind(number.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(at.unwrap_or_default())
}

/// The caller's open task with this call in it; gives the task's id.
pub async fn merge(tx: &mut TenantTx, id: &str, number: &E164, lost: &Lost<'_>) -> Result<String> {
    let task = sqlx::query_scalar(
        "insert into callbacks
           (id, number, queue, did, did_label, stage, wait_ms, first_at_ms, last_at_ms)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
         on conflict (number) where state = 'open' do update set
           missed = callbacks.missed + 1,
           queue = coalesce(excluded.queue, callbacks.queue), did = excluded.did,
           did_label = excluded.did_label, stage = excluded.stage, wait_ms = excluded.wait_ms,
           first_at_ms = least(callbacks.first_at_ms, excluded.first_at_ms),
           last_at_ms = greatest(callbacks.last_at_ms, excluded.last_at_ms)
         returning id",
    )
    .bind(id)
    .bind(number.as_str())
    .bind(lost.queue)
    .bind(&lost.told.did)
    .bind(&lost.told.did_label)
    .bind(lost.stage)
    .bind(lost.wait)
    .bind(lost.at.millis())
    .fetch_one(&mut **tx)
    .await?;
    Ok(task)
}

pub async fn missed(tx: &mut TenantTx, lost: &Lost<'_>, task: Option<&str>) -> Result<()> {
    sqlx::query(
        "insert into missed_calls
           (call, caller, did, did_label, queue, stage, wait_ms, at_ms, callback, what, recording)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (call) do update set
           what = excluded.what, recording = coalesce(excluded.recording, missed_calls.recording)",
    )
    .bind(lost.call.as_str())
    .bind(&lost.told.caller)
    .bind(&lost.told.did)
    .bind(&lost.told.did_label)
    .bind(lost.queue)
    .bind(lost.stage)
    .bind(lost.wait)
    .bind(lost.at.millis())
    .bind(task)
    .bind(lost.what)
    .bind(lost.recording)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The call keeps the caller's place: until then the task is not for people.
pub async fn in_line(tx: &mut TenantTx, task: &str, call: &CallId, until: Timestamp) -> Result<()> {
    sqlx::query("update callbacks set line_call = $2, line_until_ms = $3 where id = $1")
        .bind(task)
        .bind(call.as_str())
        .bind(until.millis())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The call ended without an agent: the task is for people.
pub async fn out_of_line(tx: &mut TenantTx, call: &CallId) -> Result<()> {
    sqlx::query("update callbacks set line_call = null where line_call = $1")
        .bind(call.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The caller who was promised a callback on this call talks with the agent.
pub async fn kept(tx: &mut TenantTx, call: &CallId, at: Timestamp, agent: &str) -> Result<()> {
    let number: Option<String> = sqlx::query_scalar(
        "update callbacks set state = 'closed', closed_at_ms = $2, closed_how = 'called_back', closed_by = $3
         where state = 'open' and id = (select callback from missed_calls where call = $1) returning number",
    )
    .bind(call.as_str())
    .bind(at.millis())
    .bind(agent)
    .fetch_optional(&mut **tx)
    .await?;
    sqlx::query("update contact_numbers set reached_at_ms = greatest(reached_at_ms, $2) where number = $1")
        .bind(number)
        .bind(at.millis())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Who has this number talks with an agent.
pub async fn through(
    tx: &mut TenantTx,
    number: &E164,
    at: Timestamp,
    how: How,
    by: Option<&str>,
) -> Result<()> {
    sqlx::query("update contact_numbers set reached_at_ms = greatest(reached_at_ms, $2) where number = $1")
        .bind(number.as_str())
        .bind(at.millis())
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "update callbacks set state = 'closed', closed_at_ms = $2, closed_how = $3, closed_by = $4
         where number = $1 and state = 'open' and last_at_ms <= $2",
    )
    .bind(number.as_str())
    .bind(at.millis())
    .bind(how.name())
    .bind(by)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A call for a task; a task that is not there has none. Again it changes nothing.
pub async fn attempt(
    tx: &mut TenantTx,
    id: &str,
    (task, agent): (&CallbackId, &AgentId),
    call: &CallId,
    at: Timestamp,
) -> Result<()> {
    sqlx::query(
        "insert into callback_attempts (id, callback, call, agent, at_ms)
         select $1, k.id, $3, $4, $5 from callbacks k where k.id = $2 on conflict (call) do nothing",
    )
    .bind(id)
    .bind(task.as_str())
    .bind(call.as_str())
    .bind(agent.as_str())
    .bind(at.millis())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The attempt's call was answered: its task is done, whatever number was dialled.
pub async fn reached(tx: &mut TenantTx, call: &CallId, at: Timestamp, by: Option<&str>) -> Result<()> {
    sqlx::query(
        "with tried as (
           update callback_attempts set reached = true where call = $1 returning callback)
         update callbacks set state = 'closed', closed_at_ms = $2, closed_how = 'called_back', closed_by = $3
         where state = 'open' and id in (select callback from tried)",
    )
    .bind(call.as_str())
    .bind(at.millis())
    .bind(by)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The attempt's call ended; where its outcome is said already, others may try.
pub async fn not_reached(tx: &mut TenantTx, call: &CallId) -> Result<()> {
    sqlx::query(
        "with tried as (
           update callback_attempts set reached = false where call = $1 and reached is null
           returning callback, agent, disposition)
         update callbacks k set claimed_by = null, claimed_until_ms = 0 from tried t
         where k.id = t.callback and k.claimed_by = t.agent and t.disposition is not null",
    )
    .bind(call.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

// ── reading ─────────────────────────────────────────────────────────────────

/// `$1` is now, `$2` and `$3` say what is seen.
macro_rules! tasks {
    ($rest:literal) => {
        concat!(
            "select k.id, k.number, n.contact, c.name as contact_name,
               case when k.state = 'closed' then 'closed'
                 when k.line_call is not null and k.line_until_ms > $1 then 'in_line'
                 when k.claimed_by is not null and k.claimed_until_ms > $1 then 'claimed'
                 else 'open' end as state,
               k.queue, k.did, k.did_label, k.stage, k.wait_ms, k.missed, k.first_at_ms, k.last_at_ms,
               case when k.claimed_until_ms > $1 then k.claimed_by end as claimed_by, k.claimed_until_ms,
               (select count(*) from callback_attempts a where a.callback = k.id) as attempts,
               k.closed_at_ms, k.closed_how, k.closed_by, k.disposition, k.note,
               exists (select 1 from missed_calls m where m.callback = k.id and m.what = 'asked') as asked,
               (select m.recording from missed_calls m where m.callback = k.id and m.recording is not null
                order by m.at_ms desc limit 1) as message
             from callbacks k
             left join contact_numbers n on n.number = k.number
             left join contacts c on c.id = n.contact
             where ($2 or k.queue is null or k.queue = any($3)) and ",
            $rest
        )
    };
}

pub async fn task(tx: &mut TenantTx, now: Timestamp, seen: &Seen, id: &str) -> Result<Option<Row>> {
    let query = sqlx::query_as(tasks!("k.id = $4")).bind(now.millis()).bind(seen.all).bind(&seen.queues);
    Ok(query.bind(id).fetch_optional(&mut **tx).await?)
}

/// What a list is to hold.
pub struct Wanted<'a> {
    pub state: &'a str,
    pub queue: &'a str,
    pub agent: &'a str,
    pub cursor: &'a str,
    pub limit: i64,
}

/// Open tasks, who waits longest first.
pub async fn due(tx: &mut TenantTx, now: Timestamp, seen: &Seen, wanted: &Wanted<'_>) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(tasks!(
        "($4 = '' or k.queue = $4)
         and case $5
           when 'mine' then k.state = 'open' and k.claimed_by = $6 and k.claimed_until_ms > $1
             or exists (select 1 from callback_attempts a
                        where a.callback = k.id and a.agent = $6 and a.disposition is null)
           when 'claimed' then k.state = 'open' and k.claimed_by is not null and k.claimed_until_ms > $1
           when 'open' then k.state = 'open' and (k.line_call is null or k.line_until_ms <= $1)
             and (k.claimed_by is null or k.claimed_until_ms <= $1)
           else k.state = 'open' end
         and ($7 = '' or (k.first_at_ms, k.id) >
              (select l.first_at_ms, l.id from callbacks l where l.id = $7))
         order by k.first_at_ms, k.id limit $8"
    ))
    .bind(now.millis())
    .bind(seen.all)
    .bind(&seen.queues)
    .bind(wanted.queue)
    .bind(wanted.state)
    .bind(wanted.agent)
    .bind(wanted.cursor)
    .bind(wanted.limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Closed tasks, the newest first.
pub async fn closed(tx: &mut TenantTx, now: Timestamp, seen: &Seen, wanted: &Wanted<'_>) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(tasks!(
        "k.state = 'closed' and ($4 = '' or k.queue = $4)
         and ($5 = '' or (k.closed_at_ms, k.id) <
              (select l.closed_at_ms, l.id from callbacks l where l.id = $5))
         order by k.closed_at_ms desc, k.id desc limit $6"
    ))
    .bind(now.millis())
    .bind(seen.all)
    .bind(&seen.queues)
    .bind(wanted.queue)
    .bind(wanted.cursor)
    .bind(wanted.limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// `$1` is now, `$2` and `$3` say what is seen.
macro_rules! missed_calls {
    ($rest:literal) => {
        concat!(
            "select m.call, m.caller, m.did, m.did_label, m.queue, m.stage, m.wait_ms, m.at_ms, m.callback,
               case when k.id is null then 'none' when k.state = 'closed' then 'closed'
                 when k.line_call is not null and k.line_until_ms > $1 then 'in_line'
                 when k.claimed_by is not null and k.claimed_until_ms > $1 then 'claimed'
                 else 'open' end as callback_state,
               k.closed_how, m.what, m.recording,
               (select count(*) from callback_attempts a where a.callback = k.id) as attempts,
               n.contact, c.name as contact_name
             from missed_calls m
             left join callbacks k on k.id = m.callback
             left join contact_numbers n on n.number = k.number
             left join contacts c on c.id = n.contact
             where ($2 or m.queue is null or m.queue = any($3)) and ",
            $rest
        )
    };
}

/// Newest first. `untried_before`: those alone that came before then and that
/// nobody tried to call back, nor got through; 0: all.
pub async fn missed_calls(
    tx: &mut TenantTx,
    now: Timestamp,
    seen: &Seen,
    wanted: &Wanted<'_>,
    untried_before: i64,
) -> Result<Vec<MissedRow>> {
    let rows = sqlx::query_as(missed_calls!(
        "($4 = '' or m.queue = $4)
         and ($5 = 0 or m.at_ms < $5 and k.state = 'open' and not exists (
           select 1 from callback_attempts a where a.callback = k.id and a.at_ms >= m.at_ms))
         and ($6 = '' or (m.at_ms, m.call) <
              (select l.at_ms, l.call from missed_calls l where l.call = $6))
         order by m.at_ms desc, m.call desc limit $7"
    ))
    .bind(now.millis())
    .bind(seen.all)
    .bind(&seen.queues)
    .bind(wanted.queue)
    .bind(untried_before)
    .bind(wanted.cursor)
    .bind(wanted.limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// The calls of a task, newest first.
pub async fn calls_of(tx: &mut TenantTx, now: Timestamp, task: &str) -> Result<Vec<MissedRow>> {
    let rows = sqlx::query_as(missed_calls!("m.callback = $4 order by m.at_ms desc, m.call desc limit $5"))
        .bind(now.millis())
        .bind(true)
        .bind(Vec::<String>::new())
        .bind(task)
        .bind(SHOWN_MAX)
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows)
}

/// The attempts of a task, newest first.
pub async fn attempts_of(tx: &mut TenantTx, task: &str) -> Result<Vec<AttemptRow>> {
    let rows = sqlx::query_as(
        "select a.id, a.callback, a.call, a.agent, a.at_ms, a.reached, a.disposition, a.note, k.number
         from callback_attempts a join callbacks k on k.id = a.callback
         where a.callback = $1 order by a.at_ms desc, a.id desc limit $2",
    )
    .bind(task)
    .bind(SHOWN_MAX)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Attempts within a period, newest first.
pub async fn attempts(
    tx: &mut TenantTx,
    seen: &Seen,
    wanted: &Wanted<'_>,
    (from, to): (i64, i64),
) -> Result<Vec<AttemptRow>> {
    let rows = sqlx::query_as(
        "select a.id, a.callback, a.call, a.agent, a.at_ms, a.reached, a.disposition, a.note, k.number
         from callback_attempts a join callbacks k on k.id = a.callback
         where ($1 or k.queue is null or k.queue = any($2)) and ($3 = '' or a.agent = $3)
           and a.at_ms >= $4 and a.at_ms < $5
           and ($6 = '' or (a.at_ms, a.id) <
                (select l.at_ms, l.id from callback_attempts l where l.id = $6))
         order by a.at_ms desc, a.id desc limit $7",
    )
    .bind(seen.all)
    .bind(&seen.queues)
    .bind(wanted.agent)
    .bind(from)
    .bind(to)
    .bind(wanted.cursor)
    .bind(wanted.limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

// ── working on a task ───────────────────────────────────────────────────────

/// Of two at once exactly one gets `true`: the row is locked while it is judged.
pub async fn claim(
    tx: &mut TenantTx,
    id: &str,
    agent: &str,
    (now, until): (Timestamp, Timestamp),
) -> Result<bool> {
    let done = sqlx::query(
        "update callbacks set claimed_by = $2, claimed_until_ms = $4
         where id = $1 and state = 'open'
           and (line_call is null or line_until_ms <= $3)
           and (claimed_by is null or claimed_by = $2 or claimed_until_ms <= $3)",
    )
    .bind(id)
    .bind(agent)
    .bind(now.millis())
    .bind(until.millis())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// `false`: the agent has not claimed it.
pub async fn release(tx: &mut TenantTx, id: &str, agent: &str) -> Result<bool> {
    let done = sqlx::query(
        "update callbacks set claimed_by = null, claimed_until_ms = 0
         where id = $1 and state = 'open' and claimed_by = $2",
    )
    .bind(id)
    .bind(agent)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// A task with an attempt of this agent whose outcome nobody knows.
pub async fn outcome_due(tx: &mut TenantTx, agent: &str) -> Result<Option<String>> {
    let task = sqlx::query_scalar(
        "select callback from callback_attempts where agent = $1 and disposition is null
         order by at_ms limit 1",
    )
    .bind(agent)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(task)
}

/// What came of an agent's work on a task.
pub struct Outcome<'a> {
    pub agent: &'a str,
    pub disposition: &'a str,
    pub note: Option<&'a str>,
}

/// Says what came of the agent's attempts at the task; whether each was
/// answered, `None` while one rings.
pub async fn note(tx: &mut TenantTx, task: &str, outcome: &Outcome<'_>) -> Result<Vec<Option<bool>>> {
    let reached = sqlx::query_scalar(
        "update callback_attempts set disposition = $3, note = $4
         where callback = $1 and agent = $2 and disposition is null returning reached",
    )
    .bind(task)
    .bind(outcome.agent)
    .bind(outcome.disposition)
    .bind(outcome.note)
    .fetch_all(&mut **tx)
    .await?;
    Ok(reached)
}

/// An attempt by other means than the platform's.
pub async fn attempted(
    tx: &mut TenantTx,
    id: &str,
    task: &str,
    outcome: &Outcome<'_>,
    (reached, at): (bool, Timestamp),
) -> Result<()> {
    sqlx::query(
        "insert into callback_attempts (id, callback, agent, at_ms, reached, disposition, note)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(task)
    .bind(outcome.agent)
    .bind(at.millis())
    .bind(reached)
    .bind(outcome.disposition)
    .bind(outcome.note)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Closes an open task.
pub async fn close(
    tx: &mut TenantTx,
    id: &str,
    how: &str,
    outcome: &Outcome<'_>,
    now: Timestamp,
) -> Result<bool> {
    let done = sqlx::query(
        "update callbacks set state = 'closed', closed_at_ms = $2, closed_how = $3, closed_by = $4,
           disposition = $5, note = $6
         where id = $1 and state = 'open'",
    )
    .bind(id)
    .bind(now.millis())
    .bind(how)
    .bind(outcome.agent)
    .bind(outcome.disposition)
    .bind(outcome.note)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}
