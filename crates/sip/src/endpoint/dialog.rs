//! A dialog: what both ends must say the same way (RFC 3261 §12).

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::message::{Contact, contacts, header};
use crate::{Flow, Protocol, Uri};

/// The state of one dialog, early or confirmed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    /// Our From or To value with the tag, exactly as on the wire.
    pub(crate) local: String,
    pub(crate) local_tag: String,
    /// The peer's From or To value with its tag, exactly as on the wire.
    pub(crate) remote: String,
    pub(crate) remote_tag: String,
    pub(crate) local_cseq: u32,
    pub(crate) remote_cseq: Option<u32>,
    /// The Request-URI of what we send.
    pub(crate) target: Uri,
    /// Route header values, the next hop first.
    pub(crate) routes: Vec<String>,
    /// Where the peer's messages came from last.
    pub(crate) flow: Flow,
}

impl Dialog {
    /// Takes the peer's new Contact (target refresh, RFC 3261 §12.2).
    pub(crate) fn refresh(&mut self, headers: &sipx_sip::Headers) {
        if let Some(uri) = contact(headers) {
            self.target = uri;
        }
    }

    /// Request-URI and Route values; a first route without `lr` is a strict
    /// router and becomes the Request-URI (RFC 3261 §12.2.1.1).
    pub(crate) fn request_line(&self) -> (Uri, Vec<String>) {
        let first = self.routes.first().and_then(|r| route_uri(r));
        match first {
            Some(uri) if uri.param("lr").is_none() => {
                let mut routes = self.routes[1..].to_vec();
                routes.push(format!("<{}>", self.target));
                (uri, routes)
            }
            _ => (self.target.clone(), self.routes.clone()),
        }
    }

    /// Where the next request goes. A connection stays in use. A private
    /// address in Contact while the packets come from elsewhere is a NAT: answer
    /// to where they come from. Names are not resolved here.
    pub(crate) fn next_hop(&self) -> Flow {
        if self.flow.protocol.is_stream() {
            return self.flow;
        }
        // RFC 5626 §4.3: it wants to be reached by the flow that it opened.
        if self.target.param("ob").is_some() {
            return self.flow;
        }
        let routed = self.routes.first().and_then(|r| route_uri(r));
        let Some(address) = routed.as_ref().unwrap_or(&self.target).address() else {
            return self.flow;
        };
        if behind_nat(address, self.flow.remote) {
            return self.flow;
        }
        let uri = routed.as_ref().unwrap_or(&self.target);
        let protocol = if uri.wants_tcp() { Protocol::Tcp } else { Protocol::Udp };
        Flow { protocol, remote: address }
    }
}

fn behind_nat(contact: SocketAddr, seen: SocketAddr) -> bool {
    let private = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback(),
    };
    contact.ip() != seen.ip() && (private(contact.ip()) || contact.ip().is_unspecified())
}

/// The URI inside a Route or Record-Route value.
pub(super) fn route_uri(value: &str) -> Option<Uri> {
    let start = value.find('<')? + 1;
    let end = start + value[start..].find('>')?;
    Uri::parse(&value[start..end]).ok()
}

fn is_sip(uri: &Uri) -> bool {
    matches!(uri.scheme.as_str(), "sip" | "sips") && !uri.host.is_empty()
}

/// The first SIP address in Contact: nothing can be sent to another.
pub(crate) fn contact(headers: &sipx_sip::Headers) -> Option<Uri> {
    contacts(headers).into_iter().find_map(|c| match c {
        Contact::Address { uri, .. } => Some(uri).filter(is_sip),
        Contact::All => None,
    })
}

/// The Record-Route values, one per hop, in order of the message. What is no SIP
/// address is no hop.
pub(crate) fn record_routes(headers: &sipx_sip::Headers) -> Vec<String> {
    hops(headers, &sipx_sip::HeaderName::RecordRoute)
}

/// The SIP addresses of a header that lists proxies.
pub(crate) fn hops(headers: &sipx_sip::Headers, name: &sipx_sip::HeaderName) -> Vec<String> {
    let lines: Vec<String> = headers.get_all(name).map(|h| crate::uri::text(&h.value())).collect();
    let hops = lines.iter().flat_map(|line| split_list(line));
    hops.filter(|hop| route_uri(hop).as_ref().is_some_and(is_sip)).collect()
}

/// Splits at commas outside quotes and angle brackets.
fn split_list(line: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut start, mut out) = (0u32, false, 0, Vec::new());
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => depth += 1,
            '>' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                out.push(line[start..at].trim().to_owned());
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(line[start..].trim().to_owned());
    out
}

/// The number in the CSeq header.
pub(crate) fn cseq(headers: &sipx_sip::Headers) -> u32 {
    let value = header(headers, "CSeq").unwrap_or_default();
    value.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog(routes: &[&str], target: &str, seen: &str) -> Dialog {
        Dialog {
            call_id: "c".into(),
            local: "<sip:a@b>;tag=1".into(),
            local_tag: "1".into(),
            remote: "<sip:c@d>;tag=2".into(),
            remote_tag: "2".into(),
            local_cseq: 1,
            remote_cseq: None,
            target: Uri::parse(target).unwrap(),
            routes: routes.iter().map(|r| r.to_string()).collect(),
            flow: Flow { protocol: Protocol::Udp, remote: seen.parse().unwrap() },
        }
    }

    #[test]
    fn a_loose_route_is_a_header_and_a_strict_one_the_request_uri() {
        let loose = dialog(&["<sip:192.0.2.1;lr>"], "sip:x@198.51.100.1", "192.0.2.1:5060");
        let (uri, routes) = loose.request_line();
        assert_eq!((uri.host.as_str(), routes.len()), ("198.51.100.1", 1));
        assert_eq!(loose.next_hop().remote, "192.0.2.1:5060".parse().unwrap());

        let strict = dialog(&["<sip:192.0.2.1>"], "sip:x@198.51.100.1", "192.0.2.1:5060");
        let (uri, routes) = strict.request_line();
        assert_eq!(uri.host, "192.0.2.1");
        assert_eq!(routes, ["<sip:x@198.51.100.1>"]);
    }

    #[test]
    fn a_phone_behind_nat_is_reached_where_it_was_seen() {
        let nat = dialog(&[], "sip:ana@10.0.0.9:5060", "203.0.113.7:41000");
        assert_eq!(nat.next_hop().remote, "203.0.113.7:41000".parse().unwrap());
        let open = dialog(&[], "sip:x@198.51.100.1:5070", "192.0.2.1:5060");
        assert_eq!(open.next_hop().remote, "198.51.100.1:5070".parse().unwrap());
        let own_flow = dialog(&[], "sip:x@198.51.100.1:5070;ob", "192.0.2.1:5060");
        assert_eq!(own_flow.next_hop().remote, "192.0.2.1:5060".parse().unwrap());
        let named = dialog(&[], "sip:x@carrier.example", "192.0.2.1:5060");
        assert_eq!(named.next_hop().remote, "192.0.2.1:5060".parse().unwrap());
    }

    #[test]
    fn record_routes_are_split_outside_quotes_and_brackets() {
        let hops = split_list("\"a, b\" <sip:p1;lr>, <sip:p2?x=1,2;lr>");
        assert_eq!(hops, ["\"a, b\" <sip:p1;lr>", "<sip:p2?x=1,2;lr>"]);
    }
}
