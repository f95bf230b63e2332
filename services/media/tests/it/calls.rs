//! Calls between plain phones.

use std::{sync::atomic::Ordering, time::Duration};

use proto::media::v1::{
    Event, Failed, Press, RemoveLeg, StopPlay, add_leg::Kind, event::What as Told, failed::Code,
    request::What,
};
use rtp::Law;

use crate::{
    bench::{Bench, Edge},
    phone::{Phone, rtp_address},
};

/// A session with a phone in it.
async fn caller(edge: &mut Edge, session: &str, leg: &str, law: Law, hz: f64) -> Phone {
    let phone = Phone::new(law, hz).await;
    let answer = edge.add(session, leg, Kind::Rtp, &phone.sdp("sendrecv")).await.unwrap();
    phone.send_to(&answer);
    phone
}

async fn two_phones(edge: &mut Edge, laws: [Law; 2]) -> (Phone, Phone) {
    edge.open("c1").await;
    let a = caller(edge, "c1", "a", laws[0], 400.0).await;
    let b = caller(edge, "c1", "b", laws[1], 700.0).await;
    edge.hear("c1", &[("a", &["b"]), ("b", &["a"])]).await;
    (a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_the_greeting_and_the_edge_hears_of_its_end() {
    let bench = Bench::start().await;
    bench.tone("a1", 500.0, 0.6);
    bench.tone("b2", 900.0, 0.6);
    let mut edge = bench.edge("e").await;
    edge.open("c1").await;
    let phone = caller(&mut edge, "c1", "a", Law::A, 400.0).await;
    edge.play("c1", "greeting", "a", &["a1", "b2"], false).await;
    phone.ear.hears_only(&[500.0], &[900.0, 400.0]).await;
    phone.ear.hears_only(&[900.0], &[500.0]).await;
    edge.expect("end", |e| matches!(&e.what, Some(Told::PlayEnded(p)) if p.play == "greeting").then_some(()))
        .await;
    let packets = phone.packets.lock().unwrap().clone();
    let audible = phone.ear.audible_frames();
    assert!((58..=62).contains(&audible), "1.2 s are 60 frames, not {audible}");
    assert!(
        packets.windows(2).all(|w| w[1].1 == w[0].1.wrapping_add(1) && w[1].2 == w[0].2.wrapping_add(160))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_parties_hear_each_other_and_not_themselves() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let (a, b) = two_phones(&mut edge, [Law::A, Law::A]).await;
    a.ear.hears_only(&[700.0], &[400.0]).await;
    b.ear.hears_only(&[400.0], &[700.0]).await;
    edge.expect("leg up", |e| matches!(&e.what, Some(Told::LegUp(l)) if l.leg == "a").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_law_and_mu_law_are_brought_together() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let (a, b) = two_phones(&mut edge, [Law::A, Law::Mu]).await;
    a.ear.hears_only(&[700.0], &[400.0]).await;
    b.ear.hears_only(&[400.0], &[700.0]).await;
    assert!(a.packets.lock().unwrap().iter().all(|p| p.0 == 8));
    assert!(b.packets.lock().unwrap().iter().all(|p| p.0 == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_party_is_mixed_in_and_leaves_again() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let (a, b) = two_phones(&mut edge, [Law::A, Law::Mu]).await;
    let c = caller(&mut edge, "c1", "c", Law::A, 1100.0).await;
    edge.hear("c1", &[("a", &["b", "c"]), ("b", &["a", "c"]), ("c", &["a", "b"])]).await;
    a.ear.hears_only(&[700.0, 1100.0], &[400.0]).await;
    b.ear.hears_only(&[400.0, 1100.0], &[700.0]).await;
    c.ear.hears_only(&[400.0, 700.0], &[1100.0]).await;
    edge.ask("c1", What::RemoveLeg(RemoveLeg { leg: "c".into() })).await;
    a.ear.hears_only(&[700.0], &[1100.0]).await;
    b.ear.hears_only(&[400.0], &[1100.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whisper_reaches_the_agent_alone() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let (caller_phone, agent) = two_phones(&mut edge, [Law::A, Law::A]).await;
    let supervisor = caller(&mut edge, "c1", "s", Law::A, 1100.0).await;
    edge.hear("c1", &[("a", &["b"]), ("b", &["a", "s"]), ("s", &["a", "b"])]).await;
    agent.ear.hears_only(&[400.0, 1100.0], &[700.0]).await;
    supervisor.ear.hears_only(&[400.0, 700.0], &[1100.0]).await;
    caller_phone.ear.hears_only(&[700.0], &[1100.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_caller_hears_music_until_retrieved() {
    let bench = Bench::start().await;
    bench.tone("abba", 1300.0, 0.5);
    let mut edge = bench.edge("e").await;
    let (a, b) = two_phones(&mut edge, [Law::A, Law::A]).await;
    a.ear.hears_only(&[700.0], &[1300.0]).await;
    edge.hear("c1", &[]).await;
    edge.play("c1", "hold", "a", &["abba"], true).await;
    a.ear.hears_only(&[1300.0], &[700.0]).await;
    b.ear.hears_silence().await;
    let packets = b.ear.len();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let sent = (b.ear.len() - packets) / 160;
    assert!(
        (6..30).contains(&sent),
        "silence is sent, so that no carrier or NAT cuts the way: {sent} packets"
    );
    b.ear.hears_silence().await;
    a.ear.hears_only(&[1300.0], &[700.0]).await;
    edge.ask("c1", What::StopPlay(StopPlay { play: "hold".into() })).await;
    edge.hear("c1", &[("a", &["b"]), ("b", &["a"])]).await;
    a.ear.hears_only(&[700.0], &[1300.0]).await;
    b.ear.hears_only(&[400.0], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_holds_by_sdp_is_sent_nothing() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let (a, b) = two_phones(&mut edge, [Law::A, Law::A]).await;
    b.ear.hears(400.0).await;
    let op = edge.set_remote("c1", "b", &b.sdp("sendonly"), true).await;
    let Told::LegAnswer(answer) = edge.answer(op).await else { panic!("no answer to the re-offer") };
    assert!(answer.sdp.contains("a=recvonly"), "{}", answer.sdp);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let held = b.ear.len();
    a.ear.hears(700.0).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(b.ear.len(), held);
    edge.set_remote("c1", "b", &b.sdp("sendrecv"), true).await;
    b.ear.hears(400.0).await;
}

/// Many phones send nothing while they hold: the call is not lost for that.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_silent_on_hold_is_not_lost_and_who_vanishes_afterwards_is() {
    let settings = toml::toml! { media_lost_ms = 1000 };
    let bench = Bench::start_with(tempfile::tempdir().unwrap(), "", settings).await;
    let mut edge = bench.edge("e").await;
    let (a, b) = two_phones(&mut edge, [Law::A, Law::A]).await;
    b.ear.hears(400.0).await;
    a.ear.hears(700.0).await;
    edge.set_remote("c1", "b", &b.sdp("sendonly"), true).await;
    b.speaking.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let heard = a.ear.len();
    let op = edge.set_remote("c1", "b", &b.sdp("sendrecv"), true).await;
    b.speaking.store(true, Ordering::Relaxed);
    edge.answer(op).await;
    a.ear.hears_more(heard).await;
    assert!(!edge.seen.iter().any(|event| matches!(event.what, Some(Told::MediaLost(_)))));
    b.speaking.store(false, Ordering::Relaxed);
    let lost = |event: &Event| match &event.what {
        Some(Told::MediaLost(lost)) => Some(lost.leg.clone()),
        _ => None,
    };
    assert_eq!(edge.expect("a lost leg", lost).await, "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_but_comfort_noise_is_there() {
    let settings = toml::toml! { media_lost_ms = 1000 };
    let bench = Bench::start_with(tempfile::tempdir().unwrap(), "", settings).await;
    let mut edge = bench.edge("e").await;
    let (a, b) = two_phones(&mut edge, [Law::A, Law::A]).await;
    a.ear.hears(700.0).await;
    b.rests.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let heard = a.ear.len();
    b.rests.store(false, Ordering::Relaxed);
    a.ear.hears_more(heard).await;
    let op = edge.set_remote("c1", "b", &b.sdp("sendrecv"), true).await;
    edge.answer(op).await;
    assert!(!edge.seen.iter().any(|event| matches!(event.what, Some(Told::MediaLost(_)))));
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_offer_is_answered_by_the_phone() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    edge.open("c1").await;
    let a = caller(&mut edge, "c1", "a", Law::Mu, 400.0).await;
    let b = Phone::new(Law::Mu, 700.0).await;
    let offer = edge.add("c1", "b", Kind::Rtp, "").await.unwrap();
    assert!(offer.contains("RTP/AVP 0 8 101"), "the caller's law first: {offer}");
    b.send_to(&offer);
    edge.set_remote("c1", "b", &b.sdp("sendrecv"), false).await;
    edge.hear("c1", &[("a", &["b"]), ("b", &["a"])]).await;
    a.ear.hears_only(&[700.0], &[400.0]).await;
    b.ear.hears_only(&[400.0], &[700.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_told_once_each_and_in_order() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    edge.open("c1").await;
    let phone = caller(&mut edge, "c1", "a", Law::A, 400.0).await;
    for key in ['4', '4', '#'] {
        phone.press(key).await;
    }
    let mut keys = String::new();
    while keys.len() < 3 {
        let digit = |e: &proto::media::v1::Event| match &e.what {
            Some(Told::Digit(d)) if d.leg == "a" => Some(d.key.clone()),
            _ => None,
        };
        keys += &edge.expect("key", digit).await;
    }
    assert_eq!(keys, "44#");
    edge.sessions_held(1).await;
    assert!(!edge.seen.iter().any(|e| matches!(e.what, Some(Told::Digit(_)))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_finds_the_port_is_not_heard() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let (a, b) = two_phones(&mut edge, [Law::A, Law::A]).await;
    b.ear.hears(400.0).await;
    let stranger = Phone::new(Law::A, 1900.0).await;
    let to = format!("c=IN IP4 127.0.0.1\r\nm=audio {} x\r\n", rtp_port_of(&a));
    stranger.send_to(&to);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        b.ear.hears_only(&[400.0], &[1900.0]).await;
    }
    assert_eq!(stranger.ear.len(), 0);
    a.ear.hears_only(&[700.0], &[1900.0]).await;
}

fn rtp_port_of(phone: &Phone) -> u16 {
    phone.target().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_on_the_port_harms_nobody() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let (a, b) = two_phones(&mut edge, [Law::A, Law::A]).await;
    b.ear.hears(400.0).await;
    for length in 0..200usize {
        let rubbish: Vec<u8> =
            (0..length).map(|n| (n * 37 + length) as u8 | if n == 0 { 0x80 } else { 0 }).collect();
        a.socket.send_to(&rubbish, a.target()).await.unwrap();
    }
    b.ear.hears_only(&[400.0], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_with_a_code() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let phone = Phone::new(Law::A, 400.0).await;
    let none = edge.add("nobody", "a", Kind::Rtp, &phone.sdp("sendrecv")).await;
    assert_eq!(none, Err(Code::NoSession.into()));
    edge.open("c1").await;
    let g729 = phone.sdp("sendrecv").replace("RTP/AVP 8", "RTP/AVP 18");
    assert_eq!(edge.add("c1", "a", Kind::Rtp, &g729).await, Err(Code::NoCommonCodec.into()));
    assert_eq!(edge.add("c1", "a", Kind::Rtp, "hello").await, Err(Code::BadSdp.into()));
    assert_eq!(edge.add("c1", "a", Kind::Webrtc, "hello").await, Err(Code::BadSdp.into()));
    edge.add("c1", "a", Kind::Rtp, &phone.sdp("sendrecv")).await.unwrap();
    edge.play("c1", "p", "a", &["abcdef"], false).await;
    let failed = |e: &proto::media::v1::Event| match &e.what {
        Some(Told::Failed(Failed { code, subject, .. })) => Some((*code, subject.clone())),
        _ => None,
    };
    assert_eq!(edge.expect("failure", failed).await, (Code::NoPrompt.into(), "p".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_asked_twice_is_done_once_and_answered_twice() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    edge.open("c1").await;
    let phone = Phone::new(Law::A, 400.0).await;
    let first = edge.add("c1", "a", Kind::Rtp, &phone.sdp("sendrecv")).await.unwrap();
    let add = proto::media::v1::AddLeg { leg: "a".into(), kind: 0, offer: phone.sdp("sendrecv"), port: 0 };
    edge.repeat("c1", 2, What::AddLeg(add)).await;
    let Told::LegAnswer(again) = edge.answer(2).await else { panic!("another answer") };
    assert_eq!(rtp_address(&first), rtp_address(&again.sdp));
}

/// The keys that a phone hears as telephone-events.
async fn hears_keys(phone: &Phone, wanted: &str) {
    let deadline = tokio::time::Instant::now() + crate::bench::PATIENCE;
    while phone.keys.lock().unwrap().0 != wanted {
        let heard = phone.keys.lock().unwrap().0.clone();
        assert!(tokio::time::Instant::now() < deadline, "never heard {wanted}, but {heard}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_the_edge_presses_are_heard_as_events_and_the_talk_goes_on() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let (a, b) = two_phones(&mut edge, [Law::A, Law::Mu]).await;
    a.ear.hears(700.0).await;
    edge.ask("c1", What::Press(Press { leg: "a".into(), keys: "42#".into() })).await;
    hears_keys(&a, "42#").await;
    a.ear.hears_only(&[700.0], &[]).await;
    b.ear.hears_only(&[400.0], &[]).await;
    assert_eq!(b.keys.lock().unwrap().0, "", "the agent's own keys do not come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phones_keys_reach_the_other_side_relayed_and_in_a_conference() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let (a, b) = two_phones(&mut edge, [Law::A, Law::A]).await;
    a.ear.hears(700.0).await;
    b.press('8').await;
    hears_keys(&a, "8").await;
    let c = caller(&mut edge, "c1", "c", Law::A, 1100.0).await;
    edge.hear("c1", &[("a", &["b", "c"]), ("b", &["a", "c"]), ("c", &["a", "b"])]).await;
    a.ear.hears_only(&[700.0, 1100.0], &[]).await;
    b.press('9').await;
    hears_keys(&a, "89").await;
    hears_keys(&c, "9").await;
}
