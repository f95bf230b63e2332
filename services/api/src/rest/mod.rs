//! The routes under /v1, one file per group of endpoints.

mod accounts;
mod alerts;
mod api_keys;
mod audit;
mod call_control;
mod callbacks;
mod calls;
mod contacts;
mod directory;
mod documents;
mod floor;
mod ladders;
mod live;
mod live_callers;
mod live_delta;
mod live_feed;
mod live_view;
mod loans;
mod oauth;
mod people;
mod prompts;
mod recordings;
mod reports;
mod roles;
mod sight;
mod sip;
mod supervision;
mod test_calls;
mod users;
mod wallboards;
mod webhooks;

pub(crate) use call_control::supervise;
pub(crate) use callbacks::claim_for;
pub(crate) use contacts::Card;
pub(crate) use live_feed::Feeds;
pub use test_calls::TestCalls;
pub(crate) use wallboards::WATCHING_MAX as WALLS_MAX;

use crate::{App, problem::Problem};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{
    IntoParams, OpenApi,
    openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, security::*},
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[derive(OpenApi)]
#[openapi(
    info(title = "Trunkline", description = "The contact centre's API. Errors are problem+json (RFC 9457)."),
    components(schemas(crate::problem::Problem, live_delta::LiveDelta)),
    security(("api_key" = []), ("session" = []))
)]
struct Description;

/// A page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// From `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: String,
    /// Rows, 1 to 200; 50 where not given.
    #[serde(default)]
    pub limit: Option<u32>,
}

impl Page {
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(50).clamp(1, 200)
    }

    /// This page of a list that is here whole, in the order of its keys, and the next page's cursor.
    pub fn of<T>(&self, all: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let begin = match self.cursor.as_str() {
            "" => 0,
            cursor => all.iter().position(|one| key(one) == cursor).map_or(all.len(), |at| at + 1),
        };
        let limit = self.limit() as usize;
        let more = all.len() > begin + limit;
        let rows: Vec<T> = all.into_iter().skip(begin).take(limit).collect();
        let next = rows.last().filter(|_| more).map(key);
        (rows, next)
    }
}

/// Leaves a line in the audit.
pub(crate) async fn note(
    app: &App,
    caller: &crate::auth::Caller,
    action: &str,
    subject: &str,
) -> crate::problem::Result<()> {
    note_with(app, caller, action, subject, serde_json::json!({})).await
}

/// The same with details.
pub(crate) async fn note_with(
    app: &App,
    caller: &crate::auth::Caller,
    action: &str,
    subject: &str,
    detail: serde_json::Value,
) -> crate::problem::Result<()> {
    let request = proto::tenancy::v1::NoteRequest {
        tenant: caller.tenant().into(),
        actor: caller.actor().into(),
        action: action.into(),
        subject: subject.into(),
        detail: detail.to_string(),
    };
    app.audit().note(request).await?;
    Ok(())
}

/// Fields that are empty in a message are absent in JSON.
pub(crate) fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Routes and their description, grown from the same code.
pub fn routes_and_openapi() -> (axum::Router<Arc<App>>, utoipa::openapi::OpenApi) {
    let (router, mut openapi) = OpenApiRouter::with_openapi(Description::openapi())
        .merge(accounts::routes())
        .merge(users::routes())
        .merge(people::routes())
        .merge(roles::routes())
        .merge(directory::routes())
        .merge(supervision::routes())
        .merge(floor::routes())
        .merge(alerts::routes())
        .merge(loans::routes())
        .merge(audit::routes())
        .merge(api_keys::routes())
        .merge(oauth::routes())
        .merge(webhooks::routes())
        .merge(documents::routes())
        .merge(prompts::routes())
        .merge(calls::routes())
        .merge(call_control::routes())
        .merge(callbacks::routes())
        .merge(ladders::routes())
        .merge(contacts::routes())
        .merge(recordings::routes())
        .merge(reports::routes())
        .merge(live::routes())
        .merge(wallboards::routes())
        .merge(sip::routes())
        .merge(test_calls::routes())
        .routes(routes!(crate::desk::socket))
        .split_for_parts();
    let components = openapi.components.get_or_insert_default();
    let key = Http::builder().scheme(HttpAuthScheme::Bearer).description(Some("An API key or a JWT")).build();
    components.add_security_scheme("api_key", SecurityScheme::Http(key));
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(crate::auth::COOKIE)));
    components.add_security_scheme("session", cookie);
    tell_of_problems(&mut openapi);
    (router, openapi)
}

/// Every operation may end in a problem.
fn tell_of_problems(openapi: &mut utoipa::openapi::OpenApi) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new()
        .description("What went wrong")
        .content("application/problem+json", content)
        .build();
    for path in openapi.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".into(), RefOr::T(problem.clone()));
        }
    }
}

/// What nothing else answers under /v1.
pub(crate) async fn no_such_route() -> Problem {
    Problem::not_found("there is no such resource")
}

pub(crate) async fn wrong_method() -> Problem {
    Problem::new(http::StatusCode::METHOD_NOT_ALLOWED, "the resource does not know this method")
}
