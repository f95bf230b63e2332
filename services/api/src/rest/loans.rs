//! Agents lent to another queue until a time: who could be, how busy their
//! department is, and who is.

use super::{
    documents, note_with,
    sight::{Queue, Sight},
};
use crate::{
    App,
    auth::{Caller, Permission},
    desk::Told,
    problem::{Body, Path, Problem, Result},
};
use axum::{Json, extract::State};
use http::StatusCode;
use proto::{
    analytics::v1 as figures,
    tenancy::v1::{DeleteRequest, Document},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use types::{
    Millis, Timestamp,
    config::{self, Kind},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Agents of one loan.
const AGENTS_MAX: usize = 100;
const LASTS_MAX: Millis = 7 * 24 * 3_600_000;
/// How busy a department was: over so long.
const LOOKED_BACK: Millis = 3_600_000;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_loans, lend_agents))
        .routes(routes!(list_lenders))
        .routes(routes!(end_loan))
}

/// An agent who serves another queue for a time.
#[derive(Serialize, ToSchema)]
struct Loan {
    id: String,
    agent: String,
    queue: String,
    /// Milliseconds since 1970.
    until_ms: i64,
    /// Who lent the agent, and when.
    actor: String,
    at_ms: i64,
}

#[derive(Serialize, ToSchema)]
struct Loans {
    items: Vec<Loan>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewLoans {
    /// Ids of agents, 1 to 100.
    agents: Vec<String>,
    queue: String,
    /// Milliseconds since 1970, within a week; then they are back by themselves.
    until_ms: i64,
}

/// A department, and who of it could help.
#[derive(Serialize, ToSchema)]
struct Lender {
    /// Absent: those of no department.
    department: Option<String>,
    name: Option<String>,
    /// Over the last hour: the share of the time at work that its people were busy;
    /// absent where nobody was at work.
    occupancy: Option<f64>,
    signed_in: u32,
    free: u32,
    agents: Vec<Borrowable>,
}

#[derive(Serialize, ToSchema)]
struct Borrowable {
    agent: String,
    name: String,
    /// offline, available, aux, ringing, on_call, wrap_up or missed.
    state: String,
    /// Has the skills for the queue already.
    suits: bool,
    /// The queue that the agent is lent to now.
    lent_to: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Lenders {
    items: Vec<Lender>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Agent {
    name: String,
    #[serde(flatten)]
    place: super::sight::Agent,
}

#[derive(Deserialize)]
struct Department {
    name: String,
}

impl Loan {
    fn read(document: Document) -> Result<Loan> {
        let body: config::Loan = serde_json::from_str(&document.body).map_err(Problem::internal)?;
        Ok(Loan {
            id: document.id,
            agent: body.agent.to_string(),
            queue: body.queue.to_string(),
            until_ms: body.until_ms,
            actor: document.actor,
            at_ms: document.at_ms,
        })
    }

    fn is_on(&self, now: Timestamp) -> bool {
        self.until_ms > now.millis()
    }

    /// Who heads the agent or the queue.
    fn concerns(&self, sight: &Sight) -> bool {
        sight.agent(&self.agent) || sight.queue(&self.queue)
    }
}

async fn loans(app: &App, caller: &Caller) -> Result<Vec<Loan>> {
    let request =
        proto::tenancy::v1::ListRequest { tenant: caller.tenant().into(), kind: Kind::Loan.as_str().into() };
    let documents = app.documents().list(request).await?.into_inner().documents;
    let now = chassis::clock::now();
    let all: Vec<Loan> = documents.into_iter().map(Loan::read).collect::<Result<_>>()?;
    Ok(all.into_iter().filter(|loan| loan.is_on(now)).collect())
}

/// Loans that go on, of agents or to queues that the caller sees.
#[utoipa::path(get, path = "/v1/loans", operation_id = "listLoans", tag = "supervision",
    params(super::Page), responses((status = 200, body = Loans)))]
async fn list_loans(
    State(app): State<Arc<App>>,
    caller: Caller,
    crate::problem::Query(page): crate::problem::Query<super::Page>,
) -> Result<Json<Loans>> {
    caller.may(Permission::LiveRead)?;
    let sight = Sight::of(&app, &caller).await?;
    let all = loans(&app, &caller).await?.into_iter().filter(|loan| loan.concerns(&sight)).collect();
    let (items, next_cursor) = page.of(all, |loan| loan.id.clone());
    Ok(Json(Loans { items, next_cursor }))
}

/// By department, with how busy its people are: to be looked at before one lends.
#[utoipa::path(get, path = "/v1/queues/{id}/lenders", operation_id = "listLenders", tag = "supervision",
    params(("id" = String, Path), super::Page), responses((status = 200, body = Lenders)))]
async fn list_lenders(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    crate::problem::Query(page): crate::problem::Query<super::Page>,
) -> Result<Json<Lenders>> {
    caller.may(Permission::Supervise)?;
    let queue = documents::get(&app, &caller, Kind::Queue, &id).await?;
    let queue: Queue = serde_json::from_str(&queue.body).map_err(Problem::internal)?;
    let agents = documents::all::<Agent>(&app, &caller, Kind::Agent).await?;
    let departments = documents::all::<Department>(&app, &caller, Kind::Department).await?;
    let lent: HashMap<String, String> =
        loans(&app, &caller).await?.into_iter().map(|loan| (loan.agent, loan.queue)).collect();
    let (states, work) = (states(&app, &caller).await?, work(&app, &caller).await?);
    let mut groups: BTreeMap<Option<String>, (Lender, Work)> = BTreeMap::new();
    for (agent, Agent { name, place }) in agents {
        let state = states.get(&agent).cloned().unwrap_or_else(|| "offline".into());
        let (group, busy) = groups.entry(place.department.clone()).or_insert_with(|| {
            let department = place.department.clone();
            let known = department.as_ref().and_then(|id| departments.get(id));
            let name = known.map(|department| department.name.clone());
            let lender =
                Lender { department, name, occupancy: None, signed_in: 0, free: 0, agents: Vec::new() };
            (lender, Work::default())
        });
        group.signed_in += u32::from(state != "offline");
        group.free += u32::from(state == "available");
        busy.add(work.get(&agent));
        let suits = queue.takes(&agent, &place.skills);
        group.agents.push(Borrowable { lent_to: lent.get(&agent).cloned(), agent, name, state, suits });
    }
    let finished = |(mut lender, work): (Lender, Work)| {
        lender.occupancy = work.occupancy();
        lender
    };
    let all = groups.into_values().map(finished).collect();
    let (items, next_cursor) = page.of(all, |lender| lender.department.clone().unwrap_or_default());
    Ok(Json(Lenders { items, next_cursor }))
}

/// Busy time and time at work, ms.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    busy: i64,
    staffed: i64,
}

impl Work {
    fn add(&mut self, more: Option<&Work>) {
        let more = more.copied().unwrap_or_default();
        (self.busy, self.staffed) = (self.busy + more.busy, self.staffed + more.staffed);
    }

    /// As docs/metrics.md has it.
    fn occupancy(self) -> Option<f64> {
        (self.staffed > 0).then(|| self.busy as f64 / self.staffed as f64)
    }
}

async fn states(app: &App, caller: &Caller) -> Result<HashMap<String, String>> {
    let request = figures::WatchRequest { tenant: caller.tenant().into() };
    let mut views = app.analytics().watch(request).await?.into_inner();
    let live = views.message().await?.ok_or_else(|| Problem::internal("a live view without a view"))?;
    Ok(live.agents.into_iter().map(|row| (row.agent, row.state)).collect())
}

async fn work(app: &App, caller: &Caller) -> Result<HashMap<String, Work>> {
    let now = chassis::clock::now().millis();
    let request = figures::ReportRequest {
        tenant: caller.tenant().into(),
        from_ms: now - LOOKED_BACK,
        to_ms: now,
        by: "agent".into(),
        ..Default::default()
    };
    let rows = app.analytics().report(request).await?.into_inner().rows;
    let of = |row: figures::Row| {
        let figures = row.figures.unwrap_or_default();
        (row.key, Work { busy: figures.busy_ms, staffed: figures.staffed_ms })
    };
    Ok(rows.into_iter().map(of).collect())
}

/// The agents serve this queue and no other from now on, until the time. A
/// head borrows for the queues of their own people, or lends those people.
#[utoipa::path(post, path = "/v1/loans", operation_id = "lendAgents", tag = "supervision",
    request_body = NewLoans, responses((status = 201, body = Loans)))]
async fn lend_agents(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(new): Body<NewLoans>,
) -> Result<(StatusCode, Json<Loans>)> {
    caller.may(Permission::Supervise)?;
    if new.agents.is_empty() || new.agents.len() > AGENTS_MAX {
        return Err(Problem::invalid("agents", "agents", "are not 1 to 100"));
    }
    let lasts = new.until_ms - chassis::clock::now().millis();
    if !(1..=LASTS_MAX).contains(&lasts) {
        return Err(Problem::invalid("until_ms", "not_within_a_week", "is not within the next seven days"));
    }
    let queue = documents::get(&app, &caller, Kind::Queue, &new.queue).await?;
    let sight = Sight::of(&app, &caller).await?;
    if !sight.queue(&new.queue) {
        new.agents.iter().try_for_each(|agent| sight.must_see(agent))?;
    }
    let before = loans(&app, &caller).await?;
    for agent in &new.agents {
        let known = documents::get(&app, &caller, Kind::Agent, agent).await?;
        if before.iter().any(|loan| loan.agent == *agent) {
            return Err(lent_already(&known));
        }
    }
    let mut items = Vec::new();
    for agent in new.agents {
        let body = json!({ "agent": agent, "queue": new.queue, "until_ms": new.until_ms });
        let Value::Object(body) = body else { continue };
        let loan = Loan::read(documents::put(&app, &caller, Kind::Loan, "", body, 0).await?)?;
        let detail = json!({ "loan": loan.id, "queue": new.queue, "until_ms": new.until_ms });
        note_with(&app, &caller, "loan.lend", &format!("agent/{agent}"), detail).await?;
        let by = caller.identity.name.clone();
        app.desks.tell(&agent, Told::Lent { by, queue: name(&queue), until_ms: new.until_ms });
        items.push(loan);
    }
    Ok((StatusCode::CREATED, Json(Loans { items, next_cursor: None })))
}

fn name(document: &Document) -> String {
    let body: Map<String, Value> = serde_json::from_str(&document.body).unwrap_or_default();
    body.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn lent_already(agent: &Document) -> Problem {
    let name = name(agent);
    Problem::new(StatusCode::CONFLICT, format!("{name} is lent already"))
        .coded("lent_already")
        .with("name", name)
}

/// The agent is back before the time.
#[utoipa::path(delete, path = "/v1/loans/{id}", operation_id = "endLoan", tag = "supervision",
    params(("id" = String, Path)), responses((status = 204)))]
async fn end_loan(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    caller.may(Permission::Supervise)?;
    let loan = Loan::read(documents::get(&app, &caller, Kind::Loan, &id).await?)?;
    if !loan.concerns(&Sight::of(&app, &caller).await?) {
        return Err(Problem::outside_department());
    }
    let request = DeleteRequest {
        tenant: caller.tenant().into(),
        actor: caller.actor().into(),
        kind: Kind::Loan.as_str().into(),
        id: id.clone(),
    };
    app.documents().delete(request).await?;
    let detail = json!({ "loan": id, "queue": loan.queue, "until_ms": loan.until_ms });
    note_with(&app, &caller, "loan.return", &format!("agent/{}", loan.agent), detail).await?;
    Ok(StatusCode::NO_CONTENT)
}
