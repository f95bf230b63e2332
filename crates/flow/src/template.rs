//! Places for values in texts: `Your balance is {balance}.`

use crate::Variables;

/// The longest name of a variable.
const NAME_MAX: usize = 40;
/// The longest text that is said: some two minutes.
const SPOKEN_MAX: usize = 2_000;

/// Small letters, digits and `_`, a letter first.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.len() <= NAME_MAX && name.bytes().all(fits) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// A text in pieces: what stands there, and the variables between.
enum Piece<'a> {
    Plain(&'a str),
    Variable(&'a str),
}

/// Braces around anything but a name are plain text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let inside = &rest[open + 1..];
        match inside.find('}').map(|close| &inside[..close]).filter(|name| is_name(name)) {
            Some(name) => {
                pieces.push(Piece::Plain(&rest[..open]));
                pieces.push(Piece::Variable(name));
                rest = &inside[name.len() + 1..];
            }
            None => {
                pieces.push(Piece::Plain(&rest[..=open]));
                rest = inside;
            }
        }
    }
    pieces.push(Piece::Plain(rest));
    pieces
}

/// The variables that a text names.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let variable = |piece| match piece {
        Piece::Variable(name) => Some(name),
        Piece::Plain(_) => None,
    };
    pieces(text).into_iter().filter_map(variable).collect()
}

/// The text with values; one that was never set is empty.
pub(crate) fn filled(text: &str, variables: &Variables) -> String {
    filled_by(text, variables, str::to_owned)
}

/// The text with values as it is said: what nobody would listen to is cut off.
pub(crate) fn spoken(text: &str, variables: &Variables) -> String {
    filled(text, variables).chars().take(SPOKEN_MAX).collect()
}

/// The text as an address: values are encoded, so that none ends the part
/// that it stands in (RFC 3986 §2.1).
pub(crate) fn filled_address(text: &str, variables: &Variables) -> String {
    filled_by(text, variables, encoded)
}

fn filled_by(text: &str, variables: &Variables, write: impl Fn(&str) -> String) -> String {
    let value = |name| variables.get(name).map(|value| write(value)).unwrap_or_default();
    let written = |piece| match piece {
        Piece::Plain(text) => text.to_owned(),
        Piece::Variable(name) => value(name),
    };
    pieces(text).into_iter().map(written).collect()
}

fn encoded(value: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    value
        .bytes()
        .map(|b| if unreserved(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
