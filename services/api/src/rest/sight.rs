//! Whom somebody sees: the whole company, or the people of their department and of those below it.

use super::documents;
use crate::{
    App,
    auth::Caller,
    problem::{Problem, Result},
};
use proto::crm::v1::{GetInteractionRequest, Interaction};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use types::{
    Skill,
    config::{Kind, Loan},
};

/// # Errors
/// 404 where the call is of people whom the caller does not see.
pub async fn sees_call(app: &App, caller: &Caller, call: &str) -> Result<()> {
    let sight = Sight::of(app, caller).await?;
    if sight == Sight::Company {
        return Ok(());
    }
    let request = GetInteractionRequest { tenant: caller.tenant().into(), id: call.into() };
    let found = app.crm().get_interaction(request).await?.into_inner();
    if sight.interaction(&found) {
        Ok(())
    } else {
        Err(Problem::not_found(format!("no call {call} goes on")))
    }
}

/// What one sees of the company.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sight {
    Company,
    Part(Part),
}

/// The people below a head, the departments, and the queues that those people serve.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Part {
    pub agents: BTreeSet<String>,
    pub departments: BTreeSet<String>,
    pub queues: BTreeSet<String>,
    /// People of others who serve one of these queues for a time.
    pub borrowed: BTreeSet<String>,
}

#[derive(Deserialize)]
pub struct Agent {
    #[serde(default)]
    pub department: Option<String>,
    #[serde(default)]
    pub skills: Vec<Skill>,
}

#[derive(Deserialize)]
struct Department {
    #[serde(default)]
    parent: Option<String>,
}

#[derive(Deserialize)]
pub struct Queue {
    #[serde(default)]
    skills: Vec<Skill>,
    #[serde(default)]
    agents: Vec<Seat>,
    #[serde(default)]
    only_listed: bool,
}

#[derive(Deserialize)]
struct Seat {
    agent: String,
}

impl Queue {
    /// Whether the agent serves it.
    pub fn takes(&self, agent: &str, skills: &[Skill]) -> bool {
        let has = |wanted: &Skill| skills.iter().any(|s| s.name == wanted.name && s.level >= wanted.level);
        let listed = || self.agents.iter().any(|seat| seat.agent == agent);
        self.skills.iter().all(has) && (!self.only_listed || listed())
    }
}

impl Sight {
    pub async fn of(app: &App, caller: &Caller) -> Result<Sight> {
        if !caller.heads_department() {
            return Ok(Sight::Company);
        }
        let agents = documents::all(app, caller, Kind::Agent).await?;
        let departments = documents::all(app, caller, Kind::Department).await?;
        let queues = documents::all(app, caller, Kind::Queue).await?;
        let mut part = part(&caller.identity.agent, &agents, &departments, &queues);
        let now = chassis::clock::now();
        let loans = documents::all::<Loan>(app, caller, Kind::Loan).await?.into_values();
        let borrowed = loans.filter(|loan| loan.until() > now && part.queues.contains(loan.queue.as_str()));
        part.borrowed = borrowed.map(|loan| loan.agent.to_string()).collect();
        Ok(Sight::Part(part))
    }

    pub fn agent(&self, id: &str) -> bool {
        match self {
            Sight::Company => true,
            Sight::Part(part) => part.agents.contains(id),
        }
    }

    /// On the monitor: own people, and who helps them for a time.
    pub fn shows(&self, id: &str) -> bool {
        self.agent(id) || matches!(self, Sight::Part(part) if part.borrowed.contains(id))
    }

    pub fn queue(&self, id: &str) -> bool {
        match self {
            Sight::Company => true,
            Sight::Part(part) => part.queues.contains(id),
        }
    }

    /// A call belongs to whom it talks with or rings, before that to the queue.
    pub fn call(&self, agent: Option<&str>, queue: Option<&str>) -> bool {
        match (self, agent, queue) {
            (Sight::Company, ..) => true,
            (_, Some(agent), queue) => {
                self.agent(agent) || (self.shows(agent) && queue.is_some_and(|queue| self.queue(queue)))
            }
            (_, None, Some(queue)) => self.queue(queue),
            (_, None, None) => false,
        }
    }

    /// A call as history knows it.
    pub fn interaction(&self, of: &Interaction) -> bool {
        let known = |id| Some(id).filter(|id: &&str| !id.is_empty());
        self.call(known(&of.agent), known(&of.queue))
    }

    /// Refuses what concerns somebody who is not seen.
    pub fn must_see(&self, agent: &str) -> Result<()> {
        if self.agent(agent) { Ok(()) } else { Err(Problem::outside_department()) }
    }

    pub fn must_see_department(&self, id: &str) -> Result<()> {
        match self {
            Sight::Part(part) if !part.departments.contains(id) => Err(Problem::outside_department()),
            _ => Ok(()),
        }
    }
}

fn part(
    own: &str,
    agents: &BTreeMap<String, Agent>,
    departments: &BTreeMap<String, Department>,
    queues: &BTreeMap<String, Queue>,
) -> Part {
    let head = agents.get(own).and_then(|agent| agent.department.as_deref());
    let below: BTreeSet<String> = departments
        .keys()
        .filter(|id| head.is_some_and(|head| is_below(id, head, departments)))
        .cloned()
        .collect();
    let theirs = |agent: &Agent| agent.department.as_ref().is_some_and(|id| below.contains(id));
    let people: BTreeMap<&String, &Agent> =
        agents.iter().filter(|(id, agent)| id.as_str() == own || theirs(agent)).collect();
    let served = |queue: &Queue| people.iter().any(|(id, agent)| queue.takes(id, &agent.skills));
    Part {
        queues: queues.iter().filter(|(_, queue)| served(queue)).map(|(id, _)| id.clone()).collect(),
        // Never empty: no agents would be no filter.
        agents: people.into_keys().cloned().chain([own.to_owned()]).collect(),
        departments: below,
        borrowed: BTreeSet::new(),
    }
}

/// Itself included.
fn is_below(id: &str, head: &str, departments: &BTreeMap<String, Department>) -> bool {
    let mut at = Some(id);
    for _ in 0..=departments.len() {
        match at {
            Some(id) if id == head => return true,
            Some(id) => at = departments.get(id).and_then(|department| department.parent.as_deref()),
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(department: &str, skill: &str) -> Agent {
        let skills = vec![Skill { name: skill.into(), level: 5 }];
        Agent { department: (!department.is_empty()).then(|| department.into()), skills }
    }

    #[test]
    fn a_head_sees_down_the_tree_and_nothing_beside_it() {
        let departments = [("sales", None), ("north", Some("sales")), ("support", None)];
        let departments = departments
            .map(|(id, parent)| (id.to_owned(), Department { parent: parent.map(str::to_owned) }))
            .into();
        let agents = [
            ("head", agent("sales", "lead")),
            ("ana", agent("north", "sell")),
            ("ben", agent("support", "help")),
            ("carol", agent("", "help")),
        ];
        let agents = agents.map(|(id, agent)| (id.to_owned(), agent)).into();
        let queue = |skill: &str| Queue {
            skills: vec![Skill { name: skill.into(), level: 5 }],
            agents: Vec::new(),
            only_listed: false,
        };
        let queues = [("q_sell".to_owned(), queue("sell")), ("q_help".to_owned(), queue("help"))].into();
        let seen = part("head", &agents, &departments, &queues);
        let texts = |all: &[&str]| all.iter().map(|one| one.to_string()).collect::<BTreeSet<_>>();
        assert_eq!(seen.agents, texts(&["ana", "head"]));
        assert_eq!(seen.departments, texts(&["north", "sales"]));
        assert_eq!(seen.queues, texts(&["q_sell"]));
        assert_eq!(part("carol", &agents, &departments, &queues).agents, texts(&["carol"]));
    }
}
