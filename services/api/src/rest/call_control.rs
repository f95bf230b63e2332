//! Calls in the making and going on: placed, handed over, supervised.

use super::{callbacks::claim_for, documents, note, sight};
use crate::{
    App,
    auth::{Caller, Permission},
    desk::{Target, Told},
    problem::{Body, Path, Problem, Result},
};
use axum::{Json, extract::State};
use http::StatusCode;
use proto::{
    crm::v1::GetInteractionRequest,
    line::v1::{Command, Empty, command::What},
    telephony::v1::{CommandRequest, PlaceRequest, SuperviseRequest},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::config::{Kind, Tenant};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(place_call))
        .routes(routes!(command_call))
        .routes(routes!(supervise_call))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Placed {
    to: Target,
    /// The agent whose line rings first; absent: one's own. An API key names one.
    #[serde(default)]
    agent: Option<String>,
    /// The callback that the call is made for; it is claimed where nobody has.
    #[serde(default)]
    callback: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct CallId {
    call: String,
}

/// What the agent who leads a call wants of its parties.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Wanted {
    /// Without asking first; the caller hears music until somebody answers.
    Transfer { to: Target },
    /// Talk with somebody while the caller hears music.
    Consult { to: Target },
    /// Add somebody to those who talk.
    Invite { to: Target },
    /// Caller and consulted party change places.
    Swap,
    /// The consulted party gets the caller.
    Complete,
    /// The consultation, or a transfer that rings, is off.
    Cancel,
    /// Caller, consulted party and agent talk together.
    Conference,
    /// A party is out; by its leg.
    Remove { party: String },
}

impl From<Wanted> for What {
    fn from(wanted: Wanted) -> What {
        match wanted {
            Wanted::Transfer { to } => What::Transfer(to.into()),
            Wanted::Consult { to } => What::Consult(to.into()),
            Wanted::Invite { to } => What::Invite(to.into()),
            Wanted::Swap => What::Swap(Empty {}),
            Wanted::Complete => What::Complete(Empty {}),
            Wanted::Cancel => What::Cancel(Empty {}),
            Wanted::Conference => What::Conference(Empty {}),
            Wanted::Remove { party } => What::Remove(party),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Supervision {
    how: How,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    /// Nobody hears the supervisor.
    Listen,
    /// The agent alone hears the supervisor.
    Whisper,
    /// Everybody hears the supervisor.
    Barge,
    /// The supervisor gets the call, the agent is out.
    TakeOver,
}

impl How {
    fn name(&self) -> &'static str {
        match self {
            How::Listen => "listen",
            How::Whisper => "whisper",
            How::Barge => "barge",
            How::TakeOver => "take_over",
        }
    }
}

/// The agent that the caller is.
pub(super) fn own_agent(caller: &Caller) -> Result<String> {
    caller.may(Permission::Desk)?;
    let own = &caller.identity.agent;
    if own.is_empty() { Err(Problem::forbidden("this is for agents")) } else { Ok(own.clone()) }
}

/// Calls a number or a colleague: the agent's line rings first.
#[utoipa::path(post, path = "/v1/calls", operation_id = "placeCall", tag = "calls",
    request_body = Placed, responses((status = 201, body = CallId)))]
async fn place_call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(placed): Body<Placed>,
) -> Result<(StatusCode, Json<CallId>)> {
    caller.may(Permission::Desk)?;
    let agent = match placed.agent {
        Some(agent) if caller.is_api_key() || agent == caller.identity.agent => agent,
        Some(_) => return Err(Problem::forbidden("a person calls from their own line")),
        None => own_agent(&caller)?,
    };
    if let Some(task) = &placed.callback {
        claim_for(&app, &caller, task).await?;
    }
    let callback = placed.callback.unwrap_or_default();
    let request =
        PlaceRequest { tenant: caller.tenant().into(), agent, to: Some(placed.to.into()), callback };
    let call = app.telephony().place(request).await?.into_inner().call;
    Ok((StatusCode::CREATED, Json(CallId { call })))
}

/// Transfer, consultation, conference, for the agent who leads the call.
#[utoipa::path(post, path = "/v1/calls/{id}/commands", operation_id = "commandCall", tag = "calls",
    params(("id" = String, Path)), request_body = Wanted, responses((status = 202)))]
async fn command_call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wanted): Body<Wanted>,
) -> Result<StatusCode> {
    let agent = own_agent(&caller)?;
    let command = Some(Command { what: Some(wanted.into()) });
    let request = CommandRequest { tenant: caller.tenant().into(), call: id.clone(), agent, command };
    match app.telephony().command(request).await?.into_inner().found {
        true => Ok(StatusCode::ACCEPTED),
        false => Err(Problem::not_found(format!("no call {id} goes on"))),
    }
}

/// Listens, whispers, joins in or takes over: the supervisor's line rings, and
/// again another way where the supervisor is in the call already. It is written
/// into the call's facts.
#[utoipa::path(post, path = "/v1/calls/{id}/supervision", operation_id = "superviseCall", tag = "calls",
    params(("id" = String, Path)), request_body = Supervision, responses((status = 202)))]
async fn supervise_call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(supervision): Body<Supervision>,
) -> Result<StatusCode> {
    supervise(&app, &caller, &id, supervision.how.name()).await?;
    Ok(StatusCode::ACCEPTED)
}

/// By REST and by the desk alike: whoever may supervise, in calls that they see.
pub(crate) async fn supervise(app: &App, caller: &Caller, call: &str, how: &str) -> Result<()> {
    caller.may(Permission::Supervise)?;
    let agent = own_agent(caller)?;
    sight::sees_call(app, caller, call).await?;
    let hears_of_it = match how == How::Listen.name() {
        true => who_hears_of_listening(app, caller, call).await?,
        false => None,
    };
    let request =
        SuperviseRequest { tenant: caller.tenant().into(), call: call.into(), agent, how: how.into() };
    if !app.telephony().supervise(request).await?.into_inner().found {
        return Err(Problem::not_found(format!("no call {call} goes on")));
    }
    if let Some(agent) = hears_of_it {
        app.desks.tell(&agent, Told::Listened { call: call.into(), by: caller.identity.name.clone() });
    }
    note(app, caller, &format!("supervisor.{how}"), &format!("call/{call}")).await
}

/// The agent of the call, where the company wants its agents to know; it must
/// be clear who that is before anybody listens.
async fn who_hears_of_listening(app: &App, caller: &Caller, call: &str) -> Result<Option<String>> {
    let company = documents::get(app, caller, Kind::Tenant, caller.tenant()).await?;
    let company: Tenant = serde_json::from_str(&company.body).map_err(Problem::internal)?;
    if !company.listening_notice {
        return Ok(None);
    }
    let request = GetInteractionRequest { tenant: caller.tenant().into(), id: call.into() };
    let agent = app.crm().get_interaction(request).await?.into_inner().agent;
    if agent.is_empty() {
        let nobody = Problem::new(StatusCode::CONFLICT, "it is not known yet who talks with the caller");
        return Err(nobody.coded("agent_unknown"));
    }
    Ok(Some(agent))
}
