use crate::{Callback, Digits, Error, Flow, GIVEN, Menu, Node, Queue, Request, Say, Variables, template};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::{CategoryId, E164, Millis, QueueId, Skill, Stage, Timestamp};

/// Where a call stands in its flow. Opaque to those who carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    node: String,
    /// Wrong keys and silences at this node.
    #[serde(default)]
    wrong: u32,
    #[serde(default)]
    silent: u32,
    #[serde(default)]
    known: Known,
}

/// What a call takes from node to node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    variables: Variables,
    /// The caller has what was wanted.
    served: bool,
    /// Digits of the country code that completes national numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    country: Option<String>,
}

/// What happened since the last step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A call begins: from this number, to that one.
    Start {
        caller: String,
        number: String,
        /// Digits of the country code that completes national numbers.
        country: Option<String>,
    },
    /// What was to be played has been heard.
    Played,
    Keys(String),
    NoInput,
    /// The caller hears what the instruction said: the question may be asked.
    Waits,
    /// What was asked over HTTP, if it was answered in time with JSON.
    Answer(Option<Value>),
    /// The queue gave the call back without an agent, for this reason.
    QueueLeft(String),
}

/// What the caller hears next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    Play(Vec<Say>),
    /// Keys, the first of which interrupts what is said.
    Collect {
        say: Vec<Say>,
        /// Silence after what is said that counts as no input.
        timeout: Millis,
        keys_max: usize,
        /// Keys that end the input and are not part of it.
        terminators: &'static str,
    },
    /// The caller hears this and then music until the request is answered.
    Fetch {
        say: Vec<Say>,
        request: Request,
    },
    Queue(Queue),
    /// A message after what is said and a tone.
    Record {
        say: Vec<Say>,
        max: Millis,
        queue: Option<QueueId>,
    },
    Hangup,
}

/// Whom the flow promised a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub number: E164,
    /// Whose agents are to call.
    pub queue: Option<QueueId>,
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
    /// Whom the flow promised a callback on the way.
    pub callback: Option<Asked>,
}

/// Nodes passed in silence in one step; validation rules loops out.
const SILENT_MAX: usize = 1_000;

/// One step: from a cursor (`None` at the start) and what happened to the
/// next cursor, the node that speaks and what it says. An input that does not
/// fit the node repeats the node.
pub fn step(flow: &Flow, cursor: Option<&Cursor>, input: &Input, now: Timestamp) -> Result<Stepped, Error> {
    let way = Way { flow, now };
    if let Input::Start { caller, number, country } = input {
        let given = GIVEN.into_iter().map(String::from).zip([caller.clone(), number.clone()]);
        let known = Known { variables: given.collect(), served: false, country: country.clone() };
        return way.enter(known, &flow.start);
    }
    let Some(cursor) = cursor else { return way.enter(Known::default(), &flow.start) };
    let go = |id: &str| way.enter(cursor.known.clone(), id);
    match (way.node(&cursor.node)?, input) {
        (Node::Play(play), Input::Played) => go(&play.next),
        (Node::Voicemail(voicemail), Input::Played) => {
            // Who left a message has what was to be had.
            way.enter(Known { served: true, ..cursor.known.clone() }, &voicemail.next)
        }
        (Node::Menu(menu), Input::Keys(keys)) => match menu.choices.get(keys) {
            Some(next) => go(next),
            None => way.after_wrong_key(cursor, menu),
        },
        (Node::Menu(menu), Input::NoInput) => {
            way.after_silence(cursor, menu.attempts, &menu.no_input, &menu.silence)
        }
        (Node::Digits(digits), Input::Keys(keys)) => way.typed(cursor, digits, keys),
        (Node::Digits(digits), Input::NoInput) => {
            way.after_silence(cursor, digits.attempts, &digits.no_input, &[])
        }
        (Node::Http(http), Input::Answer(answer)) => {
            let Some(found) = answer.as_ref().and_then(|answer| http.read(answer)) else {
                return go(&http.failed);
            };
            let mut known = cursor.known.clone();
            known.variables.extend(found);
            way.enter(known, &http.next)
        }
        (Node::Queue(queue), Input::QueueLeft(reason)) => {
            go(queue.overflow_by.get(reason).unwrap_or(&queue.overflow))
        }
        _ => way.speak(cursor.clone(), &[]),
    }
}

/// One step in the making.
struct Way<'a> {
    flow: &'a Flow,
    now: Timestamp,
}

impl<'a> Way<'a> {
    fn node(&self, id: &str) -> Result<&'a Node, Error> {
        self.flow.nodes.get(id).ok_or_else(|| Error::NoNode(id.to_owned()))
    }

    /// The menu once more, or its exit after as many wrong keys as it bears.
    fn after_wrong_key(&self, cursor: &Cursor, menu: &Menu) -> Result<Stepped, Error> {
        let wrong = cursor.wrong + 1;
        if wrong >= menu.invalid_attempts.unwrap_or(menu.attempts) {
            return self.enter(cursor.known.clone(), &menu.no_match);
        }
        self.speak(Cursor { wrong, ..cursor.clone() }, &menu.invalid)
    }

    fn after_silence(&self, cursor: &Cursor, most: u32, exit: &str, first: &[Say]) -> Result<Stepped, Error> {
        let silent = cursor.silent + 1;
        if silent >= most {
            return self.enter(cursor.known.clone(), exit);
        }
        self.speak(Cursor { silent, ..cursor.clone() }, first)
    }

    fn typed(&self, cursor: &Cursor, digits: &Digits, keys: &str) -> Result<Stepped, Error> {
        let mut known = cursor.known.clone();
        known.variables.insert(digits.variable.clone(), keys.to_owned());
        self.enter(known, &digits.next)
    }

    /// Goes on at a node, through those that say nothing.
    fn enter(&self, mut known: Known, id: &str) -> Result<Stepped, Error> {
        let (mut id, mut category, mut asked) = (id, None, None);
        for _ in 0..SILENT_MAX {
            id = match self.node(id)? {
                Node::Category(set) => {
                    category = Some(set.category.clone());
                    &set.next
                }
                Node::SelfServed(mark) => {
                    known.served = true;
                    &mark.next
                }
                Node::Set(set) => {
                    set.apply(&mut known.variables);
                    &set.next
                }
                Node::Callback(callback) => match promised(callback, &known) {
                    Some(promise) => {
                        (asked, known.served) = (Some(promise), true);
                        &callback.next
                    }
                    None => &callback.invalid,
                },
                Node::Condition(condition) => condition.exit(&known.variables),
                Node::Hours(hours) => hours.exit(self.now),
                spoken => {
                    // Who waits for an agent is not served yet.
                    known.served &= !matches!(spoken, Node::Queue(_));
                    let cursor = Cursor { node: id.to_owned(), wrong: 0, silent: 0, known };
                    return Ok(Stepped { category, callback: asked, ..self.speak(cursor, &[])? });
                }
            };
        }
        Err(Error::Silent(id.to_owned()))
    }

    fn speak(&self, cursor: Cursor, first: &[Say]) -> Result<Stepped, Error> {
        let node = self.node(&cursor.node)?;
        let variables = &cursor.known.variables;
        let filled = |say: &[Say]| say.iter().map(|say| say.filled(variables)).collect::<Vec<_>>();
        let instruction = match node {
            Node::Play(play) => Instruction::Play(filled(&play.say)),
            Node::Menu(menu) => Instruction::Collect {
                say: filled(&[first, &menu.say].concat()),
                timeout: menu.timeout_ms,
                keys_max: 1,
                terminators: "",
            },
            Node::Digits(digits) => Instruction::Collect {
                say: filled(&digits.say),
                timeout: digits.timeout_ms,
                keys_max: digits.digits_max.into(),
                terminators: "#",
            },
            Node::Http(http) => {
                Instruction::Fetch { say: filled(&http.say), request: http.request(variables) }
            }
            Node::Queue(queue) => Instruction::Queue(Queue {
                skills: needed(&queue.skills, variables),
                welcome: filled(&queue.welcome),
                music: filled(&queue.music),
                ..queue.clone()
            }),
            Node::Voicemail(voicemail) => Instruction::Record {
                say: filled(&voicemail.say),
                max: voicemail.max_ms,
                queue: voicemail.queue.clone(),
            },
            Node::Hangup => Instruction::Hangup,
            // A saved version in which this node spoke.
            Node::Hours(_)
            | Node::Condition(_)
            | Node::Set(_)
            | Node::Category(_)
            | Node::Callback(_)
            | Node::SelfServed(_) => {
                return self.enter(cursor.known, &cursor.node);
            }
        };
        let place = Place {
            node: cursor.node.clone(),
            label: node.label(&cursor.node).into(),
            stage: stage(node, cursor.known.served),
        };
        Ok(Stepped { cursor, place, instruction, category: None, callback: None })
    }
}

/// What is asked of agents for this caller.
fn needed(skills: &[Skill], variables: &Variables) -> Vec<Skill> {
    let filled = |skill: &Skill| Skill { name: template::filled(&skill.name, variables), level: skill.level };
    skills.iter().map(filled).filter(|skill| !skill.name.trim().is_empty()).collect()
}

/// Whom to call, if the number can be read.
fn promised(callback: &Callback, known: &Known) -> Option<Asked> {
    let number = template::filled(&callback.number, &known.variables);
    let number = E164::from_dialled(&number, known.country.as_deref()).ok()?;
    Some(Asked { number, queue: callback.queue.clone() })
}

fn stage(node: &Node, served: bool) -> Stage {
    match node {
        Node::Queue(_) => Stage::Queue,
        _ if served => Stage::SelfServed,
        Node::Menu(_) | Node::Digits(_) => Stage::Menu,
        _ => Stage::Greeting,
    }
}
