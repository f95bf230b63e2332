//! What callers came for: interactions.

use super::{
    Page,
    sight::{self, Sight},
    some,
};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Path, Problem, Query, Result},
};
use axum::{Json, extract::State};
use http::StatusCode;
use proto::{crm::v1 as wire, telephony::v1::HangUpRequest};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_calls)).routes(routes!(get_call)).routes(routes!(hang_up_call))
}

/// One call as history knows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Interaction {
    id: String,
    call: String,
    contact: Option<String>,
    contact_name: Option<String>,
    /// inbound, outbound (an agent called a number) or internal (a colleague).
    direction: String,
    /// Who called; for a call that an agent placed what the other side was shown.
    from: String,
    /// What was dialled: a number, or for an internal call the agent's id.
    to: String,
    /// The company's number that was dialled; empty for calls that agents place.
    did: String,
    did_label: String,
    /// Keys pressed on the way, such as 1→3.
    path: String,
    /// What the contact is about.
    category: Option<String>,
    queue: Option<String>,
    agent: Option<String>,
    disposition: Option<String>,
    note: Option<String>,
    recording: Option<String>,
    started_at_ms: i64,
    /// Absent while it goes on.
    ended_at_ms: Option<i64>,
    wait_ms: i64,
    talk_ms: i64,
    hold_ms: i64,
    /// answered, abandoned, self_served, of calls that agents place answered or
    /// unanswered; absent while it goes on.
    outcome: Option<String>,
    /// Where it was when it ended.
    stage: String,
    /// Whom the ACD offered the call and why, oldest first; of one call alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    offers: Vec<CallOffer>,
    /// How well the parties were heard; of one call alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    legs: Vec<CallLeg>,
    /// When nothing was heard of a party that somebody should have heard; of one
    /// call alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    silences: Vec<CallSilence>,
}

/// A time in which nothing came from a party.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CallSilence {
    /// An agent's id or a number; absent: who called.
    who: Option<String>,
    began_at_ms: i64,
    /// Absent: it has not ended yet.
    ended_at_ms: Option<i64>,
}

impl From<wire::CallSilence> for CallSilence {
    fn from(from: wire::CallSilence) -> CallSilence {
        let ended_at_ms = Some(from.ended_at_ms).filter(|at| *at > 0);
        CallSilence { who: some(from.who), began_at_ms: from.began_at_ms, ended_at_ms }
    }
}

/// One party of a call, from its first packet to its last.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CallLeg {
    /// An agent's id or a number; absent: who called.
    who: Option<String>,
    /// Packets that came from the party, and that went to it.
    received: u64,
    sent: u64,
    /// What we heard of the party; absent: nothing came.
    near: Option<LegHeard>,
    /// What the party says it heard of us; absent: it does not say.
    far: Option<LegHeard>,
    round_trip_ms: Option<f64>,
}

/// What the packets of one direction say.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LegHeard {
    lost: u64,
    jitter_ms: f64,
    /// Mean opinion score, 1 (bad) to 4.5, estimated by the E-model (ITU-T G.107).
    mos: f64,
}

impl From<wire::CallLeg> for CallLeg {
    fn from(from: wire::CallLeg) -> CallLeg {
        let heard =
            |of: wire::call_leg::Heard| LegHeard { lost: of.lost, jitter_ms: of.jitter_ms, mos: of.mos };
        CallLeg {
            who: some(from.who),
            received: from.received,
            sent: from.sent,
            near: from.near.map(heard),
            far: from.far.map(heard),
            round_trip_ms: from.round_trip_ms,
        }
    }
}

/// An offer of a call to an agent, with the ACD's reasons.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CallOffer {
    agent: String,
    queue: String,
    at_ms: i64,
    attempt: u32,
    /// What decided: only_free, preferred, assigned, picked, penalty, skill,
    /// longest_idle, round_robin, least_calls, least_talk, order, chance or ring_all.
    rule: String,
    /// The skill that decided, by the rule skill.
    skill: Option<String>,
    /// What was asked of agents after this wait.
    needs: Vec<SkillLevel>,
    /// How many agents were free and suited.
    free: u32,
    /// The best of them, the chosen one first.
    candidates: Vec<OfferCandidate>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SkillLevel {
    name: String,
    level: u32,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct OfferCandidate {
    agent: String,
    penalty: u32,
    skills: Vec<SkillLevel>,
    /// What the queue's strategy counts; lower comes first.
    score: u64,
    idle_ms: i64,
}

fn levels(skills: Vec<wire::offer::Skill>) -> Vec<SkillLevel> {
    skills.into_iter().map(|skill| SkillLevel { name: skill.name, level: skill.level }).collect()
}

impl From<wire::Offer> for CallOffer {
    fn from(from: wire::Offer) -> CallOffer {
        let candidate = |of: wire::offer::Candidate| OfferCandidate {
            agent: of.agent,
            penalty: of.penalty,
            skills: levels(of.skills),
            score: of.score,
            idle_ms: of.idle_ms,
        };
        CallOffer {
            agent: from.agent,
            queue: from.queue,
            at_ms: from.at_ms,
            attempt: from.attempt,
            rule: from.rule,
            skill: some(from.skill),
            needs: levels(from.needs),
            free: from.free,
            candidates: from.candidates.into_iter().map(candidate).collect(),
        }
    }
}

impl From<wire::Interaction> for Interaction {
    fn from(from: wire::Interaction) -> Interaction {
        Interaction {
            id: from.id,
            call: from.call,
            contact: some(from.contact),
            contact_name: some(from.contact_name),
            direction: from.direction,
            from: from.from,
            to: from.to,
            did: from.did,
            did_label: from.did_label,
            path: from.path,
            category: some(from.category),
            queue: some(from.queue),
            agent: some(from.agent),
            disposition: some(from.disposition),
            note: some(from.note),
            recording: some(from.recording),
            started_at_ms: from.started_at_ms,
            ended_at_ms: Some(from.ended_at_ms).filter(|at| *at > 0),
            wait_ms: from.wait_ms,
            talk_ms: from.talk_ms,
            hold_ms: from.hold_ms,
            outcome: some(from.outcome),
            stage: from.stage,
            offers: from.offers.into_iter().map(CallOffer::from).collect(),
            legs: from.legs.into_iter().map(CallLeg::from).collect(),
            silences: from.silences.into_iter().map(CallSilence::from).collect(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Calls {
    items: Vec<Interaction>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Of this contact.
    #[serde(default)]
    contact: String,
    /// Of this agent; who may see only their own need not say so.
    #[serde(default)]
    agent: String,
    /// About this category.
    #[serde(default)]
    category: String,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    limit: Option<u32>,
}

/// The agent whose calls are shown: any with the permission, else one's own.
fn visible(caller: &Caller, wanted: String) -> Result<String> {
    if caller.has(Permission::CallsRead) {
        return Ok(wanted);
    }
    caller.may(Permission::CallsOwn)?;
    let own = &caller.identity.agent;
    match wanted.is_empty() || wanted == *own {
        true if !own.is_empty() => Ok(own.clone()),
        _ => Err(Problem::forbidden("you may see your own calls only").coded("own_calls_only")),
    }
}

/// Calls, newest first.
#[utoipa::path(get, path = "/v1/calls", operation_id = "listCalls", tag = "calls", params(Which),
    responses((status = 200, body = Calls)))]
async fn list_calls(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Calls>> {
    let page = Page { cursor: which.cursor, limit: which.limit };
    let agent = visible(&caller, which.agent)?;
    let agents = match Sight::of(&app, &caller).await? {
        Sight::Company => Vec::new(),
        Sight::Part(part) => part.agents.into_iter().collect(),
    };
    let request = wire::ListInteractionsRequest {
        tenant: caller.tenant().into(),
        agent,
        agents,
        contact: which.contact,
        category: which.category,
        limit: page.limit(),
        cursor: page.cursor,
    };
    let reply = app.crm().list_interactions(request).await?.into_inner();
    let items = reply.interactions.into_iter().map(Interaction::from).collect();
    Ok(Json(Calls { items, next_cursor: some(reply.next_cursor) }))
}

/// By the call's or the interaction's id.
#[utoipa::path(get, path = "/v1/calls/{id}", operation_id = "getCall", tag = "calls",
    params(("id" = String, Path)), responses((status = 200, body = Interaction)))]
async fn get_call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Interaction>> {
    let only = visible(&caller, String::new())?;
    let request = wire::GetInteractionRequest { tenant: caller.tenant().into(), id: id.clone() };
    let found = app.crm().get_interaction(request).await?.into_inner();
    let sight = Sight::of(&app, &caller).await?;
    if !only.is_empty() && found.agent != only || !sight.interaction(&found) {
        return Err(Problem::not_found(format!("no call {id}")));
    }
    Ok(Json(found.into()))
}

/// Ends a call that goes on.
#[utoipa::path(delete, path = "/v1/calls/{id}", operation_id = "hangUpCall", tag = "calls",
    params(("id" = String, Path)), responses((status = 204)))]
async fn hang_up_call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    caller.may(Permission::CallsRead)?;
    caller.may(Permission::TestCalls)?;
    sight::sees_call(&app, &caller, &id).await?;
    let request = HangUpRequest { tenant: caller.tenant().into(), call: id.clone() };
    match app.telephony().hang_up(request).await?.into_inner().found {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found(format!("no call {id} goes on"))),
    }
}
