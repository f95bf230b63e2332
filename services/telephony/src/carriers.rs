//! Carriers that our calls go to: whether their gateways answer (OPTIONS), and
//! our registration with those that want one (RFC 3261 §10).

mod registration;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sip::{Credentials, Endpoint, Flow, Outbound, Party, RequestId, Response, Tokens, Uri};
use types::{TrunkId, config::Transport};

use crate::edge::{Edge, Handle};
use crate::outbound::Route;
use registration::{Asking, Registration};

/// Gateways watched.
const GATEWAYS_MAX: usize = 10_000;

/// How often carriers are asked; see `default.toml`.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two probes of a gateway that answers.
    pub every: Duration,
    /// A probe without an answer by then shows a dead gateway.
    pub timeout: Duration,
    /// A gateway that does not answer is asked again after this time, then after
    /// twice as long, up to the longest.
    pub again: Duration,
    pub again_max: Duration,
    /// What we ask a registrar for, seconds; it may grant less.
    pub expires: u32,
}

/// A gateway by its address, transport and who vouches for it, and our name there:
/// that is one trunk's, whoever else says the same name.
type Key = (String, Transport, Option<Arc<str>>, Option<(TrunkId, String)>);

fn key(route: &Route) -> Key {
    let name = route.credentials.as_ref().map(|credentials| (route.trunk.clone(), credentials.0.clone()));
    (route.address.clone(), route.transport, route.ca.clone(), name)
}

/// The gateways of all trunks that take our calls.
pub struct Carriers {
    pace: Pace,
    tokens: Tokens,
    all: HashMap<Key, Carrier>,
    waiting: HashMap<RequestId, (Key, Asked)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// With the time by which its answer counts.
    Probe(Duration),
    Registration(Flow),
}

struct Carrier {
    route: Route,
    /// Its name is looked up now.
    resolving: bool,
    flow: Option<Flow>,
    /// The last probe was answered; nobody knows before the first.
    up: Option<bool>,
    /// It answered a probe once: its silence says something.
    answers_probes: bool,
    probe_at: Duration,
    probe_again: Duration,
    registration: Option<Registration>,
}

impl Carrier {
    fn new(route: Route, pace: &Pace) -> Self {
        Self {
            route,
            resolving: false,
            flow: None,
            up: None,
            answers_probes: false,
            probe_at: Duration::ZERO,
            probe_again: pace.again,
            registration: None,
        }
    }

    /// Takes the newest configuration.
    fn follow(&mut self, now: Duration, route: Route, pace: &Pace) {
        if self.route.credentials != route.credentials
            && let Some(registration) = &mut self.registration
        {
            registration.changed(now, pace);
        }
        self.route = route;
    }
}

impl Carriers {
    /// `seed`: 32 secret random bytes.
    pub fn new(pace: Pace, seed: [u8; 32]) -> Self {
        Self { pace, tokens: Tokens::new(seed), all: HashMap::new(), waiting: HashMap::new() }
    }

    /// Asks what is due; names are looked up on the side.
    pub fn look(&mut self, now: Duration, routes: Vec<Route>, endpoint: &mut Endpoint, edge: &Handle) {
        self.give_up(now);
        let wanted: HashMap<Key, Route> =
            routes.into_iter().map(|r| (key(&r), r)).take(GATEWAYS_MAX).collect();
        let gone: Vec<Key> = self.all.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        for key in gone {
            self.leave(now, &key, endpoint);
            self.all.remove(&key);
        }
        for (key, route) in wanted {
            let pace = self.pace;
            let carrier = self.all.entry(key.clone()).or_insert_with(|| Carrier::new(route.clone(), &pace));
            carrier.follow(now, route, &pace);
            match carrier.flow {
                None if !carrier.resolving && carrier.probe_at <= now => {
                    carrier.resolving = true;
                    resolve(edge.clone(), key, carrier.route.clone());
                }
                None => {}
                Some(flow) => {
                    self.probe(now, &key, flow, endpoint);
                    self.register(now, &key, flow, endpoint);
                }
            }
        }
        self.measure(now);
    }

    fn measure(&self, now: Duration) {
        let up = self.all.values().filter(|carrier| carrier.up == Some(true)).count();
        metrics::gauge!("telephony_gateways_up").set(up as f64);
        metrics::gauge!("telephony_gateways").set(self.all.len() as f64);
        let registrations = || self.all.values().filter_map(|carrier| carrier.registration.as_ref());
        metrics::gauge!("telephony_registrations").set(registrations().count() as f64);
        let held = registrations().filter(|registration| registration.holds(now)).count();
        metrics::gauge!("telephony_registrations_held").set(held as f64);
    }

    /// Probes that were not answered in time.
    fn give_up(&mut self, now: Duration) {
        let late = |asked: &Asked| matches!(asked, Asked::Probe(until) if *until <= now);
        let late: Vec<RequestId> =
            self.waiting.iter().filter(|(_, (_, asked))| late(asked)).map(|(id, _)| *id).collect();
        for id in late {
            let Some((key, _)) = self.waiting.remove(&id) else { continue };
            if let Some(carrier) = self.all.get_mut(&key) {
                carrier.probed(now, false, &self.pace);
            }
        }
    }

    fn probe(&mut self, now: Duration, key: &Key, flow: Flow, endpoint: &mut Endpoint) {
        let Some(carrier) = self.all.get_mut(key).filter(|carrier| carrier.probe_at <= now) else { return };
        carrier.probe_at = now + self.pace.timeout.max(self.pace.every);
        if let Ok(id) = endpoint.request(now, probe(flow)) {
            self.waiting.insert(id, (key.clone(), Asked::Probe(now + self.pace.timeout)));
        }
    }

    fn register(&mut self, now: Duration, key: &Key, flow: Flow, endpoint: &mut Endpoint) {
        let wants = self.all.get(key).is_some_and(|c| c.route.register && c.route.credentials.is_some());
        if !wants {
            return self.leave(now, key, endpoint);
        }
        let Some(carrier) = self.all.get_mut(key) else { return };
        let registration =
            carrier.registration.get_or_insert_with(|| Registration::new(self.tokens.long(), &self.pace));
        let Some(asking) = registration.ask(now) else { return };
        if let Some(outbound) = request(&carrier.route, flow, asking)
            && let Ok(id) = endpoint.request(now, outbound)
        {
            self.waiting.insert(id, (key.clone(), Asked::Registration(flow)));
        }
    }

    /// Takes us off the registrar, where it knows us.
    fn leave(&mut self, now: Duration, key: &Key, endpoint: &mut Endpoint) {
        let Some(carrier) = self.all.get_mut(key) else { return };
        let Some(mut registration) = carrier.registration.take().filter(|r| r.holds(now)) else { return };
        if let Some(flow) = carrier.flow
            && let Some(outbound) = request(&carrier.route, flow, registration.leave())
        {
            tracing::info!(gateway = carrier.route.address, "registration ended");
            let _ = endpoint.request(now, outbound);
        }
    }

    /// Takes us off all registrars: new calls are to go elsewhere.
    pub fn leave_all(&mut self, now: Duration, endpoint: &mut Endpoint) {
        let keys: Vec<Key> = self.all.keys().cloned().collect();
        for key in keys {
            self.leave(now, &key, endpoint);
        }
    }

    fn resolved(&mut self, now: Duration, key: &Key, flow: Option<Flow>) {
        let Some(carrier) = self.all.get_mut(key) else { return };
        (carrier.resolving, carrier.flow) = (false, flow);
        if flow.is_none() {
            carrier.probed(now, false, &self.pace);
        }
    }

    /// A gateway answered, or did not.
    pub fn answered(
        &mut self,
        now: Duration,
        id: RequestId,
        code: u16,
        response: Option<&Response>,
        endpoint: &Endpoint,
    ) {
        let Some((key, asked)) = self.waiting.remove(&id) else { return };
        let Some(carrier) = self.all.get_mut(&key) else { return };
        match asked {
            // Any answer but 503 shows that it lives, 404 and 405 too.
            Asked::Probe(_) => carrier.probed(now, response.is_some() && code != 503, &self.pace),
            Asked::Registration(flow) => {
                carrier.registered(now, code, response, &endpoint.contact(flow), &self.pace);
            }
        }
    }

    /// A call found the gateway silent or failing: it is asked at once.
    pub fn suspect(&mut self, now: Duration, route: &Route) {
        if let Some(carrier) = self.all.get_mut(&key(route)).filter(|carrier| carrier.up != Some(false)) {
            carrier.probe_at = now;
        }
    }

    /// Those that do not answer come last; the order is kept otherwise.
    pub fn order(&self, mut routes: Vec<Route>) -> Vec<Route> {
        routes.sort_by_key(|route| self.all.get(&key(route)).is_some_and(|c| c.up == Some(false)));
        routes
    }
}

impl Carrier {
    /// Some carriers leave every OPTIONS without an answer: one of them that we
    /// are registered with lives.
    fn probed(&mut self, now: Duration, answered: bool, pace: &Pace) {
        self.answers_probes |= answered;
        let registered = self.registration.as_ref().is_some_and(|r| r.holds(now));
        let lives = answered || (registered && !self.answers_probes);
        if self.up != Some(lives) {
            tracing::info!(gateway = self.route.address, lives, "a gateway's state changed");
        }
        self.up = Some(lives);
        self.probe_at = now + if lives { pace.every } else { self.probe_again };
        self.probe_again = if lives { pace.again } else { (self.probe_again * 2).min(pace.again_max) };
        if !lives {
            // Its name may lead elsewhere by now.
            self.flow = None;
        }
    }

    fn registered(
        &mut self,
        now: Duration,
        code: u16,
        response: Option<&Response>,
        contact: &Uri,
        pace: &Pace,
    ) {
        let Some(registration) = &mut self.registration else { return };
        let was = registration.holds(now);
        registration.answered(now, code, response, contact, pace);
        let holds = registration.holds(now);
        if was != holds || !(200..300).contains(&code) {
            tracing::info!(gateway = self.route.address, code, holds, "registration");
        }
    }
}

fn resolve(edge: Handle, key: Key, route: Route) {
    tokio::spawn(async move {
        let remote = route.resolve().await;
        let resolved = move |edge: &mut Edge, now| {
            let flow = remote.map(|remote| edge.flow_to(&route, remote));
            edge.carriers.resolved(now, &key, flow);
        };
        edge.send(resolved).await;
    });
}

fn probe(flow: Flow) -> Outbound {
    let party = Party::new(Uri::sip("trunkline", flow.remote));
    Outbound {
        method: "OPTIONS".to_owned(),
        flow,
        uri: Uri::sip("", flow.remote),
        from: party.clone(),
        to: party,
        call_id: None,
        cseq: 1,
        headers: Vec::new(),
        credentials: None,
    }
}

fn request(route: &Route, flow: Flow, asking: Asking) -> Option<Outbound> {
    let (username, password) = route.credentials.clone()?;
    let party = Party::new(Uri::sip(&username, flow.remote));
    Some(Outbound {
        method: "REGISTER".to_owned(),
        flow,
        uri: Uri::sip("", flow.remote),
        from: party.clone(),
        to: party,
        call_id: Some(asking.call_id),
        cseq: asking.cseq,
        headers: vec![("Expires".to_owned(), asking.expires.to_string())],
        credentials: Some(Credentials { username, password }),
    })
}
