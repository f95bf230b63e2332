//! Calls over TLS, in and out, with sound in both directions.

use crate::{
    AGENT, CALLER, SOON,
    company::{Company, text},
    picks_up,
    platform::{CHAIN, KEY, certificate},
    transfers::Desk,
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use softphone::{Certificate, Config, Dial, Phone, Sound, Verify};

/// What the callee outside says.
const OUTSIDE: f64 = 900.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_comes_in_over_tls_and_one_goes_out_over_tls() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let ana = company.agent("ana").await;

    let server = text(&company.get("/v1/sip-server").await["tls"]);
    let verify = Verify { name: "localhost".to_owned(), roots: Some(company.at.certificate.clone()) };
    let phone = Phone::bind(Config { verify: Some(verify), ..Config::default() }).await.unwrap();
    let dial = Dial { to: server, ..company.dial(&number, "+40216660000") };
    let call = phone.call(dial).await.unwrap();
    let agent = picks_up(&ana.phone, AGENT).await;
    call.hear(AGENT, SOON).await.unwrap();
    agent.hear(CALLER, SOON).await.unwrap();
    call.hang_up().await.unwrap();
    agent.wait_ended(SOON).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let ca = certificate(folder.path());
    let own = Certificate::open(&folder.path().join(CHAIN), &folder.path().join(KEY)).unwrap();
    let carrier = Phone::bind(Config { certificate: Some(own), ..Config::default() }).await.unwrap();
    let address = format!("localhost:{}", carrier.tls_address().unwrap().port());
    let gateway = json!({ "address": address, "transport": "tls" });
    let trunk = json!({ "name": "Secure", "auth": { "type": "ip", "addresses": ["203.0.113.9"] },
        "outbound": { "gateways": [gateway], "ca": ca, "prefixes": ["36"] } });
    company.send(Method::POST, "/v1/trunks", Some(trunk)).await;

    let desk = Desk::of(&company, &ana).await;
    let dialled = json!({ "to": { "number": "+36201234567" } });
    let placed = async {
        // Until the edge knows the trunk.
        while desk.post("/v1/calls", dialled.clone()).await.0 != StatusCode::CREATED {
            tokio::time::sleep(SOON / 300).await;
        }
    };
    tokio::time::timeout(SOON, placed).await.unwrap();
    let own = picks_up(&ana.phone, AGENT).await;
    let callee = carrier.incoming(SOON).await.unwrap();
    assert!(callee.request().header("Via").unwrap().starts_with("SIP/2.0/TLS"));
    callee.say(Sound::Tone(OUTSIDE));
    let callee = callee.answer().await.unwrap();
    own.hear(OUTSIDE, SOON).await.unwrap();
    callee.hear(AGENT, SOON).await.unwrap();
    callee.hang_up().await.unwrap();
    own.wait_ended(SOON).await.unwrap();
    let row =
        company.history_of(|row| row["direction"] == "outbound", |row| row["outcome"] == "answered").await;
    assert_eq!((row["direction"].as_str(), row["to"].as_str()), (Some("outbound"), Some("+36201234567")));
    assert_eq!((row["agent"].as_str(), row["talk_ms"].as_i64() > Some(0)), (Some(ana.agent.as_str()), true));
}
