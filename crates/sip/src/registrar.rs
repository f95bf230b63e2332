//! Where registered phones are (RFC 3261 §10.3).
//!
//! Who may register is decided before, by digest. A binding remembers the flow
//! it came over, so a phone behind NAT is reached where it can be reached: a
//! phone that speaks RFC 5626 is told that we do too, and is known by its instance
//! whatever its contact says. Proxies on the way (RFC 3327) are kept.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sipx_sip::HeaderName;

use crate::endpoint::hops;
use crate::message::Contact;
use crate::{Answer, Flow, Request, Uri};

/// The limits of a [`Registrar`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Shortest registration accepted; shorter ones get 423. Seconds.
    pub expires_min: u32,
    /// Longest registration granted. Seconds.
    pub expires_max: u32,
    /// What a phone gets that asks for nothing. Seconds.
    pub expires_default: u32,
    /// Bindings of one address of record.
    pub bindings_max: usize,
    /// Addresses of record with bindings.
    pub records_max: usize,
    /// Proxies between us and one device.
    pub path_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            expires_min: 30,
            expires_max: 3600,
            expires_default: 300,
            bindings_max: 5,
            records_max: 200_000,
            path_max: 4,
        }
    }
}

/// One device of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The Request-URI that reaches it.
    pub contact: Uri,
    /// The flow it registered over.
    pub flow: Flow,
    /// When it lapses.
    pub expires_at: Duration,
    /// The `q` value in thousandths; higher is preferred.
    pub priority: u16,
    /// Route values of the proxies on the way there, the next hop first.
    pub path: Vec<String>,
    instance: Option<(String, u32)>,
    call_id: String,
    cseq: u32,
}

/// What a REGISTER changed for its address of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There was no binding, now there is.
    Appeared,
    /// There is still a binding, or still none.
    Same,
    /// The last binding went away.
    Vanished,
}

/// The bindings of all users.
#[derive(Debug, Default)]
pub struct Registrar {
    limits: Limits,
    records: HashMap<String, Vec<Binding>>,
}

impl Registrar {
    /// A registrar without bindings.
    pub fn new(limits: Limits) -> Self {
        Self { limits, records: HashMap::new() }
    }

    /// Carries out an authenticated REGISTER for `user`; all its contacts or
    /// none are changed.
    pub fn register(&mut self, now: Duration, user: &str, request: &Request, flow: Flow) -> (Answer, Change) {
        self.lapse(now, user);
        let before = self.records.get(user).cloned().unwrap_or_default();
        let changed = self.changed(now, before.clone(), request, flow);
        let after = match changed {
            Ok(after) => after,
            Err(answer) => return (answer, Change::Same),
        };
        let answer = answer(now, &after, request);
        let change = match (before.is_empty(), after.is_empty()) {
            (true, false) => Change::Appeared,
            (false, true) => Change::Vanished,
            _ => Change::Same,
        };
        self.store(user, after);
        (answer, change)
    }

    /// A phone that does not register is there until it is removed; other
    /// bindings of the user go.
    pub fn place(&mut self, user: &str, contact: Uri, flow: Flow) -> Change {
        let (call_id, expires_at) = (String::new(), Duration::MAX);
        let (path, instance) = (Vec::new(), None);
        let binding =
            Binding { contact, flow, expires_at, priority: 1_000, path, instance, call_id, cseq: 0 };
        match self.records.insert(user.to_owned(), vec![binding]) {
            Some(before) if !before.is_empty() => Change::Same,
            _ => Change::Appeared,
        }
    }

    /// The live bindings of a user, the preferred first.
    pub fn bindings(&self, now: Duration, user: &str) -> Vec<Binding> {
        let all = self.records.get(user).into_iter().flatten();
        let mut live: Vec<_> = all.filter(|b| b.expires_at > now).cloned().collect();
        live.sort_by_key(|b| (std::cmp::Reverse(b.priority), std::cmp::Reverse(b.expires_at)));
        live
    }

    /// The users that have a binding, lapsed or not.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.records.keys().map(String::as_str)
    }

    /// Removes what has lapsed and returns the users that have no phone left.
    /// Call it every second or so.
    pub fn expire(&mut self, now: Duration) -> Vec<String> {
        let mut gone = Vec::new();
        self.records.retain(|user, bindings| {
            bindings.retain(|b| b.expires_at > now);
            if bindings.is_empty() {
                gone.push(user.clone());
            }
            !bindings.is_empty()
        });
        gone
    }

    /// Nothing can be sent over these connections any more: what registered over
    /// them is gone (RFC 5626 §5.4). The users that have no phone left. Looks through
    /// all: many at once cost as much as one.
    pub fn flows_failed(&mut self, flows: &HashSet<Flow>) -> Vec<String> {
        let mut gone = Vec::new();
        self.records.retain(|user, bindings| {
            let before = bindings.len();
            bindings.retain(|b| !flows.contains(&b.flow));
            if bindings.is_empty() && before > 0 {
                gone.push(user.clone());
            }
            !bindings.is_empty()
        });
        gone
    }

    /// Forgets a user whose credentials were taken away.
    pub fn remove(&mut self, user: &str) -> bool {
        self.records.remove(user).is_some()
    }

    fn changed(
        &self,
        now: Duration,
        mut bindings: Vec<Binding>,
        request: &Request,
        flow: Flow,
    ) -> Result<Vec<Binding>, Answer> {
        let contacts = request.contacts();
        if contacts.contains(&Contact::All) {
            let alone = contacts.len() == 1 && default_expires(request) == Some(0);
            return if alone { Ok(Vec::new()) } else { Err(Answer::new(400)) };
        }
        let (call_id, cseq, path) = (request.call_id(), cseq(request), self.path(request)?);
        for contact in contacts {
            let Contact::Address { uri, expires, priority, instance } = contact else { continue };
            let seconds = self.granted(expires.or_else(|| default_expires(request)))?;
            let known = bindings.iter().position(|b| is_same(b, &uri, instance.as_ref()));
            if known.is_some_and(|at| bindings[at].call_id == call_id && bindings[at].cseq >= cseq) {
                return Err(Answer::new(500).reason("CSeq out of order"));
            }
            if let Some(at) = known {
                bindings.remove(at);
            }
            if seconds > 0 {
                let expires_at = now + Duration::from_secs(seconds.into());
                let (call_id, path) = (call_id.clone(), path.clone());
                let contact = uri;
                bindings.push(Binding { contact, flow, expires_at, priority, path, instance, call_id, cseq });
            }
        }
        self.within_limits(bindings)
    }

    /// The proxies that the request came through (RFC 3327 §5.3).
    fn path(&self, request: &Request) -> Result<Vec<String>, Answer> {
        let path = hops(&request.core.headers, &HeaderName::Path);
        if path.len() > self.limits.path_max { Err(Answer::new(513)) } else { Ok(path) }
    }

    fn granted(&self, asked: Option<u32>) -> Result<u32, Answer> {
        let limits = &self.limits;
        match asked {
            None => Ok(limits.expires_default),
            Some(0) => Ok(0),
            Some(seconds) if seconds < limits.expires_min => {
                Err(Answer::new(423).header("Min-Expires", limits.expires_min.to_string()))
            }
            Some(seconds) => Ok(seconds.min(limits.expires_max)),
        }
    }

    fn within_limits(&self, mut bindings: Vec<Binding>) -> Result<Vec<Binding>, Answer> {
        let excess = bindings.len().saturating_sub(self.limits.bindings_max);
        bindings.drain(..excess);
        if self.records.len() >= self.limits.records_max {
            return Err(Answer::new(503).header("Retry-After", "60"));
        }
        Ok(bindings)
    }

    fn store(&mut self, user: &str, bindings: Vec<Binding>) {
        if bindings.is_empty() {
            self.records.remove(user);
        } else {
            self.records.insert(user.to_owned(), bindings);
        }
    }

    fn lapse(&mut self, now: Duration, user: &str) {
        if let Some(bindings) = self.records.get_mut(user) {
            bindings.retain(|b| b.expires_at > now);
        }
    }
}

/// The same device by its instance, where it says one (RFC 5626 §6); it may have
/// a new contact since its page was loaded again.
fn is_same(binding: &Binding, contact: &Uri, instance: Option<&(String, u32)>) -> bool {
    match (&binding.instance, instance) {
        (Some(before), Some(now)) => before == now,
        _ => same_device(&binding.contact, contact),
    }
}

fn same_device(a: &Uri, b: &Uri) -> bool {
    a.user == b.user && a.host.eq_ignore_ascii_case(&b.host) && a.port == b.port
}

fn default_expires(request: &Request) -> Option<u32> {
    request.header("Expires")?.trim().parse().ok()
}

fn cseq(request: &Request) -> u32 {
    let value = request.header("CSeq").unwrap_or_default();
    value.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn answer(now: Duration, bindings: &[Binding], request: &Request) -> Answer {
    let answer = bindings.iter().fold(Answer::new(200), |answer, binding| {
        let left = binding.expires_at.saturating_sub(now).as_secs();
        let instance = binding.instance.as_ref();
        let instance = instance.map(|(name, way)| format!(";+sip.instance=\"{name}\";reg-id={way}"));
        let contact = &binding.contact;
        answer.header("Contact", format!("<{contact}>;expires={left}{}", instance.unwrap_or_default()))
    });
    let paths = request.headers("Path").into_iter();
    let answer = paths.fold(answer, |answer, path| answer.header("Path", path));
    let by_instance = |contact: &Contact| matches!(contact, Contact::Address { instance: Some(_), .. });
    // RFC 5626 §6: it is told that its flow is what we reach it by.
    match request.contacts().iter().any(by_instance) {
        true => answer.header("Supported", "path, outbound").header("Require", "outbound"),
        false => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Protocol, Tokens, read};

    const NOW: Duration = Duration::from_secs(100);

    fn flow() -> Flow {
        Flow { protocol: Protocol::Udp, remote: "192.0.2.7:40000".parse().unwrap() }
    }

    fn register(cseq: u32, lines: &str) -> Request {
        let text = format!(
            "REGISTER sip:trunkline SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK{cseq};rport\r\n\
             From: <sip:ana@trunkline>;tag=1\r\nTo: <sip:ana@trunkline>\r\nCall-ID: reg\r\n\
             CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        match read(text.into(), flow().remote, &mut Tokens::new([0; 32])).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => unreachable!(),
        }
    }

    #[test]
    fn a_phone_registers_refreshes_and_goes_away() {
        let mut registrar = Registrar::default();
        let contact = "Contact: <sip:ana@10.0.0.9:5060>;q=0.5\r\nExpires: 60\r\n";
        let (answer, change) = registrar.register(NOW, "ana", &register(1, contact), flow());
        assert_eq!((answer.code, change), (200, Change::Appeared));
        assert_eq!(answer.headers[0].1, "<sip:ana@10.0.0.9:5060>;expires=60");
        let binding = &registrar.bindings(NOW, "ana")[0];
        assert_eq!((binding.flow, binding.priority), (flow(), 500));

        let (_, change) = registrar.register(NOW, "ana", &register(2, contact), flow());
        assert_eq!(change, Change::Same);
        assert_eq!(registrar.bindings(NOW, "ana").len(), 1);

        let all = "Contact: *\r\nExpires: 0\r\n";
        let (answer, change) = registrar.register(NOW, "ana", &register(3, all), flow());
        assert_eq!((answer, change), (Answer::new(200), Change::Vanished));
    }

    #[test]
    fn a_phone_in_a_browser_is_the_same_after_its_page_was_loaded_again() {
        let mut registrar = Registrar::default();
        let contact = |host: &str| {
            format!(
                "Contact: <sip:x@{host}.invalid;transport=ws>;reg-id=1;+sip.instance=\"<urn:uuid:7>\"\r\n\
                 Expires: 60\r\n"
            )
        };
        let (answer, _) = registrar.register(NOW, "ana", &register(1, &contact("one")), flow());
        let header = |name: &str| answer.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(header("Require"), Some("outbound"));
        let bound = "<sip:x@one.invalid;transport=ws>;expires=60;+sip.instance=\"<urn:uuid:7>\";reg-id=1";
        assert_eq!(header("Contact"), Some(bound));
        let other = Flow { protocol: Protocol::Wss, remote: "192.0.2.8:40000".parse().unwrap() };
        registrar.register(NOW, "ana", &register(2, &contact("two")), other);
        let bindings = registrar.bindings(NOW, "ana");
        assert_eq!((bindings.len(), bindings[0].flow), (1, other));
        assert!(registrar.flows_failed(&HashSet::from([flow()])).is_empty());
        assert_eq!(registrar.flows_failed(&HashSet::from([other])), ["ana"], "nothing else reaches it");
        assert!(registrar.bindings(NOW, "ana").is_empty());
    }

    #[test]
    fn the_proxies_on_the_way_are_kept_and_too_many_are_refused() {
        let mut registrar = Registrar::default();
        let lines = "Contact: <sip:ana@10.0.0.9>\r\nPath: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n";
        let (answer, _) = registrar.register(NOW, "ana", &register(1, lines), flow());
        assert!(answer.headers.contains(&("Path".into(), "<sip:p1.example;lr>, <sip:p2.example;lr>".into())));
        let path = &registrar.bindings(NOW, "ana")[0].path;
        assert_eq!(*path, ["<sip:p1.example;lr>", "<sip:p2.example;lr>"]);
        let many = format!("Contact: <sip:ana@10.0.0.9>\r\n{}", "Path: <sip:p.example;lr>\r\n".repeat(5));
        let (answer, _) = registrar.register(NOW, "ana", &register(2, &many), flow());
        assert_eq!(answer.code, 513);
    }

    #[test]
    fn a_phone_that_falls_silent_lapses() {
        let mut registrar = Registrar::default();
        let contact = "Contact: <sip:ana@10.0.0.9>;expires=40\r\n";
        registrar.register(NOW, "ana", &register(1, contact), flow());
        assert!(registrar.expire(NOW + Duration::from_secs(39)).is_empty());
        assert_eq!(registrar.expire(NOW + Duration::from_secs(40)), ["ana"]);
    }

    #[test]
    fn several_phones_ring_the_preferred_first_and_the_oldest_gives_way() {
        let mut registrar = Registrar::default();
        for n in 0..7 {
            let contact = format!("Contact: <sip:ana@10.0.0.{n}>;q=0.{n}\r\nExpires: 60\r\n");
            registrar.register(NOW, "ana", &register(n, &contact), flow());
        }
        let hosts: Vec<_> = registrar.bindings(NOW, "ana").into_iter().map(|b| b.contact.host).collect();
        assert_eq!(hosts, ["10.0.0.6", "10.0.0.5", "10.0.0.4", "10.0.0.3", "10.0.0.2"]);
    }

    #[test]
    fn bad_registrations_change_nothing() {
        let mut registrar = Registrar::default();
        let good = "Contact: <sip:ana@10.0.0.9>\r\n";
        registrar.register(NOW, "ana", &register(5, good), flow());
        let cases = [
            (423, 6, "Contact: <sip:ana@10.0.0.8>;expires=5\r\n"),
            (400, 7, "Contact: *\r\nExpires: 60\r\n"),
            (500, 4, "Contact: <sip:ana@10.0.0.9>;expires=0\r\n"),
        ];
        for (code, cseq, lines) in cases {
            let (answer, change) = registrar.register(NOW, "ana", &register(cseq, lines), flow());
            assert_eq!((answer.code, change), (code, Change::Same));
        }
        assert_eq!(registrar.bindings(NOW, "ana")[0].contact.host, "10.0.0.9");
    }
}
