//! Requests and responses of our own.

use std::net::SocketAddr;

use bytes::Bytes;
use sipx_sip::{Header, HeaderName, Method, Request, RequestBuilder, Response, StatusCode};

use super::dialog::Dialog;
use super::{Endpoint, Flow, Protocol};
use crate::message::line;
use crate::read::ALLOW;
use crate::{Answer, Error, Uri};

/// The parts of a request that its dialog or its sender decides.
pub(super) struct Parts<'a> {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) flow: Flow,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) call_id: &'a str,
    pub(super) cseq: u32,
    pub(super) routes: &'a [String],
    pub(super) headers: &'a [(String, String)],
    pub(super) sdp: Option<Bytes>,
}

impl Endpoint {
    pub(super) fn build_request(&mut self, parts: Parts<'_>) -> Result<Request, Error> {
        let uri = sipx_sip::Uri::parse(parts.uri.to_string().into()).map_err(|_| Error::Malformed("uri"))?;
        let via = self.via(parts.flow);
        let mut lines = vec![
            line("Via", via)?,
            line("Max-Forwards", "70")?,
            line("From", parts.from.to_owned())?,
            line("To", parts.to.to_owned())?,
            line("Call-ID", parts.call_id.to_owned())?,
            line("CSeq", format!("{} {}", parts.cseq, parts.method))?,
        ];
        for route in parts.routes {
            lines.push(line("Route", route.clone())?);
        }
        if !matches!(parts.method, Method::Ack | Method::Bye | Method::Cancel) {
            lines.push(line("Contact", format!("<{}>", self.contact(parts.flow)))?);
            lines.push(line("Allow", ALLOW)?);
        }
        lines.push(line("User-Agent", self.config.agent.clone())?);
        for (name, value) in parts.headers {
            lines.push(line(name, value.clone())?);
        }
        Ok(finish_request(parts.method, uri, lines, parts.sdp))
    }

    /// A request inside a dialog; the caller has raised `local_cseq` if needed.
    pub(super) fn build_in_dialog(
        &mut self,
        method: Method,
        dialog: &Dialog,
        sdp: Option<Bytes>,
        headers: &[(String, String)],
    ) -> Result<Request, Error> {
        let (uri, routes) = dialog.request_line();
        self.build_request(Parts {
            method,
            uri,
            flow: dialog.next_hop(),
            from: &dialog.local,
            to: &dialog.remote,
            call_id: &dialog.call_id,
            cseq: dialog.local_cseq,
            routes: &routes,
            headers,
            sdp,
        })
    }

    /// A response. `tag` completes To when the request had none.
    pub(super) fn build_response(
        &self,
        request: &Request,
        answer: &Answer,
        tag: &str,
        flow: Flow,
    ) -> Result<Response, Error> {
        let code = StatusCode::new(answer.code).ok_or(Error::Malformed("status code"))?;
        let mut response = Response::new(code, Bytes::from(answer.phrase().to_owned()));
        if answer.phrase().contains(['\r', '\n']) {
            return Err(Error::Malformed("reason phrase"));
        }
        echo(request, &mut response, if answer.code > 100 { Some(tag) } else { None })?;
        if request.method == Method::Invite && (101..300).contains(&answer.code) {
            for route in request.headers.get_all(&HeaderName::RecordRoute) {
                response.headers.push(route.clone());
            }
            response.headers.push(line("Contact", format!("<{}>", self.contact(flow)))?);
            response.headers.push(line("Allow", ALLOW)?);
        }
        if answer.code > 100 {
            response.headers.push(line("Server", self.config.agent.clone())?);
        }
        for (name, value) in &answer.headers {
            response.headers.push(line(name, value.clone())?);
        }
        body(&mut response.headers, answer.sdp.as_ref())?;
        response.set_body(answer.sdp.clone().unwrap_or_default());
        Ok(response)
    }

    pub(super) fn via(&mut self, flow: Flow) -> String {
        let (name, branch) = (flow.protocol.via(), self.tokens.long());
        let sent_by = self.sent_by(flow);
        format!("SIP/2.0/{name} {sent_by};branch=z9hG4bK{branch};rport")
    }

    fn sent_by(&self, flow: Flow) -> SocketAddr {
        let config = &self.config;
        let port = match flow.protocol {
            Protocol::Udp => config.udp_port,
            Protocol::Tls(_) if config.tls_port != 0 => config.tls_port,
            Protocol::Ws if config.ws_port != 0 => config.ws_port,
            Protocol::Wss if config.wss_port != 0 => config.wss_port,
            Protocol::Tcp | Protocol::Tls(_) | Protocol::Ws | Protocol::Wss => config.tcp_port,
        };
        let other = config.other_host.filter(|_| flow.remote.is_ipv4() != config.host.is_ipv4());
        SocketAddr::new(other.unwrap_or(config.host), port)
    }

    /// Where the peer of this flow reaches us: our Contact. Who cannot connect to
    /// us by TLS keeps to the connection that there is (RFC 5923).
    pub fn contact(&self, flow: Flow) -> Uri {
        let uri = Uri::sip(&self.config.contact_user, self.sent_by(flow));
        match flow.protocol {
            Protocol::Udp => uri,
            protocol => uri.with_param("transport", protocol.transport()),
        }
    }
}

fn finish_request(method: Method, uri: sipx_sip::Uri, lines: Vec<Header>, sdp: Option<Bytes>) -> Request {
    let mut request = RequestBuilder::new(method, uri).body(sdp.clone().unwrap_or_default()).build();
    for (at, header) in lines.into_iter().enumerate() {
        request.headers.insert(at, header);
    }
    if sdp.is_some()
        && let Ok(kind) = line("Content-Type", "application/sdp")
    {
        request.headers.push(kind);
    }
    request
}

fn body(headers: &mut sipx_sip::Headers, sdp: Option<&Bytes>) -> Result<(), Error> {
    if sdp.is_some() {
        headers.push(line("Content-Type", "application/sdp")?);
    }
    headers.push(line("Content-Length", sdp.map_or(0, Bytes::len).to_string())?);
    Ok(())
}

/// Copies what a response repeats (RFC 3261 §8.2.6.2).
fn echo(request: &Request, response: &mut Response, tag: Option<&str>) -> Result<(), Error> {
    let names = [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId];
    for name in names.iter().chain([&HeaderName::CSeq]) {
        for header in request.headers.get_all(name) {
            response.headers.push(header.clone());
        }
    }
    let tagged = crate::message::to(&request.headers).is_some_and(|to| to.tag.is_some());
    if let (Some(tag), false) = (tag, tagged) {
        let to = crate::message::header(&request.headers, "To").unwrap_or_default();
        let position = response.headers.iter().position(|h| *h.name() == HeaderName::To);
        response.headers.remove_all(&HeaderName::To);
        response.headers.insert(position.unwrap_or(0), line("To", format!("{to};tag={tag}"))?);
    }
    Ok(())
}
