//! The words of closed sets, as they stand in facts, messages and tables.

use serde::{
    Deserialize, Serialize,
    de::value::{Error, StrDeserializer},
};
use std::fmt;

/// serde writes an enum without fields as its name.
struct Name<T>(T);

impl<T: Serialize> fmt::Display for Name<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.serialize(f)
    }
}

/// The snake_case name of an enum's value, such as `no_answer`.
pub fn name<T: Serialize>(value: T) -> String {
    Name(value).to_string()
}

/// The value with this name.
pub fn named<'a, T: Deserialize<'a>>(name: &'a str) -> Option<T> {
    T::deserialize(StrDeserializer::<Error>::new(name)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HangupCause, OfferOutcome, Stage};

    #[test]
    fn words_are_those_of_the_vocabulary() {
        assert_eq!(name(OfferOutcome::NoAnswer), "no_answer");
        assert_eq!(named("flow_ended"), Some(HangupCause::FlowEnded));
        assert_eq!(named::<Stage>("nonsense"), None);
    }
}
