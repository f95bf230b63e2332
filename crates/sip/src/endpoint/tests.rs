//! Calls and requests between two endpoints, in virtual time.

use std::time::Duration;

use super::*;
use crate::Answer;
use crate::sdp::{Audio, Direction};

mod kept;
mod reliable;
mod session;
mod wire;

use wire::*;

#[test]
fn a_call_is_announced_with_early_media_answered_and_ended() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut wire = Wire::new(protocol);
        wire.alice_calls();
        wire.run_ms(100);
        let Event::Invite(invite) = wire.event(BOB) else { panic!() };
        assert_eq!(invite.request.from().unwrap().user(), "alice");
        assert_eq!(invite.request.to().unwrap().user(), "+3612345");
        assert_eq!(invite.request.header("X-Test").as_deref(), Some("1"));
        assert!(Audio::parse(&invite.request.sdp().unwrap()).is_ok());
        assert_eq!(wire.count(BOB, "SIP/2.0 100"), 1);

        let early = Answer::new(183).sdp(audio().write(2, 1));
        wire.ends[BOB].progress(wire.now, invite.leg, &early).unwrap();
        wire.run_ms(100);
        let Event::Progress { response, .. } = wire.event(ALICE) else { panic!() };
        assert_eq!((response.code(), response.sdp().is_some()), (183, true));

        wire.bob_accepts(invite.leg);
        wire.run_ms(100);
        let Event::Answered { leg, .. } = wire.event(ALICE) else { panic!() };
        assert!(matches!(wire.event(BOB), Event::Acked { sdp: None, .. }));
        wire.ends[ALICE].hang_up(wire.now, leg, 0, Some("Q.850;cause=16")).unwrap();
        wire.run_ms(100);
        let Event::Ended { cause, .. } = wire.event(BOB) else { panic!() };
        assert_eq!(cause, Ended::Bye(Some("Q.850;cause=16".into())));
        wire.at_rest();
    }
}

#[test]
fn the_callee_can_hang_up_too() {
    let mut wire = Wire::new(Protocol::Udp);
    let (_, b) = wire.talking();
    wire.ends[BOB].hang_up(wire.now, b, 0, None).unwrap();
    wire.run_ms(100);
    assert!(matches!(wire.event(ALICE), Event::Ended { cause: Ended::Bye(None), .. }));
    wire.at_rest();
}

#[test]
fn a_caller_who_gives_up_gets_487_and_the_callee_is_told() {
    let mut wire = Wire::new(Protocol::Udp);
    let (a, b) = wire.ringing();
    assert!(matches!(wire.event(ALICE), Event::Progress { .. }));
    wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
    wire.run_ms(100);
    assert!(matches!(wire.event(BOB), Event::Cancelled { leg, .. } if leg == b));
    assert!(matches!(wire.event(ALICE), Event::Failed { code: 487, .. }));
    assert!(wire.ends[BOB].accept(wire.now, b, &Answer::new(200)).is_err());
    wire.at_rest();
}

#[test]
fn a_cancel_waits_for_the_first_response() {
    let mut wire = Wire::new(Protocol::Udp);
    let a = wire.alice_calls();
    wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
    wire.drain();
    assert_eq!(wire.count(ALICE, "CANCEL"), 0);
    wire.run_ms(200);
    assert_eq!(wire.count(ALICE, "CANCEL"), 1);
    wire.at_rest();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let mut wire = Wire::new(Protocol::Udp);
    let (a, b) = wire.called();
    wire.bob_accepts(b);
    wire.drain();
    wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
    wire.run_ms(200);
    assert_eq!(wire.count(ALICE, "ACK"), 1);
    assert!(matches!(wire.event(ALICE), Event::Failed { code: 487, .. }));
    assert!(matches!(wire.event(BOB), Event::Acked { .. }));
    assert!(matches!(wire.event(BOB), Event::Ended { .. }));
    wire.at_rest();
}

#[test]
fn a_200_is_repeated_until_its_ack_arrives() {
    let mut wire = Wire::new(Protocol::Udp);
    let mut acks = 0;
    wire.loses = Box::new(move |_, line| {
        acks += usize::from(line.starts_with("ACK"));
        line.starts_with("ACK") && acks < 4
    });
    wire.talking_slowly();
    assert_eq!(wire.count(BOB, "SIP/2.0 200"), 4);
    assert_eq!(wire.count(ALICE, "ACK"), 4);
}

#[test]
fn a_caller_who_never_acknowledges_is_given_up_after_32_seconds() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut wire = Wire::new(protocol);
        wire.loses = Box::new(|_, line| line.starts_with("ACK"));
        let (_, b) = wire.called();
        wire.bob_accepts(b);
        wire.run(Duration::from_secs(31));
        assert!(wire.events[BOB].is_empty());
        wire.run(Duration::from_secs(2));
        assert!(matches!(wire.event(BOB), Event::Ended { cause: Ended::NoAck, .. }));
        assert_eq!(wire.count(BOB, "BYE"), 1);
        wire.at_rest();
    }
}

#[test]
fn a_hang_up_before_the_ack_waits_for_it() {
    let mut wire = Wire::new(Protocol::Udp);
    let (_, b) = wire.called();
    wire.bob_accepts(b);
    wire.ends[BOB].hang_up(wire.now, b, 0, None).unwrap();
    wire.drain();
    assert_eq!(wire.count(BOB, "BYE"), 0);
    wire.run_ms(100);
    assert_eq!(wire.count(BOB, "BYE"), 1);
    wire.at_rest();
}

#[test]
fn half_of_all_packets_may_be_lost() {
    let mut wire = Wire::new(Protocol::Udp);
    let mut state = 12345u32;
    wire.loses = Box::new(move |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 31 == 0
    });
    for _ in 0..20 {
        let a = wire.alice_calls();
        wire.run(Duration::from_secs(20));
        let b = wire.bob_rings();
        wire.bob_accepts(b);
        wire.run(Duration::from_secs(20));
        wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
        wire.run(Duration::from_secs(70));
        wire.events = [VecDeque::new(), VecDeque::new()];
    }
    wire.at_rest();
}

#[test]
fn hold_is_a_new_offer_and_the_other_side_answers_it() {
    let mut wire = Wire::new(Protocol::Udp);
    let (a, b) = wire.talking();
    let held = Audio { direction: Direction::SendOnly, ..audio() };
    wire.ends[ALICE].offer(wire.now, a, held.write(1, 2).into()).unwrap();
    assert!(wire.ends[ALICE].offer(wire.now, a, Bytes::new()).is_err(), "one at a time");
    wire.run_ms(100);
    let Event::Offer { leg, sdp: Some(sdp) } = wire.event(BOB) else { panic!() };
    let offer = Audio::parse(&sdp).unwrap();
    assert_eq!((leg, offer.direction), (b, Direction::SendOnly));
    let answer = audio().answer(&offer).unwrap().write(2, 2);
    wire.ends[BOB].answer_offer(wire.now, b, &Answer::new(200).sdp(answer)).unwrap();
    wire.run_ms(100);
    let Event::OfferAnswered { sdp: Some(sdp), .. } = wire.event(ALICE) else { panic!() };
    assert_eq!(Audio::parse(&sdp).unwrap().direction, Direction::RecvOnly);
    assert!(matches!(wire.event(BOB), Event::Acked { .. }));
    wire.ends[BOB].hang_up(wire.now, b, 0, None).unwrap();
    wire.at_rest();
}

#[test]
fn two_offers_at_once_are_both_refused_with_491_and_the_call_lives() {
    let mut wire = Wire::new(Protocol::Udp);
    let (a, b) = wire.talking();
    wire.ends[ALICE].offer(wire.now, a, audio().write(1, 2).into()).unwrap();
    wire.ends[BOB].offer(wire.now, b, audio().write(2, 2).into()).unwrap();
    wire.run_ms(5_000);
    assert!(matches!(wire.event(ALICE), Event::TryAgain { .. }));
    assert!(matches!(wire.event(BOB), Event::TryAgain { .. }));
    wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
    wire.at_rest();
}

#[test]
fn a_peer_that_lost_the_dialog_ends_the_call() {
    let mut wire = Wire::new(Protocol::Udp);
    let (a, _) = wire.talking();
    wire.ends[BOB] = Endpoint::new(Config::new(address(BOB)), [9; 32]);
    wire.ends[ALICE].offer(wire.now, a, audio().write(1, 2).into()).unwrap();
    wire.run_ms(200);
    assert!(matches!(wire.event(ALICE), Event::Ended { cause: Ended::Lost, .. }));
}

#[test]
fn a_busy_callee_and_a_silent_one_are_failures() {
    let mut wire = Wire::new(Protocol::Udp);
    let (_, b) = wire.called();
    wire.ends[BOB].reject(wire.now, b, &Answer::new(486)).unwrap();
    wire.run_ms(100);
    assert!(matches!(wire.event(ALICE), Event::Failed { code: 486, response: Some(_), .. }));

    wire.loses = Box::new(|_, _| true);
    wire.alice_calls();
    wire.run(Duration::from_secs(33));
    assert!(matches!(wire.event(ALICE), Event::Failed { code: 408, response: None, .. }));
    wire.loses = Box::new(|_, _| false);
    wire.at_rest();
}

#[test]
fn a_broken_flow_fails_the_call_at_once() {
    let mut wire = Wire::new(Protocol::Tcp);
    wire.alice_calls();
    wire.drain();
    let flow = wire.to(BOB);
    wire.ends[ALICE].flow_failed(wire.now, flow);
    assert!(matches!(wire.event(ALICE), Event::Failed { code: 503, .. }));
    assert_eq!(wire.ends[ALICE].load(), (0, 0));
}

/// Challenges until the credentials are right, then accepts.
fn challenge_until_right(wire: &mut Wire) -> u32 {
    let tokens = Tokens::new([5; 32]);
    let mut challenger = crate::digest::Challenger::new("r", Duration::from_secs(60), tokens);
    let secret = crate::digest::Secret::new("alice", "r", "s3cret");
    let mut asked = 0;
    for _ in 0..5 {
        wire.run_ms(100);
        let Some(Event::Invite(invite)) = wire.events[BOB].pop_front() else { break };
        let value = invite.request.header("Proxy-Authorization");
        let given = value.and_then(|v| crate::digest::Authorization::parse(&v));
        let verdict = given.map(|g| challenger.check(wire.now, "INVITE", &g, &secret));
        if verdict == Some(crate::digest::Verdict::Granted) {
            wire.bob_accepts(invite.leg);
            continue;
        }
        asked += 1;
        let values = challenger.challenges(wire.now, false);
        let add = |answer: Answer, v: String| answer.header("Proxy-Authenticate", v);
        let answer = values.into_iter().fold(Answer::new(407), add);
        wire.ends[BOB].reject(wire.now, invite.leg, &answer).unwrap();
    }
    asked
}

#[test]
fn a_challenge_is_answered_once_and_a_wrong_password_fails() {
    let mut wire = Wire::new(Protocol::Udp);
    wire.alice_calls_as(Some(secret()));
    assert_eq!(challenge_until_right(&mut wire), 1);
    assert!(matches!(wire.event(ALICE), Event::Answered { .. }));

    let mut wire = Wire::new(Protocol::Udp);
    wire.alice_calls_as(Some(Credentials { password: "guess".into(), ..secret() }));
    assert_eq!(challenge_until_right(&mut wire), 2);
    assert!(matches!(wire.event(ALICE), Event::Failed { code: 407, .. }));
    wire.at_rest();
}

#[test]
fn requests_outside_calls_are_decided_by_the_owner_or_not_answered() {
    let mut wire = Wire::new(Protocol::Udp);
    let ask = |wire: &mut Wire, method: &str| {
        let party = Party::new(Uri::sip("alice", address(ALICE)));
        let outbound = Outbound {
            method: method.to_owned(),
            flow: wire.to(BOB),
            uri: Uri::sip("", address(BOB)),
            from: party.clone(),
            to: party,
            call_id: None,
            cseq: 1,
            headers: Vec::new(),
            credentials: None,
        };
        wire.ends[ALICE].request(wire.now, outbound).unwrap();
        wire.run_ms(100);
    };
    ask(&mut wire, "OPTIONS");
    let Event::Request { id, .. } = wire.event(BOB) else { panic!() };
    wire.ends[BOB].respond_options(wire.now, id).unwrap();
    wire.run_ms(100);
    assert!(matches!(wire.event(ALICE), Event::Response { code: 200, .. }));

    for (method, expected) in [("SUBSCRIBE", 405), ("FROBNICATE", 501), ("BYE", 481)] {
        ask(&mut wire, method);
        let Event::Response { code, .. } = wire.event(ALICE) else { panic!() };
        assert_eq!(code, expected, "{method}");
    }

    ask(&mut wire, "REGISTER");
    let Event::Request { id, .. } = wire.event(BOB) else { panic!() };
    wire.ends[BOB].ignore_request(id);
    wire.run(Duration::from_secs(33));
    assert!(wire.count(ALICE, "REGISTER") > 5, "repeated into the void");
    // The repeats are new requests to an endpoint that forgot the first.
    wire.events[BOB].clear();
    wire.at_rest();
}

#[test]
fn what_is_too_much_is_answered_503() {
    let mut wire = Wire::new(Protocol::Udp);
    wire.ends[BOB].config.legs_max = 1;
    wire.alice_calls();
    wire.alice_calls();
    wire.run_ms(100);
    let Event::Failed { code, response, .. } = wire.event(ALICE) else { panic!() };
    assert_eq!(code, 503);
    assert_eq!(response.unwrap().header("Retry-After").as_deref(), Some("5"));
}

#[test]
fn when_too_many_wait_for_an_answer_new_calls_are_refused_and_those_up_go_on() {
    let mut wire = Wire::new(Protocol::Udp);
    let (talking, _) = wire.talking();
    wire.ends[BOB].config.offered_max = 2;
    for _ in 0..5 {
        wire.alice_calls();
    }
    wire.run_ms(100);
    let waiting = [wire.bob_rings(), wire.bob_rings()];
    for _ in 0..3 {
        let Event::Failed { code, response, .. } = wire.event(ALICE) else { panic!() };
        assert_eq!((code, response.unwrap().header("Retry-After").as_deref()), (503, Some("1")));
    }
    assert!(wire.events[BOB].is_empty(), "the owner is not troubled by those");
    assert_eq!((wire.ends[BOB].counters().shed, wire.ends[BOB].load().0), (3, 3));
    wire.ends[ALICE].offer(wire.now, talking, audio().write(1, 2).into()).unwrap();
    wire.run_ms(100);
    assert!(matches!(wire.event(BOB), Event::Offer { .. }), "a call that is up may change");

    // An answer of any kind makes room, and so does one that others must give.
    wire.ends[BOB].progress(wire.now, waiting[0], &Answer::new(180)).unwrap();
    wire.ends[BOB].excuse(waiting[1]);
    for _ in 0..3 {
        wire.alice_calls();
    }
    wire.run_ms(100);
    let waiting = [wire.bob_rings(), wire.bob_rings()];
    wire.ends[BOB].reject(wire.now, waiting[0], &Answer::new(486)).unwrap();
    wire.bob_accepts(waiting[1]);
    wire.alice_calls();
    wire.run_ms(100);
    assert_eq!(wire.ends[BOB].counters().shed, 4);
}

#[test]
fn a_refusal_that_got_lost_is_repeated_word_for_word() {
    let mut wire = Wire::new(Protocol::Udp);
    wire.ends[BOB].config.offered_max = 0;
    let mut refusals = 0;
    wire.loses = Box::new(move |from, line| {
        refusals += u32::from(from == BOB && line.starts_with("SIP/2.0 503"));
        from == BOB && refusals < 2
    });
    wire.alice_calls();
    wire.run(Duration::from_secs(2));
    assert!(matches!(wire.event(ALICE), Event::Failed { code: 503, .. }));
    assert_eq!((wire.count(ALICE, "INVITE"), wire.count(ALICE, "ACK")), (2, 1));
    wire.at_rest();
}

#[test]
fn a_stranger_cannot_end_a_call_without_its_tags() {
    let mut wire = Wire::new(Protocol::Udp);
    wire.talking();
    let forged = "BYE sip:trunkline@192.0.2.1:5061 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\n\
        From: <sip:alice@x>;tag=guess\r\nTo: <sip:bob@x>;tag=guess\r\nCall-ID: x\r\nCSeq: 9 BYE\r\n\
        Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    let flow = wire.to(ALICE);
    wire.ends[BOB].receive(wire.now, flow, forged.into());
    wire.drain();
    assert_eq!(wire.count(BOB, "SIP/2.0 481"), 1);
    assert_eq!(wire.ends[BOB].load().0, 1);
}

#[test]
fn replies_find_a_phone_behind_nat_and_an_old_one_by_its_via() {
    for (rport, port) in [(";rport", 40_000), ("", 5099)] {
        let mut end = Endpoint::new(Config::new(address(BOB)), [1; 32]);
        let text = format!(
            "FROB sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKx{rport}\r\n\
             From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: x\r\nCSeq: 9 FROB\r\nMax-Forwards: 70\r\n\r\n"
        );
        let remote = "203.0.113.9:40000".parse().unwrap();
        end.receive(Duration::ZERO, Flow { protocol: Protocol::Udp, remote }, text.into());
        let Output::Transmit { flow, bytes } = end.poll(Duration::ZERO) else { panic!() };
        let response = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(flow.remote.port(), port);
        assert!(response.contains(";received=203.0.113.9"), "{response}");
        assert_eq!(response.contains(";rport=40000"), !rport.is_empty());
    }
}
