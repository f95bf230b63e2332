//! `trunkline bench-profile`: the way of a call alone, for load drivers.
//!
//! Telephony, media, IVR, ACD and the journal as in `trunkline up`, with a fixed
//! configuration in place of tenancy, and without PostgreSQL and projections.
//! Everybody may call and the agents do not register, so any driver fits.

use crate::{
    folder::Folder,
    platform,
    services::{self, Running, Shared},
};
use anyhow::Context;
use chassis::{Credentials, Drain};
use eventlog::{Log, Record, Topic, codec};
use flow::{Flow, Menu, Node, Play, Queue, Say};
use routing::QueueConfig;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{net::SocketAddr, path::Path};
use types::{
    AgentId, DidId, FlowId, PromptId, QueueId, Skill, TenantId, TrunkId, UserId,
    config::{Agent, Did, Kind, Phone, Prompt, Tenant, Trunk, TrunkAuth},
    fact::ConfigFact,
};

/// The services that a call passes through.
const SERVICES: [&str; 4] = ["ivr", "acd", "media", "telephony"];
const PROMPT_SECONDS: usize = 2;
const HOUR_MS: i64 = 3_600_000;
const SKILL: &str = "calls";

/// How it is started.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Where SIP is received and, by its address, RTP.
    pub listen: SocketAddr,
    pub agents: u32,
    /// Where agents are, `{n}` being an agent's number: `sip:a{n}@127.0.0.1:7000`.
    pub agent_contact: String,
    /// Journal, prompts and recorded segments; used by one process at a time.
    pub data: std::path::PathBuf,
}

/// Runs until the drain begins.
pub async fn run(profile: Profile, drain: Drain) -> anyhow::Result<()> {
    let folder = Folder::open(&profile.data)?;
    let log = Log::open(&folder.part("journal")?).context("the journal")?;
    let objects = folder.part("objects")?;
    Catalog::new(&log).fill(&profile, &objects)?;
    let (listeners, peers) = services::bind()?;
    let settings = settings(&profile, &objects);
    let shared = Shared {
        log: log.clone(),
        peers: peers.clone(),
        credentials: Credentials::alone(),
        settings,
        drain: drain.clone(),
    };
    let mut running = Running::new();
    for (name, listener) in listeners.into_iter().filter(|(name, _)| SERVICES.contains(name)) {
        services::start(&mut running, &shared, name, listener, folder.part(name)?)?;
    }
    platform::healthy_all(&peers, &SERVICES, &mut running).await?;
    let ended = tokio::select! {
        () = drain.clone().begun_owned() => Ok(()),
        Some(ended) = running.join_next() => Err(platform::ended_early(ended)),
    };
    drain.start();
    while running.join_next().await.is_some() {}
    log.sync()?;
    ended
}

fn settings(profile: &Profile, objects: &Path) -> toml::Table {
    let (sip, ip) = (profile.listen.to_string(), profile.listen.ip().to_string());
    let prompts = objects.display().to_string();
    let spoken = prompts.clone();
    toml::toml! {
        [telephony]
        sip_listen = sip
        drain_wait_ms = 0
        [media]
        rtp_listen = ip
        rtp_ports = "0-0"
        sessions_max = 20000
        objects = prompts
        drain_wait_ms = 0
        [ivr]
        objects = spoken
    }
}

/// Writes the configuration as tenancy would.
struct Catalog<'a> {
    log: &'a Log,
    tenant: TenantId,
}

impl<'a> Catalog<'a> {
    fn new(log: &'a Log) -> Self {
        Self { log, tenant: TenantId::new(chassis::clock::now(), chassis::random::u128()) }
    }

    fn fill(&self, profile: &Profile, objects: &Path) -> anyhow::Result<()> {
        let company = Tenant {
            name: "Load".into(),
            time_zone: "UTC".into(),
            language: "en".into(),
            country_code: None,
            flow_networks: Vec::new(),
            listening_notice: false,
            calls_max: None,
            calls_per_second: None,
        };
        self.save(Kind::Tenant, &self.tenant.to_string(), &company)?;
        let auth = TrunkAuth::Ip { addresses: vec!["0.0.0.0/0".into(), "::/0".into()] };
        let trunk = Trunk::new("Everybody", auth);
        self.save(Kind::Trunk, &id(TrunkId::new), &trunk)?;
        self.agents(profile)?;
        let prompt = self.prompt(objects)?;
        let (staffed, empty) = (self.queue("Staffed", SKILL)?, self.queue("Empty", "nobody has it")?);
        self.number(1, "plain", true, vec![("hold", silence())])?;
        let greeted = || vec![("hello", greeting(&prompt)), ("wait", wait(&staffed))];
        self.number(2, "cc", true, greeted())?;
        self.number(3, "ccnorec", false, greeted())?;
        self.number(4, "ccq", false, vec![("wait", wait(&staffed))])?;
        self.number(5, "wait", false, vec![("wait", wait(&empty))])?;
        self.number(6, "waitq", false, vec![("wait", wait(&staffed))])
    }

    fn agents(&self, profile: &Profile) -> anyhow::Result<()> {
        for n in 1..=profile.agents {
            let phone = Phone {
                username: format!("a{n}"),
                password: chassis::random::token(),
                contact: Some(profile.agent_contact.replace("{n}", &n.to_string())),
            };
            let skills = vec![Skill { name: SKILL.into(), level: 5 }];
            let user = make(UserId::new);
            let (name, phone) = (format!("Agent {n}"), Some(phone));
            let agent = Agent {
                name,
                user,
                skills,
                phone,
                ring_timeout_ms: None,
                wrap_up_ms: None,
                department: None,
            };
            self.save(Kind::Agent, &id(AgentId::new), &agent)?;
        }
        Ok(())
    }

    /// Two seconds of a tone.
    fn prompt(&self, objects: &Path) -> anyhow::Result<PromptId> {
        let wav = rtp::wav::write(&rtp::tone::Sine::new(440.0, 0.2).take(8_000 * PROMPT_SECONDS), 1);
        let hash: String = Sha256::digest(&wav).iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::create_dir_all(objects.join("prompts"))?;
        std::fs::write(objects.join(format!("prompts/{hash}.wav")), wav)?;
        let prompt: PromptId = make(PromptId::new);
        let body = Prompt { name: "Greeting".into(), hash, duration_ms: 1_000 * PROMPT_SECONDS as i64 };
        self.save(Kind::Prompt, &prompt.to_string(), &body)?;
        Ok(prompt)
    }

    fn queue(&self, name: &str, skill: &str) -> anyhow::Result<QueueId> {
        let queue: QueueId = make(QueueId::new);
        let config: QueueConfig = serde_json::from_value(serde_json::json!({
            "name": name, "skills": [{ "name": skill, "level": 1 }], "wrap_up_ms": 0, "waiting_max": 20_000,
        }))?;
        self.save(Kind::Queue, &queue.to_string(), &config)?;
        Ok(queue)
    }

    /// A number that starts at the first of these nodes, each leading to the next.
    fn number(&self, n: u32, name: &str, record: bool, nodes: Vec<(&str, Node)>) -> anyhow::Result<()> {
        let flow: FlowId = make(FlowId::new);
        let start = nodes[0].0.to_owned();
        let end = [("bye".to_owned(), Node::Hangup)];
        let nodes = nodes.into_iter().map(|(id, node)| (id.to_owned(), node)).chain(end).collect();
        let body = Flow { name: name.into(), language: "en".into(), start, nodes };
        self.save(Kind::Flow, &flow.to_string(), &body)?;
        let did = Did {
            number: format!("+99900000{n:03}").parse()?,
            label: name.into(),
            flow,
            auto_connect: true,
            answer_after_ms: None,
            record,
            sip_name: Some(name.into()),
        };
        self.save(Kind::Did, &id(DidId::new), &did)
    }

    fn save<T: Serialize>(&self, kind: Kind, id: &str, body: &T) -> anyhow::Result<()> {
        let body = Some(serde_json::to_string(body)?);
        let at = chassis::clock::now();
        let fact = ConfigFact { kind, id: id.into(), version: 1, at, actor: "bench-profile".into(), body };
        let key = format!("{}/{}/{id}", self.tenant, kind.as_str());
        self.log.append(Record::new(Topic::Config, &self.tenant, key, codec::encode(&fact)))?;
        Ok(())
    }
}

fn make<T>(new: impl FnOnce(types::Timestamp, u128) -> T) -> T {
    new(chassis::clock::now(), chassis::random::u128())
}

fn id<T: ToString>(new: impl FnOnce(types::Timestamp, u128) -> T) -> String {
    make(new).to_string()
}

/// Waits for a key that never comes.
fn silence() -> Node {
    Node::Menu(Menu {
        label: "Hold".into(),
        say: Vec::new(),
        choices: [("1".to_owned(), "bye".to_owned())].into(),
        attempts: 1,
        timeout_ms: HOUR_MS,
        invalid_attempts: None,
        invalid: Vec::new(),
        silence: Vec::new(),
        no_input: "bye".into(),
        no_match: "bye".into(),
    })
}

fn greeting(prompt: &PromptId) -> Node {
    Node::Play(Play { label: "Greeting".into(), say: vec![Say::Prompt(prompt.clone())], next: "wait".into() })
}

fn wait(queue: &QueueId) -> Node {
    Node::Queue(Queue {
        label: "Queue".into(),
        queue: queue.clone(),
        skills: Vec::new(),
        welcome: Vec::new(),
        music: Vec::new(),
        priority: 0,
        announce_every_ms: 0,
        overflow: "bye".into(),
        overflow_by: Default::default(),
    })
}
