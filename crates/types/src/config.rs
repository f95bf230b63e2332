//! The documents of the table `config(kind, id, version, body, …)` that
//! several services read. Flows and queues have their types in `flow` and
//! `routing`.

use crate::*;

/// The kinds of documents, as they stand in the table and in the REST paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Agent,
    /// A threshold that is crossed, until it no longer is.
    Alert,
    Category,
    Department,
    Did,
    Disposition,
    Flow,
    /// The installation's public keys (RFC 7517), under `TenantId::installation`.
    Jwks,
    Loan,
    Prompt,
    Queue,
    Role,
    Skill,
    Tenant,
    Threshold,
    Trunk,
    Wallboard,
}

impl Kind {
    pub const ALL: [Kind; 17] = [
        Kind::Agent,
        Kind::Alert,
        Kind::Category,
        Kind::Department,
        Kind::Did,
        Kind::Disposition,
        Kind::Flow,
        Kind::Jwks,
        Kind::Loan,
        Kind::Prompt,
        Kind::Queue,
        Kind::Role,
        Kind::Skill,
        Kind::Tenant,
        Kind::Threshold,
        Kind::Trunk,
        Kind::Wallboard,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Agent => "agent",
            Kind::Alert => "alert",
            Kind::Category => "category",
            Kind::Department => "department",
            Kind::Did => "did",
            Kind::Disposition => "disposition",
            Kind::Flow => "flow",
            Kind::Jwks => "jwks",
            Kind::Loan => "loan",
            Kind::Prompt => "prompt",
            Kind::Queue => "queue",
            Kind::Role => "role",
            Kind::Skill => "skill",
            Kind::Tenant => "tenant",
            Kind::Threshold => "threshold",
            Kind::Trunk => "trunk",
            Kind::Wallboard => "wallboard",
        }
    }

    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.as_str() == text)
    }
}

/// The company itself: what every service needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    pub name: String,
    /// IANA name such as `Europe/Bucharest`.
    pub time_zone: String,
    /// `en`, `ru` or `ro`.
    pub language: String,
    /// Digits of the country code that completes national numbers, such as `40`.
    #[serde(default)]
    pub country_code: Option<String>,
    /// Private networks that flows may ask over HTTP, such as `10.20.0.0/16`, as
    /// far as the platform lets companies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flow_networks: Vec<String>,
    /// Agents are shown when a supervisor listens to their call.
    #[serde(default)]
    pub listening_notice: bool,
    /// Calls at once, of whatever direction; none: as many as the platform lets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_max: Option<u32>,
    /// Calls that may begin in a second, of whatever direction; none: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<u32>,
}

/// A carrier's trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    pub name: String,
    pub auth: TrunkAuth,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Calls to the outside go through this trunk too.
    #[serde(default)]
    pub outbound: Option<Outbound>,
    /// Calls that may begin in a second, in and out together; none: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<u32>,
    /// How the carrier writes numbers; none: as in the company's country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Numbering>,
    /// Whom a call of the carrier is from.
    #[serde(default)]
    pub caller: CallerSource,
    /// The trunk for help in need: such calls take it first, and others never.
    #[serde(default)]
    pub emergency: bool,
}

impl Trunk {
    /// One that is recognised so, with nothing else said.
    pub fn new(name: &str, auth: TrunkAuth) -> Self {
        let (name, caller) = (name.to_owned(), CallerSource::default());
        let (outbound, calls_per_second, numbers) = (None, None, None);
        Self { name, auth, enabled: true, outbound, calls_per_second, numbers, caller, emergency: false }
    }
}

/// Whose word counts for the number of a caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerSource {
    /// P-Asserted-Identity (RFC 3325), else From.
    #[default]
    Asserted,
    /// From alone: the carrier hands on whatever its callers assert.
    From,
}

/// How a trunk takes our calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// Tried by priority, the lowest first; among equals in proportion to weight.
    pub gateways: Vec<CarrierGateway>,
    /// For a carrier that challenges us.
    #[serde(default)]
    pub credentials: Option<Credentials>,
    /// The number that we show; none: the one that was called, or the first of ours.
    #[serde(default)]
    pub caller_id: Option<E164>,
    #[serde(default)]
    pub number_format: NumberFormat,
    /// What may be called: the beginnings of numbers, digits without `+`, such as
    /// `40` or `4930`. Empty: the company's own country. Guards against toll fraud.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// Calls to the outside at once.
    #[serde(default = "ten")]
    pub calls_max: u32,
    /// Register with every gateway by the credentials.
    #[serde(default)]
    pub register: bool,
    /// How the number that we show is said.
    #[serde(default)]
    pub presentation: Presentation,
    /// Our calls go to the devices that registered by the trunk's own name and
    /// password, such as a GSM gateway, beside the gateways.
    #[serde(default)]
    pub registered: bool,
    /// Certificates in PEM that may vouch for gateways reached by TLS; none: those
    /// that the system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// How a carrier is told who calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presentation {
    /// In From and in P-Asserted-Identity (RFC 3325).
    #[default]
    Asserted,
    /// In From alone, to a carrier that refuses what it does not know.
    From,
    /// The carrier is told, the callee is not: From is anonymous, Privacy is `id`
    /// (RFC 3323, RFC 3325).
    Hidden,
}

/// Our name at somebody who asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarrierGateway {
    /// Host and port, such as `sip.carrier.example:5060`; without a port the name
    /// servers say where the carrier's servers are (RFC 3263).
    pub address: String,
    #[serde(default)]
    pub transport: Transport,
    #[serde(default)]
    pub priority: u16,
    #[serde(default)]
    pub weight: u16,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    #[default]
    Udp,
    Tcp,
    /// The gateway's certificate must hold its name.
    Tls,
    /// What the name servers say that the carrier prefers; UDP where they say nothing.
    Auto,
}

/// The host of a gateway's address and its port, if it names one; IPv6 without
/// brackets. `Err`: what follows the host is no port.
pub fn host_and_port(address: &str) -> (&str, Result<Option<u16>, std::num::ParseIntError>) {
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').or_else(|| (!port.is_empty()).then_some(port))),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    (host, port.map(str::parse).transpose())
}

/// How a carrier wants numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberFormat {
    /// `+40211234567`
    #[default]
    E164,
    /// `40211234567`
    Digits,
    /// `0211234567`, abroad `0036201234567`.
    National,
}

/// How the trunk's calls are recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum TrunkAuth {
    /// By source address: single addresses or CIDR blocks, v4 or v6.
    Ip { addresses: Vec<String> },
    /// The carrier answers our digest challenge (RFC 7616).
    Digest { username: String, password: String },
}

/// A number that callers dial, and the flow that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Did {
    pub number: E164,
    pub label: String,
    pub flow: FlowId,
    /// Answer at once. Off: early media (183) until an agent answers, so that
    /// callers do not pay while they wait.
    #[serde(default = "yes")]
    pub auto_connect: bool,
    /// With `auto_connect` off: answer after so long without an agent, because
    /// the carrier's limit for early media nears; the caller pays from there.
    /// `None`: leave it to the carrier.
    #[serde(default)]
    pub answer_after_ms: Option<Millis>,
    /// Record from an agent's answer to the end.
    #[serde(default = "yes")]
    pub record: bool,
    /// The user part by which the company's trunks also reach it, such as
    /// `support` in `sip:support@…`.
    #[serde(default)]
    pub sip_name: Option<String>,
}

/// The routing side of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    pub name: String,
    pub user: UserId,
    #[serde(default)]
    pub skills: Vec<Skill>,
    /// Credentials of the agent's SIP phone, if there is one.
    #[serde(default)]
    pub phone: Option<Phone>,
    /// How long an offer rings, instead of the queue's time.
    #[serde(default)]
    pub ring_timeout_ms: Option<Millis>,
    /// How long wrap-up lasts, instead of the queue's time.
    #[serde(default)]
    pub wrap_up_ms: Option<Millis>,
    #[serde(default)]
    pub department: Option<DepartmentId>,
}

/// An agent serves another queue, and no other, until a time. What lies in the
/// past has ended, whether or not the document is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loan {
    pub agent: AgentId,
    pub queue: QueueId,
    /// Milliseconds since 1970.
    pub until_ms: i64,
}

impl Loan {
    pub fn until(&self) -> Timestamp {
        Timestamp::from_millis(self.until_ms)
    }
}

/// What of a queue is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Callers in the queue, ringing included: that many or more.
    Waiting,
    /// Milliseconds that the first of them has waited: so long or longer.
    LongestWait,
    /// Percent answered in time over the last half hour: less than that.
    ServiceLevel,
    /// Agents who could take a caller now: fewer than that.
    FreeAgents,
}

/// Figures of some queues for whoever has the link, without a log-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wallboard {
    pub name: String,
    pub queues: Vec<QueueId>,
    /// SHA-256 of the link's token, base 64.
    pub token_hash: String,
}

/// When a queue's figures are for somebody to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    pub name: String,
    pub queue: QueueId,
    pub measure: Measure,
    pub at: i64,
    /// Only when it lasts so long; it has ended when the opposite does.
    #[serde(default)]
    pub lasts_ms: Millis,
    /// Who are told by mail.
    #[serde(default)]
    pub emails: Vec<String>,
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A threshold that is crossed. Without its document it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    pub threshold: ThresholdId,
    /// The threshold's, as it was then, like the next three.
    pub name: String,
    pub queue: QueueId,
    pub measure: Measure,
    pub at: i64,
    /// What was measured.
    pub value: i64,
    pub raised_at_ms: i64,
    #[serde(default)]
    pub acknowledged: Option<Acknowledged>,
    #[serde(default)]
    pub ended_at_ms: Option<i64>,
}

/// Who looks after an alert; the first to say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    /// A user's id.
    pub by: String,
    pub name: String,
    pub at_ms: i64,
}

/// A part of the company: a tree by its parents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Department {
    pub name: String,
    #[serde(default)]
    pub parent: Option<DepartmentId>,
}

/// A role of a tenant's own; the permissions' names are the API's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    pub name: String,
    pub permissions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phone {
    /// Unique on the platform: the user part of the address of record.
    pub username: String,
    pub password: String,
    /// Where it is, such as `sip:ana@192.0.2.7:5060`, if it does not register;
    /// its agent is available as long as that stands here.
    #[serde(default)]
    pub contact: Option<String>,
}

/// What came of a call, chosen in wrap-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disposition {
    pub name: String,
}

/// What contacts are about, such as "finance": set by flows, filters reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    pub name: String,
}

/// Something that agents are good at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkillName {
    pub name: String,
}

/// Audio in the object store under `prompts/<hash>.wav`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    pub name: String,
    /// SHA-256 of the file, hexadecimal.
    pub hash: String,
    pub duration_ms: Millis,
}

fn ten() -> u32 {
    10
}

fn yes() -> bool {
    true
}
