//! Whom to call back: tasks grown from calls that did not get through.

use super::{
    Page,
    call_control::own_agent,
    documents, recordings,
    sight::{self, Sight},
    some,
};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, Path, Problem, Query, Result},
};
use axum::{Json, extract::State, response::Response};
use http::HeaderMap;
use proto::crm::v1 as wire;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::config::Kind;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

const DAY_MS: i64 = 24 * 3_600_000;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_callbacks))
        .routes(routes!(get_callback))
        .routes(routes!(claim_callback))
        .routes(routes!(release_callback))
        .routes(routes!(note_callback))
        .routes(routes!(close_callback))
        .routes(routes!(message))
        .routes(routes!(list_missed_calls))
        .routes(routes!(list_attempts))
}

/// A task to call somebody back.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Callback {
    id: String,
    number: String,
    contact: Option<String>,
    contact_name: Option<String>,
    /// open, claimed or closed; in_line: the queue calls back when the turn comes.
    state: String,
    /// Of the last call that did not get through.
    queue: Option<String>,
    did: String,
    did_label: String,
    /// Where that call was lost: arriving, greeting, menu, queue or ringing.
    stage: String,
    wait_ms: i64,
    /// Calls that did not get through.
    missed: u32,
    first_at_ms: i64,
    last_at_ms: i64,
    claimed_by: Option<String>,
    /// Then others may claim it.
    claimed_until_ms: Option<i64>,
    attempts: u32,
    closed_at_ms: Option<i64>,
    /// called_again: the caller got through; called_back: an agent reached the caller; by_hand.
    closed_how: Option<String>,
    closed_by: Option<String>,
    disposition: Option<String>,
    note: Option<String>,
    /// The caller asked to be called back.
    asked: bool,
    /// The caller left a message: `/v1/callbacks/{id}/audio`.
    message: bool,
    /// Newest first; of one task alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<MissedCall>,
    /// Newest first; of one task alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tries: Vec<Attempt>,
}

impl From<wire::Callback> for Callback {
    fn from(from: wire::Callback) -> Callback {
        let claimed = !from.claimed_by.is_empty();
        Callback {
            id: from.id,
            number: from.number,
            contact: some(from.contact),
            contact_name: some(from.contact_name),
            state: from.state,
            queue: some(from.queue),
            did: from.did,
            did_label: from.did_label,
            stage: from.stage,
            wait_ms: from.wait_ms,
            missed: from.missed,
            first_at_ms: from.first_at_ms,
            last_at_ms: from.last_at_ms,
            claimed_by: some(from.claimed_by),
            claimed_until_ms: claimed.then_some(from.claimed_until_ms),
            attempts: from.attempts,
            closed_at_ms: Some(from.closed_at_ms).filter(|at| *at > 0),
            closed_how: some(from.closed_how),
            closed_by: some(from.closed_by),
            disposition: some(from.disposition),
            note: some(from.note),
            asked: from.asked,
            message: !from.message.is_empty(),
            calls: from.calls.into_iter().map(MissedCall::from).collect(),
            tries: from.tries.into_iter().map(Attempt::from).collect(),
        }
    }
}

/// A call that ended before an agent answered.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct MissedCall {
    call: String,
    from: String,
    contact: Option<String>,
    contact_name: Option<String>,
    did: String,
    did_label: String,
    queue: Option<String>,
    /// Where it was lost: arriving, greeting, menu, queue or ringing.
    stage: String,
    wait_ms: i64,
    at_ms: i64,
    /// The task; absent where there is no number to call.
    callback: Option<String>,
    /// open, claimed, closed or in_line; none: there is no task.
    callback_state: String,
    /// lost, asked (to be called back) or message.
    what: String,
    closed_how: Option<String>,
    attempts: u32,
}

impl From<wire::MissedCall> for MissedCall {
    fn from(from: wire::MissedCall) -> MissedCall {
        MissedCall {
            call: from.call,
            from: from.from,
            contact: some(from.contact),
            contact_name: some(from.contact_name),
            did: from.did,
            did_label: from.did_label,
            queue: some(from.queue),
            stage: from.stage,
            wait_ms: from.wait_ms,
            at_ms: from.at_ms,
            callback: some(from.callback),
            callback_state: from.callback_state,
            what: from.what,
            closed_how: some(from.closed_how),
            attempts: from.attempts,
        }
    }
}

/// An attempt to call back.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Attempt {
    id: String,
    callback: String,
    number: String,
    /// Absent: not by the platform.
    call: Option<String>,
    agent: String,
    at_ms: i64,
    /// reached, not_reached, or calling while that is open.
    result: String,
    disposition: Option<String>,
    note: Option<String>,
}

impl From<wire::Attempt> for Attempt {
    fn from(from: wire::Attempt) -> Attempt {
        Attempt {
            id: from.id,
            callback: from.callback,
            number: from.number,
            call: some(from.call),
            agent: from.agent,
            at_ms: from.at_ms,
            result: from.result,
            disposition: some(from.disposition),
            note: some(from.note),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Callbacks {
    items: Vec<Callback>,
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct MissedCalls {
    items: Vec<MissedCall>,
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Attempts {
    items: Vec<Attempt>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// open, claimed, closed, or mine: claimed by oneself, or waiting for the
    /// outcome of one's attempt. Not given: open and claimed.
    #[serde(default)]
    state: String,
    #[serde(default)]
    queue: String,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    limit: Option<u32>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Missed {
    #[serde(default)]
    queue: String,
    /// Those alone that nobody tried to call back within 24 hours.
    #[serde(default)]
    overdue: bool,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    limit: Option<u32>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Period {
    /// Milliseconds since 1970, the end not included; absent: from the first to the last.
    from: Option<i64>,
    to: Option<i64>,
    /// Of this agent.
    #[serde(default)]
    agent: String,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    limit: Option<u32>,
}

/// What came of an attempt.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Outcome {
    disposition: String,
    #[serde(default)]
    note: String,
    /// Whether the caller was reached, where the attempt was not a call of the platform.
    #[serde(default)]
    reached: bool,
}

/// Why a task is done without a call.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Closing {
    disposition: String,
    #[serde(default)]
    note: String,
}

// ── who sees what ───────────────────────────────────────────────────────────

#[derive(Deserialize)]
struct Server {
    #[serde(default)]
    skills: Vec<types::Skill>,
}

/// Whoever sees all calls sees all tasks, a head those of the department's
/// queues, an agent those of the queues that they serve; what came to no queue
/// is everybody's.
async fn seen(app: &App, caller: &Caller) -> Result<wire::Seen> {
    let of = |queues: Vec<String>| wire::Seen { all: false, queues };
    match Sight::of(app, caller).await? {
        Sight::Part(part) => return Ok(of(part.queues.into_iter().collect())),
        Sight::Company if caller.has(Permission::CallsRead) => {
            return Ok(wire::Seen { all: true, queues: Vec::new() });
        }
        Sight::Company => {}
    }
    caller.may(Permission::CallsOwn)?;
    let own = &caller.identity.agent;
    let agents = documents::all::<Server>(app, caller, Kind::Agent).await?;
    let queues = documents::all::<sight::Queue>(app, caller, Kind::Queue).await?;
    let Some(agent) = agents.get(own) else { return Ok(of(Vec::new())) };
    let served = queues.into_iter().filter(|(_, queue)| queue.takes(own, &agent.skills));
    Ok(of(served.map(|(id, _)| id).collect()))
}

/// Looks at calls, whoever it is.
fn may_look(caller: &Caller) -> Result<()> {
    if caller.has(Permission::CallsRead) { Ok(()) } else { caller.may(Permission::CallsOwn) }
}

async fn asks(app: &App, caller: &Caller, id: String) -> Result<wire::CallbackRequest> {
    let agent = own_agent(caller)?;
    Ok(wire::CallbackRequest {
        tenant: caller.tenant().into(),
        seen: Some(seen(app, caller).await?),
        id,
        agent,
    })
}

/// Claims the task that a call is to be made for.
pub(crate) async fn claim_for(app: &App, caller: &Caller, id: &str) -> Result<()> {
    let request = asks(app, caller, id.to_owned()).await?;
    app.crm().claim_callback(request).await?;
    Ok(())
}

// ── the doors ───────────────────────────────────────────────────────────────

/// Who waits longest to be called back first; closed ones newest first.
#[utoipa::path(get, path = "/v1/callbacks", operation_id = "listCallbacks", tag = "callbacks", params(Which),
    responses((status = 200, body = Callbacks)))]
async fn list_callbacks(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Callbacks>> {
    may_look(&caller)?;
    if !["", "open", "claimed", "closed", "mine"].contains(&which.state.as_str()) {
        return Err(Problem::invalid("state", "unknown", "is open, claimed, closed or mine"));
    }
    let page = Page { cursor: which.cursor, limit: which.limit };
    let request = wire::ListCallbacksRequest {
        tenant: caller.tenant().into(),
        seen: Some(seen(&app, &caller).await?),
        state: which.state,
        queue: which.queue,
        agent: caller.identity.agent.clone(),
        limit: page.limit(),
        cursor: page.cursor,
    };
    let reply = app.crm().list_callbacks(request).await?.into_inner();
    let items = reply.callbacks.into_iter().map(Callback::from).collect();
    Ok(Json(Callbacks { items, next_cursor: some(reply.next_cursor) }))
}

/// With its calls and attempts.
#[utoipa::path(get, path = "/v1/callbacks/{id}", operation_id = "getCallback", tag = "callbacks",
    params(("id" = String, Path)), responses((status = 200, body = Callback)))]
async fn get_callback(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Callback>> {
    may_look(&caller)?;
    let (tenant, agent) = (caller.tenant().into(), caller.identity.agent.clone());
    let request = wire::CallbackRequest { tenant, seen: Some(seen(&app, &caller).await?), id, agent };
    Ok(Json(app.crm().get_callback(request).await?.into_inner().into()))
}

/// The last message that the caller left, as WAV; `Range` as players send it.
#[utoipa::path(get, path = "/v1/callbacks/{id}/audio", operation_id = "getCallbackMessage", tag = "callbacks",
    params(("id" = String, Path)),
    responses((status = 200, content_type = "audio/wav", body = Vec<u8>),
              (status = 206, content_type = "audio/wav", body = Vec<u8>), (status = 416)))]
async fn message(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    may_look(&caller)?;
    let (tenant, agent) = (caller.tenant().into(), caller.identity.agent.clone());
    let seen = Some(seen(&app, &caller).await?);
    let request = wire::CallbackRequest { tenant, seen, id: id.clone(), agent };
    let task = app.crm().get_callback(request).await?.into_inner();
    if task.message.is_empty() {
        return Err(Problem::not_found(format!("callback {id} has no message")));
    }
    recordings::sound(&app, &caller, task.message, &headers).await
}

/// Takes the task for half an hour; of two who try exactly one gets it, the
/// other a conflict that says who did.
#[utoipa::path(post, path = "/v1/callbacks/{id}/claim", operation_id = "claimCallback", tag = "callbacks",
    params(("id" = String, Path)), responses((status = 200, body = Callback)))]
async fn claim_callback(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Callback>> {
    let request = asks(&app, &caller, id).await?;
    Ok(Json(app.crm().claim_callback(request).await?.into_inner().into()))
}

/// Gives the task back.
#[utoipa::path(post, path = "/v1/callbacks/{id}/release", operation_id = "releaseCallback", tag = "callbacks",
    params(("id" = String, Path)), responses((status = 200, body = Callback)))]
async fn release_callback(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Callback>> {
    let request = asks(&app, &caller, id).await?;
    Ok(Json(app.crm().release_callback(request).await?.into_inner().into()))
}

/// What came of one's attempt. Who was not reached may be claimed again.
#[utoipa::path(post, path = "/v1/callbacks/{id}/outcome", operation_id = "noteCallback", tag = "callbacks",
    params(("id" = String, Path)), request_body = Outcome, responses((status = 200, body = Callback)))]
async fn note_callback(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(outcome): Body<Outcome>,
) -> Result<Json<Callback>> {
    let wire::CallbackRequest { tenant, seen, id, agent } = asks(&app, &caller, id).await?;
    let Outcome { disposition, note, reached } = outcome;
    let request = wire::NoteAttemptRequest { tenant, seen, id, agent, reached, disposition, note };
    Ok(Json(app.crm().note_attempt(request).await?.into_inner().into()))
}

/// Done without a call, such as a wrong number.
#[utoipa::path(post, path = "/v1/callbacks/{id}/close", operation_id = "closeCallback", tag = "callbacks",
    params(("id" = String, Path)), request_body = Closing, responses((status = 200, body = Callback)))]
async fn close_callback(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(closing): Body<Closing>,
) -> Result<Json<Callback>> {
    let wire::CallbackRequest { tenant, seen, id, agent } = asks(&app, &caller, id).await?;
    let Closing { disposition, note } = closing;
    let request = wire::CloseCallbackRequest { tenant, seen, id, agent, disposition, note };
    Ok(Json(app.crm().close_callback(request).await?.into_inner().into()))
}

/// Calls that ended before an agent answered, newest first, with what was done about them.
#[utoipa::path(get, path = "/v1/missed-calls", operation_id = "listMissedCalls", tag = "callbacks", params(Missed),
    responses((status = 200, body = MissedCalls)))]
async fn list_missed_calls(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(which): Query<Missed>,
) -> Result<Json<MissedCalls>> {
    may_look(&caller)?;
    let page = Page { cursor: which.cursor, limit: which.limit };
    let request = wire::ListMissedCallsRequest {
        tenant: caller.tenant().into(),
        seen: Some(seen(&app, &caller).await?),
        queue: which.queue,
        untried_for_ms: if which.overdue { DAY_MS } else { 0 },
        limit: page.limit(),
        cursor: page.cursor,
    };
    let reply = app.crm().list_missed_calls(request).await?.into_inner();
    let items = reply.calls.into_iter().map(MissedCall::from).collect();
    Ok(Json(MissedCalls { items, next_cursor: some(reply.next_cursor) }))
}

/// Attempts to call back, newest first: reached or not, and what came of them.
#[utoipa::path(get, path = "/v1/callback-attempts", operation_id = "listCallbackAttempts", tag = "callbacks",
    params(Period), responses((status = 200, body = Attempts)))]
async fn list_attempts(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(period): Query<Period>,
) -> Result<Json<Attempts>> {
    may_look(&caller)?;
    let page = Page { cursor: period.cursor, limit: period.limit };
    let request = wire::ListAttemptsRequest {
        tenant: caller.tenant().into(),
        seen: Some(seen(&app, &caller).await?),
        agent: period.agent,
        from_ms: period.from.unwrap_or(0),
        to_ms: period.to.unwrap_or(i64::MAX),
        limit: page.limit(),
        cursor: page.cursor,
    };
    let reply = app.crm().list_attempts(request).await?.into_inner();
    let items = reply.attempts.into_iter().map(Attempt::from).collect();
    Ok(Json(Attempts { items, next_cursor: some(reply.next_cursor) }))
}
