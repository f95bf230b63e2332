//! Rows of contacts and interactions.

use sqlx::FromRow;
use tenantdb::{Result, TenantTx};
use types::{
    ContactId, E164, InteractionId, Timestamp,
    fact::{CallFact, Decision},
};

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ContactRow {
    pub id: String,
    pub name: String,
    pub organisation: String,
    pub vip: bool,
    pub created_at_ms: i64,
    pub numbers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct InteractionRow {
    pub id: String,
    pub call: String,
    pub contact: Option<String>,
    pub contact_name: Option<String>,
    pub caller: String,
    pub did: String,
    pub did_label: String,
    pub path: String,
    pub category: Option<String>,
    pub queue: Option<String>,
    pub agent: Option<String>,
    pub disposition: Option<String>,
    pub note: Option<String>,
    pub recording: Option<String>,
    pub started_at_ms: i64,
    pub ended_at_ms: Option<i64>,
    pub wait_ms: i64,
    pub talk_ms: i64,
    pub hold_ms: i64,
    pub outcome: Option<String>,
    pub stage: String,
    pub direction: String,
    pub callee: String,
}

/// The contact with this number, made if there is none. Two calls at a time
/// make one: the number is locked until the transaction ends.
pub async fn identify(
    tx: &mut TenantTx,
    number: &E164,
    name: Option<&str>,
    now: Timestamp,
    random: u128,
) -> Result<ContactRow> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("{}/{number}", tx.tenant()))
        .execute(&mut **tx)
        .await?;
    let known: Option<String> = sqlx::query_scalar("select contact from contact_numbers where number = $1")
        .bind(number.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    let id = match known {
        Some(id) => id,
        None => create(tx, number, name, now, random).await?,
    };
    Ok(contact(tx, &id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

async fn create(
    tx: &mut TenantTx,
    number: &E164,
    name: Option<&str>,
    now: Timestamp,
    random: u128,
) -> Result<String> {
    let id = ContactId::new(now, random);
    sqlx::query("insert into contacts (id, name, created_at_ms) values ($1, $2, $3)")
        .bind(id.as_str())
        .bind(name.unwrap_or_default())
        .bind(now.millis())
        .execute(&mut **tx)
        .await?;
    sqlx::query("insert into contact_numbers (number, contact) values ($1, $2)")
        .bind(number.as_str())
        .bind(id.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(id.to_string())
}

const CONTACT: &str = "select c.id, c.name, c.organisation, c.vip, c.created_at_ms,
    array(select n.number from contact_numbers n where n.contact = c.id order by n.number) as numbers
    from contacts c where c.id = $1";

pub async fn contact(tx: &mut TenantTx, id: &str) -> Result<Option<ContactRow>> {
    Ok(sqlx::query_as(CONTACT).bind(id).fetch_optional(&mut **tx).await?)
}

/// Who has one of these numbers.
pub async fn with_numbers(tx: &mut TenantTx, numbers: &[String]) -> Result<Vec<ContactRow>> {
    let rows = sqlx::query_as(
        "select c.id, c.name, c.organisation, c.vip, c.created_at_ms,
           array(select n.number from contact_numbers n where n.contact = c.id order by n.number) as numbers
         from contacts c where c.id in (select contact from contact_numbers where number = any($1))",
    )
    .bind(numbers)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Ids after `cursor` whose name, organisation or number holds `search`.
pub async fn contacts(tx: &mut TenantTx, search: &str, cursor: &str, limit: i64) -> Result<Vec<ContactRow>> {
    let pattern = format!("%{}%", search.replace(['%', '_', '\\'], ""));
    let rows = sqlx::query_as(
        "select c.id, c.name, c.organisation, c.vip, c.created_at_ms,
           array(select n.number from contact_numbers n where n.contact = c.id order by n.number) as numbers
         from contacts c
         where ($1 = '' or c.id < $1)
           and (c.name ilike $2 or c.organisation ilike $2
             or exists (select 1 from contact_numbers n where n.contact = c.id and n.number like $2))
         order by c.id desc limit $3",
    )
    .bind(cursor)
    .bind(pattern)
    .bind(limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// `false` when there is no such contact.
pub async fn update(
    tx: &mut TenantTx,
    id: &str,
    name: Option<&str>,
    organisation: Option<&str>,
    vip: Option<bool>,
) -> Result<bool> {
    let done = sqlx::query(
        "update contacts set name = coalesce($2, name), organisation = coalesce($3, organisation),
           vip = coalesce($4, vip) where id = $1",
    )
    .bind(id)
    .bind(name)
    .bind(organisation)
    .bind(vip)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Rows newest first; empty texts do not filter. `cursor` is the last id of the page before.
pub async fn interactions(
    tx: &mut TenantTx,
    (contact, agent, category): (&str, &str, &str),
    agents: &[String],
    cursor: &str,
    limit: i64,
) -> Result<Vec<InteractionRow>> {
    let rows = sqlx::query_as(
        "select i.id, i.call, i.contact, c.name as contact_name, i.caller, i.did, i.did_label, i.path, i.category,
           i.queue,
           i.agent, i.disposition, i.note, i.recording, i.started_at_ms, i.ended_at_ms, i.wait_ms, i.talk_ms,
           i.hold_ms, i.outcome, i.stage, i.direction, i.callee
         from interactions i left join contacts c on c.id = i.contact
         where ($1 = '' or i.contact = $1) and ($2 = '' or i.agent = $2)
           and ($5 = '' or i.category = $5)
           and (cardinality($6::text[]) = 0 or i.agent = any($6))
           and ($3 = '' or (i.started_at_ms, i.id) < (select l.started_at_ms, l.id from interactions l where l.id = $3))
         order by i.started_at_ms desc, i.id desc limit $4",
    )
    .bind(contact)
    .bind(agent)
    .bind(cursor)
    .bind(limit)
    .bind(category)
    .bind(agents)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// An offer of a call to an agent, with the ACD's reasons.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OfferRow {
    pub reservation: String,
    pub agent: String,
    pub queue: String,
    pub at_ms: i64,
    pub attempt: i32,
    pub decision: sqlx::types::Json<Decision>,
}

/// Told again it changes nothing.
pub async fn offer(tx: &mut TenantTx, call: &str, row: &OfferRow) -> Result<()> {
    sqlx::query(
        "insert into offers (reservation, call, agent, queue, at_ms, attempt, decision)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (reservation) do nothing",
    )
    .bind(&row.reservation)
    .bind(call)
    .bind(&row.agent)
    .bind(&row.queue)
    .bind(row.at_ms)
    .bind(row.attempt)
    .bind(&row.decision)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Oldest first.
pub async fn offers(tx: &mut TenantTx, call: &str) -> Result<Vec<OfferRow>> {
    let rows = sqlx::query_as(
        "select reservation, agent, queue, at_ms, attempt, decision from offers
         where call = $1 order by at_ms, attempt limit 100",
    )
    .bind(call)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// How well one party of a call was heard and heard.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct LegRow {
    pub leg: String,
    pub who: String,
    pub received: i64,
    pub sent: i64,
    pub lost: Option<i64>,
    pub jitter_us: Option<i64>,
    pub mos: Option<i32>,
    pub far_lost: Option<i64>,
    pub far_jitter_us: Option<i64>,
    pub far_mos: Option<i32>,
    pub round_trip_us: Option<i64>,
}

/// Told again it changes nothing.
pub async fn measured(tx: &mut TenantTx, call: &str, row: &LegRow) -> Result<()> {
    sqlx::query(
        "insert into call_legs (call, leg, who, received, sent, lost, jitter_us, mos, far_lost, far_jitter_us,
           far_mos, round_trip_us)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict (call, leg) do nothing",
    )
    .bind(call)
    .bind(&row.leg)
    .bind(&row.who)
    .bind(row.received)
    .bind(row.sent)
    .bind(row.lost)
    .bind(row.jitter_us)
    .bind(row.mos)
    .bind(row.far_lost)
    .bind(row.far_jitter_us)
    .bind(row.far_mos)
    .bind(row.round_trip_us)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// In the order of their beginning.
pub async fn legs(tx: &mut TenantTx, call: &str) -> Result<Vec<LegRow>> {
    let rows = sqlx::query_as(
        "select leg, who, received, sent, lost, jitter_us, mos, far_lost, far_jitter_us, far_mos, round_trip_us
         from call_legs where call = $1 order by leg limit 100",
    )
    .bind(call)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// A time in which nothing was heard of a party.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SilenceRow {
    pub leg: String,
    pub who: String,
    pub began_at_ms: i64,
    pub ended_at_ms: Option<i64>,
}

/// Told again it changes nothing; the end may be told without the beginning.
pub async fn silence(tx: &mut TenantTx, call: &str, row: &SilenceRow) -> Result<()> {
    sqlx::query(
        "insert into call_silences (call, leg, who, began_at_ms, ended_at_ms) values ($1, $2, $3, $4, $5)
         on conflict (call, leg, began_at_ms)
         do update set ended_at_ms = coalesce(excluded.ended_at_ms, call_silences.ended_at_ms)",
    )
    .bind(call)
    .bind(&row.leg)
    .bind(&row.who)
    .bind(row.began_at_ms)
    .bind(row.ended_at_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The oldest first.
pub async fn silences(tx: &mut TenantTx, call: &str) -> Result<Vec<SilenceRow>> {
    let rows = sqlx::query_as(
        "select leg, who, began_at_ms, ended_at_ms from call_silences
         where call = $1 order by began_at_ms, leg limit 100",
    )
    .bind(call)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// By the interaction's or the call's id.
pub async fn interaction(tx: &mut TenantTx, id: &str) -> Result<Option<InteractionRow>> {
    let row = sqlx::query_as(
        "select i.id, i.call, i.contact, c.name as contact_name, i.caller, i.did, i.did_label, i.path, i.category,
           i.queue,
           i.agent, i.disposition, i.note, i.recording, i.started_at_ms, i.ended_at_ms, i.wait_ms, i.talk_ms,
           i.hold_ms, i.outcome, i.stage, i.direction, i.callee
         from interactions i left join contacts c on c.id = i.contact
         where i.id = $1 or i.call = $1",
    )
    .bind(id)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row)
}

/// A call's first fact makes its row; again, it changes nothing.
pub async fn open(
    tx: &mut TenantTx,
    id: &InteractionId,
    fact: &CallFact,
    contact: Option<&str>,
    caller: &str,
    did: (&str, &str),
) -> Result<()> {
    sqlx::query(
        "insert into interactions (id, call, seq, contact, caller, did, did_label, started_at_ms, stage)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 'arriving') on conflict (call) do nothing",
    )
    .bind(id.as_str())
    .bind(fact.call.as_str())
    .bind(i64::from(fact.seq))
    .bind(contact)
    .bind(caller)
    .bind(did.0)
    .bind(did.1)
    .bind(fact.at.millis())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A call that an agent places.
#[derive(Debug)]
pub struct Placed<'a> {
    pub contact: Option<&'a str>,
    pub agent: &'a str,
    /// What the other side is shown.
    pub from: &'a str,
    /// `outbound` or `internal`.
    pub direction: &'static str,
    /// The number, or the colleague's id.
    pub callee: &'a str,
}

/// The first fact of a call that an agent places makes its row; again, it changes
/// nothing.
pub async fn open_placed(
    tx: &mut TenantTx,
    id: &InteractionId,
    fact: &CallFact,
    placed: &Placed<'_>,
) -> Result<()> {
    sqlx::query(
        "insert into interactions
           (id, call, seq, contact, caller, did, did_label, started_at_ms, stage, agent, direction, callee)
         values ($1, $2, $3, $4, $5, '', '', $6, 'ringing', $7, $8, $9) on conflict (call) do nothing",
    )
    .bind(id.as_str())
    .bind(fact.call.as_str())
    .bind(i64::from(fact.seq))
    .bind(placed.contact)
    .bind(placed.from)
    .bind(fact.at.millis())
    .bind(placed.agent)
    .bind(placed.direction)
    .bind(placed.callee)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a later fact changes; `None` leaves the column.
#[derive(Debug, Default)]
pub struct Change {
    pub keys: Option<String>,
    pub category: Option<String>,
    pub queue: Option<String>,
    pub agent: Option<String>,
    pub recording: Option<String>,
    pub stage: Option<String>,
    /// The one whom an agent called answered.
    pub answered: bool,
    pub asked: bool,
    pub ended: Option<Ended>,
}

#[derive(Debug)]
pub struct Ended {
    pub wait_ms: i64,
    pub talk_ms: i64,
    pub hold_ms: i64,
    /// For a call that no agent answered.
    pub unanswered: &'static str,
}

/// What a call's row says of it after a fact.
#[derive(Debug, Clone, FromRow)]
pub struct Told {
    pub direction: String,
    pub caller: String,
    pub did: String,
    pub did_label: String,
    pub queue: Option<String>,
    pub agent: Option<String>,
    pub stage: String,
    /// A callback was promised.
    pub asked: bool,
}

/// Folds one fact into its call's row; `None`: it was seen, or the call is not known.
pub async fn change(tx: &mut TenantTx, fact: &CallFact, change: Change) -> Result<Option<Told>> {
    let ended = change.ended.as_ref();
    let told = sqlx::query_as(
        "update interactions set seq = $2,
           path = case when $3::text is null then path when path = '' then $3 else path || '→' || $3 end,
           queue = coalesce($4, queue), agent = coalesce($5, agent), recording = coalesce($6, recording),
           stage = coalesce($7, stage), ended_at_ms = coalesce($8, ended_at_ms), wait_ms = coalesce($9, wait_ms),
           talk_ms = coalesce($10, talk_ms), hold_ms = coalesce($11, hold_ms),
           category = coalesce($13, category), answered_at_ms = coalesce(answered_at_ms, $14),
           asked = asked or $15,
           outcome = case
             when $12::text is null then outcome
             when direction <> 'inbound' and answered_at_ms is null then 'unanswered'
             when agent is not null then 'answered'
             else $12 end
         where call = $1 and seq < $2
         returning direction, caller, did, did_label, queue, agent, stage, asked",
    )
    .bind(fact.call.as_str())
    .bind(i64::from(fact.seq))
    .bind(change.keys)
    .bind(change.queue)
    .bind(change.agent)
    .bind(change.recording)
    .bind(change.stage)
    .bind(ended.map(|_| fact.at.millis()))
    .bind(ended.map(|ended| ended.wait_ms))
    .bind(ended.map(|ended| ended.talk_ms))
    .bind(ended.map(|ended| ended.hold_ms))
    .bind(ended.map(|ended| ended.unanswered))
    .bind(change.category)
    .bind(change.answered.then(|| fact.at.millis()))
    .bind(change.asked)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(told)
}

pub async fn wrapped_up(
    tx: &mut TenantTx,
    call: &str,
    disposition: Option<&str>,
    note: Option<&str>,
) -> Result<()> {
    sqlx::query(
        "update interactions set disposition = coalesce($2, disposition), note = coalesce($3, note) where call = $1",
    )
    .bind(call)
    .bind(disposition)
    .bind(note)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
