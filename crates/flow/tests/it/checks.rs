//! What the validator finds.

use crate::{begin, go};
use flow::{Flow, Input, Instruction, Node, Problem};
use proptest::prelude::*;

fn places(flow: &str) -> Vec<String> {
    let flow: Flow = serde_json::from_str(flow).unwrap();
    flow.validate().unwrap_err().into_iter().map(|problem| problem.place).collect()
}

fn play(next: &str) -> String {
    format!(r#"{{"type": "play", "label": "x", "say": [{{"text": "hm"}}], "next": "{next}"}}"#)
}

#[test]
fn a_missing_exit_is_named_with_its_place() {
    let flow =
        format!(r#"{{"name": "f", "language": "en", "start": "a", "nodes": {{"a": {}}}}}"#, play("gone"));
    assert_eq!(places(&flow), ["nodes.a.next"]);
}

#[test]
fn a_loop_that_never_asks_is_refused_at_each_of_its_nodes() {
    let nodes = format!(r#"{{"a": {}, "b": {}}}"#, play("b"), play("a"));
    let flow = format!(r#"{{"name": "f", "language": "en", "start": "a", "nodes": {nodes}}}"#);
    assert_eq!(places(&flow), ["nodes.a", "nodes.b"]);
}

#[test]
fn a_menu_whose_silence_leads_back_to_itself_is_a_loop_too() {
    let menu = r#"{"type": "menu", "label": "m", "say": [{"text": "hm"}], "choices": {"1": "bye"},
                   "no_input": "a", "no_match": "bye"}"#;
    let nodes = format!(r#"{{"a": {}, "m": {menu}, "bye": {{"type": "hangup"}}}}"#, play("m"));
    let flow = format!(r#"{{"name": "f", "language": "en", "start": "a", "nodes": {nodes}}}"#);
    assert_eq!(places(&flow), ["nodes.a", "nodes.m"]);
}

#[test]
fn a_node_that_nothing_leads_to_is_found() {
    let nodes = r#"{"a": {"type": "hangup"}, "b": {"type": "hangup"}}"#;
    let flow = format!(r#"{{"name": "f", "language": "en", "start": "a", "nodes": {nodes}}}"#);
    assert_eq!(places(&flow), ["nodes.b"]);
}

#[test]
fn of_far_too_many_nodes_nothing_else_is_told() {
    let nodes: Vec<String> =
        (0..5_000).map(|n| format!(r#""n{n}": {}"#, play(&format!("n{}", n + 1)))).collect();
    let nodes = nodes.join(", ");
    let flow = format!(r#"{{"name": "f", "language": "en", "start": "n0", "nodes": {{{nodes}}}}}"#);
    assert_eq!(places(&flow), ["nodes"]);
}

proptest! {
    /// Whatever passes validation ends within a bounded number of steps for
    /// a caller who says nothing.
    #[test]
    fn a_valid_flow_lets_nobody_go_round_for_ever(targets in proptest::collection::vec((0usize..6, 0usize..6, any::<bool>()), 1..6)) {
        let id = |i: usize| format!("n{i}");
        let mut nodes = std::collections::BTreeMap::new();
        for (i, (a, b, menu)) in targets.iter().enumerate() {
            let node = if *menu {
                format!(r#"{{"type": "menu", "label": "m", "say": [{{"text": "x"}}], "choices": {{"1": "{}"}},
                    "no_input": "{}", "no_match": "end"}}"#, id(*a), id(*b))
            } else { play(&id(*a)) };
            nodes.insert(id(i), serde_json::from_str::<Node>(&node).unwrap());
        }
        for i in targets.len()..6 { nodes.insert(id(i), Node::Hangup); }
        nodes.insert("end".into(), Node::Hangup);
        let flow = Flow { name: "f".into(), language: "en".into(), start: id(0), nodes };
        let fatal = |p: &Problem| !p.message.contains("reached");
        if flow.validate().err().is_some_and(|problems| problems.iter().any(fatal)) { return Ok(()); }
        let mut at = begin(&flow);
        for _ in 0..100 {
            let input = match at.instruction {
                Instruction::Hangup => return Ok(()),
                Instruction::Record { .. } => Input::Played,
                Instruction::Play(_) => Input::Played,
                Instruction::Collect { .. } => Input::NoInput,
                Instruction::Queue(_) => Input::QueueLeft(String::new()),
                    Instruction::Fetch { .. } => Input::Answer(None),
            };
            at = go(&flow, &at, &input);
        }
        prop_assert!(false, "still going after 100 steps");
    }
}
