use crate::{Invariant, world::World};
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};
use types::{Millis, Timestamp};

/// What a day is like.
#[derive(Debug, Clone)]
pub struct Day {
    pub calls: usize,
    pub agents: usize,
    /// Companies among which numbers, queues and agents are divided.
    pub tenants: usize,
    /// How often the ACD dies and is started anew.
    pub acd_deaths: u32,
    /// How often the edge dies and goes on with what it kept.
    pub edge_deaths: u32,
    /// How often the media gateway dies and another has its calls.
    pub gateway_deaths: u32,
    /// The calls arrive within this time, in milliseconds.
    pub span: Millis,
    /// Of 1,000 callers who wait or ring so many are tried to be picked up.
    pub picks: u32,
    /// Something that is done wrong on purpose, to see that it is found.
    pub fault: Option<Fault>,
}

impl Default for Day {
    fn default() -> Day {
        Day {
            calls: 200,
            agents: 7,
            tenants: 1,
            acd_deaths: 0,
            edge_deaths: 0,
            gateway_deaths: 0,
            span: 3_600_000,
            picks: 50,
            fault: None,
        }
    }
}

/// Faults that a world can be given; each begins at the 20th occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The ACD reserves a second agent for a caller who has one.
    ReservesTwice,
    /// The ACD offers the last in line instead of the first.
    JumpsTheQueue,
    /// A caller who joins is never known to the ACD.
    ForgetsACaller,
    /// A media session is not released.
    KeepsMedia,
    /// An agent's line is not told that the offer is over.
    KeepsRinging,
    /// A fact is never told.
    LosesAFact,
    /// The figures miss a call's end.
    MiscountsAnEnd,
    /// An end is told twice.
    EndsTwice,
    /// The ACD is not told that a conversation is over.
    KeepsAgentBusy,
    /// The ACD takes an offer back as if the agent had declined.
    RefusesForTheAgent,
    /// The ACD offers a caller to an agent who talks.
    OffersToTheBusy,
    /// An offer is said to be over twice.
    EndsAnOfferTwice,
    /// A report counts a contact that never was.
    CountsTooMany,
    /// Something cannot go on.
    Panics,
    /// The ACD offers a caller to another tenant's agent.
    CrossesTenants,
}

/// What happened on a day that went well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pub steps: u64,
    pub calls: u64,
    pub answered: u64,
    pub abandoned: u64,
    pub overflowed: u64,
    pub offers: u64,
    /// Offers that were not answered.
    pub offers_lost: u64,
    /// Callers picked up, and those of them who rang at somebody else at the time.
    pub picked: u64,
    pub raced: u64,
    /// Inputs that calls received too late.
    pub late: u64,
    /// Virtual time that passed, in milliseconds.
    pub lasted: Millis,
}

/// An invariant that broke, and how to see it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub seed: u64,
    pub at: Timestamp,
    pub invariant: Invariant,
    pub message: String,
    /// The last events, oldest first.
    pub events: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.events {
            writeln!(f, "  {event}")?;
        }
        let Failure { seed, at, invariant, message, .. } = self;
        writeln!(f, "seed {seed}, at {} ms: {invariant:?} is broken: {message}", at.millis())?;
        write!(f, "replay: SIM_SEED={seed} cargo test -p sim --test it days -- --nocapture")
    }
}

impl std::error::Error for Failure {}

/// Lives through the day that `seed` draws.
pub fn day(seed: u64, day: &Day) -> Result<Summary, Failure> {
    let mut world = World::new(seed, day.clone());
    let lived = catch_unwind(AssertUnwindSafe(|| world.live()));
    let broken = match lived {
        Ok(()) => world.check.broken.take(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some((Invariant::NoPanic, text.unwrap_or_default()))
        }
    };
    match broken {
        None => Ok(world.summary()),
        Some((invariant, message)) => {
            Err(Failure { seed, at: world.now, invariant, message, events: world.last_events() })
        }
    }
}
