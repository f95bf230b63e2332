//! What the edge tells the ACD and the agents' lines.

use crate::{
    Fault, Invariant,
    desk::{Act, Told},
    network::Stream,
    telephony::{Offer, Stay},
    world::{What, World},
};
use rand::Rng;
use types::*;

impl World {
    // ── the ACD ─────────────────────────────────────────────────────────────

    pub(crate) fn join(
        &mut self,
        n: usize,
        queue: QueueId,
        since: Timestamp,
        priority: i32,
        needs: Vec<Skill>,
    ) {
        let line = &mut self.lines[n];
        let tenant = self.tenants[line.tenant].clone();
        let call = line.call.id().clone();
        line.truth.stage = Stage::Queue;
        line.truth.stays.push(Stay { queue: queue.clone(), at: since, left: None });
        let join = routing::Input::Join { tenant, call, queue, since, priority, needs, preferred: None };
        line.join = Some(join.clone());
        if !self.faulty(Fault::ForgetsACaller) {
            self.send_maybe_twice(Stream::EdgeToAcd, What::Acd(join));
        }
        self.somebody_picks(n);
    }

    pub(crate) fn release(&mut self, n: usize) {
        let line = &mut self.lines[n];
        (line.join, line.answered) = (None, None);
        let call = line.call.id().clone();
        if line.truth.answered.is_none() || !self.faulty(Fault::KeepsAgentBusy) {
            self.send(Stream::EdgeToAcd, What::Acd(routing::Input::Release { call }));
        }
    }

    pub(crate) fn tell_answered(&mut self, n: usize, reservation: ReservationId) {
        let at = self.happens();
        let line = &mut self.lines[n];
        let call = line.call.id().clone();
        let offer = line.truth.offers.iter().find(|offer| offer.reservation == reservation);
        let queue = line.truth.stays.last().map(|stay| stay.queue.clone());
        let agent = offer.map(|offer| self.desks[offer.desk].id.clone());
        let by = agent.zip(queue).map(|(agent, queue)| {
            let tenant = self.tenants[line.tenant].clone();
            routing::Winner { tenant, agent, queue }
        });
        let answered = routing::Input::Answered { call, reservation: reservation.clone(), by };
        line.answered = Some(answered.clone());
        let offer = offer.map(|offer| (at, offer.desk, offer.leg.clone()));
        let twice = line.truth.answered.is_some() || offer.is_none();
        (line.truth.answered, line.truth.stage) = (offer, Stage::Talking);
        if let Some(offer) = line.truth.offers.iter_mut().find(|offer| offer.reservation == reservation) {
            offer.outcome = Some(OfferOutcome::Answered);
        }
        self.check
            .hold(!twice, Invariant::OneWinner, || format!("{reservation} wins a call that is answered"));
        self.send_maybe_twice(Stream::EdgeToAcd, What::Acd(answered));
        let talks = self.rng.random_range(1_000..180_000);
        self.at(talks, What::CallerHangsUp(n));
    }

    /// The edge tells the ACD again whom it has.
    pub(crate) fn reattach(&mut self) {
        // Who talks does not wait again.
        let again = self.lines.iter().filter_map(|line| line.answered.clone().or_else(|| line.join.clone()));
        let again: Vec<_> = again.collect();
        again.into_iter().for_each(|input| self.send(Stream::EdgeToAcd, What::Acd(input)));
        self.desks_reattach();
    }

    // ── agents' lines ───────────────────────────────────────────────────────

    pub(crate) fn ring(&mut self, n: usize, leg: LegId, agent: &AgentId, reservation: ReservationId) {
        let desk = self.desk_of[agent];
        let (at, line) = (self.happens(), &mut self.lines[n]);
        line.legs.insert(leg.clone(), desk);
        line.truth.stage = Stage::Ringing;
        line.truth.offers.push(Offer { leg: leg.clone(), desk, at, reservation, outcome: None });
        self.send(Stream::LineTold(n, desk), What::Desk(desk, Told::Ring(n, leg)));
        if self.chance(40) {
            let after = self.rng.random_range(0..4_000);
            self.at(after, What::CallerHangsUp(n));
        }
        self.somebody_picks(n);
    }

    /// Some of those who see a caller wait or ring try to be faster, often several.
    fn somebody_picks(&mut self, n: usize) {
        while self.chance(self.day.picks) {
            let (desk, after) = (self.rng.random_range(0..self.desks.len()), self.rng.random_range(0..9_000));
            self.at(after, What::Person(desk, Act::Pick(n)));
        }
    }

    pub(crate) fn stop_ringing(&mut self, n: usize, leg: LegId, outcome: OfferOutcome) {
        let truth = &mut self.lines[n].truth;
        let offer = truth.offers.iter_mut().find(|offer| offer.leg == leg);
        let once = offer.is_some_and(|offer| offer.outcome.replace(outcome).is_none());
        let rings = truth.offers.iter().any(|offer| offer.outcome.is_none());
        if outcome != OfferOutcome::CallerLeft && !rings {
            truth.stage = Stage::Queue;
        }
        self.check.hold(once, Invariant::OneOutcome, || format!("{leg} ends again: {outcome:?}"));
        self.let_go(n, leg);
    }

    pub(crate) fn let_go(&mut self, n: usize, leg: LegId) {
        let Some(desk) = self.lines[n].legs.remove(&leg) else {
            return self.check.breaks(Invariant::Ports, format!("{leg} is let go twice"));
        };
        if !self.faulty(Fault::KeepsRinging) {
            self.send(Stream::LineTold(n, desk), What::Desk(desk, Told::Over(leg)));
        }
    }
}
