//! Which dialog a call takes the place of (RFC 3891).

use std::fmt;

/// A dialog as the one who is asked knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// Its Call-ID.
    pub call_id: String,
    /// The tag of the one who is asked.
    pub to_tag: String,
    /// The tag of its peer.
    pub from_tag: String,
    /// Only if it has not been answered.
    pub early_only: bool,
}

impl Replaces {
    /// The value of a Replaces header: `call-id;to-tag=…;from-tag=…`.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let call_id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for part in parts {
            match part.split_once('=') {
                Some((name, tag)) if name.eq_ignore_ascii_case("to-tag") => to_tag = Some(tag.to_owned()),
                Some((name, tag)) if name.eq_ignore_ascii_case("from-tag") => from_tag = Some(tag.to_owned()),
                None if part.eq_ignore_ascii_case("early-only") => early_only = true,
                _ => {}
            }
        }
        Some(Self { call_id, to_tag: to_tag?, from_tag: from_tag?, early_only })
    }

    /// The header that the URI of a Refer-To wants in the INVITE (RFC 3515 §2.1);
    /// `None`: it wants none, `Some(None)`: one that cannot be read.
    pub fn wanted_by(uri: &str) -> Option<Option<Self>> {
        let (_, headers) = uri.split_once('?')?;
        let wanted = headers.split('&').filter_map(|header| header.split_once('='));
        let mut wanted = wanted.filter(|(name, _)| name.eq_ignore_ascii_case("replaces"));
        let (_, value) = wanted.next()?;
        Some(unescaped(value).as_deref().and_then(Self::parse))
    }

    /// As it stands in the URI of a Refer-To.
    pub fn escaped(&self) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
        let text = self.to_string();
        let escape = |byte: u8| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(escape).collect()
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};to-tag={};from-tag={}", self.call_id, self.to_tag, self.from_tag)?;
        f.write_str(if self.early_only { ";early-only" } else { "" })
    }
}

/// `%40` and the like; `None` where what follows `%` is no number, or the whole no text.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_dialog_is_named_in_whatever_order() {
        let named = Replaces::parse("98732@sip.example ;from-tag=r33th4x0r ; to-tag=ff87ff;x=1").unwrap();
        assert_eq!((named.to_tag.as_str(), named.from_tag.as_str()), ("ff87ff", "r33th4x0r"));
        assert!(!named.early_only);
        for bad in ["", "a;to-tag=1", ";to-tag=1;from-tag=2", "a;from-tag=2"] {
            assert_eq!(Replaces::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_refer_to_names_it_in_its_uri() {
        let uri = "sip:ben@192.0.2.1?X=1&Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only";
        let named = Replaces::wanted_by(uri).unwrap().unwrap();
        assert_eq!((named.call_id.as_str(), named.early_only), ("a@b", true));
        assert_eq!(Replaces::wanted_by("sip:ben@192.0.2.1"), None);
        assert_eq!(Replaces::wanted_by("sip:ben@192.0.2.1?Replaces=a%4"), Some(None));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_and_noise_is_none(
            call_id in "[a-zA-Z0-9@.%+-]{1,40}", to_tag in "[a-z0-9]{1,16}", from_tag in "[a-z0-9]{1,16}",
            early_only in any::<bool>(), noise in ".{0,60}",
        ) {
            let named = Replaces { call_id, to_tag, from_tag, early_only };
            prop_assert_eq!(Replaces::parse(&named.to_string()), Some(named.clone()));
            let uri = format!("sip:ben@192.0.2.1?Replaces={}", named.escaped());
            prop_assert_eq!(Replaces::wanted_by(&uri), Some(Some(named)));
            let _ = (Replaces::parse(&noise), Replaces::wanted_by(&format!("sip:x?Replaces={noise}")));
        }
    }
}
