//! One queue, `main`, and as many agents as a test wants.

use routing::{Effect, Input, Offer, Profile, QueueConfig, Router};
use std::collections::BTreeMap;
use types::{
    fact::{AgentEvent, Decision},
    *,
};

pub struct Hall {
    pub now: Timestamp,
    pub router: Router,
    pub last: Vec<Effect>,
    /// What rings, by agent.
    pub ringing: BTreeMap<AgentId, Offer>,
    /// Why the last offer was made.
    pub why: Option<Decision>,
    pub overflowed: Vec<(CallId, &'static str)>,
    calls: u128,
}

pub fn tenant() -> TenantId {
    TenantId::new(Timestamp::default(), 1)
}

pub fn agent(n: usize) -> AgentId {
    AgentId::new(Timestamp::default(), n as u128 + 1)
}

pub fn main() -> QueueId {
    QueueId::new(Timestamp::default(), 1)
}

pub fn skill(name: &str, level: u8) -> Skill {
    Skill { name: name.into(), level }
}

/// A queue as JSON says, beside its name.
pub fn queue(json: &str) -> QueueConfig {
    let config: QueueConfig = serde_json::from_str(&format!(r#"{{"name": "Main", {json}}}"#)).unwrap();
    config.validate().unwrap();
    config
}

impl Hall {
    pub fn new(json: &str) -> Hall {
        let mut hall = Hall {
            now: Timestamp::from_millis(1_000_000),
            router: Router::new(11),
            last: Vec::new(),
            ringing: BTreeMap::new(),
            why: None,
            overflowed: Vec::new(),
            calls: 0,
        };
        hall.saves(queue(json));
        hall
    }

    pub fn saves(&mut self, config: QueueConfig) -> &mut Hall {
        self.gets(Input::Queue { tenant: tenant(), queue: main(), config: Some(config) })
    }

    pub fn hires(&mut self, n: usize, skills: &[Skill]) -> &mut Hall {
        let profile = Profile { name: format!("agent {n}"), skills: skills.to_vec(), ..Profile::default() };
        self.gets(Input::Agent { tenant: tenant(), agent: agent(n), profile: Some(profile) })
    }

    /// Agents 0..n without skills, signed in one after the other.
    pub fn staffed(mut self, n: usize) -> Hall {
        for n in 0..n {
            self.hires(n, &[]).available(n).passes(10);
        }
        self
    }

    pub fn gets(&mut self, input: Input) -> &mut Hall {
        self.last = self.router.handle(self.now, input);
        for effect in &self.last {
            match effect {
                Effect::Offer(offer) => {
                    let before = self.ringing.insert(offer.agent.clone(), offer.clone());
                    assert!(before.is_none(), "two callers ring one agent");
                }
                Effect::OfferEnded { agent, .. } => {
                    self.ringing.remove(agent).expect("only what rings ends");
                }
                Effect::Fact { fact, .. } => {
                    if let AgentEvent::Offered { decision, .. } = &fact.event {
                        self.why = Some(decision.clone());
                    }
                }
                Effect::Overflow { call, reason } => self.overflowed.push((call.clone(), reason)),
                _ => {}
            }
        }
        self
    }

    pub fn passes(&mut self, span: Millis) -> &mut Hall {
        let end = self.now + span;
        while let Some(at) = self.router.deadline().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.gets(Input::Tick);
        }
        self.now = end;
        self
    }

    pub fn available(&mut self, n: usize) -> &mut Hall {
        self.gets(Input::Available { tenant: tenant(), agent: agent(n), line: format!("sip:{n}") })
    }

    pub fn offline(&mut self, n: usize) -> &mut Hall {
        self.gets(Input::Offline { agent: agent(n), reason: "signed out".into() })
    }

    pub fn joins(&mut self, priority: i32, preferred: Option<(AgentId, Millis)>) -> CallId {
        self.calls += 1;
        let call = CallId::new(self.now, self.calls);
        let (tenant, queue, since) = (tenant(), main(), self.now);
        self.gets(Input::Join {
            tenant,
            call: call.clone(),
            queue,
            since,
            priority,
            needs: Vec::new(),
            preferred,
        });
        call
    }

    /// Calls and needs these skills, whatever the queue asks for.
    pub fn calls_for(&mut self, needs: &[Skill]) -> CallId {
        self.calls += 1;
        let call = CallId::new(self.now, self.calls);
        let (tenant, queue, since, needs) = (tenant(), main(), self.now, needs.to_vec());
        let (priority, preferred) = (0, None);
        self.gets(Input::Join { tenant, call: call.clone(), queue, since, priority, needs, preferred });
        call
    }

    pub fn calls(&mut self) -> CallId {
        self.joins(0, None)
    }

    pub fn rung_by(&self, call: &CallId) -> Vec<usize> {
        let rings = self.ringing.values().filter(|offer| offer.call == *call);
        rings.map(|offer| self.number(&offer.agent)).collect()
    }

    fn number(&self, id: &AgentId) -> usize {
        (0..1_000).find(|n| agent(*n) == *id).unwrap()
    }

    /// The agent answers what rings.
    pub fn answers(&mut self, n: usize) -> CallId {
        let Offer { call, reservation, .. } = self.ringing.remove(&agent(n)).expect("it rings");
        self.gets(Input::Answered { call: call.clone(), reservation, by: None });
        call
    }

    pub fn ends(&mut self, n: usize, outcome: OfferOutcome) -> &mut Hall {
        let Offer { call, reservation, .. } = self.ringing[&agent(n)].clone();
        self.gets(Input::OfferEnded { call, reservation, outcome })
    }

    pub fn hangs_up(&mut self, call: &CallId) -> &mut Hall {
        self.gets(Input::Release { call: call.clone() })
    }

    /// A caller is answered by whoever rings, talks so long, and is gone.
    pub fn serves(&mut self, talk: Millis) -> usize {
        let call = self.calls();
        let n = self.rung_by(&call)[0];
        self.answers(n);
        self.passes(talk).hangs_up(&call);
        n
    }

    pub fn state(&self, n: usize) -> AgentState {
        self.router.agent(&agent(n)).unwrap().state
    }

    /// Callers in the order of service.
    pub fn line(&self) -> Vec<CallId> {
        self.router.positions(&main()).cloned().collect()
    }

    pub fn rule(&self) -> types::fact::Rule {
        self.why.as_ref().expect("an offer").rule
    }
}
