//! Agents: states as a function of what happens, one door between them.

use crate::{
    Agent, Effect, Router, WrapUp,
    router::{Due, Step},
};
use types::{fact::AgentEvent, *};

/// Conversations beyond the first that an agent is kept busy by.
const ALSO_MAX: usize = 8;

impl Router {
    /// The one door between states: keeps the indexes of free agents true.
    pub(crate) fn move_agent(
        &mut self,
        step: &mut Step,
        id: &AgentId,
        to: AgentState,
        reason: Option<String>,
        by: Party,
    ) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        let (was_here, was_free) = (agent.state != AgentState::Offline, agent.is_free());
        let fact = agent.enter(step.now, to, reason, by);
        let (is_here, is_free) = (to != AgentState::Offline, agent.is_free());
        let (queues, since) = (agent.queues.clone(), agent.idle_since);
        let tenant = agent.tenant.clone();
        let abandoned = if is_here { Default::default() } else { std::mem::take(&mut agent.awaited) };
        for id_of_queue in &queues {
            let Some(queue) = self.queues.get_mut(id_of_queue) else { continue };
            queue.presence(id, to);
            if !was_here && is_here {
                queue.signs_in(id);
            }
            match (was_free, is_free) {
                (false, true) => queue.enters_idle(id, since, self.chance.draw()),
                (true, false) => queue.leaves_idle(id),
                _ => {}
            }
        }
        step.effects.push(Effect::Fact { tenant: tenant.clone(), fact });
        step.effects.push(Effect::AgentMoved { tenant, agent: id.clone() });
        if was_here != is_here {
            queues.iter().for_each(|queue| self.desertion(step, queue));
        }
        for call in abandoned {
            self.prefer_nobody(&call);
            self.match_caller(step, &call);
        }
    }

    /// An agent lets go of a call or an offer: what was deferred is taken now.
    pub(crate) fn free(
        &mut self,
        step: &mut Step,
        id: &AgentId,
        state: AgentState,
        reason: Option<String>,
        by: Party,
    ) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        if let Some(until) = agent.until.take() {
            self.due.remove(&(until, Due::WrapUp(id.clone())));
        }
        agent.reservation = None;
        agent.noted = None;
        let talked = matches!(agent.state, AgentState::OnCall | AgentState::WrapUp);
        let served = agent.engaged.take().filter(|_| talked).zip(agent.queue.as_ref());
        if let Some((since, queue)) = served
            && let Some(queue) = self.queues.get_mut(queue)
        {
            queue.expected.handled(step.now.since(since));
        }
        let (state, reason) =
            agent.deferred.take().filter(|_| state != AgentState::Offline).unwrap_or((state, reason));
        self.move_agent(step, id, state, reason, by);
        if let Some(agent) = self.agents.get_mut(id) {
            (agent.call, agent.queue, agent.direct) = (None, None, None);
        }
        self.forget(id);
        self.match_agent(step, id);
    }

    pub(crate) fn available(&mut self, step: &mut Step, tenant: &TenantId, id: &AgentId, line: String) {
        let Some(agent) = self.known(step, tenant, id) else { return };
        agent.line = line;
        agent.missed = 0;
        if agent.occupied() {
            agent.deferred = None;
            return self.moved(step, id);
        }
        if agent.state != AgentState::Available {
            agent.idle_since = step.now;
            self.move_agent(step, id, AgentState::Available, None, Party::Agent);
        }
        self.match_agent(step, id);
    }

    pub(crate) fn aux(
        &mut self,
        step: &mut Step,
        tenant: &TenantId,
        id: &AgentId,
        reason: String,
        line: Option<String>,
    ) {
        let Some(agent) = self.known(step, tenant, id) else { return };
        if let Some(line) = line {
            agent.line = line;
        }
        if agent.occupied() {
            agent.deferred = Some((AgentState::Aux, Some(reason)));
            return self.moved(step, id);
        }
        self.move_agent(step, id, AgentState::Aux, Some(reason), Party::Agent);
    }

    pub(crate) fn offline(&mut self, step: &mut Step, id: &AgentId, reason: String) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        match (agent.state, agent.call.clone(), agent.reservation.clone()) {
            (AgentState::Offline, ..) => {}
            (AgentState::OnCall | AgentState::WrapUp, ..) => {
                agent.deferred = Some((AgentState::Offline, Some(reason)));
                self.moved(step, id);
            }
            (AgentState::Ringing, ..) if agent.direct.is_some() => {
                let session = agent.direct.clone();
                session.iter().for_each(|s| self.direct_ended(step, s, OfferOutcome::DeviceOffline));
            }
            (AgentState::Ringing, Some(call), Some(reservation)) => {
                self.offer_ended(step, &call, &reservation, OfferOutcome::DeviceOffline);
            }
            _ => self.move_agent(step, id, AgentState::Offline, Some(reason), Party::System),
        }
    }

    // ── conversations ───────────────────────────────────────────────────────

    /// The agent talks with this caller, whatever the ACD believed before.
    /// Gives the caller whose offer gave way.
    pub(crate) fn takes_up(
        &mut self,
        step: &mut Step,
        id: &AgentId,
        call: &CallId,
        queue: &QueueId,
    ) -> Option<CallId> {
        let tenant = self.callers.get(call)?.tenant.clone();
        let leaving = || Agent::leaving(tenant, id.clone(), step.now);
        let agent = self.agents.entry(id.clone()).or_insert_with(leaving);
        agent.missed = 0;
        let other = agent.call.clone().filter(|other| other != call);
        let (direct, mut seeks_again) = (agent.direct.clone(), None);
        match (agent.state, other) {
            (AgentState::OnCall, _) => {
                if agent.call.as_ref() != Some(call) && agent.also.len() < ALSO_MAX {
                    agent.also.push(call.clone());
                }
                return None;
            }
            (AgentState::Ringing, _) if direct.is_some() => {
                direct.iter().for_each(|session| self.direct_gives_way(step, session));
            }
            (AgentState::Ringing, Some(other)) => {
                let reservation = agent.reservation.take()?;
                self.take_reservation(step, &other, &reservation, OfferOutcome::Withdrawn);
                seeks_again = Some(other);
            }
            (AgentState::WrapUp, _) => self.tell_wrap_up(step, id, None, None, true),
            _ => {}
        }
        let agent = self.agents.get_mut(id)?;
        if let Some(until) = agent.until.take() {
            self.due.remove(&(until, Due::WrapUp(id.clone())));
        }
        (agent.call, agent.queue) = (Some(call.clone()), Some(queue.clone()));
        (agent.reservation, agent.direct) = (None, None);
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.answered(id);
        }
        self.move_agent(step, id, AgentState::OnCall, None, Party::Agent);
        seeks_again
    }

    pub(crate) fn conversation_ended(
        &mut self,
        step: &mut Step,
        id: &AgentId,
        call: &CallId,
        queue: &QueueId,
    ) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        agent.also.retain(|other| other != call);
        if agent.state != AgentState::OnCall || agent.call.as_ref() != Some(call) {
            return;
        }
        let talk = step.now.since(agent.since);
        let next = (!agent.also.is_empty()).then(|| agent.also.remove(0));
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.talked(id, talk);
        }
        match next {
            Some(next) => self.goes_on_with(step, id, next),
            None => self.begin_wrap_up(step, id, queue),
        }
    }

    pub(crate) fn goes_on_with(&mut self, step: &mut Step, id: &AgentId, next: CallId) {
        let queue = self.callers.get(&next).map(|caller| caller.queue.clone());
        let Some(agent) = self.agents.get_mut(id) else { return };
        (agent.call, agent.queue) = (Some(next), queue);
        self.move_agent(step, id, AgentState::OnCall, None, Party::System);
    }

    pub(crate) fn begin_wrap_up(&mut self, step: &mut Step, id: &AgentId, queue: &QueueId) {
        let Some(agent) = self.agents.get(id) else { return };
        let config = self.queues.get(queue).map(|queue| &queue.config);
        let (mode, span) = config.map_or((WrapUp::None, 0), |config| (config.wrap_up, config.wrap_up_ms));
        let span = agent.wrap_up.unwrap_or(span);
        self.move_agent(step, id, AgentState::WrapUp, None, Party::System);
        if mode == WrapUp::None || (span == 0 && mode != WrapUp::UntilDone) {
            return self.end_wrap_up(step, id, None, None, true);
        }
        let until = (mode != WrapUp::UntilDone).then_some(step.now + span);
        if let Some(agent) = self.agents.get_mut(id) {
            agent.until = until;
        }
        self.due.extend(until.map(|until| (until, Due::WrapUp(id.clone()))));
    }

    pub(crate) fn finish_wrap_up(
        &mut self,
        step: &mut Step,
        id: &AgentId,
        call: &CallId,
        disposition: Option<DispositionId>,
        note: Option<String>,
    ) {
        let wraps =
            |agent: &&mut Agent| agent.state == AgentState::WrapUp && agent.call.as_ref() == Some(call);
        let Some(agent) = self.agents.get_mut(id).filter(wraps) else {
            let message = "this call is not in wrap-up";
            return step.effects.push(Effect::Refused { agent: id.clone(), message });
        };
        let queue = agent.queue.as_ref().and_then(|queue| self.queues.get(queue));
        if queue.is_some_and(|queue| queue.config.wrap_up == WrapUp::Fixed) {
            agent.noted = Some((disposition, note));
            return self.moved(step, id);
        }
        self.end_wrap_up(step, id, disposition, note, false);
    }

    pub(crate) fn end_wrap_up(
        &mut self,
        step: &mut Step,
        id: &AgentId,
        disposition: Option<DispositionId>,
        note: Option<String>,
        timed_out: bool,
    ) {
        if self.agents.get(id).is_none_or(|agent| agent.state != AgentState::WrapUp) {
            return;
        }
        self.tell_wrap_up(step, id, disposition, note, timed_out);
        if let Some(agent) = self.agents.get_mut(id) {
            agent.idle_since = step.now;
        }
        let by = if timed_out { Party::System } else { Party::Agent };
        self.free(step, id, AgentState::Available, None, by);
    }

    fn tell_wrap_up(
        &mut self,
        step: &mut Step,
        id: &AgentId,
        disposition: Option<DispositionId>,
        note: Option<String>,
        timed_out: bool,
    ) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        let (Some(call), Some(queue)) = (agent.call.clone(), agent.queue.clone()) else { return };
        let spent = step.now.since(agent.since);
        let (noted, written) = agent.noted.take().unwrap_or_default();
        let (disposition, note) = (disposition.or(noted), note.or(written));
        let event = AgentEvent::WrappedUp { call, queue, disposition, note, spent, timed_out };
        let fact = agent.fact(step.now, event);
        step.effects.push(Effect::Fact { tenant: agent.tenant.clone(), fact });
    }

    /// Who did not come back while the ACD listened is signed out, whatever was
    /// told before it was started anew.
    pub(crate) fn tell_the_absent(&mut self, step: &mut Step) {
        let absent = self.agents.values().filter(|agent| agent.state == AgentState::Offline);
        let mut absent: Vec<AgentId> = absent.map(|agent| agent.id.clone()).collect();
        absent.sort_unstable();
        let reason = Some("the acd was started anew".to_owned());
        for id in absent {
            self.move_agent(step, &id, AgentState::Offline, reason.clone(), Party::System);
        }
    }

    // ── small change ────────────────────────────────────────────────────────

    fn known(&mut self, step: &mut Step, tenant: &TenantId, id: &AgentId) -> Option<&mut Agent> {
        let ours = |agent: &&mut Agent| agent.tenant == *tenant && !agent.deleted;
        let agent = self.agents.get_mut(id).filter(ours);
        if agent.is_none() {
            let message = "no such agent";
            step.effects.push(Effect::Refused { agent: id.clone(), message });
        }
        agent
    }

    pub(crate) fn moved(&self, step: &mut Step, id: &AgentId) {
        if let Some(agent) = self.agents.get(id) {
            step.effects.push(Effect::AgentMoved { tenant: agent.tenant.clone(), agent: id.clone() });
        }
    }
}
