//! Calls to the outside: which trunk and gateway, as whom, and what a carrier's
//! answer means.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sip::{Credentials, Flow, OutboundInvite, Party, Protocol, Uri};
use sipnet::Verify;
use tokio::sync::mpsc;
use types::config::{NumberFormat, Transport};
use types::{CallId, E164, Millis, OfferOutcome, TenantId, Timestamp, TrunkId};

use crate::driver::{PhoneLeg, Signal};
use crate::edge::{Edge, Handle};
use crate::tolls::Taken;

/// A gateway that says nothing at all for so long is passed over.
const SILENCE_MAX: Millis = 6_000;
/// Ways tried for one number.
const ROUTES_MAX: usize = 8;

/// One way to the outside: a gateway of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub trunk: TrunkId,
    /// `host:port`.
    pub address: String,
    pub transport: Transport,
    pub credentials: Option<(String, String)>,
    /// The number that we show; `None`: the one of the call.
    pub caller_id: Option<E164>,
    pub format: NumberFormat,
    pub country: Option<String>,
    /// Beginnings of numbers that may be called; empty: the own country.
    pub prefixes: Vec<String>,
    pub calls_max: u32,
    pub register: bool,
    /// Who may vouch for the gateway, in PEM; `None`: whom the system trusts.
    pub ca: Option<Arc<str>>,
}

impl Route {
    /// Whether the trunk may call this number.
    pub fn allows(&self, number: &E164) -> bool {
        let digits = number.as_str().trim_start_matches('+');
        let begins = |prefix: &String| digits.starts_with(prefix.as_str());
        match self.prefixes.is_empty() {
            true => self.country.as_ref().is_some_and(begins),
            false => self.prefixes.iter().any(begins),
        }
    }

    /// The gateway's address; the first that its name has, IPv4 before IPv6: our
    /// sockets may know nothing else.
    pub async fn resolve(&self) -> Option<SocketAddr> {
        if let Ok(remote) = self.address.parse() {
            return Some(remote);
        }
        let found = tokio::net::lookup_host(&self.address).await;
        let found = found.inspect_err(|error| tracing::warn!(self.address, %error, "gateway not found"));
        found.ok()?.min_by_key(SocketAddr::is_ipv6)
    }

    /// Whom a TLS connection to the gateway must lead to (RFC 5922).
    fn verify(&self) -> Verify {
        let name = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
        let name = name.trim_matches(['[', ']']).to_owned();
        Verify { name, roots: self.ca.as_deref().map(str::to_owned) }
    }

    /// The number as the carrier wants it.
    fn write(&self, number: &E164) -> String {
        let digits = number.as_str().trim_start_matches('+');
        match (self.format, &self.country) {
            (NumberFormat::E164, _) => format!("+{digits}"),
            (NumberFormat::National, Some(country)) if digits.starts_with(country.as_str()) => {
                format!("0{}", &digits[country.len()..])
            }
            (NumberFormat::National, _) => format!("00{digits}"),
            (NumberFormat::Digits, _) => digits.to_owned(),
        }
    }
}

impl Edge {
    /// The way to a gateway at this address.
    pub(crate) fn flow_to(&mut self, route: &Route, remote: SocketAddr) -> Flow {
        let protocol = match route.transport {
            Transport::Udp => Protocol::Udp,
            Transport::Tcp => Protocol::Tcp,
            Transport::Tls => Protocol::Tls(self.stack.identity(route.verify())),
        };
        Flow { protocol, remote }
    }
}

/// A number that is being dialled.
pub struct Dialling {
    pub number: E164,
    /// Dropping it cancels or hangs up.
    pub leg: Option<PhoneLeg>,
    routes: VecDeque<Route>,
    /// The way that is tried now.
    route: Option<Route>,
    /// Our place among the calls that the trunk may carry.
    pub taken: Option<Taken<TrunkId>>,
    /// Without a word by then, the next way is tried.
    pub due: Option<Timestamp>,
    code: u16,
}

impl Dialling {
    pub fn new(number: E164, mut routes: Vec<Route>) -> Self {
        routes.truncate(ROUTES_MAX);
        Self { number, leg: None, routes: routes.into(), route: None, taken: None, due: None, code: 503 }
    }

    /// The next way; what was begun before is dropped.
    pub fn next(&mut self, now: Timestamp) -> Option<Route> {
        (self.leg, self.taken) = (None, None);
        let route = self.routes.pop_front();
        self.route = route.clone();
        self.due = route.is_some().then_some(now + SILENCE_MAX);
        route
    }

    /// Something was heard of the gateway.
    pub fn heard(&mut self) {
        self.due = None;
    }

    /// Whether another way is to be tried: when the carrier failed, never when
    /// the callee refused.
    pub fn failed(&mut self, code: u16) -> bool {
        self.code = code;
        self.due = None;
        fails_over(code) && !self.routes.is_empty()
    }

    /// The way that is tried now, when this answer of it is the carrier's failure.
    pub fn suspect(&self, code: u16) -> Option<&Route> {
        self.route.as_ref().filter(|_| fails_over(code))
    }

    /// How the last answer counts.
    pub fn outcome(&self) -> OfferOutcome {
        match self.code {
            480 | 408 | 487 => OfferOutcome::NoAnswer,
            400..500 | 600..700 => OfferOutcome::Declined,
            _ => OfferOutcome::DeviceOffline,
        }
    }
}

/// 5xx, no answer and no way there are the carrier's; 4xx and 6xx the callee's.
fn fails_over(code: u16) -> bool {
    code == 408 || (500..600).contains(&code)
}

/// Sends the INVITE. `presented`: our number, for routes that have none.
pub async fn invite(
    edge: &Handle,
    route: &Route,
    remote: SocketAddr,
    (number, presented): (&E164, &E164),
    of: (TenantId, CallId),
    sdp: Bytes,
    signals: mpsc::Sender<Signal>,
) -> Option<PhoneLeg> {
    let callee = Uri::sip(&route.write(number), remote);
    let shown = route.write(presented);
    let credentials = route.credentials.clone();
    let credentials = credentials.map(|(username, password)| Credentials { username, password });
    tracing::info!(trunk = %route.trunk, gateway = route.address, "dialled");
    let route = route.clone();
    let send = move |edge: &mut Edge, now| {
        let flow = edge.flow_to(&route, remote);
        let from = Uri::sip(&shown, edge.address);
        let invite = OutboundInvite {
            flow,
            uri: callee.clone(),
            from: Party::new(from.clone()),
            to: Party::new(callee),
            sdp,
            // RFC 3325: who we vouch for, towards a carrier that trusts us.
            headers: vec![("P-Asserted-Identity".to_owned(), format!("<{from}>"))],
            credentials,
        };
        let leg = edge.stack.endpoint.invite(now, invite).ok()?;
        edge.adopt(leg, &of.0, &of.1, signals);
        Some(leg)
    };
    let leg = edge.ask(send).await.flatten()?;
    Some(PhoneLeg::new(edge.clone(), leg))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(format: NumberFormat) -> Route {
        Route {
            trunk: TrunkId::new(Timestamp::from_millis(1), 1),
            address: "192.0.2.1:5060".to_owned(),
            transport: Transport::Udp,
            credentials: None,
            caller_id: None,
            format,
            country: Some("40".to_owned()),
            prefixes: Vec::new(),
            calls_max: 1,
            register: false,
            ca: None,
        }
    }

    #[test]
    fn a_number_is_written_as_the_carrier_wants_it() {
        let (home, abroad) = ("+40211234567".parse().unwrap(), "+36201234567".parse().unwrap());
        let both = |format| (route(format).write(&home), route(format).write(&abroad));
        let texts = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(both(NumberFormat::E164), texts("+40211234567", "+36201234567"));
        assert_eq!(both(NumberFormat::Digits), texts("40211234567", "36201234567"));
        assert_eq!(both(NumberFormat::National), texts("0211234567", "0036201234567"));
    }

    #[test]
    fn a_number_abroad_is_called_only_where_the_trunk_says_so() {
        let (home, abroad): (E164, E164) = ("+40211234567".parse().unwrap(), "+36201234567".parse().unwrap());
        let mut route = route(NumberFormat::E164);
        assert!(route.allows(&home) && !route.allows(&abroad));
        route.prefixes = vec!["3620".to_owned()];
        assert!(!route.allows(&home) && route.allows(&abroad));
        (route.prefixes, route.country) = (Vec::new(), None);
        assert!(!route.allows(&home), "nothing is called where nothing is said");
    }

    #[test]
    fn the_carriers_failure_tries_the_next_way_and_the_callees_no() {
        let number: E164 = "+36201234567".parse().unwrap();
        for (code, next) in [(503, true), (500, true), (408, true), (486, false), (404, false), (603, false)]
        {
            let mut dialling = Dialling::new(number.clone(), vec![route(NumberFormat::E164); 2]);
            dialling.next(Timestamp::from_millis(0));
            assert_eq!(dialling.failed(code), next, "{code}");
        }
        let mut last = Dialling::new(number, vec![route(NumberFormat::E164)]);
        last.next(Timestamp::from_millis(0));
        assert!(!last.failed(503), "there is no other way");
    }
}
