//! The configuration's documents: seven routes for each kind, made from one table.

use super::{Page, sight::Sight};
use crate::{
    App,
    auth::{Caller, Permission},
    problem::{Body, Path, Problem, Query, Result},
};
use axum::{Json, extract::State, response::IntoResponse};
use http::{HeaderMap, StatusCode, header};
use proto::tenancy::v1 as wire;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};
use types::config::Kind;
use utoipa::IntoParams;
use utoipa::openapi::{
    Components, ContentBuilder, HttpMethod, OpenApi, PathItem, Paths, Ref, RefOr, Required, ResponseBuilder,
    path::{OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
};
use utoipa_axum::router::OpenApiRouter;

/// A kind as REST knows it.
#[derive(Debug, Clone, Copy)]
struct Collection {
    path: &'static str,
    kind: Kind,
    /// As in `listTrunks` and `getTrunk`.
    plural: &'static str,
    singular: &'static str,
    read: Permission,
    write: Permission,
}

const fn collection(
    path: &'static str,
    kind: Kind,
    plural: &'static str,
    singular: &'static str,
    read: Permission,
) -> Collection {
    let write = match kind {
        Kind::Department | Kind::Role => Permission::UsersWrite,
        Kind::Threshold => Permission::Supervise,
        _ => Permission::ConfigWrite,
    };
    Collection { path, kind, plural, singular, read, write }
}

const COLLECTIONS: [Collection; 12] = [
    collection("departments", Kind::Department, "Departments", "Department", Permission::Directory),
    collection("roles", Kind::Role, "Roles", "Role", Permission::UsersRead),
    collection("trunks", Kind::Trunk, "Trunks", "Trunk", Permission::ConfigRead),
    collection("numbers", Kind::Did, "Numbers", "Number", Permission::ConfigRead),
    collection("flows", Kind::Flow, "Flows", "Flow", Permission::ConfigRead),
    collection("queues", Kind::Queue, "Queues", "Queue", Permission::Directory),
    collection("thresholds", Kind::Threshold, "Thresholds", "Threshold", Permission::LiveRead),
    collection("agents", Kind::Agent, "Agents", "Agent", Permission::Directory),
    collection("skills", Kind::Skill, "Skills", "Skill", Permission::Directory),
    collection("dispositions", Kind::Disposition, "Dispositions", "Disposition", Permission::Directory),
    collection("categories", Kind::Category, "Categories", "Category", Permission::Directory),
    collection("prompts", Kind::Prompt, "Prompts", "Prompt", Permission::ConfigRead),
];

pub fn routes() -> OpenApiRouter<Arc<App>> {
    let mut router = axum::Router::new();
    let mut paths = Paths::new();
    for of in COLLECTIONS {
        router = router.merge(of.router());
        for (path, method, operation) in of.operations() {
            let mut item = PathItem::new(method, operation);
            match paths.paths.get_mut(&path) {
                Some(known) => known.merge_operations(std::mem::take(&mut item)),
                None => drop(paths.paths.insert(path, item)),
            }
        }
    }
    router = router.merge(company());
    let mut openapi = OpenApi::default();
    openapi.paths = paths;
    openapi.components = Some(schemas());
    OpenApiRouter::with_openapi(openapi).merge(OpenApiRouter::from(router))
}

impl Collection {
    fn may_write(self, caller: &Caller, body: &Map<String, Value>) -> Result<()> {
        self.may_change(caller)?;
        match self.kind {
            Kind::Role => super::roles::check(caller, body),
            _ => Ok(()),
        }
    }

    fn may_change(self, caller: &Caller) -> Result<()> {
        caller.may(self.write)?;
        match self.kind {
            // Whoever draws the tree or makes roles decides who sees whom.
            Kind::Department | Kind::Role => caller.whole_company(),
            _ => Ok(()),
        }
    }

    /// A head watches the queues of the own people alone.
    async fn sees(self, app: &App, caller: &Caller, body: &Map<String, Value>) -> Result<()> {
        if self.kind != Kind::Threshold || !caller.heads_department() {
            return Ok(());
        }
        let queue = body.get("queue").and_then(Value::as_str).unwrap_or_default();
        match Sight::of(app, caller).await?.queue(queue) {
            true => Ok(()),
            false => Err(Problem::outside_department()),
        }
    }

    async fn sees_stored(self, app: &App, caller: &Caller, id: &str) -> Result<()> {
        if self.kind != Kind::Threshold || !caller.heads_department() {
            return Ok(());
        }
        let stored = get(app, caller, self.kind, id).await?;
        let body = serde_json::from_str(&stored.body).map_err(Problem::internal)?;
        self.sees(app, caller, &body).await
    }

    fn router(self) -> axum::Router<Arc<App>> {
        use axum::routing::get;
        let list = move |app, caller, page| list(self, app, caller, page);
        let create = move |app, caller, body| create(self, app, caller, body);
        let read = move |app, caller, id| read(self, app, caller, id);
        let replace = move |app, caller, id, headers, body| replace(self, app, caller, id, headers, body);
        let delete = move |app, caller, id| delete(self, app, caller, id);
        let versions = move |app, caller, id, page| versions(self, app, caller, id, page);
        axum::Router::new()
            .route(&format!("/v1/{}", self.path), get(list).post(create))
            .route(&format!("/v1/{}/{{id}}", self.path), get(read).put(replace).delete(delete))
            .route(&format!("/v1/{}/{{id}}/versions", self.path), get(versions))
    }
}

type Application = State<Arc<App>>;

async fn list(
    of: Collection,
    State(app): Application,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<Value>> {
    caller.may(of.read)?;
    let request = wire::ListRequest { tenant: caller.tenant().into(), kind: of.kind.as_str().into() };
    let documents = app.documents().list(request).await?.into_inner().documents;
    let (documents, next) = page.of(documents, |document| document.id.clone());
    Ok(Json(json!({ "items": views(&caller, documents)?, "next_cursor": next })))
}

async fn create(
    of: Collection,
    State(app): Application,
    caller: Caller,
    Body(body): Body<Map<String, Value>>,
) -> Result<impl IntoResponse + use<>> {
    of.may_write(&caller, &body)?;
    of.sees(&app, &caller, &body).await?;
    let stored = put(&app, &caller, of.kind, "", body, 0).await?;
    let location = format!("/v1/{}/{}", of.path, stored.id);
    let tag = tag(&stored);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location), (header::ETAG, tag)],
        Json(view(&caller, stored)?),
    ))
}

async fn read(
    of: Collection,
    State(app): Application,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<impl IntoResponse + use<>> {
    caller.may(of.read)?;
    let stored = get(&app, &caller, of.kind, &id).await?;
    Ok(([(header::ETAG, tag(&stored))], Json(view(&caller, stored)?)))
}

async fn replace(
    of: Collection,
    State(app): Application,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(body): Body<Map<String, Value>>,
) -> Result<impl IntoResponse + use<>> {
    of.may_write(&caller, &body)?;
    of.sees(&app, &caller, &body).await?;
    of.sees_stored(&app, &caller, &id).await?;
    if of.kind == Kind::Agent {
        let sight = Sight::of(&app, &caller).await?;
        sight.must_see(&id)?;
        sight.must_see_department(body.get("department").and_then(Value::as_str).unwrap_or_default())?;
    }
    let stored = put(&app, &caller, of.kind, &id, body, expected(&headers)?).await?;
    Ok(([(header::ETAG, tag(&stored))], Json(view(&caller, stored)?)))
}

async fn delete(
    of: Collection,
    State(app): Application,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    of.may_change(&caller)?;
    of.sees_stored(&app, &caller, &id).await?;
    let request = wire::DeleteRequest {
        tenant: caller.tenant().into(),
        actor: caller.actor().into(),
        kind: of.kind.as_str().into(),
        id,
    };
    app.documents().delete(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn versions(
    of: Collection,
    State(app): Application,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Value>> {
    caller.may(of.read)?;
    let request = wire::DocumentRequest { tenant: caller.tenant().into(), kind: of.kind.as_str().into(), id };
    let documents = app.documents().history(request).await?.into_inner().documents;
    let (documents, next) = page.of(documents, |document| document.version.to_string());
    let of_version = |document: wire::Document| {
        let (actor, at_ms) = (document.actor.clone(), document.at_ms);
        Ok(json!({ "actor": actor, "at_ms": at_ms, "document": view(&caller, document)? }))
    };
    let items = documents.into_iter().map(of_version).collect::<Result<Vec<_>>>()?;
    Ok(Json(json!({ "items": items, "next_cursor": next })))
}

/// Every document of a kind by its id, as far as `T` reads it.
pub(super) async fn all<T: DeserializeOwned>(
    app: &App,
    caller: &Caller,
    kind: Kind,
) -> Result<BTreeMap<String, T>> {
    let request = wire::ListRequest { tenant: caller.tenant().into(), kind: kind.as_str().into() };
    let documents = app.documents().list(request).await?.into_inner().documents;
    let read = |document: wire::Document| {
        let body = serde_json::from_str(&document.body).map_err(Problem::internal)?;
        Ok((document.id, body))
    };
    documents.into_iter().map(read).collect()
}

pub(super) async fn get(app: &App, caller: &Caller, kind: Kind, id: &str) -> Result<wire::Document> {
    let request =
        wire::DocumentRequest { tenant: caller.tenant().into(), kind: kind.as_str().into(), id: id.into() };
    Ok(app.documents().get(request).await?.into_inner())
}

/// `id` empty: a new document. `id` and `version` in the body are what GET gave; they do not count.
pub(super) async fn put(
    app: &App,
    caller: &Caller,
    kind: Kind,
    id: &str,
    mut body: Map<String, Value>,
    expected_version: u32,
) -> Result<wire::Document> {
    body.remove("id");
    body.remove("version");
    let request = wire::PutRequest {
        tenant: caller.tenant().into(),
        actor: caller.actor().into(),
        kind: kind.as_str().into(),
        id: id.into(),
        body: Value::Object(body).to_string(),
        expected_version,
    };
    Ok(app.documents().put(request).await?.into_inner())
}

fn tag(document: &wire::Document) -> String {
    format!("\"{}\"", document.version)
}

/// The version that `If-Match` names; 0: none.
fn expected(headers: &HeaderMap) -> Result<u32> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(0) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(0);
    }
    let version = text.trim_start_matches("W/").trim_matches('"').parse();
    version.map_err(|_| Problem::bad_request("If-Match is not a version such as \"3\""))
}

fn views(caller: &Caller, documents: Vec<wire::Document>) -> Result<Vec<Value>> {
    documents.into_iter().map(|document| view(caller, document)).collect()
}

/// The document as REST shows it: its fields beside id and version. Passwords
/// of trunks and phones are for those who may change them.
pub(super) fn view(caller: &Caller, document: wire::Document) -> Result<Value> {
    let mut body: Value = serde_json::from_str(&document.body).map_err(Problem::internal)?;
    if !caller.has(Permission::ConfigWrite) {
        for secrets in ["auth", "phone"] {
            if let Some(Value::Object(fields)) = body.get_mut(secrets) {
                fields.remove("password");
            }
        }
    }
    body["id"] = document.id.into();
    body["version"] = document.version.into();
    Ok(body)
}

/// The company's own document has one place.
fn company() -> axum::Router<Arc<App>> {
    axum::Router::new().route("/v1/company", axum::routing::get(read_company).put(replace_company))
}

async fn read_company(State(app): Application, caller: Caller) -> Result<impl IntoResponse> {
    let stored = get(&app, &caller, Kind::Tenant, caller.tenant()).await?;
    Ok(([(header::ETAG, tag(&stored))], Json(view(&caller, stored)?)))
}

async fn replace_company(
    State(app): Application,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<Map<String, Value>>,
) -> Result<impl IntoResponse> {
    caller.may(Permission::ConfigWrite)?;
    let stored = put(&app, &caller, Kind::Tenant, caller.tenant(), body, expected(&headers)?).await?;
    Ok(([(header::ETAG, tag(&stored))], Json(view(&caller, stored)?)))
}

impl Collection {
    fn operations(self) -> Vec<(String, HttpMethod, OperationBuilder)> {
        let (all, one) = (format!("/v1/{}", self.path), format!("/v1/{}/{{id}}", self.path));
        let versions = format!("{one}/versions");
        let page = format!("{}List", self.singular);
        let history = format!("{}Versions", self.singular);
        let operation = |verb: &str, name: &str| {
            OperationBuilder::new().operation_id(Some(format!("{verb}{name}"))).tag(self.path)
        };
        let by_id = |verb: &str| operation(verb, self.singular).parameter(id_parameter());
        vec![
            (
                all.clone(),
                HttpMethod::Get,
                answers(paged(operation("list", self.plural)), "200", Some(&page)),
            ),
            (
                all,
                HttpMethod::Post,
                self.takes(answers(operation("create", self.singular), "201", Some(self.singular))),
            ),
            (one.clone(), HttpMethod::Get, answers(by_id("get"), "200", Some(self.singular))),
            (
                one.clone(),
                HttpMethod::Put,
                self.takes(answers(by_id("replace").parameter(if_match()), "200", Some(self.singular))),
            ),
            (one, HttpMethod::Delete, answers(by_id("delete"), "204", None)),
            (
                versions,
                HttpMethod::Get,
                answers(paged(operation("list", &history).parameter(id_parameter())), "200", Some(&history)),
            ),
        ]
    }

    fn takes(self, operation: OperationBuilder) -> OperationBuilder {
        let schema = Ref::from_schema_name(self.singular);
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let body =
            RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
        operation.request_body(Some(body.build()))
    }
}

fn paged(operation: OperationBuilder) -> OperationBuilder {
    Page::into_params(|| Some(ParameterIn::Query)).into_iter().fold(operation, OperationBuilder::parameter)
}

fn answers(operation: OperationBuilder, status: &str, schema: Option<&str>) -> OperationBuilder {
    let mut response = ResponseBuilder::new().description("Done");
    if let Some(name) = schema {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build();
        response = response.content("application/json", content);
    }
    operation.response(status, response.build())
}

fn id_parameter() -> ParameterBuilder {
    ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path).required(Required::True)
}

fn if_match() -> ParameterBuilder {
    ParameterBuilder::new()
        .name("If-Match")
        .parameter_in(ParameterIn::Header)
        .description(Some("The version that the change was made from, such as \"3\""))
}

/// The documents' schemas, with a list and a history of each.
fn schemas() -> Components {
    let mut all: Map<String, Value> =
        serde_json::from_str(include_str!("documents.schema.json")).expect("the schemas are JSON");
    for of in COLLECTIONS {
        let item = json!({ "$ref": format!("#/components/schemas/{}", of.singular) });
        let version = json!({
            "type": "object", "required": ["actor", "at_ms", "document"],
            "properties": {
                "actor": { "type": "string" }, "at_ms": { "type": "integer", "format": "int64" }, "document": item,
            },
        });
        for (name, item) in [("List", item), ("Versions", version)] {
            let list = json!({
                "type": "object", "required": ["items"],
                "properties": {
                    "items": { "type": "array", "items": item }, "next_cursor": { "type": ["string", "null"] },
                },
            });
            all.insert(format!("{}{name}", of.singular), list);
        }
    }
    let mut components = Components::new();
    for (name, schema) in all {
        let schema: RefOr<utoipa::openapi::Schema> = serde_json::from_value(schema).expect("a schema");
        components.schemas.insert(name, schema);
    }
    components
}
