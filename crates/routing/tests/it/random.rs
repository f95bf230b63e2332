//! Any inputs in any order, checked against what must always hold.

use crate::world::*;
use proptest::prelude::*;
use routing::{Assign, Effect, Input, Word};
use std::collections::BTreeMap;
use types::*;

/// Calls that talk, by agent.
type Talking = BTreeMap<AgentId, CallId>;

fn check(w: &World, talking: &Talking) -> Result<(), TestCaseError> {
    for agent in w.router.agents() {
        let rings = w.ringing.values().filter(|offer| offer.agent == agent.id).count();
        prop_assert!(rings <= 1, "an agent rings for one caller at most");
        prop_assert_eq!(rings == 1, agent.state == AgentState::Ringing, "{:?}", agent);
        prop_assert_eq!(talking.contains_key(&agent.id), agent.state == AgentState::OnCall, "{:?}", agent);
    }
    for queue in [support(), vip()] {
        let idle = w
            .router
            .agents()
            .any(|a| a.state == AgentState::Available && (queue == support() || a.skills.len() > 1));
        let seeking = w.router.positions(&queue).filter(|call| !w.ringing.contains_key(*call)).count();
        prop_assert!(
            !(idle && seeking > 0 && w.calls_declined == 0),
            "an idle agent and a waiting caller never coexist"
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_happens_agents_and_callers_stay_consistent(
        inputs in proptest::collection::vec((0u8..13, 0usize..8, 0i64..9_000), 1..150),
    ) {
        let mut w = World::new(4);
        let (mut calls, mut talking): (Vec<CallId>, Talking) = Default::default();
        for (kind, pick, span) in inputs {
            w.passes(span);
            let id = agent(pick as u128 % 4);
            let call = calls.get(pick % calls.len().max(1)).cloned();
            match (kind, call) {
                (0..3, _) => calls.push(w.joins(if pick.is_multiple_of(3) { vip() } else { support() })),
                (3..6, _) => drop(w.available(pick as u128 % 4)),
                (6 | 7, Some(call)) => if let Some(offer) = w.ringing.get(&call).cloned() {
                    w.answers(&call);
                    talking.insert(offer.agent, call);
                },
                (8, Some(call)) => if let Some(offer) = w.ringing.get(&call).cloned() {
                    w.calls_declined += 1;
                    let outcome = OfferOutcome::Declined;
                    w.gets(Input::OfferEnded { call, reservation: offer.reservation, outcome });
                },
                (12, Some(call)) => {
                    let word = [Word::Given, Word::Taken, Word::Picked][pick % 3];
                    w.gets(Input::Assign(Assign { tenant: tenant(), call, agent: id, word }));
                }
                (9, Some(call)) => {
                    talking.retain(|_, talks| *talks != call);
                    calls.retain(|known| *known != call);
                    w.gets(Input::Release { call });
                }
                (10, _) => { w.gets(Input::Offline { agent: id, reason: "gone".into() }); }
                (11, _) => { w.gets(Input::Aux { tenant: tenant(), agent: id, reason: "tea".into(), line: None }); }
                _ => {}
            }
            check(&w, &talking)?;
            let twice = w.last.iter().filter(|e| matches!(e, Effect::Fact { .. })).count();
            prop_assert!(twice < 20, "a storm of facts");
        }
    }
}
