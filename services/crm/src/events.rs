//! Facts → rows: one transaction per fact, the position committed after it.

use crate::{
    callbacks,
    store::{self, Change, Ended, LegRow, OfferRow, SilenceRow},
};
use chassis::{Drain, clock, random};
use eventlog::{ConfigView, Consumer, Delivery, Topic, codec};
use std::{sync::Arc, time::Duration};
use tenantdb::{Result, TenantDb, TenantTx};
use types::{
    config::{Kind, Tenant},
    fact::{AgentEvent, AgentFact, CallEvent, CallFact, Figures},
    *,
};

/// While PostgreSQL is away the fact is tried again.
const AGAIN: Duration = Duration::from_millis(500);

pub async fn fold(mut consumer: Consumer, db: TenantDb, view: Arc<ConfigView>, drain: Drain) {
    while let Some(next) = drain.or(consumer.next()).await {
        let delivery = match next {
            Ok(delivery) => delivery,
            Err(error) => return tracing::error!(%error, "the log cannot be read"),
        };
        while let Err(error) = take(&db, &view, &delivery).await {
            if !error.is_passing() {
                tracing::error!(%error, key = delivery.record.key, "a fact was left out of the history");
                break;
            }
            tracing::warn!(%error, "the history waits for the database");
            if drain.or(tokio::time::sleep(AGAIN)).await.is_none() {
                return;
            }
        }
        if let Err(error) = consumer.commit(&delivery.position) {
            tracing::error!(%error, "a position could not be committed");
        }
    }
}

async fn take(db: &TenantDb, view: &ConfigView, delivery: &Delivery) -> Result<()> {
    let tenant = &delivery.record.tenant;
    match delivery.record.topic {
        Topic::Call => match readable::<CallFact>(delivery) {
            Some(fact) if tells(&fact) => call(db, view, tenant, &fact).await,
            _ => Ok(()),
        },
        Topic::Agent => match readable::<AgentFact>(delivery).map(|fact| (fact.at, fact.agent, fact.event)) {
            Some((at, agent, AgentEvent::Offered { call, queue, reservation, attempt, decision })) => {
                let row = OfferRow {
                    reservation: reservation.into(),
                    agent: agent.into(),
                    queue: queue.into(),
                    at_ms: at.millis(),
                    attempt: i32::try_from(attempt).unwrap_or(i32::MAX),
                    decision: sqlx::types::Json(decision),
                };
                let mut tx = db.begin(tenant).await?;
                store::offer(&mut tx, call.as_str(), &row).await?;
                tx.commit().await
            }
            Some((_, _, AgentEvent::WrappedUp { call, disposition, note, .. })) => {
                let mut tx = db.begin(tenant).await?;
                let disposition = disposition.as_ref().map(DispositionId::as_str);
                store::wrapped_up(&mut tx, call.as_str(), disposition, note.as_deref()).await?;
                tx.commit().await
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn readable<F: codec::Fact>(delivery: &Delivery) -> Option<F> {
    let unread =
        |error: &eventlog::Error| tracing::error!(%error, at = ?delivery.position, "a fact cannot be read");
    codec::decode(&delivery.record.value).inspect_err(unread).ok()
}

/// Facts that change no row are not worth a transaction.
fn tells(fact: &CallFact) -> bool {
    !matches!(fact.event, CallEvent::PositionChanged { .. } | CallEvent::Connected | CallEvent::Held { .. })
}

async fn call(db: &TenantDb, view: &ConfigView, tenant: &TenantId, fact: &CallFact) -> Result<()> {
    let mut tx = db.begin(tenant).await?;
    match &fact.event {
        CallEvent::Offered { from, caller_name, did, did_label, .. } => {
            let contact = contact_of(&mut tx, view, from, caller_name.as_deref()).await?;
            let id = InteractionId::new(fact.at, random::u128());
            store::open(&mut tx, &id, fact, contact.as_deref(), from, (did.as_str(), did_label)).await?;
        }
        CallEvent::Placed { agent, to, from, callback } => {
            placed(&mut tx, view, fact, (agent, to, from)).await?;
            if let Some(task) = callback {
                callbacks::placed(&mut tx, fact, task, agent).await?;
            }
        }
        CallEvent::FellSilent { leg, who } => {
            let row = silence_row(leg, who.as_ref(), fact.at, None);
            store::silence(&mut tx, fact.call.as_str(), &row).await?;
        }
        CallEvent::SilenceEnded { leg, who, silent } => {
            let began = Timestamp::from_millis(fact.at.millis() - silent);
            let row = silence_row(leg, who.as_ref(), began, Some(fact.at));
            store::silence(&mut tx, fact.call.as_str(), &row).await?;
        }
        CallEvent::Measured { leg, who, figures } => {
            store::measured(&mut tx, fact.call.as_str(), &leg_row(leg, who.as_ref(), figures)).await?;
        }
        event => {
            if let Some(told) = store::change(&mut tx, fact, changed_by(event)).await? {
                callbacks::fold(&mut tx, view, fact, &told).await?;
            }
        }
    }
    tx.commit().await
}

/// A number outside is a contact like one that calls.
async fn placed(
    tx: &mut TenantTx,
    view: &ConfigView,
    fact: &CallFact,
    (agent, to, from): (&AgentId, &Target, &str),
) -> Result<()> {
    let (direction, callee) = match to {
        Target::Agent { agent } => ("internal", agent.to_string()),
        Target::Number { number } => ("outbound", number.to_string()),
        // Nobody calls a queue.
        Target::Queue { .. } => return Ok(()),
    };
    let contact = match to {
        Target::Number { number } => contact_of(tx, view, number.as_str(), None).await?,
        _ => None,
    };
    let contact = contact.as_deref();
    let row = store::Placed { contact, agent: agent.as_str(), from, direction, callee: &callee };
    let id = InteractionId::new(fact.at, random::u128());
    store::open_placed(tx, &id, fact, &row).await
}

/// Empty: who called.
fn party(who: Option<&Target>) -> String {
    match who {
        Some(Target::Agent { agent }) => agent.to_string(),
        Some(Target::Number { number }) => number.to_string(),
        Some(Target::Queue { queue }) => queue.to_string(),
        None => String::new(),
    }
}

fn silence_row(leg: &LegId, who: Option<&Target>, began: Timestamp, ended: Option<Timestamp>) -> SilenceRow {
    SilenceRow {
        leg: leg.to_string(),
        who: party(who),
        began_at_ms: began.millis(),
        ended_at_ms: ended.map(Timestamp::millis),
    }
}

fn leg_row(leg: &LegId, who: Option<&Target>, of: &Figures) -> LegRow {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    LegRow {
        leg: leg.to_string(),
        who: party(who),
        received: count(of.received),
        sent: count(of.sent),
        lost: of.near.map(|near| count(near.lost)),
        jitter_us: of.near.map(|near| near.jitter.into()),
        mos: of.near.map(|near| near.mos.into()),
        far_lost: of.far.map(|far| count(far.lost)),
        far_jitter_us: of.far.map(|far| far.jitter.into()),
        far_mos: of.far.map(|far| far.mos.into()),
        round_trip_us: of.round_trip.map(i64::from),
    }
}

async fn contact_of(
    tx: &mut TenantTx,
    view: &ConfigView,
    from: &str,
    name: Option<&str>,
) -> Result<Option<String>> {
    let Some(number) = number(view, tx.tenant(), from) else { return Ok(None) };
    let contact = store::identify(tx, &number, name, clock::now(), random::u128()).await?;
    Ok(Some(contact.id))
}

/// A caller's number in its one form; `None` for "anonymous" and the like.
pub fn number(view: &ConfigView, tenant: &TenantId, text: &str) -> Option<E164> {
    let country = view.get::<Tenant>(tenant, Kind::Tenant, tenant.as_str()).and_then(|t| t.country_code);
    E164::from_dialled(text, country.as_deref()).ok()
}

fn changed_by(event: &CallEvent) -> Change {
    let none = Change::default();
    let stage = |stage: &str| Some(stage.to_owned());
    match event {
        CallEvent::NodeEntered { stage: at, .. } => Change { stage: Some(types::name(*at)), ..none },
        CallEvent::KeysPressed { keys, .. } => Change { keys: Some(keys.clone()), ..none },
        CallEvent::Categorised { category } => Change { category: Some(category.to_string()), ..none },
        CallEvent::Enqueued { queue, .. } => {
            Change { queue: Some(queue.to_string()), stage: stage("queue"), ..none }
        }
        CallEvent::CallbackAsked { in_line: true, .. } => Change { asked: true, ..none },
        CallEvent::CallbackAsked { .. } => Change { asked: true, stage: stage("self_served"), ..none },
        CallEvent::MessageLeft { .. } => Change { asked: true, stage: stage("self_served"), ..none },
        CallEvent::AgentOffered { .. } => Change { stage: stage("ringing"), ..none },
        CallEvent::OfferEnded { .. } => Change { stage: stage("queue"), ..none },
        CallEvent::AgentConnected { agent, .. } => {
            Change { agent: Some(agent.to_string()), stage: stage("talking"), ..none }
        }
        CallEvent::Joined { purpose: Purpose::Dial, .. } => {
            Change { answered: true, stage: stage("talking"), ..none }
        }
        // Whose history it is: the last who handled it.
        CallEvent::Transferred { to: Target::Agent { agent }, .. } => {
            Change { agent: Some(agent.to_string()), ..none }
        }
        CallEvent::RecordingStarted { recording } => {
            Change { recording: Some(recording.to_string()), ..none }
        }
        CallEvent::Ended { by, stage, wait, talk, hold, .. } => {
            let left = *by == Party::Caller && *stage != Stage::SelfServed;
            let unanswered = if left { "abandoned" } else { "self_served" };
            Change {
                ended: Some(Ended { wait_ms: *wait, talk_ms: *talk, hold_ms: *hold, unanswered }),
                ..none
            }
        }
        _ => none,
    }
}
