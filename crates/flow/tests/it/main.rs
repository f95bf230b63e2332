//! Flows, walked through and checked.

mod checks;
mod dips;
mod hours;
mod night;
mod variables;
mod walk;

use flow::{Flow, Input, Stepped, step};
use types::Timestamp;

pub fn read(document: serde_json::Value) -> Flow {
    serde_json::from_value(document).unwrap()
}

/// A flow of these nodes that begins at `start`.
pub fn flow(start: &str, nodes: serde_json::Value) -> Flow {
    read(serde_json::json!({ "name": "Story", "language": "en", "start": start, "nodes": nodes }))
}

pub fn begin(flow: &Flow) -> Stepped {
    let input = Input::Start {
        caller: "+40211234567".into(),
        number: "+40210000000".into(),
        country: Some("40".into()),
    };
    step(flow, None, &input, Timestamp::default()).unwrap()
}

pub fn go(flow: &Flow, at: &Stepped, input: &Input) -> Stepped {
    step(flow, Some(&at.cursor), input, Timestamp::default()).unwrap()
}

/// The places of all problems.
pub fn places(flow: &Flow) -> Vec<String> {
    flow.validate().err().unwrap_or_default().into_iter().map(|problem| problem.place).collect()
}
