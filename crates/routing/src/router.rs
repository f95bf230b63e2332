use crate::{
    Agent, Effect, Input, Offer, QueueConfig,
    direct::Direct,
    queue::{Place, Queue},
};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};
use types::{fact::AgentEvent, *};

/// An agent who declined a caller is not offered that caller again so soon.
const DECLINED_FOR: Millis = 30_000;
/// Ended reservations of a caller whose answer would still count.
const CROSSED_MAX: usize = 3;

/// The state of one shard.
#[derive(Debug, Clone)]
pub struct Router {
    /// Makes reservation ids unguessable and runs repeatable.
    seed: u128,
    made: u128,
    queues: HashMap<QueueId, (TenantId, Queue)>,
    pub(crate) agents: HashMap<AgentId, Agent>,
    callers: HashMap<CallId, Caller>,
    /// Agents reached in person, by session.
    pub(crate) direct: HashMap<CallId, Direct>,
    /// What is due when.
    pub(crate) due: BTreeSet<(Timestamp, Due)>,
}

#[derive(Debug, Clone)]
struct Caller {
    tenant: TenantId,
    queue: QueueId,
    place: Place,
    attempts: u32,
    reservation: Option<Reservation>,
    /// The last ones that ended, at most [`CROSSED_MAX`]: an answer may be on the way.
    crossed: Vec<Reservation>,
    /// Who talks with the caller.
    agent: Option<AgentId>,
    /// Agents who declined.
    declined: Vec<AgentId>,
    /// Without a place: kept because an answer may be on the way.
    given_back: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Reservation {
    id: ReservationId,
    agent: AgentId,
    deadline: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Offer(CallId, ReservationId),
    WrapUp(AgentId),
    /// Forget that the agent declined the caller.
    Declined(CallId, AgentId),
}

/// The effects of one input, in the making.
pub(crate) struct Step {
    pub(crate) now: Timestamp,
    pub(crate) effects: Vec<Effect>,
}

impl Router {
    pub fn new(seed: u128) -> Router {
        Router {
            seed,
            made: 0,
            queues: HashMap::new(),
            agents: HashMap::new(),
            callers: HashMap::new(),
            direct: HashMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// What happened, and what to do about it.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        let mut step = Step { now, effects: Vec::new() };
        match input {
            Input::Queue { tenant, queue, config } => self.set_queue(&mut step, tenant, queue, config),
            Input::Agent { tenant, agent, profile } => self.set_agent(&mut step, tenant, agent, profile),
            Input::Join { tenant, call, queue, since, priority } => {
                self.join(&mut step, tenant, call, queue, since, priority);
            }
            Input::Reach(reach) => self.reach(&mut step, reach),
            Input::Answered { call, reservation } if self.direct.contains_key(&call) => {
                self.direct_answered(&mut step, &call, &reservation);
            }
            Input::Release { call } if self.direct.contains_key(&call) => {
                self.direct_release(&mut step, &call);
            }
            Input::Answered { call, reservation } => self.answered(&mut step, &call, &reservation),
            Input::OfferEnded { call, reservation, outcome } => {
                self.offer_ended(&mut step, &call, &reservation, outcome);
            }
            Input::Release { call } => self.release(&mut step, &call),
            Input::Available { tenant, agent, line } => self.available(&mut step, &tenant, &agent, line),
            Input::Aux { tenant, agent, reason, line } => self.aux(&mut step, &tenant, &agent, reason, line),
            Input::FinishWrapUp { agent, call, disposition, note } => {
                self.finish_wrap_up(&mut step, &agent, &call, disposition, note);
            }
            Input::Offline { agent, reason } => self.offline(&mut step, &agent, reason),
            Input::Tick => self.tick(&mut step),
        }
        step.effects
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    pub fn agent(&self, agent: &AgentId) -> Option<&Agent> {
        self.agents.get(agent)
    }

    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values()
    }

    pub fn queue_config(&self, queue: &QueueId) -> Option<&QueueConfig> {
        self.queues.get(queue).map(|(_, queue)| &queue.config)
    }

    /// Who waits in the queue, in the order of service; the first is next.
    pub fn positions(&self, queue: &QueueId) -> impl Iterator<Item = &CallId> {
        self.queues.get(queue).into_iter().flat_map(|(_, queue)| queue.places.iter().map(|place| &place.call))
    }

    // ── configuration ───────────────────────────────────────────────────────

    fn set_queue(&mut self, step: &mut Step, tenant: TenantId, id: QueueId, config: Option<QueueConfig>) {
        let Some(config) = config else { return self.drop_queue(step, &id) };
        let queue =
            &mut self.queues.entry(id.clone()).or_insert_with(|| (tenant, Queue::new(config.clone()))).1;
        queue.config = config;
        self.agents.values_mut().for_each(|agent| enrol(agent, &id, self.queues.get_mut(&id)));
        self.match_queue(step, &id);
    }

    fn drop_queue(&mut self, step: &mut Step, id: &QueueId) {
        let Some((_, queue)) = self.queues.remove(id) else { return };
        self.agents.values_mut().for_each(|agent| agent.queues.retain(|queue| queue != id));
        for Place { call, .. } in queue.places {
            self.unreserve(step, &call, OfferOutcome::Withdrawn);
            match self.callers.get_mut(&call).filter(|caller| !caller.crossed.is_empty()) {
                Some(caller) => caller.given_back = true,
                None => drop(self.callers.remove(&call)),
            }
            step.effects.push(Effect::Overflow { call, reason: "queue_deleted" });
        }
    }

    fn set_agent(
        &mut self,
        step: &mut Step,
        tenant: TenantId,
        id: AgentId,
        profile: Option<(String, Vec<Skill>)>,
    ) {
        let Some((name, skills)) = profile else {
            self.offline(step, &id, "deleted".into());
            if let Some(agent) = self.agents.get_mut(&id) {
                agent.skills.clear();
            }
            return self.enrol_everywhere(&id);
        };
        let agent = self.agents.entry(id.clone()).or_insert_with(|| Agent::new(tenant, id.clone(), step.now));
        (agent.name, agent.skills) = (name, skills);
        self.enrol_everywhere(&id);
        self.moved(step, &id);
        self.match_agent(step, &id);
    }

    /// Puts the agent into the queues that the skills suit, and out of the others.
    fn enrol_everywhere(&mut self, id: &AgentId) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        for (queue, found) in &mut self.queues {
            enrol(agent, queue, Some(found));
        }
    }

    // ── callers ─────────────────────────────────────────────────────────────

    fn join(
        &mut self,
        step: &mut Step,
        tenant: TenantId,
        call: CallId,
        id: QueueId,
        since: Timestamp,
        priority: i32,
    ) {
        let before = self.callers.get(&call);
        if before.is_some_and(|caller| !caller.given_back || caller.agent.is_some()) {
            return;
        }
        let crossed = before.map(|caller| caller.crossed.clone()).unwrap_or_default();
        let queue = self.queues.get_mut(&id).filter(|(owner, _)| *owner == tenant);
        let Some((_, queue)) = queue else {
            return step.effects.push(Effect::Overflow { call, reason: "no_queue" });
        };
        if queue.places.len() >= queue.config.waiting_max {
            return step.effects.push(Effect::Overflow { call, reason: "queue_full" });
        }
        let place = Place { priority: Reverse(priority), since, call: call.clone() };
        queue.places.insert(place.clone());
        queue.seeking.insert(place.clone());
        let caller = Caller {
            tenant,
            queue: id.clone(),
            place,
            attempts: 0,
            reservation: None,
            crossed,
            agent: None,
            declined: Vec::new(),
            given_back: false,
        };
        self.callers.insert(call, caller);
        step.effects.push(Effect::QueueMoved { queue: id.clone() });
        self.match_queue(step, &id);
    }

    /// The call says who answered, and the call is right: an answer that
    /// crossed the end of its offer still counts, and what else the ACD had in
    /// mind for the two gives way.
    fn answered(&mut self, step: &mut Step, call: &CallId, reservation: &ReservationId) {
        let Some(caller) = self.callers.get_mut(call).filter(|caller| caller.agent.is_none()) else { return };
        let known = |held: &&Reservation| held.id == *reservation;
        let Some(held) = caller.reservation.iter().chain(&caller.crossed).find(known).cloned() else {
            return;
        };
        let Some(agent) = self.agents.get(&held.agent) else { return };
        if matches!(agent.state, AgentState::OnCall | AgentState::WrapUp) {
            return;
        }
        let other = agent.call.clone().filter(|other| other != call && agent.state == AgentState::Ringing);
        caller.agent = Some(held.agent.clone());
        let given_way = caller.reservation.take().filter(|current| *current != held);
        let (tenant, id, place) = (caller.tenant.clone(), caller.queue.clone(), caller.place.clone());
        self.due.remove(&(held.deadline, Due::Offer(call.clone(), held.id)));
        if let Some((_, queue)) = self.queues.get_mut(&id) {
            queue.places.remove(&place);
            queue.seeking.remove(&place);
        }
        let seeks_again =
            other.and_then(|other| self.take_reservation(step, &other, OfferOutcome::Withdrawn));
        if let Some(agent) = self.agents.get_mut(&held.agent) {
            (agent.call, agent.queue) = (Some(call.clone()), Some(id.clone()));
            agent.reservation = None;
        }
        self.move_agent(step, &held.agent, AgentState::OnCall, None, Party::Agent);
        step.effects.push(Effect::QueueMoved { queue: id });
        if let Some(Reservation { id, agent, deadline }) = given_way {
            self.due.remove(&(deadline, Due::Offer(call.clone(), id.clone())));
            let outcome = OfferOutcome::Withdrawn;
            let ended = Effect::OfferEnded {
                tenant,
                call: call.clone(),
                agent: agent.clone(),
                reservation: id,
                outcome,
            };
            step.effects.push(ended);
            // The same agent may have been asked again meanwhile: that one talks now.
            if agent != held.agent {
                self.free(step, &agent, AgentState::Available, None, Party::System);
            }
        }
        if let Some((_, queue)) = seeks_again {
            self.match_queue(step, &queue);
        }
    }

    fn offer_ended(
        &mut self,
        step: &mut Step,
        call: &CallId,
        reservation: &ReservationId,
        outcome: OfferOutcome,
    ) {
        if self.direct.contains_key(call) {
            return self.direct_ended(step, call, outcome);
        }
        let Some(caller) = self.callers.get(call) else { return };
        if caller.reservation.as_ref().is_none_or(|held| held.id != *reservation) {
            return;
        }
        self.unreserve(step, call, outcome);
        let queue = self.callers.get(call).map(|caller| caller.queue.clone());
        if let Some(queue) = queue {
            self.match_queue(step, &queue);
        }
    }

    fn release(&mut self, step: &mut Step, call: &CallId) {
        let rang = self.take_reservation(step, call, OfferOutcome::CallerLeft);
        let Some(caller) = self.callers.remove(call) else { return };
        if let Some((_, queue)) = self.queues.get_mut(&caller.queue) {
            queue.places.remove(&caller.place);
            queue.seeking.remove(&caller.place);
        }
        match caller.agent {
            Some(agent) => self.conversation_ended(step, &agent, &caller.queue),
            None => step.effects.push(Effect::QueueMoved { queue: caller.queue }),
        }
        if let Some((agent, _)) = rang {
            self.free(step, &agent, AgentState::Available, None, Party::System);
        }
    }

    // ── reservations ────────────────────────────────────────────────────────

    /// Ends the call's reservation, if there is one, with each outcome's own
    /// consequence for the agent; the caller keeps the place.
    fn unreserve(&mut self, step: &mut Step, call: &CallId, outcome: OfferOutcome) {
        let Some((agent, _)) = self.take_reservation(step, call, outcome) else { return };
        let (state, reason) = Router::after(outcome);
        self.free(step, &agent, state, reason.map(Into::into), Party::System);
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

    pub(crate) fn new_reservation(&mut self, now: Timestamp) -> ReservationId {
        self.made += 1;
        ReservationId::new(now, mix(self.seed ^ self.made))
    }

    /// Takes the reservation off the call, which seeks again; gives the agent,
    /// who is for the caller of this function to place, and the queue.
    fn take_reservation(
        &mut self,
        step: &mut Step,
        call: &CallId,
        outcome: OfferOutcome,
    ) -> Option<(AgentId, QueueId)> {
        let caller = self.callers.get_mut(call)?;
        let held = caller.reservation.take()?;
        if outcome == OfferOutcome::Declined {
            caller.declined.push(held.agent.clone());
            self.due.insert((step.now + DECLINED_FOR, Due::Declined(call.clone(), held.agent.clone())));
        }
        caller.crossed.insert(0, held.clone());
        caller.crossed.truncate(CROSSED_MAX);
        let queue = caller.queue.clone();
        if let Some((_, queue)) = self.queues.get_mut(&queue) {
            queue.seeking.insert(caller.place.clone());
        }
        let Reservation { id: reservation, agent, deadline } = held;
        self.due.remove(&(deadline, Due::Offer(call.clone(), reservation.clone())));
        let (tenant, call) = (caller.tenant.clone(), call.clone());
        step.effects.push(Effect::OfferEnded { tenant, call, agent: agent.clone(), reservation, outcome });
        Some((agent, queue))
    }

    /// Finds agents for the callers of a queue, in the order of service.
    fn match_queue(&mut self, step: &mut Step, id: &QueueId) {
        loop {
            let Some((_, queue)) = self.queues.get(id) else { return };
            let pair = queue.seeking.iter().find_map(|place| {
                let declined = &self.callers.get(&place.call)?.declined;
                let free = queue.idle.iter().find(|(_, agent)| !declined.contains(agent))?;
                Some((place.call.clone(), free.1.clone()))
            });
            match pair {
                Some((call, agent)) => self.reserve(step, &call, &agent),
                None => return,
            }
        }
    }

    /// Finds a caller for an agent who became free: the first in the order of
    /// service over all the agent's queues.
    fn match_agent(&mut self, step: &mut Step, id: &AgentId) {
        let Some(agent) = self.agents.get(id).filter(|agent| agent.state == AgentState::Available) else {
            return;
        };
        let best = agent.queues.iter().filter_map(|queue| {
            let seeking = &self.queues.get(queue)?.1.seeking;
            seeking.iter().find(|p| self.callers.get(&p.call).is_some_and(|c| !c.declined.contains(id)))
        });
        if let Some(call) = best.min().map(|place| place.call.clone()) {
            self.reserve(step, &call, id);
        }
    }

    fn reserve(&mut self, step: &mut Step, call: &CallId, id: &AgentId) {
        let (Some(caller), Some(agent)) = (self.callers.get_mut(call), self.agents.get_mut(id)) else {
            return;
        };
        let Some((_, queue)) = self.queues.get_mut(&caller.queue) else { return };
        assert!(caller.reservation.is_none() && caller.agent.is_none(), "a caller has one agent at a time");
        assert!(agent.state == AgentState::Available, "only a free agent is reserved");
        let deadline = step.now + queue.config.ring_timeout_ms;
        self.made += 1;
        let reservation = ReservationId::new(step.now, mix(self.seed ^ self.made));
        caller.attempts += 1;
        caller.reservation = Some(Reservation { id: reservation.clone(), agent: id.clone(), deadline });
        queue.seeking.remove(&caller.place);
        (agent.call, agent.queue) = (Some(call.clone()), Some(caller.queue.clone()));
        agent.reservation = Some(reservation.clone());
        self.due.insert((deadline, Due::Offer(call.clone(), reservation.clone())));
        let offer = Offer {
            tenant: caller.tenant.clone(),
            reservation,
            call: call.clone(),
            queue: caller.queue.clone(),
            agent: id.clone(),
            line: agent.line.clone(),
            since: caller.place.since,
            deadline,
            attempt: caller.attempts,
        };
        self.move_agent(step, id, AgentState::Ringing, None, Party::System);
        step.effects.push(Effect::Offer(offer));
    }

    // ── agents ──────────────────────────────────────────────────────────────

    /// The one door between states: keeps the indexes of idle agents true.
    pub(crate) fn move_agent(
        &mut self,
        step: &mut Step,
        id: &AgentId,
        to: AgentState,
        reason: Option<String>,
        by: Party,
    ) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        let was_idle = agent.state == AgentState::Available;
        let entry = (agent.idle_since, id.clone());
        let fact = agent.enter(step.now, to, reason, by);
        let is_idle = to == AgentState::Available;
        for queue in agent.queues.iter().filter(|_| was_idle != is_idle) {
            let Some((_, queue)) = self.queues.get_mut(queue) else { continue };
            match is_idle {
                true => queue.idle.insert(entry.clone()),
                false => queue.idle.remove(&entry),
            };
        }
        let tenant = agent.tenant.clone();
        step.effects.push(Effect::Fact { tenant: tenant.clone(), fact });
        step.effects.push(Effect::AgentMoved { tenant, agent: id.clone() });
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
        let (state, reason) =
            agent.deferred.take().filter(|_| state != AgentState::Offline).unwrap_or((state, reason));
        self.move_agent(step, id, state, reason, by);
        if let Some(agent) = self.agents.get_mut(id) {
            (agent.call, agent.queue, agent.direct) = (None, None, None);
        }
        self.match_agent(step, id);
    }

    fn available(&mut self, step: &mut Step, tenant: &TenantId, id: &AgentId, line: String) {
        let Some(agent) = self.known(step, tenant, id) else { return };
        agent.line = line;
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

    fn aux(
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

    fn offline(&mut self, step: &mut Step, id: &AgentId, reason: String) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        match (agent.state, agent.call.clone()) {
            (AgentState::Offline, _) => {}
            (AgentState::OnCall | AgentState::WrapUp, _) => {
                agent.deferred = Some((AgentState::Offline, Some(reason)));
                self.moved(step, id);
            }
            (AgentState::Ringing, _) if agent.direct.is_some() => {
                let session = agent.direct.clone();
                session.iter().for_each(|s| self.direct_ended(step, s, OfferOutcome::DeviceOffline));
            }
            (AgentState::Ringing, Some(call)) => {
                self.unreserve(step, &call, OfferOutcome::DeviceOffline);
                let queue = self.callers.get(&call).map(|caller| caller.queue.clone());
                queue.iter().for_each(|queue| self.match_queue(step, queue));
            }
            _ => self.move_agent(step, id, AgentState::Offline, Some(reason), Party::System),
        }
    }

    pub(crate) fn conversation_ended(&mut self, step: &mut Step, id: &AgentId, queue: &QueueId) {
        let wrap_up = self.queues.get(queue).map_or(0, |(_, queue)| queue.config.wrap_up_ms);
        let until = step.now + wrap_up;
        self.move_agent(step, id, AgentState::WrapUp, None, Party::System);
        if let Some(agent) = self.agents.get_mut(id) {
            agent.until = Some(until);
        }
        self.due.insert((until, Due::WrapUp(id.clone())));
        if wrap_up == 0 {
            self.end_wrap_up(step, id, None, None, true);
        }
    }

    fn finish_wrap_up(
        &mut self,
        step: &mut Step,
        id: &AgentId,
        call: &CallId,
        disposition: Option<DispositionId>,
        note: Option<String>,
    ) {
        let wraps = |agent: &&Agent| agent.state == AgentState::WrapUp && agent.call.as_ref() == Some(call);
        if self.agents.get(id).filter(wraps).is_none() {
            let message = "this call is not in wrap-up";
            return step.effects.push(Effect::Refused { agent: id.clone(), message });
        }
        self.end_wrap_up(step, id, disposition, note, false);
    }

    fn end_wrap_up(
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
        let event = AgentEvent::WrappedUp { call, queue, disposition, note, spent, timed_out };
        let fact = agent.fact(step.now, event);
        agent.idle_since = step.now;
        step.effects.push(Effect::Fact { tenant: agent.tenant.clone(), fact });
        let by = if timed_out { Party::System } else { Party::Agent };
        self.free(step, id, AgentState::Available, None, by);
    }

    fn known(&mut self, step: &mut Step, tenant: &TenantId, id: &AgentId) -> Option<&mut Agent> {
        let agent = self.agents.get_mut(id).filter(|agent| agent.tenant == *tenant);
        if agent.is_none() {
            let message = "no such agent";
            step.effects.push(Effect::Refused { agent: id.clone(), message });
        }
        agent
    }

    fn moved(&self, step: &mut Step, id: &AgentId) {
        if let Some(agent) = self.agents.get(id) {
            step.effects.push(Effect::AgentMoved { tenant: agent.tenant.clone(), agent: id.clone() });
        }
    }

    // ── time ────────────────────────────────────────────────────────────────

    fn tick(&mut self, step: &mut Step) {
        while let Some((_, due)) = self.due.first().filter(|(at, _)| *at <= step.now).cloned() {
            self.due.pop_first();
            match due {
                Due::Offer(call, reservation) => {
                    self.offer_ended(step, &call, &reservation, OfferOutcome::NoAnswer);
                }
                Due::WrapUp(agent) => self.end_wrap_up(step, &agent, None, None, true),
                Due::Declined(call, agent) => {
                    let Some(caller) = self.callers.get_mut(&call) else { continue };
                    caller.declined.retain(|declined| *declined != agent);
                    let queue = caller.queue.clone();
                    self.match_queue(step, &queue);
                }
            }
        }
    }
}

/// Makes the agent a member of the queue if the skills suit, else no member.
fn enrol(agent: &mut Agent, id: &QueueId, queue: Option<&mut (TenantId, Queue)>) {
    let Some((tenant, queue)) = queue else { return };
    let entry = (agent.idle_since, agent.id.clone());
    agent.queues.retain(|member| member != id);
    queue.idle.remove(&entry);
    if *tenant != agent.tenant || !queue.config.suits(&agent.skills) {
        return;
    }
    agent.queues.push(id.clone());
    if agent.state == AgentState::Available {
        queue.idle.insert(entry);
    }
}

/// SplitMix64 on both halves: spreads a counter over 128 bits.
fn mix(value: u128) -> u128 {
    let half = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let (high, low) = ((value >> 64) as u64, value as u64);
    let low = half(low.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(high));
    (u128::from(half(high ^ low)) << 64) | u128::from(low)
}
