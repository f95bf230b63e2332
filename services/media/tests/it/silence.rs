//! Connected but silent: a party that somebody should hear and nobody does.

use std::sync::atomic::Ordering;

use proto::media::v1::{add_leg::Kind, event::What as Told};
use rtp::{Law, Packet, packet::COMFORT_NOISE};

use crate::{
    bench::{Bench, Edge},
    phone::Phone,
};

async fn unheard(edge: &mut Edge, leg: &str, on: bool) {
    let found = |e: &proto::media::v1::Event| match &e.what {
        Some(Told::Unheard(told)) if told.leg == leg => Some(told.on),
        _ => None,
    };
    assert_eq!(edge.expect(&format!("{leg} unheard: {on}"), found).await, on);
}

/// Two who are to hear each other.
async fn bridged(edge: &mut Edge) -> (Phone, Phone) {
    edge.open("c1").await;
    let (a, b) = (Phone::new(Law::A, 400.0).await, Phone::new(Law::A, 700.0).await);
    for (leg, phone) in [("a", &a), ("b", &b)] {
        let answer = edge.add("c1", leg, Kind::Rtp, &phone.sdp("sendrecv")).await.unwrap();
        phone.send_to(&answer);
    }
    edge.hear("c1", &[("a", &["b"]), ("b", &["a"])]).await;
    a.ear.hears(700.0).await;
    b.ear.hears(400.0).await;
    (a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_falls_silent_is_told_of_until_it_is_heard_again() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let (a, b) = bridged(&mut edge).await;
    a.speaking.store(false, Ordering::Relaxed);
    unheard(&mut edge, "a", true).await;
    a.ear.hears(700.0).await;
    a.loses(1_000);
    a.speaking.store(true, Ordering::Relaxed);
    unheard(&mut edge, "a", false).await;
    b.ear.hears(400.0).await;
    a.speaking.store(false, Ordering::Relaxed);
    unheard(&mut edge, "a", true).await;
    // Nobody has to hear who is on hold.
    edge.hear("c1", &[("b", &[])]).await;
    unheard(&mut edge, "a", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_of_which_nothing_ever_came_is_told_of() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    edge.open("c1").await;
    let (a, b) = (Phone::new(Law::A, 400.0).await, Phone::new(Law::A, 700.0).await);
    edge.add("c1", "a", Kind::Rtp, &a.sdp("sendrecv")).await.unwrap();
    let answer = edge.add("c1", "b", Kind::Rtp, &b.sdp("sendrecv")).await.unwrap();
    b.send_to(&answer);
    edge.hear("c1", &[("a", &["b"]), ("b", &["a"])]).await;
    unheard(&mut edge, "a", true).await;
    a.ear.hears(700.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_rests_or_holds_is_not_silent() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    let (a, b) = bridged(&mut edge).await;
    a.speaking.store(false, Ordering::Relaxed);
    let mut rest = Vec::new();
    let packet = Packet {
        marker: false,
        payload_type: COMFORT_NOISE,
        sequence: 7,
        timestamp: 7,
        ssrc: a.ssrc(),
        payload: &[60],
    };
    packet.write(&mut rest);
    a.socket.send_to(&rest, a.target()).await.unwrap();
    let op = edge.set_remote("c1", "b", &b.sdp("sendonly"), true).await;
    edge.answer(op).await;
    b.speaking.store(false, Ordering::Relaxed);
    // Well beyond the limit; then the one who holds comes back and is missed.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let op = edge.set_remote("c1", "b", &b.sdp("sendrecv"), true).await;
    edge.answer(op).await;
    let first = |e: &proto::media::v1::Event| match &e.what {
        Some(Told::Unheard(told)) => Some((told.leg.clone(), told.on)),
        _ => None,
    };
    assert_eq!(edge.expect("the first silence", first).await, ("b".to_owned(), true));
}
