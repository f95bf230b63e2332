//! Session timers: calls that last because somebody refreshes them, and calls
//! whose peer is gone.

use std::time::Duration;

use softphone::{Config, Dial, Phone, SessionTimes};
use tokio::net::UdpSocket;
use types::fact::CallEvent;

use crate::world::{NUMBER, SOON, World, by_address};

const SECONDS: SessionTimes =
    SessionTimes { interval: Duration::from_secs(4), least: Duration::from_secs(2) };

/// An edge with sessions of four seconds, which no operator would want.
async fn world() -> World {
    let settings = toml::toml! {
        session_s = 4
        session_least_s = 2
    };
    World::with(by_address("127.0.0.1"), settings).await
}

#[tokio::test]
async fn a_call_is_refreshed_and_lasts() {
    let mut world = world().await;
    world.flow_queues();
    let phone = Phone::bind(Config { session: Some(SECONDS), ..Config::default() }).await.unwrap();
    let call = phone.call(Dial::new(world.edge, NUMBER)).await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    let id = world.peers.queue("join", |r| Some(r.session.clone())).await;
    // Twice the session's length.
    assert!(call.wait_ended(Duration::from_secs(8)).await.is_err(), "the call goes on");
    call.hang_up().await.unwrap();
    world.facts().await;
    let request = proto::telephony::v1::LadderRequest { tenant: world.tenant.to_string(), call: id };
    let ladder = world.api.ladder(request).await.unwrap().into_inner();
    let refreshes = ladder.messages.iter().filter(|m| m.sent && m.text.starts_with("UPDATE")).count();
    assert!(refreshes >= 3, "{refreshes} refreshes");
}

#[tokio::test]
async fn a_call_whose_peer_is_gone_without_a_word_ends_by_itself() {
    let world = world().await;
    world.flow_queues();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(world.edge).await.unwrap();
    let local = socket.local_addr().unwrap();
    let message = |method: &str, to: &str, branch: &str, body: &str| {
        format!(
            "{method} sip:{NUMBER}@{0} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:0722000111@{local}>;tag=gone\r\nTo: <sip:{NUMBER}@{0}>{to}\r\n\
             Call-ID: gone\r\nCSeq: 1 {method}\r\nContact: <sip:gone@{local}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {1}\r\n\r\n{body}",
            world.edge,
            body.len(),
        )
    };
    let sdp =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n";
    socket.send(message("INVITE", "", "1", sdp).as_bytes()).await.unwrap();
    let mut buffer = vec![0; 65_536];
    let tag = async {
        loop {
            let length = socket.recv(&mut buffer).await.unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with("SIP/2.0 200") {
                assert!(text.contains("Session-Expires: 4;refresher=uas"), "{text}");
                let to = text.lines().find(|line| line.starts_with("To:")).unwrap();
                return to.split(";tag=").nth(1).unwrap().to_owned();
            }
        }
    };
    let tag = tokio::time::timeout(SOON, tag).await.unwrap();
    socket.send(message("ACK", &format!(";tag={tag}"), "2", "").as_bytes()).await.unwrap();
    drop(socket);
    // Nobody hangs up.
    let facts = world.facts().await;
    assert!(matches!(facts.last().unwrap().event, CallEvent::Ended { .. }));
    world.released().await;
}
