//! Asking over HTTP: what is asked, and what comes of the answers.

use crate::{begin, flow, go, places};
use flow::{Flow, Input, Instruction, Method, Say};
use serde_json::{Value, json};

fn balance(http: Value) -> Flow {
    let mut node = json!({ "type": "http", "label": "Balance", "url": "https://crm.example/b?n={caller}",
        "variables": { "balance": "/account/balance" }, "next": "says", "failed": "sorry" });
    for (key, value) in http.as_object().unwrap() {
        node[key] = value.clone();
    }
    let say = |text: &str| json!({ "type": "play", "label": "x", "say": [{ "text": text }], "next": "bye" });
    let nodes = json!({ "dip": node, "says": say("{balance} lei"), "sorry": say("Sorry."),
                        "bye": { "type": "hangup" } });
    flow("dip", nodes)
}

#[test]
fn the_question_carries_the_values_and_the_answer_is_said() {
    let flow = balance(json!({ "method": "post", "body": { "who": ["{caller}"], "n": 1 },
                               "headers": { "Authorization": "Bearer secret" } }));
    assert_eq!(flow.validate(), Ok(()));
    let asks = begin(&flow);
    let Instruction::Fetch { request, .. } = &asks.instruction else { panic!("asks") };
    assert_eq!(request.url, "https://crm.example/b?n=%2B40211234567", "a value cannot end its part");
    assert_eq!((request.method, request.timeout), (Method::Post, 2_000));
    assert_eq!(request.body.as_deref(), Some(r#"{"n":1,"who":["+40211234567"]}"#));
    assert_eq!(go(&flow, &asks, &Input::Waits), asks, "whoever waits is where they were");
    for (found, said) in [(json!(12.5), "12.5 lei"), (json!("many"), "many lei"), (json!(true), "true lei")] {
        let answer = Input::Answer(Some(json!({ "account": { "balance": found } })));
        let said = vec![Say::Filled(said.into())];
        assert_eq!(go(&flow, &asks, &answer).instruction, Instruction::Play(said));
    }
}

#[test]
fn whatever_is_not_a_whole_answer_leads_to_the_fallback() {
    let flow = balance(json!({}));
    let asks = begin(&flow);
    let long = "9".repeat(501);
    for answer in [
        None,
        Some(json!({})),
        Some(json!({ "account": { "balance": null } })),
        Some(json!({ "account": { "balance": {} } })),
        Some(json!({ "account": { "balance": long } })),
    ] {
        assert_eq!(go(&flow, &asks, &Input::Answer(answer)).place.node, "sorry");
    }
}

#[test]
fn a_dip_without_a_fallback_is_no_flow() {
    let mut node = json!({ "type": "http", "label": "x", "url": "https://crm.example/", "next": "bye" });
    assert!(serde_json::from_value::<flow::Node>(node.clone()).is_err());
    node["failed"] = json!("bye");
    assert!(serde_json::from_value::<flow::Node>(node).is_ok());
}

#[test]
fn what_is_wrong_with_a_dip_is_named_with_its_place() {
    for (change, place) in [
        (json!({ "url": "https://{caller}.example/" }), "url"),
        (json!({ "url": "ftp://crm.example/" }), "url"),
        (json!({ "url": "https:///path" }), "url"),
        (json!({ "url": "https://me:secret@crm.example/" }), "url"),
        (json!({ "timeout_ms": 99 }), "timeout_ms"),
        (json!({ "timeout_ms": 10_001 }), "timeout_ms"),
        (json!({ "headers": { "X-A": "a\r\nX-B: b" } }), "headers.X-A"),
        (json!({ "headers": { "X A": "a" } }), "headers.X A"),
        (json!({ "variables": { "balance": "account.balance" } }), "variables.balance"),
        (json!({ "failed": "gone" }), "failed"),
    ] {
        let wanted = format!("nodes.dip.{place}");
        assert_eq!(places(&balance(change.clone())).first(), Some(&wanted), "{change}");
    }
}

#[test]
fn a_dip_that_leads_back_to_itself_asks_for_ever_and_is_refused() {
    assert_eq!(places(&balance(json!({ "failed": "dip" }))), ["nodes.sorry", "nodes.dip"]);
}
