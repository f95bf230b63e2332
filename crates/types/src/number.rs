//! Telephone numbers in E.164 form.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// `+` and 4 to 15 digits, not starting with 0 (ITU-T E.164; short test
/// numbers are let in from 4 digits on).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a telephone number in the form +<country><number>, 4 to 15 digits")]
pub struct NumberError;

impl E164 {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads what carriers send and people type: spaces, dots, dashes and
    /// brackets are dropped; `00` is an international prefix; a national
    /// number (`0…` or bare) is completed with `country`, the digits of a
    /// country code such as `40`. Without a country a bare number counts as
    /// international.
    pub fn from_dialled(text: &str, country: Option<&str>) -> Result<E164, NumberError> {
        let plus = text.trim_start().starts_with('+');
        if text.chars().any(|c| !(c.is_ascii_digit() || " .-()/+".contains(c))) {
            return Err(NumberError);
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let full = match (plus, digits.strip_prefix("00"), digits.strip_prefix('0'), country) {
            (true, ..) => digits.clone(),
            (_, Some(international), ..) => international.to_owned(),
            (_, _, Some(national), Some(country)) => format!("{country}{national}"),
            (_, None, None, Some(country)) if !digits.starts_with(country) => {
                format!("{country}{digits}")
            }
            _ => digits.clone(),
        };
        format!("+{full}").parse()
    }
}

impl FromStr for E164 {
    type Err = NumberError;
    fn from_str(text: &str) -> Result<E164, NumberError> {
        let digits = text.strip_prefix('+').ok_or(NumberError)?;
        let sized = (4..=15).contains(&digits.len());
        let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if sized && plain { Ok(E164(text.to_owned())) } else { Err(NumberError) }
    }
}

impl TryFrom<String> for E164 {
    type Error = NumberError;
    fn try_from(text: String) -> Result<E164, NumberError> {
        text.parse()
    }
}

impl From<E164> for String {
    fn from(number: E164) -> String {
        number.0
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_number_in_many_spellings_is_one_number() {
        for spelling in ["+40 21 123 4567", "0040211234567", "021-123-4567", "40211234567", "(021) 123.4567"]
        {
            assert_eq!(
                E164::from_dialled(spelling, Some("40")).unwrap().as_str(),
                "+40211234567",
                "{spelling}"
            );
        }
    }

    #[test]
    fn a_name_is_not_a_number() {
        assert!(E164::from_dialled("anonymous", None).is_err());
        assert!(E164::from_dialled("+1", None).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_well_formed(text in ".{0,24}", country in proptest::option::of("[1-9][0-9]{0,2}")) {
            if let Ok(n) = E164::from_dialled(&text, country.as_deref()) {
                prop_assert_eq!(n.as_str().parse::<E164>().unwrap(), n);
            }
        }
    }
}
