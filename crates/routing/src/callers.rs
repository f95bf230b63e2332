//! Waiting callers and the offers that ring for them.

use crate::{
    Agent, Effect, QueueConfig, Router, Strategy,
    effect::Winner,
    queue::Place,
    router::{Due, Step},
    settings::suffices,
};
use types::*;

/// An agent who declined a caller is not offered that caller again so soon.
const DECLINED_FOR: Millis = 30_000;
/// Ended reservations of a caller whose answer would still count.
const CROSSED_MAX: usize = 3;
/// Agents that a caller has rung and who are remembered.
const TRIED_MAX: usize = 64;

/// What a caller comes with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    pub(crate) since: Timestamp,
    pub(crate) priority: i32,
    /// Skills beyond what the queue asks for.
    pub(crate) needs: Vec<Skill>,
}

#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) tenant: TenantId,
    pub(crate) queue: QueueId,
    priority: i32,
    since: Timestamp,
    /// Skills that an agent must have beyond what the queue asks for.
    needs: Vec<Skill>,
    pub(crate) place: Place,
    /// The step of `relax` that the wait has reached.
    pub(crate) step: usize,
    pub(crate) attempts: u32,
    /// What rings: one, or several by the strategy `ring_all`.
    pub(crate) offers: Vec<Reservation>,
    /// The last ones that ended, at most [`CROSSED_MAX`]: an answer may be on the way.
    pub(crate) crossed: Vec<Reservation>,
    /// Who talks with the caller.
    pub(crate) agent: Option<AgentId>,
    /// Agents who are not asked for a while.
    pub(crate) declined: Vec<AgentId>,
    /// Agents who rang for the caller in this round, the last ones.
    pub(crate) tried: Vec<AgentId>,
    /// Waits for this agent alone, until then.
    pub(crate) preferred: Option<(AgentId, Timestamp)>,
    /// Given to one agent by hand, or picked up by one, whom it rings.
    pub(crate) kept_for_one: bool,
    /// Without a place: kept because an answer may be on the way.
    pub(crate) given_back: bool,
    /// When a wait was promised, and which: what comes of it teaches the next.
    promised: Option<(Timestamp, Millis)>,
    /// When the wait is looked at again.
    wake: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) id: ReservationId,
    pub(crate) agent: AgentId,
    pub(crate) deadline: Timestamp,
    /// By hand.
    pub(crate) assigned: bool,
}

impl Caller {
    fn new(tenant: TenantId, call: CallId, queue: QueueId, wish: Wish) -> Caller {
        let Wish { since, priority, needs } = wish;
        Caller {
            tenant,
            queue,
            priority,
            since,
            needs,
            place: Place::new(call, since, priority, false),
            step: 0,
            attempts: 0,
            offers: Vec::new(),
            crossed: Vec::new(),
            agent: None,
            declined: Vec::new(),
            tried: Vec::new(),
            preferred: None,
            kept_for_one: false,
            given_back: false,
            promised: None,
            wake: None,
        }
    }

    /// Whether another agent is sought, where so many may ring at once.
    pub(crate) fn seeks(&self, at_once: usize) -> bool {
        let open = !self.given_back && !self.kept_for_one;
        self.agent.is_none() && open && self.offers.len() < at_once
    }

    /// `needs`: of [`Caller::needs`].
    pub(crate) fn may_be_offered(&self, agent: &Agent, needs: &[Skill]) -> bool {
        let asked = !self.declined.contains(&agent.id) && self.offers.iter().all(|o| o.agent != agent.id);
        asked && suffices(needs, &agent.skills)
    }

    /// Whoever serves the queue suffices.
    pub(crate) fn needs_nothing_more(&self) -> bool {
        self.needs.is_empty()
    }

    /// What this caller needs beyond what the queue asks for, after this wait:
    /// the queue's steps ease it too.
    pub(crate) fn needs(&self, config: &QueueConfig) -> Vec<Skill> {
        config.eased(&self.needs, self.step)
    }

    pub(crate) fn rang(&mut self, agent: &AgentId) {
        // Whose turn comes again begins another round.
        if self.tried.contains(agent) {
            self.tried.clear();
        }
        if self.tried.len() == TRIED_MAX {
            self.tried.remove(0);
        }
        self.tried.push(agent.clone());
    }
}

impl Router {
    pub(crate) fn join(
        &mut self,
        step: &mut Step,
        tenant: TenantId,
        call: CallId,
        id: QueueId,
        wish: Wish,
        preferred: Option<(AgentId, Millis)>,
    ) {
        let before = self.callers.get(&call);
        if before.is_some_and(|caller| !caller.given_back || caller.agent.is_some()) {
            return;
        }
        let crossed = before.map(|caller| caller.crossed.clone()).unwrap_or_default();
        if let Some(reason) = self.refusal(step.now, &tenant, &id) {
            return step.effects.push(Effect::Overflow { call, reason });
        }
        let since = wish.since;
        let mut caller = Caller::new(tenant, call.clone(), id.clone(), wish);
        caller.crossed = crossed;
        caller.preferred =
            preferred.map(|(agent, patience)| (agent, since + patience)).filter(|(agent, until)| {
                let known = self.agents.get(agent).is_some_and(|agent| agent.state != AgentState::Offline);
                known && *until > step.now && self.queues[&id].has_member(agent)
            });
        if let Some(agent) = caller.preferred.as_ref().and_then(|(agent, _)| self.agents.get_mut(agent)) {
            agent.awaited.insert(call.clone());
        }
        self.callers.insert(call.clone(), caller);
        self.reckon(step, &call);
        self.desertion(step, &id);
        step.effects.push(Effect::QueueMoved { queue: id });
        self.match_caller(step, &call);
        self.promise(step.now, &call);
    }

    /// Notes what a caller who must wait may expect.
    fn promise(&mut self, now: Timestamp, call: &CallId) {
        let Some(caller) = self.callers.get_mut(call) else { return };
        let Some(queue) = self.queues.get(&caller.queue) else { return };
        if caller.offers.is_empty() && caller.agent.is_none() && caller.needs_nothing_more() {
            let behind = queue.places.range(&caller.place..).count() - 1;
            caller.promised = queue.promise(queue.places.len() - behind).map(|wait| (now, wait));
        }
    }

    /// The wait is over, with an agent or without: whether it was as promised.
    pub(crate) fn judge(&mut self, now: Timestamp, call: &CallId, answered: bool) {
        let Some(caller) = self.callers.get_mut(call) else { return };
        let Some((since, promised)) = caller.promised.take() else { return };
        let Some(queue) = self.queues.get_mut(&caller.queue) else { return };
        let kept = now.since(since) <= promised;
        // Who gave up sooner says nothing about how long it would have been.
        if answered || !kept {
            queue.expected.judge(kept);
        }
    }

    /// Why the queue does not take a caller.
    fn refusal(&self, now: Timestamp, tenant: &TenantId, id: &QueueId) -> Option<&'static str> {
        let Some(queue) = self.queues.get(id).filter(|queue| queue.tenant == *tenant) else {
            return Some("no_queue");
        };
        match () {
            () if queue.config.emergency => Some("emergency"),
            () if queue.places.len() >= queue.config.waiting_max => Some("queue_full"),
            () if queue.given_up(now) => Some("no_agents"),
            () => None,
        }
    }

    // ── the wait ────────────────────────────────────────────────────────────

    /// Brings the caller's place and step up to the wait so far.
    pub(crate) fn reckon(&mut self, step: &mut Step, call: &CallId) {
        let Some(caller) = self.callers.get_mut(call) else { return };
        let Some(queue) = self.queues.get_mut(&caller.queue) else { return };
        if caller.agent.is_some() || caller.given_back {
            return;
        }
        let wait = step.now.since(caller.since);
        let guard = queue.config.starvation_guard_ms;
        let place = Place::new(call.clone(), caller.since, caller.priority, guard > 0 && wait >= guard);
        queue.seeks_no_more(&caller.place);
        if place != caller.place && queue.places.remove(&caller.place) {
            step.effects.push(Effect::QueueMoved { queue: caller.queue.clone() });
        }
        queue.places.insert(place.clone());
        caller.place = place;
        caller.step = queue.config.step_after(wait);
        self.settle(call);
        self.wake_later(step.now, call);
    }

    /// Seeks an agent for the caller, or does not.
    pub(crate) fn settle(&mut self, call: &CallId) {
        let Some(caller) = self.callers.get(call) else { return };
        let Some(queue) = self.queues.get_mut(&caller.queue) else { return };
        let seeks = caller.seeks(queue.at_once()) && caller.preferred.is_none();
        for (i, seeking) in queue.seeking.iter_mut().enumerate() {
            if seeks && i == caller.step {
                seeking.insert(caller.place.clone());
            } else {
                seeking.remove(&caller.place);
            }
        }
    }

    /// Notes when the wait reaches its next step.
    fn wake_later(&mut self, now: Timestamp, call: &CallId) {
        let Some(caller) = self.callers.get_mut(call) else { return };
        let Some(queue) = self.queues.get(&caller.queue) else { return };
        let config = &queue.config;
        let step = config.relax.get(caller.step).map(|relax| caller.since + relax.after_ms);
        let after = |span: Millis| Some(caller.since + span).filter(|at| span > 0 && *at > now);
        let limit = Some(caller.since + config.wait_max_ms).filter(|_| config.wait_max_ms > 0);
        let limit = limit.filter(|_| caller.offers.is_empty());
        let patience = caller.preferred.as_ref().map(|(_, until)| *until);
        let wake = [step, after(config.starvation_guard_ms), limit, patience].into_iter().flatten().min();
        if let Some(before) = caller.wake.take() {
            self.due.remove(&(before, Due::Wait(call.clone())));
        }
        caller.wake = wake;
        self.due.extend(wake.map(|at| (at, Due::Wait(call.clone()))));
    }

    /// A step of the caller's wait has come.
    pub(crate) fn wait_goes_on(&mut self, step: &mut Step, call: &CallId) {
        let Some(caller) = self.callers.get_mut(call) else { return };
        caller.wake = None;
        let impatient = caller.preferred.as_ref().is_some_and(|(_, until)| *until <= step.now);
        let Some(config) = self.queues.get(&caller.queue).map(|queue| &queue.config) else { return };
        let limit = config.wait_max_ms;
        let over = limit > 0 && step.now.since(caller.since) >= limit && caller.offers.is_empty();
        if over && caller.agent.is_none() && !caller.given_back {
            return self.give_back(step, std::slice::from_ref(call), "wait_limit");
        }
        if impatient {
            self.prefer_nobody(call);
        }
        self.reckon(step, call);
        self.match_caller(step, call);
    }

    /// Who waited for one agent takes any from now on.
    pub(crate) fn prefer_nobody(&mut self, call: &CallId) {
        let Some(caller) = self.callers.get_mut(call) else { return };
        if let Some((agent, _)) = caller.preferred.take()
            && let Some(agent) = self.agents.get_mut(&agent)
        {
            agent.awaited.remove(call);
        }
        self.settle(call);
    }

    /// The agent who declined may be asked again, unless they declined again since.
    pub(crate) fn forgive(&mut self, step: &mut Step, call: &CallId, agent: &AgentId) {
        let Some(caller) = self.callers.get_mut(call) else { return };
        if let Some(at) = caller.declined.iter().position(|declined| declined == agent) {
            caller.declined.remove(at);
        }
        self.match_caller(step, call);
    }

    /// Takes the caller's place away; what rings is not touched.
    pub(crate) fn leave_queue(&mut self, step: &mut Step, call: &CallId) {
        self.prefer_nobody(call);
        let Some(caller) = self.callers.get_mut(call) else { return };
        if let Some(wake) = caller.wake.take() {
            self.due.remove(&(wake, Due::Wait(call.clone())));
        }
        let Some(queue) = self.queues.get_mut(&caller.queue) else { return };
        queue.seeks_no_more(&caller.place);
        if queue.places.remove(&caller.place) {
            step.effects.push(Effect::QueueMoved { queue: caller.queue.clone() });
        }
    }

    // ── answers ─────────────────────────────────────────────────────────────

    /// The call says who answered, and the call is right: an answer that
    /// crossed the end of its offer still counts, and what else the ACD had in
    /// mind for the two gives way.
    pub(crate) fn answered(
        &mut self,
        step: &mut Step,
        call: &CallId,
        reservation: &ReservationId,
        by: Option<Winner>,
    ) {
        let Some(agent) = self.winner(call, reservation, by) else { return };
        self.judge(step.now, call, true);
        self.leave_queue(step, call);
        let Some(caller) = self.callers.get_mut(call) else { return };
        caller.agent = Some(agent.clone());
        let queue = caller.queue.clone();
        let given_way: Vec<Reservation> = std::mem::take(&mut caller.offers);
        let (won, lost): (Vec<_>, Vec<_>) = given_way.into_iter().partition(|offer| offer.agent == agent);
        for offer in won {
            // The answer may be to an earlier offer of the same two.
            let again = offer.id != *reservation;
            self.offer_is_over(step, call, offer, again);
        }
        let seeks_again = self.takes_up(step, &agent, call, &queue);
        for offer in lost {
            let agent = offer.agent.clone();
            self.offer_is_over(step, call, offer, true);
            self.free(step, &agent, AgentState::Available, None, Party::System);
        }
        if let Some(other) = seeks_again {
            self.match_caller(step, &other);
        }
    }

    /// Who answered. A call of which this ACD knows nothing (it was started
    /// anew, or gave the caller back) is known from now on.
    fn winner(&mut self, call: &CallId, reservation: &ReservationId, by: Option<Winner>) -> Option<AgentId> {
        if let Some(caller) = self.callers.get(call) {
            if caller.agent.is_some() {
                return None;
            }
            let mut known = caller.offers.iter().chain(&caller.crossed);
            let held = known.find(|held| held.id == *reservation).map(|held| held.agent.clone());
            let told = by.filter(|by| by.tenant == caller.tenant).map(|by| by.agent);
            return held.or(told);
        }
        let Winner { tenant, agent, queue } = by?;
        let ours = |found: &Agent| found.tenant == tenant;
        self.agents.get(&agent).filter(|found| ours(found))?;
        self.callers.insert(call.clone(), Caller::new(tenant, call.clone(), queue, Wish::default()));
        Some(agent)
    }

    /// The caller talks; an offer that was not the one answered is withdrawn.
    fn offer_is_over(&mut self, step: &mut Step, call: &CallId, offer: Reservation, withdrawn: bool) {
        let Reservation { id: reservation, agent, deadline, .. } = offer;
        self.due.remove(&(deadline, Due::Offer(call.clone(), reservation.clone())));
        let Some(caller) = self.callers.get(call).filter(|_| withdrawn) else { return };
        let (tenant, call, outcome) = (caller.tenant.clone(), call.clone(), OfferOutcome::Withdrawn);
        step.effects.push(Effect::OfferEnded { tenant, call, agent, reservation, outcome });
    }

    // ── offers ──────────────────────────────────────────────────────────────

    pub(crate) fn offer_ended(
        &mut self,
        step: &mut Step,
        call: &CallId,
        reservation: &ReservationId,
        outcome: OfferOutcome,
    ) {
        if self.direct.contains_key(call) {
            return self.direct_ended(step, call, outcome);
        }
        let Some(agent) = self.take_reservation(step, call, reservation, outcome) else { return };
        self.after_offer(step, call, &agent, outcome);
        self.match_caller(step, call);
    }

    /// Each outcome's own consequence for the agent.
    pub(crate) fn after_offer(
        &mut self,
        step: &mut Step,
        call: &CallId,
        agent: &AgentId,
        outcome: OfferOutcome,
    ) {
        let missed = outcome == OfferOutcome::NoAnswer;
        let paused = missed && self.paused_by_a_miss(agent);
        // Who stays free is not asked again at once.
        if outcome == OfferOutcome::Declined || (missed && !paused) {
            self.spare(step, call, agent);
        }
        let forgiven = missed && !paused;
        let (state, reason) = if forgiven { (AgentState::Available, None) } else { Router::after(outcome) };
        self.free(step, agent, state, reason.map(Into::into), Party::System);
    }

    /// What an outcome does to the agent.
    pub(crate) fn after(outcome: OfferOutcome) -> (AgentState, Option<&'static str>) {
        match outcome {
            OfferOutcome::NoAnswer => (AgentState::Missed, Some("no answer")),
            OfferOutcome::MediaFailed => (AgentState::Missed, Some("media failed")),
            OfferOutcome::DeviceOffline => (AgentState::Offline, Some("device offline")),
            _ => (AgentState::Available, None),
        }
    }

    /// The caller is not offered to the agent for a while.
    fn spare(&mut self, step: &mut Step, call: &CallId, agent: &AgentId) {
        let Some(caller) = self.callers.get_mut(call) else { return };
        caller.declined.push(agent.clone());
        self.due.insert((step.now + DECLINED_FOR, Due::Declined(call.clone(), agent.clone())));
    }

    fn paused_by_a_miss(&mut self, id: &AgentId) -> bool {
        let Some(agent) = self.agents.get_mut(id) else { return false };
        agent.missed = agent.missed.saturating_add(1);
        let queue = agent.queue.as_ref().and_then(|queue| self.queues.get(queue));
        let most = queue.map_or(1, |queue| queue.config.pause_after_missed);
        most > 0 && agent.missed >= most
    }

    /// Ends everything that rings for the caller.
    pub(crate) fn end_offers(&mut self, step: &mut Step, call: &CallId, outcome: OfferOutcome) {
        let Some(caller) = self.callers.get(call) else { return };
        let ringing: Vec<ReservationId> = caller.offers.iter().map(|offer| offer.id.clone()).collect();
        for reservation in ringing {
            if let Some(agent) = self.take_reservation(step, call, &reservation, outcome) {
                self.after_offer(step, call, &agent, outcome);
            }
        }
    }

    /// Takes the reservation off the call, which seeks again; gives the agent,
    /// who is for the caller of this function to place.
    pub(crate) fn take_reservation(
        &mut self,
        step: &mut Step,
        call: &CallId,
        reservation: &ReservationId,
        outcome: OfferOutcome,
    ) -> Option<AgentId> {
        let caller = self.callers.get_mut(call)?;
        let held = caller.offers.iter().position(|offer| offer.id == *reservation)?;
        let held = caller.offers.remove(held);
        caller.crossed.insert(0, held.clone());
        caller.crossed.truncate(CROSSED_MAX);
        caller.kept_for_one &= !held.assigned;
        let tenant = caller.tenant.clone();
        self.prefer_nobody(call);
        self.wake_later(step.now, call);
        let Reservation { id: reservation, agent, deadline, .. } = held;
        self.due.remove(&(deadline, Due::Offer(call.clone(), reservation.clone())));
        let call = call.clone();
        step.effects.push(Effect::OfferEnded { tenant, call, agent: agent.clone(), reservation, outcome });
        Some(agent)
    }

    pub(crate) fn release(&mut self, step: &mut Step, call: &CallId) {
        self.judge(step.now, call, false);
        self.leave_queue(step, call);
        let Some(caller) = self.callers.get_mut(call) else { return };
        // Nothing is sought for the caller while the agents are freed.
        caller.given_back = true;
        self.end_offers(step, call, OfferOutcome::CallerLeft);
        let Some(caller) = self.callers.remove(call) else { return };
        if let Some(agent) = caller.agent {
            self.conversation_ended(step, &agent, call, &caller.queue);
        }
    }
}

impl crate::queue::Queue {
    /// How many agents may ring for one caller without being told by hand.
    pub(crate) fn at_once(&self) -> usize {
        match self.config.strategy {
            _ if self.config.manual => 0,
            Strategy::RingAll => self.config.ring_all_max,
            _ => 1,
        }
    }
}
