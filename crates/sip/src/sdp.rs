//! One audio stream described (RFC 8866) and negotiated (RFC 3264).

use std::net::SocketAddr;

use sipx_sdp::{Attribute, MediaDescription, SessionDescription};

use crate::Error;

/// Which way audio flows, seen from who wrote the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The writer only sends: the usual way to hold.
    SendOnly,
    /// The writer only listens.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The direction of a plain answer: a mirror, not a copy.
    pub fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            both => both,
        }
    }

    /// Whether the writer of this direction sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    fn core(self) -> sipx_sdp::Direction {
        use sipx_sdp::Direction as Core;
        match self {
            Self::SendRecv => Core::SendRecv,
            Self::SendOnly => Core::SendOnly,
            Self::RecvOnly => Core::RecvOnly,
            Self::Inactive => Core::Inactive,
        }
    }

    fn from_core(core: sipx_sdp::Direction) -> Self {
        use sipx_sdp::Direction as Core;
        match core {
            Core::SendRecv => Self::SendRecv,
            Core::SendOnly => Self::SendOnly,
            Core::RecvOnly => Self::RecvOnly,
            Core::Inactive => Self::Inactive,
        }
    }
}

/// One payload format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// RTP payload type, 0 to 127.
    pub payload: u8,
    /// Encoding name, upper case, such as `PCMA`.
    pub name: String,
    /// RTP clock, Hz.
    pub clock: u32,
}

impl Codec {
    /// A codec.
    pub fn new(payload: u8, name: &str, clock: u32) -> Self {
        Self { payload, name: name.to_ascii_uppercase(), clock }
    }

    /// G.711 A-law, the static payload type 8.
    pub fn pcma() -> Self {
        Self::new(8, "PCMA", 8000)
    }

    /// G.711 µ-law, the static payload type 0.
    pub fn pcmu() -> Self {
        Self::new(0, "PCMU", 8000)
    }

    /// DTMF by RFC 4733 on the payload type most peers use.
    pub fn telephone_event() -> Self {
        Self::new(101, "TELEPHONE-EVENT", 8000)
    }

    fn same_format(&self, other: &Self) -> bool {
        self.name == other.name && self.clock == other.clock
    }

    fn is_event(&self) -> bool {
        self.name == "TELEPHONE-EVENT"
    }
}

/// The audio stream of a session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Where the writer wants RTP.
    pub address: SocketAddr,
    /// Formats, the preferred first; never none (RFC 8866 §5.14).
    pub codecs: Vec<Codec>,
    /// Which way audio flows.
    pub direction: Direction,
}

/// Whether the writer speaks WebRTC: SRTP by DTLS over ICE (RFC 8827).
pub fn is_webrtc(sdp: &[u8]) -> bool {
    let lines = || sdp.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let has = |beginning: &[u8]| lines().any(|line| line.starts_with(beginning));
    let secure = |line: &[u8]| line.split(|byte| *byte == b' ').any(|word| word == b"UDP/TLS/RTP/SAVPF");
    let audio = lines().any(|line| line.starts_with(b"m=audio ") && secure(line));
    audio && has(b"a=ice-ufrag:") && has(b"a=fingerprint:")
}

impl Audio {
    /// Reads the first audio stream that is not refused. A connection address
    /// of 0.0.0.0 is the old way to hold (RFC 2543).
    ///
    /// # Errors
    /// [`Error::Malformed`] when there is no such stream, or none of its formats
    /// says what it is: there is nothing to answer then.
    pub fn parse(sdp: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(sdp).map_err(|_| Error::Malformed("sdp"))?;
        let session = sipx_sdp::parse(text).map_err(|_| Error::Malformed("sdp"))?;
        let is_audio = |m: &&MediaDescription| m.media == "audio" && !m.is_rejected();
        let media = session.media.iter().find(is_audio).ok_or(Error::Malformed("sdp: no audio"))?;
        let ip = session.address_for(media).ok_or(Error::Malformed("sdp: no address"))?;
        let declared = media.declared_direction().unwrap_or_else(|| session.direction());
        let held = ip.is_unspecified();
        let codecs: Vec<Codec> = media.formats.iter().filter_map(|f| codec(media, f)).collect();
        if codecs.is_empty() {
            return Err(Error::Malformed("sdp: no format that is known"));
        }
        Ok(Self {
            address: SocketAddr::new(ip, media.port),
            codecs,
            direction: if held { Direction::Inactive } else { Direction::from_core(declared) },
        })
    }

    /// Writes a description with this stream. `id` names the session and stays,
    /// `version` rises with every change.
    pub fn write(&self, id: u64, version: u64) -> String {
        let mut session = SessionDescription::new(self.address.ip(), id, version);
        let formats = self.codecs.iter().map(|c| c.payload.to_string()).collect();
        let mut media = MediaDescription::audio(self.address.port(), formats);
        for codec in &self.codecs {
            let name = if codec.is_event() { "telephone-event" } else { &codec.name };
            let map = format!("{} {name}/{}", codec.payload, codec.clock);
            media.attributes.push(Attribute::valued("rtpmap", map));
            if codec.is_event() {
                media.attributes.push(Attribute::valued("fmtp", format!("{} 0-16", codec.payload)));
            }
        }
        media.attributes.push(Attribute::valued("ptime", "20"));
        media.set_direction(self.direction.core());
        session.media.push(media);
        session.to_string_sdp()
    }

    /// The answer to an offer, from what we can do and in the offerer's payload
    /// numbers; `None` when no audio codec is common (488).
    pub fn answer(&self, offer: &Self) -> Option<Self> {
        let common: Vec<Codec> =
            offer.codecs.iter().filter(|o| self.codecs.iter().any(|c| c.same_format(o))).cloned().collect();
        let direction = offer.direction.mirrored();
        let speech = common.iter().any(|c| !c.is_event());
        speech.then_some(Self { address: self.address, codecs: common, direction })
    }

    /// The codec both sides agreed on: the first that carries speech.
    pub fn codec(&self) -> Option<&Codec> {
        self.codecs.iter().find(|c| !c.is_event())
    }

    /// The payload type of RFC 4733 digits, if agreed on.
    pub fn event_payload(&self) -> Option<u8> {
        self.codecs.iter().find(|c| c.is_event()).map(|c| c.payload)
    }
}

fn codec(media: &MediaDescription, format: &str) -> Option<Codec> {
    let payload: u8 = format.parse().ok().filter(|p| *p < 128)?;
    let Some(map) = media.rtpmap(format) else { return fixed(payload) };
    let mut parts = map.split('/');
    let name = parts.next()?.trim();
    let clock = parts.next()?.trim().parse().ok()?;
    Some(Codec::new(payload, name, clock))
}

/// The static payload types of RFC 3551 that need no rtpmap.
fn fixed(payload: u8) -> Option<Codec> {
    let name = match payload {
        0 => "PCMU",
        3 => "GSM",
        8 => "PCMA",
        9 => "G722",
        18 => "G729",
        _ => return None,
    };
    Some(Codec::new(payload, name, 8000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_by_its_offer() {
        let head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
        let plain = format!("{head}m=audio 9 RTP/AVP 8\r\n");
        let secure = "a=ice-ufrag:x\r\na=ice-pwd:y\r\na=fingerprint:sha-256 00\r\n";
        let browser = format!("{head}m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n{secure}");
        assert!(is_webrtc(browser.as_bytes()) && !is_webrtc(plain.as_bytes()));
        let without_ice = browser.replace("a=ice-ufrag:x\r\n", "");
        assert!(!is_webrtc(without_ice.as_bytes()), "nobody could be reached without ICE");
    }
    use proptest::prelude::*;

    fn ours() -> Audio {
        Audio {
            address: "192.0.2.1:4000".parse().unwrap(),
            codecs: vec![Codec::pcma(), Codec::pcmu(), Codec::telephone_event()],
            direction: Direction::SendRecv,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let written = ours().write(7, 1);
        assert!(written.contains("a=rtpmap:101 telephone-event/8000"));
        assert_eq!(Audio::parse(written.as_bytes()).unwrap(), ours());
    }

    #[test]
    fn an_answer_keeps_the_offerers_order_and_numbers() {
        let offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
            m=audio 9000 RTP/AVP 18 0 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=sendonly\r\n";
        let offer = Audio::parse(offer.as_bytes()).unwrap();
        let answer = ours().answer(&offer).unwrap();
        assert_eq!(answer.codec().unwrap().name, "PCMU");
        assert_eq!(answer.event_payload(), Some(97));
        assert_eq!(answer.direction, Direction::RecvOnly);
    }

    #[test]
    fn without_a_common_codec_there_is_no_answer() {
        let offer = Audio { codecs: vec![Codec::new(18, "G729", 8000), Codec::telephone_event()], ..ours() };
        assert_eq!(ours().answer(&offer), None);
    }

    #[test]
    fn a_stream_whose_formats_nobody_knows_is_none() {
        let unknown = ours().write(7, 1).replace("RTP/AVP 8 0 101", "RTP/AVP 77 78");
        assert_eq!(Audio::parse(unknown.as_bytes()), Err(Error::Malformed("sdp: no format that is known")));
    }

    #[test]
    fn the_old_way_to_hold_is_understood() {
        let held = ours().write(1, 1).replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0");
        assert_eq!(Audio::parse(held.as_bytes()).unwrap().direction, Direction::Inactive);
    }

    proptest! {
        #[test]
        fn damaged_descriptions_are_errors_and_never_panics(at in 0usize..200, byte in any::<u8>()) {
            let mut bytes = ours().write(7, 1).into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Audio::parse(&bytes);
        }
    }
}
