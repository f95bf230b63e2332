//! What roles there are, and who may give them.

use super::documents;
use crate::{
    App,
    auth::{Caller, Permission, of_role, of_scopes},
    problem::{Problem, Result},
};
use axum::Json;
use serde::Serialize;
use serde_json::{Map, Value};
use std::{collections::BTreeSet, sync::Arc};
use types::config::Kind;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(permissions))
}

/// Every permission, and the roles that are built in.
#[derive(Serialize, ToSchema)]
struct Permissions {
    permissions: Vec<&'static str>,
    roles: Vec<BuiltIn>,
}

#[derive(Serialize, ToSchema)]
struct BuiltIn {
    name: &'static str,
    permissions: Vec<&'static str>,
}

const BUILT_IN: [&str; 6] = ["owner", "admin", "supervisor", "agent", "auditor", "developer"];

#[utoipa::path(get, path = "/v1/permissions", operation_id = "listPermissions", tag = "users",
    responses((status = 200, body = Permissions)))]
async fn permissions(_: Caller) -> Json<Permissions> {
    let names = |all: BTreeSet<Permission>| all.into_iter().map(Permission::name).collect();
    let roles = BUILT_IN.map(|name| BuiltIn { name, permissions: names(of_role(name)) });
    Json(Permissions { permissions: Permission::all().map(Permission::name).collect(), roles: roles.into() })
}

/// Nobody gives away more than they have, and only owners make owners.
pub(super) async fn may_give(app: &App, caller: &Caller, role: &str) -> Result<()> {
    let given = match role {
        "owner" if caller.identity.role != "owner" => {
            return Err(Problem::forbidden("only an owner makes or changes owners").coded("owners_only"));
        }
        role if BUILT_IN.contains(&role) => of_role(role),
        role => match documents::get(app, caller, Kind::Role, role).await {
            Ok(stored) => {
                let body: Value = serde_json::from_str(&stored.body).map_err(Problem::internal)?;
                of_scopes(&texts(&body["permissions"]))
            }
            Err(problem) if problem.status == 404 => {
                return Err(Problem::invalid("role", "unknown_role", "is no role"));
            }
            Err(problem) => return Err(problem),
        },
    };
    within(caller, &given)
}

fn within(caller: &Caller, given: &BTreeSet<Permission>) -> Result<()> {
    given.iter().try_for_each(|permission| caller.may(*permission))
}

/// A role names permissions that there are, and none that its maker has not.
pub(super) fn check(caller: &Caller, body: &Map<String, Value>) -> Result<()> {
    let mut given = BTreeSet::new();
    for (i, name) in texts(body.get("permissions").unwrap_or(&Value::Null)).iter().enumerate() {
        let permission = Permission::parse(name).ok_or_else(|| {
            let place = format!("permissions[{i}]");
            Problem::invalid(&place, "unknown", &format!("{name:?} is not a permission"))
        })?;
        given.insert(permission);
    }
    within(caller, &given)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}
