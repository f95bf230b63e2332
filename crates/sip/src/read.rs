//! From bytes to a message, or to the refusal that bad bytes deserve.
//!
//! A request that cannot be understood but can be answered gets the status that
//! RFC 3261 §8.2 and §21 name for its fault; what cannot be answered (responses,
//! ACKs, noise) is dropped.

use std::net::SocketAddr;

use bytes::Bytes;
use sipx_sip::headers::{ContactValue, ContentType, Date, RecordRoute, Require, Route, TokenList, Via, via};
use sipx_sip::session::OPTION_TAG;
use sipx_sip::{
    Finding, Header, HeaderName, Headers, Limits, Method, parse_datagram, rel, validate_request,
    validate_response,
};

use crate::message::{Message, Request, Response, phrase};
use crate::{Tokens, Uri};

/// Why a message is not handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing is sent: noise, a bad response, or a bad ACK.
    Drop,
    /// This response goes back to the source.
    Answer {
        /// Its status code.
        code: u16,
        /// The whole response.
        response: Bytes,
    },
}

/// The methods we handle, as an Allow header.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE, REFER, PRACK";

/// Reads one message that arrived from `source`. The topmost Via of a request
/// is given `received` and `rport` (RFC 3261 §18.2.1, RFC 3581).
pub fn read(bytes: Bytes, source: SocketAddr, tokens: &mut Tokens) -> Result<Message, Refusal> {
    let message = match parse_datagram(bytes.clone(), &Limits::stream()) {
        Ok(message) => message,
        Err(_) => return Err(salvage(&bytes, source, tokens)),
    };
    match message {
        sipx_sip::Message::Response(core) => response(core),
        sipx_sip::Message::Request(core) => request(core, &bytes, source, tokens),
    }
}

fn response(core: sipx_sip::Response) -> Result<Message, Refusal> {
    if !validate_response(&core).is_empty() || core.headers.typed_all::<Via>().any(|v| v.is_err()) {
        return Err(Refusal::Drop);
    }
    Ok(Message::Response(Response { core }))
}

fn request(
    mut core: sipx_sip::Request,
    bytes: &Bytes,
    source: SocketAddr,
    tokens: &mut Tokens,
) -> Result<Message, Refusal> {
    if mark_via(&mut core.headers, source).is_none() {
        return Err(salvage(bytes, source, tokens));
    }
    match fault(&core) {
        None => Ok(Message::Request(Request { core })),
        Some(_) if core.method == Method::Ack => Err(Refusal::Drop),
        Some(fault) => Err(refuse(&core, &fault, tokens)),
    }
}

/// What is wrong with a request that parsed.
struct Fault {
    code: u16,
    header: Option<(&'static str, String)>,
}

impl Fault {
    fn new(code: u16) -> Self {
        Self { code, header: None }
    }
}

fn fault(core: &sipx_sip::Request) -> Option<Fault> {
    structure(core).or_else(|| values(&core.headers)).or_else(|| semantics(core))
}

/// Required headers, version, CSeq. A missing Max-Forwards is forgiven: RFC 2543
/// did not know it.
fn structure(core: &sipx_sip::Request) -> Option<Fault> {
    let findings = validate_request(core);
    let fault = findings.iter().filter(|f| !f.is_repairable()).max_by_key(|f| f.status())?;
    let unknown = matches!(core.method, Method::Other(_));
    let mismatch = matches!(fault, Finding::CSeqMethodMismatch);
    Some(Fault::new(if mismatch && unknown { 501 } else { fault.status() }))
}

/// Header values that we or the peer will act on must parse.
fn values(headers: &Headers) -> Option<Fault> {
    let bad = headers.typed_all::<Via>().any(|v| v.is_err())
        || headers.typed_all::<ContactValue>().any(|v| v.is_err())
        || headers.typed_all::<Route>().any(|v| v.is_err())
        || headers.typed_all::<RecordRoute>().any(|v| v.is_err())
        || headers.typed::<Date>().is_some_and(|v| v.is_err())
        || headers.typed::<ContentType>().is_some_and(|v| v.is_err())
        || bare_contact_with_headers(headers);
    bad.then(|| Fault::new(400))
}

/// A Contact with a `?` must stand in angle brackets (RFC 3261 §20.10).
fn bare_contact_with_headers(headers: &Headers) -> bool {
    headers.get_all(&HeaderName::Contact).any(|h| {
        let value = h.value();
        value.contains(&b'?') && !value.contains(&b'<')
    })
}

fn semantics(core: &sipx_sip::Request) -> Option<Fault> {
    let headers = &core.headers;
    if !Uri::from_core(&core.uri).is_routable() {
        return Some(Fault::new(416));
    }
    if matches!(core.method, Method::Ack | Method::Cancel) {
        return None;
    }
    if let Some(tags) = required(headers) {
        return Some(Fault { code: 420, header: Some(("Unsupported", tags)) });
    }
    let encoded = headers.value(&HeaderName::ContentEncoding);
    if encoded.is_some_and(|e| !e.eq_ignore_ascii_case(b"identity")) {
        return Some(Fault { code: 415, header: Some(("Accept-Encoding", "identity".into())) });
    }
    let foreign = core.method == Method::Invite && !core.body().is_empty() && !offers_sdp(headers);
    foreign.then(|| Fault { code: 415, header: Some(("Accept", "application/sdp".into())) })
}

/// The option tags that the peer requires and we do not know.
fn required(headers: &Headers) -> Option<String> {
    let lists = headers.typed_all::<Require>().filter_map(Result::ok);
    let known = [OPTION_TAG, rel::OPTION_TAG, "replaces"];
    let unknown = |tag: &String| !known.iter().any(|known| tag.eq_ignore_ascii_case(known));
    let tags: Vec<String> = lists.flat_map(|list| tokens_of(&list)).filter(unknown).collect();
    (!tags.is_empty()).then(|| tags.join(", "))
}

fn tokens_of(list: &TokenList) -> Vec<String> {
    list.0.iter().map(|t| crate::uri::text(t)).collect()
}

fn offers_sdp(headers: &Headers) -> bool {
    match headers.typed::<ContentType>() {
        Some(Ok(kind)) => kind.is("application", "sdp") || kind.media_type.eq_ignore_ascii_case(b"multipart"),
        _ => false,
    }
}

/// Writes `received` and `rport` into the topmost Via; `None` without one.
fn mark_via(headers: &mut Headers, source: SocketAddr) -> Option<()> {
    let via = headers.typed::<Via>()?.ok()?;
    let first = headers.get(&HeaderName::Via)?.value().into_owned();
    let (top, rest) = first.split_at(via::first_hop_end(&first));
    let marked = marked(&via, top, source);
    if marked == top {
        return Some(());
    }
    let header = Header::build(HeaderName::Via, [&marked, rest].concat()).ok()?;
    let position = headers.iter().position(|h| *h.name() == HeaderName::Via)?;
    headers.remove_first(&HeaderName::Via);
    headers.insert(position, header);
    Some(())
}

fn marked(via: &Via, top: &[u8], source: SocketAddr) -> Vec<u8> {
    let text = crate::uri::text(top);
    let wants_port = via.rport().is_some();
    let same_host = via.host.to_bytes() == source.ip().to_string().as_bytes();
    let mut out: String = text
        .split(';')
        .filter(|p| !is_param(p, "received") && !is_param(p, "rport"))
        .collect::<Vec<_>>()
        .join(";");
    let had_received = via.received().is_some();
    if !wants_port && same_host && !had_received {
        return top.to_vec();
    }
    if wants_port {
        out.push_str(&format!(";rport={}", source.port()));
    }
    out.push_str(&format!(";received={}", source.ip()));
    out.into_bytes()
}

fn is_param(piece: &str, name: &str) -> bool {
    piece.split('=').next().is_some_and(|n| n.trim().eq_ignore_ascii_case(name))
}

/// A response to a request that parsed but is at fault. Copies what there is.
fn refuse(core: &sipx_sip::Request, fault: &Fault, tokens: &mut Tokens) -> Refusal {
    let value = |name: HeaderName| core.headers.value(&name).map(|v| v.into_owned());
    let mut copied: Vec<(&str, Vec<u8>)> = Vec::new();
    for via in core.headers.get_all(&HeaderName::Via) {
        copied.push(("Via", via.value().into_owned()));
    }
    for (long, name) in ECHOED {
        if let Some(value) = value(name) {
            copied.push((long, value));
        }
    }
    let extra = fault.header.as_ref().map(|(n, v)| (*n, v.as_str()));
    answer(fault.code, copied, extra, tokens)
}

const ECHOED: [(&str, HeaderName); 4] = [
    ("From", HeaderName::From),
    ("To", HeaderName::To),
    ("Call-ID", HeaderName::CallId),
    ("CSeq", HeaderName::CSeq),
];

fn answer(
    code: u16,
    copied: Vec<(&str, Vec<u8>)>,
    extra: Option<(&str, &str)>,
    tokens: &mut Tokens,
) -> Refusal {
    let mut out = format!("SIP/2.0 {code} {}\r\n", phrase(code)).into_bytes();
    for (name, value) in copied {
        out.extend_from_slice(format!("{name}: ").as_bytes());
        out.extend(value.iter().filter(|b| !matches!(b, b'\r' | b'\n' | 0)));
        if name == "To" && !has_tag(&value) {
            out.extend_from_slice(format!(";tag={}", tokens.short()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
    if let Some((name, value)) = extra {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    Refusal::Answer { code, response: Bytes::from(out) }
}

fn has_tag(value: &[u8]) -> bool {
    value.to_ascii_lowercase().windows(5).any(|w| w == b";tag=")
}

/// Finds enough in unparsable bytes to answer 400, or gives up.
fn salvage(bytes: &Bytes, source: SocketAddr, tokens: &mut Tokens) -> Refusal {
    let head = crate::uri::text(bytes.split(|b| *b == 0).next().unwrap_or_default());
    let mut lines = head.split("\r\n");
    let start = lines.next().unwrap_or_default();
    let is_request = start.trim_end().ends_with(" SIP/2.0") && !start.starts_with("SIP/2.0 ");
    if !is_request || start.trim_start().starts_with("ACK ") {
        return Refusal::Drop;
    }
    let mut copied = copied_lines(lines);
    let complete = ECHOED.iter().all(|(n, _)| copied.iter().any(|(c, _)| c == n));
    let Some((_, value)) = copied.iter_mut().find(|(n, _)| *n == "Via") else {
        return Refusal::Drop;
    };
    if !complete || !value.starts_with(b"SIP/2.0/") {
        return Refusal::Drop;
    }
    let (top, rest) = value.split_at(via::first_hop_end(value));
    // A Via that is itself the fault is echoed as it is.
    if let Ok(via) = Via::parse_one(top) {
        *value = [&marked(&via, top, source), rest].concat();
    }
    answer(400, copied, None, tokens)
}

/// The header lines a response echoes, unfolded; each of the single ones once.
fn copied_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(&'static str, Vec<u8>)> {
    let mut copied: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut folding = false;
    for line in lines.take_while(|l| !l.is_empty()).take(256) {
        if line.starts_with([' ', '\t']) {
            if let (true, Some(last)) = (folding, copied.last_mut()) {
                last.1.extend_from_slice(format!(" {}", line.trim()).as_bytes());
            }
            continue;
        }
        let found = line.split_once(':').and_then(|(n, v)| Some((echoed(n)?, v.trim())));
        folding = found.is_some();
        if let Some((name, value)) = found
            && (name == "Via" || !copied.iter().any(|(n, _)| *n == name))
        {
            copied.push((name, value.as_bytes().to_vec()));
        }
    }
    copied
}

fn echoed(name: &str) -> Option<&'static str> {
    match name.trim().to_ascii_lowercase().as_str() {
        "via" | "v" => Some("Via"),
        "from" | "f" => Some("From"),
        "to" | "t" => Some("To"),
        "call-id" | "i" => Some("Call-ID"),
        "cseq" => Some("CSeq"),
        _ => None,
    }
}
