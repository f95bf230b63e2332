//! Agents in a browser.

use proto::media::v1::{add_leg::Kind, event::What as Told};
use rtp::Law;

use crate::{bench::Bench, browser::Browser, phone::Phone};

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_connects_hears_a_prompt_and_talks_to_a_phone() {
    for law in [Law::A, Law::Mu] {
        let bench = Bench::start().await;
        bench.tone("abc", 500.0, 0.5);
        let mut edge = bench.edge("e").await;
        edge.open("c1").await;
        let mut browser = Browser::new(law);
        let answer = edge.add("c1", "agent", Kind::Webrtc, &browser.offer).await.unwrap();
        assert!(answer.contains("a=ice-lite"), "{answer}");
        browser.accept(&answer, law, 700.0);
        edge.expect("leg up", |e| matches!(&e.what, Some(Told::LegUp(l)) if l.leg == "agent").then_some(()))
            .await;

        edge.play("c1", "p", "agent", &["abc"], true).await;
        browser.ear.hears_only(&[500.0], &[700.0]).await;
        edge.ask(
            "c1",
            proto::media::v1::request::What::StopPlay(proto::media::v1::StopPlay { play: "p".into() }),
        )
        .await;

        let phone = Phone::new(Law::A, 400.0).await;
        let answer = edge.add("c1", "caller", Kind::Rtp, &phone.sdp("sendrecv")).await.unwrap();
        phone.send_to(&answer);
        edge.hear("c1", &[("agent", &["caller"]), ("caller", &["agent"])]).await;
        phone.ear.hears_only(&[700.0], &[400.0, 500.0]).await;
        browser.ear.hears_only(&[400.0], &[700.0, 500.0]).await;
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_browsers_share_one_port() {
    let bench = Bench::start_with(tempfile::tempdir().unwrap(), "", toml::toml! { loops = 1 }).await;
    let mut edge = bench.edge("e").await;
    edge.open("c1").await;
    let (mut ana, mut ben) = (Browser::new(Law::A), Browser::new(Law::A));
    let first = edge.add("c1", "ana", Kind::Webrtc, &ana.offer).await.unwrap();
    edge.open("c2").await;
    let second = edge.add("c1", "ben", Kind::Webrtc, &ben.offer).await.unwrap();
    let port = |sdp: &str| {
        let line = sdp.lines().find(|l| l.contains("typ host")).unwrap().to_owned();
        line.split(' ').nth(5).unwrap().to_owned()
    };
    assert_eq!(port(&first), port(&second));
    ana.accept(&first, Law::A, 400.0);
    ben.accept(&second, Law::A, 700.0);
    edge.hear("c1", &[("ana", &["ben"]), ("ben", &["ana"])]).await;
    ana.ear.hears_only(&[700.0], &[400.0]).await;
    ben.ear.hears_only(&[400.0], &[700.0]).await;
}
