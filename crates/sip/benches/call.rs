//! What the signalling of one call costs on both ends: INVITE, 100, 200, ACK,
//! BYE, 200, with every message written and parsed.

use std::net::SocketAddr;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use sip::{Answer, Config, Endpoint, Event, Flow, LegId, OutboundInvite, Output, Party, Protocol, Uri};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

fn flow(end: usize) -> Flow {
    let port = 5060 + end as u16;
    Flow { protocol: Protocol::Udp, remote: SocketAddr::new([192, 0, 2, 1].into(), port) }
}

/// Passes packets until both ends are at rest; the callee answers at once.
fn exchange(now: Duration, ends: &mut [Endpoint; 2]) {
    let mut quiet = 0;
    while quiet < 2 {
        quiet = 0;
        for end in [0, 1] {
            match ends[end].poll(now) {
                Output::Transmit { bytes, .. } => ends[1 - end].receive(now, flow(end), bytes),
                Output::Event(event) => {
                    if let Event::Invite(invite) = *event {
                        let answer = Answer::new(200).sdp(SDP);
                        ends[end].accept(now, invite.leg, &answer).expect("an offered leg");
                    }
                }
                Output::Timeout(_) => quiet += 1,
            }
        }
    }
}

fn call(now: Duration, ends: &mut [Endpoint; 2]) {
    let callee = Uri::sip("+40211234567", flow(1).remote);
    let invite = OutboundInvite {
        flow: flow(1),
        uri: callee.clone(),
        from: Party::new(Uri::sip("+40722000111", flow(0).remote)),
        to: Party::new(callee),
        sdp: SDP.into(),
        routes: Vec::new(),
        headers: Vec::new(),
        credentials: None,
    };
    let leg: LegId = ends[0].invite(now, invite).expect("room for a call");
    exchange(now, ends);
    ends[0].hang_up(now, leg, 0, None).expect("an answered leg");
    exchange(now, ends);
}

fn bench(c: &mut Criterion) {
    let end = |n: usize| Endpoint::new(Config::new(flow(n).remote), [n as u8; 32]);
    let mut ends = [end(0), end(1)];
    let mut now = Duration::ZERO;
    c.bench_function("call, both ends", |b| {
        b.iter(|| {
            now += Duration::from_millis(1);
            call(now, &mut ends);
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
