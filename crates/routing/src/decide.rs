//! Matching: whose turn it is, who of the free agents is asked, and why.

use crate::{
    Agent, Effect, Levels, Offer, Router, Strategy,
    callers::{Caller, Reservation},
    queue::{Place, Queue, Rank},
    router::{Due, Step},
};
use std::{cmp::Reverse, collections::BTreeSet};
use types::{
    fact::{AgentEvent, Candidate, Decision, Rule},
    *,
};

/// Candidates that a decision tells of.
const TOLD_MAX: usize = 5;

/// Whose turn it is over several queues.
type Turn<'a> = (Reverse<bool>, Reverse<u8>, &'a Place);

pub(crate) struct Choice {
    pub(crate) agent: AgentId,
    pub(crate) decision: Decision,
}

impl Router {
    /// Finds agents for the callers of a queue, in the order of service.
    pub(crate) fn match_queue(&mut self, step: &mut Step, id: &QueueId) {
        let Some(queue) = self.queues.get(id) else { return };
        let waiting: Vec<CallId> = queue.places.iter().map(|place| place.call.clone()).collect();
        for call in waiting {
            if self.queues.get(id).is_none_or(|queue| queue.free(queue.config.relax.len()) == 0) {
                return;
            }
            self.match_caller(step, &call);
        }
    }

    /// Finds the caller an agent, or several where all ring.
    pub(crate) fn match_caller(&mut self, step: &mut Step, call: &CallId) {
        while let Some(choice) = self.choose(step.now, call) {
            self.reserve(step, call, choice);
        }
    }

    /// Finds a caller for an agent who became free: the first in the order of
    /// service over all the agent's queues.
    pub(crate) fn match_agent(&mut self, step: &mut Step, id: &AgentId) {
        while let Some(call) = self.first_for(id) {
            let Some(choice) = self.choose(step.now, &call) else { return };
            self.reserve(step, &call, choice);
        }
    }

    fn first_for(&self, id: &AgentId) -> Option<CallId> {
        let agent = self.agents.get(id).filter(|agent| agent.is_free())?;
        let in_turn = agent.queues.iter().filter_map(|queue| {
            let queue = self.queues.get(queue)?;
            let fits = |call: &CallId| {
                let caller = self.callers.get(call);
                caller.is_some_and(|caller| caller.may_be_offered(agent, &caller.needs(&queue.config)))
            };
            Some(turn(queue, queue.first_for(id, fits)?))
        });
        let awaiting = agent.awaited.iter().filter_map(|call| {
            let caller = self.callers.get(call)?;
            Some(turn(self.queues.get(&caller.queue)?, &caller.place))
        });
        in_turn.chain(awaiting).min().map(|(_, _, place)| place.call.clone())
    }

    /// Everybody was heard.
    pub(crate) fn begin(&mut self, step: &mut Step) {
        self.listens = false;
        self.tell_the_absent(step);
        // In turn over all queues: queue by queue would give shared agents away.
        let turns = self.queues.values().flat_map(|queue| queue.places.iter().map(|at| turn(queue, at)));
        let in_turn: BTreeSet<Turn> = turns.collect();
        let calls: Vec<CallId> = in_turn.into_iter().map(|(_, _, place)| place.call.clone()).collect();
        calls.iter().for_each(|call| self.match_caller(step, call));
    }

    /// The agent for this caller, if one is sought and free.
    fn choose(&self, now: Timestamp, call: &CallId) -> Option<Choice> {
        let caller = self.callers.get(call).filter(|_| !self.listens)?;
        let queue = self.queues.get(&caller.queue)?;
        if !caller.seeks(queue.at_once()) {
            return None;
        }
        if let Some((agent, _)) = &caller.preferred {
            let rank = queue.rank(agent)?;
            let decision = self.told(queue, now, caller, &[rank], Rule::Preferred);
            return Some(Choice { agent: agent.clone(), decision });
        }
        let needs = caller.needs(&queue.config);
        let may = |agent: &Agent| caller.may_be_offered(agent, &needs);
        let fits = |agent: &AgentId| self.agents.get(agent).is_some_and(may);
        let mut best = Vec::new();
        if queue.config.strategy == Strategy::Sequential {
            best = queue.best(caller.step, TOLD_MAX, |agent| fits(agent) && !caller.tried.contains(agent));
        }
        if best.is_empty() {
            best = queue.best(caller.step, TOLD_MAX, fits);
        }
        let first = best.first()?;
        let decision = self.told(queue, now, caller, &best, rule(queue, &best));
        Some(Choice { agent: first.agent.clone(), decision })
    }

    fn reserve(&mut self, step: &mut Step, call: &CallId, choice: Choice) {
        let (Some(caller), Some(agent)) = (self.callers.get(call), self.agents.get(&choice.agent)) else {
            return;
        };
        let Some(queue) = self.queues.get(&caller.queue) else { return };
        assert!(caller.seeks(queue.at_once()), "a caller has one agent at a time");
        assert!(agent.is_free(), "only a free agent is reserved");
        self.ring(step, call, choice);
    }

    pub(crate) fn ring(&mut self, step: &mut Step, call: &CallId, choice: Choice) {
        let Choice { agent: id, decision } = choice;
        let (Some(caller), Some(agent)) = (self.callers.get_mut(call), self.agents.get_mut(&id)) else {
            return;
        };
        let Some(queue) = self.queues.get_mut(&caller.queue) else { return };
        let deadline = step.now + agent.ring_timeout.unwrap_or(queue.config.ring_timeout_ms);
        let reservation = ReservationId::new(step.now, self.chance.draw());
        let assigned = caller.kept_for_one;
        let alone = assigned || queue.at_once() == 1;
        caller.attempts += 1;
        caller.rang(&id);
        caller.offers.push(Reservation { id: reservation.clone(), agent: id.clone(), deadline, assigned });
        queue.chosen(&id, caller.step, || self.chance.draw());
        (agent.call, agent.queue) = (Some(call.clone()), Some(caller.queue.clone()));
        agent.reservation = Some(reservation.clone());
        agent.engaged = Some(step.now);
        self.due.insert((deadline, Due::Offer(call.clone(), reservation.clone())));
        let (tenant, queue, attempt) = (caller.tenant.clone(), caller.queue.clone(), caller.attempts);
        let event = AgentEvent::Offered {
            call: call.clone(),
            queue: queue.clone(),
            reservation: reservation.clone(),
            attempt,
            decision,
        };

        let fact = agent.fact(step.now, event);
        step.effects.push(Effect::Fact { tenant: tenant.clone(), fact });
        let offer = Offer {
            tenant,
            reservation,
            call: call.clone(),
            queue,
            agent: id.clone(),
            line: agent.line.clone(),
            since: caller.place.since,
            deadline,
            attempt,
            assigned,
            alone,
        };
        self.settle(call);
        self.move_agent(step, &id, AgentState::Ringing, None, Party::System);
        step.effects.push(Effect::Offer(offer));
    }
}

impl Router {
    pub(crate) fn told(
        &self,
        queue: &Queue,
        now: Timestamp,
        caller: &Caller,
        best: &[&Rank],
        rule: Rule,
    ) -> Decision {
        let own = caller.needs(&queue.config);
        let candidate = |rank: &&Rank| Candidate {
            agent: rank.agent.clone(),
            penalty: rank.penalty,
            skills: queue
                .levels_of(&rank.agent)
                .into_iter()
                .chain(self.levels_in(&own, &rank.agent))
                .collect(),
            score: rank.score,
            idle: now.since(rank.idle_since),
        };
        let candidates: Vec<Candidate> = best.iter().map(candidate).collect();
        Decision {
            skill: (rule == Rule::Skill).then(|| skill_that_differs(queue, &candidates)).flatten(),
            rule,
            needs: queue.config.needs(caller.step).into_iter().chain(own).collect(),
            free: queue.free(caller.step) as u32,
            candidates,
        }
    }

    /// The agent's levels in what one caller needs.
    fn levels_in(&self, needs: &[Skill], agent: &AgentId) -> Vec<Skill> {
        let skills = self.agents.get(agent).map(|agent| agent.skills.as_slice()).unwrap_or_default();
        needs.iter().filter_map(|need| skills.iter().find(|skill| skill.name == need.name)).cloned().collect()
    }
}

fn turn<'a>(queue: &Queue, place: &'a Place) -> Turn<'a> {
    (place.starving, Reverse(queue.config.weight), place)
}

/// What told the first two apart.
fn rule(queue: &Queue, best: &[&Rank]) -> Rule {
    let (Some(first), Some(second)) = (best.first(), best.get(1)) else { return Rule::OnlyFree };
    if first.penalty != second.penalty {
        return Rule::Penalty;
    }
    if first.levels != second.levels {
        return Rule::Skill;
    }
    match queue.config.strategy {
        Strategy::RingAll => Rule::RingAll,
        _ if first.score == second.score => Rule::LongestIdle,
        Strategy::LongestIdle => Rule::LongestIdle,
        Strategy::RoundRobin => Rule::RoundRobin,
        Strategy::LeastCalls => Rule::LeastCalls,
        Strategy::LeastTalk => Rule::LeastTalk,
        Strategy::Linear | Strategy::Sequential => Rule::Order,
        Strategy::Random => Rule::Chance,
    }
}

/// Skills count in the order in which the queue names them.
fn skill_that_differs(queue: &Queue, candidates: &[Candidate]) -> Option<String> {
    debug_assert!(queue.config.levels != Levels::Enough, "levels do not decide here");
    let (first, second) = (candidates.first()?, candidates.get(1)?);
    let differs = first.skills.iter().zip(&second.skills).find(|(a, b)| a.level != b.level);
    differs.map(|(skill, _)| skill.name.clone())
}
