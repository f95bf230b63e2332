use crate::{
    Condition, Digits, Flow, GIVEN, Hours, Http, Menu, Node, Queue, REASONS, Say, condition::Test, template,
};
use std::collections::BTreeSet;

const NODES_MAX: usize = 500;
/// Of one text, and of the texts of one request over HTTP together, in bytes.
const TEXT_MAX: usize = 2_000;
const REQUEST_MAX: usize = 8_000;
/// The longest message.
const MESSAGE_MAX: types::Millis = 600_000;
const VARIABLES_MAX: usize = 100;
const HEADERS_MAX: usize = 20;
const SKILLS_MAX: usize = 8;
const PERIODS_MAX: usize = 50;
const HOLIDAYS_MAX: usize = 400;

/// What is wrong with a flow, and where: a path such as `nodes.menu.choices.1`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{place}: {message}")]
pub struct Problem {
    pub place: String,
    pub message: String,
}

/// Where problems of one node go: the place within the node, and what it is.
type Report<'a> = dyn FnMut(&str, &str) + 'a;

impl Flow {
    /// Finds every problem: missing exits, unreachable nodes, loops in which
    /// the caller is never asked anything, empty or overlong texts, variables
    /// that nothing sets.
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
            // Not looked at: following all ways takes the square of their number.
            report("nodes".into(), "are more than 500");
            return Err(problems);
        }
        if !self.nodes.contains_key(&self.start) {
            report("start".into(), "names no node of this flow");
        }
        let set = self.variables();
        if set.len() > VARIABLES_MAX {
            report("nodes".into(), "set more than 100 variables");
        }
        for (id, node) in &self.nodes {
            let mut here = |place: &str, message: &str| report(format!("nodes.{id}.{place}"), message);
            self.check_exits(node, &mut here);
            check_node(node, &mut here);
            check_variables(node, &set, &mut here);
        }
        for id in self.unreachable() {
            report(format!("nodes.{id}"), "cannot be reached from the start");
        }
        for id in self.loops_without_input() {
            report(format!("nodes.{id}"), "is in a loop in which the caller is never asked anything");
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// The variables that a call may come to have.
    fn variables(&self) -> BTreeSet<&str> {
        self.nodes.values().flat_map(sets).map(|(_, name)| name).chain(GIVEN).collect()
    }

    fn check_exits(&self, node: &Node, report: &mut Report) {
        for (exit, target) in node.exits() {
            if !self.nodes.contains_key(target) {
                report(&exit, "leads to a node that does not exist");
            }
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
            // A caller who never presses anything passes here.
            Some(Node::Menu(menu)) => vec![&menu.no_input],
            Some(Node::Digits(digits)) => vec![&digits.no_input],
            Some(node) => node.exits().into_iter().map(|(_, target)| target).collect(),
            None => Vec::new(),
        }
    }
}

/// The variables that a node sets, with the place in the node.
fn sets(node: &Node) -> Vec<(String, &str)> {
    match node {
        Node::Digits(digits) => vec![("variable".into(), digits.variable.as_str())],
        Node::Set(set) => set.values.keys().map(|name| (format!("values.{name}"), name.as_str())).collect(),
        Node::Http(http) => {
            http.variables.keys().map(|name| (format!("variables.{name}"), name.as_str())).collect()
        }
        _ => Vec::new(),
    }
}

/// The texts of a node in which variables may stand, with the place in the node.
fn texts(node: &Node) -> Vec<(String, &str)> {
    let said = node.said().into_iter().filter_map(|(field, say)| match say {
        Say::Text(text) => Some((field.to_owned(), text.as_str())),
        _ => None,
    });
    let mut texts: Vec<_> = said.collect();
    match node {
        Node::Set(set) => {
            texts.extend(set.values.iter().map(|(name, text)| (format!("values.{name}"), text.as_str())));
        }
        Node::Condition(condition) => {
            let cases = condition.cases.iter().enumerate();
            texts.extend(cases.map(|(i, case)| (format!("cases[{i}].value"), case.value.as_str())));
        }
        Node::Http(http) => {
            texts.extend(http.texts().into_iter().map(|(field, text)| (field.to_owned(), text)));
        }
        Node::Callback(callback) => texts.push(("number".into(), callback.number.as_str())),
        Node::Queue(queue) => {
            let skills = queue.skills.iter().enumerate();
            texts.extend(skills.map(|(i, skill)| (format!("skills[{i}].name"), skill.name.as_str())));
        }
        _ => {}
    }
    texts
}

/// The variables that a node reads, with the place in the node.
fn reads(node: &Node) -> Vec<(String, &str)> {
    let within =
        |(place, text): (String, _)| template::names(text).into_iter().map(move |name| (place.clone(), name));
    let mut read: Vec<_> = texts(node).into_iter().flat_map(within).collect();
    if let Node::Condition(condition) = node {
        let cases = condition.cases.iter().enumerate();
        read.extend(cases.map(|(i, case)| (format!("cases[{i}].variable"), case.variable.as_str())));
    }
    read
}

fn check_variables(node: &Node, set: &BTreeSet<&str>, report: &mut Report) {
    for (place, name) in sets(node) {
        if !template::is_name(name) {
            report(&place, "is no name of a variable: small letters, digits and _, a letter first");
        }
        if GIVEN.contains(&name) {
            report(&place, "names a variable that every call is given");
        }
    }
    for (place, name) in reads(node) {
        if !set.contains(name) {
            report(&place, &format!("names the variable {name:?}, which no node sets"));
        }
    }
}

fn check_node(node: &Node, report: &mut Report) {
    for (field, say) in node.said() {
        if matches!(say, Say::Text(text) if text.trim().is_empty()) {
            report(field, "says an empty text");
        }
    }
    for (field, _) in texts(node).into_iter().filter(|(_, text)| text.len() > TEXT_MAX) {
        report(&field, "is longer than 2000 bytes");
    }
    match node {
        Node::Play(play) if play.say.is_empty() => report("say", "says nothing"),
        Node::Voicemail(voicemail) if !(1_000..=MESSAGE_MAX).contains(&voicemail.max_ms) => {
            report("max_ms", "is not between 1000 and 600000");
        }
        Node::Menu(menu) => check_menu(menu, report),
        Node::Digits(digits) => check_digits(digits, report),
        Node::Hours(hours) => check_hours(hours, report),
        Node::Condition(condition) => check_condition(condition, report),
        Node::Set(set) if set.values.is_empty() => report("values", "are none"),
        Node::Http(http) => check_http(http, report),
        Node::Queue(queue) => check_queue(queue, report),
        _ => {}
    }
}

fn check_queue(queue: &Queue, report: &mut Report) {
    if queue.announce_every_ms != 0 && queue.announce_every_ms < 5_000 {
        report("announce_every_ms", "is neither 0 nor at least 5000");
    }
    for reason in queue.overflow_by.keys().filter(|reason| !REASONS.contains(&reason.as_str())) {
        let message = "is none of queue_full, no_agents, wait_limit, emergency";
        report(&format!("overflow_by.{reason}"), message);
    }
    if queue.skills.len() > SKILLS_MAX {
        report("skills", "are more than 8");
    }
    for (i, skill) in queue.skills.iter().enumerate() {
        if !(1..=10).contains(&skill.level) {
            report(&format!("skills[{i}].level"), "is not between 1 and 10");
        }
    }
}

fn check_menu(menu: &Menu, report: &mut Report) {
    if menu.say.is_empty() {
        report("say", "says nothing");
    }
    if menu.choices.is_empty() {
        report("choices", "offers no choice");
    }
    for key in menu.choices.keys().filter(|key| !is_key(key)) {
        report(&format!("choices.{key}"), "is not one of the keys 0-9, * and #");
    }
    check_attempts("invalid_attempts", menu.invalid_attempts.unwrap_or(1), report);
    check_asking(menu.attempts, menu.timeout_ms, report);
}

fn check_digits(digits: &Digits, report: &mut Report) {
    if digits.say.is_empty() {
        report("say", "says nothing");
    }
    if !(1..=32).contains(&digits.digits_max) {
        report("digits_max", "is not between 1 and 32");
    }
    check_asking(digits.attempts, digits.timeout_ms, report);
}

fn check_asking(attempts: u32, timeout_ms: i64, report: &mut Report) {
    check_attempts("attempts", attempts, report);
    if !(500..=60_000).contains(&timeout_ms) {
        report("timeout_ms", "is not between 500 and 60000");
    }
}

fn check_attempts(place: &str, attempts: u32, report: &mut Report) {
    if !(1..=10).contains(&attempts) {
        report(place, "is not between 1 and 10");
    }
}

fn check_hours(hours: &Hours, report: &mut Report) {
    if hours.zone().is_none() {
        report("time_zone", "is no IANA time zone such as Europe/Bucharest");
    }
    if hours.weekly.len() > PERIODS_MAX {
        report("weekly", "are more than 50 periods");
    }
    if hours.holidays.len() > HOLIDAYS_MAX {
        report("holidays", "are more than 400");
    }
    for (i, period) in hours.weekly.iter().enumerate().filter(|(_, period)| period.is_empty()) {
        let what = if period.days.is_empty() { "names no day" } else { "ends when it begins" };
        report(&format!("weekly[{i}]"), what);
    }
}

fn check_condition(condition: &Condition, report: &mut Report) {
    if condition.cases.is_empty() {
        report("cases", "are none");
    }
    for (i, case) in condition.cases.iter().enumerate() {
        let plain = template::names(&case.value).is_empty();
        let number = case.value.trim().parse::<f64>().is_ok();
        if matches!(case.test, Test::Above | Test::Below) && plain && !number {
            report(&format!("cases[{i}].value"), "is no number");
        }
    }
}

fn check_http(http: &Http, report: &mut Report) {
    match http.host() {
        None => report("url", "does not begin with https:// or http:// and a host"),
        Some(host) if !template::names(host).is_empty() => {
            report("url", "has a variable in its host: what callers type must not choose whom we ask");
        }
        Some(host) if host.contains('@') => report("url", "has a password in it: put it into a header"),
        Some(_) => {}
    }
    if http.texts().iter().map(|(_, text)| text.len()).sum::<usize>() > REQUEST_MAX {
        report("body", "is longer than 8000 bytes, together with the address");
    }
    if !(100..=10_000).contains(&http.timeout_ms) {
        report("timeout_ms", "is not between 100 and 10000");
    }
    if http.headers.len() > HEADERS_MAX {
        report("headers", "are more than 20");
    }
    for (name, value) in &http.headers {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        let fits = !name.is_empty() && name.bytes().all(token);
        if !fits || !value.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            report(&format!("headers.{name}"), "is no header of HTTP");
        }
    }
    for (name, place) in
        http.variables.iter().filter(|(_, place)| !place.is_empty() && !place.starts_with('/'))
    {
        report(
            &format!("variables.{name}"),
            &format!("{place:?} is no JSON pointer such as /account/balance"),
        );
    }
}

fn is_key(key: &str) -> bool {
    key.len() == 1 && key.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
}
