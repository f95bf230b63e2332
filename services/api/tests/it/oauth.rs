//! OAuth 2.0 client credentials, as RFC 6749 wants them.

use crate::*;

async fn asks(world: &World, basic: Option<(&str, &str)>, form: &[(&str, &str)]) -> (u16, Value, bool) {
    // Nothing here needs escaping but the space, which is a plus.
    let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = reqwest::Client::new()
        .post(format!("{}/v1/oauth/token", world.base))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.join("&"));
    let request = match basic {
        Some((id, secret)) => request.basic_auth(id, Some(secret)),
        None => request,
    };
    let reply = request.send().await.expect("a reply");
    let challenged = reply.headers().contains_key("www-authenticate");
    assert_eq!(reply.headers()["cache-control"], "no-store");
    (reply.status().as_u16(), reply.json().await.expect("JSON"), challenged)
}

async fn gets(world: &World, path: &str, token: &str) -> u16 {
    let request = reqwest::Client::new().get(format!("{}{path}", world.base)).bearer_auth(token);
    request.send().await.expect("a reply").status().as_u16()
}

#[tokio::test]
async fn a_client_gets_a_token_with_its_scopes_that_ends_with_the_key() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let form = json!({ "name": "CRM", "scopes": ["config:read", "users:read"] });
    let key = owner.post("/v1/api-keys", &form).await.body;
    let (id, secret) = (key["id"].as_str().unwrap(), key["secret"].as_str().unwrap());
    let grant = ("grant_type", "client_credentials");

    let (status, token, _) = asks(&world, Some((id, secret)), &[grant]).await;
    assert_eq!((status, &token["token_type"]), (200, &json!("Bearer")), "{token}");
    assert_eq!(token["scope"], "config:read users:read");
    assert!((290..=300).contains(&token["expires_in"].as_i64().unwrap()), "{token}");
    let whole = token["access_token"].as_str().unwrap();
    assert_eq!(gets(&world, "/v1/users", whole).await, 200);
    assert_eq!(gets(&world, "/v1/audit", whole).await, 403, "not more than the key may");

    let in_body = [grant, ("client_id", id), ("client_secret", secret), ("scope", "config:read")];
    let (status, token, _) = asks(&world, None, &in_body).await;
    assert_eq!((status, &token["scope"]), (200, &json!("config:read")));
    let narrow = token["access_token"].as_str().unwrap();
    assert_eq!(gets(&world, "/v1/queues", narrow).await, 200);
    assert_eq!(gets(&world, "/v1/users", narrow).await, 403, "less, as asked for");

    owner.delete(&format!("/v1/api-keys/{id}")).await;
    assert_eq!(gets(&world, "/v1/queues", narrow).await, 401, "revoked");
    assert_eq!(gets(&world, "/v1/users", whole).await, 401);
    let (status, error, challenged) = asks(&world, Some((id, secret)), &[grant]).await;
    assert_eq!((status, &error["error"], challenged), (401, &json!("invalid_client"), true));
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_words_of_oauth() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let create = json!({ "name": "CRM", "scopes": ["config:read"] });
    let key = owner.post("/v1/api-keys", &create).await.body;
    let other = owner.post("/v1/api-keys", &create).await.body;
    let (id, secret) = (key["id"].as_str().unwrap(), key["secret"].as_str().unwrap());
    let grant = ("grant_type", "client_credentials");
    let own = Some((id, secret));
    for (basic, form, status, error) in [
        (own, vec![], 400, "invalid_request"),
        (own, vec![grant, grant], 400, "invalid_request"),
        (own, vec![grant, ("client_secret", secret)], 400, "invalid_request"),
        (own, vec![("grant_type", "password")], 400, "unsupported_grant_type"),
        (own, vec![grant, ("scope", "users:write")], 400, "invalid_scope"),
        (None, vec![grant], 401, "invalid_client"),
        (Some((id, "tlk_wrong")), vec![grant], 401, "invalid_client"),
        (Some((other["id"].as_str().unwrap(), secret)), vec![grant], 401, "invalid_client"),
    ] {
        let (found, reply, challenged) = asks(&world, basic, &form).await;
        assert_eq!((found, reply["error"].as_str()), (status, Some(error)), "{form:?}: {reply}");
        assert_eq!(challenged, status == 401);
    }
}
