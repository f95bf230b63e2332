//! The agents: whoever the server calls is answered at once.

use crate::{
    message::{Message, sdp},
    rtp::Stream,
    socket::Socket,
};
use std::{collections::HashMap, net::SocketAddr};

/// Calls answered, by SIP Call-ID.
#[derive(Default)]
pub struct Agents {
    talks: HashMap<String, u32>,
}

impl Agents {
    /// The call that was answered just now, with the way for its audio.
    pub fn receive(
        &mut self,
        message: Message<'_>,
        from: SocketAddr,
        sip: &mut Socket,
        audio: SocketAddr,
    ) -> Option<(u32, Stream)> {
        match message.method() {
            "INVITE" => self.ring(message, from, sip, audio),
            "BYE" | "CANCEL" => {
                sip.send(from, message.response("200 OK", "agent", "", "").into_bytes());
                self.talks.remove(message.call_id());
                None
            }
            "OPTIONS" => {
                sip.send(from, message.response("200 OK", "agent", "", "").into_bytes());
                None
            }
            _ => None,
        }
    }

    fn ring(
        &mut self,
        message: Message<'_>,
        from: SocketAddr,
        sip: &mut Socket,
        audio: SocketAddr,
    ) -> Option<(u32, Stream)> {
        let call = call(message.caller())?;
        let contact = format!("Contact: <sip:agent@{}>\r\n", sip.address());
        let more = format!("{contact}Content-Type: application/sdp\r\n");
        let again = self.talks.insert(message.call_id().to_owned(), call).is_some();
        if !again {
            sip.send(from, message.response("180 Ringing", "agent", &contact, "").into_bytes());
        }
        sip.send(from, message.response("200 OK", "agent", &more, &sdp(audio)).into_bytes());
        message.audio().filter(|_| !again).map(|to| (call, Stream::new(to, call)))
    }
}

/// Callers are `+999` and their number in seven digits.
pub fn call(user: &str) -> Option<u32> {
    user.strip_prefix("+999")?.parse().ok()
}
