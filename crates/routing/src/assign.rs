//! A waiting caller given to one agent by hand, or picked up by one. The caller
//! keeps the place: an agent who does not answer costs nothing.

use crate::{Agent, Effect, Router, callers::Caller, decide::Choice, queue::Rank, router::Step};
use types::{fact::Rule, *};

/// Somebody wants this caller to ring at this agent, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assign {
    pub tenant: TenantId,
    pub call: CallId,
    pub agent: AgentId,
    pub word: Word,
}

/// On whose word an agent is given a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// A supervisor chose the agent.
    Given,
    /// The agent supervises the queue and takes the caller.
    Taken,
    /// The agent serves the queue and picks the caller up, wherever it rings. Of
    /// several who do so at once the first has the caller.
    Picked,
}

impl Word {
    /// The agent's own: from a break too, and back to it afterwards.
    pub fn is_own(self) -> bool {
        self != Word::Given
    }

    fn rule(self) -> Rule {
        match self {
            Word::Given | Word::Taken => Rule::Assigned,
            Word::Picked => Rule::Picked,
        }
    }
}

impl Router {
    pub(crate) fn assign(&mut self, step: &mut Step, assign: Assign) {
        let Assign { call, agent: id, word, .. } = &assign;
        if let Err(reason) = self.may_assign(&assign) {
            return step.effects.push(Effect::NotAssigned { call: call.clone(), reason });
        }
        self.prefer_nobody(call);
        self.keep_for_one(call, true);
        self.end_offers(step, call, OfferOutcome::Withdrawn);
        // Whom the withdrawn offers freed may have changed who is free.
        if let Err(reason) = self.may_assign(&assign) {
            self.keep_for_one(call, false);
            step.effects.push(Effect::NotAssigned { call: call.clone(), reason });
            return self.match_caller(step, call);
        }
        if let Some(agent) =
            self.agents.get_mut(id).filter(|agent| word.is_own() && agent.state == AgentState::Aux)
        {
            agent.deferred = Some((AgentState::Aux, agent.reason.clone()));
        }
        if let Some(choice) = self.chosen_by_hand(step.now, call, id, word.rule()) {
            self.ring(step, call, choice);
        }
    }

    fn may_assign(&self, assign: &Assign) -> Result<(), &'static str> {
        let Assign { tenant, call, agent: id, word } = assign;
        if self.listens {
            return Err("starting");
        }
        let caller = self.callers.get(call).filter(|caller| caller.tenant == *tenant && !caller.given_back);
        let caller = caller.ok_or("not_waiting")?;
        let ours = |agent: &&Agent| agent.tenant == *tenant && !agent.deleted;
        let agent = self.agents.get(id).filter(ours).ok_or("no_agent")?;
        if *word == Word::Picked {
            self.may_pick(caller, id)?;
        }
        if caller.agent.is_some() {
            return Err("not_waiting");
        }
        match agent.state {
            AgentState::Available => Ok(()),
            AgentState::Aux | AgentState::Missed if word.is_own() => Ok(()),
            AgentState::Aux | AgentState::Missed => Err("not_available"),
            AgentState::Offline => Err("offline"),
            AgentState::Ringing | AgentState::OnCall | AgentState::WrapUp => Err("busy"),
        }
    }

    /// Only who serves the queue, and nobody before whom somebody else was there.
    fn may_pick(&self, caller: &Caller, agent: &AgentId) -> Result<(), &'static str> {
        let serves = self.queues.get(&caller.queue).is_some_and(|queue| queue.has_member(agent));
        let rings_by_hand = caller.kept_for_one && caller.offers.iter().any(|offer| offer.agent != *agent);
        match () {
            () if !serves => Err("not_yours"),
            () if caller.agent.is_some() || rings_by_hand => Err("taken"),
            () => Ok(()),
        }
    }

    /// Nobody else is sought for the caller, or again anybody.
    fn keep_for_one(&mut self, call: &CallId, kept: bool) {
        if let Some(caller) = self.callers.get_mut(call) {
            caller.kept_for_one = kept;
            // An offer by hand that ends now opens the caller to nobody.
            caller.offers.iter_mut().for_each(|offer| offer.assigned = false);
        }
        self.settle(call);
    }

    fn chosen_by_hand(&self, now: Timestamp, call: &CallId, id: &AgentId, rule: Rule) -> Option<Choice> {
        let (caller, agent) = (self.callers.get(call)?, self.agents.get(id)?);
        let queue = self.queues.get(&caller.queue)?;
        let rank = Rank { penalty: 0, levels: 0, score: 0, idle_since: agent.idle_since, agent: id.clone() };
        let decision = self.told(queue, now, caller, &[&rank], rule);
        Some(Choice { agent: id.clone(), decision })
    }
}
