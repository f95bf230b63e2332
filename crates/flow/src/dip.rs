//! Asking a company's own system over HTTP in the middle of a call.

use crate::{Say, Variables, condition::VALUE_MAX, template};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use types::Millis;

/// Asks over HTTP and keeps parts of the answer. The caller hears `say` and
/// music meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub label: String,
    #[serde(default)]
    pub method: Method,
    /// `{name}` stands for a value, encoded; not in the host.
    pub url: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Sent as JSON; `{name}` in its texts stands for a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// From the first look-up of the host's name to the last byte.
    #[serde(default = "two_seconds")]
    pub timeout_ms: Millis,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub say: Vec<Say>,
    /// Variable → place in the answer, a JSON pointer (RFC 6901).
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    pub next: String,
    /// Where it goes without a complete answer in time: no answer, a status
    /// other than 2xx, not JSON, or a place with neither text, number nor truth.
    pub failed: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    #[default]
    Get,
    Post,
}

/// What is to be asked, with this call's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    pub url: String,
    pub headers: BTreeMap<String, String>,
    /// JSON.
    pub body: Option<String>,
    pub timeout: Millis,
}

impl Http {
    pub(crate) fn request(&self, variables: &Variables) -> Request {
        Request {
            method: self.method,
            url: template::filled_address(&self.url, variables),
            headers: self.headers.clone(),
            body: self.body.as_ref().map(|body| filled(body, variables).to_string()),
            timeout: self.timeout_ms,
        }
    }

    /// The variables that an answer gives; `None` when one is missing.
    pub(crate) fn read(&self, answer: &Value) -> Option<Variables> {
        let value = |place: &String| match answer.pointer(place)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            _ => None,
        };
        let short = |text: &String| text.chars().count() <= VALUE_MAX;
        self.variables.iter().map(|(name, place)| Some((name.clone(), value(place).filter(short)?))).collect()
    }

    /// The host as it is written: what stands between `//` and the path.
    pub(crate) fn host(&self) -> Option<&str> {
        let rest = self.url.strip_prefix("https://").or_else(|| self.url.strip_prefix("http://"))?;
        rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())
    }

    /// Every text in which variables may stand, with its place in the node.
    pub(crate) fn texts(&self) -> Vec<(&'static str, &str)> {
        let mut texts = vec![("url", self.url.as_str())];
        let mut open: Vec<&Value> = self.body.iter().collect();
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => texts.push(("body", text)),
                Value::Array(values) => open.extend(values),
                Value::Object(fields) => open.extend(fields.values()),
                _ => {}
            }
        }
        texts
    }
}

fn filled(body: &Value, variables: &Variables) -> Value {
    match body {
        Value::String(text) => Value::String(template::filled(text, variables)),
        Value::Array(values) => values.iter().map(|value| filled(value, variables)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), filled(value, variables))).collect()
        }
        other => other.clone(),
    }
}

fn two_seconds() -> Millis {
    2_000
}
