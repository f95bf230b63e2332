//! Ways through a flow.

use crate::{begin, go};
use flow::{Category, Flow, Input, Instruction, Node, Place, Say, Stepped};
use types::{CategoryId, Stage};

const FLOW: &str = r#"{
    "name": "Welcome", "language": "en", "start": "hello",
    "nodes": {
        "hello": {"type": "play", "label": "Greeting", "say": [{"text": "Hello."}], "next": "menu"},
        "menu": {"type": "menu", "label": "Main menu", "say": [{"text": "Press 1."}], "choices": {"1": "wait"},
                 "attempts": 2, "invalid": [{"text": "Not that."}], "no_input": "bye", "no_match": "bye"},
        "wait": {"type": "queue", "label": "Support", "queue": "que_01J00000000000000000000000", "overflow": "bye"},
        "bye": {"type": "hangup"}
    }
}"#;

fn flow() -> Flow {
    serde_json::from_str(FLOW).unwrap()
}

/// Feeds inputs one after the other and gives the last place and instruction.
fn walk(inputs: &[Input]) -> (Place, Instruction) {
    let stepped = walked(&flow(), inputs);
    (stepped.place, stepped.instruction)
}

fn walked(flow: &Flow, inputs: &[Input]) -> Stepped {
    inputs.iter().fold(begin(flow), |at, input| go(flow, &at, input))
}

#[test]
fn a_category_is_set_on_the_way_and_nothing_is_heard_of_it() {
    let mut flow = flow();
    let about: CategoryId = "cat_01J00000000000000000000000".parse().unwrap();
    let set = |next: &str| {
        let (label, category, next) = ("Finance".into(), about.clone(), next.into());
        Node::Category(Category { label, category, next })
    };
    flow.nodes.insert("finance".into(), set("wait"));
    let Some(Node::Menu(menu)) = flow.nodes.get_mut("menu") else { panic!("a menu") };
    menu.choices.insert("3".into(), "finance".into());
    flow.validate().unwrap();
    let at = walked(&flow, &[Input::Played, Input::Keys("3".into())]);
    assert_eq!((at.place.node.as_str(), at.category), ("wait", Some(about.clone())));
    assert_eq!(walked(&flow, &[Input::Played, Input::Keys("1".into())]).category, None);
    flow.nodes.insert("finance".into(), set("finance"));
    assert!(flow.validate().is_err(), "silence must lead somewhere");
}

#[test]
fn a_caller_who_listens_and_presses_one_waits_in_the_queue() {
    let (place, instruction) = walk(&[Input::Played, Input::Keys("1".into())]);
    assert_eq!((place.node.as_str(), place.stage), ("wait", Stage::Queue));
    assert!(matches!(instruction, Instruction::Queue(_)));
}

#[test]
fn a_wrong_key_is_told_and_asked_again_until_the_attempts_are_used() {
    let wrong = Input::Keys("7".into());
    let (_, instruction) = walk(&[Input::Played, wrong.clone()]);
    let said = [Say::Text("Not that.".into()), Say::Text("Press 1.".into())];
    assert!(matches!(instruction, Instruction::Collect { say, .. } if say == said));
    assert_eq!(walk(&[Input::Played, wrong.clone(), wrong]).1, Instruction::Hangup);
}

#[test]
fn silence_climbs_the_same_ladder() {
    assert!(matches!(walk(&[Input::Played, Input::NoInput]).1, Instruction::Collect { .. }));
    assert_eq!(walk(&[Input::Played, Input::NoInput, Input::NoInput]).1, Instruction::Hangup);
}

#[test]
fn a_queue_that_gives_the_call_back_leads_to_its_overflow() {
    let left = Input::QueueLeft("queue_full".into());
    assert_eq!(walk(&[Input::Played, Input::Keys("1".into()), left]).1, Instruction::Hangup);
}

#[test]
fn each_reason_to_leave_a_queue_may_have_its_own_target() {
    let mut flow = flow();
    let Some(Node::Queue(queue)) = flow.nodes.get_mut("wait") else { panic!("a queue") };
    queue.overflow_by.insert("queue_full".into(), "hello".into());
    flow.validate().unwrap();
    let left = |reason: &str| [Input::Played, Input::Keys("1".into()), Input::QueueLeft(reason.into())];
    let heard = ["queue_full", "no_agents"].map(|reason| walked(&flow, &left(reason)).place.node);
    assert_eq!(heard, ["hello", "bye"]);
    let Some(Node::Queue(queue)) = flow.nodes.get_mut("wait") else { panic!("a queue") };
    queue.overflow_by.insert("rain".into(), "gone".into());
    let places: Vec<String> = flow.validate().unwrap_err().into_iter().map(|p| p.place).collect();
    assert_eq!(places, ["nodes.wait.overflow_by.rain"; 2]);
}

#[test]
fn a_late_input_repeats_the_node_rather_than_moving() {
    assert_eq!(walk(&[Input::QueueLeft("wait_limit".into())]).0.node, "hello");
}
