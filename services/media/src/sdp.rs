//! Offer and answer of a plain RTP leg (RFC 3264): one audio stream of PCMA or
//! PCMU with telephone-events (RFC 4733).

use std::net::{IpAddr, SocketAddr};

use rtp::Law;
use sipx_sdp::{Attribute, Direction, MediaDescription, SessionDescription};

use crate::error::{Error, Result};

/// The payload type that we offer for telephone-events.
const EVENT_OFFERED: u8 = 101;
/// SDP larger than this is refused unread, in bytes.
const SDP_MAX: usize = 16 * 1024;

/// Our side of a leg.
#[derive(Debug, Clone, Copy)]
pub struct Local {
    pub address: SocketAddr,
    /// Stays the same for the life of the leg.
    pub session_id: u64,
    /// Grows with every description that we send.
    pub version: u64,
}

/// What was agreed with the party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Where it wants its media; `None` for hold by address or port 0.
    pub address: Option<SocketAddr>,
    /// Its own view: `SendOnly` means that it does not listen.
    pub direction: Direction,
    /// What we send.
    pub law: Law,
    /// Payload types that it may send, the first being ours too.
    pub payloads: Vec<(u8, Law)>,
    /// Payload type of telephone-events, if agreed.
    pub event: Option<u8>,
    /// RTP and RTCP share the port (RFC 5761).
    pub rtcp_mux: bool,
}

impl Remote {
    /// Whether it listens.
    pub fn listens(&self) -> bool {
        self.address.is_some() && self.direction.receives()
    }

    /// Whether it is there to talk: who holds, or only listens, may send nothing.
    pub fn talks(&self) -> bool {
        self.direction == Direction::SendRecv
    }

    fn payload_type(&self) -> u8 {
        self.payloads.first().map_or(self.law.payload_type(), |p| p.0)
    }
}

/// Answers an offer: the first audio stream that we can serve is taken, all others
/// are refused with port 0. `prefer` wins over the offer's order.
///
/// # Errors
/// [`Error::BadSdp`] when it is not SDP, [`Error::NoCommonCodec`] when no stream fits.
pub fn answer(offer: &str, local: Local, prefer: Option<Law>) -> Result<(Remote, String)> {
    let offer = parse(offer)?;
    let index = offer.media.iter().position(|m| usable(m).is_some()).ok_or(Error::NoCommonCodec)?;
    let remote = remote(&offer, &offer.media[index], prefer).ok_or(Error::NoCommonCodec)?;
    let mut answer = description(local);
    answer.timing.clone_from(&offer.timing);
    let ours = |(n, media): (usize, &MediaDescription)| {
        if n == index { stream(local, &remote, media) } else { refused(media) }
    };
    answer.media = offer.media.iter().enumerate().map(ours).collect();
    Ok((remote, answer.to_string_sdp()))
}

/// An offer of both laws, `prefer` first.
pub fn offer(local: Local, prefer: Option<Law>) -> String {
    let laws = match prefer {
        Some(Law::Mu) => [Law::Mu, Law::A],
        _ => [Law::A, Law::Mu],
    };
    let formats = laws.iter().map(|law| law.payload_type().to_string());
    let formats = formats.chain([EVENT_OFFERED.to_string()]).collect();
    let mut media = MediaDescription::audio(local.address.port(), formats);
    laws.iter().for_each(|law| media.attributes.push(rtpmap(law.payload_type(), law.name())));
    media.attributes.extend(event_attributes(EVENT_OFFERED));
    media.attributes.push(Attribute::valued("ptime", "20"));
    media.attributes.push(Attribute::flag("rtcp-mux"));
    media.set_direction(Direction::SendRecv);
    let mut offer = description(local);
    offer.media.push(media);
    offer.to_string_sdp()
}

/// Reads the answer to our own offer.
///
/// # Errors
/// As [`answer`].
pub fn accept(answer: &str) -> Result<Remote> {
    let answer = parse(answer)?;
    let media = answer.media.first().ok_or_else(|| Error::BadSdp("no media".into()))?;
    remote(&answer, media, None).ok_or(Error::NoCommonCodec)
}

fn parse(text: &str) -> Result<SessionDescription> {
    if text.len() > SDP_MAX {
        return Err(Error::BadSdp("too long".into()));
    }
    sipx_sdp::parse(text).map_err(|error| Error::BadSdp(error.to_string()))
}

fn description(local: Local) -> SessionDescription {
    SessionDescription::new(local.address.ip(), local.session_id, local.version)
}

/// The payloads of a stream that we can serve.
fn usable(media: &MediaDescription) -> Option<Vec<(u8, Law)>> {
    let plain = matches!(media.protocol.as_str(), "RTP/AVP" | "RTP/AVPF");
    if media.media != "audio" || media.is_rejected() || !plain {
        return None;
    }
    let laws: Vec<_> =
        media.formats.iter().filter_map(|f| Some((f.parse().ok()?, law_of(media, f)?))).collect();
    (!laws.is_empty()).then_some(laws)
}

/// The law of a format, by its rtpmap or by the static assignment.
fn law_of(media: &MediaDescription, format: &str) -> Option<Law> {
    let Some(map) = media.rtpmap(format) else {
        return match format {
            "0" => Some(Law::Mu),
            "8" => Some(Law::A),
            _ => None,
        };
    };
    let is = |law: Law| sipx_sdp::rtpmap::same_format(map, &format!("{}/8000", law.name()));
    [Law::A, Law::Mu].into_iter().find(|law| is(*law))
}

fn event_of(media: &MediaDescription) -> Option<u8> {
    let is_event = |f: &&String| {
        media.rtpmap(f).is_some_and(|map| sipx_sdp::rtpmap::same_format(map, "telephone-event/8000"))
    };
    media.formats.iter().find(is_event)?.parse().ok()
}

fn remote(description: &SessionDescription, media: &MediaDescription, prefer: Option<Law>) -> Option<Remote> {
    let mut payloads = usable(media)?;
    if let Some(at) = prefer.and_then(|law| payloads.iter().position(|p| p.1 == law)) {
        payloads.swap(0, at);
    }
    let ip = description.address_for(media).filter(|ip| !ip.is_unspecified());
    Some(Remote {
        address: ip.map(|ip: IpAddr| SocketAddr::new(ip, media.port)),
        direction: media.declared_direction().unwrap_or_else(|| description.direction()),
        law: payloads[0].1,
        payloads,
        event: event_of(media),
        rtcp_mux: media.attribute("rtcp-mux").is_some(),
    })
}

/// Our half of the stream that was taken.
fn stream(local: Local, remote: &Remote, offered: &MediaDescription) -> MediaDescription {
    let payload_type = remote.payload_type();
    let formats = [Some(payload_type), remote.event].into_iter().flatten().map(|f| f.to_string());
    let mut media = MediaDescription::audio(local.address.port(), formats.collect());
    media.protocol.clone_from(&offered.protocol);
    media.attributes.push(rtpmap(payload_type, remote.law.name()));
    remote.event.into_iter().for_each(|event| media.attributes.extend(event_attributes(event)));
    media.attributes.push(Attribute::valued("ptime", "20"));
    if remote.rtcp_mux {
        media.attributes.push(Attribute::flag("rtcp-mux"));
    }
    media.set_direction(remote.direction.mirrored());
    media
}

fn refused(offered: &MediaDescription) -> MediaDescription {
    let mut media = MediaDescription::audio(0, offered.formats.clone());
    media.media.clone_from(&offered.media);
    media.protocol.clone_from(&offered.protocol);
    media
}

fn rtpmap(payload_type: u8, name: &str) -> Attribute {
    Attribute::valued("rtpmap", format!("{payload_type} {name}/8000"))
}

fn event_attributes(payload_type: u8) -> [Attribute; 2] {
    let map = rtpmap(payload_type, "telephone-event");
    [map, Attribute::valued("fmtp", format!("{payload_type} 0-16"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Local = Local {
        address: SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9)), 20_000),
        session_id: 1,
        version: 1,
    };

    fn offered(media: &str) -> String {
        format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{media}")
    }

    const USUAL: &str =
        "m=audio 4000 RTP/AVP 18 0 8 96\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n";

    #[test]
    fn the_first_law_offered_is_taken_with_the_offers_payload_types() {
        let (remote, answer) = answer(&offered(USUAL), LOCAL, None).unwrap();
        assert_eq!((remote.law, remote.event), (Law::Mu, Some(96)));
        assert_eq!(remote.address.unwrap().to_string(), "192.0.2.1:4000");
        assert!(answer.contains("m=audio 20000 RTP/AVP 0 96\r\n"), "{answer}");
        assert!(answer.contains("a=sendrecv"), "{answer}");
    }

    #[test]
    fn the_law_of_the_other_leg_is_preferred() {
        let (remote, answer) = answer(&offered(USUAL), LOCAL, Some(Law::A)).unwrap();
        assert_eq!(remote.law, Law::A);
        assert!(answer.contains("RTP/AVP 8 96"), "{answer}");
    }

    #[test]
    fn a_law_on_a_dynamic_payload_type_is_understood() {
        let media = "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 pcma/8000\r\n";
        let (remote, _) = answer(&offered(media), LOCAL, None).unwrap();
        assert_eq!(remote.payloads, [(97, Law::A)]);
    }

    #[test]
    fn further_streams_are_refused_in_their_place() {
        let media = format!("m=video 5000 RTP/AVP 99\r\n{USUAL}m=audio 6000 RTP/AVP 0\r\n");
        let (_, answer) = answer(&offered(&media), LOCAL, None).unwrap();
        let lines: Vec<_> = answer.lines().filter(|l| l.starts_with("m=")).collect();
        assert_eq!(lines, ["m=video 0 RTP/AVP 99", "m=audio 20000 RTP/AVP 0 96", "m=audio 0 RTP/AVP 0"]);
    }

    #[test]
    fn without_a_common_codec_there_is_no_answer() {
        for media in [
            "m=audio 4000 RTP/AVP 18\r\n",
            "m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 G726-32/8000\r\n",
            "m=audio 4000 RTP/SAVP 8\r\n",
            "m=audio 0 RTP/AVP 8\r\n",
            "m=video 4000 RTP/AVP 8\r\n",
            "",
        ] {
            assert_eq!(answer(&offered(media), LOCAL, None).unwrap_err(), Error::NoCommonCodec, "{media}");
        }
    }

    #[test]
    fn hold_by_direction_is_mirrored() {
        for (theirs, ours) in [("sendonly", "recvonly"), ("inactive", "inactive"), ("recvonly", "sendonly")] {
            let (remote, answer) = answer(&offered(&format!("{USUAL}a={theirs}\r\n")), LOCAL, None).unwrap();
            assert!(answer.contains(&format!("a={ours}\r\n")), "{answer}");
            assert_eq!(remote.listens(), theirs == "recvonly");
        }
    }

    #[test]
    fn hold_by_session_direction_and_by_address_count_too() {
        let held = offered(USUAL).replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n");
        assert!(!answer(&held, LOCAL, None).unwrap().0.listens());
        let held = offered(USUAL).replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0");
        assert_eq!(answer(&held, LOCAL, None).unwrap().0.address, None);
    }

    #[test]
    fn our_offer_is_one_that_we_would_answer() {
        let text = offer(LOCAL, Some(Law::Mu));
        assert!(text.contains("RTP/AVP 0 8 101"), "{text}");
        let (remote, _) = answer(&text, LOCAL, None).unwrap();
        assert_eq!((remote.law, remote.event), (Law::Mu, Some(101)));
        assert_eq!(accept(&text).unwrap(), remote);
    }

    #[test]
    fn what_is_not_sdp_is_named_so() {
        for text in ["", "hello", "v=0\r\no=x\r\n", &"a=".repeat(20_000)] {
            assert!(
                matches!(answer(text, LOCAL, None), Err(Error::BadSdp(_) | Error::NoCommonCodec)),
                "{text:.20}"
            );
        }
    }
}
