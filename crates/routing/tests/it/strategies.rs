//! Whom each strategy asks, and that each is fair in its own sense.

use crate::hall::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use types::{fact::Rule, *};

const SECOND: Millis = 1_000;

/// How often each agent served, of so many calls of these lengths one after
/// the other, without wrap-up.
fn served(strategy: &str, agents: usize, talks: &[Millis]) -> (Hall, Vec<usize>) {
    let json = format!(r#""strategy": "{strategy}", "wrap_up_ms": 0"#);
    let mut hall = Hall::new(&json).staffed(agents);
    let order = talks.iter().map(|talk| hall.serves(*talk)).collect();
    (hall, order)
}

fn counts(order: &[usize], agents: usize) -> Vec<usize> {
    (0..agents).map(|n| order.iter().filter(|served| **served == n).count()).collect()
}

fn spread(counts: &[usize]) -> usize {
    counts.iter().max().unwrap() - counts.iter().min().unwrap()
}

proptest! {
    /// Longest idle: nobody who has been idle shorter is asked before.
    #[test]
    fn longest_idle_asks_in_the_order_of_idleness(talks in proptest::collection::vec(1i64..90_000, 1..60), agents in 1usize..9) {
        let (_, order) = served("longest_idle", agents, &talks);
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        for (i, n) in order.iter().enumerate() {
            let mine = last.get(n).map_or(-1, |at| *at as i64);
            let longest = (0..agents).map(|m| last.get(&m).map_or(-1, |at| *at as i64)).min().unwrap();
            prop_assert_eq!(mine, longest);
            last.insert(*n, i);
        }
    }

    /// Round robin: after any number of calls nobody has had two more than another.
    #[test]
    fn round_robin_takes_turns(talks in proptest::collection::vec(1i64..90_000, 1..60), agents in 1usize..9) {
        let (_, order) = served("round_robin", agents, &talks);
        for upto in 1..=order.len() {
            prop_assert!(spread(&counts(&order[..upto], agents)) <= 1);
        }
    }

    /// Round robin remembers who rang last, over declines and absences.
    #[test]
    fn round_robin_gives_nobody_two_turns_while_another_waits_for_one(steps in proptest::collection::vec((0u8..4, 0usize..5), 1..80)) {
        let mut hall = Hall::new(r#""strategy": "round_robin", "wrap_up_ms": 0"#).staffed(5);
        let mut turns = [0u64; 5];
        let mut turn = 0;
        for (what, n) in steps {
            match what {
                0 => { hall.offline(n); }
                1 => { hall.available(n); }
                _ => {
                    let free: Vec<usize> = (0..5).filter(|n| hall.state(*n) == AgentState::Available).collect();
                    let call = hall.calls();
                    let rung = hall.rung_by(&call);
                    prop_assert_eq!(rung.is_empty(), free.is_empty());
                    if let [n] = rung[..] {
                        prop_assert_eq!(turns[n], free.iter().map(|m| turns[*m]).min().unwrap());
                        turn += 1;
                        turns[n] = turn;
                        if what == 3 {
                            hall.answers(n);
                        } else {
                            hall.ends(n, OfferOutcome::Declined);
                            for n in hall.rung_by(&call) {
                                turn += 1;
                                turns[n] = turn;
                            }
                        }
                    }
                    hall.hangs_up(&call);
                }
            }
            hall.passes(SECOND);
        }
    }

    /// Least calls: nobody has had two more than another who was there all the time.
    #[test]
    fn least_calls_keeps_the_counts_level(talks in proptest::collection::vec(1i64..90_000, 1..60), agents in 1usize..9) {
        let (_, order) = served("least_calls", agents, &talks);
        prop_assert!(spread(&counts(&order, agents)) <= 1);
    }

    /// Least talk: no two differ by more than the longest talk.
    #[test]
    fn least_talk_keeps_the_talk_level(talks in proptest::collection::vec(1i64..90_000, 1..60), agents in 1usize..9) {
        let (_, order) = served("least_talk", agents, &talks);
        let mut total = vec![0; agents];
        order.iter().zip(&talks).for_each(|(n, talk)| total[*n] += talk);
        let apart = total.iter().max().unwrap() - total.iter().min().unwrap();
        prop_assert!(apart <= *talks.iter().max().unwrap(), "{total:?}");
    }

    /// Linear: always the first of the list who is free.
    #[test]
    fn linear_asks_the_first_who_is_free(busy in proptest::collection::btree_set(0usize..6, 0..6)) {
        let mut hall = listed("linear").staffed(6);
        for n in &busy {
            hall.offline(*n);
        }
        let call = hall.calls();
        // The list stands backwards: 5 is its first.
        let first = (0..6).rev().find(|n| !busy.contains(n));
        prop_assert_eq!(hall.rung_by(&call), first.into_iter().collect::<Vec<_>>());
    }
}

proptest! {
    // Thousands of calls each.
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Random: in proportion to the weights, whoever was free how long.
    #[test]
    fn random_shares_by_weight(seed in 0u64..4, weights in proptest::collection::vec(1u8..5, 2..5)) {
        let seats: Vec<String> = weights.iter().enumerate()
            .map(|(n, weight)| format!(r#"{{"agent": "{}", "weight": {weight}}}"#, agent(n))).collect();
        let json = format!(r#""strategy": "random", "wrap_up_ms": 0, "agents": [{}]"#, seats.join(","));
        let mut hall = Hall::new(&json).staffed(weights.len());
        (0..seed).for_each(|_| assert!(hall.serves(1) < weights.len()));
        const CALLS: usize = 3_000;
        let order: Vec<usize> = (0..CALLS).map(|_| hall.serves(1)).collect();
        let whole: f64 = weights.iter().map(|w| f64::from(*w)).sum();
        for (count, weight) in counts(&order, weights.len()).iter().zip(&weights) {
            let share = f64::from(*weight) / whole;
            // Five standard deviations.
            let slack = 5.0 * (CALLS as f64 * share * (1.0 - share)).sqrt();
            prop_assert!((*count as f64 - CALLS as f64 * share).abs() < slack, "{count} of {CALLS} for {share}");
        }
    }
}

/// Agents 5, 4 … 0 in this order.
fn listed(strategy: &str) -> Hall {
    let seats: Vec<String> = (0..6).rev().map(|n| format!(r#"{{"agent": "{}"}}"#, agent(n))).collect();
    Hall::new(&format!(r#""strategy": "{strategy}", "wrap_up_ms": 0, "agents": [{}]"#, seats.join(",")))
}

#[test]
fn random_has_no_memory_of_who_was_passed_over() {
    let mut hall = Hall::new(r#""strategy": "random", "wrap_up_ms": 0"#).staffed(3);
    let order: Vec<usize> = (0..6_000).map(|_| hall.serves(1)).collect();
    let again = order.windows(2).filter(|pair| pair[0] == pair[1]).count();
    // One in three is the same again: 2,000, standard deviation 36.
    assert!((1_800..2_200).contains(&again), "{again}");
}

#[test]
fn sequential_goes_on_down_the_list_with_each_caller_and_linear_does_not() {
    for (strategy, second) in [("sequential", 4), ("linear", 5)] {
        let mut hall = listed(strategy).staffed(6);
        let call = hall.calls();
        assert_eq!(hall.rung_by(&call), [5]);
        hall.ends(5, OfferOutcome::Withdrawn);
        assert_eq!(hall.rung_by(&call), [second], "{strategy}");
        let another = hall.calls();
        assert_eq!(hall.rung_by(&another).len(), 1);
    }
}

#[test]
fn sequential_begins_anew_when_everybody_was_tried() {
    let mut hall = listed("sequential").staffed(2);
    let call = hall.calls();
    for expected in [1, 0, 1, 0] {
        assert_eq!(hall.rung_by(&call), [expected]);
        hall.ends(expected, OfferOutcome::Withdrawn);
    }
}

#[test]
fn all_ring_and_the_first_to_answer_has_the_caller() {
    let mut hall = Hall::new(r#""strategy": "ring_all", "wrap_up_ms": 0"#).staffed(4);
    let call = hall.calls();
    assert_eq!(hall.rung_by(&call), [0, 1, 2, 3]);
    hall.ends(3, OfferOutcome::Declined);
    assert_eq!((hall.rung_by(&call), hall.state(3)), (vec![0, 1, 2], AgentState::Available));
    hall.answers(2);
    assert_eq!((hall.rung_by(&call), hall.ringing.len()), (vec![], 0));
    let states = [0, 1, 2, 3].map(|n| hall.state(n));
    use AgentState::*;
    assert_eq!(states, [Available, Available, OnCall, Available]);
}

#[test]
fn who_becomes_free_joins_the_ringing_and_no_more_ring_than_may() {
    let mut hall = Hall::new(r#""strategy": "ring_all", "ring_all_max": 3, "wrap_up_ms": 0"#).staffed(2);
    let call = hall.calls();
    hall.hires(2, &[]).available(2).hires(3, &[]).available(3);
    assert_eq!(hall.rung_by(&call), [0, 1, 2]);
    assert_eq!(hall.state(3), AgentState::Available);
    let second = hall.calls();
    assert_eq!(hall.rung_by(&second), [3]);
    hall.passes(15 * SECOND);
    let missed = (0..4).filter(|n| hall.state(*n) == AgentState::Missed).count();
    assert_eq!((missed, hall.line()), (4, vec![call, second]), "nobody answered, both wait on");
}

#[test]
fn a_newcomer_is_not_given_every_call_until_level() {
    for strategy in ["least_calls", "least_talk"] {
        let (mut hall, _) = served(strategy, 2, &[SECOND; 40]);
        hall.hires(2, &[]).available(2);
        let order: Vec<usize> = (0..9).map(|_| hall.serves(SECOND)).collect();
        assert!(spread(&counts(&order, 3)) <= 1, "{strategy}: {order:?}");
    }
}

#[test]
fn a_penalty_comes_before_the_strategy_and_gives_way_to_the_wait() {
    let json = format!(
        r#""agents": [{{"agent": "{}", "penalty": 5}}, {{"agent": "{}", "penalty": 9}}],
           "penalty_max": 5, "relax": [{{"after_ms": 20000, "penalty_max": 9}}]"#,
        agent(0),
        agent(1)
    );
    let mut hall = Hall::new(&json).staffed(3);
    let first = hall.calls();
    assert_eq!((hall.rung_by(&first), hall.rule()), (vec![2], Rule::Penalty));
    let (second, third) = (hall.calls(), hall.calls());
    assert_eq!((hall.rung_by(&second), hall.rung_by(&third)), (vec![0], vec![]));
    hall.answers(2);
    hall.answers(0);
    hall.passes(20 * SECOND - 1);
    assert!(hall.rung_by(&third).is_empty());
    hall.passes(1);
    assert_eq!(hall.rung_by(&third), [1], "after 20 s the last reserve is asked");
}

#[test]
fn a_level_that_does_not_suffice_suffices_after_a_while() {
    let json = r#""skills": [{"name": "law", "level": 8}],
        "relax": [{"after_ms": 10000, "levels_down": 2}, {"after_ms": 30000, "levels_down": 9}]"#;
    let mut hall = Hall::new(json);
    for (n, level) in [6, 1].into_iter().enumerate() {
        hall.hires(n, &[skill("law", level)]).available(n);
    }
    hall.hires(2, &[skill("tax", 10)]).available(2);
    let (first, second) = (hall.calls(), hall.calls());
    hall.passes(9_999);
    assert!(hall.ringing.is_empty());
    hall.passes(1);
    assert_eq!((hall.rung_by(&first), hall.rung_by(&second)), (vec![0], vec![]));
    assert_eq!(hall.why.clone().unwrap().needs, [skill("law", 6)]);
    hall.answers(0);
    hall.passes(20 * SECOND);
    assert_eq!(hall.rung_by(&second), [1], "the skill itself is never given up");
    let third = hall.calls();
    hall.passes(60 * SECOND);
    assert!(hall.rung_by(&third).iter().all(|n| *n != 2));
}

#[test]
fn an_agent_who_becomes_free_takes_the_first_caller_whose_wait_lets_her() {
    let json = r#""skills": [{"name": "law", "level": 8}], "relax": [{"after_ms": 10000, "levels_down": 4}]"#;
    let mut hall = Hall::new(json);
    hall.hires(0, &[skill("law", 5)]);
    let old = hall.calls();
    hall.passes(12 * SECOND);
    let urgent = hall.joins(9, None);
    hall.available(0);
    assert_eq!((hall.rung_by(&urgent), hall.rung_by(&old)), (vec![], vec![0]));
}

#[test]
fn the_highest_or_the_lowest_level_first_and_the_log_names_the_skill() {
    for (levels, chosen) in [("highest_first", 1), ("lowest_first", 0)] {
        let json = format!(
            r#""levels": "{levels}", "skills": [{{"name": "law", "level": 1}}, {{"name": "tax", "level": 1}}]"#
        );
        let mut hall = Hall::new(&json);
        hall.hires(0, &[skill("law", 5), skill("tax", 3)]).available(0).passes(10);
        hall.hires(1, &[skill("law", 5), skill("tax", 4)]).available(1);
        let call = hall.calls();
        assert_eq!((hall.rung_by(&call), hall.rule()), (vec![chosen], Rule::Skill));
        let why = hall.why.clone().unwrap();
        assert_eq!((why.skill.as_deref(), why.free, why.candidates.len()), (Some("tax"), 2, 2));
    }
}

#[test]
fn changing_a_level_alters_the_very_next_decision() {
    let json = r#""levels": "highest_first", "skills": [{"name": "law", "level": 2}], "wrap_up_ms": 0"#;
    let mut hall = Hall::new(json);
    hall.hires(0, &[skill("law", 5)]).available(0).passes(10).hires(1, &[skill("law", 4)]).available(1);
    assert_eq!(hall.serves(SECOND), 0);
    hall.hires(1, &[skill("law", 6)]);
    assert_eq!((hall.serves(SECOND), hall.rule()), (1, Rule::Skill));
    hall.hires(1, &[skill("law", 1)]);
    assert_eq!((hall.serves(SECOND), hall.rule()), (0, Rule::OnlyFree), "1 is too low for this queue");
}

#[test]
fn the_log_tells_what_decided_between_the_first_two() {
    let mut hall = Hall::new(r#""wrap_up_ms": 0"#).staffed(8);
    hall.calls();
    let why = hall.why.clone().unwrap();
    assert_eq!((why.rule, why.free, why.candidates.len()), (Rule::LongestIdle, 8, 5));
    assert_eq!(why.candidates[0].agent, agent(0));
    assert!(why.candidates.windows(2).all(|pair| pair[0].idle >= pair[1].idle));
    let strategies = [
        ("round_robin", Rule::RoundRobin),
        ("least_calls", Rule::LeastCalls),
        ("least_talk", Rule::LeastTalk),
        ("random", Rule::Chance),
        ("ring_all", Rule::RingAll),
    ];
    for (strategy, rule) in strategies {
        let json = format!(r#""strategy": "{strategy}", "wrap_up_ms": 0"#);
        let mut hall = Hall::new(&json).staffed(2);
        hall.serves(SECOND);
        hall.offline(0).offline(1);
        hall.available(0).available(1).calls();
        let only = strategy == "ring_all";
        assert_eq!(hall.rule(), if only { Rule::OnlyFree } else { rule }, "{strategy}");
    }
}
