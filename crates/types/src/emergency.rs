//! Numbers for help in need: dialled as they are, without a country's code, and
//! never refused.

use crate::E164;

/// By country code; see the file.
const LIST: &str = include_str!("../data/emergency.tsv");

fn countries() -> impl Iterator<Item = (&'static str, &'static str)> {
    LIST.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
}

/// Whether that is dialled in this country, the digits of whose code are given, to
/// get help in need.
pub fn is_emergency(dialled: &str, country: &str) -> bool {
    let here = countries().filter(|(code, _)| *code == country);
    here.flat_map(|(_, numbers)| numbers.split(' ')).any(|number| number == dialled)
}

impl E164 {
    /// What is dialled for help, kept as a number behind the country's code: `112`
    /// of `+40112`. No subscriber's number is as short.
    pub fn emergency(&self) -> Option<&str> {
        let digits = self.as_str().trim_start_matches('+');
        let codes = (1..=3).filter_map(|length| digits.split_at_checked(length));
        let mut found =
            codes.filter(|(country, dialled)| is_emergency(dialled, country)).map(|(_, dialled)| dialled);
        found.next_back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_known_by_country() {
        assert!(is_emergency("112", "40") && is_emergency("911", "1") && !is_emergency("911", "40"));
        let number = |text, country| E164::from_dialled(text, Some(country)).unwrap();
        assert_eq!(number("112", "40").emergency(), Some("112"));
        assert_eq!(number("15", "33").emergency(), Some("15"));
        assert_eq!(number("0211234567", "40").emergency(), None);
        assert_eq!(number("1123", "40").emergency(), None);
    }

    #[test]
    fn the_list_can_be_read() {
        for (code, numbers) in countries() {
            assert!((1..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit()), "{code:?}");
            for number in numbers.split(' ') {
                assert!((2..=3).contains(&number.len()), "{code}: {number:?}");
                assert!(number.bytes().all(|b| b.is_ascii_digit()), "{code}: {number:?}");
            }
        }
        let lines = LIST.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), countries().count(), "a tab after each country");
    }
}
