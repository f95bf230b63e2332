use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{CategoryId, Millis, PromptId, QueueId};

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
    Queue(Queue),
    Category(Category),
    Hangup,
}

/// Something to be heard: spoken text or a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Say {
    Text(String),
    Prompt(PromptId),
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
    /// How often the menu is heard before `no_input` or `no_match` is taken.
    #[serde(default = "three")]
    pub attempts: u32,
    /// Silence after the prompt that counts as no input.
    #[serde(default = "five_seconds")]
    pub timeout_ms: Millis,
    /// Said before the menu is repeated after a wrong key.
    #[serde(default)]
    pub invalid: Vec<Say>,
    pub no_input: String,
    pub no_match: String,
}

/// Says what the contact is about and goes on at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    pub label: String,
    pub category: CategoryId,
    pub next: String,
}

/// Waits for an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    pub label: String,
    pub queue: QueueId,
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

/// Why a queue gives a caller back.
pub const REASONS: [&str; 4] = ["queue_full", "no_agents", "wait_limit", "emergency"];

impl Node {
    pub fn label<'a>(&'a self, id: &'a str) -> &'a str {
        match self {
            Node::Play(play) => &play.label,
            Node::Menu(menu) => &menu.label,
            Node::Queue(queue) => &queue.label,
            Node::Category(set) => &set.label,
            Node::Hangup => id,
        }
    }

    /// The exits by name, as problems and diagrams call them.
    pub fn exits(&self) -> Vec<(String, &str)> {
        match self {
            Node::Play(play) => vec![("next".into(), &play.next)],
            Node::Menu(menu) => {
                let choices =
                    menu.choices.iter().map(|(key, node)| (format!("choices.{key}"), node.as_str()));
                let ladder =
                    [("no_input".into(), menu.no_input.as_str()), ("no_match".into(), &menu.no_match)];
                choices.chain(ladder).collect()
            }
            Node::Queue(queue) => {
                let by = queue.overflow_by.iter();
                let by = by.map(|(reason, node)| (format!("overflow_by.{reason}"), node.as_str()));
                std::iter::once(("overflow".into(), queue.overflow.as_str())).chain(by).collect()
            }
            Node::Category(set) => vec![("next".into(), &set.next)],
            Node::Hangup => Vec::new(),
        }
    }

    /// Everything that the node may say, by the field it stands in.
    pub fn said(&self) -> Vec<(&'static str, &Say)> {
        match self {
            Node::Play(play) => play.say.iter().map(|say| ("say", say)).collect(),
            Node::Menu(menu) => {
                let invalid = menu.invalid.iter().map(|say| ("invalid", say));
                menu.say.iter().map(|say| ("say", say)).chain(invalid).collect()
            }
            Node::Queue(queue) => {
                let music = queue.music.iter().map(|say| ("music", say));
                queue.welcome.iter().map(|say| ("welcome", say)).chain(music).collect()
            }
            Node::Category(_) | Node::Hangup => Vec::new(),
        }
    }
}

impl Flow {
    /// The prompts that must exist.
    pub fn prompts(&self) -> impl Iterator<Item = &PromptId> {
        self.nodes.values().flat_map(Node::said).filter_map(|(_, say)| match say {
            Say::Prompt(id) => Some(id),
            Say::Text(_) => None,
        })
    }

    /// The queues that must exist.
    pub fn queues(&self) -> impl Iterator<Item = &QueueId> {
        self.nodes.values().filter_map(|node| match node {
            Node::Queue(queue) => Some(&queue.queue),
            _ => None,
        })
    }
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
