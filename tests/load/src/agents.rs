//! The agents: whoever the server calls is answered at once.

use crate::{
    message::{Message, sdp},
    rtp::Stream,
};
use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket},
};

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
        sip: &UdpSocket,
        audio: SocketAddr,
    ) -> std::io::Result<Option<(u32, Stream)>> {
        match message.method() {
            "INVITE" => self.ring(message, from, sip, audio),
            "BYE" | "CANCEL" => {
                sip.send_to(message.response("200 OK", "agent", "", "").as_bytes(), from)?;
                self.talks.remove(message.call_id());
                Ok(None)
            }
            "OPTIONS" => {
                sip.send_to(message.response("200 OK", "agent", "", "").as_bytes(), from)?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn ring(
        &mut self,
        message: Message<'_>,
        from: SocketAddr,
        sip: &UdpSocket,
        audio: SocketAddr,
    ) -> std::io::Result<Option<(u32, Stream)>> {
        let Some(call) = call(message.caller()) else { return Ok(None) };
        let contact = format!("Contact: <sip:agent@{}>\r\n", sip.local_addr()?);
        let more = format!("{contact}Content-Type: application/sdp\r\n");
        let again = self.talks.insert(message.call_id().to_owned(), call).is_some();
        if !again {
            sip.send_to(message.response("180 Ringing", "agent", &contact, "").as_bytes(), from)?;
        }
        sip.send_to(message.response("200 OK", "agent", &more, &sdp(audio)).as_bytes(), from)?;
        Ok(message.audio().filter(|_| !again).map(|to| (call, Stream::new(to, call))))
    }
}

/// Callers are `+999` and their number in seven digits.
pub fn call(user: &str) -> Option<u32> {
    user.strip_prefix("+999")?.parse().ok()
}
