//! A gateway or the process dies in the middle of a call: what the call says again,
//! and that it is the same call after having been written and read.

use crate::world::World;
use call::{Call, Command, Effect, Input, PlayId, RINGBACK};
use types::*;

/// As a journal has it.
pub fn written_and_read(call: &Call) -> Call {
    let bytes = postcard::to_allocvec(call).expect("it can be written");
    postcard::from_bytes(&bytes).expect("it can be read")
}

fn plays(effects: &[Effect]) -> Vec<(PlayId, &LegId, Vec<&str>, bool)> {
    let plays = effects.iter().filter_map(|effect| match effect {
        Effect::Play { play, leg, prompts, repeat } => {
            Some((*play, leg, prompts.iter().map(String::as_str).collect(), *repeat))
        }
        _ => None,
    });
    plays.collect()
}

fn heard(effects: &[Effect]) -> Option<&Vec<(LegId, Vec<LegId>)>> {
    effects.iter().rev().find_map(|effect| match effect {
        Effect::Hear(matrix) => Some(matrix),
        _ => None,
    })
}

#[test]
fn a_conversation_is_told_to_another_gateway_with_its_recording() {
    let (mut world, agent) = World::talking();
    let (caller, began) = (world.call.customer().clone(), world.now);
    world.passes(7_000).gets(Input::MediaRebuilt);
    let both = vec![(caller.clone(), vec![agent.clone()]), (agent.clone(), vec![caller.clone()])];
    assert_eq!(heard(&world.last), Some(&both));
    assert!(plays(&world.last).is_empty(), "the music is over");
    let recording = RecordingId::new(Timestamp::from_millis(1_000_000), 3);
    let right = vec![agent];
    assert!(world.last.contains(&Effect::Record { recording, left: caller, right, since: Some(began) }));
    assert!(world.facts.last().unwrap().at <= began, "nothing of it is a fact");
}

#[test]
fn a_caller_who_waits_hears_music_from_another_gateway() {
    let mut world = World::waiting(false);
    let caller = world.call.customer().clone();
    let [(welcome, ..)] = plays(&world.last)[..] else { panic!("the welcome") };
    world.gets(Input::MediaRebuilt);
    assert_eq!(plays(&world.last), [(welcome, &caller, vec!["welcome"], false)], "heard anew");
    assert_eq!(world.call.plays_once().collect::<Vec<_>>(), [welcome]);
    world.gets(Input::PlayEnded(welcome)).gets(Input::MediaRebuilt);
    let [(_, to, ref prompts, true)] = plays(&world.last)[..] else { panic!("{:?}", world.last) };
    assert_eq!((to, prompts.as_slice()), (&caller, ["music"].as_slice()));
    assert_eq!(world.call.plays_once().count(), 0);
}

#[test]
fn whoever_left_is_not_told_to_another_gateway() {
    let (mut world, agent) = World::talking();
    let (other, caller) = (LegId::new(world.now, 4_711), world.call.customer().clone());
    let target = Target::Number { number: "+36201234567".parse().unwrap() };
    let consult = Command::Consult { leg: other.clone(), target };
    world.gets(Input::Command { leg: agent.clone(), command: consult });
    world.gets(Input::MediaRebuilt);
    let rings = plays(&world.last);
    assert!(
        rings.iter().any(|(_, leg, prompts, _)| **leg == agent && prompts[..] == [RINGBACK]),
        "{rings:?}"
    );
    world.gets(Input::LineRefused { leg: other.clone(), outcome: OfferOutcome::Declined });
    world.gets(Input::MediaRebuilt);
    assert!(plays(&world.last).is_empty(), "{:?}", world.last);
    let matrix = heard(&world.last).unwrap();
    assert!(matrix.iter().all(|(leg, sources)| *leg != other && !sources.contains(&other)));
    world.gets(Input::LineHungUp(agent)).gets(Input::MediaRebuilt);
    assert!(world.call.ended() && world.last.is_empty(), "{caller} is gone, too");
}

#[test]
fn a_call_that_was_written_and_read_goes_on_as_the_same() {
    let (mut world, agent) = World::talking();
    world.gets(Input::SetHold { leg: agent.clone(), on: true });
    let mut same = World::waiting(true);
    (same.now, same.facts) = (world.now, world.facts.clone());
    same.call = written_and_read(&world.call);
    for world in [&mut world, &mut same] {
        let other = LegId::new(world.now, 4_711);
        let target = Target::Agent { agent: AgentId::new(world.now, 9) };
        let consult = Command::Consult { leg: other.clone(), target };
        world
            .passes(1_000)
            .gets(Input::SetHold { leg: agent.clone(), on: false })
            .gets(Input::Command { leg: agent.clone(), command: consult })
            .gets(Input::LineAnswered(other))
            .gets(Input::Command { leg: agent.clone(), command: Command::Complete })
            .gets(Input::CallerHungUp);
    }
    assert_eq!(world.facts, same.facts);
    assert_eq!(world.call.ledger(), same.call.ledger());
}
