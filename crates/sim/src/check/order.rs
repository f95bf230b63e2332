//! A second account of the ACD, from its inputs and effects alone: who waits,
//! who is reserved for whom, and whose turn it is.

use super::{Invariant, Verdict, is_offer, suits};
use routing::{Effect, Input, Router, Strategy, Winner};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};
use types::*;

/// As long as routing keeps a declined caller from the agent.
const DECLINED_FOR: Millis = 30_000;

type Turn = (Reverse<i32>, Timestamp, CallId);

#[derive(Default)]
pub(crate) struct Order {
    waiting: HashMap<CallId, Waiting>,
    /// In the order of service.
    seeking: BTreeMap<Turn, QueueId>,
    reservations: HashMap<ReservationId, Reservation>,
    /// Agents who declined a caller, and until when that counts.
    declined: HashMap<CallId, Vec<(AgentId, Timestamp)>>,
    tenants: HashMap<QueueId, TenantId>,
    now: Timestamp,
}

struct Waiting {
    queue: QueueId,
    turn: Turn,
    reserved: Vec<ReservationId>,
    /// Rings at whoever picked the caller up, and before that had wanted to.
    picked: bool,
    was_picked: bool,
}

struct Reservation {
    call: CallId,
    agent: AgentId,
    picked: bool,
    open: bool,
}

impl Order {
    /// Before the router has it.
    pub(crate) fn input(&mut self, now: Timestamp, input: &Input) {
        self.now = now;
        match input {
            Input::Join { call, queue, since, priority, .. } => self.join(call, queue, *since, *priority),
            Input::Release { call } => drop(self.leave(call)),
            Input::Queue { tenant, queue, .. } => drop(self.tenants.insert(queue.clone(), tenant.clone())),
            Input::Answered { call, reservation, by } => self.answered(call, reservation, by.as_ref()),
            Input::Assign(assign) => self.picks(&assign.call),
            _ => {}
        }
    }

    fn join(&mut self, call: &CallId, queue: &QueueId, since: Timestamp, priority: i32) {
        if self.waiting.contains_key(call) || self.talks(call) {
            return;
        }
        let turn = (Reverse(priority), since, call.clone());
        self.seeking.insert(turn.clone(), queue.clone());
        let (queue, reserved) = (queue.clone(), Vec::new());
        let waiting = Waiting { queue, turn, reserved, picked: false, was_picked: false };
        self.waiting.insert(call.clone(), waiting);
    }

    /// Nobody else is sought meanwhile.
    fn picks(&mut self, call: &CallId) {
        let Some(waiting) = self.waiting.get_mut(call) else { return };
        waiting.was_picked = std::mem::replace(&mut waiting.picked, true);
        self.seeking.remove(&waiting.turn);
    }

    fn not_picked(&mut self, call: &CallId, router: &Router) {
        let Some(waiting) = self.waiting.get_mut(call) else { return };
        waiting.picked = waiting.was_picked;
        self.seek(call, router);
    }

    /// Sought for or not, by how many ring already.
    fn seek(&mut self, call: &CallId, router: &Router) {
        let Some(waiting) = self.waiting.get(call) else { return };
        let at_once = match router.queue_config(&waiting.queue) {
            Some(config) if config.strategy == Strategy::RingAll => config.ring_all_max,
            _ => 1,
        };
        if !waiting.picked && waiting.reserved.len() < at_once {
            self.seeking.insert(waiting.turn.clone(), waiting.queue.clone());
        } else {
            self.seeking.remove(&waiting.turn);
        }
    }

    /// Answered and not yet released: marked by a place without a turn.
    fn talks(&self, call: &CallId) -> bool {
        self.declined.get(call).is_some_and(|marks| marks.iter().any(|(_, until)| *until == FOREVER))
    }

    fn leave(&mut self, call: &CallId) -> Option<Waiting> {
        self.declined.remove(call);
        let left = self.waiting.remove(call)?;
        self.seeking.remove(&left.turn);
        Some(left)
    }

    /// The call is right: who is answered waits no more.
    fn answered(&mut self, call: &CallId, reservation: &ReservationId, by: Option<&Winner>) {
        let Some(waiting) = self.waiting.get(call) else { return };
        if waiting.reserved.contains(reservation)
            && let Some(found) = self.reservations.get_mut(reservation)
        {
            found.open = false;
        }
        if let Some(by) = by {
            self.leave(call);
            self.declined.insert(call.clone(), vec![(by.agent.clone(), FOREVER)]);
        }
    }

    pub(crate) fn effect(&mut self, now: Timestamp, effect: &Effect, router: &Router) -> Verdict {
        match effect {
            Effect::Overflow { call, .. } => drop(self.leave(call)),
            Effect::OfferEnded { call, agent, reservation, outcome, .. } => {
                self.ended(now, (call, agent, reservation), *outcome, router)?;
            }
            Effect::NotAssigned { call, .. } => self.not_picked(call, router),
            Effect::Fact { fact, .. } => self.state_moved(fact),
            _ => {}
        }
        match is_offer(effect) {
            Some(offer) => self.offered(offer, router),
            None => Ok(()),
        }
    }

    /// An agent who is on a call took its caller out of the queue.
    fn state_moved(&mut self, fact: &fact::AgentFact) {
        let fact::AgentEvent::StateChanged { to: AgentState::OnCall, call: Some(call), .. } = &fact.event
        else {
            return;
        };
        self.leave(call);
        self.declined.insert(call.clone(), vec![(fact.agent.clone(), FOREVER)]);
    }

    fn ended(
        &mut self,
        now: Timestamp,
        (call, agent, reservation): (&CallId, &AgentId, &ReservationId),
        outcome: OfferOutcome,
        router: &Router,
    ) -> Verdict {
        let found = self.reservations.get_mut(reservation).filter(|found| found.open);
        let Some(found) = found else {
            return Err((Invariant::OneOutcome, format!("{reservation} ends again: {outcome:?}")));
        };
        found.open = false;
        let picked = found.picked;
        if outcome == OfferOutcome::Declined {
            self.declined.entry(call.clone()).or_default().push((agent.clone(), now + DECLINED_FOR));
        }
        if let Some(waiting) = self.waiting.get_mut(call) {
            waiting.reserved.retain(|reserved| reserved != reservation);
            waiting.picked &= !picked;
        }
        self.seek(call, router);
        Ok(())
    }

    fn offered(&mut self, offer: &routing::Offer, router: &Router) -> Verdict {
        let twice = self
            .reservations
            .values()
            .any(|r| r.open && (r.agent == offer.agent || (offer.alone && r.call == offer.call)));
        if twice {
            return Err((
                Invariant::OneWinner,
                format!("{} or {} is reserved twice", offer.call, offer.agent),
            ));
        }
        let agent = router.agent(&offer.agent).map(|agent| (agent.tenant.clone(), agent.skills.clone()));
        let (tenant, skills) = agent.unwrap_or((offer.tenant.clone(), Vec::new()));
        if tenant != offer.tenant || self.tenants.get(&offer.queue) != Some(&tenant) {
            let message = format!("{} of {} is offered to {tenant}'s agent", offer.call, offer.tenant);
            return Err((Invariant::OneTenant, message));
        }
        let first = self.first_for(&offer.agent, |queue| {
            let ours = self.tenants.get(queue) == Some(&tenant);
            ours && router.queue_config(queue).is_some_and(|config| suits(config, &skills))
        });
        if first != Some(&offer.call) && !offer.assigned {
            return Err((
                Invariant::Order,
                format!("{} is offered {}, but {first:?} is first", offer.agent, offer.call),
            ));
        }
        let Some(waiting) = self.waiting.get_mut(&offer.call) else { return Ok(()) };
        waiting.reserved.push(offer.reservation.clone());
        let (call, agent, picked) = (offer.call.clone(), offer.agent.clone(), offer.assigned);
        self.seek(&call, router);
        self.reservations.insert(offer.reservation.clone(), Reservation { call, agent, picked, open: true });
        Ok(())
    }

    /// Whose turn it is with this agent.
    pub(crate) fn first_for(&self, agent: &AgentId, suits: impl Fn(&QueueId) -> bool) -> Option<&CallId> {
        let excluded = |call: &CallId| {
            let marks = self.declined.get(call).into_iter().flatten();
            marks.into_iter().any(|(who, until)| who == agent && *until > self.now)
        };
        let mut turns = self.seeking.iter();
        turns.find(|((_, _, call), queue)| suits(queue) && !excluded(call)).map(|((_, _, call), _)| call)
    }

    pub(crate) fn tenant_of(&self, queue: &QueueId) -> Option<&TenantId> {
        self.tenants.get(queue)
    }

    pub(crate) fn open_reservations(&self) -> impl Iterator<Item = &ReservationId> {
        self.reservations.iter().filter(|(_, found)| found.open).map(|(id, _)| id)
    }
}

const FOREVER: Timestamp = Timestamp::from_millis(i64::MAX);
