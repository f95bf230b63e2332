//! At night: a message, or a callback at a number that the caller said.

use crate::{begin, flow, go, places};
use flow::{Flow, Input, Instruction};
use serde_json::{Value, json};

fn night() -> Value {
    json!({
        "ask": { "type": "menu", "label": "Night", "say": [{ "text": "1 message, 2 this number, 3 another." }],
                 "choices": { "1": "speak", "2": "here", "3": "type" }, "no_input": "bye", "no_match": "bye" },
        "speak": { "type": "voicemail", "label": "Message", "say": [{ "text": "Speak." }], "max_ms": 60_000,
                   "next": "thanks" },
        "here": { "type": "callback", "label": "Call here", "next": "thanks", "invalid": "type" },
        "type": { "type": "digits", "label": "Number", "say": [{ "text": "Type it." }], "variable": "back",
                  "digits_max": 15, "next": "there", "no_input": "bye" },
        "there": { "type": "callback", "label": "Call there", "number": "{back}", "next": "thanks",
                   "invalid": "type" },
        "thanks": { "type": "play", "label": "Thanks", "say": [{ "text": "Thank you." }], "next": "bye" },
        "bye": { "type": "hangup" },
    })
}

fn story() -> Flow {
    let flow = flow("ask", night());
    assert_eq!(flow.validate(), Ok(()));
    flow
}

#[test]
fn a_callback_is_promised_at_the_callers_number_or_at_one_that_was_typed() {
    let flow = story();
    let here = go(&flow, &begin(&flow), &Input::Keys("2".into()));
    assert_eq!(here.callback.as_ref().unwrap().number.as_str(), "+40211234567");
    assert_eq!((here.place.node.as_str(), here.place.stage), ("thanks", types::Stage::SelfServed));
    let asks = go(&flow, &begin(&flow), &Input::Keys("3".into()));
    let wrong = go(&flow, &asks, &Input::Keys("1".into()));
    assert_eq!((wrong.place.node.as_str(), wrong.callback), ("type", None), "that is no number");
    let there = go(&flow, &asks, &Input::Keys("0721000111".into()));
    assert_eq!(there.callback.unwrap().number.as_str(), "+40721000111");
    let later = go(&flow, &here, &Input::Played);
    assert_eq!(later.callback, None, "it is promised once");
}

#[test]
fn a_message_is_taken_after_what_is_said() {
    let flow = story();
    let speaks = go(&flow, &begin(&flow), &Input::Keys("1".into()));
    let Instruction::Record { say, max, queue: None } = &speaks.instruction else { panic!("{speaks:?}") };
    assert_eq!((say.len(), *max), (1, 60_000));
    let thanks = go(&flow, &speaks, &Input::Played);
    assert_eq!((thanks.place.node.as_str(), thanks.place.stage), ("thanks", types::Stage::SelfServed));
}

#[test]
fn what_is_wrong_with_a_message_or_a_callback_is_named_with_its_place() {
    let mut nodes = night();
    nodes["speak"]["max_ms"] = json!(10);
    nodes["there"]["number"] = json!("{nothing}");
    assert_eq!(places(&flow("ask", nodes)), ["nodes.speak.max_ms", "nodes.there.number"]);
}
