//! What a successor of this edge needs of the calls that run, in the journal beside
//! the facts: each call under `call/<call>`, each of its SIP legs under
//! `leg/<call>/<leg>`.
//!
//! A call is written together with the facts of the same step, before anything of
//! that step is done; a leg before the packets leave that its change explains. A leg
//! whose call is not there any more was on its way out: the successor hangs it up.

use std::collections::HashMap;

use anyhow::{Context, bail};
use bytes::Bytes;
use call::{Call, Effect, IvrInput, Words};
use eventlog::{Live, Log};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use types::{
    AgentId, CallId, E164, LegId, Millis, Purpose, QueueId, ReservationId, TenantId, Timestamp, TrunkId,
};

use crate::gateways::KeptSession;
use crate::queue::KeptPlace;

/// The form of what is kept, its first byte. To be raised with every change of it:
/// what another version wrote cannot be told from noise.
const FORM: u8 = 1;

const CALLS: &str = "call/";
const LEGS: &str = "leg/";

/// A call, by reference as it is written. The fields are those of [`KeptCall`], in
/// the same order.
#[derive(Serialize)]
pub struct CallToKeep<'a> {
    pub tenant: &'a TenantId,
    pub call: &'a Call,
    pub caller: Option<sip::LegId>,
    pub offer: Option<&'a Bytes>,
    pub offered: bool,
    pub local: Option<&'a Bytes>,
    pub media: Option<KeptSession>,
    pub media_due: Option<Timestamp>,
    pub cursor: &'a Bytes,
    pub asked: Option<&'a IvrInput>,
    pub saying: Option<&'a Saying>,
    pub place: Option<KeptPlace>,
    pub lines: Vec<(&'a LegId, KeptLine)>,
    pub reaching: Vec<(&'a LegId, KeptReaching)>,
    pub own: Option<KeptOwn>,
    /// What the step wanted done.
    pub todo: Vec<&'a Effect>,
}

/// The same as it is read.
#[derive(Debug, Deserialize)]
pub struct KeptCall {
    pub tenant: TenantId,
    pub call: Call,
    pub caller: Option<sip::LegId>,
    pub offer: Option<Bytes>,
    pub offered: bool,
    pub local: Option<Bytes>,
    pub media: Option<KeptSession>,
    pub media_due: Option<Timestamp>,
    pub cursor: Bytes,
    pub asked: Option<IvrInput>,
    pub saying: Option<Saying>,
    pub place: Option<KeptPlace>,
    pub lines: Vec<(LegId, KeptLine)>,
    pub reaching: Vec<(LegId, KeptReaching)>,
    pub own: Option<KeptOwn>,
    pub todo: Vec<Effect>,
}

/// Words that are awaited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Saying {
    Words(Words),
    Position { queue: QueueId, position: u32, wait: Option<Millis>, callback: Option<char> },
}

/// An agent's line, or a number's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptLine {
    pub device: KeptDevice,
    pub accepted: bool,
    pub ready: bool,
    pub local: Option<Bytes>,
    pub held: bool,
    pub remote: Option<Bytes>,
    /// A second dialog of the phone by which this party is consulted.
    pub consults: Option<(sip::LegId, LegId)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum KeptDevice {
    /// Where the desk is, and the ring as it was sent.
    Browser {
        address: String,
        ring: Vec<u8>,
    },
    Phone {
        username: String,
        leg: Option<sip::LegId>,
        others: Vec<sip::LegId>,
        in_browser: bool,
    },
    Trunk {
        number: E164,
        leg: Option<sip::LegId>,
        trunk: Option<TrunkId>,
        due: Option<Timestamp>,
        code: u16,
    },
}

/// An agent who is wanted in person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptReaching {
    pub place: KeptPlace,
    pub reservation: Option<ReservationId>,
    pub agent: AgentId,
    pub purpose: Purpose,
    pub told: bool,
}

/// The phone by which the agent who leads called, until it is a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptOwn {
    pub username: String,
    pub leg: sip::LegId,
    pub offer: Bytes,
}

/// A SIP leg of a call.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptSipLeg {
    pub tenant: TenantId,
    pub call: CallId,
    pub at: Timestamp,
    pub leg: sip::KeptLeg,
    /// The user name of an agent's phone.
    pub username: Option<String>,
    /// Whom a TLS connection to the peer must lead to.
    pub verify: Option<(String, Option<String>)>,
}

/// The key of a call.
pub fn call_key(call: &CallId) -> String {
    format!("{CALLS}{call}")
}

/// The key of a leg of it.
pub fn leg_key(call: &CallId, leg: sip::LegId) -> String {
    format!("{LEGS}{call}/{}", leg.0)
}

/// What is kept, as it lies in the journal.
pub fn encode<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    let written = postcard::to_extend(value, vec![FORM]);
    written.inspect_err(|error| tracing::error!(%error, "a call cannot be kept")).ok()
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> anyhow::Result<T> {
    match bytes.split_first() {
        Some((&FORM, rest)) => postcard::from_bytes(rest).context("it cannot be read"),
        Some((form, _)) => bail!("it has the form {form} of another version"),
        None => bail!("it is empty"),
    }
}

/// What a predecessor left.
#[derive(Default)]
pub struct Left {
    pub calls: Vec<KeptCall>,
    pub legs: Vec<KeptSipLeg>,
}

/// Reads what a predecessor left. What cannot be read is forgotten, loudly.
pub fn read(log: &Log) -> anyhow::Result<Left> {
    let left = Left { calls: all(log, CALLS)?, legs: all(log, LEGS)? };
    if !left.legs.is_empty() || !left.calls.is_empty() {
        tracing::info!(calls = left.calls.len(), legs = left.legs.len(), "taking up what a predecessor left");
    }
    Ok(left)
}

fn all<T: DeserializeOwned>(log: &Log, prefix: &str) -> anyhow::Result<Vec<T>> {
    let (mut found, mut forgotten) = (Vec::new(), Vec::new());
    for Live { key, value } in log.kept(prefix)? {
        match decode(&value.unwrap_or_default()) {
            Ok(kept) => found.push(kept),
            Err(error) => {
                metrics::counter!("telephony_calls_lost_total").increment(1);
                tracing::error!(key, %error, "what a predecessor left is lost");
                forgotten.push(Live { key, value: None });
            }
        }
    }
    log.commit(&[], forgotten)?;
    Ok(found)
}

impl KeptCall {
    /// Its sessions in the ACD.
    pub fn places(&self) -> impl Iterator<Item = KeptPlace> {
        self.place.iter().chain(self.reaching.iter().map(|(_, reaching)| &reaching.place)).cloned()
    }
}

impl Left {
    /// The SIP legs by call.
    pub fn take_legs(&mut self) -> HashMap<CallId, Vec<KeptSipLeg>> {
        let mut by_call: HashMap<CallId, Vec<KeptSipLeg>> = HashMap::new();
        for leg in self.legs.drain(..) {
            by_call.entry(leg.call.clone()).or_default().push(leg);
        }
        by_call
    }
}

#[cfg(test)]
mod tests {
    use call::Entry;
    use types::{FlowId, RecordingId};

    use super::*;

    fn begun() -> (Call, Vec<Effect>) {
        let now = Timestamp::from_millis(1_000_000);
        let entry = Entry {
            call: CallId::new(now, 1),
            caller_leg: LegId::new(now, 2),
            recording: Some(RecordingId::new(now, 3)),
            message: RecordingId::new(now, 4),
            from: "+40211234567".to_owned(),
            caller_name: Some("Ana".to_owned()),
            did: "+40219999999".parse().unwrap(),
            did_label: "Main".to_owned(),
            trunk: TrunkId::new(now, 5),
            flow: FlowId::new(now, 6),
            auto_connect: false,
            answer_after: Some(60_000),
        };
        Call::offered(now, entry)
    }

    #[test]
    fn a_call_is_read_as_it_was_written_and_another_form_is_not() {
        let (call, effects) = begun();
        let tenant = TenantId::new(Timestamp::from_millis(1), 7);
        let (sdp, cursor) = (Bytes::from_static(b"v=0"), Bytes::from_static(b"cursor"));
        let leg = LegId::new(Timestamp::from_millis(1), 8);
        let line = KeptLine {
            device: KeptDevice::Phone {
                username: "ana".to_owned(),
                leg: Some(sip::LegId(9)),
                others: vec![sip::LegId(10)],
                in_browser: false,
            },
            accepted: true,
            ready: true,
            local: Some(sdp.clone()),
            held: false,
            remote: None,
            consults: None,
        };
        let written = CallToKeep {
            tenant: &tenant,
            call: &call,
            caller: Some(sip::LegId(3)),
            offer: Some(&sdp),
            offered: true,
            local: None,
            media: None,
            media_due: None,
            cursor: &cursor,
            asked: Some(&IvrInput::Keys("1".to_owned())),
            saying: None,
            place: None,
            lines: vec![(&leg, line.clone())],
            reaching: Vec::new(),
            own: None,
            todo: effects.iter().filter(|effect| effect.is_kept()).collect(),
        };
        let mut bytes = encode(&written).unwrap();
        let read: KeptCall = decode(&bytes).unwrap();
        assert_eq!(read.call.ledger(), call.ledger());
        assert_eq!(read.call.entry(), call.entry());
        assert_eq!(read.todo, [Effect::OpenMedia, Effect::AskIvr(IvrInput::Start)]);
        assert_eq!((read.tenant, read.cursor, read.lines), (tenant, cursor, vec![(leg, line)]));
        assert_eq!(read.asked, Some(IvrInput::Keys("1".to_owned())));
        bytes[0] = FORM + 1;
        assert!(decode::<KeptCall>(&bytes).is_err());
    }

    #[test]
    fn what_cannot_be_read_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(folder.path()).unwrap();
        let kept = |value: &[u8]| Live { key: "call/call_1".to_owned(), value: Some(value.to_vec()) };
        log.commit(&[], vec![kept(&[FORM + 1, 2, 3])]).unwrap();
        assert!(read(&log).unwrap().calls.is_empty());
        assert!(log.kept(CALLS).unwrap().is_empty());
    }
}
