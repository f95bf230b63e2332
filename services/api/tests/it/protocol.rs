//! What holds for every route alike.

use crate::*;
use std::collections::BTreeSet;

const KEY: &str = "idempotency-key";

async fn post_once(browser: &Browser, key: &str, path: &str, body: &Value) -> Answer {
    browser.send(browser.request(Method::POST, path).header(KEY, key).json(body)).await
}

#[tokio::test]
async fn a_request_sent_again_with_its_key_is_done_once() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let french = json!({ "name": "french" });
    let first = post_once(&owner, "k1", "/v1/skills", &french).await;
    let again = post_once(&owner, "k1", "/v1/skills", &french).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.body, again.body);
    assert_eq!(first.headers[header::LOCATION], again.headers[header::LOCATION]);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let skills = owner.get("/v1/skills").await.body;
    assert_eq!(skills["items"].as_array().map(Vec::len), Some(2), "general and french: {skills}");

    let reused = post_once(&owner, "k1", "/v1/skills", &json!({ "name": "greek" })).await;
    reused.problem(422);
    assert_eq!(reused.body["code"], "key_reused");
    // A refusal is an answer too; a key of another person is another key.
    post_once(&owner, "k2", "/v1/skills", &french).await.problem(409);
    post_once(&owner, "k2", "/v1/skills", &french).await.problem(409);
    let admin = world.colleague(&owner, "admin").await;
    assert_eq!(post_once(&admin, "k1", "/v1/skills", &json!({ "name": "greek" })).await.status, 201);
    let long = "x".repeat(256);
    post_once(&owner, &long, "/v1/skills", &french).await.problem(422);
    post_once(&world.stranger(), "k1", "/v1/skills", &french).await.problem(401);
}

#[tokio::test]
async fn of_two_with_one_key_at_the_same_time_one_is_done() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let body = json!({ "name": "CI", "scopes": ["config:read"] });
    let (one, two) = tokio::join!(
        post_once(&owner, "k", "/v1/api-keys", &body),
        post_once(&owner, "k", "/v1/api-keys", &body)
    );
    let statuses = BTreeSet::from([one.status, two.status]);
    assert!(statuses.is_subset(&BTreeSet::from([201, 409])) && statuses.contains(&201), "{statuses:?}");
    let secret = post_once(&owner, "k", "/v1/api-keys", &body).await.body["secret"].clone();
    assert!(secret.as_str().is_some_and(|secret| secret.starts_with("tlk_")));
    let keys = owner.get("/v1/api-keys").await.body;
    assert_eq!(keys["items"].as_array().map(Vec::len), Some(1), "{keys}");
}

#[tokio::test]
async fn every_answer_says_what_is_left_and_who_asks_too_much_is_told_when_to_come_back() {
    let world = World::start_with("requests_per_minute = 30").await;
    let owner = world.owner("acme").await;
    let answer = owner.get("/v1/me").await;
    assert_eq!(answer.headers["ratelimit-policy"], "\"requests\";q=30;w=60");
    assert_eq!(answer.headers["ratelimit"].to_str().expect("text"), "\"requests\";r=29;t=2");
    let mut last = answer;
    for _ in 0..40 {
        last = owner.get("/v1/me").await;
        if last.status != 200 {
            break;
        }
    }
    last.problem(429);
    assert_eq!(last.body["code"], "too_many_requests");
    assert!(last.headers["retry-after"].to_str().expect("text").parse::<u32>().is_ok_and(|s| s >= 1));
    // Another session is not held back, and made-up credentials count for their address.
    let other = world.owner("bolt").await;
    assert_eq!(other.get("/v1/me").await.status, 200);
    let mut statuses = BTreeSet::new();
    for guess in 0..40 {
        let mut stranger = world.stranger();
        stranger.bearer = Some(format!("tlk_{guess}"));
        statuses.insert(stranger.get("/v1/me").await.status);
    }
    assert_eq!(statuses, BTreeSet::from([401, 429]));
}

/// Lists that the OpenAPI document describes, without a place in the path.
fn lists(openapi: &Value) -> Vec<String> {
    let paths = openapi["paths"].as_object().expect("paths").iter();
    let schema = |item: &Value| {
        let of = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        let name = of.as_str().and_then(|of| of.rsplit('/').next()).unwrap_or_default();
        openapi["components"]["schemas"][name]["properties"].clone()
    };
    let lists = paths.filter(|(path, item)| !path.contains('{') && schema(item)["items"].is_object());
    lists
        .map(|(path, item)| {
            assert!(schema(item)["next_cursor"].is_object(), "{path} has no next_cursor");
            let parameters = item["get"]["parameters"].as_array().expect("parameters");
            for name in ["cursor", "limit"] {
                assert!(parameters.iter().any(|p| p["name"] == name && p["in"] == "query"), "{path} {name}");
            }
            path.clone()
        })
        .collect()
}

#[tokio::test]
async fn every_list_is_walked_by_its_cursor_and_its_ids_say_what_they_are() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    for name in ["french", "greek", "latin"] {
        owner.post("/v1/skills", &json!({ "name": name })).await;
        owner.post("/v1/api-keys", &json!({ "name": name, "scopes": ["config:read"] })).await;
        let invite = json!({ "email": format!("{name}@acme.example"), "name": name, "role": "agent" });
        owner.post("/v1/users/invites", &invite).await;
    }
    let openapi = owner.get("/v1/openapi.json").await.body;
    let lists = lists(&openapi);
    assert!(lists.len() >= 13, "{lists:?}");
    for list in lists {
        let whole = owner.get(&format!("{list}?limit=200")).await.body["items"].clone();
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = owner.get(&format!("{list}?limit=1&cursor={cursor}")).await.body;
            let items = page["items"].as_array().unwrap_or_else(|| panic!("{list}: {page}"));
            assert!(items.len() <= 1, "{list}");
            walked.extend(items.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(Value::Array(walked), whole, "{list}");
        for item in whole.as_array().expect("items") {
            let id = item["id"].as_str().expect("an id");
            let (prefix, rest) = id.split_once('_').unwrap_or_else(|| panic!("{list}: {id}"));
            assert!(
                (2..=6).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_lowercase()),
                "{id}"
            );
            assert!(rest.len() == 26 && rest.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
        }
    }
}

#[tokio::test]
async fn what_is_in_use_is_named_as_people_call_it() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let queue = owner.first("queues").await;
    let refused = owner.delete(&format!("/v1/queues/{}", queue["id"].as_str().expect("an id"))).await;
    assert_eq!(refused.problem(409), "queue Support is used by flow Welcome");
    assert_eq!(refused.body["type"], "urn:trunkline:problem:in_use");
    assert_eq!(
        refused.body["params"],
        json!({ "kind": "queue", "name": "Support", "by_kind": "flow", "by_name": "Welcome" })
    );
    let wrong = owner.post("/v1/skills", &json!({ "name": "" })).await;
    wrong.problem(422);
    assert_eq!(wrong.body["errors"][0]["code"], "empty");
}
