//! An edge with one tenant, started on free ports.

use std::net::SocketAddr;
use std::time::Duration;

use chassis::{Deps, Drain, Peers as Addresses};
use eventlog::{Log, Record, Topic, codec};
use proto::telephony::v1::WhereRequest;
use proto::telephony::v1::edge_client::EdgeClient;
use serde::Serialize;
use softphone::{Config, Phone, Protocol};
use telephony::DEFAULTS;
use types::config::{self, Kind, TrunkAuth};
use types::fact::{CallEvent, CallFact, ConfigFact};
use types::{AgentId, FlowId, QueueId, TenantId, Timestamp, TrunkId, UserId};

use crate::peers::Peers;

/// Generous: the machine may be busy.
pub const SOON: Duration = Duration::from_secs(20);
pub const NUMBER: &str = "+40211234567";
/// A number with early media until an agent answers.
pub const QUIET_NUMBER: &str = "+40219999999";
/// A number with early media for 1.5 s at most.
pub const LIMITED_NUMBER: &str = "+40218888888";

pub struct World {
    pub edge: SocketAddr,
    pub api: EdgeClient<chassis::grpc::Channel>,
    pub peers: Peers,
    pub tenant: TenantId,
    pub agent: AgentId,
    pub queue: QueueId,
    log: Log,
    drain: Drain,
    _folder: tempfile::TempDir,
}

fn id<T>(new: impl Fn(Timestamp, u128) -> T) -> T {
    new(chassis::clock::now(), chassis::random::u128())
}

/// How the world's trunk is recognised.
pub fn by_address(address: &str) -> TrunkAuth {
    TrunkAuth::Ip { addresses: vec![address.to_owned()] }
}

pub fn by_digest() -> TrunkAuth {
    TrunkAuth::Digest { username: "carrier".to_owned(), password: "s3cret".to_owned() }
}

impl World {
    pub async fn new(auth: TrunkAuth) -> Self {
        Self::with(auth, toml::Table::new()).await
    }

    /// The same, with settings of the edge.
    pub async fn with(auth: TrunkAuth, settings: toml::Table) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(&folder.path().join("journal")).unwrap();
        let peers = Peers::start().await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let grpc = format!("http://{}", listener.local_addr().unwrap());
        let (tenant, agent, queue) = (id(TenantId::new), id(AgentId::new), id(QueueId::new));
        configure(&log, &tenant, &agent, auth);

        let mut overrides = toml::toml! {
            sip_listen = "127.0.0.1:0"
            drain_wait_ms = 200
        };
        overrides.extend(settings);
        let config = chassis::config::read("telephony", DEFAULTS, overrides).unwrap();
        let addresses = Addresses {
            media: peers.address.clone(),
            ivr: peers.address.clone(),
            acd: peers.address.clone(),
            ..Addresses::default()
        };
        let credentials = peers.credentials.clone();
        let deps = Deps {
            log: log.clone(),
            listener,
            peers: addresses,
            credentials: credentials.clone(),
            folder: folder.path().to_owned(),
        };
        let drain = Drain::new();
        tokio::spawn(telephony::run(config, deps, drain.clone()));
        let mut api = EdgeClient::new(chassis::grpc::channel(&credentials, &grpc).unwrap());
        let edge = loop {
            match api.r#where(WhereRequest {}).await {
                Ok(reply) => break reply.into_inner().udp.parse().unwrap(),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        peers.connected().await;
        Self { edge, api, peers, tenant, agent, queue, log, drain, _folder: folder }
    }

    /// A phone on loopback.
    pub async fn phone(&self, protocol: Protocol) -> Phone {
        Phone::bind(Config { protocol, ..Config::default() }).await.unwrap()
    }

    /// The facts of the only call, up to its end.
    pub async fn facts(&self) -> Vec<CallFact> {
        let mut facts = self.log.from_start(&[Topic::Call]).unwrap();
        let mut told: Vec<CallFact> = Vec::new();
        let reading = async {
            while !matches!(told.last().map(|f| &f.event), Some(CallEvent::Ended { .. })) {
                let delivery = facts.next().await.unwrap();
                assert_eq!(delivery.record.tenant, self.tenant);
                told.push(codec::decode(&delivery.record.value).unwrap());
            }
        };
        tokio::time::timeout(SOON, reading).await.expect("the end of the call");
        told
    }

    /// Saves a document, as the tenancy service does.
    pub fn save(&self, kind: Kind, id: &str, body: Option<String>) {
        tell(&self.log, &self.tenant, kind, id, body);
    }

    /// The company has so many calls at once.
    pub async fn company_wants_calls(&self, calls_max: Option<u32>) {
        let company = config::Tenant { calls_max, ..company() };
        save(&self.log, &self.tenant, Kind::Tenant, self.tenant.as_str(), &company);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    /// A trunk of somebody else.
    pub fn save_trunk_of(&self, tenant: &TenantId, auth: TrunkAuth) {
        let trunk = config::Trunk::new("Other", auth);
        save(&self.log, tenant, Kind::Trunk, id(TrunkId::new).as_str(), &trunk);
    }

    /// A colleague with a SIP phone.
    pub async fn save_phone(&self, agent: &AgentId, username: &str) {
        let (username, password) = (username.to_owned(), "pass".to_owned());
        let phone = config::Phone { username: username.clone(), password, contact: None };
        let user = id(UserId::new);
        let name = username;
        let profile = config::Agent {
            name,
            user,
            skills: Vec::new(),
            phone: Some(phone),
            ring_timeout_ms: None,
            wrap_up_ms: None,
            department: None,
        };
        save(&self.log, &self.tenant, Kind::Agent, agent.as_str(), &profile);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    /// Calls to the outside go to these gateways, in this order.
    pub async fn calls_out_by(&self, gateways: &[SocketAddr]) {
        self.calls_out(gateways, false).await;
    }

    /// The same, registering with them or not.
    pub async fn calls_out(&self, gateways: &[SocketAddr], register: bool) {
        let mut trunk = trunk_to(gateways);
        if let Some(outbound) = &mut trunk.outbound {
            outbound.credentials = register
                .then(|| config::Credentials { username: "acme".to_owned(), password: "pass".to_owned() });
            outbound.register = register;
        }
        self.save_trunk(&id(TrunkId::new), &trunk);
        // Within the time in which changes are taken together.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    pub fn save_trunk(&self, id: &TrunkId, trunk: &config::Trunk) {
        save(&self.log, &self.tenant, Kind::Trunk, id.as_str(), trunk);
    }

    pub fn drain(&self) {
        self.drain.start();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.drain.start();
    }
}

/// A trunk for calls to the outside by these gateways, in this order.
pub fn trunk_to(gateways: &[SocketAddr]) -> config::Trunk {
    let gateway = |(n, address): (usize, &SocketAddr)| config::CarrierGateway {
        address: address.to_string(),
        transport: config::Transport::Udp,
        priority: n as u16,
        weight: 1,
    };
    let outbound = config::Outbound {
        gateways: gateways.iter().enumerate().map(gateway).collect(),
        credentials: None,
        caller_id: Some("+40310000000".parse().unwrap()),
        number_format: config::NumberFormat::E164,
        prefixes: vec!["36".to_owned()],
        calls_max: 2,
        register: false,
        presentation: config::Presentation::Asserted,
        registered: false,
        ca: None,
    };
    let auth = by_address("203.0.113.7");
    config::Trunk { outbound: Some(outbound), ..config::Trunk::new("Out", auth) }
}

fn company() -> config::Tenant {
    config::Tenant {
        flow_networks: Vec::new(),
        name: "Acme".to_owned(),
        time_zone: "Europe/Bucharest".to_owned(),
        language: "en".to_owned(),
        country_code: Some("40".to_owned()),
        listening_notice: false,
        calls_max: None,
        calls_per_second: None,
    }
}

fn configure(log: &Log, tenant: &TenantId, agent: &AgentId, auth: TrunkAuth) {
    save(log, tenant, Kind::Tenant, tenant.as_str(), &company());
    let trunk = config::Trunk::new("Carrier", auth);
    save(log, tenant, Kind::Trunk, id(TrunkId::new).as_str(), &trunk);
    let numbers = [(NUMBER, true, None), (QUIET_NUMBER, false, None), (LIMITED_NUMBER, false, Some(1_500))];
    for (number, auto_connect, answer_after_ms) in numbers {
        let (number, flow) = (number.parse().unwrap(), id(FlowId::new));
        let did = config::Did {
            number,
            label: "Main".to_owned(),
            flow,
            auto_connect,
            answer_after_ms,
            record: true,
            sip_name: None,
        };
        save(log, tenant, Kind::Did, id(types::DidId::new).as_str(), &did);
    }
    let phone = config::Phone { username: "ana".to_owned(), password: "pass".to_owned(), contact: None };
    let user = id(UserId::new);
    let ana = config::Agent {
        name: "Ana".to_owned(),
        user,
        skills: Vec::new(),
        phone: Some(phone),
        ring_timeout_ms: None,
        wrap_up_ms: None,
        department: None,
    };
    save(log, tenant, Kind::Agent, agent.as_str(), &ana);
}

fn save<T: Serialize>(log: &Log, tenant: &TenantId, kind: Kind, id: &str, body: &T) {
    tell(log, tenant, kind, id, Some(serde_json::to_string(body).unwrap()));
}

fn tell(log: &Log, tenant: &TenantId, kind: Kind, id: &str, body: Option<String>) {
    let at = chassis::clock::now();
    let fact = ConfigFact { kind, id: id.to_owned(), version: 1, at, actor: "test".to_owned(), body };
    let key = format!("{tenant}/{}/{id}", kind.as_str());
    log.append(Record::new(Topic::Config, tenant, key, codec::encode(&fact))).unwrap();
}
