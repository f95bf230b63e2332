//! Carriers that our calls go to: whether their gateways answer (OPTIONS), and
//! our registration with those that want one (RFC 3261 §10).

use std::collections::HashMap;
use std::time::Duration;

use sip::{Contact, Credentials, Endpoint, Flow, Outbound, Party, RequestId, Response, Uri};
use types::config::Transport;

use crate::edge::Handle;
use crate::outbound::Route;

/// Time between two probes of a gateway that answers.
const PROBE_EVERY: Duration = Duration::from_secs(30);
/// A gateway that does not answer is asked again after this time, then after
/// twice as long, up to the longest.
const AGAIN: Duration = Duration::from_secs(2);
const AGAIN_MAX: Duration = Duration::from_secs(300);
/// What we ask a registrar for, seconds; it may grant less.
const EXPIRES: u32 = 300;
/// Gateways watched.
const GATEWAYS_MAX: usize = 10_000;

/// A gateway by its address and transport, and our name there.
type Key = (String, Transport, Option<String>);

fn key(route: &Route) -> Key {
    (route.address.clone(), route.transport, route.credentials.as_ref().map(|c| c.0.clone()))
}

/// The gateways of all trunks that take our calls.
#[derive(Default)]
pub struct Carriers {
    all: HashMap<Key, Carrier>,
    waiting: HashMap<RequestId, (Key, Asked)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Probe,
    Registration,
}

struct Carrier {
    route: Route,
    /// Its name is looked up now.
    resolving: bool,
    flow: Option<Flow>,
    /// The last probe was answered; nobody knows before the first.
    up: Option<bool>,
    probe_at: Duration,
    probe_again: Duration,
    register_at: Duration,
    register_again: Duration,
    registered: bool,
    call_id: Option<String>,
    cseq: u32,
}

impl Carrier {
    fn new(route: Route) -> Self {
        Self {
            route,
            resolving: false,
            flow: None,
            up: None,
            probe_at: Duration::ZERO,
            probe_again: AGAIN,
            register_at: Duration::ZERO,
            register_again: AGAIN,
            registered: false,
            call_id: None,
            cseq: 0,
        }
    }
}

impl Carriers {
    /// Asks what is due; names are looked up on the side.
    pub fn look(&mut self, now: Duration, routes: Vec<Route>, endpoint: &mut Endpoint, edge: &Handle) {
        let wanted: HashMap<Key, Route> =
            routes.into_iter().map(|r| (key(&r), r)).take(GATEWAYS_MAX).collect();
        self.all.retain(|key, _| wanted.contains_key(key));
        for (key, route) in wanted {
            let carrier = self.all.entry(key.clone()).or_insert_with(|| Carrier::new(route.clone()));
            carrier.route = route;
            match carrier.flow {
                None if !carrier.resolving && carrier.probe_at <= now => {
                    carrier.resolving = true;
                    resolve(edge.clone(), key, carrier.route.clone());
                }
                None => {}
                Some(flow) => self.ask(now, &key, flow, endpoint),
            }
        }
        let up = self.all.values().filter(|carrier| carrier.up == Some(true)).count();
        metrics::gauge!("telephony_gateways_up").set(up as f64);
        metrics::gauge!("telephony_gateways").set(self.all.len() as f64);
    }

    fn ask(&mut self, now: Duration, key: &Key, flow: Flow, endpoint: &mut Endpoint) {
        let Some(carrier) = self.all.get_mut(key) else { return };
        if carrier.probe_at <= now {
            carrier.probe_at = now + PROBE_EVERY.max(carrier.probe_again);
            if let Ok(id) = endpoint.request(now, probe(flow)) {
                self.waiting.insert(id, (key.clone(), Asked::Probe));
            }
        }
        let Some((username, password)) = carrier.route.credentials.clone() else { return };
        if !carrier.route.register || carrier.register_at > now {
            return;
        }
        carrier.register_at = now + PROBE_EVERY.max(carrier.register_again);
        carrier.cseq += 10;
        let outbound = registration(flow, &username, &password, carrier.call_id.clone(), carrier.cseq);
        if let Ok(id) = endpoint.request(now, outbound) {
            self.waiting.insert(id, (key.clone(), Asked::Registration));
        }
    }

    fn resolved(&mut self, now: Duration, key: &Key, flow: Option<Flow>) {
        let Some(carrier) = self.all.get_mut(key) else { return };
        (carrier.resolving, carrier.flow) = (false, flow);
        if flow.is_none() {
            carrier.up = Some(false);
            carrier.probe_at = now + carrier.probe_again;
            carrier.probe_again = (carrier.probe_again * 2).min(AGAIN_MAX);
        }
    }

    /// A gateway answered, or did not.
    pub fn answered(&mut self, now: Duration, id: RequestId, code: u16, response: Option<&Response>) {
        let Some((key, asked)) = self.waiting.remove(&id) else { return };
        let Some(carrier) = self.all.get_mut(&key) else { return };
        match asked {
            Asked::Probe => carrier.probed(now, response.is_some() && code != 503),
            Asked::Registration => carrier.registration_answered(now, code, response),
        }
    }

    /// Those that do not answer come last; the order is kept otherwise.
    pub fn order(&self, mut routes: Vec<Route>) -> Vec<Route> {
        routes.sort_by_key(|route| self.all.get(&key(route)).is_some_and(|c| c.up == Some(false)));
        routes
    }
}

impl Carrier {
    /// Any answer but 503 shows that it lives, 404 and 405 too.
    fn probed(&mut self, now: Duration, lives: bool) {
        if self.up != Some(lives) {
            tracing::info!(gateway = self.route.address, lives, "a gateway's state changed");
        }
        self.up = Some(lives);
        self.probe_at = now + if lives { PROBE_EVERY } else { self.probe_again };
        self.probe_again = if lives { AGAIN } else { (self.probe_again * 2).min(AGAIN_MAX) };
        if !lives {
            // Its name may lead elsewhere by now.
            self.flow = None;
        }
    }

    fn registration_answered(&mut self, now: Duration, code: u16, response: Option<&Response>) {
        let granted = response.filter(|_| (200..300).contains(&code)).map(|response| {
            let granted = response.contacts().into_iter().filter_map(|contact| match contact {
                Contact::Address { expires, .. } => expires,
                Contact::All => None,
            });
            granted.max().unwrap_or(EXPIRES)
        });
        let was = std::mem::replace(&mut self.registered, granted.is_some());
        match granted {
            // Well before it ends.
            Some(seconds) => {
                self.register_at = now + Duration::from_secs(u64::from(seconds / 2).max(1));
                self.register_again = AGAIN;
            }
            None => {
                self.register_at = now + self.register_again;
                self.register_again = (self.register_again * 2).min(AGAIN_MAX);
            }
        }
        if was != self.registered {
            tracing::info!(gateway = self.route.address, code, registered = self.registered, "registration");
        }
    }
}

fn resolve(edge: Handle, key: Key, route: Route) {
    tokio::spawn(async move {
        let flow = route.resolve().await;
        edge.send(move |edge, now| edge.carriers.resolved(now, &key, flow)).await;
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

fn registration(flow: Flow, username: &str, password: &str, call_id: Option<String>, cseq: u32) -> Outbound {
    let party = Party::new(Uri::sip(username, flow.remote));
    Outbound {
        method: "REGISTER".to_owned(),
        flow,
        uri: Uri::sip("", flow.remote),
        from: party.clone(),
        to: party,
        call_id,
        cseq,
        headers: vec![("Expires".to_owned(), EXPIRES.to_string())],
        credentials: Some(Credentials { username: username.to_owned(), password: password.to_owned() }),
    }
}
