//! How well both sides are heard, by RTCP and by what comes.

use std::time::Duration;

use proto::media::v1::{Quality, add_leg::Kind, event::What as Told};
use rtp::{
    Law,
    receiver::Quality as Block,
    rtcp::{Report, SenderInfo},
};

use crate::{
    bench::{Bench, Edge},
    phone::Phone,
};

async fn figures(edge: &mut Edge, leg: &str, wanted: impl Fn(&Quality) -> bool) -> Quality {
    let found = |e: &proto::media::v1::Event| match &e.what {
        Some(Told::Quality(quality)) if quality.leg == leg && wanted(quality) => Some(quality.clone()),
        _ => None,
    };
    edge.expect("figures", found).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_directions_are_measured_and_the_round_trip_is_what_reports_took() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    edge.open("c1").await;
    let (a, b) = (Phone::new(Law::A, 400.0).await, Phone::new(Law::A, 700.0).await);
    for (leg, phone) in [("a", &a), ("b", &b)] {
        let offer = phone.sdp("sendrecv\r\na=rtcp-mux");
        let answer = edge.add("c1", leg, Kind::Rtp, &offer).await.unwrap();
        assert!(answer.contains("a=rtcp-mux"));
        phone.send_to(&answer);
    }
    edge.hear("c1", &[("a", &["b"]), ("b", &["a"])]).await;

    // What comes needs no reports of the party.
    let near = figures(&mut edge, "b", |quality| quality.received > 100).await;
    assert!(near.mos.unwrap() > 4.0 && near.far.is_none() && near.round_trip_ms.is_none(), "{near:?}");

    // A report of ours is answered after 80 ms that are not owned up to.
    a.reports.lock().unwrap().clear();
    let waiting = tokio::time::Instant::now();
    let ours = a.report(|report| report.sender.is_some()).await;
    let sent = ours.sender.unwrap();
    assert!(sent.packets > 10 && sent.octets == sent.packets * 160, "{sent:?}");
    assert_eq!(ours.blocks[0].ssrc, a.ssrc());
    tokio::time::sleep(Duration::from_millis(80)).await;
    let block = Block {
        ssrc: ours.ssrc,
        fraction_lost: 0,
        lost: 10,
        highest_sequence: 1,
        jitter: 80,
        last_report: (sent.ntp >> 16) as u32,
        since_report: 0,
    };
    let own = SenderInfo { ntp: 0x0000_1234_5678_0000, rtp_timestamp: 1, packets: 1, octets: 160 };
    let answer = Report { ssrc: a.ssrc(), sender: Some(own), blocks: vec![block] };
    let mut bytes = Vec::new();
    answer.write(&mut bytes);
    a.socket.send_to(&bytes, a.target()).await.unwrap();
    // From elsewhere it would change nothing.
    let stranger = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let lie = Report { blocks: vec![Block { lost: 99_999, ..block }], ..answer };
    bytes.clear();
    lie.write(&mut bytes);
    stranger.send_to(&bytes, a.target()).await.unwrap();

    let told = figures(&mut edge, "a", |quality| quality.far.is_some()).await;
    let (far, round_trip) = (told.far.unwrap(), told.round_trip_ms.unwrap());
    assert_eq!((far.lost, far.jitter_ms), (10, 10.0));
    let longest = waiting.elapsed().as_secs_f64() * 1_000.0;
    assert!((80.0..longest).contains(&round_trip), "{round_trip} ms of {longest} ms");
    assert!(far.mos > 1.0 && far.mos < told.mos.unwrap(), "loss and jitter are heard: {told:?}");
    // The next report says when the party's came.
    let heard = a.report(|report| report.blocks.iter().any(|block| block.last_report == 0x1234_5678)).await;
    assert!(heard.blocks[0].since_report > 0);
}
