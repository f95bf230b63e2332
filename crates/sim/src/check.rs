//! What must always hold.

mod oracle;
mod order;

use crate::{
    Fault,
    network::{DELAY_MAX, OUTAGE_MAX},
    world::{World, begin},
};
use call::Ledger;
use order::Order;
use routing::{Effect, Offer};
use stats::{Book, By, Period};
use std::collections::HashMap;
use types::{fact::CallFact, *};

/// How long two sides may disagree: there, back, and a broken stream.
const GRACE: Millis = 2 * DELAY_MAX + OUTAGE_MAX + 3_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invariant {
    NoPanic,
    /// Every call ends exactly once.
    OneEnd,
    /// No agent is in two calls, none is offered one while talking.
    OneCall,
    /// A reservation ends in exactly one way.
    OneOutcome,
    /// A caller is reserved for, and answered by, one agent.
    OneWinner,
    /// First come first served within equal priority, among those who can be served.
    Order,
    /// Nobody waits while a suitable agent idles.
    NoIdling,
    /// A tenant's caller never reaches another tenant's agent.
    OneTenant,
    /// Media, recordings and legs: taken = let go.
    Ports,
    /// Nothing rings for a caller who left.
    NoGhosts,
    /// The ACD and the calls believe the same, but for what is on its way.
    OneTruth,
    /// Folding the facts gives the call.
    Replay,
    /// offered = answered + abandoned + overflowed + missed + declined + in progress.
    Balanced,
    /// The figures are those of the oracle.
    Figures,
}

#[derive(Default)]
pub(crate) struct Check {
    pub(crate) broken: Option<(Invariant, String)>,
    pub(crate) order: Order,
    /// Since when call and ACD disagree, about whom.
    disputes: HashMap<String, Timestamp>,
}

impl Check {
    pub(crate) fn breaks(&mut self, invariant: Invariant, message: String) {
        self.broken.get_or_insert((invariant, message));
    }

    pub(crate) fn hold(&mut self, holds: bool, invariant: Invariant, message: impl FnOnce() -> String) {
        if !holds {
            self.breaks(invariant, message());
        }
    }
}

impl World {
    /// After every step of a call.
    pub(crate) fn call_settled(&mut self, n: usize) {
        let line = &self.lines[n];
        let ended = line.call.ended();
        let whole = line.folded.as_ref() == Some(line.call.ledger());
        let once = line.ends == u32::from(ended);
        let talking = line.call.ledger().stage == Stage::Talking;
        let ports = (line.media, line.records) == (u32::from(!ended), u32::from(talking));
        let rings = line.call.ledger().offers.len();
        let legs = line.legs.len() == usize::from(talking) + rings;
        let id = line.call.id();
        let check = &mut self.check;
        check.hold(once, Invariant::OneEnd, || format!("{id} told {} ends, ended: {ended}", line.ends));
        check.hold(whole, Invariant::Replay, || {
            format!("{id}: {:?} is not {:?}", line.folded, line.call.ledger())
        });
        check.hold(ports && legs, Invariant::Ports, || {
            format!("{id} has {} media, {} recordings, legs {:?}", line.media, line.records, line.legs)
        });
        let open = line.truth.offers.iter().filter(|offer| offer.outcome.is_none()).count();
        check.hold(open == rings, Invariant::OneOutcome, || format!("{id} has {open} open offers"));
    }

    /// Nobody seeks an agent while a suitable one is free.
    pub(crate) fn check_idle(&mut self) {
        if self.router.listens() {
            return;
        }
        for agent in self.router.agents().filter(|agent| agent.state == AgentState::Available) {
            let of_tenant = |queue: &QueueId| self.check.order.tenant_of(queue) == Some(&agent.tenant);
            let suits = |queue: &QueueId| {
                of_tenant(queue) && self.router.queue_config(queue).is_some_and(|q| suits(q, &agent.skills))
            };
            if let Some(call) = self.check.order.first_for(&agent.id, suits) {
                let message = format!("{} idles while {call} waits", agent.id);
                return self.check.breaks(Invariant::NoIdling, message);
            }
        }
    }

    /// Who is offered a caller has none.
    pub(crate) fn check_free(&mut self, offer: &Offer) {
        let desk = self.desk_of[&offer.agent];
        let busy = self.lines.iter().find(|line| {
            let answered = line.truth.answered.as_ref().filter(|_| !line.call.ended());
            answered.is_some_and(|(at, whose, leg)| {
                *whose == desk && *at + GRACE < self.now && self.desks[desk].legs.contains_key(leg)
            })
        });
        if let Some(line) = busy {
            let message =
                format!("{} talks in {} and is offered {}", offer.agent, line.call.id(), offer.call);
            self.check.breaks(Invariant::OneCall, message);
        }
    }

    /// Looks at the whole world: what lasts longer than messages travel is wrong.
    pub(crate) fn look(&mut self) {
        let mut found = Vec::new();
        for desk in &self.desks {
            self.look_at_desk(desk, &mut found);
        }
        for line in self.lines.iter().filter(|line| line.truth.ended.is_none()) {
            let ledger = line.call.ledger();
            let waits = matches!(ledger.stage, Stage::Queue | Stage::Ringing) && ledger.enqueued_at.is_some();
            let queue = line.truth.stays.last().map(|stay| &stay.queue);
            let known =
                queue.is_some_and(|queue| self.router.positions(queue).any(|call| *call == ledger.call));
            if waits != known {
                let message = format!("{} waits: {waits}, in the ACD: {known}", ledger.call);
                found.push((Invariant::OneTruth, format!("place {}", ledger.call), message));
            }
        }
        for (queue, _) in &self.queues {
            for call in self.router.positions(queue) {
                let line = &self.lines[self.line_of[call]];
                if line.call.ended() {
                    found.push((
                        Invariant::OneTruth,
                        format!("gone {call}"),
                        format!("{call} is gone and queued"),
                    ));
                }
            }
        }
        self.dispute(found);
    }

    fn look_at_desk(&self, desk: &crate::desk::Desk, found: &mut Vec<(Invariant, String, String)>) {
        let n = self.desk_of[&desk.id];
        let talks = |line: &&crate::telephony::Line| {
            line.truth.answered.as_ref().is_some_and(|(_, whose, _)| *whose == n) && !line.call.ended()
        };
        let calls: Vec<_> = self.lines.iter().filter(talks).map(|line| line.call.id()).collect();
        if calls.len() > 1 {
            found.push((
                Invariant::OneCall,
                format!("calls {}", desk.id),
                format!("{} is in {calls:?}", desk.id),
            ));
        }
        let known = self.router.agent(&desk.id);
        let routed = known.filter(|a| a.state == AgentState::OnCall).and_then(|agent| agent.call.as_ref());
        if calls.first().copied() != routed {
            let message = format!("{} is in {calls:?}, for the ACD in {routed:?}", desk.id);
            found.push((Invariant::OneTruth, format!("agent {}", desk.id), message));
        }
        for (leg, held) in &desk.legs {
            let line = &self.lines[held.call];
            if line.call.ended() || !line.legs.contains_key(leg) {
                let message = format!("{leg} of {} still rings", line.call.id());
                found.push((Invariant::NoGhosts, leg.to_string(), message));
            }
        }
    }

    fn dispute(&mut self, found: Vec<(Invariant, String, String)>) {
        let before = std::mem::take(&mut self.check.disputes);
        for (invariant, subject, message) in found {
            let since = before.get(&subject).copied().unwrap_or(self.now);
            if since + GRACE < self.now {
                self.check.breaks(invariant, format!("{message}, for {} ms", self.now - since));
            }
            self.check.disputes.insert(subject, since);
        }
    }

    pub(crate) fn period(&self, interval: Millis) -> Period {
        Period { from: begin(), to: self.now + 1, as_of: self.now, interval }
    }

    pub(crate) fn balance(&mut self) {
        for by in [By::Queue, By::Agent, By::Did] {
            for row in self.book.report(by, &self.period(0)) {
                let mut figures = row.figures;
                figures.offered += u64::from(self.faulty(Fault::CountsTooMany));
                self.check.hold(figures.balanced(), Invariant::Balanced, || format!("{row:?}"));
            }
        }
    }

    /// The day is over.
    pub(crate) fn evening(&mut self) {
        self.balance();
        for line in &self.lines {
            let id = line.call.id();
            self.check.hold(line.call.ended(), Invariant::OneEnd, || format!("{id} never ended"));
        }
        let left: Vec<_> = self.check.order.open_reservations().cloned().collect();
        self.check.hold(left.is_empty(), Invariant::OneOutcome, || format!("{left:?} never ended"));
        for desk in &self.desks {
            let legs: Vec<_> = desk.legs.keys().collect();
            self.check.hold(legs.is_empty(), Invariant::NoGhosts, || format!("{} holds {legs:?}", desk.id));
        }
        for (queue, _) in &self.queues {
            let left: Vec<_> = self.router.positions(queue).collect();
            self.check
                .hold(left.is_empty(), Invariant::OneTruth, || format!("{left:?} are in the queue for ever"));
        }
        self.replay();
        self.recount();
    }

    /// Told again from the beginning, some of it twice.
    fn replay(&mut self) {
        let mut told: HashMap<&CallId, Vec<&CallFact>> = HashMap::new();
        for fact in &self.call_facts {
            told.entry(&fact.call).or_default().extend([fact, fact]);
        }
        for line in &self.lines {
            let replayed = told.remove(line.call.id()).and_then(Ledger::replay);
            let same = replayed.as_ref() == Some(line.call.ledger());
            self.check
                .hold(same, Invariant::Replay, || format!("{replayed:?} is not {:?}", line.call.ledger()));
        }
    }

    /// The live figures, a recount and the oracle agree, by day and by quarter of an hour.
    fn recount(&mut self) {
        let mut again = Book::new();
        self.agent_facts.iter().for_each(|fact| again.agent(fact));
        self.call_facts.iter().for_each(|fact| again.call(fact));
        for (by, interval) in
            [By::Queue, By::Agent, By::Did].into_iter().flat_map(|by| [(by, 0), (by, 900_000)])
        {
            let period = self.period(interval);
            let (live, recounted) = (self.book.report(by, &period), again.report(by, &period));
            let truth = self.oracle(by, &period);
            let rows = live.len().max(truth.len()).max(recounted.len());
            for i in 0..rows {
                let (live, again, truth) = (live.get(i), recounted.get(i), truth.get(i));
                let same = live == truth && again == truth;
                self.check.hold(same, Invariant::Figures, || {
                    format!("{by:?} of {interval} ms:\n live  {live:?}\n again {again:?}\n truth {truth:?}")
                });
            }
        }
    }
}

pub(crate) fn suits(queue: &routing::QueueConfig, skills: &[Skill]) -> bool {
    queue.skills.iter().all(|need| skills.iter().any(|has| has.name == need.name && has.level >= need.level))
}

/// Reads an effect as the checkers do.
pub(crate) type Verdict = Result<(), (Invariant, String)>;

pub(crate) fn is_offer(effect: &Effect) -> Option<&Offer> {
    match effect {
        Effect::Offer(offer) => Some(offer),
        _ => None,
    }
}
