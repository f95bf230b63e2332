//! Session timers and glare, in virtual time.

use super::*;
use crate::SessionTimes;

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

impl Wire {
    /// These ends know nothing of session timers.
    fn without_timers(mut self, ends: &[usize]) -> Self {
        for end in ends {
            let config = Config { session: None, ..Config::new(address(*end)) };
            self.ends[*end] = Endpoint::new(config, [*end as u8; 32]);
        }
        self
    }

    fn wants(&mut self, end: usize, interval: u64, least: u64) {
        let seconds = Duration::from_secs;
        let session = Some(SessionTimes { interval: seconds(interval), least: seconds(least) });
        let config = Config { session, ..Config::new(address(end)) };
        self.ends[end] = Endpoint::new(config, [end as u8; 32]);
    }

    /// Nothing of this end arrives any more.
    fn vanishes(&mut self, end: usize) {
        self.loses = Box::new(move |from, _| from == end);
    }

    fn legs(&self) -> [usize; 2] {
        [ALICE, BOB].map(|end| self.ends[end].load().0)
    }

    fn refreshes(&self, end: usize) -> (usize, usize) {
        (self.count(end, "UPDATE"), self.count(end, "INVITE"))
    }
}

#[test]
fn the_callee_refreshes_by_update_and_the_call_lasts_for_hours() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut wire = Wire::new(protocol);
        let (a, _) = wire.talking();
        wire.run(minutes(180));
        assert_eq!(wire.legs(), [1, 1]);
        assert_eq!(wire.refreshes(BOB), (11, 0), "every 15 minutes of 30");
        assert_eq!(wire.refreshes(ALICE), (0, 1), "only the first INVITE");
        assert!(wire.events.iter().all(VecDeque::is_empty), "nobody else needs to know");
        wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
        wire.run_ms(100);
        wire.at_rest();
    }
}

#[test]
fn a_peer_that_takes_no_update_is_refreshed_by_the_same_description() {
    let mut wire = Wire::new(Protocol::Udp);
    wire.alters = Box::new(|_, text| text.replace(", UPDATE", ""));
    let (_, b) = wire.talking();
    let ours = wire.ends[BOB].legs[&b].session.local.clone();
    wire.run(minutes(16));
    assert_eq!(wire.refreshes(BOB), (0, 1));
    let Event::Offer { leg, sdp } = wire.event(ALICE) else { panic!() };
    assert_eq!(sdp, ours);
    wire.ends[ALICE].answer_offer(wire.now, leg, &Answer::new(200).sdp(audio().write(1, 1))).unwrap();
    wire.run(minutes(14));
    assert!(matches!(wire.event(ALICE), Event::Acked { sdp: None, .. }));
    assert!(wire.events[BOB].is_empty(), "the answer is the one that it knows");
    wire.run(minutes(2));
    let Event::Offer { leg, .. } = wire.event(ALICE) else { panic!() };
    wire.ends[ALICE].answer_offer(wire.now, leg, &Answer::new(200).sdp(audio().write(1, 2))).unwrap();
    wire.run_ms(1_000);
    assert!(matches!(wire.event(BOB), Event::OfferAnswered { .. }), "a new description is told");
    assert_eq!(wire.legs(), [1, 1]);
}

#[test]
fn a_peer_that_answers_update_with_501_is_refreshed_by_invite() {
    let mut wire = Wire::new(Protocol::Udp);
    let (_, b) = wire.talking();
    wire.alters =
        Box::new(|_, text| match text.contains("CSeq: 1 UPDATE") && text.starts_with("SIP/2.0 200") {
            true => text.replace("SIP/2.0 200 OK", "SIP/2.0 501 Not Implemented"),
            false => text,
        });
    wire.run(minutes(16));
    assert_eq!(wire.refreshes(BOB), (1, 1));
    assert!(wire.ends[BOB].legs.contains_key(&b));
}

#[test]
fn a_call_whose_peer_vanished_ends_by_itself() {
    // Bob refreshes: he finds it at his next refresh. Alice waits for refreshes.
    for (gone, left, cause) in [(ALICE, BOB, Ended::Lost), (BOB, ALICE, Ended::Expired)] {
        let mut wire = Wire::new(Protocol::Udp);
        wire.talking();
        wire.vanishes(gone);
        wire.run(minutes(31));
        let Event::Ended { cause: told, .. } = wire.event(left) else { panic!() };
        assert_eq!(told, cause);
        assert!(wire.count(left, "BYE") > 0, "whoever is still there is told");
        assert_eq!(wire.legs()[left], 0);
    }
}

#[test]
fn a_peer_without_timers_is_asked_by_us_in_either_role() {
    for other in [ALICE, BOB] {
        let us = 1 - other;
        let mut wire = Wire::new(Protocol::Udp).without_timers(&[other]);
        wire.talking();
        wire.run(minutes(60));
        assert_eq!(wire.legs(), [1, 1]);
        assert!(wire.refreshes(us).0 >= 3, "{:?}", wire.refreshes(us));
        assert_eq!(wire.refreshes(other).0, 0);
        wire.vanishes(other);
        wire.run(minutes(31));
        assert!(matches!(wire.event(us), Event::Ended { cause: Ended::Lost, .. }));
    }
    let mut wire = Wire::new(Protocol::Udp).without_timers(&[ALICE, BOB]);
    wire.talking();
    wire.run(minutes(600));
    assert_eq!((wire.legs(), wire.refreshes(ALICE), wire.refreshes(BOB)), ([1, 1], (0, 1), (0, 0)));
}

#[test]
fn a_peer_that_wants_longer_sessions_gets_them() {
    let mut wire = Wire::new(Protocol::Udp);
    wire.wants(ALICE, 120, 90);
    wire.wants(BOB, 3_600, 600);
    wire.talking();
    assert_eq!((wire.count(BOB, "SIP/2.0 422"), wire.count(ALICE, "INVITE")), (1, 2));
    wire.run(minutes(6));
    assert_eq!(wire.refreshes(BOB).0, 1, "half of ten minutes");
    wire.vanishes(ALICE);
    wire.run(minutes(10));
    assert_eq!(wire.legs()[BOB], 0);
}

#[test]
fn the_shorter_wish_holds_down_to_what_the_caller_takes() {
    let mut wire = Wire::new(Protocol::Udp);
    wire.wants(ALICE, 1_800, 300);
    wire.wants(BOB, 120, 90);
    wire.talking();
    wire.run_ms(151_000);
    assert_eq!(wire.refreshes(BOB).0, 1, "half of the 300 s that Alice takes");
}

#[test]
fn a_refresh_that_fails_for_now_is_tried_again_and_one_that_is_unknown_there_ends_the_call() {
    let mut wire = Wire::new(Protocol::Udp);
    wire.talking();
    let mut failures = 3;
    wire.alters = Box::new(move |_, text| {
        if failures > 0 && text.contains("UPDATE\r\n") && text.starts_with("SIP/2.0 200") {
            failures -= 1;
            return text.replace("SIP/2.0 200 OK", "SIP/2.0 500 Server Internal Error");
        }
        text
    });
    wire.run(minutes(16));
    assert_eq!((wire.legs(), wire.refreshes(BOB).0), ([1, 1], 4));

    wire.alters = Box::new(|_, text| match text.contains("UPDATE\r\n") {
        true => text.replace("SIP/2.0 200 OK", "SIP/2.0 481 Gone"),
        false => text,
    });
    wire.run(minutes(16));
    assert!(matches!(wire.event(BOB), Event::Ended { cause: Ended::Lost, .. }));
    assert!(matches!(wire.event(ALICE), Event::Ended { cause: Ended::Bye(_), .. }));
    wire.alters = Box::new(|_, text| text);
    wire.at_rest();
}

/// What a peer says of timers is no reason to fall over, to flood it or to keep a call for ever.
#[test]
fn intervals_without_sense_are_held_to_what_makes_some() {
    const ENDLESS: &str = "18446744073709551615";
    let header = |text: String, name: &str, value: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.map_or(text.clone(), |line| text.replace(&line, &format!("{name}: {value}")))
    };
    let most = minutes(24 * 60);
    for (value, shortest, longest) in [(ENDLESS, most, most), ("0", minutes(1), minutes(31))] {
        for answers in [false, true] {
            let mut wire = Wire::new(Protocol::Udp);
            wire.alters = Box::new(move |_, text| match (answers, text.starts_with("INVITE")) {
                (false, true) => {
                    let text = header(text, "Session-Expires", value);
                    header(header(text, "Min-SE", value), "Supported", "replaces")
                }
                (true, false) if text.starts_with("SIP/2.0 200") => header(text, "Session-Expires", value),
                _ => text,
            });
            let (a, b) = wire.talking();
            let kept = if answers { &wire.ends[ALICE].legs[&a] } else { &wire.ends[BOB].legs[&b] };
            let interval = kept.session.interval;
            assert!((shortest..=longest).contains(&interval), "{value}, in answers {answers}: {interval:?}");
            wire.run(minutes(3));
            assert_eq!(wire.legs(), [1, 1]);
        }
    }
}

#[test]
fn a_peer_without_timers_that_refuses_every_refresh_keeps_its_call() {
    let mut wire = Wire::new(Protocol::Udp).without_timers(&[ALICE]);
    wire.talking();
    wire.alters = Box::new(|_, text| match text.contains("UPDATE\r\n") {
        true => text.replace("SIP/2.0 200 OK", "SIP/2.0 403 Forbidden"),
        false => text,
    });
    wire.run(minutes(180));
    assert_eq!((wire.legs(), wire.refreshes(BOB).0), ([1, 1], 11), "asked at the usual pace");
    wire.vanishes(ALICE);
    wire.run(minutes(31));
    assert!(matches!(wire.event(BOB), Event::Ended { cause: Ended::Lost, .. }));
}

#[test]
fn a_cancelled_call_is_not_placed_anew_for_longer_sessions() {
    let mut wire = Wire::new(Protocol::Udp);
    wire.wants(ALICE, 120, 90);
    wire.wants(BOB, 3_600, 600);
    // The 422 comes after 100 and our CANCEL.
    let a = wire.alice_calls();
    wire.alters = Box::new(|_, text| text.replace("SIP/2.0 422", "SIP/2.0 100"));
    wire.run_ms(60);
    wire.alters = Box::new(|_, text| text);
    wire.ends[ALICE].hang_up(wire.now, a, 487, None).unwrap();
    wire.run(minutes(2));
    assert_eq!(wire.count(ALICE, "INVITE"), 1);
    assert!(matches!(wire.event(ALICE), Event::Failed { .. }));
    assert_eq!(wire.legs(), [0, 0]);
}

#[test]
fn glare_is_resolved_by_waiting_differently() {
    let mut wire = Wire::new(Protocol::Udp);
    let (a, b) = wire.talking();
    let offer = |wire: &mut Wire, end: usize, leg: LegId, version: u64| {
        let sdp = audio().write(end as u64 + 1, version).into();
        wire.ends[end].offer(wire.now, leg, sdp).unwrap();
    };
    offer(&mut wire, ALICE, a, 2);
    offer(&mut wire, BOB, b, 2);
    wire.run_ms(200);
    assert_eq!((wire.count(ALICE, "SIP/2.0 491"), wire.count(BOB, "SIP/2.0 491")), (1, 1));
    assert!(wire.events.iter().all(VecDeque::is_empty), "not yet");
    // Who did not make the Call-ID waits up to 2 s, the other 2.1 s to 4 s.
    wire.run_ms(2_000);
    assert!(matches!(wire.event(BOB), Event::TryAgain { leg } if leg == b));
    offer(&mut wire, BOB, b, 3);
    wire.run_ms(50);
    let Event::Offer { leg, .. } = wire.event(ALICE) else { panic!() };
    wire.ends[ALICE].answer_offer(wire.now, leg, &Answer::new(200).sdp(audio().write(1, 3))).unwrap();
    wire.run_ms(2_000);
    assert!(matches!(wire.event(BOB), Event::OfferAnswered { .. }));
    assert!(matches!(wire.event(ALICE), Event::Acked { .. }));
    assert!(matches!(wire.event(ALICE), Event::TryAgain { leg } if leg == a));
    offer(&mut wire, ALICE, a, 4);
    wire.run_ms(50);
    let Event::Offer { leg, .. } = wire.event(BOB) else { panic!() };
    wire.ends[BOB].answer_offer(wire.now, leg, &Answer::new(200).sdp(audio().write(2, 4))).unwrap();
    wire.run_ms(100);
    assert!(matches!(wire.event(ALICE), Event::OfferAnswered { .. }));
}

#[test]
fn sessions_of_calls_that_ended_leave_nothing_behind() {
    let mut wire = Wire::new(Protocol::Udp);
    for _ in 0..5 {
        let (a, _) = wire.talking();
        wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
        wire.run_ms(100);
        wire.event(BOB);
    }
    assert!(wire.ends.iter().all(|end| end.sessions.is_empty()));
    wire.at_rest();
}
