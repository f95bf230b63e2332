//! Called back with the place kept, and messages.

use crate::world::{World, queue};
use call::{Effect, Input, Instruction, IvrInput, Message, PlayId, Words};
use types::{fact::CallEvent, *};

fn last_play(world: &World) -> PlayId {
    let mut plays = world.last.iter().rev().filter_map(|effect| match effect {
        Effect::Play { play, .. } => Some(*play),
        _ => None,
    });
    plays.next().expect("something is played")
}

/// A caller who waited a minute and is to be called back; gone.
fn promised() -> World {
    let mut world = World::waiting(true);
    world.passes(60_000).gets(Input::Key('2'));
    let number: E164 = "+40211234567".parse().unwrap();
    assert!(world.does(|e| *e == Effect::AskWords(Words::Confirm(number.clone()))));
    world.gets(Input::Announcement(vec!["this number?".into()])).gets(Input::Key('1'));
    let asked = CallEvent::CallbackAsked { queue: Some(queue()), number, in_line: true };
    assert_eq!(world.facts.last().unwrap().event, asked);
    world.gets(Input::Announcement(vec!["thanks".into()]));
    let thanks = last_play(&world);
    world.gets(Input::PlayEnded(thanks));
    assert!(world.does(|e| matches!(e, Effect::DropCaller(_))), "the caller is thanked and let go");
    assert!(!world.call.ended());
    assert!(!world.does(|e| matches!(e, Effect::ReleaseQueue(_))), "the place stays");
    world.gets(Input::CallerHungUp);
    assert!(!world.call.ended(), "the BYE that crossed ours changes nothing");
    world
}

/// The agent answers; gives the legs of the agent and of the customer.
fn agent_comes(world: &mut World) -> (LegId, LegId) {
    let reserved = world.reserved(1);
    let (leg, customer) = (reserved.leg.clone(), reserved.customer.clone());
    world.gets(Input::Reserved(reserved)).passes(2_000).gets(Input::LineAnswered(leg.clone()));
    let dials = |e: &Effect| matches!(e, Effect::Invite { leg, target: Target::Number { .. }, .. } if *leg == customer);
    assert!(world.does(dials), "the customer is called when the agent is there");
    (leg, customer)
}

#[test]
fn who_is_called_back_waited_from_the_beginning_and_has_the_agent_at_the_answer() {
    let mut world = promised();
    let began = world.call.ledger().enqueued_at.unwrap();
    let (agent, customer) = agent_comes(&mut world);
    let answered = |f: &&fact::CallFact| matches!(f.event, CallEvent::AgentConnected { .. });
    assert_eq!(world.facts.iter().filter(answered).count(), 0, "not before the customer is there");
    world.passes(5_000).gets(Input::LineAnswered(customer.clone()));
    let wait = world.now.since(began);
    let connected = world.facts.iter().find(answered).map(|f| f.event.clone()).unwrap();
    assert!(
        matches!(connected, CallEvent::AgentConnected { wait: told, .. } if told == wait),
        "{connected:?}"
    );
    let both = [(customer.clone(), vec![agent.clone()]), (agent.clone(), vec![customer.clone()])];
    let heard = |e: &Effect| matches!(e, Effect::Hear(hear) if both.iter().all(|one| hear.contains(one)));
    assert!(world.does(heard), "{:?}", world.last);
    assert!(world.does(|e| matches!(e, Effect::Record { left, .. } if *left == customer)));
    assert_eq!(world.call.ledger().stage, Stage::Talking);
    world.gets(Input::LineHungUp(customer));
    assert!(world.call.ended());
    assert!(world.does(|e| matches!(e, Effect::HangUpLine { leg, .. } if *leg == agent)));
    assert!(!world.does(|e| matches!(e, Effect::HangUpCaller(_))));
}

#[test]
fn who_does_not_answer_is_tried_again_at_the_old_place_and_then_left_to_people() {
    let mut world = promised();
    let began = world.call.ledger().enqueued_at.unwrap();
    let (agent, customer) = agent_comes(&mut world);
    world.gets(Input::LineRefused { leg: customer, outcome: OfferOutcome::NoAnswer });
    assert!(
        world.does(|e| matches!(e, Effect::HangUpLine { leg, .. } if *leg == agent)),
        "the agent is free"
    );
    assert!(world.does(|e| matches!(e, Effect::ReleaseQueue(_))));
    assert!(!world.call.ended());
    world.passes(60_000).gets(Input::Tick);
    assert!(
        world.does(|e| matches!(e, Effect::JoinQueue { since, .. } if *since == began)),
        "{:?}",
        world.last
    );
    let (_, customer) = agent_comes(&mut world);
    world.passes(45_000).gets(Input::Tick);
    assert!(world.call.ended(), "two attempts were all");
    assert!(world.does(|e| matches!(e, Effect::HangUpLine { leg, .. } if *leg == customer)));
    let CallEvent::Ended { cause, by, agent, .. } = &world.facts.last().unwrap().event else {
        panic!("an end")
    };
    assert_eq!((*cause, *by, agent), (HangupCause::NotReached, Party::System, &None));
}

#[test]
fn another_number_is_typed_and_one_that_cannot_be_called_is_refused() {
    let mut world = World::waiting(true);
    world.gets(Input::Key('2')).gets(Input::Key('2'));
    assert!(world.does(|e| *e == Effect::AskWords(Words::Type)));
    for key in "0721000111".chars() {
        world.gets(Input::Key(key));
    }
    world.gets(Input::Key('#'));
    let number: E164 = "+40721000111".parse().unwrap();
    assert!(world.does(|e| *e == Effect::AskWords(Words::Confirm(number.clone()))), "{:?}", world.last);
    world.gets(Input::NumberRefused);
    assert!(world.does(|e| *e == Effect::AskWords(Words::Wrong)));
    // Silence: the caller waits on as before.
    world.passes(30_000).gets(Input::Tick);
    assert!(world.does(|e| matches!(e, Effect::Play { repeat: true, .. })), "{:?}", world.last);
    world.gets(Input::CallerHungUp);
    assert!(world.call.ended(), "nobody was promised anything");
}

#[test]
fn an_agent_who_comes_before_the_caller_is_gone_has_the_caller() {
    let mut world = World::waiting(true);
    world.gets(Input::Key('2')).gets(Input::Key('1'));
    let reserved = world.reserved(1);
    let leg = reserved.leg.clone();
    world.gets(Input::Reserved(reserved)).gets(Input::LineAnswered(leg));
    assert_eq!(world.call.ledger().stage, Stage::Talking);
    assert!(!world.does(|e| matches!(e, Effect::Invite { .. })));
    world.gets(Input::CallerHungUp);
    assert!(world.call.ended());
}

#[test]
fn a_queue_that_keeps_nobody_leaves_the_promise_to_people() {
    let mut world = promised();
    world.gets(Input::Overflow("wait_limit".into()));
    assert!(world.call.ended());
    assert!(!world.does(|e| matches!(e, Effect::AskIvr(_))), "nobody is there to hear");
}

fn recorded(world: &World) -> Option<Millis> {
    world.facts.iter().find_map(|fact| match &fact.event {
        CallEvent::MessageLeft { duration, .. } => Some(*duration),
        _ => None,
    })
}

fn asked_to_speak() -> World {
    let mut world = World::new(true);
    let message = Message { prompts: vec!["speak".into(), "tone".into()], max: 60_000, queue: None };
    let next = world.next(Instruction::Message(message));
    world.gets(Input::MediaReady).gets(next);
    let play = last_play(&world);
    assert!(!world.does(|e| matches!(e, Effect::Record { .. })), "not before the tone");
    world.gets(Input::PlayEnded(play));
    assert!(world.does(|e| matches!(e, Effect::Record { right, .. } if right.is_empty())));
    world
}

#[test]
fn a_message_ends_by_the_hash_by_hanging_up_or_at_its_longest() {
    let mut by_key = asked_to_speak();
    by_key.passes(7_000).gets(Input::Key('5')).gets(Input::Key('#'));
    assert!(by_key.does(|e| *e == Effect::AskIvr(IvrInput::Played)));
    assert_eq!(recorded(&by_key), Some(7_000));
    let mut by_leaving = asked_to_speak();
    by_leaving.passes(9_000).gets(Input::CallerHungUp);
    assert!(by_leaving.does(|e| matches!(e, Effect::StopRecord(_))));
    assert_eq!(recorded(&by_leaving), Some(9_000));
    let ended = &by_leaving.call.ledger().ended.as_ref().unwrap();
    assert_eq!(ended.stage, Stage::SelfServed, "who left a message has not given up");
    let mut at_length = asked_to_speak();
    assert_eq!(at_length.call.deadline(), Some(at_length.now + 60_000));
    at_length.passes(60_000).gets(Input::Tick);
    assert_eq!(recorded(&at_length), Some(60_000));
    assert!(at_length.does(|e| *e == Effect::AskIvr(IvrInput::Played)));
    let mut silent = asked_to_speak();
    silent.passes(300).gets(Input::CallerHungUp);
    assert_eq!(recorded(&silent), None, "nothing was said");
    assert_ne!(silent.call.ledger().ended.as_ref().unwrap().stage, Stage::SelfServed);
}
