//! Parties of which nothing is heard: who is told, and what stays on record.

use crate::world::World;
use call::{Command, Effect, Input, Unheard};
use types::{fact::CallEvent, *};

fn unheard(leg: &LegId, on: bool) -> Input {
    Input::Unheard { leg: leg.clone(), on }
}

/// Beginnings and ends as they were told.
fn silences(world: &World) -> Vec<(LegId, Option<Target>, Option<Millis>)> {
    let told = world.facts.iter().filter_map(|fact| match &fact.event {
        CallEvent::FellSilent { leg, who } => Some((leg.clone(), who.clone(), None)),
        CallEvent::SilenceEnded { leg, who, silent } => Some((leg.clone(), who.clone(), Some(*silent))),
        _ => None,
    });
    told.collect()
}

/// What a line was shown last.
fn shown(effects: &[Effect], line: &LegId) -> Option<Vec<Unheard>> {
    effects.iter().rev().find_map(|effect| match effect {
        Effect::LineUnheard { leg, unheard } if leg == line => Some(unheard.clone()),
        _ => None,
    })
}

#[test]
fn the_agent_sees_that_the_caller_is_not_heard_until_the_caller_is() {
    let (mut world, agent) = World::talking();
    let caller = world.call.customer().clone();
    world.gets(unheard(&caller, true));
    let party = Unheard { leg: caller.clone(), target: None };
    assert_eq!(shown(&world.last, &agent), Some(vec![party]));
    world.gets(unheard(&caller, true));
    assert_eq!(shown(&world.last, &agent), None, "told once");
    world.passes(3_000).gets(unheard(&caller, false));
    assert_eq!(shown(&world.last, &agent), Some(Vec::new()));
    assert_eq!(silences(&world), [(caller.clone(), None, None), (caller, None, Some(3_000))]);
}

#[test]
fn an_agent_who_is_not_heard_is_told_and_the_end_of_the_call_ends_it() {
    let (mut world, leg) = World::talking();
    let agent = world.call.ledger().agent.clone().unwrap();
    world.gets(unheard(&leg, true));
    let target = Some(Target::Agent { agent });
    assert_eq!(shown(&world.last, &leg), Some(vec![Unheard { leg: leg.clone(), target: target.clone() }]));
    world.passes(1_500).gets(Input::CallerHungUp);
    assert_eq!(silences(&world), [(leg.clone(), target.clone(), None), (leg, target, Some(1_500))]);
    assert!(matches!(world.facts.last().unwrap().event, CallEvent::Ended { .. }));
}

#[test]
fn whoever_rings_is_not_silent_yet_and_whoever_left_is_so_no_more() {
    let (mut world, agent) = World::talking();
    let target = Target::Number { number: "+36201234567".parse().unwrap() };
    let other = LegId::new(world.now, 4_711);
    let consult = Command::Consult { leg: other.clone(), target: target.clone() };
    world.gets(Input::Command { leg: agent.clone(), command: consult });
    world.gets(Input::EarlyMedia(other.clone())).gets(unheard(&other, true));
    assert_eq!(silences(&world), [], "a carrier's ringing pauses");
    world.gets(Input::LineAnswered(other.clone()));
    let party = Unheard { leg: other.clone(), target: Some(target.clone()) };
    assert_eq!(shown(&world.last, &agent), Some(vec![party]));
    world.passes(700).gets(Input::LineHungUp(other.clone()));
    assert_eq!(shown(&world.last, &agent), Some(Vec::new()));
    let who = Some(target);
    assert_eq!(silences(&world), [(other.clone(), who.clone(), None), (other.clone(), who, Some(700))]);
    world.gets(unheard(&other, true));
    assert_eq!(silences(&world).len(), 2, "nobody is there");
}
