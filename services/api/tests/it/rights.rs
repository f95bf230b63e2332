//! Every role at every operation of the OpenAPI document.

use crate::*;
use std::{collections::BTreeMap, path::Path};

const ROLES: [&str; 6] = ["owner", "admin", "supervisor", "agent", "auditor", "developer"];
/// Ends the session that the others need.
const LEFT_OUT: [&str; 1] = ["logOut"];

/// A body with the least that the schema asks for.
fn sample(document: &Value, schema: &Value, depth: usize) -> Value {
    if depth > 6 {
        return Value::Null;
    }
    if let Some(to) = schema["$ref"].as_str().and_then(|to| to.strip_prefix('#')) {
        return sample(document, document.pointer(to).unwrap_or(&Value::Null), depth + 1);
    }
    if let Some(first) = ["oneOf", "anyOf"].iter().find_map(|of| schema[of].as_array()?.first()) {
        return sample(document, first, depth + 1);
    }
    if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
        return first.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("string") => json!("x"),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let of = |name: &str| sample(document, &schema["properties"][name], depth + 1);
            Value::Object(required.map(|name| (name.to_owned(), of(name))).collect())
        }
        _ => Value::Null,
    }
}

/// Ids that nobody has, in every place of a path.
fn concrete(path: &str) -> String {
    let places =
        path.split('/').map(|part| if part.starts_with('{') { "x_01J00000000000000000000000" } else { part });
    places.collect::<Vec<_>>().join("/")
}

fn request(
    of: &Browser,
    document: &Value,
    method: &str,
    path: &str,
    operation: &Value,
) -> reqwest::RequestBuilder {
    let method: Method = method.to_uppercase().parse().expect("a method");
    let mut query = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        if parameter["in"] == "query" && parameter["required"] == true {
            query.push((parameter["name"].as_str().expect("a name").to_owned(), "1".to_owned()));
        }
    }
    let request = of.request(method.clone(), &concrete(path)).query(&query);
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    match (schema.is_null(), method == Method::GET) {
        (false, _) => request.json(&sample(document, schema, 0)),
        (true, false) => request.json(&json!({})),
        (true, true) => request,
    }
}

/// Who may do what stands in `rights.txt`, a line for each operation: whoever
/// adds one says there who it is for. `UPDATE_RIGHTS=1` writes what is so.
#[tokio::test]
async fn every_role_may_at_every_operation_what_the_list_says() {
    let world = World::start_with("requests_per_minute = 100000").await;
    let owner = world.owner("acme").await;
    let mut people = vec![owner.clone()];
    for role in &ROLES[1..] {
        people.push(world.colleague(&owner, role).await);
    }
    let openapi = owner.get("/v1/openapi.json").await.body;
    let mut rights: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, item) in openapi["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let id = operation["operationId"].as_str().expect("an operationId");
            let public = operation["security"].as_array().is_some_and(|all| all.contains(&json!({})));
            if public || LEFT_OUT.contains(&id) {
                continue;
            }
            let mut may = Vec::new();
            for (role, person) in ROLES.into_iter().zip(&people) {
                let request = request(person, &openapi, method, path, operation);
                let status = request.send().await.expect("an answer").status().as_u16();
                assert_ne!(status, 401, "{role} {id}: the session has ended");
                if status != 403 {
                    may.push(role);
                }
            }
            rights.insert(id.to_owned(), may);
        }
    }
    let lines: Vec<String> = rights.iter().map(|(id, may)| format!("{id}: {}", may.join(" "))).collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/rights.txt");
    let found = format!("{}\n", lines.join("\n"));
    if std::env::var_os("UPDATE_RIGHTS").is_some() {
        std::fs::write(&file, &found).expect("written");
    }
    let wanted = std::fs::read_to_string(&file).expect("the list is in the repository");
    for (found, wanted) in found.lines().zip(wanted.lines()) {
        assert_eq!(found, wanted, "who may do what");
    }
    assert_eq!(found.lines().count(), wanted.lines().count(), "operations came or went");
}
