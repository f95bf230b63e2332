//! Provisional responses that are acknowledged (RFC 3262), in virtual time.

use super::*;

impl Wire {
    /// Alice requires acknowledged responses; `offers`: her INVITE has a description.
    fn alice_requires(&mut self) -> LegId {
        let invite = OutboundInvite {
            flow: self.to(BOB),
            uri: Uri::sip("+3612345", address(BOB)),
            from: Party::new(Uri::sip("alice", address(ALICE))),
            to: Party::new(Uri::sip("+3612345", address(BOB))),
            sdp: audio().write(1, 1).into(),
            routes: Vec::new(),
            headers: vec![("Require".into(), "100rel".into())],
            credentials: None,
        };
        self.ends[ALICE].invite(self.now, invite).unwrap()
    }

    fn bob_says(&mut self, leg: LegId, answer: &Answer) {
        self.ends[BOB].progress(self.now, leg, answer).unwrap();
    }

    fn progress(&mut self) -> Response {
        match self.event(ALICE) {
            Event::Progress { response, .. } => response,
            other => panic!("{other:?}"),
        }
    }
}

use crate::Response;

fn early() -> Answer {
    Answer::new(183).sdp(audio().write(2, 1))
}

#[test]
fn early_media_is_acknowledged_and_the_answer_comes_after_it_without_a_second_description() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut wire = Wire::new(protocol);
        let a = wire.alice_requires();
        wire.run_ms(100);
        let b = wire.bob_rings();
        wire.bob_says(b, &early());
        // At once: before the PRACK can be there.
        wire.bob_accepts(b);
        assert!(wire.ends[BOB].accept(wire.now, b, &Answer::new(200)).is_err(), "once");
        wire.drain();
        assert_eq!((wire.count(BOB, "SIP/2.0 183"), wire.count(BOB, "SIP/2.0 200")), (1, 0));
        wire.run_ms(200);
        let response = wire.progress();
        assert!(response.sdp().is_some() && response.header("RSeq").is_some());
        assert_eq!(wire.count(ALICE, "PRACK"), 1);
        let Event::Answered { response, .. } = wire.event(ALICE) else { panic!() };
        assert_eq!(response.sdp(), None, "the description is known");
        assert!(matches!(wire.event(BOB), Event::Acked { sdp: None, .. }));
        // What follows in the dialog counts on from the PRACK.
        wire.ends[ALICE].info(wire.now, a, "application/dtmf", Bytes::from_static(b"5")).unwrap();
        wire.run_ms(100);
        assert!(matches!(wire.event(BOB), Event::Info { .. }));
        wire.ends[ALICE].hang_up(wire.now, a, 0, None).unwrap();
        wire.run_ms(100);
        wire.at_rest();
    }
}

#[test]
fn ringing_and_its_acknowledgement_are_repeated_until_they_arrive_and_come_in_order() {
    let mut wire = Wire::new(Protocol::Udp);
    let (mut rings, mut pracks) = (0, 0);
    wire.loses = Box::new(move |_, line| {
        rings += usize::from(line.starts_with("SIP/2.0 180"));
        pracks += usize::from(line.starts_with("PRACK"));
        (line.starts_with("SIP/2.0 180") && rings < 3) || (line.starts_with("PRACK") && pracks < 2)
    });
    wire.alice_requires();
    wire.run_ms(100);
    let b = wire.bob_rings();
    wire.bob_says(b, &Answer::new(180));
    wire.bob_says(b, &early());
    wire.run(Duration::from_secs(8));
    assert!(wire.count(BOB, "SIP/2.0 180") >= 3);
    let (first, second) = (wire.progress(), wire.progress());
    assert_eq!((first.code(), second.code()), (180, 183), "each once");
    let number = |response: &Response| response.header("RSeq").unwrap().parse::<u32>().unwrap();
    assert_eq!(number(&second), number(&first) + 1);
    wire.ends[BOB].reject(wire.now, b, &Answer::new(486)).unwrap();
    wire.run_ms(100);
    assert!(matches!(wire.event(ALICE), Event::Failed { code: 486, .. }));
    wire.at_rest();
}

#[test]
fn a_caller_who_never_acknowledges_early_media_is_refused() {
    let mut wire = Wire::new(Protocol::Udp);
    wire.loses = Box::new(|_, line| line.starts_with("PRACK"));
    wire.alice_requires();
    wire.run_ms(100);
    let b = wire.bob_rings();
    wire.bob_says(b, &early());
    wire.bob_accepts(b);
    wire.run(Duration::from_secs(40));
    assert_eq!(wire.progress().code(), 183);
    assert!(matches!(wire.event(ALICE), Event::Failed { code: 504, .. }));
    assert!(matches!(wire.event(BOB), Event::Cancelled { leg, .. } if leg == b));
    wire.at_rest();
}

#[test]
fn a_prack_of_nothing_is_unknown_and_a_new_offer_in_one_changes_nothing() {
    let mut wire = Wire::new(Protocol::Udp);
    wire.alters = Box::new(|_, text| match text.starts_with("PRACK") {
        true => text.replace(" INVITE\r\n", " UPDATE\r\n"),
        false => text,
    });
    wire.alice_requires();
    wire.run_ms(100);
    let b = wire.bob_rings();
    wire.bob_says(b, &early());
    wire.run_ms(200);
    assert_eq!(wire.count(BOB, "SIP/2.0 481"), 1, "an UPDATE had no such response");
    wire.alters = Box::new(|_, text| match text.starts_with("PRACK") {
        true => {
            let sdp = audio().write(1, 2);
            let (head, _) = text.split_once("Content-Length").unwrap();
            let length = sdp.len();
            format!("{head}Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}")
        }
        false => text,
    });
    let mut wire = Wire { ends: Wire::new(Protocol::Udp).ends, ..wire };
    wire.packets.clear();
    wire.events.iter_mut().for_each(VecDeque::clear);
    wire.alice_requires();
    wire.run_ms(100);
    let b = wire.bob_rings();
    wire.bob_says(b, &early());
    wire.run_ms(200);
    assert_eq!(wire.count(BOB, "SIP/2.0 488"), 1);
    wire.bob_accepts(b);
    wire.run_ms(200);
    assert_eq!(wire.progress().code(), 183);
    assert!(matches!(wire.event(ALICE), Event::Answered { .. }), "the call goes on");
}
