//! What was taken from somebody is taken from the desk that they have open.

use crate::{edge::*, *};

/// RFC 6455: against the policy.
const POLICY: u16 = 1008;

/// A further session of a colleague, by its cookie.
async fn session(world: &World, role: &str) -> String {
    let form = json!({ "email": format!("{role}@colleague.example"), "password": PASSWORD });
    let answer = world.stranger().post("/v1/login", &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let cookie = answer.headers[header::SET_COOKIE].to_str().expect("a cookie");
    cookie.split(';').next().expect("a pair").to_owned()
}

async fn becomes(owner: &Browser, colleague: &Browser, role: &str) {
    let path = format!("/v1/users/{}", colleague.me["user"].as_str().expect("a user"));
    let request = owner.request(Method::PATCH, &path).json(&json!({ "role": role }));
    assert_eq!(owner.send(request).await.status, 200);
}

#[tokio::test]
async fn a_supervisor_who_is_one_no_more_supervises_no_call_from_the_open_desk() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let eva = world.colleague(&owner, "supervisor").await;
    let mut desk = Desk::open_in_session(&eva, &session(&world, "supervisor").await).await;
    let listen =
        json!({ "type": "supervise_call", "call": "call_01J00000000000000000000000", "how": "listen" });
    desk.says(listen.clone()).await;
    let answer = desk.hears("refused").await;
    assert!(!answer["message"].to_string().contains("permission"), "she may, but there is no edge: {answer}");

    becomes(&owner, &eva, "agent").await;
    desk.says(listen).await;
    assert_eq!(desk.hears("refused").await["message"], "this needs the permission supervise");
    // There is one door to it: a leg alone opens none.
    desk.says(json!({ "type": "supervise", "leg": "leg_1", "how": "barge" })).await;
    let refused = desk.hears("refused").await;
    assert!(refused["message"].as_str().is_some_and(|why| why.contains("cannot be read")), "{refused}");
}

#[tokio::test]
async fn a_desk_closes_for_whom_it_is_no_more() {
    let world = World::start_with("desk_looked_at_ms = 50").await;
    let owner = world.owner("acme").await;
    let eva = world.colleague(&owner, "supervisor").await;
    let cookies = [session(&world, "supervisor").await, session(&world, "supervisor").await];
    let mut desk = Desk::open_in_session(&eva, &cookies[0]).await;
    desk.says(json!({ "type": "available" })).await;
    desk.becomes("available").await;
    becomes(&owner, &eva, "agent").await;
    desk.says(json!({ "type": "aux", "reason": "meeting" })).await;
    desk.becomes("aux").await;
    becomes(&owner, &eva, "auditor").await;
    assert_eq!(desk.closes().await, (POLICY, "this needs the permission desk".to_owned()));

    becomes(&owner, &eva, "agent").await;
    let mut desk = Desk::open_in_session(&eva, &cookies[1]).await;
    let sessions = eva.get("/v1/me/sessions").await.body["items"].clone();
    for one in sessions.as_array().expect("sessions").iter().filter(|one| one["current"] == false) {
        let path = format!("/v1/me/sessions/{}", one["id"].as_str().expect("an id"));
        assert_eq!(eva.delete(&path).await.status, 204);
    }
    assert_eq!(desk.closes().await, (POLICY, "the session has ended".to_owned()));
}

#[tokio::test]
async fn a_desk_that_a_token_opened_ends_when_the_token_is_old() {
    let world = World::start_with("by_token_max_ms = 300").await;
    let owner = world.owner("acme").await;
    let mut desk = Desk::open(&owner).await;
    assert_eq!(desk.closes().await.0, POLICY);
    Desk::open(&owner).await.becomes("offline").await;
}

#[tokio::test]
async fn nobody_listens_where_the_agent_is_to_know_and_nobody_knows_who_it_is() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let mut company = owner.get("/v1/company").await.body;
    company.as_object_mut().expect("fields").retain(|field, _| field != "id" && field != "version");
    company["listening_notice"] = json!(true);
    let saved = owner.put("/v1/company", &company).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    let call = types::CallId::new(chassis::clock::now(), chassis::random::u128());
    isolation::tell_call(&world, &owner, &call).await;
    let path = format!("/v1/calls/{call}/supervision");
    let refused = owner.post(&path, &json!({ "how": "listen" })).await;
    refused.problem(409);
    assert_eq!(refused.body["code"], "agent_unknown");
    // Who speaks is heard; that goes to the edge, which is not in this world.
    owner.post(&path, &json!({ "how": "barge" })).await.problem(503);
}
