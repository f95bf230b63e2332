//! Agents: the device that rings and the person before it.

use crate::{
    Fault,
    network::Stream,
    world::{What, World, begin},
};
use call::Input;
use rand::Rng;
use routing::{Assign, Input as Acd, Word};
use std::collections::BTreeMap;
use types::*;

/// How long the ACD keeps an agent whose connection broke.
const LEASE: Millis = 10_000;

pub(crate) struct Desk {
    pub(crate) id: AgentId,
    pub(crate) tenant: usize,
    skills: Vec<Skill>,
    /// Not deleted.
    hired: bool,
    /// What the person asked for last; told again when the stream broke.
    wish: Option<Acd>,
    online: bool,
    /// Counts how often the device vanished.
    lives: u32,
    pub(crate) legs: BTreeMap<LegId, Leg>,
    /// What the ACD had the agent do, and since when.
    pub(crate) spans: Vec<(AgentState, Option<CallId>, Timestamp)>,
}

pub(crate) struct Leg {
    pub(crate) call: usize,
    accepted: bool,
}

/// What the device is told.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    Ring(usize, LegId),
    Talking(LegId),
    Over(LegId),
    State(AgentState, Option<CallId>),
}

/// What the person does.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Ready,
    Break,
    SignOut,
    Accept(LegId),
    Refuse(LegId, OfferOutcome),
    Hold(LegId, bool),
    Mute(LegId, bool),
    HangUp(LegId),
    FinishWrapUp(CallId),
    /// Takes this caller out of the queue.
    Pick(usize),
    Vanish,
    Return,
    /// Still away since that life: the ACD gives up.
    LeaseOver(u32),
}

impl Desk {
    /// Has taken a call and not let go of it.
    pub(crate) fn talks(&self) -> Option<usize> {
        self.legs.values().find(|leg| leg.accepted).map(|leg| leg.call)
    }

    pub(crate) fn watch(&mut self, now: Timestamp, state: AgentState, call: Option<CallId>) {
        let call = call.filter(|_| matches!(state, AgentState::OnCall | AgentState::WrapUp));
        if self.spans.last().is_none_or(|(last, of, _)| (last, of) != (&state, &call)) {
            self.spans.push((state, call, now));
        }
    }
}

impl World {
    pub(crate) fn new_desk(&mut self, n: usize) {
        let id = AgentId::new(begin(), n as u128 + 1);
        let mut skills = Vec::new();
        if n % 3 != 1 {
            skills.push(Skill { name: "general".into(), level: 3 });
        }
        if !n.is_multiple_of(3) {
            skills.push(Skill { name: "gold".into(), level: 5 });
        }
        self.desk_of.insert(id.clone(), n);
        self.desks.push(Desk {
            id,
            tenant: n % self.tenants.len(),
            skills,
            hired: true,
            wish: None,
            online: true,
            lives: 0,
            legs: BTreeMap::new(),
            spans: Vec::new(),
        });
        self.tell_agent(n);
        self.soon(n, 0..120_000, Act::Ready);
    }

    /// Tells the ACD what is saved of an agent.
    pub(crate) fn tell_agent(&mut self, n: usize) {
        let Desk { id, tenant, skills, hired, .. } = &self.desks[n];
        let (tenant, agent) = (self.tenants[*tenant].clone(), id.clone());
        let profile =
            routing::Profile { name: format!("agent {n}"), skills: skills.clone(), ..Default::default() };
        self.acd(Acd::Agent { tenant, agent, profile: Some(profile).filter(|_| *hired) });
    }

    pub(crate) fn save_agent(&mut self, n: usize, there: bool) {
        self.desks[n].hired = there;
        self.tell_agent(n);
        if there {
            self.soon(n, 500..20_000, Act::Ready);
        }
    }

    /// The desks say again what they asked for.
    pub(crate) fn desks_reattach(&mut self) {
        for n in 0..self.desks.len() {
            if let Some(wish) = self.desks[n].wish.clone().filter(|_| self.desks[n].online) {
                self.asks(n, wish);
            }
        }
    }

    /// Another mix of skills; seldom none at all.
    pub(crate) fn save_skills(&mut self, n: usize) {
        let level = self.rng.random_range(3..8);
        let all = ["general", "gold"].map(|name| Skill { name: name.into(), level });
        let kept = self.rng.random_range(0..4);
        let mixed = all.into_iter().enumerate().filter(|(i, _)| kept & (1 << i) != 0);
        self.desks[n].skills = mixed.map(|(_, skill)| skill).collect();
        self.tell_agent(n);
    }

    fn soon(&mut self, n: usize, after: std::ops::Range<Millis>, act: Act) {
        let after = self.rng.random_range(after);
        self.at(after, What::Person(n, act));
    }

    pub(crate) fn desk_told(&mut self, n: usize, told: Told) {
        match told {
            Told::Ring(call, leg) if !self.desks[n].online => {
                let outcome = OfferOutcome::DeviceOffline;
                self.says(n, call, Input::LineRefused { leg, outcome });
            }
            Told::Ring(call, leg) => {
                self.desks[n].legs.insert(leg.clone(), Leg { call, accepted: false });
                self.react(n, leg);
            }
            Told::Talking(leg) => self.converse(n, leg),
            Told::Over(leg) => drop(self.desks[n].legs.remove(&leg)),
            Told::State(state, call) if self.desks[n].online => self.consider(n, state, call),
            Told::State(..) => {}
        }
    }

    fn says(&mut self, n: usize, call: usize, input: Input) {
        self.send(Stream::LineSays(n, call), What::Call(call, input));
    }

    fn asks(&mut self, n: usize, input: Acd) {
        match &input {
            Acd::Available { .. } | Acd::Aux { .. } => self.desks[n].wish = Some(input.clone()),
            Acd::Offline { .. } => self.desks[n].wish = None,
            _ => {}
        }
        self.send(Stream::DeskToAcd(n), What::Acd(input));
    }

    /// It rings.
    fn react(&mut self, n: usize, leg: LegId) {
        match self.rng.random_range(0..100) {
            0..70 => self.soon(n, 300..7_000, Act::Accept(leg)),
            // About when it stops ringing.
            70..78 => {
                let ring = self.queues[0].1.ring_timeout_ms;
                self.soon(n, ring - 300..ring + 100, Act::Accept(leg));
            }
            78..86 => self.soon(n, 200..8_000, Act::Refuse(leg, OfferOutcome::Declined)),
            86..88 => self.soon(n, 0..2_000, Act::Refuse(leg, OfferOutcome::MediaFailed)),
            88..91 => self.soon(n, 0..12_000, Act::Vanish),
            91..93 => self.soon(n, 0..5_000, Act::Break),
            93..95 => self.soon(n, 0..5_000, Act::SignOut),
            _ => {}
        }
    }

    fn converse(&mut self, n: usize, leg: LegId) {
        if self.chance(500) {
            self.soon(n, 500..150_000, Act::HangUp(leg.clone()));
        }
        for _ in 0..self.rng.random_range(0..3) {
            self.soon(n, 0..60_000, Act::Hold(leg.clone(), true));
            self.soon(n, 0..90_000, Act::Hold(leg.clone(), false));
            self.soon(n, 0..60_000, Act::Mute(leg.clone(), true));
        }
        match self.rng.random_range(0..100) {
            0..8 => self.soon(n, 0..60_000, Act::Break),
            8..12 => self.soon(n, 0..60_000, Act::SignOut),
            12..16 => self.soon(n, 0..60_000, Act::Vanish),
            16..20 => self.soon(n, 0..60_000, Act::Ready),
            _ => {}
        }
    }

    /// The ACD says where the agent stands.
    fn consider(&mut self, n: usize, state: AgentState, call: Option<CallId>) {
        match (state, call) {
            (AgentState::Missed, _) => self.soon(n, 500..20_000, Act::Ready),
            (AgentState::Aux, _) => self.soon(n, 5_000..180_000, Act::Ready),
            (AgentState::Offline, _) => self.soon(n, 1_000..120_000, Act::Ready),
            (AgentState::WrapUp, Some(call)) if self.chance(700) => {
                self.soon(n, 100..25_000, Act::FinishWrapUp(call));
            }
            (AgentState::Available, _) => match self.rng.random_range(0..1000) {
                0..30 => self.soon(n, 0..60_000, Act::Break),
                30..40 => self.soon(n, 0..60_000, Act::SignOut),
                40..50 => self.soon(n, 0..60_000, Act::Vanish),
                _ => {}
            },
            _ => {}
        }
    }

    pub(crate) fn person(&mut self, n: usize, act: Act) {
        let (tenant, agent) = (self.tenants[self.desks[n].tenant].clone(), self.desks[n].id.clone());
        match act {
            Act::Return if !self.desks[n].online => {
                self.desks[n].online = true;
                self.person(n, Act::Ready);
            }
            Act::LeaseOver(life) => {
                if !self.desks[n].online && self.desks[n].lives == life {
                    self.acd(Acd::Offline { agent, reason: "connection lost".into() });
                }
            }
            _ if !self.desks[n].online => {}
            Act::Ready if self.over() => {}
            Act::Ready => self.asks(n, Acd::Available { tenant, agent, line: format!("web:{n}") }),
            Act::Break => self.asks(n, Acd::Aux { tenant, agent, reason: "tea".into(), line: None }),
            Act::SignOut => self.asks(n, Acd::Offline { agent, reason: "signed out".into() }),
            Act::FinishWrapUp(call) => {
                self.asks(n, Acd::FinishWrapUp { agent, call, disposition: None, note: None });
            }
            Act::Pick(line) => {
                let (call, word) = (self.lines[line].call.id().clone(), Word::Picked);
                self.asks(n, Acd::Assign(Assign { tenant, call, agent, word }));
            }
            Act::Accept(leg) => self.accept(n, leg),
            Act::Refuse(leg, outcome) => {
                if self.desks[n].legs.get(&leg).is_some_and(|found| !found.accepted) {
                    self.leave(n, leg.clone(), Input::LineRefused { leg, outcome });
                }
            }
            Act::Hold(leg, on) => self.through(n, leg.clone(), Input::SetHold { leg, on }),
            Act::Mute(leg, on) => self.through(n, leg.clone(), Input::SetMute { leg, on }),
            Act::HangUp(leg) => self.leave(n, leg.clone(), Input::LineHungUp(leg)),
            Act::Vanish => self.vanish(n),
            Act::Return => {}
        }
    }

    /// One conversation at a time: a device that has one takes no other.
    fn accept(&mut self, n: usize, leg: LegId) {
        if self.desks[n].talks().is_some() {
            return;
        }
        if self.faulty(Fault::Panics) {
            panic!("something cannot go on");
        }
        let Some(found) = self.desks[n].legs.get_mut(&leg) else { return };
        found.accepted = true;
        let call = found.call;
        self.says(n, call, Input::LineAnswered(leg));
        if self.chance(40) {
            self.caller_hangs_up(call);
        }
    }

    fn through(&mut self, n: usize, leg: LegId, input: Input) {
        if let Some(call) = self.desks[n].legs.get(&leg).map(|leg| leg.call) {
            self.says(n, call, input);
        }
    }

    fn leave(&mut self, n: usize, leg: LegId, input: Input) {
        let Some(Leg { call, .. }) = self.desks[n].legs.remove(&leg) else { return };
        if self.chance(100) {
            self.says(n, call, input.clone());
        }
        self.says(n, call, input);
    }

    /// The device is gone: its streams close, or only silence is noticed.
    fn vanish(&mut self, n: usize) {
        let desk = &mut self.desks[n];
        (desk.online, desk.lives) = (false, desk.lives + 1);
        let life = desk.lives;
        for (leg, Leg { call, .. }) in std::mem::take(&mut desk.legs) {
            let silent = self.chance(300);
            let input = if silent { Input::MediaLost(leg) } else { Input::LineHungUp(leg) };
            self.says(n, call, input);
        }
        self.at(LEASE, What::Person(n, Act::LeaseOver(life)));
        self.soon(n, 500..90_000, Act::Return);
    }
}
