//! Calls to the outside: which trunk and gateway, as whom, and what a carrier's
//! answer means.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sip::locate;
use sip::{Credentials, Flow, OutboundInvite, Party, Protocol, Uri};
use sipnet::names::Located;
use sipnet::{Names, Verify};
use tokio::sync::mpsc;
use types::config::{NumberFormat, Presentation, Transport, host_and_port};
use types::{CallId, E164, Millis, Numbering, OfferOutcome, TenantId, Timestamp, TrunkId};

use crate::driver::{PhoneLeg, Signal};
use crate::edge::{Edge, Handle};
use crate::live::KeptDevice;
use crate::tolls::Taken;

/// A gateway that says nothing at all for so long is passed over.
const SILENCE_MAX: Millis = 6_000;
/// Ways tried for one number.
const WAYS_MAX: usize = 16;

/// One way to the outside: a gateway of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub trunk: TrunkId,
    /// `host` or `host:port`.
    pub address: String,
    pub transport: Transport,
    pub credentials: Option<(String, String)>,
    /// The number that we show; `None`: the one of the call.
    pub caller_id: Option<E164>,
    pub format: NumberFormat,
    /// How the carrier writes numbers at home and abroad.
    pub numbers: Option<Numbering>,
    /// Beginnings of numbers that may be called; empty: the own country.
    pub prefixes: Vec<String>,
    pub calls_max: u32,
    /// Calls that may begin in a second.
    pub per_second: Option<u32>,
    pub register: bool,
    pub presentation: Presentation,
    /// The name by which the trunk's own devices register: it is reached there.
    pub registered: Option<String>,
    /// Who may vouch for the gateway, in PEM; `None`: whom the system trusts.
    pub ca: Option<Arc<str>>,
}

impl Route {
    /// Whether the trunk may call this number.
    pub fn allows(&self, number: &E164) -> bool {
        let digits = number.as_str().trim_start_matches('+');
        let begins = |prefix: &String| digits.starts_with(prefix.as_str());
        match self.prefixes.is_empty() {
            true => self.numbers.as_ref().is_some_and(|numbers| begins(&numbers.country)),
            false => self.prefixes.iter().any(begins),
        }
    }

    /// Where the gateway's name leads (RFC 3263).
    pub async fn locate(&self, names: &Names) -> Option<Located> {
        let transport = match self.transport {
            Transport::Udp => Some(locate::Transport::Udp),
            Transport::Tcp => Some(locate::Transport::Tcp),
            Transport::Tls => Some(locate::Transport::Tls),
            Transport::Auto => None,
        };
        let (host, port) = host_and_port(&self.address);
        let found = names.locate(host, port.ok()?, transport).await;
        found.inspect_err(|error| tracing::warn!(self.address, %error, "gateway not found")).ok()
    }

    /// Somebody at the gateway: by its name where it has one, else at `remote`.
    pub fn uri(&self, user: &str, remote: SocketAddr) -> Uri {
        let (host, port) = host_and_port(&self.address);
        let uri = Uri::sip(user, remote);
        match host.parse::<IpAddr>() {
            Ok(_) => uri,
            Err(_) => Uri { host: host.to_owned(), port: port.unwrap_or_default(), ..uri },
        }
    }

    /// Whom a TLS connection to the gateway must lead to (RFC 5922).
    pub fn verify(&self) -> Verify {
        let name = host_and_port(&self.address).0.to_owned();
        Verify { name, roots: self.ca.as_deref().map(str::to_owned) }
    }

    /// The number as the carrier wants it.
    fn write(&self, number: &E164) -> String {
        let digits = number.as_str().trim_start_matches('+');
        if let Some(short) = number.emergency() {
            return short.to_owned();
        }
        match (self.format, &self.numbers) {
            (NumberFormat::E164, _) => format!("+{digits}"),
            (NumberFormat::National, Some(numbers)) => numbers.write(number),
            (NumberFormat::National, None) => format!("00{digits}"),
            (NumberFormat::Digits, _) => digits.to_owned(),
        }
    }
}

/// A way to the outside, with the server that it leads to.
#[derive(Debug, Clone)]
pub struct Way {
    pub route: Route,
    /// `None`: the gateway's name is to be looked up.
    pub flow: Option<Flow>,
    /// The contact of a device that registered, and the proxies on the way there.
    pub device: Option<(Uri, Vec<String>)>,
}

/// Where a name was found to lead, and how long that is so.
pub struct Found {
    pub servers: Vec<(locate::Target, Flow)>,
    pub valid: Duration,
}

impl Edge {
    fn flow_to(&mut self, route: &Route, target: &locate::Target) -> Flow {
        let protocol = match target.transport {
            locate::Transport::Udp => Protocol::Udp,
            locate::Transport::Tcp => Protocol::Tcp,
            locate::Transport::Tls => Protocol::Tls(self.stack.identity(route.verify())),
        };
        Flow { protocol, remote: target.address }
    }

    /// The servers of an IP version that we speak; `None`: none is.
    pub(crate) fn reachable(&mut self, route: &Route, located: Located) -> Option<Found> {
        let Located { targets, valid } = located;
        let spoken = targets.into_iter().filter(|target| self.speaks(target.address));
        let spoken: Vec<_> = spoken.collect();
        let servers: Vec<_> = spoken.into_iter().map(|t| (t, self.flow_to(route, &t))).collect();
        (!servers.is_empty()).then_some(Found { servers, valid })
    }

    fn speaks(&self, address: SocketAddr) -> bool {
        self.other_version || address.is_ipv4() == self.address.is_ipv4()
    }
}

/// A number that is being dialled.
pub struct Dialling {
    pub number: E164,
    /// Dropping it cancels or hangs up.
    pub leg: Option<PhoneLeg>,
    ways: VecDeque<Way>,
    /// The way that is tried now.
    way: Option<Way>,
    /// Our place among the calls that the trunk may carry.
    pub taken: Option<Taken<TrunkId>>,
    /// Without a word by then, the next way is tried.
    pub due: Option<Timestamp>,
    code: u16,
}

impl Dialling {
    pub fn new(number: E164, mut ways: Vec<Way>) -> Self {
        ways.truncate(WAYS_MAX);
        Self { number, leg: None, ways: ways.into(), way: None, taken: None, due: None, code: 503 }
    }

    /// As a successor of this process needs it. Ways that were not tried are not
    /// kept: who is called rings already.
    pub fn kept(&self) -> KeptDevice {
        KeptDevice::Trunk {
            number: self.number.clone(),
            leg: self.leg.as_ref().map(PhoneLeg::leg),
            trunk: self.taken.as_ref().map(|taken| taken.of().clone()),
            due: self.due,
            code: self.code,
        }
    }

    /// One that a predecessor had.
    pub fn again(
        number: E164,
        leg: Option<PhoneLeg>,
        taken: Option<Taken<TrunkId>>,
        due: Option<Timestamp>,
        code: u16,
    ) -> Self {
        Self { number, leg, ways: VecDeque::new(), way: None, taken, due, code }
    }

    /// The next way; what was begun before is dropped.
    pub fn next(&mut self, now: Timestamp) -> Option<Way> {
        (self.leg, self.taken) = (None, None);
        let way = self.ways.pop_front();
        self.way = way.clone();
        self.due = way.is_some().then_some(now + SILENCE_MAX);
        way
    }

    /// The name of the way that is tried now led to these servers.
    pub fn located(&mut self, flows: Vec<Flow>) {
        let Some(way) = &self.way else { return };
        let room = WAYS_MAX.saturating_sub(self.ways.len());
        for flow in flows.into_iter().take(room).rev() {
            self.ways.push_front(Way { route: way.route.clone(), flow: Some(flow), device: None });
        }
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
        fails_over(code) && !self.ways.is_empty()
    }

    /// The way that is tried now, when this answer of it is the carrier's failure.
    pub fn suspect(&self, code: u16) -> Option<(Route, Flow)> {
        let way = self.way.as_ref().filter(|_| fails_over(code))?;
        Some((way.route.clone(), way.flow?))
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
    way: &Way,
    flow: Flow,
    (number, presented): (&E164, &E164),
    of: (TenantId, CallId),
    sdp: Bytes,
    signals: mpsc::Sender<Signal>,
) -> Option<PhoneLeg> {
    let route = &way.route;
    let dialled = route.write(number);
    let (callee, routes) = match way.device.clone() {
        Some((contact, path)) => (Uri { user: Some(dialled), ..contact }, path),
        None => (route.uri(&dialled, flow.remote), Vec::new()),
    };
    let (shown, presentation) = (route.write(presented), route.presentation);
    let credentials = route.credentials.clone();
    let credentials = credentials.map(|(username, password)| Credentials { username, password });
    tracing::info!(trunk = %route.trunk, gateway = route.address, at = %flow.remote, "dialled");
    let send = move |edge: &mut Edge, now| {
        let (from, headers) = presented_as(presentation, Uri::sip(&shown, edge.address));
        let to = Party::new(callee.clone());
        let invite = OutboundInvite { flow, uri: callee, from, to, sdp, routes, headers, credentials };
        let leg = edge.stack.endpoint.invite(now, invite).ok()?;
        edge.adopt(leg, &of.0, &of.1, signals);
        Some(leg)
    };
    let leg = edge.ask(send).await.flatten()?;
    Some(PhoneLeg::new(edge.clone(), leg))
}

/// From, and the headers that say more.
fn presented_as(how: Presentation, caller: Uri) -> (Party, Vec<(String, String)>) {
    let line = |name: &str, value: String| (name.to_owned(), value);
    // RFC 3325: who we vouch for, towards a carrier that trusts us.
    let asserted = || line("P-Asserted-Identity", format!("<{caller}>"));
    match how {
        Presentation::Asserted => (Party::new(caller.clone()), vec![asserted()]),
        Presentation::From => (Party::new(caller), Vec::new()),
        Presentation::Hidden => (anonymous(), vec![asserted(), line("Privacy", "id".to_owned())]),
    }
}

/// RFC 3323 §4.1.1.3.
fn anonymous() -> Party {
    let (scheme, host) = ("sip".to_owned(), "anonymous.invalid".to_owned());
    let uri = Uri { scheme, user: Some("anonymous".to_owned()), host, port: None, params: Vec::new() };
    Party { display: Some("Anonymous".to_owned()), uri, tag: None }
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
            numbers: Some(Numbering::of("40")),
            prefixes: Vec::new(),
            calls_max: 1,
            per_second: None,
            register: false,
            presentation: Presentation::Asserted,
            registered: None,
            ca: None,
        }
    }

    fn way() -> Way {
        Way { route: route(NumberFormat::E164), flow: None, device: None }
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
    fn help_is_dialled_as_it_is_whatever_the_format() {
        let help = E164::from_dialled("112", Some("40")).unwrap();
        for format in [NumberFormat::E164, NumberFormat::National, NumberFormat::Digits] {
            assert_eq!(route(format).write(&help), "112");
        }
    }

    #[test]
    fn a_carrier_is_told_who_calls_as_it_wants_it() {
        let caller = Uri::parse("sip:+40211234567@192.0.2.9").unwrap();
        let told = |how| {
            let (from, headers) = presented_as(how, caller.clone());
            (from.to_string(), headers.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        let plain = "<sip:+40211234567@192.0.2.9>".to_owned();
        let hidden = "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned();
        assert_eq!(told(Presentation::Asserted), (plain.clone(), vec!["P-Asserted-Identity".to_owned()]));
        assert_eq!(told(Presentation::From), (plain, Vec::new()));
        let lines = ["P-Asserted-Identity", "Privacy"].map(str::to_owned).to_vec();
        assert_eq!(told(Presentation::Hidden), (hidden, lines));
    }

    #[test]
    fn a_number_abroad_is_called_only_where_the_trunk_says_so() {
        let (home, abroad): (E164, E164) = ("+40211234567".parse().unwrap(), "+36201234567".parse().unwrap());
        let mut route = route(NumberFormat::E164);
        assert!(route.allows(&home) && !route.allows(&abroad));
        route.prefixes = vec!["3620".to_owned()];
        assert!(!route.allows(&home) && route.allows(&abroad));
        (route.prefixes, route.numbers) = (Vec::new(), None);
        assert!(!route.allows(&home), "nothing is called where nothing is said");
    }

    #[test]
    fn the_carriers_failure_tries_the_next_way_and_the_callees_no() {
        let number: E164 = "+36201234567".parse().unwrap();
        for (code, next) in [(503, true), (500, true), (408, true), (486, false), (404, false), (603, false)]
        {
            let mut dialling = Dialling::new(number.clone(), vec![way(); 2]);
            dialling.next(Timestamp::from_millis(0));
            assert_eq!(dialling.failed(code), next, "{code}");
        }
        let mut last = Dialling::new(number, vec![way()]);
        last.next(Timestamp::from_millis(0));
        assert!(!last.failed(503), "there is no other way");
    }
}
