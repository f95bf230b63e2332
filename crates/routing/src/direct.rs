//! Agents reached by name: a transfer, a consultation, a colleague who calls, a
//! call of the agent's own. Beside the queues: nobody waits here.

use crate::{
    Effect,
    router::{Due, Router, Step},
};
use types::*;

/// How long an agent rings where no queue says it.
const RING: Millis = 30_000;

/// An agent is wanted in person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    pub tenant: TenantId,
    /// Names the wish; the call may have several.
    pub session: CallId,
    pub call: CallId,
    pub agent: AgentId,
    /// Whose ring time and wrap-up count; `None`: no wrap-up follows.
    pub queue: Option<QueueId>,
    /// The agent asked for it: busy from now on, whether available or on a break.
    pub engage: bool,
}

/// The agent is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    pub tenant: TenantId,
    pub session: CallId,
    pub call: CallId,
    pub queue: Option<QueueId>,
    pub agent: AgentId,
    pub line: String,
    pub reservation: ReservationId,
    pub since: Timestamp,
    pub deadline: Timestamp,
    /// The agent asked for it and needs no offer.
    pub engaged: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Direct {
    tenant: TenantId,
    call: CallId,
    agent: AgentId,
    queue: Option<QueueId>,
    reservation: ReservationId,
    /// Rings until then; `None`: it rings no more.
    rings: Option<Timestamp>,
    talks: bool,
}

impl Router {
    pub(crate) fn reach(&mut self, step: &mut Step, reach: Reach) {
        if self.direct.contains_key(&reach.session) {
            return;
        }
        let ring = reach.queue.as_ref().and_then(|queue| self.queue_config(queue)).map(|q| q.ring_timeout_ms);
        let reservation = ReservationId::new(step.now, self.chance.draw());
        let Reach { tenant, session, call, agent: id, queue, engage } = reach;
        let found = self.agents.get_mut(&id).filter(|agent| agent.tenant == tenant);
        let free = |agent: &crate::Agent| match agent.state {
            AgentState::Available => Ok(()),
            AgentState::Aux | AgentState::Missed if engage => Ok(()),
            AgentState::Offline => Err("offline"),
            AgentState::Aux | AgentState::Missed => Err("not_available"),
            AgentState::Ringing | AgentState::OnCall | AgentState::WrapUp => Err("busy"),
        };
        let fit = found.as_ref().map_or(Err("no_agent"), |agent| free(agent));
        let (Some(agent), Ok(())) = (found, fit) else {
            let reason = fit.err().unwrap_or("no_agent");
            return step.effects.push(Effect::Overflow { call: session, reason });
        };
        let (deadline, line) = (step.now + ring.unwrap_or(RING), agent.line.clone());
        if agent.state == AgentState::Aux {
            agent.deferred = Some((AgentState::Aux, agent.reason.clone()));
        }
        (agent.call, agent.queue) = (Some(call.clone()), queue.clone());
        agent.reservation = Some(reservation.clone()).filter(|_| !engage);
        agent.direct = Some(session.clone());
        let rings = Some(deadline).filter(|_| !engage);
        let direct = Direct {
            tenant: tenant.clone(),
            call: call.clone(),
            agent: id.clone(),
            queue: queue.clone(),
            reservation: reservation.clone(),
            rings,
            talks: engage,
        };
        self.direct.insert(session.clone(), direct);
        if rings.is_some() {
            self.due.insert((deadline, Due::Offer(session.clone(), reservation.clone())));
        }
        let state = if engage { AgentState::OnCall } else { AgentState::Ringing };
        self.move_agent(step, &id, state, None, if engage { Party::Agent } else { Party::System });
        let (since, engaged) = (step.now, engage);
        step.effects.push(Effect::Reached(Reached {
            tenant,
            session,
            call,
            queue,
            agent: id,
            line,
            reservation,
            since,
            deadline,
            engaged,
        }));
    }

    /// The call is right: an answer that crossed the end of the ringing counts,
    /// unless the agent has another conversation by now.
    pub(crate) fn direct_answered(&mut self, step: &mut Step, session: &CallId, reservation: &ReservationId) {
        let Some(direct) = self.direct.get_mut(session) else { return };
        if direct.reservation != *reservation || direct.talks {
            return;
        }
        let Some(agent) = self.agents.get_mut(&direct.agent) else { return };
        let own = agent.direct.as_ref() == Some(session);
        if !own && agent.occupied() {
            return;
        }
        direct.talks = true;
        if let Some(deadline) = direct.rings.take() {
            self.due.remove(&(deadline, Due::Offer(session.clone(), reservation.clone())));
        }
        (agent.call, agent.queue) = (Some(direct.call.clone()), direct.queue.clone());
        (agent.reservation, agent.direct) = (None, Some(session.clone()));
        let id = direct.agent.clone();
        self.move_agent(step, &id, AgentState::OnCall, None, Party::Agent);
    }

    /// It rings no more, with each outcome's consequence for the agent.
    pub(crate) fn direct_ended(&mut self, step: &mut Step, session: &CallId, outcome: OfferOutcome) {
        let Some(direct) = self.direct.get_mut(session) else { return };
        let Some(deadline) = direct.rings.take() else { return };
        let Direct { tenant, agent, reservation, .. } = direct.clone();
        self.due.remove(&(deadline, Due::Offer(session.clone(), reservation.clone())));
        let call = session.clone();
        let ended = Effect::OfferEnded { tenant, call, agent: agent.clone(), reservation, outcome };
        step.effects.push(ended);
        if self.agents.get(&agent).is_some_and(|agent| agent.direct.as_ref() == Some(session)) {
            let (state, reason) = Router::after(outcome);
            self.free(step, &agent, state, reason.map(Into::into), Party::System);
        }
    }

    pub(crate) fn direct_release(&mut self, step: &mut Step, session: &CallId) {
        self.direct_ended(step, session, OfferOutcome::CallerLeft);
        let Some(Direct { agent: id, queue, talks: true, .. }) = self.direct.remove(session) else { return };
        let Some(agent) = self.agents.get_mut(&id).filter(|a| a.direct.as_ref() == Some(session)) else {
            return;
        };
        agent.idle_since = step.now;
        agent.direct = None;
        let next = (!agent.also.is_empty()).then(|| agent.also.remove(0));
        match (next, queue) {
            (Some(next), _) => self.goes_on_with(step, &id, next),
            (None, Some(queue)) => self.begin_wrap_up(step, &id, &queue),
            (None, None) => self.free(step, &id, AgentState::Available, None, Party::System),
        }
    }

    /// The agent answered somebody else.
    pub(crate) fn direct_gives_way(&mut self, step: &mut Step, session: &CallId) {
        let Some(direct) = self.direct.get_mut(session) else { return };
        let Some(deadline) = direct.rings.take() else { return };
        let Direct { tenant, agent, reservation, .. } = direct.clone();
        self.due.remove(&(deadline, Due::Offer(session.clone(), reservation.clone())));
        let (call, outcome) = (session.clone(), OfferOutcome::Withdrawn);
        step.effects.push(Effect::OfferEnded { tenant, call, agent, reservation, outcome });
    }
}
