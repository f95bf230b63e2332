use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use sip::{Config, Endpoint, Event, Flow, Message, Output, Protocol, Refusal, Tokens};

/// The folder with the messages. Its absence is a failure in CI and a loud skip
/// elsewhere.
fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("TRUNKLINE_SHARED").map_or(beside, PathBuf::from);
    let folder = shared.join("conformance");
    if folder.is_dir() {
        return Some(folder);
    }
    let in_ci = std::env::var("CI").is_ok_and(|v| v == "true");
    assert!(!in_ci, "no torture messages at {} in CI", folder.display());
    eprintln!("SKIPPED: no torture messages at {}", folder.display());
    None
}

fn messages(of: &str) -> Vec<(String, Bytes)> {
    let Some(folder) = folder() else { return Vec::new() };
    let entries = std::fs::read_dir(folder.join(of)).expect("a folder");
    let mut all: Vec<_> = entries
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_none_or(|e| e == "dat"))
        .map(|p| {
            let name = p.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&p).expect("a message").into())
        })
        .collect();
    all.sort();
    all
}

fn read(bytes: Bytes) -> Result<Message, Refusal> {
    let source = "192.0.2.99:5060".parse().expect("an address");
    sip::read(bytes, source, &mut Tokens::new([0; 32]))
}

/// `ok`, `dropped`, or the status code it is refused with.
fn outcome(bytes: &Bytes) -> String {
    match read(bytes.clone()) {
        Ok(_) => "ok".to_owned(),
        Err(Refusal::Drop) => "dropped".to_owned(),
        Err(Refusal::Answer { code, .. }) => code.to_string(),
    }
}

/// What the reader makes of each message of RFC 4475. Messages of section 3.3
/// that are fine to read but not to act on are `ok` here.
const RFC4475: &[(&str, &str)] = &[
    // 3.1.1: valid. `unreason`, `noreason` are responses; `intmeth` an unknown method.
    ("wsinv", "ok"),
    ("intmeth", "ok"),
    ("esc01", "ok"),
    ("escnull", "ok"),
    ("esc02", "ok"),
    ("lwsdisp", "ok"),
    ("longreq", "ok"),
    ("dblreq", "ok"),
    ("semiuri", "ok"),
    ("transports", "ok"),
    ("mpart01", "ok"),
    ("unreason", "ok"),
    ("noreason", "ok"),
    // 3.1.2: invalid.
    ("badinv01", "400"),
    ("clerr", "400"),
    ("ncl", "400"),
    ("scalar02", "400"),
    ("scalarlg", "dropped"),
    ("quotbal", "400"),
    ("ltgtruri", "400"),
    ("lwsruri", "400"),
    ("lwsstart", "400"),
    ("trws", "400"),
    ("escruri", "400"),
    ("baddate", "400"),
    ("regbadct", "400"),
    ("badaspec", "400"),
    ("baddn", "400"),
    ("badvers", "505"),
    ("mismatch01", "400"),
    ("mismatch02", "501"),
    ("bigcode", "dropped"),
    // 3.2 to 3.4.
    ("badbranch", "ok"),
    ("insuf", "400"),
    ("unkscm", "416"),
    ("novelsc", "416"),
    ("unksm2", "ok"),
    ("bext01", "420"),
    ("invut", "415"),
    ("regaut01", "ok"),
    ("multi01", "400"),
    ("mcl01", "400"),
    ("bcast", "ok"),
    ("zeromf", "ok"),
    ("cparam01", "ok"),
    ("cparam02", "ok"),
    ("regescrt", "ok"),
    ("sdp01", "ok"),
    ("inv2543", "ok"),
];

#[test]
fn every_torture_message_is_understood_or_refused_as_it_deserves() {
    let messages = messages("rfc4475");
    let mut wrong = Vec::new();
    for (name, bytes) in &messages {
        let expected = RFC4475.iter().find(|(n, _)| n == name).map(|(_, e)| *e);
        let got = outcome(bytes);
        if expected != Some(got.as_str()) {
            wrong.push(format!("{name}: expected {expected:?}, got {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(messages.is_empty() || messages.len() == RFC4475.len());
}

#[test]
fn ipv6_messages_are_understood_except_the_one_without_brackets() {
    for (name, bytes) in messages("rfc5118") {
        let expected = if name == "ipv6-bad" { "400" } else { "ok" };
        assert_eq!(outcome(&bytes), expected, "{name}");
    }
}

const SOURCE: Flow = Flow {
    protocol: Protocol::Udp,
    remote: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 99)), 5060),
};

fn endpoint() -> Endpoint {
    Endpoint::new(Config::new("192.0.2.1:5060".parse().expect("an address")), [3; 32])
}

/// Runs the endpoint dry and returns the first lines it sent.
fn drain(endpoint: &mut Endpoint, now: Duration) -> Vec<String> {
    let mut sent = Vec::new();
    loop {
        match endpoint.poll(now) {
            Output::Transmit { bytes, .. } => {
                sent.push(String::from_utf8_lossy(&bytes).lines().next().unwrap_or("").to_owned());
            }
            Output::Event(event) => {
                if let Event::Request { id, .. } = *event {
                    endpoint.respond_options(now, id).expect("a request to answer");
                }
            }
            Output::Timeout(_) => return sent,
        }
    }
}

fn options(n: usize) -> Bytes {
    format!(
        "OPTIONS sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKalive{n}\r\n\
         From: <sip:test@x>;tag=1\r\nTo: <sip:192.0.2.1>\r\nCall-ID: alive{n}\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    .into()
}

#[test]
fn the_endpoint_answers_options_after_every_torture_message() {
    let mut endpoint = endpoint();
    let all = messages("rfc4475").into_iter().chain(messages("rfc5118"));
    for (n, (name, bytes)) in all.enumerate() {
        let now = Duration::from_secs(n as u64);
        endpoint.receive(now, SOURCE, bytes);
        drain(&mut endpoint, now);
        endpoint.receive(now, SOURCE, options(n));
        assert_eq!(drain(&mut endpoint, now), ["SIP/2.0 200 OK"], "after {name}");
    }
}

/// A message to damage; real ones when they are there.
fn samples() -> Vec<Bytes> {
    let mut all: Vec<Bytes> = messages("rfc4475").into_iter().map(|(_, b)| b).collect();
    all.extend(messages("rfc5118").into_iter().map(|(_, b)| b));
    all.push(options(0));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_messages_never_cause_a_panic(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..12),
    ) {
        let samples = samples();
        let mut bytes = samples[which.index(samples.len())].to_vec();
        for (at, byte, kind) in damage {
            if bytes.is_empty() { break }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        let mut endpoint = endpoint();
        endpoint.receive(Duration::ZERO, SOURCE, bytes.into());
        drain(&mut endpoint, Duration::ZERO);
        drain(&mut endpoint, Duration::from_secs(3600));
    }

    #[test]
    fn noise_is_dropped(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut endpoint = endpoint();
        endpoint.receive(Duration::ZERO, SOURCE, noise.into());
        prop_assert!(drain(&mut endpoint, Duration::ZERO).is_empty());
    }
}
