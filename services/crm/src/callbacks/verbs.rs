//! What agents do with tasks, and what they are shown of them.

use super::{
    CLAIM,
    store::{self, Outcome, Row, Seen, Wanted},
    wire,
};
use crate::api::{Api, next, page, storage};
use chassis::{Details, Error, Fault, Params, clock, random};
use proto::crm::v1::*;
use tenantdb::TenantTx;
use tonic::{Code, Status};
use types::{
    AttemptId, Timestamp,
    config::{Disposition, Kind},
};

type Answer<T> = Result<T, Status>;

impl Api {
    pub(crate) async fn callbacks(&self, request: ListCallbacksRequest) -> Answer<ListCallbacksReply> {
        let (limit, seen, now) = (page(request.limit), wire::seen(request.seen), clock::now());
        let wanted = Wanted {
            state: &request.state,
            queue: &request.queue,
            agent: &request.agent,
            cursor: &request.cursor,
            limit: i64::from(limit),
        };
        let mut tx = self.begin(&request.tenant).await?;
        let rows = match wanted.state {
            "closed" => store::closed(&mut tx, now, &seen, &wanted).await,
            "" | "open" | "claimed" | "mine" => store::due(&mut tx, now, &seen, &wanted).await,
            _ => return Err(invalid("state", "unknown", "is open, claimed, mine or closed", "")),
        };
        let rows = rows.map_err(storage)?;
        let next_cursor = next(&rows, limit, |row| &row.id);
        Ok(ListCallbacksReply { callbacks: rows.into_iter().map(wire::task).collect(), next_cursor })
    }

    pub(crate) async fn callback(&self, request: CallbackRequest) -> Answer<Callback> {
        let now = clock::now();
        let mut tx = self.begin(&request.tenant).await?;
        let row = find(&mut tx, now, &wire::seen(request.seen), &request.id).await?;
        let calls = store::calls_of(&mut tx, now, &row.id).await.map_err(storage)?;
        let tries = store::attempts_of(&mut tx, &row.id).await.map_err(storage)?;
        Ok(Callback {
            calls: calls.into_iter().map(wire::missed).collect(),
            tries: tries.into_iter().map(wire::attempt).collect(),
            ..wire::task(row)
        })
    }

    /// The agent says first what came of the last attempt.
    pub(crate) async fn claim(&self, request: CallbackRequest) -> Answer<Callback> {
        let (now, seen) = (clock::now(), wire::seen(request.seen));
        let mut tx = self.begin(&request.tenant).await?;
        let row = find(&mut tx, now, &seen, &request.id).await?;
        let due = store::outcome_due(&mut tx, &request.agent).await.map_err(storage)?;
        if let Some(task) = due.filter(|task| *task != row.id) {
            return Err(refused("outcome_missing", "say first what came of the last attempt", "task", &task));
        }
        let times = (now, now + CLAIM);
        if !store::claim(&mut tx, &row.id, &request.agent, times).await.map_err(storage)? {
            let row = find(&mut tx, now, &seen, &request.id).await?;
            return Err(taken(&row));
        }
        done(tx, now, &seen, &row.id).await
    }

    pub(crate) async fn release(&self, request: CallbackRequest) -> Answer<Callback> {
        let (now, seen) = (clock::now(), wire::seen(request.seen));
        let mut tx = self.begin(&request.tenant).await?;
        let row = find(&mut tx, now, &seen, &request.id).await?;
        let due = store::outcome_due(&mut tx, &request.agent).await.map_err(storage)?;
        if due.is_some_and(|task| task == row.id) {
            return Err(refused("outcome_missing", "say first what came of the attempt", "task", &row.id));
        }
        if !store::release(&mut tx, &row.id, &request.agent).await.map_err(storage)? {
            return Err(taken(&row));
        }
        done(tx, now, &seen, &row.id).await
    }

    pub(crate) async fn noted(&self, request: NoteAttemptRequest) -> Answer<Callback> {
        let (now, seen) = (clock::now(), wire::seen(request.seen));
        let mut tx = self.begin(&request.tenant).await?;
        let row = find(&mut tx, now, &seen, &request.id).await?;
        self.must_know(&tx, &request.disposition)?;
        let outcome =
            Outcome { agent: &request.agent, disposition: &request.disposition, note: some(&request.note) };
        let tried = store::note(&mut tx, &row.id, &outcome).await.map_err(storage)?;
        let open = row.state != "closed";
        match &tried[..] {
            [] if row.claimed_by.as_deref() != Some(outcome.agent) => return Err(taken(&row)),
            [] => {
                let id = AttemptId::new(now, random::u128()).to_string();
                let attempt = (request.reached, now);
                store::attempted(&mut tx, &id, &row.id, &outcome, attempt).await.map_err(storage)?;
                if request.reached {
                    store::close(&mut tx, &row.id, "called_back", &outcome, now).await.map_err(storage)?;
                } else {
                    store::release(&mut tx, &row.id, outcome.agent).await.map_err(storage)?;
                }
            }
            // The call's end lets the task go.
            tried if tried.contains(&None) => {}
            _ if open => drop(store::release(&mut tx, &row.id, outcome.agent).await.map_err(storage)?),
            _ => {}
        }
        done(tx, now, &seen, &row.id).await
    }

    pub(crate) async fn close(&self, request: CloseCallbackRequest) -> Answer<Callback> {
        let (now, seen) = (clock::now(), wire::seen(request.seen));
        let mut tx = self.begin(&request.tenant).await?;
        let row = find(&mut tx, now, &seen, &request.id).await?;
        self.must_know(&tx, &request.disposition)?;
        let others = row.claimed_by.as_deref().is_some_and(|by| by != request.agent);
        let outcome =
            Outcome { agent: &request.agent, disposition: &request.disposition, note: some(&request.note) };
        store::note(&mut tx, &row.id, &outcome).await.map_err(storage)?;
        if others || !store::close(&mut tx, &row.id, "by_hand", &outcome, now).await.map_err(storage)? {
            return Err(taken(&row));
        }
        done(tx, now, &seen, &row.id).await
    }

    pub(crate) async fn missed_calls(&self, request: ListMissedCallsRequest) -> Answer<ListMissedCallsReply> {
        let (limit, seen, now) = (page(request.limit), wire::seen(request.seen), clock::now());
        let untried_before = match request.untried_for_ms {
            0 => 0,
            span => now.millis() - span,
        };
        let (state, agent, cursor) = ("", "", request.cursor.as_str());
        let wanted = Wanted { state, queue: &request.queue, agent, cursor, limit: i64::from(limit) };
        let mut tx = self.begin(&request.tenant).await?;
        let rows = store::missed_calls(&mut tx, now, &seen, &wanted, untried_before).await;
        let rows = rows.map_err(storage)?;
        let next_cursor = next(&rows, limit, |row| &row.call);
        Ok(ListMissedCallsReply { calls: rows.into_iter().map(wire::missed).collect(), next_cursor })
    }

    pub(crate) async fn attempts(&self, request: ListAttemptsRequest) -> Answer<ListAttemptsReply> {
        let (limit, seen) = (page(request.limit), wire::seen(request.seen));
        let wanted = Wanted {
            state: "",
            queue: "",
            agent: &request.agent,
            cursor: &request.cursor,
            limit: i64::from(limit),
        };
        let mut tx = self.begin(&request.tenant).await?;
        let period = (request.from_ms, request.to_ms);
        let rows = store::attempts(&mut tx, &seen, &wanted, period).await.map_err(storage)?;
        let next_cursor = next(&rows, limit, |row| &row.id);
        Ok(ListAttemptsReply { attempts: rows.into_iter().map(wire::attempt).collect(), next_cursor })
    }

    /// An outcome is one of the company's dispositions.
    fn must_know(&self, tx: &TenantTx, disposition: &str) -> Answer<()> {
        match self.view.get::<Disposition>(tx.tenant(), Kind::Disposition, disposition) {
            Some(_) => Ok(()),
            None => {
                Err(invalid("disposition", "not_there", "is none of the company's dispositions", disposition))
            }
        }
    }
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

async fn find(tx: &mut TenantTx, now: Timestamp, seen: &Seen, id: &str) -> Answer<Row> {
    let row = store::task(tx, now, seen, id).await.map_err(storage)?;
    row.ok_or_else(|| Error::not_found(format!("no callback {id}")).into())
}

async fn done(mut tx: TenantTx, now: Timestamp, seen: &Seen, id: &str) -> Answer<Callback> {
    let row = find(&mut tx, now, seen, id).await?;
    tx.commit().await.map_err(storage)?;
    Ok(wire::task(row))
}

/// Why the agent cannot have the task.
fn taken(row: &Row) -> Status {
    match (&row.claimed_by, row.state.as_str()) {
        (_, "in_line") => refused("callback_in_line", "the queue calls the caller back", "task", &row.id),
        (_, "closed") => refused("callback_closed", "the callback is done already", "task", &row.id),
        (Some(by), _) => refused("callback_claimed", "a colleague has claimed the callback", "agent", by),
        (None, _) => refused("callback_unclaimed", "claim the callback first", "task", &row.id),
    }
}

fn refused(code: &str, message: &str, name: &str, value: &str) -> Status {
    let params = Params::from([(name.to_owned(), value.to_owned())]);
    told(Code::AlreadyExists, message, &Details { code: code.into(), params, faults: Vec::new() })
}

fn invalid(place: &str, code: &str, message: &str, name: &str) -> Status {
    let fault = Fault::new(place, code, message).with("kind", place).with("name", name);
    let details = Details { code: "invalid".into(), faults: vec![fault], ..Details::default() };
    told(Code::InvalidArgument, &format!("{place} {message}"), &details)
}

fn told(code: Code, message: &str, details: &Details) -> Status {
    Status::with_details(code, message, serde_json::to_vec(details).unwrap_or_default().into())
}
