//! Two phones talk over real sockets.

use std::time::Duration;

use sip::sdp::{Codec, Direction};
use softphone::{Call, Config, Dial, Error, Over, Phone, Protocol, Sound};

/// Generous: the machine may be busy.
const SOON: Duration = Duration::from_secs(20);

async fn phone(protocol: Protocol) -> Phone {
    Phone::bind(Config { protocol, ..Config::default() }).await.unwrap()
}

/// Two phones in a call, each saying its own tone: 440 Hz and 620 Hz.
async fn talking(protocol: Protocol) -> (Call, Call) {
    let (ana, ben) = (phone(protocol).await, phone(protocol).await);
    let a = ana.call(Dial::new(ben.address(), "ben").saying(Sound::Tone(440.0))).await.unwrap();
    let incoming = ben.incoming(SOON).await.unwrap();
    incoming.say(Sound::Tone(620.0));
    let b = incoming.answer().await.unwrap();
    a.wait_answered(SOON).await.unwrap();
    (a, b)
}

#[tokio::test]
async fn both_hear_each_other_and_the_callee_hangs_up() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let (a, b) = talking(protocol).await;
        a.hear(620.0, SOON).await.unwrap();
        b.hear(440.0, SOON).await.unwrap();
        b.hang_up().await.unwrap();
        assert_eq!(a.wait_ended(SOON).await.unwrap(), Over::ByPeer(None));
        let report = a.report(&[620.0, 440.0]);
        assert!(report.answered_ms <= report.ended_ms && report.sent > 0);
        assert!(report.tones[0].ms > 0 && report.tones[1].ms == 0);
    }
}

#[tokio::test]
async fn early_media_is_heard_before_the_answer() {
    let (ana, ben) = (phone(Protocol::Udp).await, phone(Protocol::Udp).await);
    let call = ana.call(Dial::new(ben.address(), "ben")).await.unwrap();
    let incoming = ben.incoming(SOON).await.unwrap();
    incoming.ring().await.unwrap();
    incoming.say(Sound::Tone(880.0));
    incoming.early_media().await.unwrap();
    assert!(call.wait_provisional(183, SOON).await.unwrap().early_media);
    call.hear(880.0, SOON).await.unwrap();
    assert_eq!(call.report(&[]).answered_ms, None);
    call.hang_up().await.unwrap();
    assert_eq!(incoming.wait_ended(SOON).await.unwrap(), Over::Cancelled);
}

#[tokio::test]
async fn keys_arrive_in_order() {
    let (a, b) = talking(Protocol::Udp).await;
    a.press("1905#").await;
    b.wait_keys("1905#", SOON).await.unwrap();
    b.hear(440.0, SOON).await.unwrap();
}

#[tokio::test]
async fn hold_silences_and_resume_brings_the_voice_back() {
    let (a, b) = talking(Protocol::Tcp).await;
    a.hold().await.unwrap();
    b.wait_direction(Direction::SendOnly, SOON).await.unwrap();
    a.hear_nothing(SOON).await.unwrap();
    b.hear(440.0, SOON).await.unwrap();
    a.resume().await.unwrap();
    a.hear(620.0, SOON).await.unwrap();
}

#[tokio::test]
async fn a_busy_phone_a_dead_address_and_a_foreign_codec_are_told() {
    let (ana, ben) = (phone(Protocol::Udp).await, phone(Protocol::Udp).await);
    let call = ana.call(Dial::new(ben.address(), "ben")).await.unwrap();
    ben.incoming(SOON).await.unwrap().reject(486).await.unwrap();
    assert!(matches!(call.wait_answered(SOON).await, Err(Error::Refused(486))));

    let tcp = phone(Protocol::Tcp).await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let call = tcp.call(Dial::new(dead, "nobody")).await.unwrap();
    assert!(matches!(call.wait_answered(SOON).await, Err(Error::Refused(503))));

    let codecs = vec![Codec::new(18, "G729", 8000)];
    let odd = Phone::bind(Config { codecs, ..Config::default() }).await.unwrap();
    let _call = odd.call(Dial::new(ben.address(), "ben")).await.unwrap();
    let incoming = ben.incoming(SOON).await.unwrap();
    assert!(matches!(incoming.answer().await, Err(Error::NoCodec)));
}

#[tokio::test]
async fn a_dropped_call_hangs_up() {
    let (a, b) = talking(Protocol::Udp).await;
    drop(a);
    assert_eq!(b.wait_ended(SOON).await.unwrap(), Over::ByPeer(None));
}
