//! What a supervisor does to an agent: a state, other skills, a word. All of
//! it is in the audit, and the agent's desk is told at once.

use super::{documents, note_with, sight::Sight};
use crate::{
    App,
    auth::{Caller, Permission},
    desk::{Told, Wish},
    problem::{Body, Path, Problem, Result},
};
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use types::config::Kind;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

const REASON_MAX: usize = 100;
const TEXT_MAX: usize = 1_000;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(set_state)).routes(routes!(set_skills)).routes(routes!(send_message))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewState {
    /// available (where a desk is open), aux or offline; during a call it is taken afterwards.
    state: String,
    /// Why, for aux.
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSkills {
    skills: Vec<NewSkill>,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSkill {
    name: String,
    /// 1 (beginner) to 10 (expert).
    level: u8,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMessage {
    text: String,
}

/// The agent, where the caller may act on them.
async fn agent(app: &App, caller: &Caller, id: &str) -> Result<proto::tenancy::v1::Document> {
    caller.may(Permission::Supervise)?;
    let agent = documents::get(app, caller, Kind::Agent, id).await?;
    Sight::of(app, caller).await?.must_see(id)?;
    Ok(agent)
}

#[utoipa::path(put, path = "/v1/agents/{id}/state", operation_id = "setAgentState", tag = "supervision",
    params(("id" = String, Path)), request_body = NewState, responses((status = 202)))]
async fn set_state(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<NewState>,
) -> Result<StatusCode> {
    agent(&app, &caller, &id).await?;
    if form.reason.len() > REASON_MAX {
        return Err(Problem::invalid("reason", "too_long", "is longer than 100 bytes"));
    }
    let wish = match form.state.as_str() {
        "available" => Wish::Available,
        "aux" => Wish::Aux(form.reason.clone()),
        "offline" => Wish::Offline,
        _ => return Err(Problem::invalid("state", "unknown", "is none of available, aux, offline")),
    };
    app.desks.force(caller.tenant(), &id, wish).map_err(not_now)?;
    let detail = json!({ "state": form.state, "reason": form.reason });
    note_with(&app, &caller, "supervisor.state", &format!("agent/{id}"), detail).await?;
    Ok(StatusCode::ACCEPTED)
}

fn not_now(why: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, why).coded("not_at_desk")
}

/// Other skills, and so other queues; the ACD follows within moments.
#[utoipa::path(put, path = "/v1/agents/{id}/skills", operation_id = "setAgentSkills", tag = "supervision",
    params(("id" = String, Path)), request_body = NewSkills, responses((status = 204)))]
async fn set_skills(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<NewSkills>,
) -> Result<StatusCode> {
    let stored = agent(&app, &caller, &id).await?;
    let mut body: Map<String, Value> = serde_json::from_str(&stored.body).map_err(Problem::internal)?;
    let skills = serde_json::to_value(&form.skills).map_err(Problem::internal)?;
    body.insert("skills".into(), skills.clone());
    documents::put(&app, &caller, Kind::Agent, &id, body, stored.version).await?;
    let names = form.skills.iter().map(|skill| skill.name.clone()).collect();
    app.desks.tell(&id, Told::Moved { by: caller.identity.name.clone(), skills: names });
    note_with(&app, &caller, "supervisor.skills", &format!("agent/{id}"), json!({ "skills": skills }))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A word to an agent whose desk is open.
#[utoipa::path(post, path = "/v1/agents/{id}/messages", operation_id = "sendAgentMessage", tag = "supervision",
    params(("id" = String, Path)), request_body = NewMessage, responses((status = 202)))]
async fn send_message(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<NewMessage>,
) -> Result<StatusCode> {
    agent(&app, &caller, &id).await?;
    let text = form.text.trim();
    if text.is_empty() || text.len() > TEXT_MAX {
        return Err(Problem::invalid("text", "length", "is not 1 to 1000 bytes"));
    }
    let at_ms = chassis::clock::now().millis();
    let message = Told::Message { from: caller.identity.name.clone(), text: text.to_owned(), at_ms };
    if !app.desks.tell(&id, message) {
        return Err(not_now("the agent has no desk open"));
    }
    note_with(&app, &caller, "supervisor.message", &format!("agent/{id}"), json!({ "text": text })).await?;
    Ok(StatusCode::ACCEPTED)
}
