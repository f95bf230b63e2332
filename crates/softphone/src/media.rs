//! The RTP socket of one call.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rtp::{FRAME, FRAME_MS, Law, Packet, Sender, dtmf, packet::is_rtcp};
use sip::sdp::Audio;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::ear::Ear;
use crate::mouth::{Mouth, Sound, Utterance};

/// A socket, a mouth and an ear. Dropping it closes the socket.
/// Samples that nothing came for and that count as heard silence: who rests sends
/// few packets. A longer gap is another stream.
const GAP_MAX: i32 = 10 * rtp::RATE as i32;

#[derive(Debug)]
pub(crate) struct Media {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) mouth: Mouth,
    pub(crate) ear: Ear,
    /// Keys received as telephone-events.
    pub(crate) keys: String,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    remote: Option<SocketAddr>,
    sends: bool,
    law: Law,
    event_payload: Option<u8>,
    sender: Sender,
    key_timestamp: u32,
    /// The RTP time behind what was heard last.
    heard_to: Option<u32>,
    presses: dtmf::Receiver,
}

impl Media {
    pub(crate) fn open(ip: IpAddr, sound: Sound) -> std::io::Result<Self> {
        let socket = std::net::UdpSocket::bind(SocketAddr::new(ip, 0))?;
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let state = Arc::new(Mutex::new(State::new(sound)));
        let speaking = tokio::spawn(speak(socket.clone(), state.clone()));
        let listening = tokio::spawn(listen(socket.clone(), state.clone()));
        Ok(Self { address: socket.local_addr()?, state, tasks: [speaking, listening] })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins, moves or pauses sending, as the peer's description asks.
    pub(crate) fn connect(&self, theirs: &Audio, sends: bool) {
        let mut state = self.state();
        state.remote = Some(theirs.address);
        state.sends = sends;
        state.event_payload = theirs.event_payload();
        state.law = match theirs.codec().map(|c| c.name.as_str()) {
            Some("PCMU") => Law::Mu,
            _ => Law::A,
        };
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl State {
    fn new(sound: Sound) -> Self {
        let seed = clock::seed();
        let word = |at: usize| u32::from_be_bytes([seed[at], seed[at + 1], seed[at + 2], seed[at + 3]]);
        Self {
            mouth: Mouth::new(sound),
            ear: Ear::default(),
            keys: String::new(),
            received: 0,
            sent: 0,
            remote: None,
            sends: false,
            law: Law::A,
            event_payload: None,
            sender: Sender::new(word(0), word(4) as u16, word(8)),
            key_timestamp: 0,
            heard_to: None,
            presses: dtmf::Receiver::default(),
        }
    }

    /// The packet of this 20 ms step and where it goes.
    fn step(&mut self) -> Option<(Vec<u8>, SocketAddr)> {
        let remote = self.remote.filter(|r| self.sends && r.port() != 0)?;
        let mut packet = Vec::with_capacity(200);
        match self.mouth.next() {
            Utterance::Nothing => {}
            Utterance::Audio(frame) => {
                let mut payload = Vec::with_capacity(FRAME);
                self.law.encode_into(&frame[..], &mut payload);
                self.sender.write(false, self.law.payload_type(), &payload, &mut packet);
            }
            Utterance::Event { event, first, .. } => {
                if first {
                    self.key_timestamp = self.sender.timestamp();
                }
                let payload_type = self.event_payload.unwrap_or(101);
                let at = self.key_timestamp;
                self.sender.write_at(at, first, payload_type, &event.to_bytes(), &mut packet);
            }
        }
        self.sender.advance(FRAME as u32);
        if packet.is_empty() {
            return None;
        }
        self.sent += 1;
        Some((packet, remote))
    }

    fn receive(&mut self, datagram: &[u8]) {
        if is_rtcp(datagram) {
            return;
        }
        let Ok(packet) = Packet::parse(datagram) else { return };
        self.received += 1;
        let law = match packet.payload_type {
            0 => Law::Mu,
            8 => Law::A,
            _ => return self.receive_key(&packet),
        };
        let mut samples = Vec::with_capacity(FRAME);
        law.decode_into(packet.payload, &mut samples);
        let begins = packet.timestamp;
        let ahead = self.heard_to.map_or(0, |to| begins.wrapping_sub(to) as i32);
        if (1..=GAP_MAX).contains(&ahead) {
            self.ear.hear(&vec![0; ahead as usize]);
        }
        // A late packet does not turn the time back.
        if !(-GAP_MAX..0).contains(&ahead) {
            self.heard_to = Some(begins.wrapping_add(samples.len() as u32));
        }
        self.ear.hear(&samples);
    }

    fn receive_key(&mut self, packet: &Packet<'_>) {
        let Ok(event) = dtmf::Event::parse(packet.payload) else { return };
        self.keys.extend(self.presses.receive(packet.ssrc, packet.timestamp, event));
    }
}

async fn speak(socket: Arc<UdpSocket>, state: Arc<Mutex<State>>) {
    let mut tick = tokio::time::interval(Duration::from_millis(FRAME_MS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tick.tick().await;
        let step = state.lock().unwrap_or_else(PoisonError::into_inner).step();
        if let Some((packet, remote)) = step {
            let _ = socket.send_to(&packet, remote).await;
        }
    }
}

async fn listen(socket: Arc<UdpSocket>, state: Arc<Mutex<State>>) {
    let mut buffer = vec![0; 2048];
    loop {
        if let Ok((length, _)) = socket.recv_from(&mut buffer).await {
            state.lock().unwrap_or_else(PoisonError::into_inner).receive(&buffer[..length]);
        }
    }
}
