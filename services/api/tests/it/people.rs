//! Users, roles, sessions, second factors, the audit.

use crate::*;
use hmac::{Hmac, KeyInit, Mac};

async fn users(of: &Browser) -> Vec<Value> {
    of.get("/v1/users").await.body["items"].as_array().expect("users").clone()
}

async fn patch(of: &Browser, path: &str, body: &Value) -> Answer {
    of.send(of.request(Method::PATCH, path).json(body)).await
}

fn user(of: &Browser) -> String {
    format!("/v1/users/{}", of.me["user"].as_str().expect("a user"))
}

#[tokio::test]
async fn a_colleague_is_changed_and_removed_and_the_audit_tells_by_whom() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let ben = world.colleague(&owner, "agent").await;
    let change = json!({ "name": "Ben B", "role": "supervisor", "scope": "department" });
    let changed = patch(&owner, &user(&ben), &change).await;
    assert_eq!((changed.status, &changed.body["role"]), (200, &json!("supervisor")), "{}", changed.body);
    let me = ben.get("/v1/me").await.body;
    assert_eq!(
        (&me["role"], &me["scope"], &me["name"]),
        (&json!("supervisor"), &json!("department"), &json!("Ben B"))
    );
    for wrong in [json!({ "role": "king" }), json!({ "scope": "moon" }), json!({ "name": " " })] {
        patch(&owner, &user(&ben), &wrong).await.problem(422);
    }

    let removed = owner.delete(&user(&ben)).await;
    assert_eq!(removed.status, 204, "{}", removed.body);
    ben.get("/v1/me").await.problem(401);
    assert_eq!(users(&owner).await.len(), 1);
    owner.get(&format!("/v1/agents/{}", ben.agent())).await.problem(404);
    owner.delete(&user(&ben)).await.problem(404);

    let deeds = owner.get("/v1/audit?action=user.").await.body;
    let actions: Vec<&str> =
        deeds["items"].as_array().expect("entries").iter().filter_map(|e| e["action"].as_str()).collect();
    assert_eq!(actions, ["user.remove", "user.update", "user.invite"]);
    let entry = &deeds["items"][0];
    assert_eq!((&entry["actor"], &entry["actor_name"]), (&owner.me["user"], &json!("Ana Pop")));
    assert_eq!(entry["detail"]["email"], "agent@colleague.example");
    let none = owner.get("/v1/audit?action=user.&to_ms=1").await.body;
    assert_eq!(none["items"], json!([]));
    let csv = owner.get("/v1/audit/export?action=user.").await;
    assert_eq!((csv.status, csv.content_type.as_str()), (200, "text/csv; charset=utf-8"));
    assert_eq!(csv.body.as_str().expect("text").lines().count(), 4, "{}", csv.body);
}

#[tokio::test]
async fn a_company_keeps_an_owner_and_nobody_removes_themselves() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    owner.delete(&user(&owner)).await.problem(409);
    let refused = patch(&owner, &user(&owner), &json!({ "role": "agent" })).await;
    refused.problem(409);
    assert_eq!(refused.body["code"], "last_owner");
    let admin = world.colleague(&owner, "admin").await;
    admin.delete(&user(&owner)).await.problem(403);
    patch(&admin, &user(&admin), &json!({ "role": "owner" })).await.problem(403);
    patch(&admin, &user(&owner), &json!({ "name": "Nobody" })).await.problem(403);
    assert_eq!(patch(&owner, &user(&admin), &json!({ "role": "owner" })).await.status, 200);
    assert_eq!(patch(&owner, &user(&owner), &json!({ "role": "agent" })).await.status, 200);
}

#[tokio::test]
async fn a_role_of_their_own_opens_its_doors_at_once_and_gives_away_no_more() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let ben = world.colleague(&owner, "agent").await;
    let role =
        json!({ "name": "Trainer", "permissions": ["desk", "directory:read", "users:read", "users:write"] });
    let made = owner.post("/v1/roles", &role).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.body["id"].as_str().expect("an id").to_owned();
    ben.get("/v1/users").await.problem(403);
    assert_eq!(patch(&owner, &user(&ben), &json!({ "role": id })).await.status, 200);
    assert_eq!(ben.get("/v1/users").await.status, 200);
    ben.get("/v1/reports?from=0&to=1&by=queue").await.problem(403);
    // By JWT as well.
    let token = ben.post("/v1/token", &json!({})).await.body["token"].as_str().expect("a token").to_owned();
    let mut program = world.stranger();
    program.bearer = Some(token);
    assert_eq!(program.get("/v1/users").await.status, 200);
    program.get("/v1/audit").await.problem(403);

    let invite = |role: &str| json!({ "email": "new@colleague.example", "name": "New", "role": role });
    ben.post("/v1/users/invites", &invite("admin")).await.problem(403);
    assert_eq!(ben.post("/v1/users/invites", &invite(&id)).await.status, 201);
    ben.post("/v1/roles", &json!({ "name": "Spy", "permissions": ["recordings:read"] })).await.problem(403);
    owner.post("/v1/roles", &json!({ "name": "Odd", "permissions": ["fly"] })).await.problem(422);
    let held = owner.delete(&format!("/v1/roles/{id}")).await;
    held.problem(409);
    assert_eq!(held.body["code"], "role_held");
    let developer = world.colleague(&owner, "developer").await;
    developer.post("/v1/roles", &json!({ "name": "Mine", "permissions": ["desk"] })).await.problem(403);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_from_elsewhere() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let log_in = json!({ "email": "ana@acme.example", "password": PASSWORD });
    let mut phone = world.stranger();
    let request =
        phone.request(Method::POST, "/v1/login").header(header::USER_AGENT, "Pocket/1").json(&log_in);
    let answer = phone.send(request).await;
    phone.signed_in(answer.body);
    let listed = owner.get("/v1/me/sessions").await.body;
    let items = listed["items"].as_array().expect("sessions");
    assert_eq!(items.len(), 2, "{listed}");
    let other = items.iter().find(|one| one["user_agent"] == "Pocket/1").expect("the phone's session");
    assert_eq!((&other["current"], &other["address"]), (&json!(false), &json!("127.0.0.1")));
    assert!(items.iter().any(|one| one["current"] == true));
    let path = format!("/v1/me/sessions/{}", other["id"].as_str().expect("an id"));
    let stranger = world.owner("bolt").await;
    stranger.delete(&path).await.problem(404);
    assert_eq!(owner.delete(&path).await.status, 204);
    phone.get("/v1/me").await.problem(401);
    assert_eq!(owner.get("/v1/me").await.status, 200);
}

/// RFC 6238 by another hand than the server's.
fn code(secret: &str, steps_ahead: i64) -> String {
    let secret = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).expect("base 32");
    let step = chassis::clock::now().millis() / 30_000 + steps_ahead;
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&secret).expect("a key");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = hash[at..at + 4].iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[tokio::test]
async fn with_an_authenticator_a_password_alone_does_not_sign_in() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let offer = owner.post("/v1/me/totp/offer", &json!({})).await.body;
    let secret = offer["secret"].as_str().expect("a secret").to_owned();
    assert!(offer["uri"].as_str().is_some_and(|uri| uri.starts_with("otpauth://totp/")), "{offer}");
    let log_in = async |code: &str| {
        let form = json!({ "email": "ana@acme.example", "password": PASSWORD, "code": code });
        world.stranger().post("/v1/login", &form).await
    };
    assert_eq!(log_in("").await.status, 200, "an offer is not yet a lock");
    owner.put("/v1/me/totp", &json!({ "code": "000000" })).await.problem(422);
    let confirmed = owner.put("/v1/me/totp", &json!({ "code": code(&secret, -1) })).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    let recovery = confirmed.body["codes"][0].as_str().expect("a recovery code").to_owned();

    let refused = log_in("").await;
    refused.problem(401);
    assert_eq!(refused.body["code"], "code_needed");
    let now = code(&secret, 0);
    assert_eq!(log_in(&now).await.status, 200);
    log_in(&now).await.problem(401);
    assert_eq!(log_in(&recovery).await.status, 200);
    let again = log_in(&recovery).await;
    again.problem(401);
    assert_eq!(again.body["code"], "wrong_code");
    assert_eq!(users(&owner).await[0]["totp"], true);

    let drop = owner.request(Method::DELETE, "/v1/me/totp").json(&json!({ "code": code(&secret, 1) }));
    assert_eq!(owner.send(drop).await.status, 204);
    assert_eq!(log_in("").await.status, 200);
}

#[tokio::test]
async fn many_are_invited_by_a_file_and_each_mistake_stands_at_its_row() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let file = "email;name;role\nben@acme.example;Ben;agent\nnot-an-address;X;agent\n\
        carol@acme.example;Carol;king\nBEN@acme.example;Ben again;agent\nana@acme.example;Ana;agent\n";
    let send = async |query: &str| {
        let request = owner.request(Method::POST, &format!("/v1/users/invites/bulk{query}"));
        owner.send(request.header(header::CONTENT_TYPE, "text/csv").body(file)).await
    };
    let dry = send("?dry_run=true").await;
    assert_eq!(dry.status, 200, "{}", dry.body);
    let codes: Vec<Value> = dry.body["items"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["errors"][0]["code"].clone())
        .collect();
    assert_eq!(
        codes,
        [Value::Null, json!("not_an_email"), json!("unknown_role"), json!("twice"), json!("address_taken")]
    );
    assert_eq!(owner.get("/v1/users/invites").await.body["items"], json!([]), "a dry run invites nobody");
    let done = send("").await.body;
    let token = done["items"][0]["token"].as_str().expect("a token").to_owned();
    let pending = owner.get("/v1/users/invites").await.body;
    assert_eq!(pending["items"].as_array().map(Vec::len), Some(1));
    let id = pending["items"][0]["id"].as_str().expect("an id");
    assert_eq!(owner.delete(&format!("/v1/users/invites/{id}")).await.status, 204);
    world.stranger().get(&format!("/v1/invites/{token}")).await.problem(404);
    let agent = world.colleague(&owner, "agent").await;
    agent.post("/v1/users/invites/bulk", &json!({ "items": [] })).await.problem(403);
}

/// An agent's own calls, and nobody else's; every playback is on record.
/// Proves A158.
#[tokio::test]
async fn an_agent_listens_again_to_own_calls_only_and_the_audit_knows() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let (ben, carol) = (world.colleague(&owner, "agent").await, world.colleague(&owner, "developer").await);
    // A second agent.
    let change = json!({ "role": "agent" });
    assert_eq!(patch(&owner, &user(&carol), &change).await.status, 200);
    let call = crate::history::a_whole_call(&world, &owner, ben.agent()).await;
    let recording = ben.get(&format!("/v1/calls/{call}")).await.body["recording"].clone();
    let recording = recording.as_str().expect("a recording").to_owned();
    crate::isolation::ingest(&world, owner.tenant(), &recording, &call).await;
    let (item, audio) = (format!("/v1/recordings/{recording}"), format!("/v1/recordings/{recording}/audio"));
    assert_eq!(ben.get(&item).await.status, 200);
    let heard = ben.request(Method::GET, &audio).send().await.expect("an answer");
    assert_eq!(heard.status().as_u16(), 200);
    assert!(heard.bytes().await.expect("bytes").starts_with(b"RIFF"));
    assert_eq!(ben.get(&format!("/v1/recordings?call={call}")).await.status, 200);

    carol.get(&item).await.problem(404);
    carol.get(&audio).await.problem(404);
    carol.get(&format!("/v1/recordings?call={call}")).await.problem(403);
    carol.get("/v1/recordings").await.problem(403);
    ben.get("/v1/recordings").await.problem(403);
    let deeds = owner.get("/v1/audit?action=recording.play").await.body;
    assert_eq!(deeds["items"].as_array().map(Vec::len), Some(1), "{deeds}");
    let deed = &deeds["items"][0];
    assert_eq!(
        (&deed["actor"], &deed["subject"]),
        (&ben.me["user"], &json!(format!("recording/{recording}")))
    );
}

#[tokio::test]
async fn departments_are_a_tree() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let make = async |name: &str, parent: &Value| {
        let made = owner.post("/v1/departments", &json!({ "name": name, "parent": parent })).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.body
    };
    let sales = make("Sales", &Value::Null).await;
    let north = make("North", &sales["id"]).await;
    let path = |of: &Value| format!("/v1/departments/{}", of["id"].as_str().expect("an id"));
    let turned = owner.put(&path(&sales), &json!({ "name": "Sales", "parent": north["id"] })).await;
    turned.problem(422);
    assert_eq!(turned.body["errors"][0]["code"], "loop");
    let itself = owner.put(&path(&north), &json!({ "name": "North", "parent": north["id"] })).await;
    itself.problem(422);
    let held = owner.delete(&path(&sales)).await;
    assert_eq!(held.problem(409), "department Sales is used by department North");
    let gone = json!({ "name": "X", "parent": "dep_01J00000000000000000000000" });
    owner.post("/v1/departments", &gone).await.problem(422);
}

/// A head with an administrator's permissions stays within the department:
/// there is no way to widen one's own sight or to be told of others.
#[tokio::test]
async fn the_head_of_a_department_cannot_reach_beyond_it() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let made = owner.post("/v1/departments", &json!({ "name": "Sales" })).await.body;
    let sales = made["id"].as_str().expect("an id");
    let (head, other) = (world.colleague(&owner, "admin").await, world.colleague(&owner, "agent").await);
    let place = json!({ "department": sales });
    let placed = owner.put(&format!("/v1/agents/{}/department", head.agent()), &place).await;
    assert_eq!(placed.status, 204, "{}", placed.body);
    let narrowed = patch(&owner, &user(&head), &json!({ "scope": "department" })).await;
    assert_eq!(narrowed.status, 200, "{}", narrowed.body);

    let sessions = format!("{}/sessions", user(&other));
    let department = format!("/v1/departments/{sales}");
    let invitation = json!({ "email": "x@colleague.example", "name": "X", "role": "agent" });
    let own = head.get(&format!("/v1/agents/{}", head.agent())).await.body;
    let mut elsewhere = own.clone();
    for field in ["id", "version"] {
        elsewhere.as_object_mut().expect("an agent").remove(field);
    }
    elsewhere["department"] = Value::Null;
    for refused in [
        patch(&head, &user(&head), &json!({ "scope": "company" })).await,
        head.get(&sessions).await,
        head.get("/v1/audit").await,
        head.get("/v1/audit/export").await,
        head.post("/v1/users/invites", &invitation).await,
        head.post("/v1/users/invites/bulk", &json!({ "items": [invitation] })).await,
        head.post("/v1/api-keys", &json!({ "name": "k", "scopes": ["calls:read"] })).await,
        head.post("/v1/departments", &json!({ "name": "All", "parent": null })).await,
        head.put(&department, &json!({ "name": "Everything", "parent": null })).await,
        head.delete(&department).await,
        head.post("/v1/roles", &json!({ "name": "r", "permissions": ["desk"] })).await,
        head.put(&format!("/v1/agents/{}", head.agent()), &elsewhere).await,
    ] {
        refused.problem(403);
        assert_eq!(refused.body["code"], "outside_department");
    }
    assert_eq!(users(&head).await.len(), 1);
    owner.post("/v1/users/invites", &invitation).await;
    assert_eq!(head.get("/v1/users/invites").await.body["items"], json!([]));
}

#[tokio::test]
async fn a_persons_token_places_calls_from_their_own_line_alone() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let other = world.colleague(&owner, "agent").await;
    let jwt = owner.post("/v1/token", &json!({})).await.body;
    let mut by_token = world.stranger();
    by_token.bearer = Some(jwt["token"].as_str().expect("a token").to_owned());
    let call = json!({ "to": { "number": "+40211234567" }, "agent": other.agent() });
    by_token.post("/v1/calls", &call).await.problem(403);
}
