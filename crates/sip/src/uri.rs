//! URIs and the parties of a request (RFC 3261 §19.1, RFC 3966 for `tel:`).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sipx_sip::headers::Address;

use crate::Error;

/// A SIP, SIPS or tel URI, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Uri {
    /// `sip`, `sips`, `tel` or another, lower case.
    pub scheme: String,
    /// The user with escapes decoded; for `tel:` the number.
    pub user: Option<String>,
    /// Host name or address, IPv6 without brackets; empty for `tel:`.
    pub host: String,
    /// The port, if one is written.
    pub port: Option<u16>,
    /// URI parameters in order, names in lower case.
    pub params: Vec<(String, Option<String>)>,
}

impl Uri {
    /// A `sip:user@address` URI.
    pub fn sip(user: &str, address: SocketAddr) -> Self {
        Self {
            scheme: "sip".to_owned(),
            user: (!user.is_empty()).then(|| user.to_owned()),
            host: address.ip().to_string(),
            port: Some(address.port()),
            params: Vec::new(),
        }
    }

    /// Parses a URI by RFC 3261 §25.1.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let uri = sipx_sip::Uri::parse(Bytes::copy_from_slice(text.as_bytes()))
            .map_err(|_| Error::Malformed("uri"))?;
        Ok(Self::from_core(&uri))
    }

    /// Adds a parameter such as `transport=tcp`.
    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// The value of a parameter, by case-insensitive name.
    pub fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(found.1.as_deref().unwrap_or(""))
    }

    /// Whether the scheme is one we route: `sip`, `sips` or `tel`.
    pub fn is_routable(&self) -> bool {
        matches!(self.scheme.as_str(), "sip" | "sips" | "tel")
    }

    /// Whether the URI asks for TCP.
    pub fn wants_tcp(&self) -> bool {
        self.param("transport").is_some_and(|t| t.eq_ignore_ascii_case("tcp"))
    }

    /// The socket address, when the host is an IP address; port 5060 by default.
    pub fn address(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self.host.parse().ok()?;
        Some(SocketAddr::new(ip, self.port.unwrap_or(5060)))
    }

    pub(crate) fn from_core(uri: &sipx_sip::Uri) -> Self {
        let scheme = text(uri.scheme().as_bytes()).to_ascii_lowercase();
        if let Some(tel) = uri.tel_parts() {
            return Self::opaque(scheme, text(tel.subscriber()));
        }
        let user = uri.decoded_user().map(|u| text(&u));
        let host = uri.host().map(|h| text(&h.to_bytes())).unwrap_or_default();
        let params = uri.params().into_iter().flatten().map(param).collect();
        Self { scheme, user, host, port: uri.port(), params }
    }

    fn opaque(scheme: String, user: String) -> Self {
        Self { scheme, user: Some(user), host: String::new(), port: None, params: Vec::new() }
    }
}

fn param(param: &sipx_sip::Param) -> (String, Option<String>) {
    (text(param.name()).to_ascii_lowercase(), param.value().map(text))
}

/// Bytes as text; what is not UTF-8 becomes the replacement character.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        if let Some(user) = &self.user {
            write_user(f, user)?;
            if !self.host.is_empty() {
                f.write_str("@")?;
            }
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        for (name, value) in &self.params {
            write!(f, ";{name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// Writes a user part, escaping what RFC 3261's `user` rule does not allow.
fn write_user(f: &mut fmt::Formatter<'_>, user: &str) -> fmt::Result {
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            write!(f, "{}", byte as char)?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// A name-addr: who a From, To, Contact or P-Asserted-Identity names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The display name, without quotes.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// The `tag` parameter of From and To.
    pub tag: Option<String>,
}

impl Party {
    /// A party without a display name or tag.
    pub fn new(uri: Uri) -> Self {
        Self { display: None, uri, tag: None }
    }

    /// The user part, or an empty string: the number of a caller.
    pub fn user(&self) -> &str {
        self.uri.user.as_deref().unwrap_or("")
    }

    pub(crate) fn from_core(address: &Address) -> Self {
        Self {
            display: address.display_name.as_deref().map(text).filter(|d| !d.is_empty()),
            uri: Uri::from_core(&address.uri),
            tag: address.tag().map(text),
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            let escaped = display.replace(['\r', '\n'], " ").replace('\\', "\\\\");
            write!(f, "\"{}\" ", escaped.replace('"', "\\\""))?;
        }
        write!(f, "<{}>", self.uri)?;
        if let Some(tag) = &self.tag {
            write!(f, ";tag={tag}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sip_uri_is_taken_apart_and_put_together() {
        let uri = Uri::parse("sip:+36201234567@10.0.0.1:5070;transport=tcp;lr").unwrap();
        assert_eq!(uri.user.as_deref(), Some("+36201234567"));
        assert_eq!(uri.address(), Some("10.0.0.1:5070".parse().unwrap()));
        assert!(uri.wants_tcp());
        assert_eq!(uri.param("LR"), Some(""));
        assert_eq!(uri.to_string(), "sip:+36201234567@10.0.0.1:5070;transport=tcp;lr");
    }

    #[test]
    fn a_tel_uri_is_its_number() {
        let uri = Uri::parse("tel:+36-20-123;phone-context=x").unwrap();
        assert_eq!(uri.user.as_deref(), Some("+36-20-123"));
        assert!(uri.is_routable());
        assert_eq!(uri.address(), None);
    }

    #[test]
    fn ipv6_hosts_are_bracketed() {
        let uri = Uri::parse("sip:a@[2001:db8::1]:5060").unwrap();
        assert_eq!(uri.host, "2001:db8::1");
        assert_eq!(uri.to_string(), "sip:a@[2001:db8::1]:5060");
    }

    #[test]
    fn a_display_name_cannot_break_out_of_its_header() {
        let uri = Uri::parse("sip:a@b").unwrap();
        let party = Party { display: Some("x\" <sip:evil>\r\nVia: y".into()), uri, tag: None };
        assert!(!party.to_string().contains('\n'));
        assert!(party.to_string().starts_with("\"x\\\" "));
    }

    proptest! {
        #[test]
        fn any_user_survives_writing_and_reading(user in "\\PC{1,24}") {
            let uri = Uri::sip(&user, "192.0.2.1:5060".parse().unwrap());
            let back = Uri::parse(&uri.to_string()).unwrap();
            prop_assert_eq!(back.user, Some(user));
        }
    }
}
