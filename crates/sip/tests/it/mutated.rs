//! Real messages with faults in them, at every boundary where bytes of strangers
//! are read. Nothing panics, and what goes back can itself be read.
//!
//! The messages lie in `tests/corpus`; one that once broke something belongs there.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use sip::digest::Authorization;
use sip::framing::Framer;
use sip::sdp::Audio;
use sip::{Answer, Config, Endpoint, Event, Flow, Message, Output, Protocol, Tokens, Uri, read};

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| {
            let path = entry.expect("a file").path();
            (path.display().to_string(), std::fs::read(&path).expect("a message"))
        })
        .collect();
    all.sort();
    all
}

/// One fault; places are shares of the message's length.
#[derive(Debug, Clone)]
enum Fault {
    Flip { at: u16, with: u8 },
    Cut { at: u16, length: u8 },
    Repeat { at: u16, length: u8, times: u8 },
    Insert { at: u16, what: &'static str },
    Swap { one: u8, other: u8 },
    End { at: u16 },
}

/// What parsers trip over.
const WORDS: [&str; 18] = [
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\0",
    ";",
    ",",
    "\"",
    "<",
    ">",
    "%",
    "%00",
    "\u{fffd}",
    "-1",
    "4294967296",
    "99999999999999999999",
    "SIP/2.0",
    "\r\n ",
    "=",
];

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        (any::<u16>(), any::<u8>()).prop_map(|(at, with)| Fault::Flip { at, with }),
        (any::<u16>(), any::<u8>()).prop_map(|(at, length)| Fault::Cut { at, length }),
        (any::<u16>(), any::<u8>(), 1..20u8).prop_map(|(at, length, times)| Fault::Repeat {
            at,
            length,
            times
        }),
        (any::<u16>(), 0..WORDS.len()).prop_map(|(at, word)| Fault::Insert { at, what: WORDS[word] }),
        (any::<u8>(), any::<u8>()).prop_map(|(one, other)| Fault::Swap { one, other }),
        any::<u16>().prop_map(|at| Fault::End { at }),
    ]
}

impl Fault {
    fn apply(&self, message: &mut Vec<u8>) {
        let place = |at: u16| usize::from(at) * message.len() / (usize::from(u16::MAX) + 1);
        match *self {
            _ if message.is_empty() => {}
            Fault::Flip { at, with } => {
                let at = place(at);
                message[at] ^= with;
            }
            Fault::Cut { at, length } => {
                let at = place(at);
                let end = (at + usize::from(length)).min(message.len());
                message.drain(at..end);
            }
            Fault::Repeat { at, length, times } => {
                let at = place(at);
                let end = (at + usize::from(length)).min(message.len());
                let again = message[at..end].repeat(times.into());
                message.splice(at..at, again);
            }
            Fault::Insert { at, what } => {
                let at = place(at);
                message.splice(at..at, what.bytes());
            }
            Fault::Swap { one, other } => {
                let mut lines: Vec<&[u8]> = message.split_inclusive(|byte| *byte == b'\n').collect();
                let count = lines.len();
                lines.swap(usize::from(one) % count, usize::from(other) % count);
                *message = lines.concat();
            }
            Fault::End { at } => {
                let at = place(at);
                message.truncate(at);
            }
        }
    }
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let all = corpus();
    (0..all.len(), prop::collection::vec(fault(), 0..6)).prop_map(move |(which, faults)| {
        let mut message = all[which].1.clone();
        faults.iter().for_each(|fault| fault.apply(&mut message));
        message
    })
}

fn flow(protocol: Protocol) -> Flow {
    Flow { protocol, remote: "192.0.2.99:5060".parse().expect("an address") }
}

/// Runs the endpoint dry; what it sends is read as a peer would read it.
fn drain(endpoint: &mut Endpoint, now: Duration) {
    loop {
        match endpoint.poll(now) {
            Output::Transmit { bytes, .. } => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                // A refusal repeats the headers that were wrong (RFC 3261 §8.2.6.2).
                let refusal = text.starts_with("SIP/2.0 4") || text.starts_with("SIP/2.0 5");
                let back = read(bytes, flow(Protocol::Udp).remote, &mut Tokens::new([1; 32]));
                assert!(refusal || back.is_ok(), "unreadable: {text}");
            }
            Output::Event(event) => answer(endpoint, now, *event),
            Output::Timeout(_) => return,
        }
    }
}

fn answer(endpoint: &mut Endpoint, now: Duration, event: Event) {
    match event {
        Event::Invite(invite) => {
            let sdp = invite.request.sdp().unwrap_or_else(|| Bytes::from_static(b"v=0\r\n"));
            let _ = endpoint.accept(now, invite.leg, &Answer::new(200).sdp(sdp));
        }
        Event::Request { id, request, .. } => {
            let _ = (request.contacts(), request.asserted_identity(), request.from());
            let _ = endpoint.respond(now, id, &Answer::new(200));
        }
        Event::Offer { leg, .. } => drop(endpoint.answer_offer(now, leg, &Answer::new(488))),
        _ => {}
    }
}

#[test]
fn the_corpus_is_understood_as_it_is() {
    for (name, message) in corpus() {
        let understood = read(Bytes::from(message), flow(Protocol::Udp).remote, &mut Tokens::new([1; 32]));
        assert!(understood.is_ok(), "{name}: {understood:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn an_endpoint_answers_readably_and_comes_to_rest(
        messages in prop::collection::vec(mutated(), 1..4),
        stream in any::<bool>(),
    ) {
        let protocol = if stream { Protocol::Tcp } else { Protocol::Udp };
        let mut endpoint = Endpoint::new(Config::new("192.0.2.1:5060".parse().unwrap()), [3; 32]);
        let mut now = Duration::ZERO;
        for message in messages {
            endpoint.receive(now, flow(protocol), Bytes::from(message));
            drain(&mut endpoint, now);
            now += Duration::from_millis(10);
        }
        // Unacknowledged answers, transactions and sessions all end by themselves.
        for _ in 0..400 {
            now += Duration::from_secs(10);
            drain(&mut endpoint, now);
        }
        prop_assert_eq!(endpoint.load(), (0, 0));
    }

    #[test]
    fn values_are_read_or_refused(message in mutated()) {
        let text = String::from_utf8_lossy(&message).into_owned();
        for line in text.lines() {
            let value = line.split_once(": ").map_or(line, |(_, value)| value);
            let _ = (Uri::parse(value), Authorization::parse(value), Audio::parse(value.as_bytes()));
        }
        if let Ok(Message::Request(request)) = read(Bytes::from(message.clone()), flow(Protocol::Udp).remote, &mut Tokens::new([1; 32]))
            && let Some(sdp) = request.sdp()
        {
            let _ = Audio::parse(&sdp).map(|audio| Audio::parse(audio.write(1, 1).as_bytes()).expect("what we write"));
        }
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let _ = Audio::parse(body.as_bytes());
    }

    #[test]
    fn a_stream_is_cut_or_closed(message in mutated(), cuts in prop::collection::vec(1..200usize, 1..8)) {
        let (mut framer, mut rest) = (Framer::default(), &message[..]);
        for cut in cuts.into_iter().cycle() {
            let (chunk, after) = rest.split_at(cut.min(rest.len()));
            framer.push(chunk);
            rest = after;
            while let Ok(Some(_)) = framer.frame() {}
            if rest.is_empty() {
                break;
            }
        }
    }
}
