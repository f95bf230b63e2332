//! A waiting caller given to one agent by a supervisor. The caller keeps the
//! place: an agent who does not answer costs nothing.

use crate::{Agent, Effect, Router, decide::Choice, queue::Rank, router::Step};
use types::{fact::Rule, *};

/// A supervisor wants this caller to ring at this agent, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assign {
    pub tenant: TenantId,
    pub call: CallId,
    pub agent: AgentId,
    /// The agent asked for it: from a break too, and back to it afterwards.
    pub own: bool,
}

impl Router {
    pub(crate) fn assign(&mut self, step: &mut Step, assign: Assign) {
        let Assign { call, agent: id, own, .. } = &assign;
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
        if let Some(agent) = self.agents.get_mut(id).filter(|agent| *own && agent.state == AgentState::Aux) {
            agent.deferred = Some((AgentState::Aux, agent.reason.clone()));
        }
        if let Some(choice) = self.chosen_by_hand(step.now, call, id) {
            self.ring(step, call, choice);
        }
    }

    fn may_assign(&self, assign: &Assign) -> Result<(), &'static str> {
        let Assign { tenant, call, agent, own } = assign;
        if self.listens {
            return Err("starting");
        }
        let caller = self.callers.get(call).filter(|caller| caller.tenant == *tenant);
        if caller.is_none_or(|caller| caller.agent.is_some() || caller.given_back) {
            return Err("not_waiting");
        }
        let ours = |agent: &&Agent| agent.tenant == *tenant && !agent.deleted;
        let agent = self.agents.get(agent).filter(ours).ok_or("no_agent")?;
        match agent.state {
            AgentState::Available => Ok(()),
            AgentState::Aux | AgentState::Missed if *own => Ok(()),
            AgentState::Aux | AgentState::Missed => Err("not_available"),
            AgentState::Offline => Err("offline"),
            AgentState::Ringing | AgentState::OnCall | AgentState::WrapUp => Err("busy"),
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

    fn chosen_by_hand(&self, now: Timestamp, call: &CallId, id: &AgentId) -> Option<Choice> {
        let (caller, agent) = (self.callers.get(call)?, self.agents.get(id)?);
        let queue = self.queues.get(&caller.queue)?;
        let rank = Rank { penalty: 0, levels: 0, score: 0, idle_since: agent.idle_since, agent: id.clone() };
        let decision = self.told(queue, now, caller, &[&rank], Rule::Assigned);
        Some(Choice { agent: id.clone(), decision })
    }
}
