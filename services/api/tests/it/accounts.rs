use crate::*;

#[tokio::test]
async fn from_sign_up_to_log_out_and_back() {
    let world = World::start().await;
    let mut browser = world.stranger();
    let answer = browser.post("/v1/signup", &sign_up("acme")).await;
    assert_eq!(answer.status, 201);
    let cookie = answer.headers[header::SET_COOKIE].to_str().expect("text");
    for flag in ["trunkline_session=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain http could not send it back: {cookie}");
    browser.signed_in(answer.body);

    let me = browser.get("/v1/me").await;
    assert_eq!((me.status, &me.body["role"], &me.body["company"]), (200, &json!("owner"), &json!("acme")));
    assert_eq!(me.body["csrf"], browser.me["csrf"]);

    assert_eq!(browser.post("/v1/logout", &json!({})).await.status, 204);
    browser.get("/v1/me").await.problem(401);

    let wrong = json!({ "email": "ana@acme.example", "password": "wrong" });
    let unknown = json!({ "email": "nobody@acme.example", "password": "wrong" });
    let told = browser.post("/v1/login", &wrong).await.problem(401).to_owned();
    assert_eq!(browser.post("/v1/login", &unknown).await.problem(401), told);
    let right = json!({ "email": "ANA@acme.example", "password": PASSWORD });
    assert_eq!(browser.post("/v1/login", &right).await.status, 200);
    assert_eq!(browser.get("/v1/me").await.status, 200);
}

#[tokio::test]
async fn a_change_without_the_csrf_value_is_refused() {
    let world = World::start().await;
    let mut owner = world.owner("acme").await;
    let right = owner.csrf.clone();
    for wrong in ["", "guess", &right[1..]] {
        owner.csrf = wrong.to_owned();
        owner.post("/v1/skills", &json!({ "name": "french" })).await.problem(403);
        assert_eq!(owner.get("/v1/skills").await.status, 200, "reading needs none");
    }
    owner.csrf = right;
    assert_eq!(owner.post("/v1/skills", &json!({ "name": "french" })).await.status, 201);
}

#[tokio::test]
async fn an_api_key_works_within_its_scopes_until_it_is_revoked() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    owner.post("/v1/api-keys", &json!({ "name": "x", "scopes": ["fly"] })).await.problem(422);
    let made = owner.post("/v1/api-keys", &json!({ "name": "CI", "scopes": ["config:read"] })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let mut integrator = world.stranger();
    integrator.bearer = Some(made.body["secret"].as_str().expect("a secret").to_owned());
    assert_eq!(integrator.get("/v1/flows").await.status, 200);
    integrator.post("/v1/skills", &json!({ "name": "french" })).await.problem(403);
    integrator.get("/v1/api-keys").await.problem(403);

    let listed = owner.get("/v1/api-keys").await.body;
    assert!(!listed.to_string().contains(integrator.bearer.as_deref().expect("a secret")));
    let revoked = owner.delete(&format!("/v1/api-keys/{}", made.body["id"].as_str().expect("an id"))).await;
    assert_eq!(revoked.status, 204);
    integrator.get("/v1/flows").await.problem(401);
}

#[tokio::test]
async fn a_jwt_stands_for_its_session_and_a_forged_one_for_nobody() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let token = owner.post("/v1/token", &json!({})).await.body["token"].as_str().expect("a token").to_owned();
    let mut integrator = world.stranger();
    integrator.bearer = Some(token.clone());
    let me = integrator.get("/v1/me").await;
    assert_eq!((me.status, &me.body["tenant"]), (200, &owner.me["tenant"]));
    assert_eq!(integrator.post("/v1/skills", &json!({ "name": "french" })).await.status, 201);

    let (head, rest) = token.split_once('.').expect("three parts");
    let (claims, signature) = rest.split_once('.').expect("three parts");
    let forged = format!("{head}.{}.{signature}", claims.replacen(&claims[10..12], "AA", 1));
    for bad in [forged.as_str(), "", "x.y.z", &format!("{head}.{claims}.")] {
        integrator.bearer = Some(bad.to_owned());
        integrator.get("/v1/me").await.problem(401);
    }
}

#[tokio::test]
async fn a_colleague_is_invited_looked_up_and_listed() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let form = json!({ "email": "ben@acme.example", "name": "Ben", "role": "agent" });
    let invite = owner.post("/v1/users/invites", &form).await;
    let path = format!("/v1/invites/{}", invite.body["token"].as_str().expect("a token"));
    let view = world.stranger().get(&path).await;
    assert_eq!((view.status, &view.body["company"]), (200, &json!("acme")));
    world.stranger().get("/v1/invites/guess").await.problem(404);
    assert_eq!(owner.get("/v1/users").await.body["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(owner.get("/v1/users/invites").await.body["items"][0]["email"], "ben@acme.example");
}
