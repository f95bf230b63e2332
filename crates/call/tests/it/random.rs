//! Any signals in any order: late, doubled, foreign.

use crate::world::World;
use call::{Command, Effect, HandOver, Input, Instruction, Ledger, Message, PlayId, QueueNode};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use types::{fact::CallEvent, *};

/// One random signal; legs and reservations are drawn from those that exist.
fn signal(world: &mut World, legs: &mut Vec<LegId>, kind: u8, pick: usize) -> Input {
    let leg = legs[pick % legs.len()].clone();
    let reservation = world.facts.iter().rev().find_map(|fact| match &fact.event {
        CallEvent::AgentOffered { reservation, .. } => Some(reservation.clone()),
        _ => None,
    });
    match kind {
        0 => Input::MediaReady,
        1 => world.next(Instruction::Play(vec!["p".into()])),
        2 => world.menu(),
        3 => world.queues(),
        4 => Input::PlayEnded(PlayId(pick as u32)),
        5 => Input::Key(['1', '2', '#'][pick % 3]),
        6 => Input::Position { position: pick as u32 + 1, wait: None },
        7 | 8 => {
            let reserved = world.reserved(pick as u32 + 1);
            legs.extend([reserved.leg.clone(), reserved.customer.clone()]);
            Input::Reserved(reserved)
        }
        9 => match reservation {
            Some(reservation) => Input::Withdrawn { reservation, outcome: OfferOutcome::NoAnswer },
            None => Input::Tick,
        },
        10 => Input::LineAnswered(leg),
        11 => Input::LineRefused { leg, outcome: OfferOutcome::Declined },
        12 => Input::LineHungUp(leg),
        13 => Input::SetHold { leg, on: pick.is_multiple_of(2) },
        14 => Input::SetMute { leg, on: pick.is_multiple_of(2) },
        15 => Input::Overflow("full".into()),
        16 => Input::Announcement(vec!["you are next".into()]),
        17 => Input::MediaLost(leg),
        18 if pick == 0 => Input::CallerHungUp,
        19 if pick == 0 => Input::HangUp(HangupCause::Shutdown),
        20 if pick == 0 => Input::IvrFailed,
        24..=33 => Input::Command { leg, command: command(world, legs, kind, pick) },
        34 => {
            let (leg, agent) = (fresh(world, legs), AgentId::new(world.now, pick as u128));
            Input::Supervise { leg, agent, how: Supervision::Listen }
        }
        35 => {
            let modes =
                [Supervision::Listen, Supervision::Whisper, Supervision::Barge, Supervision::TakeOver];
            Input::SetSupervision { leg, how: modes[pick % 4] }
        }
        36 => Input::EarlyMedia(leg),
        37 | 38 => Input::Unheard { leg, on: pick.is_multiple_of(2) },
        39 => Input::NumberRefused,
        40 => world.next(Instruction::Message(Message {
            prompts: vec!["speak".into()],
            max: 60_000,
            queue: None,
        })),
        41 => Input::MediaRebuilt,
        _ => Input::Tick,
    }
}

fn fresh(world: &mut World, legs: &mut Vec<LegId>) -> LegId {
    let leg = world.reserved(1).leg;
    legs.push(leg.clone());
    leg
}

fn command(world: &mut World, legs: &mut Vec<LegId>, kind: u8, pick: usize) -> Command {
    let target = match pick % 2 {
        0 => Target::Agent { agent: AgentId::new(world.now, pick as u128) },
        _ => Target::Number { number: "+36201234567".parse().unwrap() },
    };
    match kind {
        24 => Command::Transfer(HandOver::Party { leg: fresh(world, legs), target }),
        25 => Command::Transfer(HandOver::Queue(Box::new(QueueNode {
            queue: crate::world::queue(),
            needs: Vec::new(),
            priority: 0,
            welcome: Vec::new(),
            music: vec!["music".into()],
            announce_every: 0,
            service_level: 20_000,
            short_abandon: 5_000,
            callback: None,
        }))),
        26 | 27 => Command::Consult { leg: fresh(world, legs), target },
        28 => Command::Invite { leg: fresh(world, legs), target },
        29 => Command::Swap,
        30 => Command::Complete,
        31 => Command::Cancel,
        32 => Command::Conference,
        _ => Command::Remove(legs[pick % legs.len()].clone()),
    }
}

/// Rings are stopped or answered, recordings stopped, plays of a dead call none.
fn check(world: &World, effects: &[Effect]) -> Result<(), TestCaseError> {
    let replayed = Ledger::replay(&world.facts);
    prop_assert_eq!(replayed.as_ref(), Some(world.call.ledger()));
    let seqs: Vec<u32> = world.facts.iter().map(|f| f.seq).collect();
    prop_assert_eq!(seqs, (0..world.facts.len() as u32).collect::<Vec<_>>());
    let ends = world.facts.iter().filter(|f| matches!(f.event, CallEvent::Ended { .. })).count();
    prop_assert_eq!(ends, usize::from(world.call.ended()));
    let mut offers = BTreeMap::new();
    for fact in &world.facts {
        match &fact.event {
            CallEvent::AgentOffered { reservation, .. } => drop(offers.insert(reservation.clone(), 0)),
            CallEvent::OfferEnded { reservation, .. } => *offers.get_mut(reservation).unwrap() += 1,
            _ => {}
        }
    }
    let mut silent = std::collections::BTreeSet::new();
    for fact in &world.facts {
        match &fact.event {
            CallEvent::FellSilent { leg, .. } => prop_assert!(silent.insert(leg.clone()), "told twice"),
            CallEvent::SilenceEnded { leg, .. } => prop_assert!(silent.remove(leg), "never began"),
            _ => {}
        }
    }
    prop_assert!(silent.is_empty() || !world.call.ended(), "the end ends all silences");
    let open = offers.values().filter(|ended| **ended == 0).count();
    prop_assert_eq!(open, world.call.ledger().offers.len());
    prop_assert!(offers.values().all(|ended| *ended <= 1));
    if world.call.ended() {
        prop_assert!(effects.iter().filter(|e| **e == Effect::ReleaseMedia).count() == 1);
        let rung: BTreeSet<_> = effects
            .iter()
            .filter_map(|e| match e {
                Effect::Ring { leg, .. } | Effect::Invite { leg, .. } => Some(leg),
                _ => None,
            })
            .collect();
        let over: BTreeSet<_> = effects
            .iter()
            .filter_map(|e| match e {
                Effect::StopRinging { leg, .. } | Effect::HangUpLine { leg, .. } => Some(leg),
                _ => None,
            })
            .collect();
        prop_assert_eq!(rung, over, "every line that rang was let go");
        let joined = effects.iter().filter(|e| matches!(e, Effect::JoinQueue { .. })).count();
        let left = world.facts.iter().filter(|f| matches!(f.event, CallEvent::Overflowed { .. })).count();
        let released = effects.iter().filter(|e| matches!(e, Effect::ReleaseQueue(_))).count();
        prop_assert_eq!(joined, left + released, "every queue was left");
        let shares = world.facts.iter().filter_map(|f| match &f.event {
            CallEvent::Transferred { talk, hold, .. } => Some((*talk, *hold)),
            _ => None,
        });
        let shares = shares.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        let ended = world.call.ledger().ended.as_ref().map_or(0, |ended| ended.talk);
        prop_assert!(shares.0 <= ended, "the agents' shares are within the whole");
        prop_assert!(shares.1 <= world.call.ledger().hold && shares.1 >= 0 && shares.0 >= 0);
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_signals_come_facts_replay_and_everything_is_let_go(
        placed in proptest::bool::weighted(0.3),
        auto_connect: bool,
        signals in proptest::collection::vec((0u8..43, 0usize..6, 0i64..8_000), 1..120),
    ) {
        let (mut world, agent) = match placed {
            true => { let (world, agent) = World::placed(); (world, Some(agent)) }
            false => (World::new(auto_connect), None),
        };
        let mut effects = world.last.clone();
        let mut legs = vec![world.call.customer().clone()];
        legs.extend(agent);
        for (kind, pick, span) in signals {
            if kind == 42 {
                world.call = crate::outlive::written_and_read(&world.call);
            }
            let input = signal(&mut world, &mut legs, kind, pick);
            world.passes(span).gets(input);
            effects.extend(world.last.clone());
            check(&world, &effects)?;
        }
        world.gets(Input::CallerHungUp);
        effects.extend(world.last.clone());
        check(&world, &effects)?;
        // Who was promised a callback is let go, the promise is not.
        prop_assert!(world.call.ended() || world.call.ledger().callback.is_some());
        world.gets(Input::HangUp(HangupCause::Shutdown));
        effects.extend(world.last.clone());
        check(&world, &effects)?;
        prop_assert!(world.call.ended());
    }
}
