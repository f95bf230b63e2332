//! As much SIP as a load driver needs (RFC 3261): text in, text out.

use std::net::SocketAddr;

/// A message that came, borrowed from its datagram.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    text: &'a str,
}

impl<'a> Message<'a> {
    pub fn read(datagram: &'a [u8]) -> Option<Message<'a>> {
        let text = std::str::from_utf8(datagram).ok()?;
        text.contains("\r\n").then_some(Message { text })
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method of a request.
    pub fn method(&self) -> &'a str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// The first header of this name; names are as our server writes them.
    pub fn header(&self, name: &str) -> &'a str {
        self.headers(name).next().unwrap_or_default()
    }

    fn headers(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        head.split("\r\n").filter_map(move |line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn call_id(&self) -> &'a str {
        self.header("Call-ID")
    }

    /// The method that a response is about.
    pub fn answered_method(&self) -> &'a str {
        self.header("CSeq").split(' ').nth(1).unwrap_or_default()
    }

    /// The user part of From.
    pub fn caller(&self) -> &'a str {
        let from = self.header("From");
        let after = from.split("sip:").nth(1).unwrap_or_default();
        after.split(['@', '>', ';']).next().unwrap_or_default()
    }

    /// The URI in Contact.
    pub fn contact(&self) -> &'a str {
        self.header("Contact").trim_start_matches('<').split('>').next().unwrap_or_default()
    }

    /// Where the SDP wants its audio.
    pub fn audio(&self) -> Option<SocketAddr> {
        let line = |start: &str| self.text.split("\r\n").find_map(|line| line.strip_prefix(start));
        let port = line("m=audio ")?.split(' ').next()?.parse().ok()?;
        Some(SocketAddr::new(line("c=IN IP4 ")?.trim().parse().ok()?, port))
    }

    /// A response to this request with the same Via, From, CSeq and Call-ID.
    pub fn response(&self, status: &str, tag: &str, more: &str, body: &str) -> String {
        let vias: String = self.headers("Via").map(|via| format!("Via: {via}\r\n")).collect();
        let to = self.header("To");
        let tag = if to.contains("tag=") || tag.is_empty() { String::new() } else { format!(";tag={tag}") };
        format!(
            "SIP/2.0 {status}\r\n{vias}From: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}\
             Content-Length: {}\r\n\r\n{body}",
            self.header("From"),
            self.call_id(),
            self.header("CSeq"),
            body.len()
        )
    }
}

/// A request by us. `to` and `from` are whole header values.
pub struct Request<'a> {
    pub method: &'a str,
    pub uri: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
    pub branch: &'a str,
    pub at: SocketAddr,
    pub body: &'a str,
}

impl Request<'_> {
    pub fn text(&self) -> String {
        let Request { method, uri, from, to, call_id, cseq, branch, at, body } = self;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:load@{at}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// PCMA, 20 ms.
pub fn sdp(at: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 8\r\n\
         a=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na=sendrecv\r\n",
        at.ip(),
        at.port()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let at: SocketAddr = "127.0.0.1:7000".parse().unwrap();
        let body = sdp(at);
        let (from, to) = ("<sip:+4021@load>;tag=a", "<sip:ccq@server>");
        let (uri, call_id, branch) = ("sip:ccq@server", "c1", "b1");
        let request = Request { method: "INVITE", uri, from, to, call_id, cseq: 1, branch, at, body: &body };
        let text = request.text();
        let read = Message::read(text.as_bytes()).unwrap();
        assert_eq!((read.method(), read.call_id(), read.caller()), ("INVITE", "c1", "+4021"));
        assert_eq!((read.contact(), read.audio()), ("sip:load@127.0.0.1:7000", Some(at)));
        let answer = read.response("200 OK", "z", "", "");
        let read = Message::read(answer.as_bytes()).unwrap();
        assert_eq!((read.status(), read.answered_method()), (Some(200), "INVITE"));
        assert!(read.header("To").ends_with(";tag=z"));
    }
}
