use crate::*;

#[tokio::test]
async fn whatever_is_malformed_gets_a_problem_and_never_a_crash() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let raw = |method: Method, path: &str, content_type: &str, body: &str| {
        let request = owner.request(method, path).header(header::CONTENT_TYPE, content_type);
        owner.send(request.body(body.to_owned()))
    };
    const JSON: &str = "application/json";
    for (method, path, content_type, body, status) in [
        (Method::POST, "/v1/login", JSON, "{", 400),
        (Method::POST, "/v1/login", JSON, "[]", 422),
        (Method::POST, "/v1/login", JSON, r#"{"email": "a@b.example"}"#, 422),
        (Method::POST, "/v1/login", JSON, r#"{"email": "a", "password": "b", "x": 1}"#, 422),
        (Method::POST, "/v1/login", "text/plain", "{}", 415),
        (Method::POST, "/v1/login", JSON, "\u{0}", 400),
        (Method::POST, "/v1/skills", JSON, r#"{"name": 7}"#, 422),
        (Method::POST, "/v1/skills", JSON, r#""name""#, 422),
        (Method::POST, "/v1/skills", JSON, r#"{"name": "a\u0000b"}"#, 422),
        (Method::GET, "/v1/contacts?search=%00", JSON, "", 404),
        (Method::POST, "/v1/prompts/upload", JSON, "{}", 400),
        (Method::POST, "/v1/prompts/upload", "multipart/form-data; boundary=x", "--y", 400),
        (Method::POST, "/v1/test-calls", JSON, r#"{"keys": "abc"}"#, 422),
        (Method::PATCH, "/v1/contacts/con_x", JSON, r#"{"vip": "yes"}"#, 422),
        (Method::GET, "/v1/contacts?limit=many", JSON, "", 400),
        (Method::GET, "/v1/reports", JSON, "", 400),
        (Method::GET, "/v1/reports?from=1&to=0&by=queue", JSON, "", 422),
        (Method::GET, "/v1/reports?from=0&to=1&by=weather", JSON, "", 422),
        (Method::GET, "/v1/desk", JSON, "", 400),
        (Method::GET, "/v1/nothing", JSON, "", 404),
        (Method::GET, "/v1/flows/%00", JSON, "", 404),
        (Method::GET, "/v1/flows/%FF", JSON, "", 404),
        (Method::POST, "/elsewhere", JSON, "{}", 404),
        (Method::DELETE, "/v1/login", JSON, "", 405),
        (Method::PATCH, "/v1/flows", JSON, "{}", 405),
    ] {
        let answer = raw(method.clone(), path, content_type, body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.body);
        answer.problem(status);
    }
    let huge = format!(r#"{{"name": "{}"}}"#, "x".repeat(2_000_000));
    raw(Method::POST, "/v1/skills", JSON, &huge).await.problem(413);
    assert_eq!(owner.get("/v1/me").await.status, 200);
}

#[tokio::test]
async fn a_service_that_is_away_is_told_as_such_and_not_how() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let detail = owner.get("/v1/reports?from=0&to=1&by=queue").await.problem(503).to_owned();
    assert!(!detail.contains("127.0.0.1"), "{detail}");
    owner.get("/v1/live").await.problem(503);
    owner.post("/v1/test-calls", &json!({})).await.problem(503);
}
