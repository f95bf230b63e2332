//! Webhooks over REST, told to a receiver on a socket.

use crate::*;
use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use tokio::sync::mpsc;

/// Gives what is posted to it.
async fn receiver() -> (String, mpsc::Receiver<(HeaderMap, Bytes)>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (heard, hears) = mpsc::channel(100);
    let take =
        async move |headers: HeaderMap, body: Bytes| heard.send((headers, body)).await.is_ok().to_string();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
    (url, hears)
}

#[tokio::test]
async fn a_developer_makes_a_webhook_sees_its_secret_once_and_what_was_delivered() {
    let world = World::start().await;
    let owner = world.owner("acme").await;
    let developer = world.colleague(&owner, "developer").await;
    let kinds = developer.get("/v1/event-kinds").await.body;
    assert!(kinds["kinds"].as_array().expect("kinds").contains(&json!("call.offered")));

    let (url, mut hears) = receiver().await;
    let form = json!({ "name": "Orders", "url": url, "kinds": ["call.offered"] });
    let made = developer.post("/v1/webhooks", &form).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let secret = made.body["secret"].as_str().expect("a secret");
    assert!(secret.starts_with("whsec_"));
    let listed = developer.get("/v1/webhooks").await.body;
    assert!(!listed.to_string().contains(secret), "shown once");
    let path = format!("/v1/webhooks/{}", made.body["webhook"]["id"].as_str().expect("an id"));

    let call = types::CallId::new(chassis::clock::now(), chassis::random::u128());
    isolation::tell_call(&world, &owner, &call).await;
    let (headers, body) = hears.recv().await.expect("the event");
    let told: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((&told["type"], &told["data"]["call"]), (&json!("call.offered"), &json!(call)));
    assert_eq!(headers["webhook-id"], told["id"].as_str().expect("an id"));

    let deliveries = format!("{path}/deliveries");
    let mut delivery = Value::Null;
    for _ in 0..400 {
        delivery = developer.get(&deliveries).await.body["items"][0].clone();
        if delivery["state"] == "delivered" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!((&delivery["attempts"], &delivery["status"]), (&json!(1), &json!(200)), "{delivery}");
    let again = format!("{deliveries}/{}/resend", delivery["id"].as_str().expect("an id"));
    assert_eq!(developer.post(&again, &json!({})).await.status, 204);
    assert_eq!(hears.recv().await.expect("again").1, body);
    let replayed = developer.post(&format!("{path}/replay"), &json!({})).await;
    assert_eq!(replayed.body["queued"], 1, "{}", replayed.body);
    assert_eq!(hears.recv().await.expect("replayed").1, body);

    let off = json!({ "name": "Orders", "url": url, "kinds": ["call.offered"], "enabled": false });
    let answer = developer.request(Method::PUT, &path).json(&off).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let refused = developer.post(&format!("{path}/test"), &json!({})).await;
    refused.problem(409);
    assert_eq!(refused.body["code"], "webhook_off");
    let bad = json!({ "name": "", "url": "ftp://x", "kinds": ["call.eaten"] });
    let refused = developer.post("/v1/webhooks", &bad).await;
    refused.problem(422);
    let places =
        refused.body["errors"].as_array().expect("errors").iter().map(|error| error["place"].clone());
    assert_eq!(places.collect::<Vec<_>>(), ["name", "url", "kinds"]);
}
