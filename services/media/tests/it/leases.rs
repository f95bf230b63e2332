//! Sessions, capacity and streams that break.

use proto::media::v1::{List, add_leg::Kind, event::What as Told, failed::Code, request::What};
use rtp::Law;

use crate::{bench::Bench, phone::Phone};

fn short_lease() -> toml::Table {
    toml::toml! { lease_ms = 600 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_session_gives_its_port_back_after_the_drain() {
    // One even port in all.
    let port = free_even_port();
    let mut settings = toml::toml! { port_drain_ms = 300 loops = 1 };
    settings.insert("rtp_ports".into(), format!("{port}-{port}").into());
    let bench = Bench::start_with(tempfile::tempdir().unwrap(), "", settings).await;
    let mut edge = bench.edge("e").await;
    let phone = Phone::new(Law::A, 400.0).await;
    edge.open("c1").await;
    edge.open("c2").await;
    edge.add("c1", "a", Kind::Rtp, &phone.sdp("sendrecv")).await.unwrap();
    let exhausted = Err(Code::Exhausted.into());
    assert_eq!(edge.add("c2", "a", Kind::Rtp, &phone.sdp("sendrecv")).await, exhausted);
    edge.release("c1").await;
    assert_eq!(edge.add("c2", "a", Kind::Rtp, &phone.sdp("sendrecv")).await, exhausted, "still draining");
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    edge.add("c2", "a", Kind::Rtp, &phone.sdp("sendrecv")).await.unwrap();
    edge.sessions_held(1).await;
}

fn free_even_port() -> u16 {
    loop {
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if port.is_multiple_of(2) {
            return port;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_capacity_the_gateway_refuses() {
    let bench = Bench::start_with(tempfile::tempdir().unwrap(), "", toml::toml! { sessions_max = 1 }).await;
    let mut edge = bench.edge("e").await;
    edge.open("c1").await;
    edge.sessions_held(1).await;
    edge.open("c2").await;
    let Told::Failed(failed) = edge.answer(2).await else { panic!("c2 was let in") };
    assert_eq!(failed.code(), Code::Exhausted);
    edge.release("c1").await;
    edge.sessions_held(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_outlive_a_broken_stream_for_a_lease_and_no_longer() {
    let bench = Bench::start_with(tempfile::tempdir().unwrap(), "", short_lease()).await;
    let mut edge = bench.edge("e").await;
    edge.open("c1").await;
    edge.sessions_held(1).await;
    let mut other = bench.edge("other").await;
    other.sessions_held(1).await;
    drop(edge);
    other.sessions_held(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_comes_back_gets_its_sessions_and_nobody_elses() {
    let bench = Bench::start_with(tempfile::tempdir().unwrap(), "", toml::toml! { lease_ms = 3000 }).await;
    let phone = Phone::new(Law::A, 400.0).await;
    let mut edge = bench.edge("e").await;
    edge.open("c1").await;
    let answer = edge.add("c1", "a", Kind::Rtp, &phone.sdp("sendrecv")).await.unwrap();
    phone.send_to(&answer);
    let mut other = bench.edge("other").await;
    other.open("c2").await;
    other.sessions_held(2).await;
    drop(edge);

    let mut back = bench.edge("e").await;
    let held = loop {
        let op = back.ask("", What::List(List {})).await;
        match back.answer(op).await {
            Told::Sessions(s) if s.held.is_empty() => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await
            }
            Told::Sessions(s) => break s.held,
            other => panic!("{other:?}"),
        }
    };
    let [held] = &held[..] else { panic!("{held:?}") };
    assert_eq!((held.session.as_str(), held.done > 1), ("c1", true));
    // Past the lease it is still there, and its events come to the new stream.
    tokio::time::sleep(std::time::Duration::from_millis(3500)).await;
    phone.press('7').await;
    back.expect("key", |e| matches!(&e.what, Some(Told::Digit(d)) if d.key == "7").then_some(())).await;
}
