//! The ACD's driver: feeds the router and performs its effects, as
//! services/acd does.

use crate::{
    Fault,
    desk::{Desk, Told},
    network::Stream,
    world::{What, World},
};
use call::Reserved;
use routing::{Effect, Input};
use types::*;

impl World {
    pub(crate) fn acd(&mut self, input: Input) {
        self.check.order.input(self.now, &input);
        let picks = matches!(input, Input::Assign(_));
        let mut effects = self.router.handle(self.now, input);
        if picks && effects.iter().any(|effect| matches!(effect, Effect::Offer(offer) if offer.assigned)) {
            self.picked += 1;
            self.raced += u64::from(effects.iter().any(|e| matches!(e, Effect::OfferEnded { .. })));
        }
        self.plant(&mut effects);
        for effect in effects {
            let verdict = self.check.order.effect(self.now, &effect, &self.router);
            if let Err((invariant, message)) = verdict {
                self.check.breaks(invariant, message);
            }
            self.routed(effect);
        }
        self.check_idle();
        if let Some(at) = self.router.deadline()
            && self.acd_tick.is_none_or(|tick| at < tick)
        {
            self.acd_tick = Some(at);
            self.at(at.since(self.now), What::AcdTick);
        }
    }

    pub(crate) fn acd_due(&mut self) {
        self.acd_tick = None;
        self.acd(Input::Tick);
    }

    fn plant(&mut self, effects: &mut Vec<Effect>) {
        if let Some(ended) = effects.iter().find(|e| matches!(e, Effect::OfferEnded { .. })).cloned()
            && self.faulty(Fault::EndsAnOfferTwice)
        {
            effects.push(ended);
        }
        let Some(Effect::Offer(offer)) = effects.iter().find(|e| matches!(e, Effect::Offer(_))).cloned()
        else {
            return;
        };
        if self.faulty(Fault::ReservesTwice) {
            let reservation = ReservationId::new(self.now, self.id());
            let agent = self.desks.iter().map(|desk| desk.id.clone()).find(|id| *id != offer.agent);
            let agent = agent.expect("a second agent");
            effects.push(Effect::Offer(routing::Offer { reservation, agent, ..offer.clone() }));
        }
        let last = self.router.positions(&offer.queue).last().filter(|last| **last != offer.call).cloned();
        if let Some(last) = last
            && self.faulty(Fault::JumpsTheQueue)
        {
            replace(effects, &offer, routing::Offer { call: last, ..offer.clone() });
        }
        if let Some(agent) = self.who_talks(&offer)
            && self.faulty(Fault::OffersToTheBusy)
        {
            replace(effects, &offer, routing::Offer { agent, ..offer.clone() });
        }
        let foreign = |desk: &&Desk| self.tenants[desk.tenant] != offer.tenant;
        if let Some(agent) = self.desks.iter().find(foreign).map(|desk| desk.id.clone())
            && self.faulty(Fault::CrossesTenants)
        {
            replace(effects, &offer, routing::Offer { agent, ..offer.clone() });
        }
        if self.faulty(Fault::RefusesForTheAgent) {
            effects.retain(|e| *e != Effect::Offer(offer.clone()));
            let routing::Offer { call, reservation, .. } = offer;
            let outcome = OfferOutcome::Declined;
            self.router.handle(self.now, Input::OfferEnded { call, reservation, outcome });
        }
    }

    /// An agent of the same skills who has talked for long.
    fn who_talks(&self, offer: &routing::Offer) -> Option<AgentId> {
        let skills = &self.router.agent(&offer.agent)?.skills;
        let talks = |agent: &&routing::Agent| {
            let long = agent.since + 20_000 < self.now;
            agent.state == AgentState::OnCall
                && long
                && agent.skills == *skills
                && agent.tenant == offer.tenant
        };
        self.router.agents().filter(talks).map(|agent| agent.id.clone()).min()
    }

    fn routed(&mut self, effect: Effect) {
        match effect {
            Effect::Fact { fact, .. } => {
                let n = self.desk_of[&fact.agent];
                self.agent_facts.push(fact.clone());
                self.send_maybe_twice(Stream::AgentLog(n), What::AgentFact(fact));
            }
            Effect::Offer(offer) => self.offered(offer),
            Effect::OfferEnded { call, reservation, outcome, .. } => {
                self.tell_caller(&call, call::Input::Withdrawn { reservation, outcome });
            }
            Effect::Overflow { call, reason } => {
                self.tell_caller(&call, call::Input::Overflow(reason.into()))
            }
            Effect::Refused { .. } | Effect::Reached(_) | Effect::NotAssigned { .. } => {}
            Effect::AgentMoved { agent, .. } => {
                let known = self.router.agent(&agent).map(|a| (a.state, a.call.clone()));
                let (state, call) = known.unwrap_or((AgentState::Offline, None));
                let n = self.desk_of[&agent];
                self.desks[n].watch(self.now, state, call.clone());
                self.send(Stream::AcdToDesk(n), What::Desk(n, Told::State(state, call)));
            }
            Effect::QueueMoved { queue } => drop(self.moved.insert(queue)),
        }
    }

    fn offered(&mut self, offer: routing::Offer) {
        self.check_free(&offer);
        let (leg, customer) = (LegId::new(self.now, self.id()), LegId::new(self.now, self.id()));
        let routing::Offer { reservation, agent, line, attempt, call, alone, deadline, .. } = offer;
        let ring_for = deadline - self.now;
        let reserved = Reserved { reservation, agent, line, leg, customer, attempt, alone, ring_for };
        self.tell_caller(&call, call::Input::Reserved(reserved));
    }

    fn tell_caller(&mut self, call: &CallId, input: call::Input) {
        if let Some(n) = self.line_of.get(call).copied() {
            self.send(Stream::AcdToEdge, What::Call(n, input));
        }
    }

    pub(crate) fn positions(&mut self) {
        let mut moved: Vec<_> = self.moved.drain().collect();
        moved.sort();
        for queue in moved {
            let places: Vec<_> = self.router.positions(&queue).cloned().collect();
            for (position, call) in (1..).zip(places) {
                if self.told.insert(call.clone(), position) != Some(position) {
                    self.tell_caller(&call, call::Input::Position { position, wait: None });
                }
            }
        }
        if !self.over() {
            self.at(250, What::Positions);
        }
    }
}

fn replace(effects: &mut Vec<Effect>, offer: &routing::Offer, planted: routing::Offer) {
    effects.retain(|e| *e != Effect::Offer(offer.clone()));
    effects.push(Effect::Offer(planted));
}
