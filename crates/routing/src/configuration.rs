//! Queues and agents as they are saved: who serves what.

use crate::{
    Agent, Effect, Profile, QueueConfig, Router,
    agent::DELETED,
    queue::{Place, Queue},
    router::{Due, Step},
};
use std::collections::{BTreeSet, HashMap};
use types::*;

/// Which queues may concern which agents, so that neither is searched whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tenant {
    agents: BTreeSet<AgentId>,
    /// Agents by each of their skills.
    having: HashMap<String, BTreeSet<AgentId>>,
    /// Queues by the first skill that they ask for; empty: none.
    wanting: HashMap<String, BTreeSet<QueueId>>,
}

impl Tenant {
    fn who_may_serve(&self, config: &QueueConfig) -> BTreeSet<AgentId> {
        match config.skills.first() {
            Some(skill) => self.having.get(&skill.name).cloned().unwrap_or_default(),
            None => self.agents.clone(),
        }
    }

    fn may_be_served_by(&self, agent: &Agent) -> BTreeSet<QueueId> {
        let skills = agent.skills.iter().map(|skill| skill.name.as_str());
        skills.chain([""]).filter_map(|skill| self.wanting.get(skill)).flatten().cloned().collect()
    }
}

fn first_skill(config: &QueueConfig) -> String {
    config.skills.first().map(|skill| skill.name.clone()).unwrap_or_default()
}

fn take_out<K: Ord>(index: &mut HashMap<String, BTreeSet<K>>, name: &str, key: &K) {
    if let Some(keys) = index.get_mut(name) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(name);
        }
    }
}

impl Router {
    pub(crate) fn set_queue(
        &mut self,
        step: &mut Step,
        tenant: TenantId,
        id: QueueId,
        config: Option<QueueConfig>,
    ) {
        let Some(config) = config else { return self.drop_queue(step, &id) };
        if self.queues.get(&id).is_some_and(|queue| queue.tenant != tenant) {
            return;
        }
        let index = self.tenants.entry(tenant.clone()).or_default();
        if let Some(queue) = self.queues.get(&id) {
            take_out(&mut index.wanting, &first_skill(&queue.config), &id);
        }
        index.wanting.entry(first_skill(&config)).or_default().insert(id.clone());
        let mut serving = index.who_may_serve(&config);
        match self.queues.get_mut(&id) {
            Some(queue) => queue.set(config),
            None => drop(self.queues.insert(id.clone(), Queue::new(tenant, config))),
        }
        serving.extend(self.queues[&id].member_ids().cloned());
        serving.iter().for_each(|agent| self.enrol(agent, &id));
        self.desertion(step, &id);
        self.place_anew(step, &id);
        self.match_queue(step, &id);
    }

    /// The settings are others: so may be the steps and the order of those who wait.
    fn place_anew(&mut self, step: &mut Step, id: &QueueId) {
        let Some(queue) = self.queues.get(id) else { return };
        let waiting: Vec<CallId> = queue.places.iter().map(|place| place.call.clone()).collect();
        if queue.config.emergency {
            self.give_back(step, &waiting, "emergency");
        } else {
            waiting.iter().for_each(|call| self.reckon(step, call));
        }
    }

    fn drop_queue(&mut self, step: &mut Step, id: &QueueId) {
        let Some(queue) = self.queues.get(id) else { return };
        let waiting: Vec<CallId> = queue.places.iter().map(|Place { call, .. }| call.clone()).collect();
        let members: Vec<AgentId> = queue.member_ids().cloned().collect();
        if let Some(index) = self.tenants.get_mut(&queue.tenant) {
            take_out(&mut index.wanting, &first_skill(&queue.config), id);
        }
        // Nobody is freed into a queue that is about to go.
        for member in &members {
            if let Some(agent) = self.agents.get_mut(member) {
                agent.queues.retain(|queue| queue != id);
            }
        }
        self.give_back(step, &waiting, "queue_deleted");
        self.queues.remove(id);
    }

    pub(crate) fn set_agent(
        &mut self,
        step: &mut Step,
        tenant: TenantId,
        id: AgentId,
        profile: Option<Profile>,
    ) {
        if self.agents.get(&id).is_some_and(|agent| agent.tenant != tenant) {
            return;
        }
        let Some(profile) = profile else { return self.drop_agent(step, &id) };
        let agent =
            self.agents.entry(id.clone()).or_insert_with(|| Agent::new(tenant.clone(), id.clone(), step.now));
        let index = self.tenants.entry(tenant).or_default();
        agent.skills.iter().for_each(|skill| take_out(&mut index.having, &skill.name, &id));
        agent.take_profile(profile);
        index.agents.insert(id.clone());
        for skill in &agent.skills {
            index.having.entry(skill.name.clone()).or_default().insert(id.clone());
        }
        self.enrol_everywhere(step, &id);
        self.moved(step, &id);
        self.match_agent(step, &id);
    }

    fn drop_agent(&mut self, step: &mut Step, id: &AgentId) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        agent.deleted = true;
        if let Some(index) = self.tenants.get_mut(&agent.tenant) {
            index.agents.remove(id);
            agent.skills.iter().for_each(|skill| take_out(&mut index.having, &skill.name, id));
        }
        self.enrol_everywhere(step, id);
        self.offline(step, id, DELETED.into());
        self.forget(id);
    }

    /// A deleted agent is kept for as long as a conversation lasts.
    pub(crate) fn forget(&mut self, id: &AgentId) {
        if self.agents.get(id).is_some_and(|agent| agent.deleted && agent.state == AgentState::Offline) {
            self.agents.remove(id);
        }
    }

    /// Puts the agent into the queues that the skills suit, and out of the others.
    pub(crate) fn enrol_everywhere(&mut self, step: &mut Step, id: &AgentId) {
        let Some(agent) = self.agents.get(id) else { return };
        let mut queues =
            self.tenants.get(&agent.tenant).map(|index| index.may_be_served_by(agent)).unwrap_or_default();
        queues.extend(agent.queues.iter().cloned());
        queues.extend(agent.loan.iter().map(|loan| loan.queue.clone()));
        for queue in &queues {
            self.enrol(id, queue);
            self.desertion(step, queue);
        }
    }

    fn enrol(&mut self, id: &AgentId, queue: &QueueId) {
        let (Some(agent), Some(found)) = (self.agents.get_mut(id), self.queues.get_mut(queue)) else {
            return;
        };
        let was = agent.queues.iter().position(|member| member == queue);
        let lent = agent.loan.as_ref().map(|loan| loan.queue == *queue);
        match (found.enrol(agent, lent, self.chance.draw()), was) {
            (true, None) => agent.queues.push(queue.clone()),
            (false, Some(i)) => drop(agent.queues.swap_remove(i)),
            _ => {}
        }
    }

    /// Notes when the last member has signed out, or the first signed in.
    pub(crate) fn desertion(&mut self, step: &mut Step, id: &QueueId) {
        let Some(queue) = self.queues.get_mut(id) else { return };
        match (queue.is_deserted(), queue.deserted) {
            (true, None) => queue.deserted = Some(step.now),
            (false, Some(_)) => queue.deserted = None,
            _ => {}
        }
        if let (Some(since), Some(after)) = (queue.deserted, queue.config.no_agents_after_ms)
            && !queue.places.is_empty()
        {
            self.due.insert((since + after, Due::Deserted(id.clone())));
        }
    }

    /// Nobody has been signed in for long: who waits is given back.
    pub(crate) fn give_up_on(&mut self, step: &mut Step, id: &QueueId) {
        let Some(queue) = self.queues.get(id).filter(|queue| queue.given_up(step.now)) else { return };
        let waiting: Vec<CallId> = queue.places.iter().map(|place| place.call.clone()).collect();
        self.give_back(step, &waiting, "no_agents");
    }

    /// The callers leave the queue without an agent.
    pub(crate) fn give_back(&mut self, step: &mut Step, calls: &[CallId], reason: &'static str) {
        // First all leave, so that nobody is offered to an agent whom another frees.
        for call in calls {
            self.judge(step.now, call, false);
            self.leave_queue(step, call);
            self.callers.entry(call.clone()).and_modify(|caller| caller.given_back = true);
        }
        for call in calls {
            self.end_offers(step, call, OfferOutcome::Withdrawn);
            // Kept when an answer may be on the way.
            if self.callers.get(call).is_some_and(|caller| caller.crossed.is_empty()) {
                self.callers.remove(call);
            }
            step.effects.push(Effect::Overflow { call: call.clone(), reason });
        }
    }
}
