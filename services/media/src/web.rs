//! How a leg is reached by WebRTC: str0m as an ICE-lite peer on the loop's one
//! port, raw RTP inside so that equal codecs are relayed.

use std::{net::SocketAddr, sync::Arc, time::Duration, time::Instant};

use rtp::{Law, outbound::Stamp};
use str0m::{
    Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig,
    change::{SdpAnswer, SdpOffer, SdpPendingOffer},
    format::{Codec, FormatParams},
    media::{Direction, Frequency, MediaKind, Mid, Pt},
    net::{Protocol, Receive},
    rtp::{RtpPacket, RtpWrite},
    stats::RemoteIngressStats,
};

use crate::{
    control::Far,
    error::{Error, Result},
    io::Io,
};

/// How often str0m says what browsers report.
const STATS_EVERY: Duration = Duration::from_secs(5);
/// What browsers call telephone-events.
const EVENT: u8 = 126;

/// The WebRTC side of a leg.
pub struct Web {
    rtc: Rtc,
    mid: Option<Mid>,
    /// Our offer, until it is answered.
    offered: Option<SdpPendingOffer>,
    laws: Vec<(u8, Law)>,
    event: Option<u8>,
    connected: bool,
    due: Instant,
}

/// What came out of a leg while it was driven.
#[derive(Default)]
pub struct Heard {
    pub packets: Vec<RtpPacket>,
    /// DTLS is done: media can flow.
    pub connected: bool,
    /// ICE has given up on the party.
    pub lost: bool,
    /// What the browser reports of our stream, and the round trip.
    pub far: Option<(Option<Far>, Option<Duration>)>,
}

impl Web {
    pub fn new(now: Duration, io: &Io) -> Result<Self> {
        let mut config = RtcConfig::new()
            .clear_codecs()
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .set_stats_interval(Some(STATS_EVERY))
            .set_dtls_cert(io.certificate.clone());
        let codecs = config.codec_config();
        codecs.enable_pcma(true, false);
        codecs.enable_pcmu(true, false);
        let keys = FormatParams::parse_line("0-16");
        codecs.add_config(EVENT.into(), None, Codec::Tele, Frequency::EIGHT_KHZ, None, keys);
        let mut rtc = config.build(io.instant(now));
        let candidate = Candidate::host(io.browser_address, "udp").map_err(internal)?;
        rtc.add_local_candidate(candidate);
        let due = io.instant(now);
        Ok(Self { rtc, mid: None, offered: None, laws: vec![], event: None, connected: false, due })
    }

    /// Our offer of sound both ways, to a browser that is called.
    pub fn offer(&mut self, now: Duration, io: &mut Io) -> Result<String> {
        self.rtc.handle_input(Input::Timeout(io.instant(now))).map_err(internal)?;
        self.drive(io)?;
        let mut changes = self.rtc.sdp_api();
        let mid = changes.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let (offer, pending) = changes.apply().ok_or_else(|| internal("nothing to offer"))?;
        (self.mid, self.offered) = (Some(mid), Some(pending));
        self.drive(io)?;
        Ok(offer.to_sdp_string())
    }

    /// Takes the answer to our offer; what is said again later changes nothing.
    ///
    /// # Errors
    /// [`Error::BadSdp`] or [`Error::NoCommonCodec`].
    pub fn accept(&mut self, now: Duration, answer: &str, io: &mut Io) -> Result<()> {
        let bad = |e: String| Error::BadSdp(e);
        let Some(pending) = self.offered.take() else { return Ok(()) };
        let answer = SdpAnswer::from_sdp_string(answer).map_err(|e| bad(e.to_string()))?;
        self.rtc.handle_input(Input::Timeout(io.instant(now))).map_err(internal)?;
        self.drive(io)?;
        self.rtc.sdp_api().accept_answer(pending, answer).map_err(|e| bad(e.to_string()))?;
        self.drive(io)?;
        self.learn_payloads()
    }

    /// Answers the browser's offer, first or later.
    ///
    /// # Errors
    /// [`Error::BadSdp`] or [`Error::NoCommonCodec`].
    pub fn answer(&mut self, now: Duration, offer: &str, io: &mut Io) -> Result<String> {
        let bad = |e: String| Error::BadSdp(e);
        let offer = SdpOffer::from_sdp_string(offer).map_err(|e| bad(e.to_string()))?;
        self.rtc.handle_input(Input::Timeout(io.instant(now))).map_err(internal)?;
        self.drive(io)?;
        let answer = self.rtc.sdp_api().accept_offer(offer).map_err(|e| bad(e.to_string()))?;
        self.drive(io)?;
        // str0m tells of media only once connected; what to send is settled here.
        let audio =
            |mid: &Mid| self.rtc.media(*mid).is_some_and(|m| m.kind() == MediaKind::Audio && !m.disabled());
        self.mid = answer.media_lines.iter().map(|m| m.mid()).find(audio);
        self.learn_payloads()?;
        Ok(answer.to_sdp_string())
    }

    /// Which payload types the answer agreed on, the browser's order first.
    fn learn_payloads(&mut self) -> Result<()> {
        let agreed = self.mid.and_then(|mid| self.rtc.media(mid)).map(|m| m.remote_pts().to_vec());
        let codec_of = |pt: Pt| self.rtc.codec_config().find(|p| p.pt() == pt).map(|p| p.spec().codec);
        let (mut laws, mut event) = (Vec::new(), None);
        for pt in agreed.unwrap_or_default() {
            match codec_of(pt) {
                Some(Codec::PCMA) => laws.push((*pt, Law::A)),
                Some(Codec::PCMU) => laws.push((*pt, Law::Mu)),
                Some(Codec::Tele) => event = Some(*pt),
                _ => {}
            }
        }
        (self.laws, self.event) = (laws, event);
        if self.laws.is_empty() { Err(Error::NoCommonCodec) } else { Ok(()) }
    }

    pub fn event(&self) -> Option<u8> {
        self.event
    }

    pub fn law_of(&self, payload_type: u8) -> Option<Law> {
        self.laws.iter().find(|l| l.0 == payload_type).map(|l| l.1)
    }

    /// What to send: `wanted` when the browser knows it.
    pub fn law(&self, wanted: Law) -> Law {
        let known = self.laws.iter().any(|l| l.1 == wanted);
        if known { wanted } else { self.laws.first().map_or(wanted, |l| l.1) }
    }

    pub fn payload_type(&self, law: Law) -> Option<u8> {
        self.laws.iter().find(|l| l.1 == law).map(|l| l.0)
    }

    /// Whether a datagram on the shared port is this browser's.
    pub fn accepts(&self, input: &Input<'_>) -> bool {
        self.rtc.accepts(input)
    }

    /// Takes a datagram.
    pub fn receive(&mut self, input: Input<'_>, io: &mut Io) -> Result<Heard> {
        self.rtc.handle_input(input).map_err(internal)?;
        self.drive(io)
    }

    /// Lets time pass, when it is time.
    pub fn tick(&mut self, now: Duration, io: &mut Io) -> Result<Heard> {
        let now = io.instant(now);
        if now < self.due {
            return Ok(Heard::default());
        }
        self.rtc.handle_input(Input::Timeout(now)).map_err(internal)?;
        self.drive(io)
    }

    /// Sends a payload; `false` while the browser is not connected.
    pub fn send(
        &mut self,
        now: Duration,
        stamp: Stamp,
        payload_type: u8,
        payload: &[u8],
        io: &mut Io,
    ) -> bool {
        let (Some(mid), true) = (self.mid, self.connected) else { return false };
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else { return false };
        let payload: Arc<[u8]> = payload.into();
        let at = io.instant(now);
        let write = RtpWrite::new(payload_type.into(), stamp.sequence.into(), stamp.timestamp, at, payload);
        stream.write_rtp(write.marker(stamp.marker));
        let driven = self.rtc.handle_input(Input::Timeout(at)).map_err(internal);
        driven.and_then(|()| self.drive(io)).is_ok()
    }

    /// Sends what wants to be sent and gathers what was heard.
    fn drive(&mut self, io: &mut Io) -> Result<Heard> {
        let mut heard = Heard::default();
        loop {
            match self.rtc.poll_output().map_err(internal)? {
                Output::Timeout(due) => {
                    self.due = due;
                    return Ok(heard);
                }
                Output::Transmit(out) => {
                    let _ = io.browser.send_to(&out.contents, out.destination);
                }
                Output::Event(event) => self.note(event, &mut heard),
            }
        }
    }

    fn note(&mut self, event: Event, heard: &mut Heard) {
        match event {
            Event::Connected => {
                (self.connected, heard.connected) = (true, true);
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                heard.lost = true;
            }
            Event::RtpPacket(packet) => heard.packets.push(packet),
            Event::MediaEgressStats(stats) => {
                let jitter =
                    |units| Duration::from_micros(u64::from(units) * 1_000_000 / u64::from(rtp::RATE));
                let far = |remote: RemoteIngressStats| Far {
                    lost: remote.packets_lost,
                    jitter: jitter(remote.jitter),
                };
                heard.far = Some((stats.remote.map(far), stats.rtt));
            }
            _ => {}
        }
    }

    /// Says goodbye.
    pub fn close(mut self, now: Duration, io: &mut Io) {
        let _ = self.rtc.close();
        let _ = self.drive(io);
        let _ = self.tick(now, io);
    }
}

/// A datagram of the shared port as str0m wants it; `None` when it is nothing of WebRTC.
pub fn input<'a>(at: Instant, from: SocketAddr, to: SocketAddr, datagram: &'a [u8]) -> Option<Input<'a>> {
    let receive = Receive::new(Protocol::Udp, from, to, datagram).ok()?;
    Some(Input::Receive(at, receive))
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}
