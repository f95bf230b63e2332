use crate::{
    Variables,
    condition::{Condition, Set},
    dip::Http,
    hours::Hours,
    template,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{CategoryId, Millis, PromptId, QueueId, Skill};

/// A flow as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    pub name: String,
    /// `en`, `ru` or `ro`: the voice of spoken texts.
    pub language: String,
    /// The node where a call begins.
    pub start: String,
    pub nodes: BTreeMap<String, Node>,
}

/// One step of a flow, by what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Node {
    Play(Play),
    Menu(Menu),
    Digits(Digits),
    Hours(Hours),
    Condition(Condition),
    Set(Set),
    Http(Http),
    Category(Category),
    SelfServed(SelfServed),
    Queue(Queue),
    Callback(Callback),
    Voicemail(Voicemail),
    Hangup,
}

/// Something to be heard: spoken text or a prompt. In a text `{name}` stands
/// for the value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Say {
    Text(String),
    Prompt(PromptId),
    /// A text with this call's values in it: never part of a saved flow.
    #[serde(skip)]
    Filled(String),
}

/// Plays to the end, then goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Play {
    pub label: String,
    pub say: Vec<Say>,
    pub next: String,
}

/// Asks for one key. Typing interrupts the prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    pub label: String,
    pub say: Vec<Say>,
    /// Key (0-9, *, #) → node.
    pub choices: BTreeMap<String, String>,
    /// How many silences lead to `no_input`, and how many wrong keys to
    /// `no_match`: each is counted by itself.
    #[serde(default = "three")]
    pub attempts: u32,
    /// Wrong keys that lead to `no_match`, if not as many as `attempts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_attempts: Option<u32>,
    /// Silence after the prompt that counts as no input.
    #[serde(default = "five_seconds")]
    pub timeout_ms: Millis,
    /// Said before the menu is repeated after a wrong key.
    #[serde(default)]
    pub invalid: Vec<Say>,
    /// Said before the menu is repeated after silence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silence: Vec<Say>,
    pub no_input: String,
    pub no_match: String,
}

/// Asks for several keys, such as an account number, and keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digits {
    pub label: String,
    pub say: Vec<Say>,
    /// The variable that takes what was typed.
    pub variable: String,
    /// So many keys end the input; `#` ends it sooner.
    pub digits_max: u8,
    /// How many silences lead to `no_input`.
    #[serde(default = "three")]
    pub attempts: u32,
    #[serde(default = "five_seconds")]
    pub timeout_ms: Millis,
    pub next: String,
    pub no_input: String,
}

/// Says what the contact is about and goes on at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    pub label: String,
    pub category: CategoryId,
    pub next: String,
}

/// From here on the caller has what was wanted: who hangs up, and waits in no
/// queue, was served and has not abandoned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfServed {
    pub label: String,
    pub next: String,
}

/// Waits for an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    pub label: String,
    pub queue: QueueId,
    /// What this caller needs of an agent beyond what the queue asks for. In a
    /// name `{variable}` stands for a value; what comes out empty is not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<Skill>,
    /// Said on entry, such as "you are in the queue".
    #[serde(default)]
    pub welcome: Vec<Say>,
    /// Played in a loop; empty: the built-in music.
    #[serde(default)]
    pub music: Vec<Say>,
    #[serde(default)]
    pub priority: i32,
    /// How often the position is told; 0: never.
    #[serde(default = "half_a_minute")]
    pub announce_every_ms: Millis,
    /// Where the call goes when it leaves the queue without an agent.
    pub overflow: String,
    /// The same for one reason of [`REASONS`] alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overflow_by: BTreeMap<String, String>,
}

/// Promises a callback and goes on at once: somebody calls when there is time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    pub label: String,
    /// At which number; `{caller}` or a variable that holds what was typed.
    #[serde(default = "the_caller")]
    pub number: String,
    /// Whose agents are to call; absent: anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
    pub next: String,
    /// Where the call goes when the number cannot be read.
    pub invalid: String,
}

/// Takes a message: says something, then a tone, and records until `#`, silence
/// of the line or the longest time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voicemail {
    pub label: String,
    pub say: Vec<Say>,
    #[serde(default = "two_minutes")]
    pub max_ms: Millis,
    /// Whose agents are to hear it; absent: anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
    pub next: String,
}

/// Why a queue gives a caller back.
pub const REASONS: [&str; 4] = ["queue_full", "no_agents", "wait_limit", "emergency"];

impl Say {
    /// Whether it is heard alike in every call.
    pub fn is_fixed(&self) -> bool {
        match self {
            Say::Text(text) => template::names(text).is_empty(),
            Say::Prompt(_) => true,
            Say::Filled(_) => false,
        }
    }

    /// With the values of this call.
    pub(crate) fn filled(&self, variables: &Variables) -> Say {
        match self {
            Say::Text(text) if !self.is_fixed() => Say::Filled(template::spoken(text, variables)),
            same => same.clone(),
        }
    }
}

impl Node {
    pub fn label<'a>(&'a self, id: &'a str) -> &'a str {
        match self {
            Node::Play(play) => &play.label,
            Node::Menu(menu) => &menu.label,
            Node::Digits(digits) => &digits.label,
            Node::Hours(hours) => &hours.label,
            Node::Condition(condition) => &condition.label,
            Node::Set(set) => &set.label,
            Node::Http(http) => &http.label,
            Node::Category(set) => &set.label,
            Node::SelfServed(mark) => &mark.label,
            Node::Queue(queue) => &queue.label,
            Node::Callback(callback) => &callback.label,
            Node::Voicemail(voicemail) => &voicemail.label,
            Node::Hangup => id,
        }
    }

    /// The exits by name, as problems and diagrams call them.
    pub fn exits(&self) -> Vec<(String, &str)> {
        let one = |name: &str, node| (name.to_owned(), node);
        match self {
            Node::Play(Play { next, .. })
            | Node::Category(Category { next, .. })
            | Node::SelfServed(SelfServed { next, .. })
            | Node::Voicemail(Voicemail { next, .. })
            | Node::Set(Set { next, .. }) => vec![one("next", next.as_str())],
            Node::Menu(menu) => {
                let choices =
                    menu.choices.iter().map(|(key, node)| (format!("choices.{key}"), node.as_str()));
                choices.chain([one("no_input", &menu.no_input), one("no_match", &menu.no_match)]).collect()
            }
            Node::Digits(digits) => vec![one("next", &digits.next), one("no_input", &digits.no_input)],
            Node::Hours(hours) => {
                let holiday = hours.holiday.as_deref().map(|node| one("holiday", node));
                [one("open", hours.open.as_str()), one("closed", &hours.closed)]
                    .into_iter()
                    .chain(holiday)
                    .collect()
            }
            Node::Condition(condition) => {
                let cases = condition.cases.iter().enumerate();
                let cases = cases.map(|(i, case)| (format!("cases[{i}].next"), case.next.as_str()));
                cases.chain([one("otherwise", &condition.otherwise)]).collect()
            }
            Node::Http(http) => vec![one("next", &http.next), one("failed", &http.failed)],
            Node::Queue(queue) => {
                let by = queue.overflow_by.iter();
                let by = by.map(|(reason, node)| (format!("overflow_by.{reason}"), node.as_str()));
                std::iter::once(one("overflow", &queue.overflow)).chain(by).collect()
            }
            Node::Callback(callback) => {
                vec![one("next", callback.next.as_str()), one("invalid", &callback.invalid)]
            }
            Node::Hangup => Vec::new(),
        }
    }

    /// Everything that the node may say, by the field it stands in.
    pub fn said(&self) -> Vec<(&'static str, &Say)> {
        let fields: Vec<(&'static str, &Vec<Say>)> = match self {
            Node::Play(play) => vec![("say", &play.say)],
            Node::Menu(menu) => {
                vec![("say", &menu.say), ("invalid", &menu.invalid), ("silence", &menu.silence)]
            }
            Node::Digits(digits) => vec![("say", &digits.say)],
            Node::Http(http) => vec![("say", &http.say)],
            Node::Voicemail(voicemail) => vec![("say", &voicemail.say)],
            Node::Queue(queue) => vec![("welcome", &queue.welcome), ("music", &queue.music)],
            _ => Vec::new(),
        };
        fields.into_iter().flat_map(|(field, say)| say.iter().map(move |say| (field, say))).collect()
    }
}

impl Flow {
    /// The prompts that must exist.
    pub fn prompts(&self) -> impl Iterator<Item = &PromptId> {
        self.nodes.values().flat_map(Node::said).filter_map(|(_, say)| match say {
            Say::Prompt(id) => Some(id),
            Say::Text(_) | Say::Filled(_) => None,
        })
    }

    /// The queues that must exist.
    pub fn queues(&self) -> impl Iterator<Item = &QueueId> {
        self.nodes.values().filter_map(|node| match node {
            Node::Queue(queue) => Some(&queue.queue),
            Node::Callback(Callback { queue, .. }) | Node::Voicemail(Voicemail { queue, .. }) => {
                queue.as_ref()
            }
            _ => None,
        })
    }
}

fn the_caller() -> String {
    "{caller}".into()
}

fn two_minutes() -> Millis {
    120_000
}

fn three() -> u32 {
    3
}

fn five_seconds() -> Millis {
    5_000
}

fn half_a_minute() -> Millis {
    30_000
}
