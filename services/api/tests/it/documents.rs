use crate::*;

#[tokio::test]
async fn a_document_is_made_read_changed_and_deleted() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let flow = owner.first("flows").await["id"].clone();
    let number = json!({ "number": "+40211234567", "label": "Main", "flow": flow });
    let made = owner.post("/v1/numbers", &number).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!((&made.body["version"], &made.body["auto_connect"]), (&json!(1), &json!(true)));
    let path = made.headers[header::LOCATION].to_str().expect("text").to_owned();
    assert_eq!(made.headers[header::ETAG], "\"1\"");
    assert_eq!(owner.get(&path).await.body, made.body);

    // What was read may be sent back with a change in it.
    let mut changed = made.body.clone();
    changed["label"] = json!("Head office");
    let put = owner.put(&path, &changed).await;
    assert_eq!(
        (put.status, &put.body["version"], &put.body["label"]),
        (200, &json!(2), &json!("Head office"))
    );

    let versions = owner.get(&format!("{path}/versions")).await.body;
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(versions["items"][1]["document"]["label"], "Main");
    assert_eq!(versions["items"][0]["actor"], owner.me["user"]);

    assert_eq!(owner.delete(&path).await.status, 204);
    owner.get(&path).await.problem(404);
    owner.delete(&path).await.problem(404);
}

#[tokio::test]
async fn a_change_from_an_old_version_is_refused() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let made = owner.post("/v1/dispositions", &json!({ "name": "Sold" })).await.body;
    let path = format!("/v1/dispositions/{}", made["id"].as_str().expect("an id"));
    let put = |version: &'static str| {
        let request = owner.request(Method::PUT, &path).header(header::IF_MATCH, version);
        owner.send(request.json(&json!({ "name": "Bought" })))
    };
    assert_eq!(put("\"1\"").await.status, 200);
    put("\"1\"").await.problem(412);
    put("soon").await.problem(400);
    assert_eq!(put("*").await.status, 200);
}

#[tokio::test]
async fn a_broken_flow_is_refused_with_the_place_of_each_problem() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let flow = json!({
        "name": "Broken", "language": "en", "start": "a",
        "nodes": { "a": { "type": "play", "label": "A", "say": [{ "text": "hm" }], "next": "gone" } },
    });
    let answer = owner.post("/v1/flows", &flow).await;
    answer.problem(422);
    assert_eq!(answer.body["errors"][0]["place"], "nodes.a.next");
}

#[tokio::test]
async fn secrets_are_for_those_who_may_change_them() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    assert!(owner.first("trunks").await["auth"]["password"].is_string());
    let auditor = world.colleague(&owner, "auditor").await;
    let trunk = auditor.first("trunks").await;
    assert!(trunk["auth"]["username"].is_string() && trunk["auth"].get("password").is_none(), "{trunk}");
}

#[tokio::test]
async fn the_companys_own_document_can_be_changed() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let mut company = owner.get("/v1/company").await.body;
    company["name"] = json!("Acme & Sons");
    assert_eq!(owner.put("/v1/company", &company).await.status, 200);
    assert_eq!(owner.get("/v1/me").await.body["company"], "Acme & Sons");
    company["time_zone"] = json!("Mars/Olympus");
    owner.put("/v1/company", &company).await.problem(422);
}
