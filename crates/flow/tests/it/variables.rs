//! Values on the way: set, typed, compared, said and asked of agents.

use crate::{begin, flow, go, places};
use flow::{Flow, Input, Instruction, Say};
use serde_json::{Value, json};
use types::{Skill, Stage};

fn says(text: &str) -> Value {
    json!({ "type": "play", "label": "Says", "say": [{ "text": text }], "next": "bye" })
}

/// Sets these values, then says the text.
fn says_with(values: Value, text: &str) -> Flow {
    let set = json!({ "type": "set", "label": "Set", "values": values, "next": "says" });
    flow("set", json!({ "set": set, "says": says(text), "bye": { "type": "hangup" } }))
}

fn heard(instruction: &Instruction) -> &str {
    match instruction {
        Instruction::Play(say) | Instruction::Collect { say, .. } => match &say[0] {
            Say::Filled(text) | Say::Text(text) => text,
            Say::Prompt(_) => panic!("a text"),
        },
        other => panic!("something said, not {other:?}"),
    }
}

#[test]
fn a_text_is_said_with_the_values_of_the_call() {
    let flow = says_with(json!({ "town": "Iași", "who": "{caller}" }), "{who} of {town}, {not a name} {");
    assert_eq!(flow.validate(), Ok(()));
    assert_eq!(heard(&begin(&flow).instruction), "+40211234567 of Iași, {not a name} {");
    let fixed = says_with(json!({ "town": "x" }), "Hello.");
    assert_eq!(begin(&fixed).instruction, Instruction::Play(vec![Say::Text("Hello.".into())]));
}

#[test]
fn values_are_set_all_at_once() {
    let mut flow = says_with(json!({ "a": "1", "b": "2" }), "{a}{b}");
    let swap =
        json!({ "type": "set", "label": "Swap", "values": { "a": "{b}", "b": "{a}" }, "next": "says" });
    flow.nodes.insert("swap".into(), serde_json::from_value(swap).unwrap());
    let Some(flow::Node::Set(set)) = flow.nodes.get_mut("set") else { panic!("a set") };
    set.next = "swap".into();
    assert_eq!(heard(&begin(&flow).instruction), "21");
}

#[test]
fn the_first_case_that_holds_decides() {
    let goes = |value: &str, test: &str, with: &str| {
        let case = |test: &str, with: &str, next: &str| json!({ "variable": "v", "test": test, "value": with, "next": next });
        let condition = json!({ "type": "condition", "label": "If", "otherwise": "no",
            "cases": [case("is", "never", "no"), case(test, with, "yes"), case("is_not", "never", "no")] });
        let nodes = json!({
            "set": { "type": "set", "label": "Set", "values": { "v": value }, "next": "if" },
            "if": condition, "yes": says("yes"), "no": says("no"), "bye": { "type": "hangup" },
        });
        let flow = flow("set", nodes);
        assert_eq!(flow.validate(), Ok(()));
        begin(&flow).place.node == "yes"
    };
    for (value, test, with) in [
        ("gold", "is", "gold"),
        ("gold", "is_not", "silver"),
        ("+4021", "starts_with", "+40"),
        ("a,b", "contains", ","),
        ("", "is_empty", ""),
        ("100.5", "above", "100"),
        ("-3", "below", "0"),
        ("+40211234567", "is", "{caller}"),
    ] {
        assert!(goes(value, test, with), "{value} {test} {with}");
    }
    for (value, test, with) in [("100", "above", "100"), ("much", "above", "1"), ("much", "below", "1")] {
        assert!(!goes(value, test, with), "{value} {test} {with}");
    }
}

fn account() -> Flow {
    let digits = json!({ "type": "digits", "label": "Account", "say": [{ "text": "Your number." }],
        "variable": "account", "digits_max": 6, "attempts": 2, "next": "says", "no_input": "bye" });
    flow("ask", json!({ "ask": digits, "says": says("{account}"), "bye": { "type": "hangup" } }))
}

#[test]
fn what_is_typed_is_kept_and_two_silences_are_enough() {
    let flow = account();
    assert_eq!(flow.validate(), Ok(()));
    let asks = begin(&flow);
    let Instruction::Collect { keys_max, terminators, .. } = asks.instruction else { panic!("asks") };
    assert_eq!((keys_max, terminators, asks.place.stage), (6, "#", Stage::Menu));
    assert_eq!(heard(&go(&flow, &asks, &Input::Keys("4711".into())).instruction), "4711");
    let again = go(&flow, &asks, &Input::NoInput);
    assert_eq!(again.place.node, "ask");
    assert_eq!(go(&flow, &again, &Input::NoInput).instruction, Instruction::Hangup);
}

#[test]
fn a_value_becomes_what_is_asked_of_agents() {
    let queue = json!({ "type": "queue", "label": "Support", "queue": "que_01J00000000000000000000000",
        "skills": [{ "name": "{language}", "level": 3 }, { "name": "{topic}", "level": 1 },
                   { "name": "cards", "level": 2 }], "overflow": "bye" });
    let set = json!({ "type": "set", "label": "Set", "values": { "language": "french", "topic": "" },
                      "next": "wait" });
    let flow = flow("set", json!({ "set": set, "wait": queue, "bye": { "type": "hangup" } }));
    assert_eq!(flow.validate(), Ok(()));
    let Instruction::Queue(queue) = begin(&flow).instruction else { panic!("waits") };
    let skill = |name: &str, level| Skill { name: name.into(), level };
    assert_eq!(queue.skills, [skill("french", 3), skill("cards", 2)], "what is empty is not asked");
}

#[test]
fn a_variable_that_no_node_sets_is_named_with_its_place() {
    let mut flow = says_with(json!({ "Town": "x", "caller": "me", "a": "{b}" }), "{town}");
    let condition = json!({ "type": "condition", "label": "If", "otherwise": "says",
        "cases": [{ "variable": "vip", "test": "above", "value": "much", "next": "says" }] });
    flow.nodes.insert("if".into(), serde_json::from_value(condition).unwrap());
    flow.start = "if".into();
    let Some(flow::Node::Condition(found)) = flow.nodes.get_mut("if") else { panic!("a condition") };
    found.otherwise = "set".into();
    assert_eq!(
        places(&flow),
        [
            "nodes.if.cases[0].value",
            "nodes.if.cases[0].variable",
            "nodes.says.say",
            "nodes.set.values.Town",
            "nodes.set.values.caller",
            "nodes.set.values.a",
        ]
    );
}

#[test]
fn who_has_heard_what_was_wanted_is_served_until_an_agent_is_wanted_after_all() {
    let nodes = json!({
        "served": { "type": "self_served", "label": "Served", "next": "says" },
        "says": { "type": "play", "label": "Info", "say": [{ "text": "We open at nine." }], "next": "more" },
        "more": { "type": "menu", "label": "More", "say": [{ "text": "Press 0." }], "choices": { "0": "wait" },
                  "no_input": "bye", "no_match": "bye" },
        "wait": { "type": "queue", "label": "Support", "queue": "que_01J00000000000000000000000",
                  "overflow": "sorry" },
        "sorry": says("Sorry."),
        "bye": { "type": "hangup" },
    });
    let flow = flow("served", nodes);
    assert_eq!(flow.validate(), Ok(()));
    let mut at = begin(&flow);
    let mut stages = vec![at.place.stage];
    for input in [Input::Played, Input::Keys("0".into()), Input::QueueLeft("no_agents".into())] {
        at = go(&flow, &at, &input);
        stages.push(at.place.stage);
    }
    assert_eq!(stages, [Stage::SelfServed, Stage::SelfServed, Stage::Queue, Stage::Greeting]);
}

/// A text may name a value many times over.
#[test]
fn what_is_said_is_cut_and_a_text_is_not_longer_than_two_thousand_bytes() {
    let long = says_with(json!({ "a": "x".repeat(500) }), &"{a}".repeat(600));
    assert_eq!(long.validate(), Ok(()));
    assert_eq!(heard(&begin(&long).instruction).len(), 2_000);
    let text = "x".repeat(2_001);
    let set = says_with(json!({ "a": text }), "{a}");
    assert_eq!(places(&set), ["nodes.set.values.a"]);
    let body = json!({ "type": "http", "label": "Asks", "url": "https://example.com/", "body": vec!["x".repeat(1_900); 5],
                       "variables": {}, "next": "bye", "failed": "bye" });
    let asks = flow("asks", json!({ "asks": body, "bye": { "type": "hangup" } }));
    assert_eq!(places(&asks), ["nodes.asks.body"]);
}
