//! Telephone numbers in E.164 form.

use crate::emergency::is_emergency;
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
        if let Some(country) = country.filter(|country| is_emergency(text.trim(), country)) {
            return format!("+{country}{digits}").parse();
        }
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

/// How numbers are written somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbering {
    /// The digits of the country's code, such as `40`.
    pub country: String,
    /// Before a number of the country, such as `0`; may be empty.
    #[serde(default = "zero")]
    pub national_prefix: String,
    /// Before the code of another country, such as `00`.
    #[serde(default = "two_zeros")]
    pub international_prefix: String,
}

fn zero() -> String {
    "0".to_owned()
}

fn two_zeros() -> String {
    "00".to_owned()
}

impl Numbering {
    /// As in most countries: `0` at home, `00` abroad.
    pub fn of(country: &str) -> Self {
        let (national_prefix, international_prefix) = (zero(), two_zeros());
        Self { country: country.to_owned(), national_prefix, international_prefix }
    }

    /// Reads what a carrier sends; a bare number is one of the country unless it
    /// begins with its code.
    pub fn read(&self, text: &str) -> Result<E164, NumberError> {
        let bare = text.trim();
        if bare.starts_with('+') || is_emergency(bare, &self.country) {
            return E164::from_dialled(bare, Some(&self.country));
        }
        if let Some(abroad) = bare.strip_prefix(self.international_prefix.as_str()) {
            return E164::from_dialled(&format!("+{abroad}"), None);
        }
        // Where there is no national prefix, a leading 0 belongs to the number.
        match bare.strip_prefix(self.national_prefix.as_str()) {
            Some(national) => E164::from_dialled(&format!("+{}{national}", self.country), None),
            None => E164::from_dialled(bare, Some(&self.country)),
        }
    }

    /// The same the other way.
    pub fn write(&self, number: &E164) -> String {
        let digits = number.as_str().trim_start_matches('+');
        match digits.strip_prefix(self.country.as_str()) {
            Some(national) => format!("{}{national}", self.national_prefix),
            None => format!("{}{digits}", self.international_prefix),
        }
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
    fn every_country_writes_numbers_its_own_way_and_they_come_back() {
        let numbering = |country: &str, national: &str, abroad: &str| Numbering {
            country: country.to_owned(),
            national_prefix: national.to_owned(),
            international_prefix: abroad.to_owned(),
        };
        let cases = [
            (Numbering::of("40"), "+40211234567", "0211234567", "0036201234567"),
            (numbering("7", "8", "810"), "+74951234567", "84951234567", "81036201234567"),
            (numbering("36", "06", "00"), "+3612345678", "0612345678", "0040211234567"),
            (numbering("1", "1", "011"), "+12125551234", "12125551234", "01136201234567"),
            (numbering("39", "", "00"), "+39061234567", "061234567", "0036201234567"),
        ];
        for (numbering, home, at_home, abroad) in cases {
            let home: E164 = home.parse().unwrap();
            assert_eq!(numbering.write(&home), at_home);
            assert_eq!(numbering.read(at_home).unwrap(), home);
            assert_eq!(numbering.read(home.as_str()).unwrap(), home);
            let other = numbering.read(abroad).unwrap();
            assert_eq!(numbering.write(&other), abroad, "{other}");
        }
        assert!(Numbering::of("40").read("anonymous").is_err());
        assert_eq!(Numbering::of("61").read("000").unwrap().emergency(), Some("000"));
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
