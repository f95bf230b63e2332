//! Carriers that our calls go to: where their gateways are (RFC 3263), whether
//! these answer (OPTIONS), and our registration with those that want one
//! (RFC 3261 §10).

mod registration;
mod server;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sip::locate::in_order;
use sip::registrar::Binding;
use sip::{Credentials, Endpoint, Flow, Outbound, Party, RequestId, Response, Tokens, Uri};
use sipnet::Names;
use types::{TrunkId, config::Transport};

use crate::edge::{Edge, Handle};
use crate::outbound::{Found, Route, Way};
use registration::{Asking, Registration};
use server::Server;

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
    names: Names,
    tokens: Tokens,
    all: HashMap<Key, Carrier>,
    waiting: HashMap<RequestId, (Key, Flow, Asked)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// With the time by which its answer counts.
    Probe(Duration),
    Registration,
}

struct Carrier {
    route: Route,
    /// Its name is looked up now.
    resolving: bool,
    /// When its name is to be looked up again: it may lead elsewhere by then.
    resolve_at: Duration,
    resolve_again: Duration,
    /// The last search found nothing.
    unknown: bool,
    /// Where its name leads, the first rank first.
    servers: Vec<Server>,
    registration: Option<Registration>,
    /// The server that knows us.
    registered_at: Option<Flow>,
}

impl Carriers {
    /// `seed`: 32 secret random bytes.
    pub fn new(pace: Pace, names: Names, seed: [u8; 32]) -> Self {
        Self { pace, names, tokens: Tokens::new(seed), all: HashMap::new(), waiting: HashMap::new() }
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
            if !carrier.resolving && carrier.resolve_at <= now {
                carrier.resolving = true;
                resolve(edge.clone(), self.names.clone(), key.clone(), carrier.route.clone());
            }
            self.probe(now, &key, endpoint);
            self.register(now, &key, endpoint);
        }
        self.measure(now);
    }

    fn measure(&self, now: Duration) {
        let up = self.all.values().filter(|carrier| carrier.servers.iter().any(Server::is_up)).count();
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
            self.waiting.iter().filter(|(_, (_, _, asked))| late(asked)).map(|(id, _)| *id).collect();
        for id in late {
            let Some((key, flow, _)) = self.waiting.remove(&id) else { continue };
            if let Some(carrier) = self.all.get_mut(&key) {
                carrier.probed(now, flow, false, &self.pace);
            }
        }
    }

    fn probe(&mut self, now: Duration, key: &Key, endpoint: &mut Endpoint) {
        let Some(carrier) = self.all.get_mut(key) else { return };
        for server in &mut carrier.servers {
            if server.asks(now, &self.pace)
                && let Ok(id) = endpoint.request(now, probe(&carrier.route, server.flow))
            {
                let asked = Asked::Probe(now + self.pace.timeout);
                self.waiting.insert(id, (key.clone(), server.flow, asked));
            }
        }
    }

    fn register(&mut self, now: Duration, key: &Key, endpoint: &mut Endpoint) {
        let wants = self.all.get(key).is_some_and(|c| c.route.register && c.route.credentials.is_some());
        if !wants {
            return self.leave(now, key, endpoint);
        }
        let Some(carrier) = self.all.get_mut(key) else { return };
        let Some(flow) = carrier.preferred() else { return };
        let registration =
            carrier.registration.get_or_insert_with(|| Registration::new(self.tokens.long(), &self.pace));
        if carrier.registered_at.replace(flow).is_some_and(|before| before != flow) {
            registration.changed(now, &self.pace);
        }
        let Some(asking) = registration.ask(now) else { return };
        if let Some(outbound) = request(&carrier.route, flow, asking)
            && let Ok(id) = endpoint.request(now, outbound)
        {
            self.waiting.insert(id, (key.clone(), flow, Asked::Registration));
        }
    }

    /// Takes us off the registrar, where it knows us.
    fn leave(&mut self, now: Duration, key: &Key, endpoint: &mut Endpoint) {
        let Some(carrier) = self.all.get_mut(key) else { return };
        let Some(mut registration) = carrier.registration.take().filter(|r| r.holds(now)) else { return };
        if let Some(flow) = carrier.registered_at.take()
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

    /// A gateway answered, or did not.
    pub fn answered(
        &mut self,
        now: Duration,
        id: RequestId,
        code: u16,
        response: Option<&Response>,
        endpoint: &Endpoint,
    ) {
        let Some((key, flow, asked)) = self.waiting.remove(&id) else { return };
        let Some(carrier) = self.all.get_mut(&key) else { return };
        match asked {
            // Any answer but 503 shows that it lives, 404 and 405 too.
            Asked::Probe(_) => carrier.probed(now, flow, response.is_some() && code != 503, &self.pace),
            Asked::Registration => {
                carrier.registered(now, code, response, &endpoint.contact(flow), &self.pace);
            }
        }
    }

    /// A call found the gateway silent or failing: it is asked at once.
    pub fn suspect(&mut self, now: Duration, route: &Route, flow: Flow) {
        let servers = self.all.get_mut(&key(route)).map(|carrier| &mut carrier.servers);
        if let Some(server) = servers.into_iter().flatten().find(|server| server.flow == flow) {
            server.suspect(now);
        }
    }

    /// The ways to take, each server of a gateway one, and each device that is
    /// registered as one: those that do not answer come last; the order is kept
    /// otherwise.
    pub fn ways(&self, routes: Vec<Route>, devices: impl Fn(&str) -> Vec<Binding>, random: u128) -> Vec<Way> {
        let ways = |route: Route| match &route.registered {
            Some(name) => {
                devices(name).into_iter().map(|device| (false, to_device(&route, device))).collect()
            }
            None => self.ways_of(route, random),
        };
        let mut all: Vec<(bool, Way)> = routes.into_iter().flat_map(ways).collect();
        all.sort_by_key(|(down, _)| *down);
        all.into_iter().map(|(_, way)| way).collect()
    }

    fn ways_of(&self, route: Route, random: u128) -> Vec<(bool, Way)> {
        let carrier = self.all.get(&key(&route));
        let servers: Vec<&Server> = carrier.into_iter().flat_map(|carrier| &carrier.servers).collect();
        if servers.is_empty() {
            // It is looked up when its turn comes.
            let unknown = carrier.is_some_and(|carrier| carrier.unknown);
            return vec![(unknown, Way { route, flow: None, device: None })];
        }
        let ordered = in_order(servers, |server| (server.target.rank, server.target.weight), random);
        let way = |flow| Way { route: route.clone(), flow: Some(flow), device: None };
        ordered.into_iter().map(|server| (server.is_down(), way(server.flow))).collect()
    }
}

impl Carrier {
    fn new(route: Route, pace: &Pace) -> Self {
        Self {
            route,
            resolving: false,
            resolve_at: Duration::ZERO,
            resolve_again: pace.again,
            unknown: false,
            servers: Vec::new(),
            registration: None,
            registered_at: None,
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

    /// The first server that answers, or might; the first of all where none does.
    fn preferred(&self) -> Option<Flow> {
        let living = self.servers.iter().find(|server| !server.is_down());
        living.or(self.servers.first()).map(|server| server.flow)
    }

    /// Name servers that are away change nothing about servers that are known.
    fn resolved(&mut self, now: Duration, found: Option<Found>, pace: &Pace) {
        self.resolving = false;
        self.unknown = found.is_none();
        let Some(found) = found else {
            self.resolve_at = now + self.resolve_again;
            self.resolve_again = (self.resolve_again * 2).min(pace.again_max);
            return;
        };
        (self.resolve_at, self.resolve_again) = (now + found.valid, pace.again);
        let mut before = std::mem::take(&mut self.servers);
        for (target, flow) in found.servers {
            let known = before.iter().position(|server| server.flow == flow);
            let mut server =
                known.map_or_else(|| Server::new(target, flow, pace), |at| before.swap_remove(at));
            server.target = target;
            self.servers.push(server);
        }
    }

    fn probed(&mut self, now: Duration, flow: Flow, answered: bool, pace: &Pace) {
        let registered = self.registration.as_ref().is_some_and(|r| r.holds(now));
        let registered = registered && self.registered_at == Some(flow);
        let Some(server) = self.servers.iter_mut().find(|server| server.flow == flow) else { return };
        let changed = server.probed(now, answered, registered, pace);
        let lives = server.is_up();
        if changed {
            tracing::info!(gateway = self.route.address, at = %flow.remote, lives, "a gateway's state changed");
        }
        if self.servers.iter().all(Server::is_down) {
            // Its name may lead elsewhere by now.
            self.resolve_at = self.resolve_at.min(now + pace.again);
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

fn to_device(route: &Route, device: Binding) -> Way {
    Way { route: route.clone(), flow: Some(device.flow), device: Some((device.contact, device.path)) }
}

fn resolve(edge: Handle, names: Names, key: Key, route: Route) {
    tokio::spawn(async move {
        let located = route.locate(&names).await;
        let resolved = move |edge: &mut Edge, now| {
            let found = located.and_then(|located| edge.reachable(&route, located));
            let pace = edge.carriers.pace;
            if let Some(carrier) = edge.carriers.all.get_mut(&key) {
                carrier.resolved(now, found, &pace);
            }
        };
        edge.send(resolved).await;
    });
}

fn probe(route: &Route, flow: Flow) -> Outbound {
    let party = Party::new(route.uri("trunkline", flow.remote));
    Outbound {
        method: "OPTIONS".to_owned(),
        flow,
        uri: route.uri("", flow.remote),
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
    let party = Party::new(route.uri(&username, flow.remote));
    Some(Outbound {
        method: "REGISTER".to_owned(),
        flow,
        uri: route.uri("", flow.remote),
        from: party.clone(),
        to: party,
        call_id: Some(asking.call_id),
        cseq: asking.cseq,
        headers: vec![("Expires".to_owned(), asking.expires.to_string())],
        credentials: Some(Credentials { username, password }),
    })
}
