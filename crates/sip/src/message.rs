//! Requests and responses as the rest of Trunkline sees them.
//!
//! The parsed message stays inside; readers ask for what they need and get our
//! own types. Header values are returned unfolded and trimmed.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sipx_sip::headers::{Address, CSeq, ContactValue, ContentType, From as FromHeader, To};
use sipx_sip::{Header, HeaderName, Headers};

use crate::uri::text;
use crate::{Error, Party, Uri};

/// One parsed and checked message.
#[derive(Debug, Clone)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request that passed [`crate::read`].
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) core: sipx_sip::Request,
}

impl Request {
    /// The method, upper case as written.
    pub fn method(&self) -> String {
        self.core.method.to_string()
    }

    /// The Request-URI.
    pub fn uri(&self) -> Uri {
        Uri::from_core(&self.core.uri)
    }

    /// Who the request says it is from.
    pub fn from(&self) -> Option<Party> {
        from(&self.core.headers)
    }

    /// Whom it is for.
    pub fn to(&self) -> Option<Party> {
        to(&self.core.headers)
    }

    /// The caller the carrier vouches for (RFC 3325), if any.
    pub fn asserted_identity(&self) -> Option<Party> {
        let value = self.core.headers.value(&HeaderName::PAssertedIdentity)?;
        let list = Address::parse_list(&value, "P-Asserted-Identity").ok()?;
        list.first().map(Party::from_core)
    }

    /// The Call-ID.
    pub fn call_id(&self) -> String {
        header(&self.core.headers, "Call-ID").unwrap_or_default()
    }

    /// The contacts; `*` is [`Contact::All`].
    pub fn contacts(&self) -> Vec<Contact> {
        contacts(&self.core.headers)
    }

    /// The first value of a header by its long name.
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.core.headers, name)
    }

    /// All values of a header by its long name, one per header line.
    pub fn headers(&self, name: &str) -> Vec<String> {
        headers(&self.core.headers, name)
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        self.core.body()
    }

    /// The session description, alone or as a part of a multipart body.
    pub fn sdp(&self) -> Option<Bytes> {
        sdp(&self.core.headers, self.core.body())
    }

    /// The message as it arrived, with our marks in the topmost Via.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(1024);
        self.core.write_to(&mut out);
        Bytes::from(out)
    }
}

/// A response that passed [`crate::read`].
#[derive(Debug, Clone)]
pub struct Response {
    pub(crate) core: sipx_sip::Response,
}

impl Response {
    /// The status code, 100 to 699.
    pub fn code(&self) -> u16 {
        self.core.status.code()
    }

    /// The reason phrase.
    pub fn reason(&self) -> String {
        text(&self.core.reason)
    }

    /// Who answered: the To header with the peer's tag.
    pub fn to(&self) -> Option<Party> {
        to(&self.core.headers)
    }

    /// The contacts, for a registration those that are bound now.
    pub fn contacts(&self) -> Vec<Contact> {
        contacts(&self.core.headers)
    }

    /// The first value of a header by its long name.
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.core.headers, name)
    }

    /// All values of a header by its long name, one per header line.
    pub fn headers(&self, name: &str) -> Vec<String> {
        headers(&self.core.headers, name)
    }

    /// The session description, if the response carries one.
    pub fn sdp(&self) -> Option<Bytes> {
        sdp(&self.core.headers, self.core.body())
    }

    /// Number and method of the CSeq.
    pub(crate) fn cseq(&self) -> Option<(u32, String)> {
        let cseq = self.core.headers.typed::<CSeq>()?.ok()?;
        Some((cseq.sequence, cseq.method.to_string()))
    }
}

/// One value of a Contact header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    /// `*`: every binding.
    All,
    /// An address with its own expiry in seconds, if it states one.
    Address {
        /// Where to reach the user agent.
        uri: Uri,
        /// The `expires` parameter, seconds.
        expires: Option<u32>,
        /// The `q` parameter in thousandths, 1000 when absent.
        priority: u16,
        /// Which device it is, and which of its ways to us (RFC 5626 §4.2).
        instance: Option<(String, u32)>,
    },
}

/// What to answer a request with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The status code, 100 to 699.
    pub code: u16,
    /// The reason phrase; empty means the registered one.
    pub reason: String,
    /// Header lines to add.
    pub headers: Vec<(String, String)>,
    /// A session description.
    pub sdp: Option<Bytes>,
}

impl Answer {
    /// A bare status.
    pub fn new(code: u16) -> Self {
        Self { code, ..Self::default() }
    }

    /// Adds a header line.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a session description.
    pub fn sdp(mut self, sdp: impl Into<Bytes>) -> Self {
        self.sdp = Some(sdp.into());
        self
    }

    /// A reason phrase of one's own.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    pub(crate) fn phrase(&self) -> &str {
        if self.reason.is_empty() { phrase(self.code) } else { &self.reason }
    }
}

/// The registered reason phrase of a status code (RFC 3261 §21).
pub(crate) fn phrase(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        _ if code < 200 => "Progress",
        _ if code < 300 => "Success",
        _ if code < 400 => "Redirection",
        _ if code < 500 => "Request Failure",
        _ => "Server Failure",
    }
}

pub(crate) fn name(long: &str) -> HeaderName {
    HeaderName::parse(&Bytes::copy_from_slice(long.as_bytes()))
}

/// A header line; a line break in the value is refused.
pub(crate) fn line(long: &str, value: impl Into<Bytes>) -> Result<Header, Error> {
    Header::build(name(long), value).map_err(|_| Error::Malformed("header"))
}

/// Puts another value in the header's place; `None` where there is none.
pub(crate) fn replace(request: &mut sipx_sip::Request, name: HeaderName, value: String) -> Option<()> {
    let position = request.headers.iter().position(|h| *h.name() == name)?;
    request.headers.remove_all(&name);
    request.headers.insert(position, Header::build(name, value).ok()?);
    Some(())
}

pub(crate) fn header(headers: &Headers, long: &str) -> Option<String> {
    headers.value(&name(long)).map(|v| text(&v))
}

pub(crate) fn headers(headers: &Headers, long: &str) -> Vec<String> {
    headers.get_all(&name(long)).map(|h| text(&h.value())).collect()
}

pub(crate) fn from(headers: &Headers) -> Option<Party> {
    headers.typed::<FromHeader>()?.ok().map(|a| Party::from_core(&a.0))
}

pub(crate) fn to(headers: &Headers) -> Option<Party> {
    headers.typed::<To>()?.ok().map(|a| Party::from_core(&a.0))
}

pub(crate) fn contacts(headers: &Headers) -> Vec<Contact> {
    headers.typed_all::<ContactValue>().filter_map(Result::ok).map(contact).collect()
}

fn contact(value: ContactValue) -> Contact {
    let ContactValue::Address(address) = value else { return Contact::All };
    let word = |name| address.param(name).map(text);
    let number = |name| word(name).and_then(|v| v.parse::<f32>().ok());
    let way = word("reg-id").and_then(|v| v.parse().ok()).filter(|way| *way > 0);
    let instance = word("+sip.instance").map(|name| name.trim_matches('"').to_owned());
    Contact::Address {
        uri: Uri::from_core(&address.uri),
        expires: number("expires").map(|v| v as u32),
        priority: number("q").map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u16),
        instance: instance.filter(|name| !name.is_empty()).zip(way),
    }
}

fn sdp(headers: &Headers, body: &Bytes) -> Option<Bytes> {
    if body.is_empty() {
        return None;
    }
    match headers.typed::<ContentType>() {
        None => Some(body.clone()),
        Some(Ok(kind)) if kind.is("application", "sdp") => Some(body.clone()),
        Some(Ok(kind)) if kind.media_type.eq_ignore_ascii_case(b"multipart") => {
            part(body, kind.param("boundary")?)
        }
        Some(_) => None,
    }
}

/// The `application/sdp` part of a multipart body (RFC 2046 §5.1.1).
fn part(body: &Bytes, boundary: &[u8]) -> Option<Bytes> {
    let mark = [b"--", boundary].concat();
    let mut starts = find_all(body, &mark);
    starts.push(body.len());
    starts.windows(2).find_map(|pair| {
        let piece = body.slice(pair[0] + mark.len().min(pair[1] - pair[0])..pair[1]);
        let blank = find(&piece, b"\r\n\r\n")?;
        let head = text(&piece[..blank]).to_ascii_lowercase();
        let content = piece.slice(blank + 4..);
        let end = content.len() - if content.ends_with(b"\r\n") { 2 } else { 0 };
        head.contains("application/sdp").then(|| content.slice(..end))
    })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

fn find_all(haystack: &[u8], needle: &[u8]) -> Vec<usize> {
    let windows = haystack.windows(needle.len()).enumerate();
    windows.filter(|(_, w)| *w == needle).map(|(i, _)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdp_part_of_a_multipart_body_is_found() {
        let body = Bytes::from_static(
            b"--x\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=-\r\n\r\n--x--\r\n",
        );
        assert_eq!(part(&body, b"x").unwrap(), Bytes::from_static(b"v=0\r\no=-\r\n"));
        assert_eq!(part(&body, b"absent"), None);
    }

    #[test]
    fn every_answer_has_a_reason_phrase() {
        assert_eq!(Answer::new(486).phrase(), "Busy Here");
        assert_eq!(Answer::new(499).phrase(), "Request Failure");
        assert_eq!(Answer::new(488).reason("No codec").phrase(), "No codec");
    }
}
