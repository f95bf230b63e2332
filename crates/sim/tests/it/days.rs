//! A thousand seeded days. `SIM_SEED=n` lives through one of them,
//! `SIM_DAYS=n` changes how many.

use sim::{Day, Failure, Summary, day};
use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Few agents and many, quiet days and busy ones, one company or two; on some
/// the ACD dies, on others the edge or the gateway.
fn drawn(seed: u64) -> Day {
    let agents = 2 + seed as usize % 13;
    let span = [1_800_000, 3_600_000, 7_200_000][seed as usize / 13 % 3];
    let tenants = 1 + seed as usize % 2;
    let acd_deaths = if seed.is_multiple_of(5) { 2 } else { 0 };
    let picks = [0, 50, 300][seed as usize % 3];
    let edge_deaths = if seed % 5 == 1 { 20 } else { 0 };
    let gateway_deaths = if seed % 10 == 1 || seed % 10 == 2 { 20 } else { 0 };
    let calls = 200 + seed as usize % 50;
    Day { calls, agents, tenants, acd_deaths, edge_deaths, gateway_deaths, span, picks, fault: None }
}

fn one(seed: u64) -> Result<Summary, Failure> {
    day(seed, &drawn(seed))
}

#[test]
fn a_thousand_days_keep_every_promise() {
    if let Some(seed) = number("SIM_SEED") {
        let summary = one(seed).unwrap_or_else(|failure| panic!("{failure}"));
        return assert!(summary.calls >= 200, "{summary:?}");
    }
    let (days, next) = (number("SIM_DAYS").unwrap_or(1_000), AtomicU64::new(0));
    let (total, failed) = (Mutex::new(Summary::default()), Mutex::new(None));
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= days || failed.lock().expect("no panics").is_some() {
                        return;
                    }
                    match one(seed) {
                        Ok(summary) => add(&mut total.lock().expect("no panics"), &summary),
                        Err(failure) => *failed.lock().expect("no panics") = Some(failure),
                    }
                }
            });
        }
    });
    if let Some(failure) = failed.into_inner().expect("no panics") {
        panic!("{failure}");
    }
    let total = total.into_inner().expect("no panics");
    println_total(days, &total);
    assert!(total.calls >= 200 * days);
    assert_eq!(total.calls, total.answered + total.abandoned + total.overflowed);
    assert!(
        days < 10 || (total.answered > 0 && total.abandoned > 0 && total.overflowed > 0 && total.late > 0)
    );
}

#[expect(clippy::print_stdout, reason = "what --nocapture is for")]
fn println_total(days: u64, total: &Summary) {
    println!("{days} days: {total:?}");
}

fn add(total: &mut Summary, more: &Summary) {
    total.steps += more.steps;
    total.calls += more.calls;
    total.answered += more.answered;
    total.abandoned += more.abandoned;
    total.overflowed += more.overflowed;
    total.offers += more.offers;
    total.offers_lost += more.offers_lost;
    total.picked += more.picked;
    total.raced += more.raced;
    total.late += more.late;
    total.lasted += more.lasted;
}

#[test]
fn the_same_seed_is_the_same_day() {
    assert_eq!(one(7), one(7));
}
