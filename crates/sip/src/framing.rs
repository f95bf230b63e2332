//! Messages out of a byte stream (RFC 3261 §18.3, §7.5; RFC 5626 §4.4.1).

use bytes::{Buf, Bytes, BytesMut};

/// What the stream holds next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message; it may still be malformed inside.
    Message(Bytes),
    /// A double CRLF: answer it with one CRLF.
    Ping,
}

/// The stream cannot be framed any more: answer 400 if you like, and close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The message grew over the limit.
    #[error("message over {0} bytes")]
    TooLong(usize),
    /// No Content-Length, two different ones, or not a number.
    #[error("no usable content-length")]
    NoLength,
}

/// Longest message on a stream, headers and body, bytes.
pub const MESSAGE_MAX: usize = 65_536;

/// Cuts a stream into messages. Holds at most one unfinished message.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    scanned: usize,
}

impl Framer {
    /// Takes bytes as they arrived. Call [`Framer::frame`] until it returns
    /// `None` before pushing more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes of an unfinished message.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// The next frame, or `None` until more bytes come.
    pub fn frame(&mut self) -> Result<Option<Frame>, Error> {
        if self.scanned == 0
            && let Some(ping) = self.keep_alive()
        {
            return Ok(Some(ping));
        }
        let Some(head) = self.head_end() else {
            self.scanned = self.buffer.len().saturating_sub(3);
            return if self.buffer.len() > MESSAGE_MAX { Err(TOO_LONG) } else { Ok(None) };
        };
        let length = head + content_length(&self.buffer[..head])?;
        if length > MESSAGE_MAX {
            return Err(TOO_LONG);
        }
        if self.buffer.len() < length {
            return Ok(None);
        }
        self.scanned = 0;
        Ok(Some(Frame::Message(self.buffer.split_to(length).freeze())))
    }

    /// Skips line breaks between messages; two of them are a ping.
    fn keep_alive(&mut self) -> Option<Frame> {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.advance(4);
            return Some(Frame::Ping);
        }
        if self.buffer.starts_with(b"\r\n") && self.buffer.len() > 2 && self.buffer[2] != b'\r' {
            self.buffer.advance(2);
        }
        None
    }

    fn head_end(&self) -> Option<usize> {
        let tail = self.buffer.get(self.scanned..)?;
        let at = tail.windows(4).position(|w| w == b"\r\n\r\n")?;
        Some(self.scanned + at + 4)
    }
}

const TOO_LONG: Error = Error::TooLong(MESSAGE_MAX);

fn content_length(head: &[u8]) -> Result<usize, Error> {
    let mut found = None;
    for line in head.split(|b| *b == b'\n') {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let name = line[..colon].trim_ascii();
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let text = std::str::from_utf8(line[colon + 1..].trim_ascii()).map_err(|_| Error::NoLength)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let value: usize = text.parse().ok().filter(|_| digits).ok_or(Error::NoLength)?;
        if found.is_some_and(|before| before != value) {
            return Err(Error::NoLength);
        }
        found = Some(value);
    }
    found.ok_or(Error::NoLength)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\nbody";
    const TWO: &[u8] = b"BYE sip:a SIP/2.0\r\nl: 0\r\n\r\n";

    #[test]
    fn two_messages_and_a_ping_come_out_in_order() {
        let mut framer = Framer::default();
        framer.push(&[ONE, b"\r\n\r\n", TWO].concat());
        assert_eq!(framer.frame(), Ok(Some(Frame::Message(ONE.into()))));
        assert_eq!(framer.frame(), Ok(Some(Frame::Ping)));
        assert_eq!(framer.frame(), Ok(Some(Frame::Message(TWO.into()))));
        assert_eq!(framer.frame(), Ok(None));
        assert_eq!(framer.pending(), 0);
    }

    #[test]
    fn a_stream_without_a_length_cannot_be_framed() {
        for head in ["X sip:a SIP/2.0\r\n\r\n", "l: 1\r\nl: 2\r\n\r\n", "l: -1\r\n\r\n"] {
            let mut framer = Framer::default();
            framer.push(head.as_bytes());
            assert_eq!(framer.frame(), Err(Error::NoLength), "{head:?}");
        }
    }

    #[test]
    fn a_peer_cannot_make_us_hold_more_than_the_limit() {
        let mut framer = Framer::default();
        framer.push(&vec![b'a'; MESSAGE_MAX + 1]);
        assert_eq!(framer.frame(), Err(TOO_LONG));
        let mut framer = Framer::default();
        framer.push(b"l: 999999999\r\n\r\n");
        assert_eq!(framer.frame(), Err(TOO_LONG));
    }

    proptest! {
        #[test]
        fn where_the_stream_is_cut_does_not_matter(cuts in prop::collection::vec(1usize..9, 1..80)) {
            let stream = [ONE, TWO, ONE].concat();
            let (mut framer, mut rest, mut seen) = (Framer::default(), &stream[..], Vec::new());
            for cut in cuts.into_iter().cycle() {
                let (chunk, after) = rest.split_at(cut.min(rest.len()));
                framer.push(chunk);
                rest = after;
                while let Some(frame) = framer.frame().unwrap() {
                    seen.push(frame);
                }
                if rest.is_empty() { break }
            }
            let expected: Vec<_> = [ONE, TWO, ONE].map(|m| Frame::Message(m.into())).into();
            prop_assert_eq!(seen, expected);
        }

        #[test]
        fn noise_is_never_a_panic(noise in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut framer = Framer::default();
            framer.push(&noise);
            while let Ok(Some(_)) = framer.frame() {}
        }
    }
}
