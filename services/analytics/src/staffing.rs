//! Who serves which queue, as the configuration says: by skills and seats, or
//! by a loan for a time.

use crate::books::AgentNow;
use eventlog::{ConfigView, Doc};
use routing::QueueConfig;
use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};
use types::{
    AgentId, AgentState, QueueId, TenantId, Timestamp,
    config::{Agent, Kind, Loan},
};

/// Agents of a queue at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Staff {
    /// In any state but offline.
    pub signed_in: u32,
    /// Could take a caller now.
    pub free: u32,
}

/// Kept until the configuration changes: reading it is the dear part.
pub struct Staffing {
    view: Arc<ConfigView>,
    known: Mutex<HashMap<TenantId, Known>>,
}

struct Known {
    /// Of the whole configuration, and of what was read of it.
    version: u64,
    print: u64,
    members: Arc<Members>,
}

#[derive(Default)]
struct Members {
    queues: BTreeMap<QueueId, Vec<AgentId>>,
    loans: Vec<Loan>,
}

impl Staffing {
    pub fn new(view: Arc<ConfigView>) -> Staffing {
        Staffing { view, known: Mutex::default() }
    }

    /// By queue; every queue of the configuration is there.
    pub fn of(
        &self,
        tenant: &TenantId,
        agents: &BTreeMap<AgentId, AgentNow>,
        now: Timestamp,
    ) -> BTreeMap<QueueId, Staff> {
        let members = self.members(tenant);
        let lent: HashMap<&AgentId, &QueueId> = members
            .loans
            .iter()
            .filter(|loan| loan.until() > now)
            .map(|loan| (&loan.agent, &loan.queue))
            .collect();
        let counted = |(queue, own): (&QueueId, &Vec<AgentId>)| {
            let borrowed = lent.iter().filter(|(_, to)| **to == queue).map(|(agent, _)| *agent);
            let serve = own.iter().filter(|agent| !lent.contains_key(agent)).chain(borrowed);
            (queue.clone(), count(serve, agents))
        };
        members.queues.iter().map(counted).collect()
    }

    fn members(&self, tenant: &TenantId) -> Arc<Members> {
        let version = *self.view.changes().borrow();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = known.get(tenant).filter(|one| one.version == version) {
            return one.members.clone();
        }
        // Most changes are other companies', or of other things.
        let print = print(&self.view, tenant);
        let same = known.remove(tenant).filter(|one| one.print == print).map(|one| one.members);
        let members = same.unwrap_or_else(|| Arc::new(read(&self.view, tenant)));
        known.insert(tenant.clone(), Known { version, print, members: members.clone() });
        members
    }
}

fn count<'a>(serve: impl Iterator<Item = &'a AgentId>, agents: &BTreeMap<AgentId, AgentNow>) -> Staff {
    let states = serve.filter_map(|agent| Some(agents.get(agent)?.state));
    states.fold(Staff::default(), |staff, state| Staff {
        signed_in: staff.signed_in + u32::from(state != AgentState::Offline),
        free: staff.free + u32::from(state == AgentState::Available),
    })
}

/// Changes when a document that is read does.
fn print(view: &ConfigView, tenant: &TenantId) -> u64 {
    let mut hasher = DefaultHasher::new();
    for kind in [Kind::Agent, Kind::Queue, Kind::Loan] {
        view.docs(tenant, kind).iter().for_each(|doc| (&doc.id, doc.version).hash(&mut hasher));
    }
    hasher.finish()
}

fn read(view: &ConfigView, tenant: &TenantId) -> Members {
    let ids = |doc: &Arc<Doc>| Some((doc.id.parse::<AgentId>().ok()?, doc.read::<Agent>()?));
    let agents: Vec<(AgentId, Agent)> = view.docs(tenant, Kind::Agent).iter().filter_map(ids).collect();
    let queue = |doc: &Arc<Doc>| {
        let (id, config) = (doc.id.parse::<QueueId>().ok()?, doc.read::<QueueConfig>()?);
        let serves = |agent: &AgentId, skills: &[types::Skill]| {
            let seat = config.agents.iter().find(|seat| seat.agent == *agent);
            config.step_for(seat, skills).is_some()
        };
        let members = agents.iter().filter(|(id, agent)| serves(id, &agent.skills));
        Some((id, members.map(|(id, _)| id.clone()).collect()))
    };
    Members {
        queues: view.docs(tenant, Kind::Queue).iter().filter_map(queue).collect(),
        loans: view.docs(tenant, Kind::Loan).iter().filter_map(|doc| doc.read()).collect(),
    }
}
