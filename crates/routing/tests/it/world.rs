//! A shard with one tenant: queues `support` (general ≥ 1) and `vip` (vip ≥ 5).

use routing::{Effect, Input, Offer, Profile, QueueConfig, Reach, Reached, Router};
use std::collections::BTreeMap;
use types::*;

pub struct World {
    pub now: Timestamp,
    pub router: Router,
    pub last: Vec<Effect>,
    /// Offers that ring, by call.
    pub ringing: BTreeMap<CallId, Offer>,
    /// Agents reached in person, by session.
    pub reached: BTreeMap<CallId, Reached>,
    pub calls: u128,
    pub calls_declined: usize,
}

pub fn tenant() -> TenantId {
    TenantId::new(Timestamp::default(), 1)
}

pub fn agent(n: u128) -> AgentId {
    AgentId::new(Timestamp::default(), n)
}

pub fn support() -> QueueId {
    QueueId::new(Timestamp::default(), 1)
}

pub fn vip() -> QueueId {
    QueueId::new(Timestamp::default(), 2)
}

fn skill(name: &str, level: u8) -> Skill {
    Skill { name: name.into(), level }
}

fn queue(name: &str, needs: Skill) -> QueueConfig {
    let json = format!(r#"{{"name": "{name}", "wrap_up_ms": 10000, "waiting_max": 50}}"#);
    QueueConfig { skills: vec![needs], ..serde_json::from_str(&json).unwrap() }
}

impl World {
    /// Agents 0..`agents`; the even ones serve vip too.
    pub fn new(agents: u128) -> World {
        let now = Timestamp::from_millis(1_000_000);
        let mut world = World {
            now,
            router: Router::new(7),
            last: Vec::new(),
            ringing: BTreeMap::new(),
            reached: BTreeMap::new(),
            calls: 0,
            calls_declined: 0,
        };
        let (general, golden) = (skill("general", 1), skill("vip", 5));
        world.set(support(), queue("Support", general.clone()));
        world.set(vip(), queue("VIP", golden.clone()));
        for n in 0..agents {
            let skills = if n.is_multiple_of(2) {
                vec![general.clone(), golden.clone()]
            } else {
                vec![general.clone()]
            };
            let profile = Some(Profile { name: format!("agent {n}"), skills, ..Profile::default() });
            world.gets(Input::Agent { tenant: tenant(), agent: agent(n), profile });
        }
        world
    }

    fn set(&mut self, queue: QueueId, config: QueueConfig) {
        self.gets(Input::Queue { tenant: tenant(), queue, config: Some(config) });
    }

    pub fn gets(&mut self, input: Input) -> &mut World {
        self.last = self.router.handle(self.now, input);
        for effect in &self.last {
            match effect {
                Effect::Offer(offer) => {
                    let before = self.ringing.insert(offer.call.clone(), offer.clone());
                    assert!(before.is_none(), "two offers for one caller");
                }
                Effect::OfferEnded { call, .. } => {
                    let known = self.ringing.remove(call).is_some() || self.reached.remove(call).is_some();
                    assert!(known, "only what rings ends");
                }
                Effect::Reached(reached) => {
                    self.reached.insert(reached.session.clone(), reached.clone());
                }
                _ => {}
            }
        }
        self
    }

    /// Time passes; what falls due happens at its time.
    pub fn passes(&mut self, span: Millis) -> &mut World {
        let end = self.now + span;
        while let Some(at) = self.router.deadline().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.gets(Input::Tick);
        }
        self.now = end;
        self
    }

    pub fn available(&mut self, n: u128) -> &mut World {
        self.gets(Input::Available { tenant: tenant(), agent: agent(n), line: format!("sip:{n}") })
    }

    pub fn joins(&mut self, queue: QueueId) -> CallId {
        self.calls += 1;
        let call = CallId::new(self.now, self.calls);
        self.gets(Input::Join {
            tenant: tenant(),
            call: call.clone(),
            queue,
            since: self.now,
            priority: 0,
            needs: Vec::new(),
            preferred: None,
        });
        call
    }

    /// An agent is wanted in person for `call`; the session.
    pub fn reaches(&mut self, call: &CallId, n: u128, queue: Option<QueueId>, engage: bool) -> CallId {
        self.calls += 1;
        let session = CallId::new(self.now, 10_000 + self.calls);
        let (tenant, agent, call) = (tenant(), agent(n), call.clone());
        self.gets(Input::Reach(Reach { tenant, session: session.clone(), call, agent, queue, engage }));
        session
    }

    pub fn takes(&mut self, session: &CallId) -> &mut World {
        let reservation = self.reached[session].reservation.clone();
        self.gets(Input::Answered { call: session.clone(), reservation, by: None })
    }

    pub fn answers(&mut self, call: &CallId) -> &mut World {
        let offer = self.ringing.remove(call).expect("it rings");
        self.gets(Input::Answered { call: call.clone(), reservation: offer.reservation, by: None })
    }

    pub fn rings(&self, call: &CallId) -> Option<AgentId> {
        self.ringing.get(call).map(|offer| offer.agent.clone())
    }

    pub fn state(&self, n: u128) -> AgentState {
        self.router.agent(&agent(n)).unwrap().state
    }
}
