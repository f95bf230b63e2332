//! Legs that outlive their endpoint, in virtual time.

use proptest::prelude::*;

use super::*;

const MOMENT: Duration = Duration::from_millis(700);

fn described(end: usize) -> bytes::Bytes {
    audio().write(1 + end as u64, 2).into()
}

/// The tag of To in the last message from an end that begins so.
fn to_tag(messages: &[String], line: &str) -> String {
    let found = messages.iter().rfind(|message| message.starts_with(line)).expect("such a message");
    let to = found.lines().find(|line| line.starts_with("To:")).expect("a To");
    to.split_once(";tag=").expect("a tag").1.to_owned()
}

/// Notes every message that is sent.
fn listens(wire: &mut Wire) -> std::rc::Rc<std::cell::RefCell<Vec<String>>> {
    let heard = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let notes = heard.clone();
    wire.alters = Box::new(move |_, text| {
        notes.borrow_mut().push(text.clone());
        text
    });
    heard
}

#[test]
fn an_answered_leg_goes_on_and_either_side_may_change_and_end_it() {
    for (end, ends) in [(ALICE, ALICE), (ALICE, BOB), (BOB, ALICE), (BOB, BOB)] {
        let mut wire = Wire::new(Protocol::Udp);
        let (a, b) = wire.talking();
        wire.restarts(end, MOMENT);
        let legs = [a, b];
        for from in [ALICE, BOB] {
            wire.ends[from].offer(wire.now, legs[from], described(from)).unwrap();
            wire.run_ms(100);
            let Event::Offer { leg, sdp: Some(_) } = wire.event(1 - from) else { panic!() };
            let answer = Answer::new(200).sdp(described(1 - from));
            wire.ends[1 - from].answer_offer(wire.now, leg, &answer).unwrap();
            wire.run_ms(100);
            assert!(matches!(wire.event(from), Event::OfferAnswered { sdp: Some(_), .. }));
            assert!(matches!(wire.event(1 - from), Event::Acked { .. }));
        }
        wire.ends[ends].hang_up(wire.now, legs[ends], 0, None).unwrap();
        wire.run_ms(100);
        assert!(matches!(wire.event(1 - ends), Event::Ended { cause: Ended::Bye(None), .. }));
        assert_eq!(wire.count(BOB, "SIP/2.0 500") + wire.count(ALICE, "SIP/2.0 500"), 0);
        wire.at_rest();
        assert!(wire.kept.iter().all(|kept| kept.is_empty()), "nothing is kept of what is over");
    }
}

#[test]
fn a_bye_that_came_meanwhile_is_answered_when_it_is_repeated() {
    let mut wire = Wire::new(Protocol::Udp);
    let (a, _) = wire.talking();
    wire.drain();
    wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
    wire.restarts(BOB, MOMENT);
    wire.run(Duration::from_secs(3));
    assert!(matches!(wire.event(BOB), Event::Ended { cause: Ended::Bye(None), .. }));
    assert_eq!(wire.count(BOB, "SIP/2.0 200 OK"), 2, "of the INVITE and of the BYE");
    wire.at_rest();
}

#[test]
fn a_caller_who_hears_early_media_is_answered_in_the_same_dialog() {
    let mut wire = Wire::new(Protocol::Udp);
    let heard = listens(&mut wire);
    let (a, b) = wire.called();
    let early = Answer::new(183).sdp(audio().write(2, 1));
    wire.ends[BOB].progress(wire.now, b, &early).unwrap();
    wire.run_ms(100);
    assert!(matches!(wire.event(ALICE), Event::Progress { .. }));
    wire.restarts(BOB, MOMENT);
    wire.bob_accepts(b);
    wire.run_ms(100);
    assert!(matches!(wire.event(ALICE), Event::Answered { leg, .. } if leg == a));
    assert!(matches!(wire.event(BOB), Event::Acked { leg, .. } if leg == b));
    let heard = heard.borrow();
    assert_eq!(to_tag(&heard, "SIP/2.0 183"), to_tag(&heard, "SIP/2.0 200"));
    drop(heard);
    wire.ends[BOB].hang_up(wire.now, b, 0, None).unwrap();
    wire.at_rest();
}

#[test]
fn a_caller_may_give_up_while_and_after_the_callee_is_away() {
    for while_away in [true, false] {
        let mut wire = Wire::new(Protocol::Udp);
        let (a, b) = wire.ringing();
        wire.event(ALICE);
        if while_away {
            wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
        }
        wire.restarts(BOB, MOMENT);
        if !while_away {
            wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
        }
        wire.run(Duration::from_secs(3));
        assert!(matches!(wire.event(BOB), Event::Cancelled { leg, .. } if leg == b));
        assert!(matches!(wire.event(ALICE), Event::Failed { code: 487, .. }));
        wire.at_rest();
    }
}

#[test]
fn a_callee_who_answers_while_the_caller_is_away_is_heard_when_it_is_back() {
    let mut wire = Wire::new(Protocol::Udp);
    let (a, b) = wire.ringing();
    wire.bob_accepts(b);
    wire.restarts(ALICE, MOMENT);
    wire.run(Duration::from_secs(5));
    assert!(matches!(wire.event(ALICE), Event::Answered { leg, .. } if leg == a));
    assert!(matches!(wire.event(BOB), Event::Acked { .. }));
    wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
    wire.at_rest();
}

#[test]
fn an_answer_that_nobody_has_acknowledged_is_repeated_and_its_invite_is_no_new_call() {
    let mut wire = Wire::new(Protocol::Udp);
    let (a, b) = wire.called();
    wire.loses = Box::new(|from, line| from == BOB && line.starts_with("SIP/2.0 200"));
    wire.bob_accepts(b);
    wire.restarts(BOB, MOMENT);
    wire.run(Duration::from_secs(2));
    assert!(matches!(wire.event(ALICE), Event::Answered { leg, .. } if leg == a));
    assert!(matches!(wire.event(BOB), Event::Acked { leg, .. } if leg == b), "and no second INVITE");
    wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
    wire.at_rest();
}

#[test]
fn a_change_that_was_being_answered_is_answered_by_who_comes_back() {
    let mut wire = Wire::new(Protocol::Udp);
    let (a, b) = wire.talking();
    wire.ends[ALICE].offer(wire.now, a, described(ALICE)).unwrap();
    wire.run_ms(400);
    assert_eq!(wire.count(BOB, "SIP/2.0 100"), 2, "Alice waits and repeats nothing");
    wire.restarts(BOB, MOMENT);
    let Event::Offer { leg, sdp: Some(sdp) } = wire.event(BOB) else { panic!() };
    assert_eq!((leg, sdp), (b, described(ALICE)));
    wire.ends[BOB].answer_offer(wire.now, b, &Answer::new(200).sdp(described(BOB))).unwrap();
    wire.run_ms(100);
    assert!(matches!(wire.event(ALICE), Event::OfferAnswered { leg, .. } if leg == a));
    assert!(matches!(wire.event(BOB), Event::Acked { .. }));
    wire.ends[BOB].hang_up(wire.now, b, 0, None).unwrap();
    wire.at_rest();
}

#[test]
fn a_session_goes_on_being_refreshed() {
    let mut wire = Wire::new(Protocol::Udp);
    let (a, _) = wire.talking();
    wire.restarts(BOB, MOMENT);
    wire.run(Duration::from_secs(4_000));
    assert!(wire.count(BOB, "UPDATE") > 1, "{:?}", wire.seen);
    assert_eq!((wire.ends[ALICE].load().0, wire.ends[BOB].load().0), (1, 1));
    wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
    wire.at_rest();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// At whatever moment an end dies, the two agree afterwards whether there is a
    /// call, and whoever hangs up ends it for both.
    #[test]
    fn both_ends_agree_after_any_death(
        dies in 0..2_usize, hangs_up in 0..2_usize, at in 0..400_u64, down in 100..3_000_u64,
        early in any::<bool>(), changes in proptest::collection::vec(0..2_usize, 0..3),
    ) {
        let mut wire = Wire::new(Protocol::Udp);
        let a = wire.alice_calls();
        wire.run_ms(60);
        let b = wire.bob_rings();
        if early {
            wire.ends[BOB].progress(wire.now, b, &Answer::new(183).sdp(audio().write(2, 1))).unwrap();
        }
        wire.bob_accepts(b);
        wire.run_ms(at);
        for end in changes {
            let _ = wire.ends[end].offer(wire.now, [a, b][end], described(end));
            wire.run_ms(at / 8);
            let answer = Answer::new(200).sdp(described(1 - end));
            let _ = wire.ends[1 - end].answer_offer(wire.now, [a, b][1 - end], &answer);
        }
        wire.restarts(dies, Duration::from_millis(down));
        for _ in 0..4 {
            wire.run(Duration::from_secs(2));
            for end in [ALICE, BOB] {
                let _ = wire.ends[end].answer_offer(wire.now, [a, b][end], &Answer::new(200).sdp(described(end)));
            }
        }
        let legs = [wire.ends[ALICE].load().0, wire.ends[BOB].load().0];
        prop_assert_eq!(legs, [1, 1], "{:?}", wire.seen);
        wire.ends[hangs_up].hang_up(wire.now, [a, b][hangs_up], 0, None).unwrap();
        wire.run(Duration::from_secs(2));
        prop_assert_eq!([wire.ends[ALICE].load().0, wire.ends[BOB].load().0], [0, 0], "{:?}", wire.seen);
        prop_assert_eq!(wire.count(ALICE, "SIP/2.0 500") + wire.count(BOB, "SIP/2.0 500"), 0);
        wire.at_rest();
    }
}
