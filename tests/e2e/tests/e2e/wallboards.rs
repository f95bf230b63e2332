//! Figures on a wall, by a link without a log-in.

use crate::{
    SOON,
    browser::Browser,
    company::{Company, PASSWORD, text},
};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use softphone::Protocol;

async fn look(company: &Company, token: &str) -> Response {
    let request = Client::new().get(format!("{}/v1/wallboard", company.at.url)).bearer_auth(token);
    request.send().await.expect("a reply")
}

/// Shown as long as the link is valid: revoked, it ends at once; the token is
/// shown once and nowhere kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_wall_shows_chosen_queues_until_its_link_is_revoked() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let Some(mut boss) = Browser::start(&company.at.url).await else { return };
    boss.does("log_in", json!({ "email": company.email, "password": PASSWORD })).await;
    boss.does("opens", json!("/wallboards")).await;
    boss.does("press", json!("wallboard-new")).await;
    boss.does("fill", json!({ "id": "wallboard-name", "text": "Hall" })).await;
    boss.does("press", json!("wallboard-queue")).await;
    boss.does("press", json!("document-save")).await;
    let link = boss.does("text", json!("wallboard-link")).await;
    let token = text(&link).split_once('#').expect("a link").1.to_owned();
    let listed = company.get("/v1/wallboards").await;
    assert!(!listed.to_string().contains(&token), "nowhere again: {listed}");
    let id = text(&listed["items"][0]["id"]);

    let Some(mut wall) = Browser::start(&company.at.url).await else { return };
    wall.does("opens", json!(format!("/wall#{token}"))).await;
    let call = company.call(&number, "+40217200001", Protocol::Udp).await;
    wall.does("says", json!({ "id": "wall-waiting", "text": "1" })).await;
    wall.pictures("wall").await;
    let mut stream = look(&company, &token).await;
    assert_eq!(stream.status(), 200);
    let first = stream.chunk().await.unwrap().expect("an event");
    let first = String::from_utf8_lossy(&first).into_owned();
    assert!(first.contains("event: board") && first.contains("\"waiting\":1"), "{first}");
    assert!(!first.contains("+4021"), "figures alone, nobody's number: {first}");
    let read = tokio::spawn(async move { while let Ok(Some(_)) = stream.chunk().await {} });

    for wrong in ["", "wall_wrong", &format!("{token}x")] {
        let reply = look(&company, wrong).await;
        assert_eq!(reply.status(), 401);
        assert_eq!(reply.json::<Value>().await.unwrap()["code"], "link_revoked");
    }
    assert_eq!(company.status(Method::DELETE, &format!("/v1/wallboards/{id}"), json!({})).await, 204);
    tokio::time::timeout(SOON, read).await.expect("the stream ends").unwrap();
    wall.does("loses", json!("wall-queue")).await;
    assert_eq!(look(&company, &token).await.status(), 401);
    for action in ["wallboard.create", "wallboard.revoke"] {
        let audit = company.get(&format!("/v1/audit?action={action}")).await;
        assert_eq!(audit["items"][0]["subject"], format!("wallboard/{id}").as_str());
    }
    call.hang_up().await.unwrap();
    boss.close().await;
    wall.close().await;
}
