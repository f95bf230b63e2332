use crate::{Flow, Menu, Node, Queue, REASONS, Say};
use std::collections::BTreeSet;

const NODES_MAX: usize = 500;
const TEXT_MAX: usize = 2_000;

/// What is wrong with a flow, and where: a path such as `nodes.menu.choices.1`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{place}: {message}")]
pub struct Problem {
    pub place: String,
    pub message: String,
}

impl Flow {
    /// Finds every problem: missing exits, unreachable nodes, loops in which
    /// the caller is never asked anything, empty or overlong texts.
    pub fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut report =
            |place: String, message: &str| problems.push(Problem { place, message: message.into() });
        if self.name.trim().is_empty() {
            report("name".into(), "is empty");
        }
        if !["en", "ru", "ro"].contains(&self.language.as_str()) {
            report("language".into(), "is none of en, ru, ro");
        }
        if self.nodes.len() > NODES_MAX {
            report("nodes".into(), "are more than 500");
        }
        if !self.nodes.contains_key(&self.start) {
            report("start".into(), "names no node of this flow");
        }
        for (id, node) in &self.nodes {
            self.check_node(id, node, &mut report);
        }
        for id in self.unreachable() {
            report(format!("nodes.{id}"), "cannot be reached from the start");
        }
        for id in self.loops_without_input() {
            report(format!("nodes.{id}"), "is in a loop in which the caller is never asked anything");
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn check_node(&self, id: &str, node: &Node, report: &mut impl FnMut(String, &str)) {
        for (exit, target) in node.exits() {
            if !self.nodes.contains_key(target) {
                report(format!("nodes.{id}.{exit}"), "leads to a node that does not exist");
            }
        }
        for (field, say) in node.said() {
            if let Say::Text(text) = say {
                match text.trim().len() {
                    0 => report(format!("nodes.{id}.{field}"), "says an empty text"),
                    n if n > TEXT_MAX => {
                        report(format!("nodes.{id}.{field}"), "says more than 2000 bytes at once")
                    }
                    _ => {}
                }
            }
        }
        match node {
            Node::Play(play) if play.say.is_empty() => report(format!("nodes.{id}.say"), "says nothing"),
            Node::Menu(menu) => check_menu(id, menu, report),
            Node::Queue(queue) => check_queue(id, queue, report),
            _ => {}
        }
    }

    fn unreachable(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![self.start.as_str()];
        while let Some(id) = open.pop() {
            if let Some(node) = self.nodes.get(id)
                && seen.insert(id)
            {
                open.extend(node.exits().into_iter().map(|(_, target)| target));
            }
        }
        self.nodes.keys().map(String::as_str).filter(|id| !seen.contains(id)).collect()
    }

    /// Nodes from which a call comes back without passing a menu: played to
    /// for ever. A queue's overflow counts too: it may overflow at once.
    fn loops_without_input(&self) -> Vec<&str> {
        self.nodes.keys().map(String::as_str).filter(|id| self.comes_back(id)).collect()
    }

    fn comes_back(&self, from: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = self.silent_exits(from);
        while let Some(id) = open.pop() {
            if id == from {
                return true;
            }
            if seen.insert(id) {
                open.extend(self.silent_exits(id));
            }
        }
        false
    }

    fn silent_exits(&self, id: &str) -> Vec<&str> {
        match self.nodes.get(id) {
            Some(node @ (Node::Play(_) | Node::Queue(_) | Node::Category(_))) => {
                node.exits().into_iter().map(|(_, t)| t).collect()
            }
            // A caller who never presses anything passes here.
            Some(Node::Menu(menu)) => vec![&menu.no_input],
            _ => Vec::new(),
        }
    }
}

fn check_queue(id: &str, queue: &Queue, report: &mut impl FnMut(String, &str)) {
    if queue.announce_every_ms != 0 && queue.announce_every_ms < 5_000 {
        report(format!("nodes.{id}.announce_every_ms"), "is neither 0 nor at least 5000");
    }
    for reason in queue.overflow_by.keys().filter(|reason| !REASONS.contains(&reason.as_str())) {
        let message = "is none of queue_full, no_agents, wait_limit, emergency";
        report(format!("nodes.{id}.overflow_by.{reason}"), message);
    }
}

fn check_menu(id: &str, menu: &Menu, report: &mut impl FnMut(String, &str)) {
    if menu.say.is_empty() {
        report(format!("nodes.{id}.say"), "says nothing");
    }
    if menu.choices.is_empty() {
        report(format!("nodes.{id}.choices"), "offers no choice");
    }
    for key in menu.choices.keys().filter(|key| !is_key(key)) {
        report(format!("nodes.{id}.choices.{key}"), "is not one of the keys 0-9, * and #");
    }
    if !(1..=10).contains(&menu.attempts) {
        report(format!("nodes.{id}.attempts"), "is not between 1 and 10");
    }
    if !(500..=60_000).contains(&menu.timeout_ms) {
        report(format!("nodes.{id}.timeout_ms"), "is not between 500 and 60000");
    }
}

fn is_key(key: &str) -> bool {
    key.len() == 1 && key.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Input, Instruction, step};
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
            let mut at = step(&flow, None, &Input::Start).unwrap();
            for _ in 0..100 {
                let input = match at.instruction {
                    Instruction::Hangup => return Ok(()),
                    Instruction::Play(_) => Input::Played,
                    Instruction::Collect { .. } => Input::NoInput,
                    Instruction::Queue(_) => Input::QueueLeft(String::new()),
                };
                at = step(&flow, Some(&at.cursor), &input).unwrap();
            }
            prop_assert!(false, "still going after 100 steps");
        }
    }
}
