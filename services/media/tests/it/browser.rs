//! A browser's end of WebRTC, made of str0m: full ICE, DTLS, SRTP, G.711.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rtp::{Law, tone::Sine};
use str0m::{
    Candidate, Event, Input, Output, Rtc, RtcConfig,
    change::{SdpAnswer, SdpPendingOffer},
    media::{Direction, MediaKind, Mid},
    net::{Protocol, Receive},
    rtp::RtpWrite,
};

use crate::phone::Ear;

pub struct Browser {
    pub ear: Ear,
    pub connected: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    parts: Option<Parts>,
    pub offer: String,
}

struct Parts {
    rtc: Rtc,
    socket: std::net::UdpSocket,
    local: SocketAddr,
    mid: Mid,
    pending: SdpPendingOffer,
}

#[expect(clippy::disallowed_methods, reason = "the browser runs in real time")]
fn now() -> Instant {
    Instant::now()
}

impl Browser {
    /// A browser that has made its offer.
    pub fn new(law: Law) -> Self {
        str0m::crypto::from_feature_flags().install_process_default();
        let mut config = RtcConfig::new().clear_codecs().set_rtp_mode(true);
        config.codec_config().enable_pcma(law == Law::A, false);
        config.codec_config().enable_pcmu(law == Law::Mu, false);
        let mut rtc = config.build(now());
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = socket.local_addr().unwrap();
        rtc.add_local_candidate(Candidate::host(local, "udp").unwrap());
        let mut api = rtc.sdp_api();
        let mid = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let (offer, pending) = api.apply().unwrap();
        let offer = offer.to_sdp_string();
        let parts = Some(Parts { rtc, socket, local, mid, pending });
        Self {
            ear: Ear::default(),
            connected: Arc::default(),
            stop: Arc::default(),
            thread: None,
            parts,
            offer,
        }
    }

    /// Takes the answer and says `hz` from then on.
    pub fn accept(&mut self, answer: &str, law: Law, hz: f64) {
        let mut parts = self.parts.take().unwrap();
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        let pending = parts.pending;
        parts.rtc.sdp_api().accept_answer(pending, answer).unwrap();
        let (rtc, socket, local, mid) = (parts.rtc, parts.socket, parts.local, parts.mid);
        let (ear, connected, stop) = (self.ear.clone(), self.connected.clone(), self.stop.clone());
        self.thread = Some(std::thread::spawn(move || {
            Talk { rtc, socket, local, mid, ear, connected, law, sine: Sine::new(hz, 0.4), sent: 0 }
                .run(&stop);
        }));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(|t| t.join());
    }
}

struct Talk {
    rtc: Rtc,
    socket: std::net::UdpSocket,
    local: SocketAddr,
    mid: Mid,
    ear: Ear,
    connected: Arc<AtomicBool>,
    law: Law,
    sine: Sine,
    sent: u64,
}

impl Talk {
    fn run(mut self, stop: &AtomicBool) {
        let mut next = now();
        while !stop.load(Ordering::Relaxed) {
            let due = self.drive().min(next);
            self.wait(due);
            if now() >= next && self.connected.load(Ordering::Relaxed) {
                self.say();
                next += Duration::from_millis(20);
            } else if now() >= next {
                next = now() + Duration::from_millis(20);
            }
        }
    }

    fn drive(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(due) => return due,
                Output::Transmit(out) => {
                    let _ = self.socket.send_to(&out.contents, out.destination);
                }
                Output::Event(Event::Connected) => self.connected.store(true, Ordering::Relaxed),
                Output::Event(Event::RtpPacket(packet)) => {
                    let law = if *packet.header.payload_type == 8 { Law::A } else { Law::Mu };
                    law.decode_into(&packet.payload, &mut self.ear.0.lock().unwrap());
                }
                Output::Event(_) => {}
            }
        }
    }

    fn wait(&mut self, due: Instant) {
        let patience = due.saturating_duration_since(now()).max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut datagram = [0; 2048];
        if let Ok((length, source)) = self.socket.recv_from(&mut datagram) {
            let receive = Receive::new(Protocol::Udp, source, self.local, &datagram[..length]).unwrap();
            self.rtc.handle_input(Input::Receive(now(), receive)).unwrap();
            self.drive();
        }
        self.rtc.handle_input(Input::Timeout(now())).unwrap();
    }

    fn say(&mut self) {
        let mut payload = Vec::new();
        self.law.encode_into(&self.sine.take(160), &mut payload);
        self.drive();
        let (pt, seq, time) = (self.law.payload_type(), 100 + self.sent, self.sent as u32 * 160);
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(self.mid, None).unwrap();
        stream.write_rtp(RtpWrite::new(pt.into(), seq.into(), time, now(), payload));
        self.sent += 1;
    }
}
