//! What each kind of document must be.

use super::{Claim, Draft, Need};
use crate::{Error, Result};
use chassis::Fault;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sip::Uri;
use std::{fmt::Display, net::IpAddr};
use types::{
    AgentId, AlertId, CategoryId, DepartmentId, DidId, DispositionId, FlowId, LoanId, Numbering, PromptId,
    QueueId, RoleId, Skill, SkillId, TenantId, ThresholdId, Timestamp, TrunkId, WallboardId,
    config::{
        Agent, Alert, Category, Credentials, Department, Did, Disposition, Kind, Loan, Measure, Outbound,
        Prompt, Role, SkillName, Tenant, Threshold, Trunk, TrunkAuth, Wallboard, host_and_port,
    },
};

const TEXT_MAX: usize = 100;
const ADDRESSES_MAX: usize = 100;
/// Certificates that may vouch for a carrier, bytes.
const CA_MAX: usize = 65_536;
const GATEWAYS_MAX: usize = 8;
/// Of one wallboard.
const QUEUES_MAX: usize = 30;
/// Characters of a SHA-256 in base 64 without padding.
const HASH: usize = 43;
const EMAILS_MAX: usize = 20;
const PERMISSIONS_MAX: usize = 100;
const PREFIXES_MAX: usize = 300;
const CALLS_MAX: u32 = 10_000;
/// Calls that may begin in a second.
const RATE_MAX: u32 = 1_000;
const BODY_MAX: usize = 256 * 1024;

/// Reads and checks a document by itself; whether what it names exists is asked later.
pub(crate) fn check(kind: Kind, json: &str) -> Result<Draft> {
    if json.len() > BODY_MAX {
        return Err(Error::invalid("", "too_long", "is longer than 256 KiB"));
    }
    let (body, claims, problems) = match kind {
        Kind::Agent => checked::<Agent>(json, check_agent)?,
        Kind::Alert => checked::<Alert>(json, |_, _| ())?,
        Kind::Category => checked::<Category>(json, |c, report| named(&c.name, report))?,
        Kind::Department => checked::<Department>(json, |d, report| named(&d.name, report))?,
        Kind::Did => checked::<Did>(json, check_did)?,
        Kind::Disposition => checked::<Disposition>(json, |d, report| named(&d.name, report))?,
        Kind::Flow => checked::<flow::Flow>(json, check_flow)?,
        Kind::Jwks => return Err(Error::invalid("", "not_writable", "keys are made by tenancy alone")),
        // Its end is looked at by who lends: what has ended may be saved again.
        Kind::Loan => checked::<Loan>(json, |_, _| ())?,
        Kind::Prompt => checked::<Prompt>(json, check_prompt)?,
        Kind::Queue => checked::<routing::QueueConfig>(json, check_queue)?,
        Kind::Role => checked::<Role>(json, check_role)?,
        Kind::Skill => checked::<SkillName>(json, |s, report| named(&s.name, report))?,
        Kind::Tenant => checked::<Tenant>(json, check_tenant)?,
        Kind::Threshold => checked::<Threshold>(json, check_threshold)?,
        Kind::Trunk => checked::<Trunk>(json, check_trunk)?,
        Kind::Wallboard => checked::<Wallboard>(json, check_wallboard)?,
    };
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let needs = needs(kind, &body);
    Ok(Draft { kind, body, claims, needs })
}

/// Where problems go.
#[derive(Default)]
struct Report {
    problems: Vec<Fault>,
    claims: Vec<Claim>,
}

impl Report {
    fn problem(&mut self, place: impl Display, code: &str, message: impl Display) {
        self.problems.push(Fault::new(place, code, message));
    }
}

fn checked<T: DeserializeOwned + Serialize>(
    json: &str,
    check: impl FnOnce(&T, &mut Report),
) -> Result<(Value, Vec<Claim>, Vec<Fault>)> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let document: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let place = error.path().to_string();
        Error::invalid(if place == "." { "" } else { &place }, "unreadable", error.into_inner().to_string())
    })?;
    reader.end().map_err(|error| Error::invalid("", "unreadable", error.to_string()))?;
    let mut report = Report::default();
    check(&document, &mut report);
    let body = serde_json::to_value(&document).map_err(Error::internal)?;
    Ok((body, report.claims, report.problems))
}

fn text(place: &str, value: &str, report: &mut Report) {
    match value.trim().chars().count() {
        0 => report.problem(place, "empty", "is empty"),
        n if n > TEXT_MAX => report.problem(place, "too_long", "is longer than 100 characters"),
        _ => {}
    }
}

fn named(name: &str, report: &mut Report) {
    text("name", name, report);
}

fn check_agent(agent: &Agent, report: &mut Report) {
    named(&agent.name, report);
    skills(&agent.skills, report);
    if agent.ring_timeout_ms.is_some_and(|ring| !(3_000..=120_000).contains(&ring)) {
        report.problem("ring_timeout_ms", "refused", "is not between 3000 and 120000");
    }
    if agent.wrap_up_ms.is_some_and(|wrap_up| !(0..=3_600_000).contains(&wrap_up)) {
        report.problem("wrap_up_ms", "refused", "is not between 0 and 3600000");
    }
    if let Some(phone) = &agent.phone {
        credentials("phone", &phone.username, &phone.password, report);
        if phone.contact.as_ref().is_some_and(|contact| !is_reachable(contact)) {
            report.problem(
                "phone.contact",
                "bad_contact",
                "is not like sip:ana@192.0.2.7:5060, with an IP address",
            );
        }
        report.claims.push(Claim::PhoneUsername(phone.username.clone()));
    }
}

fn skills(skills: &[Skill], report: &mut Report) {
    for (i, skill) in skills.iter().enumerate() {
        if !(1..=10).contains(&skill.level) {
            report.problem(format!("skills[{i}].level"), "level", "is not between 1 and 10");
        }
        if skills[..i].iter().any(|earlier| earlier.name == skill.name) {
            report.problem(format!("skills[{i}].name"), "twice", "stands there twice");
        }
    }
}

/// Digest credentials as a SIP device types them.
fn credentials(place: &str, username: &str, password: &str, report: &mut Report) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !(3..=64).contains(&username.len()) || !username.chars().all(plain) {
        report.problem(
            format!("{place}.username"),
            "bad_username",
            "is not 3 to 64 letters, digits, dots, dashes",
        );
    }
    if !(8..=128).contains(&password.len()) || password.chars().any(|c| c.is_control() || c == '"') {
        report.problem(format!("{place}.password"), "bad_password", "is not 8 to 128 printable characters");
    }
}

fn is_reachable(contact: &str) -> bool {
    Uri::parse(contact).is_ok_and(|uri| uri.scheme == "sip" && uri.address().is_some())
}

fn check_did(did: &Did, report: &mut Report) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if did.sip_name.as_ref().is_some_and(|name| !(1..=64).contains(&name.len()) || !name.chars().all(plain)) {
        report.problem("sip_name", "bad_username", "is not 1 to 64 letters, digits, dots, dashes");
    }
    text("label", &did.label, report);
    if did.answer_after_ms.is_some_and(|ms| !(1_000..=3_600_000).contains(&ms)) {
        report.problem("answer_after_ms", "answer_after", "is not between 1 s and 1 h");
    }
    report.claims.push(Claim::Number(did.number.to_string()));
}

fn check_flow(flow: &flow::Flow, report: &mut Report) {
    named(&flow.name, report);
    let found = flow.validate().err().unwrap_or_default();
    // The name was looked at above.
    let rest = found.into_iter().filter(|problem| problem.place != "name");
    report.problems.extend(rest.map(|p| Fault::new(p.place, "refused", p.message)));
}

fn check_role(role: &Role, report: &mut Report) {
    named(&role.name, report);
    if role.permissions.len() > PERMISSIONS_MAX {
        report.problem("permissions", "too_many", "are more than 100");
    }
    for (i, name) in role.permissions.iter().enumerate() {
        if role.permissions[..i].contains(name) {
            report.problem(format!("permissions[{i}]"), "twice", "stands there twice");
        }
    }
}

fn check_prompt(prompt: &Prompt, report: &mut Report) {
    named(&prompt.name, report);
    if prompt.hash.len() != 64 || !prompt.hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        report.problem("hash", "bad_hash", "is not a SHA-256 in hexadecimal");
    }
    if prompt.duration_ms < 0 {
        report.problem("duration_ms", "negative", "is negative");
    }
}

fn check_queue(queue: &routing::QueueConfig, report: &mut Report) {
    named(&queue.name, report);
    // The router rings several agents at once; a call rings one so far.
    let found = queue.validate().err().unwrap_or_default();
    // The name was looked at above.
    let rest = found.into_iter().filter(|problem| problem.place != "name");
    report.problems.extend(rest.map(|p| Fault::new(p.place, "refused", p.message)));
}

fn check_tenant(tenant: &Tenant, report: &mut Report) {
    named(&tenant.name, report);
    settings(&tenant.time_zone, &tenant.language, tenant.country_code.as_deref(), report);
    if tenant.flow_networks.len() > ADDRESSES_MAX {
        report.problem("flow_networks", "too_many", "are more than 100");
    }
    if tenant.flow_networks.iter().any(|network| network.parse::<ipnet::IpNet>().is_err()) {
        report.problem("flow_networks", "bad_network", "is no network such as 10.20.0.0/16");
    }
    if !tenant.calls_max.is_none_or(|calls| (1..=CALLS_MAX).contains(&calls)) {
        report.problem("calls_max", "bad_calls_max", "is not between 1 and 10000");
    }
    check_rate(tenant.calls_per_second, report);
}

fn check_rate(calls_per_second: Option<u32>, report: &mut Report) {
    if !calls_per_second.is_none_or(|calls| (1..=RATE_MAX).contains(&calls)) {
        report.problem("calls_per_second", "bad_rate", "is not between 1 and 1000");
    }
}

fn check_threshold(threshold: &Threshold, report: &mut Report) {
    named(&threshold.name, report);
    let highest = match threshold.measure {
        Measure::Waiting | Measure::FreeAgents => 100_000,
        Measure::LongestWait => 86_400_000,
        Measure::ServiceLevel => 100,
    };
    if !(1..=highest).contains(&threshold.at) {
        report.problem("at", "out_of_range", format!("is not between 1 and {highest}"));
    }
    if !(0..=3_600_000).contains(&threshold.lasts_ms) {
        report.problem("lasts_ms", "out_of_range", "is not between 0 and 3600000");
    }
    if threshold.emails.len() > EMAILS_MAX {
        report.problem("emails", "too_many", "are more than 20");
    }
    for (i, email) in threshold.emails.iter().enumerate() {
        if email.len() > 254 || email.parse::<lettre::Address>().is_err() {
            report.problem(format!("emails[{i}]"), "not_an_email", "is not an e-mail address");
        }
    }
}

fn check_wallboard(wallboard: &Wallboard, report: &mut Report) {
    named(&wallboard.name, report);
    if !(1..=QUEUES_MAX).contains(&wallboard.queues.len()) {
        report.problem("queues", "queues", "are not 1 to 30");
    }
    if wallboard.token_hash.len() != HASH {
        report.problem("token_hash", "bad_hash", "is not a SHA-256 in base 64");
    }
}

fn settings(time_zone: &str, language: &str, country_code: Option<&str>, report: &mut Report) {
    if time_zone.parse::<chrono_tz::Tz>().is_err() {
        report.problem("time_zone", "bad_time_zone", "is no IANA time zone such as Europe/Bucharest");
    }
    if !["en", "ru", "ro"].contains(&language) {
        report.problem("language", "bad_language", "is none of en, ru, ro");
    }
    if country_code.is_some_and(|code| !is_country_code(code)) {
        report.problem("country_code", "bad_country_code", "is not 1 to 3 digits such as 40");
    }
}

fn is_country_code(code: &str) -> bool {
    (1..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit()) && !code.starts_with('0')
}

fn check_trunk(trunk: &Trunk, report: &mut Report) {
    named(&trunk.name, report);
    check_rate(trunk.calls_per_second, report);
    if let Some(numbers) = &trunk.numbers {
        check_numbering(numbers, report);
    }
    if let Some(outbound) = &trunk.outbound {
        check_outbound(outbound, report);
        if outbound.registered && !matches!(trunk.auth, TrunkAuth::Digest { .. }) {
            let message = "need the user name and password of the trunk to register by";
            report.problem("outbound.registered", "registers_by_digest", message);
        }
    }
    if trunk.emergency && trunk.outbound.is_none() {
        report.problem("emergency", "no_outbound", "needs a way for calls to the outside");
    }
    match &trunk.auth {
        TrunkAuth::Ip { addresses } => networks(addresses, report),
        TrunkAuth::Digest { username, password } => {
            credentials("auth", username, password, report);
            report.claims.push(Claim::TrunkUsername(username.clone()));
        }
    }
}

fn check_numbering(numbers: &Numbering, report: &mut Report) {
    if !is_country_code(&numbers.country) {
        report.problem("numbers.country", "bad_country_code", "is not 1 to 3 digits such as 40");
    }
    let digits = |text: &str| text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    let (national, abroad) = (&numbers.national_prefix, &numbers.international_prefix);
    if !digits(national) || !digits(abroad) || abroad.is_empty() {
        report.problem("numbers", "bad_dial_prefix", "have prefixes that are not up to 5 digits");
    }
}

fn check_outbound(outbound: &Outbound, report: &mut Report) {
    let fewest = if outbound.registered { 0 } else { 1 };
    if !(fewest..=GATEWAYS_MAX).contains(&outbound.gateways.len()) {
        report.problem("outbound.gateways", "gateways", "are not 1 to 8");
    }
    for (i, gateway) in outbound.gateways.iter().enumerate() {
        let (host, port) = host_and_port(&gateway.address);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
        let host = !host.is_empty() && host.len() <= 253 && host.chars().all(plain);
        if !host || port.is_err() {
            let message = "is no host, with or without a port";
            report.problem(format!("outbound.gateways[{i}].address"), "bad_gateway", message);
        }
    }
    let prefix = |text: &String| (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if outbound.prefixes.len() > PREFIXES_MAX || !outbound.prefixes.iter().all(prefix) {
        report.problem(
            "outbound.prefixes",
            "bad_prefixes",
            "are not up to 300 beginnings of numbers in digits",
        );
    }
    if !(1..=CALLS_MAX).contains(&outbound.calls_max) {
        report.problem("outbound.calls_max", "bad_calls_max", "is not between 1 and 10000");
    }
    let certificates = |pem: &String| pem.len() <= CA_MAX && pem.contains("-----BEGIN CERTIFICATE-----");
    if !outbound.ca.as_ref().is_none_or(certificates) {
        report.problem("outbound.ca", "bad_ca", "holds no certificate in PEM, or over 64 kB");
    }
    if outbound.register && outbound.credentials.is_none() {
        report.problem("outbound.credentials", "bad_credentials", "are needed to register");
    }
    if let Some(Credentials { username, password }) = &outbound.credentials {
        let fine = |text: &str| (1..=128).contains(&text.len()) && !text.contains(['"', '\r', '\n']);
        if !fine(username) || !fine(password) {
            let message = "are not 1 to 128 printable characters each";
            report.problem("outbound.credentials", "bad_credentials", message);
        }
    }
}

fn networks(addresses: &[String], report: &mut Report) {
    if addresses.is_empty() || addresses.len() > ADDRESSES_MAX {
        report.problem("auth.addresses", "addresses", "are not 1 to 100");
    }
    for (i, address) in addresses.iter().enumerate() {
        match network(address) {
            Ok(network) => report.claims.push(Claim::Network(network)),
            Err((code, message)) => report.problem(format!("auth.addresses[{i}]"), code, message),
        }
    }
}

/// A single address or a block that is no wider than a carrier's.
fn network(text: &str) -> Result<String, (&'static str, &'static str)> {
    const WRONG: (&str, &str) = ("bad_address", "is no IP address or CIDR block such as 192.0.2.0/28");
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
    let address: IpAddr = address.parse().map_err(|_| WRONG)?;
    let (widest, whole) = if address.is_ipv4() { (16, 32) } else { (32, 128) };
    let prefix: u8 = prefix.map_or(Ok(whole), str::parse).map_err(|_| WRONG)?;
    match prefix {
        p if p > whole => Err(WRONG),
        p if p < widest => Err(("address_too_wide", "is wider than a carrier's block (/16, or /32 in IPv6)")),
        p => Ok(format!("{address}/{p}")),
    }
}

/// What a document names. `body` has passed `check`.
pub(crate) fn needs(kind: Kind, body: &Value) -> Vec<Need> {
    match kind {
        Kind::Did => vec![document(Kind::Flow, body["flow"].as_str().unwrap_or_default(), "flow")],
        Kind::Flow => flow_needs(body),
        Kind::Agent => {
            let department = body["department"].as_str();
            let department = department.map(|id| document(Kind::Department, id, "department"));
            skill_needs(body).into_iter().chain(department).collect()
        }
        Kind::Department => {
            let parent = body["parent"].as_str();
            parent.map(|id| document(Kind::Department, id, "parent")).into_iter().collect()
        }
        Kind::Loan => {
            let named = [(Kind::Agent, "agent"), (Kind::Queue, "queue")];
            named.map(|(kind, field)| document(kind, body[field].as_str().unwrap_or_default(), field)).into()
        }
        Kind::Queue => skill_needs(body).into_iter().chain(seat_needs(body)).collect(),
        Kind::Wallboard => {
            let queues = body["queues"].as_array().into_iter().flatten().enumerate();
            queues
                .map(|(i, id)| {
                    document(Kind::Queue, id.as_str().unwrap_or_default(), &format!("queues[{i}]"))
                })
                .collect()
        }
        Kind::Threshold => {
            vec![document(Kind::Queue, body["queue"].as_str().unwrap_or_default(), "queue")]
        }
        // An alert outlives what it tells of.
        Kind::Alert
        | Kind::Category
        | Kind::Disposition
        | Kind::Jwks
        | Kind::Prompt
        | Kind::Role
        | Kind::Skill
        | Kind::Tenant
        | Kind::Trunk => Vec::new(),
    }
}

fn document(kind: Kind, id: &str, place: &str) -> Need {
    Need::Document { kind, id: id.to_owned(), place: place.to_owned() }
}

fn flow_needs(body: &Value) -> Vec<Need> {
    let Ok(flow) = serde_json::from_value::<flow::Flow>(body.clone()) else { return Vec::new() };
    let mut needs = Vec::new();
    for (id, node) in &flow.nodes {
        match node {
            flow::Node::Queue(queue) => {
                needs.push(document(Kind::Queue, queue.queue.as_str(), &format!("nodes.{id}.queue")));
                // A name with a variable in it is known in the call alone.
                let fixed = queue.skills.iter().enumerate().filter(|(_, skill)| !skill.name.contains('{'));
                needs.extend(fixed.map(|(i, skill)| Need::Skill {
                    name: skill.name.clone(),
                    place: format!("nodes.{id}.skills[{i}].name"),
                }));
            }
            flow::Node::Category(set) => {
                let place = format!("nodes.{id}.category");
                needs.push(document(Kind::Category, set.category.as_str(), &place));
            }
            _ => {}
        }
        for (field, say) in node.said() {
            if let flow::Say::Prompt(prompt) = say {
                needs.push(document(Kind::Prompt, prompt.as_str(), &format!("nodes.{id}.{field}")));
            }
        }
    }
    needs
}

fn seat_needs(body: &Value) -> Vec<Need> {
    let seats = body["agents"].as_array().into_iter().flatten().enumerate();
    seats
        .filter_map(|(i, seat)| {
            Some(document(Kind::Agent, seat["agent"].as_str()?, &format!("agents[{i}].agent")))
        })
        .collect()
}

fn skill_needs(body: &Value) -> Vec<Need> {
    let skills = body["skills"].as_array().into_iter().flatten().enumerate();
    skills
        .filter_map(|(i, skill)| {
            let name = skill["name"].as_str()?.to_owned();
            Some(Need::Skill { name, place: format!("skills[{i}].name") })
        })
        .collect()
}

pub(crate) fn new_id(kind: Kind, now: Timestamp, random: u128) -> String {
    match kind {
        Kind::Agent => AgentId::new(now, random).into(),
        Kind::Alert => AlertId::new(now, random).into(),
        Kind::Category => CategoryId::new(now, random).into(),
        Kind::Department => DepartmentId::new(now, random).into(),
        Kind::Did => DidId::new(now, random).into(),
        Kind::Disposition => DispositionId::new(now, random).into(),
        Kind::Flow => FlowId::new(now, random).into(),
        Kind::Jwks => crate::keys::DOCUMENT.into(),
        Kind::Loan => LoanId::new(now, random).into(),
        Kind::Prompt => PromptId::new(now, random).into(),
        Kind::Queue => QueueId::new(now, random).into(),
        Kind::Role => RoleId::new(now, random).into(),
        Kind::Skill => SkillId::new(now, random).into(),
        Kind::Tenant => TenantId::new(now, random).into(),
        Kind::Threshold => ThresholdId::new(now, random).into(),
        Kind::Trunk => TrunkId::new(now, random).into(),
        Kind::Wallboard => WallboardId::new(now, random).into(),
    }
}
