//! What a failure carries beside its message: for programs, and to be put in
//! the reader's own words.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Display};

/// What a message names, such as `name` → `Support`.
pub type Params = BTreeMap<String, String>;

/// Travels as JSON in a status' details.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Stable, such as `in_use`, where the message may change. Empty: the status says all.
    pub code: String,
    pub params: Params,
    /// Each wrong field.
    pub faults: Vec<Fault>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// A path such as `nodes.menu.choices.1`.
    pub place: String,
    pub message: String,
    /// Stable, such as `too_long`.
    #[serde(default)]
    pub code: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: Params,
}

impl Fault {
    pub fn new(place: impl Display, code: &str, message: impl Display) -> Fault {
        Fault {
            place: place.to_string(),
            message: message.to_string(),
            code: code.to_owned(),
            params: Params::new(),
        }
    }

    pub fn with(mut self, name: &str, value: impl Display) -> Fault {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }
}
