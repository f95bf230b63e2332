use crate::{Error, Flow, Menu, Node, Queue, Say};
use serde::{Deserialize, Serialize};
use types::{CategoryId, Stage};

/// Where a call stands in its flow. Opaque to those who carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    node: String,
    /// How often the menu has been heard.
    attempt: u32,
}

/// What happened since the last step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Start,
    /// What was to be played has been heard.
    Played,
    Keys(String),
    NoInput,
    /// The queue gave the call back without an agent, for this reason.
    QueueLeft(String),
}

/// What the caller hears next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    Play(Vec<Say>),
    /// One key, which interrupts what is said.
    Collect {
        say: Vec<Say>,
        timeout: types::Millis,
    },
    Queue(Queue),
    Hangup,
}

/// The node that speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub node: String,
    pub label: String,
    pub stage: Stage,
}

/// Where a step led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepped {
    pub cursor: Cursor,
    pub place: Place,
    pub instruction: Instruction,
    /// What the contact was found to be about on the way.
    pub category: Option<CategoryId>,
}

/// Nodes passed in silence in one step; validation rules loops out.
const SILENT_MAX: usize = 1_000;

/// One step: from a cursor (`None` at the start) and what happened to the
/// next cursor, the node that speaks and what it says. An input that does not
/// fit the node repeats the node.
pub fn step(flow: &Flow, cursor: Option<&Cursor>, input: &Input) -> Result<Stepped, Error> {
    let Some(cursor) = cursor.filter(|_| *input != Input::Start) else {
        return enter(flow, &flow.start);
    };
    match (node(flow, &cursor.node)?, input) {
        (Node::Play(play), Input::Played) => enter(flow, &play.next),
        (Node::Menu(menu), Input::Keys(keys)) => chosen(flow, cursor, menu, keys),
        (Node::Menu(menu), Input::NoInput) => again(flow, cursor, menu, &menu.no_input, &[]),
        (Node::Queue(queue), Input::QueueLeft(reason)) => {
            enter(flow, queue.overflow_by.get(reason).unwrap_or(&queue.overflow))
        }
        _ => speak(flow, cursor.clone(), Vec::new()),
    }
}

fn chosen(flow: &Flow, cursor: &Cursor, menu: &Menu, keys: &str) -> Result<Stepped, Error> {
    match menu.choices.get(keys) {
        Some(next) => enter(flow, next),
        None => again(flow, cursor, menu, &menu.no_match, &menu.invalid),
    }
}

/// The menu once more, or its exit when it was heard often enough.
fn again(flow: &Flow, cursor: &Cursor, menu: &Menu, exit: &str, first: &[Say]) -> Result<Stepped, Error> {
    if cursor.attempt >= menu.attempts {
        return enter(flow, exit);
    }
    let cursor = Cursor { node: cursor.node.clone(), attempt: cursor.attempt + 1 };
    speak(flow, cursor, first.to_vec())
}

/// Goes on at a node, through those that say nothing.
fn enter(flow: &Flow, id: &str) -> Result<Stepped, Error> {
    let (mut id, mut category) = (id, None);
    for _ in 0..SILENT_MAX {
        let Node::Category(set) = node(flow, id)? else {
            let spoken = speak(flow, Cursor { node: id.to_owned(), attempt: 1 }, Vec::new())?;
            return Ok(Stepped { category, ..spoken });
        };
        category = Some(set.category.clone());
        id = &set.next;
    }
    Err(Error::Silent(id.to_owned()))
}

fn speak(flow: &Flow, cursor: Cursor, mut first: Vec<Say>) -> Result<Stepped, Error> {
    let node = node(flow, &cursor.node)?;
    let place =
        Place { node: cursor.node.clone(), label: node.label(&cursor.node).into(), stage: stage(node) };
    let instruction = match node {
        Node::Play(play) => Instruction::Play(play.say.clone()),
        Node::Menu(menu) => {
            first.extend(menu.say.iter().cloned());
            Instruction::Collect { say: first, timeout: menu.timeout_ms }
        }
        Node::Queue(queue) => Instruction::Queue(queue.clone()),
        Node::Category(_) => return enter(flow, &cursor.node),
        Node::Hangup => Instruction::Hangup,
    };
    Ok(Stepped { cursor, place, instruction, category: None })
}

fn node<'a>(flow: &'a Flow, id: &str) -> Result<&'a Node, Error> {
    flow.nodes.get(id).ok_or_else(|| Error::NoNode(id.to_owned()))
}

fn stage(node: &Node) -> Stage {
    match node {
        Node::Play(_) | Node::Category(_) | Node::Hangup => Stage::Greeting,
        Node::Menu(_) => Stage::Menu,
        Node::Queue(_) => Stage::Queue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let begun = step(flow, None, &Input::Start).unwrap();
        inputs.iter().fold(begun, |at, input| step(flow, Some(&at.cursor), input).unwrap())
    }

    #[test]
    fn a_category_is_set_on_the_way_and_nothing_is_heard_of_it() {
        let mut flow = flow();
        let about: CategoryId = "cat_01J00000000000000000000000".parse().unwrap();
        let set = |next: &str| {
            let (label, category, next) = ("Finance".into(), about.clone(), next.into());
            Node::Category(crate::Category { label, category, next })
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
}
