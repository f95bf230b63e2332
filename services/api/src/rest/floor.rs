//! What is done by hand to callers who wait.

use super::{call_control::own_agent, documents, note_with, sight::Sight};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, Path, Problem, Result},
};
use axum::extract::State;
use http::StatusCode;
use proto::{
    acd::v1::{AssignRequest, assign_request::Word},
    crm::v1::GetInteractionRequest,
};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tonic::Code;
use types::config::Kind;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(assign_call)).routes(routes!(pick_up_call))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Assignment {
    /// Who is to take the caller; absent: whoever asks.
    #[serde(default)]
    agent: Option<String>,
}

/// Gives a waiting caller to one agent, whatever the place in the queue: it
/// rings there and nowhere else. Without an answer the caller is back at the
/// old place.
#[utoipa::path(post, path = "/v1/calls/{id}/assignment", operation_id = "assignCall", tag = "supervision",
    params(("id" = String, Path)), request_body = Assignment, responses((status = 202)))]
async fn assign_call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(assignment): Body<Assignment>,
) -> Result<StatusCode> {
    caller.may(Permission::Supervise)?;
    let own = assignment.agent.is_none();
    let agent = match assignment.agent {
        Some(agent) => {
            documents::get(&app, &caller, Kind::Agent, &agent).await?;
            Sight::of(&app, &caller).await?.must_see(&agent)?;
            agent
        }
        None => own_agent(&caller)?,
    };
    sees_waiting(&app, &caller, &id).await?;
    let request = AssignRequest {
        tenant: caller.tenant().into(),
        call: id.clone(),
        agent: agent.clone(),
        word: if own { Word::Taken } else { Word::Given }.into(),
        by: caller.identity.name.clone(),
    };
    refused(&app.floor().assign(request).await?.into_inner().refused)?;
    let action = if own { "supervisor.take" } else { "supervisor.assign" };
    note_with(&app, &caller, action, &format!("call/{id}"), json!({ "agent": agent })).await?;
    Ok(StatusCode::ACCEPTED)
}

/// An agent picks up a caller who waits in a queue that the agent serves,
/// whether nobody has been asked yet or it rings at a colleague, whose phone
/// stops ringing. Of several who pick the first has the caller, the others get
/// 409 `taken`; 403 `not_your_queue` for queues of others.
#[utoipa::path(post, path = "/v1/calls/{id}/pickup", operation_id = "pickUpCall", tag = "calls",
    params(("id" = String, Path)), responses((status = 202)))]
async fn pick_up_call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    let agent = own_agent(&caller)?;
    goes_on(&app, &caller, &id).await?;
    let request = AssignRequest {
        tenant: caller.tenant().into(),
        call: id,
        agent,
        word: Word::Picked.into(),
        by: String::new(),
    };
    refused(&app.floor().assign(request).await?.into_inner().refused)?;
    Ok(StatusCode::ACCEPTED)
}

/// Calls of others are not there; the ACD judges by the queue.
async fn goes_on(app: &App, caller: &Caller, call: &str) -> Result<()> {
    let request = GetInteractionRequest { tenant: caller.tenant().into(), id: call.into() };
    match app.crm().get_interaction(request).await {
        Err(status) if status.code() != Code::Unavailable => Err(status.into()),
        _ => Ok(()),
    }
}

/// Whoever sees the whole company takes callers also while the history is away.
async fn sees_waiting(app: &App, caller: &Caller, call: &str) -> Result<()> {
    let sight = Sight::of(app, caller).await?;
    let request = GetInteractionRequest { tenant: caller.tenant().into(), id: call.into() };
    match app.crm().get_interaction(request).await {
        Ok(found) if sight.interaction(found.get_ref()) => Ok(()),
        Ok(_) => Err(Problem::not_found(format!("no call {call} goes on"))),
        Err(status) if status.code() == Code::Unavailable && sight == Sight::Company => Ok(()),
        Err(status) => Err(status.into()),
    }
}

fn refused(why: &str) -> Result<()> {
    let not_now = |code: &str, detail: &str| Err(Problem::new(StatusCode::CONFLICT, detail).coded(code));
    match why {
        "" => Ok(()),
        "not_waiting" => not_now("not_waiting", "the caller does not wait in a queue"),
        "offline" | "no_agent" => not_now("agent_offline", "the agent is not signed in"),
        "not_available" => not_now("agent_away", "the agent is on a break"),
        "busy" => not_now("agent_busy", "the agent has another call"),
        "taken" => not_now("taken", "a colleague was faster and has the caller"),
        "not_yours" => {
            Err(Problem::forbidden("the caller waits in a queue that you do not serve")
                .coded("not_your_queue"))
        }
        _ => Err(Problem::unavailable("the queues are being taken up again; try again")),
    }
}
