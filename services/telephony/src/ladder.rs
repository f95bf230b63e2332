//! The SIP ladder of every call: its messages with time, direction and peer,
//! kept for a while after the call and bounded in bytes.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use sip::Flow;
use sipnet::Direction;
use types::{CallId, TenantId, Timestamp};

/// Messages and bytes kept of one dialog; what comes later is counted only.
const MESSAGES_MAX: usize = 200;
const DIALOG_BYTES_MAX: usize = 256 << 10;
/// Dialogs that belong to no call (yet): registrations, strangers; and the bytes of one.
const LOOSE_MAX: usize = 2_048;
const LOOSE_BYTES_MAX: usize = 16 << 10;
/// What a dialog takes beside its messages, about: maps, names, the allocator's share.
const DIALOG_BYTES: usize = 512;
/// Dialogs of one call.
const DIALOGS_MAX: usize = 32;

/// One message as it travelled.
#[derive(Debug, Clone)]
pub struct Message {
    pub at: Timestamp,
    pub direction: Direction,
    pub flow: Flow,
    pub bytes: Bytes,
}

/// The messages of a dialog, one behind the other.
#[derive(Debug, Default)]
struct Dialog {
    text: Vec<u8>,
    messages: Vec<Kept>,
    dropped: u32,
    call: Option<CallId>,
}

/// A message but for its text, which ends there.
#[derive(Debug)]
struct Kept {
    at: Timestamp,
    direction: Direction,
    flow: Flow,
    end: usize,
}

impl Dialog {
    fn push(&mut self, message: &Message) {
        // Few messages each, and many dialogs: no room for growth.
        self.text.reserve_exact(message.bytes.len());
        self.text.extend_from_slice(&message.bytes);
        self.messages.reserve_exact(1);
        let (at, direction, flow) = (message.at, message.direction, message.flow);
        self.messages.push(Kept { at, direction, flow, end: self.text.len() });
    }

    fn bytes(&self) -> usize {
        DIALOG_BYTES + self.text.len() + self.messages.len() * size_of::<Kept>()
    }

    fn messages(&self) -> impl Iterator<Item = Message> {
        let begins = std::iter::once(0).chain(self.messages.iter().map(|kept| kept.end));
        self.messages.iter().zip(begins).map(|(kept, begin)| {
            let &Kept { at, direction, flow, end } = kept;
            Message { at, direction, flow, bytes: Bytes::copy_from_slice(&self.text[begin..end]) }
        })
    }
}

#[derive(Debug)]
struct Climbed {
    tenant: TenantId,
    dialogs: Vec<String>,
}

/// What [`Ladders::of`] gives.
#[derive(Debug, Default)]
pub struct Ladder {
    /// In order of time, secrets masked.
    pub messages: Vec<Message>,
    /// Messages beyond the limits.
    pub dropped: u32,
}

/// The ladders of an edge.
#[derive(Debug)]
pub struct Ladders {
    /// By Call-ID.
    dialogs: HashMap<String, Dialog>,
    /// Dialogs without a call, oldest first. May name dialogs that got one.
    loose: VecDeque<String>,
    calls: HashMap<CallId, Climbed>,
    /// Calls, oldest first.
    order: VecDeque<CallId>,
    /// Bytes of all dialogs with a call.
    bytes: usize,
    bytes_max: usize,
}

impl Ladders {
    /// Remembers as many calls, running and past, as fit into `bytes_max`.
    pub fn new(bytes_max: usize) -> Self {
        let (dialogs, loose) = (HashMap::new(), VecDeque::new());
        Self { dialogs, loose, calls: HashMap::new(), order: VecDeque::new(), bytes: 0, bytes_max }
    }

    /// Keeps a message.
    pub fn note(&mut self, message: &Message) {
        let Some(call_id) = call_id(&message.bytes) else { return };
        if !self.dialogs.contains_key(call_id) {
            self.begin(call_id.to_owned());
        }
        let Some(dialog) = self.dialogs.get_mut(call_id) else { return };
        let bytes_max = if dialog.call.is_some() { DIALOG_BYTES_MAX } else { LOOSE_BYTES_MAX };
        let full = dialog.text.len() + message.bytes.len() > bytes_max;
        if full || dialog.messages.len() >= MESSAGES_MAX {
            dialog.dropped += 1;
            return;
        }
        let before = dialog.bytes();
        dialog.push(message);
        if dialog.call.is_some() {
            self.bytes += dialog.bytes() - before;
            self.trim();
        }
    }

    fn begin(&mut self, call_id: String) {
        self.dialogs.insert(call_id.clone(), Dialog::default());
        self.loose.push_back(call_id);
        while self.loose.len() > LOOSE_MAX {
            let Some(oldest) = self.loose.pop_front() else { return };
            if self.dialogs.get(&oldest).is_some_and(|d| d.call.is_none()) {
                self.dialogs.remove(&oldest);
            }
        }
    }

    /// The dialog with this Call-ID belongs to the call.
    pub fn link(&mut self, tenant: &TenantId, call: &CallId, call_id: &str) {
        if !self.dialogs.contains_key(call_id) {
            self.begin(call_id.to_owned());
        }
        let Some(dialog) = self.dialogs.get_mut(call_id).filter(|d| d.call.is_none()) else { return };
        let climbed = self.calls.entry(call.clone()).or_insert_with(|| {
            self.order.push_back(call.clone());
            Climbed { tenant: tenant.clone(), dialogs: Vec::new() }
        });
        if climbed.dialogs.len() < DIALOGS_MAX {
            climbed.dialogs.push(call_id.to_owned());
            dialog.call = Some(call.clone());
            self.bytes += dialog.bytes();
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.order.pop_front().and_then(|call| self.calls.remove(&call)) else {
                return;
            };
            for dialog in oldest.dialogs {
                self.bytes -= self.dialogs.remove(&dialog).map_or(0, |d| d.bytes());
            }
        }
    }

    /// The ladder of a tenant's call; `None`: it is not remembered.
    pub fn of(&self, tenant: &TenantId, call: &CallId) -> Option<Ladder> {
        let climbed = self.calls.get(call).filter(|c| c.tenant == *tenant)?;
        let mut ladder = Ladder::default();
        for dialog in climbed.dialogs.iter().filter_map(|d| self.dialogs.get(d)) {
            ladder.dropped += dialog.dropped;
            ladder.messages.extend(dialog.messages().map(|message| message.masked()));
        }
        ladder.messages.sort_by_key(|m| m.at);
        Some(ladder)
    }
}

impl Message {
    /// Without what nobody may read: answers to digest challenges, keys of SRTP,
    /// keys that the caller pressed. Lengths stay as they were.
    fn masked(&self) -> Message {
        let mut text = self.bytes.to_vec();
        let mut at = 0;
        for line in self.bytes.split_inclusive(|b| *b == b'\n') {
            mask(line, &mut text[at..at + line.len()]);
            at += line.len();
        }
        Message { bytes: text.into(), ..self.clone() }
    }
}

/// What is secret in a line that begins so, from behind which word on.
const SECRETS: [(&str, &[&str]); 4] = [
    ("authorization:", &["response=", "cnonce="]),
    ("proxy-authorization:", &["response=", "cnonce="]),
    ("a=crypto:", &["inline:"]),
    ("signal=", &["signal="]),
];

fn mask(line: &[u8], masked: &mut [u8]) {
    let lower = line.to_ascii_lowercase();
    for (start, words) in SECRETS {
        if !lower.starts_with(start.as_bytes()) {
            continue;
        }
        for word in words {
            let found = lower.windows(word.len()).position(|w| w == word.as_bytes());
            let Some(from) = found.map(|at| at + word.len()) else { continue };
            let secret = masked[from..].iter_mut().skip_while(|b| **b == b'"');
            secret.take_while(|b| !b"\",;| \r\n".contains(*b)).for_each(|b| *b = b'x');
        }
    }
}

/// The Call-ID, in either spelling (RFC 3261 §7.3.3).
fn call_id(message: &[u8]) -> Option<&str> {
    let lines = message.split(|b| *b == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    let value = |line: &'_ [u8]| -> Option<std::ops::Range<usize>> {
        let colon = line.iter().position(|b| *b == b':')?;
        let name = line[..colon].trim_ascii_end();
        let named = name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i");
        named.then_some(colon + 1..line.len())
    };
    let mut values = lines.filter_map(|line| Some(line[value(line)?].trim_ascii()));
    values.next().and_then(|id| std::str::from_utf8(id).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::Protocol;

    const BYTES_MAX: usize = 1 << 20;

    fn message(call_id: &str, more: &str) -> Message {
        let flow = Flow { protocol: Protocol::Udp, remote: "192.0.2.1:5060".parse().unwrap() };
        let bytes = format!("INVITE sip:x SIP/2.0\r\ni: {call_id}\r\n{more}\r\n").into();
        Message { at: Timestamp::from_millis(1), direction: Direction::In, flow, bytes }
    }

    fn ids(n: u128) -> (TenantId, CallId) {
        let at = Timestamp::from_millis(1);
        (TenantId::new(at, 1), CallId::new(at, n))
    }

    #[test]
    fn a_call_has_its_own_messages_and_no_other_tenant_sees_them() {
        let mut ladders = Ladders::new(BYTES_MAX);
        let (tenant, call) = ids(1);
        ladders.note(&message("a", ""));
        ladders.note(&message("b", ""));
        ladders.link(&tenant, &call, "a");
        ladders.note(&message("a", ""));
        ladders.link(&tenant, &call, "later");
        ladders.note(&message("later", ""));
        assert_eq!(ladders.of(&tenant, &call).unwrap().messages.len(), 3);
        let foreign = TenantId::new(Timestamp::from_millis(1), 2);
        assert!(ladders.of(&foreign, &call).is_none());
    }

    #[test]
    fn secrets_are_masked_and_lengths_kept() {
        let secret = "Authorization: Digest username=\"ana\", response=\"0123abc\", cnonce=\"77\"\r\n\
                      a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^20\r\nSignal=5\r\n";
        let before = message("a", secret);
        let masked = before.masked().bytes;
        let text = String::from_utf8(masked.to_vec()).unwrap();
        assert_eq!(text.len(), before.bytes.len());
        for hidden in ["0123abc", "\"77\"", "c2VjcmV0", "=5"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
        assert!(text.contains("username=\"ana\"") && text.contains("|2^20"));
    }

    #[test]
    fn a_flood_of_strangers_pushes_out_strangers_only() {
        let mut ladders = Ladders::new(BYTES_MAX);
        let (tenant, call) = ids(1);
        ladders.note(&message("mine", ""));
        ladders.link(&tenant, &call, "mine");
        for n in 0..3 * LOOSE_MAX {
            ladders.note(&message(&format!("stranger {n}"), ""));
        }
        assert!(ladders.dialogs.len() <= LOOSE_MAX + 1);
        assert_eq!(ladders.of(&tenant, &call).unwrap().messages.len(), 1);
    }

    #[test]
    fn one_dialog_and_all_calls_are_bounded() {
        let mut ladders = Ladders::new(BYTES_MAX);
        let (tenant, call) = ids(1);
        ladders.link(&tenant, &call, "a");
        (0..MESSAGES_MAX + 7).for_each(|_| ladders.note(&message("a", "")));
        let ladder = ladders.of(&tenant, &call).unwrap();
        assert_eq!((ladder.messages.len(), ladder.dropped), (MESSAGES_MAX, 7));
        let (last, text) = (10_000, "x".repeat(1_000));
        for n in 2..=last {
            ladders.link(&tenant, &ids(n).1, &format!("{n}"));
            ladders.note(&message(&format!("{n}"), &text));
        }
        assert!(ladders.of(&tenant, &call).is_none(), "the oldest is forgotten");
        assert_eq!(ladders.of(&tenant, &ids(last).1).unwrap().messages.len(), 1);
        assert!(ladders.bytes <= BYTES_MAX && ladders.bytes > BYTES_MAX / 2);
        assert_eq!((ladders.calls.len(), ladders.dialogs.len()), (ladders.order.len(), ladders.order.len()));
    }
}
