//! The published contract: it grows and does not break.

use crate::*;
use std::path::{Path, PathBuf};

/// What integrators were promised. `UPDATE_OPENAPI=1` publishes what there is
/// now, if it breaks nothing.
fn published() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json")
}

#[tokio::test]
async fn the_published_api_is_kept() {
    let world = World::start().await;
    let now = world.stranger().get("/v1/openapi.json").await.body;
    let text = std::fs::read_to_string(published()).expect("openapi.json is in the repository");
    let before: Value = serde_json::from_str(&text).expect("JSON");
    let broken = breaks(&before, &now);
    assert!(broken.is_empty(), "this breaks what integrators use:\n{}", broken.join("\n"));
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        let text = serde_json::to_string_pretty(&now).expect("JSON");
        std::fs::write(published(), format!("{text}\n")).expect("written");
    }
}

/// What a client made from `before` could no longer do.
fn breaks(before: &Value, now: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (path, item) in before["paths"].as_object().into_iter().flatten() {
        for (method, was) in item.as_object().into_iter().flatten() {
            let is = &now["paths"][path][method];
            let place = format!("{} {path}", method.to_uppercase());
            if is.is_null() {
                found.push(format!("{place} is gone"));
                continue;
            }
            if was["operationId"] != is["operationId"] {
                found.push(format!("{place} has another operationId"));
            }
            parameters(&place, was, is, &mut found);
            bodies(&place, (before, was), (now, is), &mut found);
        }
    }
    found
}

fn parameters(place: &str, was: &Value, is: &Value, found: &mut Vec<String>) {
    let all = |of: &Value| of["parameters"].as_array().cloned().unwrap_or_default();
    let same = |a: &Value, b: &Value| a["name"] == b["name"] && a["in"] == b["in"];
    for old in all(was) {
        if !all(is).iter().any(|new| same(&old, new)) {
            found.push(format!("{place}: the parameter {} is gone", old["name"]));
        }
    }
    for new in all(is).iter().filter(|new| new["required"] == true) {
        if !all(was).iter().any(|old| same(old, new) && old["required"] == true) {
            found.push(format!("{place}: the parameter {} is required now", new["name"]));
        }
    }
}

fn bodies(place: &str, was: (&Value, &Value), is: (&Value, &Value), found: &mut Vec<String>) {
    let request = |of: &Value| of["requestBody"]["content"]["application/json"]["schema"].clone();
    let (old, new) = (request(was.1), request(is.1));
    if !old.is_null() {
        let way = Way { place: format!("{place} request"), sent: true };
        way.compare((was.0, &old), (is.0, &new), 0, found);
    }
    for (status, answer) in was.1["responses"].as_object().into_iter().flatten() {
        let old = &answer["content"]["application/json"]["schema"];
        let new = &is.1["responses"][status]["content"]["application/json"]["schema"];
        if !old.is_null() {
            let way = Way { place: format!("{place} {status}"), sent: false };
            way.compare((was.0, old), (is.0, new), 0, found);
        }
    }
}

/// A schema on its way to the server or from it.
struct Way {
    place: String,
    sent: bool,
}

/// Deeper than any of ours that is not a loop.
const DEPTH_MAX: usize = 8;

impl Way {
    fn compare(&self, was: (&Value, &Value), is: (&Value, &Value), depth: usize, found: &mut Vec<String>) {
        let (old, new) = (resolved(was), resolved(is));
        if depth > DEPTH_MAX {
            return;
        }
        if new.is_null() {
            return found.push(format!("{}: the schema is gone", self.place));
        }
        if !types(&old).is_empty() && !types(&new).is_empty() && types(&old) != types(&new) {
            found.push(format!("{}: {:?} became {:?}", self.place, types(&old), types(&new)));
        }
        for (name, property) in old["properties"].as_object().into_iter().flatten() {
            let inner = Way { place: format!("{}.{name}", self.place), sent: self.sent };
            match &new["properties"][name] {
                Value::Null => found.push(format!("{} is gone", inner.place)),
                there => inner.compare((was.0, property), (is.0, there), depth + 1, found),
            }
        }
        if self.sent {
            for name in new["required"].as_array().into_iter().flatten() {
                if !old["required"].as_array().is_some_and(|all| all.contains(name)) {
                    found.push(format!("{}: {name} is required now", self.place));
                }
            }
        }
        if !old["items"].is_null() {
            let inner = Way { place: format!("{}[]", self.place), sent: self.sent };
            inner.compare((was.0, &old["items"]), (is.0, &new["items"]), depth + 1, found);
        }
    }
}

fn resolved((document, schema): (&Value, &Value)) -> Value {
    match schema["$ref"].as_str().and_then(|to| to.strip_prefix('#')) {
        Some(to) => document.pointer(to).cloned().unwrap_or_default(),
        None => schema.clone(),
    }
}

fn types(schema: &Value) -> Vec<String> {
    let mut types: Vec<String> = match &schema["type"] {
        Value::Array(all) => all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        Value::String(one) => vec![one.clone()],
        _ => Vec::new(),
    };
    types.sort();
    types
}

#[test]
fn what_breaks_a_client_is_found_and_what_adds_is_not() {
    let api = |schema: Value, parameters: Value| {
        json!({ "paths": { "/v1/x": { "post": {
            "operationId": "x", "parameters": parameters,
            "requestBody": { "content": { "application/json": { "schema": schema } } },
            "responses": { "200": { "content": { "application/json": { "schema": schema } } } },
        } } } })
    };
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let before = api(schema.clone(), json!([]));
    let more =
        json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "integer" } } });
    assert_eq!(breaks(&before, &api(more.clone(), json!([{ "name": "q", "in": "query" }]))), [""; 0]);
    assert_eq!(breaks(&api(more, json!([])), &before).len(), 2, "b is gone both ways");
    let mut needs = schema.clone();
    needs["required"] = json!(["a"]);
    assert_eq!(breaks(&before, &api(needs, json!([]))), ["POST /v1/x request: \"a\" is required now"]);
    let other = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
    assert_eq!(breaks(&before, &api(other, json!([]))).len(), 2);
    assert_eq!(breaks(&before, &json!({ "paths": {} })), ["POST /v1/x is gone"]);
}
