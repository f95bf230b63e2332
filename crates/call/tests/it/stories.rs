use crate::world::{ANSWER_AFTER, World};
use call::{Effect, Input, Instruction, IvrInput, Ledger, Reserved};
use types::{
    fact::{CallEvent, Figures, Heard},
    *,
};

#[test]
fn media_and_flow_may_come_in_either_order_and_the_greeting_begins_once() {
    for media_first in [true, false] {
        let mut world = World::new(true);
        let play = world.next(Instruction::Play(vec!["hello".into()]));
        let inputs = if media_first { [Input::MediaReady, play] } else { [play, Input::MediaReady] };
        for input in inputs {
            world.gets(input);
        }
        assert!(world.does(|e| *e == Effect::Connect));
        assert!(world.does(|e| matches!(e, Effect::Play { repeat: false, .. })));
    }
}

#[test]
fn a_caller_who_need_not_pay_hears_early_media_and_is_connected_by_the_agents_answer() {
    let mut world = World::waiting(false);
    assert!(world.facts.iter().all(|f| f.event != CallEvent::Connected));
    let reserved = world.reserved(1);
    let leg = reserved.leg.clone();
    world.gets(Input::Reserved(reserved)).gets(Input::LineAnswered(leg));
    assert!(world.does(|e| *e == Effect::Connect));
}

#[test]
fn a_caller_who_need_not_pay_is_connected_when_the_carriers_limit_nears() {
    let mut world = World::waiting(false);
    assert_eq!(world.call.deadline(), Some(world.now + 30_000), "the announcement comes first");
    world.passes(30_000).gets(Input::Tick);
    assert!(!world.does(|e| *e == Effect::Connect));
    world.passes(ANSWER_AFTER - 30_000).gets(Input::Tick);
    assert!(world.does(|e| *e == Effect::Connect));
    assert_eq!(world.call.ledger().stage, Stage::Queue, "and keeps the place");
    world.gets(Input::Tick);
    assert!(!world.does(|e| *e == Effect::Connect));
}

#[test]
fn an_agents_key_is_heard_by_the_caller_unless_held() {
    let (mut world, leg) = World::talking();
    let caller = world.call.customer().clone();
    world.gets(Input::LineKey { leg: leg.clone(), key: '5' });
    assert!(world.does(|e| *e == Effect::Press { leg: caller.clone(), key: '5' }));
    world.gets(Input::SetHold { leg: leg.clone(), on: true }).gets(Input::LineKey { leg, key: '6' });
    assert!(world.last.is_empty());
}

#[test]
fn a_key_interrupts_the_prompt_and_goes_to_the_flow() {
    let mut world = World::new(true);
    let menu = world.menu();
    world.gets(Input::MediaReady).gets(menu).gets(Input::Key('1'));
    assert!(world.does(|e| matches!(e, Effect::StopPlay(_))));
    assert!(world.does(|e| *e == Effect::AskIvr(IvrInput::Keys("1".into()))));
    assert_eq!(world.call.ledger().path, "1");
}

#[test]
fn silence_after_the_prompt_is_no_input_and_not_before_it_ends() {
    let mut world = World::new(true);
    let menu = world.menu();
    world.gets(Input::MediaReady).gets(menu);
    assert_eq!(world.call.deadline(), None, "the prompt is still playing");
    let Some(Effect::Play { play, .. }) = world.last.iter().rfind(|e| matches!(e, Effect::Play { .. }))
    else {
        panic!("no prompt");
    };
    let play = *play;
    world.gets(Input::PlayEnded(play)).passes(5_000).gets(Input::Tick);
    assert!(world.does(|e| *e == Effect::AskIvr(IvrInput::NoInput)));
}

#[test]
fn while_the_flow_asks_elsewhere_the_caller_hears_something() {
    let mut world = World::new(true);
    let waits = world.next(Instruction::Wait(vec!["moment".into(), "music".into()]));
    world.gets(Input::MediaReady).gets(waits);
    let Some(Effect::Play { play, repeat: true, .. }) = world.last.iter().rev().nth(1).cloned() else {
        panic!("it plays until it is stopped, and then asks: {:?}", world.last);
    };
    assert_eq!(world.last.last(), Some(&Effect::AskIvr(IvrInput::Waits)));
    let tells = world.next(Instruction::Play(vec!["balance".into()]));
    world.gets(tells);
    assert_eq!(world.last.first(), Some(&Effect::StopPlay(play)), "then it stops, and the answer is heard");
    assert!(world.does(|e| matches!(e, Effect::Play { prompts, .. } if prompts == &["balance"])));
}

#[test]
fn an_agent_who_does_not_answer_loses_the_offer_not_the_caller() {
    let mut world = World::waiting(true);
    let (first, second) = (world.reserved(1), world.reserved(2));
    let withdrawn =
        Input::Withdrawn { reservation: first.reservation.clone(), outcome: OfferOutcome::NoAnswer };
    let late = Input::LineAnswered(first.leg.clone());
    world.passes(1_000).gets(Input::Reserved(first)).passes(15_000).gets(withdrawn);
    assert!(world.does(|e| matches!(e, Effect::StopRinging { outcome: OfferOutcome::NoAnswer, .. })));
    assert_eq!(world.call.ledger().stage, Stage::Queue);
    world.gets(late);
    assert!(world.last.is_empty(), "a late answer moves nothing");
    let leg = second.leg.clone();
    world.gets(Input::Reserved(second)).passes(1_000).gets(Input::LineAnswered(leg));
    assert_eq!(world.call.ledger().wait, 17_000);
}

/// The ACD's word that the offer is over was lost: the caller is not stuck with it.
#[test]
fn an_offer_that_nobody_ends_is_over_soon_after_its_time() {
    let mut world = World::waiting(true);
    let reserved = world.reserved(1);
    let (reservation, outcome) = (reserved.reservation.clone(), OfferOutcome::NoAnswer);
    world.gets(Input::Reserved(reserved)).passes(15_000).gets(Input::Tick);
    assert_eq!(world.call.ledger().offers.len(), 1, "the ACD has a little time to say so itself");
    world.passes(2_000).gets(Input::Tick);
    assert!(world.does(|e| *e == Effect::TellOfferEnded { reservation: reservation.clone(), outcome }));
    assert_eq!((world.call.ledger().offers.len(), world.call.ledger().stage), (0, Stage::Queue));
}

#[test]
fn several_ring_and_the_first_to_answer_has_the_caller() {
    let mut world = World::waiting(true);
    let [first, second, third] = [1, 2, 3].map(|n| Reserved { alone: false, ..world.reserved(n) });
    let legs = [&first, &second, &third].map(|reserved| reserved.leg.clone());
    for reserved in [first, second, third] {
        world.gets(Input::Reserved(reserved));
        assert!(!world.does(|e| matches!(e, Effect::StopRinging { .. })), "the others ring on");
    }
    let outcome = OfferOutcome::Declined;
    world.gets(Input::LineRefused { leg: legs[0].clone(), outcome });
    assert_eq!((world.call.ledger().offers.len(), world.call.ledger().stage), (2, Stage::Ringing));
    world.gets(Input::LineAnswered(legs[2].clone()));
    let stops = Effect::StopRinging { leg: legs[1].clone(), outcome: OfferOutcome::Withdrawn };
    assert!(world.does(|e| *e == stops) && world.does(|e| *e == Effect::LineTalking(legs[2].clone())));
    assert_eq!(world.call.ledger().stage, Stage::Talking);
    world.gets(Input::LineAnswered(legs[1].clone()));
    assert!(world.last.is_empty(), "who answers later has nobody");
}

#[test]
fn who_is_given_by_hand_rings_at_nobody_else() {
    let mut world = World::waiting(true);
    let [first, second] = [1, 2].map(|n| Reserved { alone: false, ..world.reserved(n) });
    let by_hand = world.reserved(3);
    for reserved in [first, second, by_hand.clone()] {
        world.gets(Input::Reserved(reserved));
    }
    let stopped = world.last.iter().filter(|e| matches!(e, Effect::StopRinging { .. })).count();
    assert_eq!((stopped, world.call.ledger().offers.len()), (2, 1));
    world.gets(Input::LineAnswered(by_hand.leg));
    assert_eq!(world.call.ledger().agent, Some(by_hand.agent));
}

#[test]
fn a_caller_on_hold_hears_music_and_the_recording_goes_on() {
    let (mut world, leg) = World::talking();
    world.passes(10_000).gets(Input::SetHold { leg: leg.clone(), on: true });
    assert!(world.does(|e| matches!(e, Effect::Play { repeat: true, .. })));
    assert!(world.does(|e| matches!(e, Effect::Hear(m) if m.iter().all(|(_, from)| from.is_empty()))));
    assert!(!world.does(|e| matches!(e, Effect::StopRecord(_))));
    world.passes(4_000).gets(Input::SetHold { leg, on: false });
    assert!(world.does(|e| matches!(e, Effect::Hear(m) if m.iter().all(|(_, from)| from.len() == 1))));
    assert_eq!(world.call.ledger().hold, 4_000);
}

#[test]
fn a_muted_agent_hears_and_is_not_heard() {
    let (mut world, leg) = World::talking();
    let caller = world.call.customer().clone();
    world.gets(Input::SetMute { leg: leg.clone(), on: true });
    let wanted = vec![(caller.clone(), vec![]), (leg, vec![caller])];
    assert!(world.does(|e| *e == Effect::Hear(wanted.clone())));
}

#[test]
fn whoever_hangs_up_the_other_is_let_go_and_times_add_up() {
    let (mut world, leg) = World::talking();
    world.passes(60_000).gets(Input::LineHungUp(leg));
    assert!(world.does(|e| *e == Effect::HangUpCaller(HangupCause::Normal)));
    let ended = world.facts.last().unwrap();
    let CallEvent::Ended { wait: 3_000, talk: 60_000, duration: 63_000, by: Party::Agent, .. } = ended.event
    else {
        panic!("{ended:?}");
    };
    assert!(world.call.ended());
}

#[test]
fn a_caller_who_gives_up_while_it_rings_stops_the_ringing() {
    let mut world = World::waiting(true);
    let reserved = world.reserved(1);
    world.gets(Input::Reserved(reserved)).passes(3_000).gets(Input::CallerHungUp);
    assert!(world.does(|e| matches!(e, Effect::StopRinging { outcome: OfferOutcome::CallerLeft, .. })));
    assert!(world.does(|e| matches!(e, Effect::ReleaseQueue(_))));
    assert!(!world.does(|e| matches!(e, Effect::HangUpCaller(_))), "the caller is gone already");
    assert_eq!(world.call.ledger().ended.as_ref().unwrap().stage, Stage::Ringing);
}

#[test]
fn no_worse_position_is_ever_told() {
    let mut world = World::waiting(true);
    let welcome = call::PlayId(1);
    world
        .gets(Input::PlayEnded(welcome))
        .gets(Input::Position { position: 2, wait: None })
        .passes(30_000)
        .gets(Input::Tick);
    assert!(world.does(|e| matches!(e, Effect::AskAnnouncement { position: 2, .. })));
    world.gets(Input::Announcement(vec!["two".into()]));
    let Some(Effect::Play { play, .. }) = world.last.last() else { panic!("nothing is said") };
    let play = *play;
    world
        .gets(Input::PlayEnded(play))
        .gets(Input::Position { position: 3, wait: None })
        .passes(30_000)
        .gets(Input::Tick);
    assert!(!world.does(|e| matches!(e, Effect::AskAnnouncement { .. })));
}

#[test]
fn the_facts_alone_give_the_ledger() {
    let (mut world, leg) = World::talking();
    world.passes(1_000).gets(Input::SetHold { leg, on: true }).passes(500).gets(Input::CallerHungUp);
    assert_eq!(Ledger::replay(&world.facts).as_ref(), Some(world.call.ledger()));
}

#[test]
fn the_end_tells_how_well_each_party_was_heard_by_its_newest_figures() {
    let (mut world, leg) = World::talking();
    let (caller, agent) = (world.call.customer().clone(), world.call.ledger().agent.clone().unwrap());
    let figures = |received| Figures {
        received,
        sent: 9,
        near: Some(Heard { lost: 1, jitter: 2_000, mos: 430 }),
        far: None,
        round_trip: None,
    };
    let measured = |leg: &LegId, received| Input::Measured { leg: leg.clone(), figures: figures(received) };
    let stranger = LegId::new(world.now, 77);
    world.gets(measured(&caller, 100)).gets(measured(&leg, 50)).gets(measured(&stranger, 1));
    world.gets(measured(&caller, 200));
    assert!(world.facts.iter().all(|fact| !matches!(fact.event, CallEvent::Measured { .. })), "not yet");
    world.gets(Input::CallerHungUp);
    let told: Vec<_> = world.facts.iter().rev().take(3).rev().map(|fact| fact.event.clone()).collect();
    let who = Some(Target::Agent { agent });
    let expected = [(caller, None, 200), (leg, who, 50)];
    for (leg, who, received) in expected {
        let event = CallEvent::Measured { leg, who, figures: figures(received) };
        assert!(told.contains(&event), "{event:?} not in {told:?}");
    }
    assert!(matches!(told[2], CallEvent::Ended { .. }), "the last fact is the end");
    assert_eq!(world.facts.iter().filter(|f| matches!(f.event, CallEvent::Measured { .. })).count(), 2);
}
