//! Whose call is it: source and number to tenant, trunk and flow.
//!
//! An index over the configuration in memory, built again when it changes.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use eventlog::ConfigView;
use serde::Deserialize;
use sip::{Flow, Protocol, Uri, digest::Secret, locate::in_order};
use types::config::{self, CallerSource, Kind, TrunkAuth};
use types::{AgentId, E164, FlowId, Millis, Numbering, QueueId, TenantId, TrunkId};

use crate::cidr::Blocks;
use crate::outbound::Route;

/// A number that callers dial.
#[derive(Debug, Clone)]
pub struct Number {
    pub tenant: TenantId,
    pub number: E164,
    pub label: String,
    pub flow: FlowId,
    pub auto_connect: bool,
    pub record: bool,
    pub answer_after: Option<Millis>,
}

/// A trunk, by what recognises it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    pub tenant: TenantId,
    pub trunk: TrunkId,
    /// How its numbers are written; `None`: whole.
    pub numbers: Option<Numbering>,
    /// Whose word counts for the number of a caller.
    pub caller: CallerSource,
    /// Calls that may begin in a second.
    pub per_second: Option<u32>,
}

/// A name that must prove itself by digest.
#[derive(Debug, Clone)]
pub struct Account<T> {
    pub of: T,
    pub secret: Secret,
}

/// An agent's SIP phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    pub tenant: TenantId,
    pub agent: AgentId,
}

/// Where a phone is that does not register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub contact: Uri,
    pub flow: Flow,
}

/// The whole index. Cheap to share.
#[derive(Debug, Default)]
pub struct Directory {
    numbers: HashMap<E164, Arc<Number>>,
    /// Numbers that have a name in SIP URIs, by that name: one of a tenant.
    names: HashMap<String, Vec<Arc<Number>>>,
    sources: Blocks<Trunk>,
    digest_trunks: HashMap<String, Account<Trunk>>,
    digest_tenants: HashSet<TenantId>,
    phones: HashMap<String, Account<Phone>>,
    /// By user name of the phone.
    places: HashMap<String, Place>,
    countries: HashMap<TenantId, String>,
    calls_max: HashMap<TenantId, u32>,
    per_second: HashMap<TenantId, u32>,
    agents: HashMap<AgentId, (TenantId, String)>,
    queues: HashMap<QueueId, (TenantId, QueueCard)>,
    routes: HashMap<TenantId, Vec<Choice>>,
}

/// What a transferred call takes from its queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QueueCard {
    pub name: String,
    pub service_level_ms: Millis,
    pub short_abandon_ms: Millis,
}

/// A way to the outside and when it is chosen.
#[derive(Debug)]
struct Choice {
    priority: u16,
    weight: u16,
    /// For calls for help, and for no others.
    emergency: bool,
    route: Route,
}

impl Directory {
    /// Builds the index from the newest configuration.
    pub fn build(view: &ConfigView, realm: &str) -> Self {
        let mut directory = Self::default();
        for tenant in view.tenants(Kind::Tenant) {
            let company =
                view.docs(&tenant, Kind::Tenant).iter().find_map(|doc| doc.read::<config::Tenant>());
            let Some(company) = company else { continue };
            if let Some(country) = company.country_code {
                directory.countries.insert(tenant.clone(), country);
            }
            if let Some(calls) = company.calls_max {
                directory.calls_max.insert(tenant.clone(), calls);
            }
            if let Some(calls) = company.calls_per_second {
                directory.per_second.insert(tenant, calls);
            }
        }
        for tenant in view.tenants(Kind::Trunk) {
            directory.add_trunks(view, &tenant, realm);
        }
        for tenant in view.tenants(Kind::Did) {
            directory.add_numbers(view, &tenant);
        }
        for tenant in view.tenants(Kind::Agent) {
            directory.add_phones(view, &tenant, realm);
        }
        for tenant in view.tenants(Kind::Queue) {
            directory.add_queues(view, &tenant);
        }
        directory
    }

    fn add_trunks(&mut self, view: &ConfigView, tenant: &TenantId, realm: &str) {
        for doc in view.docs(tenant, Kind::Trunk) {
            let Some(trunk) = doc.read::<config::Trunk>().filter(|t| t.enabled) else { continue };
            let Ok(id) = doc.id.parse() else { continue };
            let own = || self.countries.get(tenant).map(|country| Numbering::of(country));
            let numbers = trunk.numbers.or_else(own);
            let (caller, per_second) = (trunk.caller, trunk.calls_per_second);
            let of = Trunk { tenant: tenant.clone(), trunk: id, numbers, caller, per_second };
            if let Some(outbound) = &trunk.outbound {
                let registered = match &trunk.auth {
                    TrunkAuth::Digest { username, .. } if outbound.registered => Some(username.as_str()),
                    _ => None,
                };
                self.add_routes(&of, outbound, registered, trunk.emergency);
            }
            match trunk.auth {
                TrunkAuth::Ip { addresses } => self.add_sources(&addresses, &of),
                TrunkAuth::Digest { username, password } => {
                    let secret = Secret::new(&username, realm, &password);
                    self.digest_tenants.insert(tenant.clone());
                    self.digest_trunks.insert(username, Account { of, secret });
                }
            }
        }
    }

    fn add_sources(&mut self, addresses: &[String], trunk: &Trunk) {
        for address in addresses {
            if !self.sources.insert(address, trunk.clone()) {
                tracing::warn!(trunk = %trunk.trunk, address, "not an address block");
            }
        }
    }

    fn add_numbers(&mut self, view: &ConfigView, tenant: &TenantId) {
        for doc in view.docs(tenant, Kind::Did) {
            let Some(did) = doc.read::<config::Did>() else { continue };
            let entry = Arc::new(Number {
                tenant: tenant.clone(),
                number: did.number.clone(),
                label: did.label,
                flow: did.flow,
                auto_connect: did.auto_connect,
                answer_after: did.answer_after_ms,
                record: did.record,
            });
            if let Some(name) = did.sip_name {
                self.names.entry(name).or_default().push(entry.clone());
            }
            self.numbers.insert(did.number, entry);
        }
    }

    fn add_phones(&mut self, view: &ConfigView, tenant: &TenantId, realm: &str) {
        for doc in view.docs(tenant, Kind::Agent) {
            let Some(profile) = doc.read::<config::Agent>() else { continue };
            let Ok(agent) = doc.id.parse::<AgentId>() else { continue };
            self.agents.insert(agent.clone(), (tenant.clone(), profile.name));
            let Some(phone) = profile.phone else { continue };
            let secret = Secret::new(&phone.username, realm, &phone.password);
            let of = Phone { tenant: tenant.clone(), agent };
            if let Some(place) = phone.contact.as_deref().and_then(place) {
                self.places.insert(phone.username.clone(), place);
            }
            self.phones.insert(phone.username, Account { of, secret });
        }
    }

    fn add_queues(&mut self, view: &ConfigView, tenant: &TenantId) {
        for doc in view.docs(tenant, Kind::Queue) {
            if let (Ok(queue), Some(card)) = (doc.id.parse(), doc.read::<QueueCard>()) {
                self.queues.insert(queue, (tenant.clone(), card));
            }
        }
    }

    /// `registered`: by what name the trunk's own devices register.
    fn add_routes(
        &mut self,
        of: &Trunk,
        outbound: &config::Outbound,
        registered: Option<&str>,
        emergency: bool,
    ) {
        let ca = outbound.ca.as_deref().map(Arc::from);
        let credentials = outbound.credentials.as_ref();
        let route = |address: &str, transport| Route {
            trunk: of.trunk.clone(),
            address: address.to_owned(),
            transport,
            credentials: credentials.map(|c| (c.username.clone(), c.password.clone())),
            caller_id: outbound.caller_id.clone(),
            format: outbound.number_format,
            numbers: of.numbers.clone(),
            prefixes: outbound.prefixes.clone(),
            calls_max: outbound.calls_max,
            per_second: of.per_second,
            register: outbound.register,
            presentation: outbound.presentation,
            registered: None,
            ca: ca.clone(),
        };
        let gateways = outbound.gateways.iter().map(|gateway| {
            let (priority, weight) = (gateway.priority, gateway.weight);
            Choice { priority, weight, emergency, route: route(&gateway.address, gateway.transport) }
        });
        let registered = registered.map(|name| {
            let route = Route { registered: Some(name.to_owned()), ..route("", config::Transport::Udp) };
            Choice { priority: 0, weight: 0, emergency, route }
        });
        let choices: Vec<Choice> = gateways.chain(registered).collect();
        self.routes.entry(of.tenant.clone()).or_default().extend(choices);
    }

    /// The ways to the outside in the order of trial: for help in need its own
    /// trunks first; by priority, among equals by chance in proportion to their
    /// weights.
    pub fn routes(&self, tenant: &TenantId, number: &E164, random: u128) -> Vec<Route> {
        let choices: Vec<&Choice> = self.choices(tenant, number).collect();
        let mut ordered = in_order(choices, |choice| (choice.priority, choice.weight), random);
        ordered.sort_by_key(|choice| number.emergency().is_some() && !choice.emergency);
        ordered.into_iter().map(|choice| choice.route.clone()).collect()
    }

    /// For help in need every trunk will do.
    fn choices<'a>(&'a self, tenant: &TenantId, number: &'a E164) -> impl Iterator<Item = &'a Choice> {
        let help = number.emergency().is_some();
        let all = self.routes.get(tenant).into_iter().flatten();
        all.filter(move |choice| help || (!choice.emergency && choice.route.allows(number)))
    }

    /// A number of the company's, the lowest: what others are shown where nothing
    /// else is said.
    pub fn own_number(&self, tenant: &TenantId) -> Option<E164> {
        let own = self.numbers.values().filter(|number| number.tenant == *tenant);
        own.map(|number| number.number.clone()).min_by(|a, b| a.as_str().cmp(b.as_str()))
    }

    /// What a number is shown that somebody here calls: the caller id of the trunk
    /// that it is called by first, else a number of the company's.
    pub fn shown_to(&self, tenant: &TenantId, number: &E164) -> Option<E164> {
        let first = self.routes(tenant, number, 0).into_iter().next();
        first.and_then(|route| route.caller_id).or_else(|| self.own_number(tenant))
    }

    /// Every gateway of every trunk that takes our calls.
    pub fn all_routes(&self) -> Vec<Route> {
        let all = self.routes.values().flatten().filter(|choice| choice.route.registered.is_none());
        all.map(|choice| choice.route.clone()).collect()
    }

    /// Whom a TLS connection to the carrier of this trunk must lead to, where calls to
    /// the outside go so.
    pub fn by_tls(&self, trunk: &TrunkId) -> Option<sipnet::Verify> {
        let of_trunk = |route: &&Route| route.trunk == *trunk && route.transport == config::Transport::Tls;
        let mut routes = self.routes.values().flatten().map(|choice| &choice.route);
        routes.find(of_trunk).map(Route::verify)
    }

    /// Whether this company may call the number at all.
    pub fn may_call(&self, tenant: &TenantId, number: &E164) -> bool {
        self.choices(tenant, number).next().is_some()
    }

    /// The agent's name; `None`: there is no such agent in this company.
    pub fn agent_name(&self, tenant: &TenantId, agent: &AgentId) -> Option<&str> {
        self.agents.get(agent).filter(|(of, _)| of == tenant).map(|(_, name)| name.as_str())
    }

    pub fn queue(&self, tenant: &TenantId, queue: &QueueId) -> Option<&QueueCard> {
        self.queues.get(queue).filter(|(of, _)| of == tenant).map(|(_, card)| card)
    }

    /// The trunk that this source address belongs to.
    pub fn source(&self, address: IpAddr) -> Option<&Trunk> {
        self.sources.get(address)
    }

    /// The number that somebody dialled, in whatever spelling.
    pub fn number(&self, dialled: &str, numbers: Option<&Numbering>) -> Option<Arc<Number>> {
        let digits = dialled.split(';').next().unwrap_or(dialled);
        self.numbers.get(&read(digits, numbers)?).cloned()
    }

    /// The numbers that go by this name in SIP URIs, of whatever tenant.
    pub fn named(&self, name: &str) -> &[Arc<Number>] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    /// Phones that do not register, by user name.
    pub fn places(&self) -> &HashMap<String, Place> {
        &self.places
    }

    /// The digest trunk with this user name.
    pub fn digest_trunk(&self, username: &str) -> Option<&Account<Trunk>> {
        self.digest_trunks.get(username)
    }

    /// Whether calls for this tenant may come from anywhere, with credentials.
    pub fn takes_digest(&self, tenant: &TenantId) -> bool {
        self.digest_tenants.contains(tenant)
    }

    /// The agent's phone with this user name.
    pub fn phone(&self, username: &str) -> Option<&Account<Phone>> {
        self.phones.get(username)
    }

    /// The calls at once that the company wants at most.
    pub fn calls_max(&self, tenant: &TenantId) -> Option<u32> {
        self.calls_max.get(tenant).copied()
    }

    /// The calls that the company wants to begin in a second at most.
    pub fn per_second(&self, tenant: &TenantId) -> Option<u32> {
        self.per_second.get(tenant).copied()
    }

    /// What completes the tenant's national numbers.
    pub fn country(&self, tenant: &TenantId) -> Option<&str> {
        self.countries.get(tenant).map(String::as_str)
    }
}

/// What was dialled, or who calls, as a number.
pub fn read(digits: &str, numbers: Option<&Numbering>) -> Option<E164> {
    match numbers {
        Some(numbers) => numbers.read(digits).ok(),
        None => E164::from_dialled(digits, None).ok(),
    }
}

/// `None` unless the host is an IP address: nobody waits for a resolver here.
fn place(contact: &str) -> Option<Place> {
    let contact = Uri::parse(contact).ok()?;
    let protocol = if contact.wants_tcp() { Protocol::Tcp } else { Protocol::Udp };
    let flow = Flow { protocol, remote: contact.address()? };
    Some(Place { contact, flow })
}
