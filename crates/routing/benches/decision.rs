//! What one input costs the ACD: a table for docs/benchmarks.md.
//!
//! `cargo bench --profile dev -p routing --bench decision`

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark reads the clock and tells")]

use routing::{Effect, Input, Profile, QueueConfig, Router};
use std::{collections::BTreeSet, hint::black_box, time::Instant};
use types::*;

const ROUNDS: usize = 20_000;
/// Queues that each agent serves.
const MEMBERSHIPS: usize = 5;

struct Hall {
    now: Timestamp,
    router: Router,
    queues: Vec<QueueId>,
    agents: Vec<AgentId>,
    calls: u128,
    talking: Vec<CallId>,
}

fn tenant() -> TenantId {
    TenantId::new(Timestamp::default(), 1)
}

fn skill(n: usize) -> Skill {
    Skill { name: format!("skill {n}"), level: 3 }
}

impl Hall {
    fn new(agents: usize, queues: usize) -> Hall {
        let at = Timestamp::from_millis(1_000_000);
        let mut hall = Hall {
            now: at,
            router: Router::new(1),
            queues: (0..queues).map(|n| QueueId::new(at, n as u128)).collect(),
            agents: (0..agents).map(|n| AgentId::new(at, n as u128)).collect(),
            calls: 0,
            talking: Vec::new(),
        };
        for n in 0..queues {
            let config = QueueConfig {
                name: format!("queue {n}"),
                skills: vec![skill(n)],
                wrap_up_ms: 0,
                waiting_max: 100_000,
                ..QueueConfig::default()
            };
            let queue = hall.queues[n].clone();
            hall.gets(Input::Queue { tenant: tenant(), queue, config: Some(config) });
        }
        for n in 0..agents {
            let skills = (0..MEMBERSHIPS.min(queues)).map(|i| skill((n + i * 7) % queues)).collect();
            let profile = Some(Profile { name: format!("agent {n}"), skills, ..Profile::default() });
            let agent = hall.agents[n].clone();
            hall.gets(Input::Agent { tenant: tenant(), agent, profile });
            hall.available(n);
        }
        hall
    }

    fn gets(&mut self, input: Input) -> Vec<Effect> {
        self.now = self.now + 1;
        self.router.handle(self.now, input)
    }

    fn available(&mut self, n: usize) -> Vec<Effect> {
        let agent = self.agents[n].clone();
        self.gets(Input::Available { tenant: tenant(), agent, line: "web:1".into() })
    }

    fn break_of(&mut self, n: usize) -> Vec<Effect> {
        let agent = self.agents[n].clone();
        self.gets(Input::Aux { tenant: tenant(), agent, reason: "tea".into(), line: None })
    }

    fn join(&mut self, queue: usize) -> (CallId, Vec<Effect>) {
        self.calls += 1;
        let call = CallId::new(self.now, self.calls);
        let (queue, since) = (self.queues[queue % self.queues.len()].clone(), self.now);
        let (priority, preferred) = (0, None);
        let join = Input::Join {
            tenant: tenant(),
            call: call.clone(),
            queue,
            since,
            priority,
            needs: Vec::new(),
            preferred,
        };
        (call, self.gets(join))
    }

    /// Whoever rings answers.
    fn answer(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::Offer(offer) = effect {
                self.talking.push(offer.call.clone());
                self.gets(Input::Answered { call: offer.call, reservation: offer.reservation, by: None });
            }
        }
    }

    /// Everybody talks, and so many wait.
    fn backlog(&mut self, waiting: usize) {
        while self.talking.len() < self.agents.len() {
            let effects = self.join(self.calls as usize).1;
            self.answer(effects);
        }
        (0..waiting).for_each(|n| drop(self.join(n)));
    }
}

/// Microseconds of each round.
fn timed(mut round: impl FnMut(usize) -> std::time::Duration) -> (f64, f64, f64) {
    let mut spent: Vec<f64> = (0..ROUNDS).map(|n| round(n).as_secs_f64() * 1e6).collect();
    spent.sort_by(f64::total_cmp);
    let mean = spent.iter().sum::<f64>() / ROUNDS as f64;
    (spent[ROUNDS / 2], spent[ROUNDS * 99 / 100], mean)
}

fn row(what: &str, size: &str, (p50, p99, mean): (f64, f64, f64)) {
    println!("| {what} | {size} | {p50:.1} | {p99:.1} | {:.0} |", 1e6 / mean);
}

fn measure(agents: usize, waiting: usize, queues: usize) {
    let size = format!("{agents} × {waiting} × {queues}");
    let begun = Instant::now();
    let mut hall = Hall::new(agents, queues);
    let loaded = begun.elapsed();
    let idle = timed(|n| {
        let begun = Instant::now();
        let (call, effects) = hall.join(n);
        let spent = begun.elapsed();
        hall.answer(effects);
        hall.gets(Input::Release { call });
        hall.talking.clear();
        spent
    });
    row("a caller comes, many are free", &size, idle);
    let moves = timed(|n| {
        let n = n * 13 % agents;
        let begun = Instant::now();
        black_box(hall.break_of(n));
        black_box(hall.available(n));
        begun.elapsed() / 2
    });
    row("an agent changes state", &size, moves);
    hall.backlog(waiting);
    let freed = timed(|n| {
        let call = hall.talking.swap_remove(n * 31 % hall.talking.len());
        let begun = Instant::now();
        let effects = hall.gets(Input::Release { call });
        let spent = begun.elapsed();
        hall.answer(effects);
        hall.join(n);
        spent
    });
    row("an agent becomes free, many wait", &size, freed);
    let joined = timed(|n| {
        let begun = Instant::now();
        let (call, _) = hall.join(n);
        let spent = begun.elapsed();
        hall.gets(Input::Release { call });
        spent
    });
    row("a caller comes, nobody is free", &size, joined);
    println!("| all settings and agents from nothing | {size} | {:.0} ms | | |", loaded.as_secs_f64() * 1e3);
}

/// What the least that could be done costs: one index, in and out.
fn baseline(agents: usize) {
    let at = Timestamp::default();
    let mut index: BTreeSet<(Timestamp, AgentId)> =
        (0..agents).map(|n| (at + n as i64, AgentId::new(at, n as u128))).collect();
    let spent = timed(|n| {
        let begun = Instant::now();
        let first = index.pop_first().expect("agents");
        index.insert((at + (agents + n) as i64, first.1));
        begun.elapsed()
    });
    row("beside it: one BTreeSet, first out and in again", &agents.to_string(), spent);
}

fn main() {
    println!("| Input | agents × waiting × queues | p50 µs | p99 µs | per second, one core |");
    println!("|---|---|---|---|---|");
    for (agents, waiting, queues) in [
        (10, 10, 1),
        (1_000, 1_000, 100),
        (10_000, 10_000, 1_000),
        (100_000, 10_000, 1_000),
        (10_000, 10_000, 1),
    ] {
        measure(agents, waiting, queues);
        baseline(agents);
    }
}
