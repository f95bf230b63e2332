//! Variables: setting them, and going by their values.

use crate::{Variables, template};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Characters of a value that are kept.
pub(crate) const VALUE_MAX: usize = 500;

/// Sets variables and goes on at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    pub label: String,
    /// Variable → value, in which `{name}` stands for another's value as it
    /// was before this node.
    pub values: BTreeMap<String, String>,
    pub next: String,
}

/// Goes the way of the first case that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub label: String,
    pub cases: Vec<Case>,
    /// Where it goes when none does.
    pub otherwise: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub variable: String,
    pub test: Test,
    /// What the variable is compared with; `{name}` stands for a value.
    #[serde(default)]
    pub value: String,
    pub next: String,
}

/// How a variable is compared. A variable that was never set is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    Is,
    IsNot,
    StartsWith,
    Contains,
    IsEmpty,
    /// As numbers; what is no number is neither above nor below.
    Above,
    Below,
}

impl Set {
    pub(crate) fn apply(&self, variables: &mut Variables) {
        let before = variables.clone();
        for (name, value) in &self.values {
            let value = template::filled(value, &before);
            variables.insert(name.clone(), value.chars().take(VALUE_MAX).collect());
        }
    }
}

impl Condition {
    pub(crate) fn exit(&self, variables: &Variables) -> &str {
        let holds = self.cases.iter().find(|case| case.holds(variables));
        holds.map_or(&self.otherwise, |case| &case.next)
    }
}

impl Case {
    fn holds(&self, variables: &Variables) -> bool {
        let found = variables.get(&self.variable).map(String::as_str).unwrap_or_default();
        let value = template::filled(&self.value, variables);
        let numbers = || Some((number(found)?, number(&value)?));
        match self.test {
            Test::Is => found == value,
            Test::IsNot => found != value,
            Test::StartsWith => found.starts_with(&value),
            Test::Contains => found.contains(&value),
            Test::IsEmpty => found.trim().is_empty(),
            Test::Above => numbers().is_some_and(|(found, value)| found > value),
            Test::Below => numbers().is_some_and(|(found, value)| found < value),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}
