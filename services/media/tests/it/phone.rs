//! A plain RTP phone: says a tone, keeps what it hears.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rtp::{Law, Packet, Sender, goertzel::tone_level, tone::Sine};
use tokio::{net::UdpSocket, time::Instant};

use crate::bench::PATIENCE;

const EVENT: u8 = 96;
const COMFORT_NOISE: u8 = 13;
/// A tone louder than this is heard, one below a tenth of it is not.
pub const AUDIBLE: f64 = 0.15;
/// Samples that a judgement takes: 100 ms.
const STRETCH: usize = 800;

/// What a party heard, newest last.
#[derive(Clone, Default)]
pub struct Ear(pub Arc<Mutex<Vec<i16>>>);

impl Ear {
    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Frames of 20 ms in which there was something to hear.
    pub fn audible_frames(&self) -> usize {
        self.0.lock().unwrap().chunks(160).filter(|frame| frame.iter().any(|s| s.abs() > 100)).count()
    }

    /// Waits until the newest stretch satisfies `judge`.
    async fn until(&self, what: &str, judge: impl Fn(&[i16]) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            {
                let heard = self.0.lock().unwrap();
                if heard.len() >= STRETCH && judge(&heard[heard.len() - STRETCH..]) {
                    return;
                }
            }
            assert!(Instant::now() < deadline, "never {what}; heard {} samples", self.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Packets come, and nothing is in them.
    pub async fn hears_silence(&self) {
        self.until("heard silence", |s| s.iter().all(|s| s.abs() < 100)).await;
    }

    /// Something newer than the first `samples`.
    pub async fn hears_more(&self, samples: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.len() < samples + STRETCH {
            assert!(Instant::now() < deadline, "heard nothing more");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn hears(&self, hz: f64) {
        self.until(&format!("heard {hz} Hz"), |s| tone_level(s, hz) > AUDIBLE).await;
    }

    /// All of these and none of those, in one stretch.
    pub async fn hears_only(&self, hz: &[f64], not: &[f64]) {
        let judge = |s: &[i16]| {
            hz.iter().all(|hz| tone_level(s, *hz) > AUDIBLE)
                && not.iter().all(|hz| tone_level(s, *hz) < AUDIBLE / 10.0)
        };
        self.until(&format!("heard {hz:?} without {not:?}"), judge).await;
    }
}

pub struct Phone {
    pub socket: Arc<UdpSocket>,
    pub address: SocketAddr,
    pub law: Law,
    pub ear: Ear,
    /// Payload types, sequence numbers and timestamps that came.
    pub packets: Arc<Mutex<Vec<(u8, u16, u32)>>>,
    /// RTCP that came.
    pub reports: Arc<Mutex<Vec<rtp::rtcp::Report>>>,
    /// Keys heard as telephone-events.
    pub keys: Arc<Mutex<(String, rtp::dtmf::Receiver)>>,
    to: Arc<Mutex<Option<SocketAddr>>>,
    sender: Arc<Mutex<Sender>>,
    pub speaking: Arc<AtomicBool>,
    /// Sends comfort noise in place of speech.
    pub rests: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Phone {
    /// A phone that says `hz` for ever once it knows where.
    pub async fn new(law: Law, hz: f64) -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = socket.local_addr().unwrap();
        let mut phone = Self {
            address,
            law,
            ear: Ear::default(),
            packets: Arc::default(),
            reports: Arc::default(),
            keys: Arc::default(),
            to: Arc::default(),
            sender: Arc::new(Mutex::new(Sender::new(u32::from(address.port()), 65_500, u32::MAX - 2_000))),
            speaking: Arc::new(AtomicBool::new(true)),
            rests: Arc::default(),
            socket,
            tasks: Vec::new(),
        };
        phone.tasks = vec![tokio::spawn(phone.listen()), tokio::spawn(phone.speak(hz))];
        phone
    }

    fn listen(&self) -> impl Future<Output = ()> + use<> {
        let (socket, ear, packets) = (self.socket.clone(), self.ear.clone(), self.packets.clone());
        let (keys, reports) = (self.keys.clone(), self.reports.clone());
        async move {
            let mut datagram = [0; 2048];
            while let Ok((length, _)) = socket.recv_from(&mut datagram).await {
                if rtp::packet::is_rtcp(&datagram[..length]) {
                    let came = rtp::rtcp::Report::parse(&datagram[..length]).unwrap();
                    reports.lock().unwrap().extend(came);
                    continue;
                }
                let packet = Packet::parse(&datagram[..length]).unwrap();
                packets.lock().unwrap().push((packet.payload_type, packet.sequence, packet.timestamp));
                if packet.payload_type == EVENT {
                    let event = rtp::dtmf::Event::parse(packet.payload).unwrap();
                    let (text, receiver) = &mut *keys.lock().unwrap();
                    text.extend(receiver.receive(packet.ssrc, packet.timestamp, event));
                }
                let law = [Law::A, Law::Mu].into_iter().find(|l| l.payload_type() == packet.payload_type);
                law.into_iter().for_each(|law| law.decode_into(packet.payload, &mut ear.0.lock().unwrap()));
            }
        }
    }

    fn speak(&self, hz: f64) -> impl Future<Output = ()> + use<> {
        let (socket, to, sender) = (self.socket.clone(), self.to.clone(), self.sender.clone());
        let (law, speaking, rests) = (self.law, self.speaking.clone(), self.rests.clone());
        async move {
            let mut sine = Sine::new(hz, 0.4);
            let mut every = tokio::time::interval(Duration::from_millis(20));
            loop {
                every.tick().await;
                let Some(to) = *to.lock().unwrap() else { continue };
                let mut payload = Vec::new();
                law.encode_into(&sine.take(160), &mut payload);
                let mut datagram = Vec::new();
                {
                    let mut sender = sender.lock().unwrap();
                    if rests.load(Ordering::Relaxed) {
                        sender.write(false, COMFORT_NOISE, &[60], &mut datagram);
                    } else if speaking.load(Ordering::Relaxed) {
                        sender.write(false, law.payload_type(), &payload, &mut datagram);
                    }
                    sender.advance(160);
                }
                if !datagram.is_empty() {
                    let _ = socket.try_send_to(&datagram, to);
                }
            }
        }
    }

    /// The phone's SDP, with an attribute such as `sendonly`.
    pub fn sdp(&self, direction: &str) -> String {
        let (port, law) = (self.address.port(), self.law.payload_type());
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {law} {EVENT}\r\na=rtpmap:{EVENT} telephone-event/8000\r\na={direction}\r\n"
        )
    }

    /// Says to send where `sdp` says.
    pub fn send_to(&self, sdp: &str) {
        *self.to.lock().unwrap() = Some(rtp_address(sdp));
    }

    /// The next report that satisfies `wanted`.
    pub async fn report(&self, wanted: impl Fn(&rtp::rtcp::Report) -> bool) -> rtp::rtcp::Report {
        let looking = async {
            loop {
                if let Some(found) = self.reports.lock().unwrap().iter().find(|report| wanted(report)) {
                    return found.clone();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("a report")
    }

    /// The SSRC of the phone's own stream.
    pub fn ssrc(&self) -> u32 {
        u32::from(self.address.port())
    }

    /// So many packets are lost on the way.
    pub fn loses(&self, packets: u16) {
        let mut sender = self.sender.lock().unwrap();
        (0..packets).for_each(|_| sender.write(false, self.law.payload_type(), &[], &mut Vec::new()));
    }

    /// Where the phone sends.
    pub fn target(&self) -> SocketAddr {
        self.to.lock().unwrap().expect("the phone knows where to send")
    }

    /// Presses a key by telephone-events.
    pub async fn press(&self, key: char) {
        let to = self.to.lock().unwrap().expect("the phone knows where to send");
        let timestamp = self.sender.lock().unwrap().timestamp();
        for (n, event) in rtp::dtmf::press(key, 100).enumerate() {
            let mut datagram = Vec::new();
            self.sender.lock().unwrap().write_at(timestamp, n == 0, EVENT, &event.to_bytes(), &mut datagram);
            self.socket.send_to(&datagram, to).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Where an SDP wants its audio.
pub fn rtp_address(sdp: &str) -> SocketAddr {
    let line = |start: &str| sdp.lines().find_map(|l| l.strip_prefix(start)).unwrap().to_owned();
    let port = line("m=audio ").split(' ').next().unwrap().parse().unwrap();
    SocketAddr::new(line("c=IN IP4 ").parse().unwrap(), port)
}
