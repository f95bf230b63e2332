use crate::*;

/// Method, path, and the roles that may.
const DOORS: [(&str, &str, &[&str]); 18] = [
    ("GET", "/v1/audit", &["admin", "auditor"]),
    ("GET", "/v1/roles", &["admin", "supervisor", "auditor"]),
    ("POST", "/v1/roles", &["admin"]),
    ("POST", "/v1/departments", &["admin"]),
    ("DELETE", "/v1/users/usr_x", &["admin"]),
    ("PUT", "/v1/agents/agt_x/department", &["admin", "supervisor"]),
    ("GET", "/v1/trunks", &["admin", "supervisor", "auditor", "developer"]),
    ("GET", "/v1/queues", &["admin", "supervisor", "agent", "auditor", "developer"]),
    ("POST", "/v1/skills", &["admin", "developer"]),
    ("PUT", "/v1/company", &["admin", "developer"]),
    ("GET", "/v1/users", &["admin", "supervisor", "auditor"]),
    ("POST", "/v1/users/invites", &["admin"]),
    ("GET", "/v1/api-keys", &["admin", "developer"]),
    ("GET", "/v1/contacts", &["admin", "supervisor", "agent", "auditor"]),
    ("GET", "/v1/calls", &["admin", "supervisor", "agent", "auditor"]),
    ("GET", "/v1/recordings", &["admin", "supervisor", "auditor"]),
    ("GET", "/v1/reports?from=0&to=1&by=queue", &["admin", "supervisor", "auditor"]),
    ("POST", "/v1/test-calls", &["admin", "supervisor", "developer"]),
];

/// What can be read as the route's form.
fn form(path: &str) -> Value {
    match path {
        "/v1/users/invites" => json!({ "email": "new@colleague.example", "name": "New", "role": "agent" }),
        _ => json!({}),
    }
}

#[tokio::test]
async fn every_role_opens_its_own_doors_and_no_other() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    for role in ["admin", "supervisor", "agent", "auditor", "developer"] {
        let colleague = world.colleague(&owner, role).await;
        for (method, path, may) in DOORS {
            let method: Method = method.parse().expect("a method");
            let mut request = colleague.request(method.clone(), path);
            if method != Method::GET {
                request = request.json(&form(path));
            }
            let answer = colleague.send(request).await;
            // An open door may still lead to a form with mistakes or a service that is away.
            assert_eq!(answer.status != 403, may.contains(&role), "{role} {method} {path}: {}", answer.body);
            if answer.status == 403 {
                answer.problem(403);
            }
        }
    }
}

#[tokio::test]
async fn an_agent_sees_no_calls_of_others() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let agent = world.colleague(&owner, "agent").await;
    assert_eq!(agent.get("/v1/calls").await.status, 200);
    agent.get(&format!("/v1/calls?agent={}", owner.agent())).await.problem(403);
    assert_eq!(owner.get(&format!("/v1/calls?agent={}", agent.agent())).await.status, 200);
}

#[tokio::test]
async fn a_developer_gives_away_no_more_than_they_have() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let developer = world.colleague(&owner, "developer").await;
    let key = |scope: &str| json!({ "name": "k", "scopes": [scope] });
    developer.post("/v1/api-keys", &key("recordings:read")).await.problem(403);
    let made = developer.post("/v1/api-keys", &key("*")).await;
    assert_eq!(made.status, 201);
    let mut integrator = world.stranger();
    integrator.bearer = Some(made.body["secret"].as_str().expect("a secret").to_owned());
    integrator.get("/v1/recordings").await.problem(403);
    assert_eq!(integrator.get("/v1/flows").await.status, 200);
}
