//! Proto ↔ domain.

use flow::{Asked, Cursor, Input, Place};
use proto::ivr::v1::{next_reply, next_request};
use serde::{Deserialize, Serialize};
use types::{CategoryId, FlowId};

/// The cursor with the version of its flow.
#[derive(Debug, Serialize, Deserialize)]
pub struct Carried {
    pub flow: FlowId,
    pub version: u32,
    pub cursor: Cursor,
}

pub fn input(input: &next_request::Input, country: Option<String>) -> Input {
    match input {
        next_request::Input::Start(start) => {
            Input::Start { caller: start.from.clone(), number: start.did.clone(), country }
        }
        next_request::Input::PromptsEnded(_) => Input::Played,
        next_request::Input::Keys(keys) => Input::Keys(keys.keys.clone()),
        next_request::Input::NoInput(_) => Input::NoInput,
        next_request::Input::Waits(_) => Input::Waits,
        next_request::Input::QueueLeft(left) => Input::QueueLeft(left.reason.clone()),
    }
}

pub fn node(
    flow: &FlowId,
    version: u32,
    place: Place,
    category: Option<CategoryId>,
    callback: Option<Asked>,
) -> next_reply::Node {
    let (number, queue) = callback.map(|asked| (asked.number, asked.queue)).unzip();
    next_reply::Node {
        flow: flow.to_string(),
        version,
        id: place.node,
        label: place.label,
        stage: types::name(place.stage),
        category: category.map(Into::into).unwrap_or_default(),
        callback: number.map(Into::into).unwrap_or_default(),
        callback_queue: queue.flatten().map(Into::into).unwrap_or_default(),
    }
}
