//! Carriers that our calls go to, on real UDP sockets: gateways that die and come
//! back, and registrars that challenge, shorten, refuse and forget.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::line::v1::{command, to_line};
use sip::digest::{Authorization, Challenger, Secret, Verdict};
use sip::{Message, Request, Tokens};
use tokio::net::UdpSocket;
use types::config::{Credentials, Trunk};
use types::{Timestamp, TrunkId};

use crate::transfers::{number, wants};
use crate::world::{SOON, World, by_address, trunk_to};

/// One request as a carrier saw it; repeated datagrams are one request.
#[derive(Debug, Clone)]
struct Seen {
    method: String,
    call_id: String,
    cseq: u32,
    expires: Option<u32>,
    authorized: bool,
    at: Timestamp,
}

/// How a carrier behaves; a test changes it.
#[derive(Debug, Clone)]
struct Manners {
    silent: bool,
    answers_options: bool,
    /// Seconds granted to who proves this password.
    password: &'static str,
    granted: u32,
    /// Shorter registrations get 423.
    least: u32,
}

const MANNERS: Manners =
    Manners { silent: false, answers_options: true, password: "pass", granted: 600, least: 0 };

#[derive(Clone)]
struct Carrier {
    address: SocketAddr,
    manners: Arc<Mutex<Manners>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Carrier {
    async fn start(manners: Manners) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let carrier = Self { address, manners: Arc::new(Mutex::new(manners)), seen: Arc::default() };
        tokio::spawn(carrier.clone().serve(socket));
        carrier
    }

    fn behave(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock().unwrap());
    }

    fn seen(&self, method: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.method == method).cloned().collect()
    }

    async fn sees(&self, what: &str, found: impl Fn(&[Seen]) -> bool) {
        let looking = async {
            while !found(&self.seen.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let all = || format!("no {what} in {:#?}", self.seen.lock().unwrap());
        tokio::time::timeout(SOON * 2, looking).await.unwrap_or_else(|_| panic!("{}", all()));
    }

    /// Waits for so many more requests of this method.
    async fn sees_more(&self, method: &str, more: usize) {
        let wanted = self.seen(method).len() + more;
        let count = |seen: &[Seen]| seen.iter().filter(|seen| seen.method == method).count() >= wanted;
        self.sees(&format!("{more} more {method}"), count).await;
    }

    async fn serve(self, socket: UdpSocket) {
        let challenger_tokens = Tokens::new(chassis::random::key());
        let mut challenger = Challenger::new("carrier.example", Duration::from_secs(60), challenger_tokens);
        let (mut tokens, mut buffer) = (Tokens::new([1; 32]), vec![0; 65_536]);
        let mut known = HashSet::new();
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let bytes = bytes::Bytes::copy_from_slice(&buffer[..length]);
            let Ok(Message::Request(request)) = sip::read(bytes, from, &mut tokens) else { continue };
            let manners = self.manners.lock().unwrap().clone();
            let (status, lines, authorized) = answer(&request, &manners, &mut challenger);
            let cseq = request.header("CSeq").unwrap();
            if request.method() != "ACK" && known.insert((request.call_id(), cseq.clone())) {
                self.seen.lock().unwrap().push(Seen {
                    method: request.method(),
                    call_id: request.call_id(),
                    cseq: cseq.split(' ').next().unwrap().parse().unwrap(),
                    expires: request.header("Expires").and_then(|value| value.parse().ok()),
                    authorized,
                    at: chassis::clock::now(),
                });
            }
            let mute = manners.silent || request.method() == "ACK";
            if mute || (request.method() == "OPTIONS" && !manners.answers_options) {
                continue;
            }
            socket.send_to(response(&request, status, &lines).as_bytes(), from).await.unwrap();
        }
    }
}

fn answer(request: &Request, manners: &Manners, challenger: &mut Challenger) -> (&'static str, String, bool) {
    match request.method().as_str() {
        "REGISTER" => registered(request, manners, challenger),
        "INVITE" => ("486 Busy Here", String::new(), false),
        _ => ("200 OK", String::new(), false),
    }
}

fn registered(
    request: &Request,
    manners: &Manners,
    challenger: &mut Challenger,
) -> (&'static str, String, bool) {
    let now = Duration::from_secs(1);
    let asked: u32 = request.header("Expires").unwrap().parse().unwrap();
    let Some(shown) = request.header("Authorization") else {
        let challenges = challenger.challenges(now, false);
        let lines = challenges.map(|c| format!("WWW-Authenticate: {c}\r\n")).concat();
        return ("401 Unauthorized", lines, false);
    };
    let shown = Authorization::parse(&shown).unwrap();
    let secret = Secret::new("acme", "carrier.example", manners.password);
    if shown.username != "acme" || challenger.check(now, "REGISTER", &shown, &secret) != Verdict::Granted {
        return ("403 Forbidden", String::new(), false);
    }
    if asked > 0 && asked < manners.least {
        return ("423 Interval Too Brief", format!("Min-Expires: {}\r\n", manners.least), true);
    }
    let contact = request.header("Contact").unwrap();
    let granted = asked.min(manners.granted);
    ("200 OK", format!("Contact: {contact};expires={granted}\r\n"), true)
}

fn response(request: &Request, status: &str, lines: &str) -> String {
    let line = |name: &str| request.header(name).unwrap();
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=carrier\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         {lines}Content-Length: 0\r\n\r\n",
        line("Via"),
        line("From"),
        line("To"),
        line("Call-ID"),
        line("CSeq"),
    )
}

/// An edge in a hurry.
async fn world() -> World {
    let settings = toml::toml! {
        probe_every_ms = 300
        probe_timeout_ms = 500
        again_ms = 300
        again_max_ms = 4000
    };
    World::with(by_address("127.0.0.1"), settings).await
}

fn registering(carrier: &Carrier, password: &str) -> Trunk {
    let mut trunk = trunk_to(&[carrier.address]);
    let outbound = trunk.outbound.as_mut().unwrap();
    outbound.register = true;
    outbound.credentials = Some(Credentials { username: "acme".to_owned(), password: password.to_owned() });
    trunk
}

fn trunk_id() -> TrunkId {
    TrunkId::new(chassis::clock::now(), chassis::random::u128())
}

impl World {
    /// The agent calls a number outside, and hears that it is busy.
    async fn tries_a_number(&self, before: usize) {
        self.desk(wants(command::What::Invite(number()))).await;
        let failures = |w: &to_line::What| matches!(w, to_line::What::InviteFailed(_));
        self.peers.desk_times(self.agent.as_str(), before + 1, failures).await;
    }
}

#[tokio::test]
async fn a_gateway_that_dies_is_passed_over_and_used_again_when_it_is_back() {
    let world = world().await;
    let (first, second) = (Carrier::start(MANNERS).await, Carrier::start(MANNERS).await);
    world.calls_out_by(&[first.address, second.address]).await;
    first.sees_more("OPTIONS", 2).await;
    let (_call, _phone) = world.talking_at_the_desk().await;
    world.tries_a_number(0).await;
    assert_eq!((first.seen("INVITE").len(), second.seen("INVITE").len()), (1, 0));

    first.behave(|manners| manners.silent = true);
    // The second of them is asked after the first had no answer.
    first.sees_more("OPTIONS", 3).await;
    world.tries_a_number(1).await;
    assert_eq!((first.seen("INVITE").len(), second.seen("INVITE").len()), (1, 1), "the dead one is skipped");

    first.behave(|manners| manners.silent = false);
    // The second of them is asked after the answer to the first was heard.
    first.sees_more("OPTIONS", 3).await;
    world.tries_a_number(2).await;
    assert_eq!((first.seen("INVITE").len(), second.seen("INVITE").len()), (2, 1), "it is back");
}

#[tokio::test]
async fn a_gateway_that_a_call_finds_dead_is_probed_at_once() {
    let settings = toml::toml! {
        probe_timeout_ms = 500
        again_max_ms = 2000
    };
    let world = World::with(by_address("127.0.0.1"), settings).await;
    let (first, second) = (Carrier::start(MANNERS).await, Carrier::start(MANNERS).await);
    world.calls_out_by(&[first.address, second.address]).await;
    first.sees_more("OPTIONS", 1).await;
    let (_call, _phone) = world.talking_at_the_desk().await;
    first.behave(|manners| manners.silent = true);
    let probes = first.seen("OPTIONS").len();
    world.tries_a_number(0).await;
    assert_eq!((first.seen("INVITE").len(), second.seen("INVITE").len()), (1, 1), "the next way is tried");
    first
        .sees("a probe long before its time", |seen| {
            seen.iter().filter(|seen| seen.method == "OPTIONS").count() > probes
        })
        .await;
    first.sees_more("OPTIONS", 1).await;
    world.tries_a_number(1).await;
    assert_eq!(
        (first.seen("INVITE").len(), second.seen("INVITE").len()),
        (1, 2),
        "nobody waits for it again"
    );
}

#[tokio::test]
async fn a_registration_proves_itself_and_is_refreshed_before_it_lapses() {
    const GRANTED: u32 = 6;
    let world = world().await;
    let carrier = Carrier::start(Manners { granted: GRANTED, ..MANNERS }).await;
    world.save_trunk(&trunk_id(), &registering(&carrier, "pass"));
    let proven = |seen: &[Seen]| seen.iter().filter(|seen| seen.authorized).count() >= 3;
    carrier.sees("three registrations", proven).await;
    let seen = carrier.seen("REGISTER");
    assert!(!seen[0].authorized && seen[1].authorized, "the challenge is answered");
    assert!(seen.iter().all(|one| one.call_id == seen[0].call_id), "one Call-ID for all of them");
    assert!(seen.is_sorted_by(|a, b| a.cseq < b.cseq), "numbers rise");
    let granted: Vec<_> = seen.iter().filter(|seen| seen.authorized).collect();
    for pair in granted.windows(2) {
        let gap = pair[1].at.since(pair[0].at);
        assert!(gap < i64::from(GRANTED) * 1_000, "lapsed: {gap} ms");
        assert!(gap > 1_000, "refreshed far too often: {gap} ms");
    }
    world.drain();
    carrier.sees("the end", |seen| seen.iter().any(|s| s.authorized && s.expires == Some(0))).await;
}

/// Another company, or another trunk, may say the same name at the same gateway.
#[tokio::test]
async fn a_registration_is_its_trunks_alone() {
    let world = world().await;
    let carrier = Carrier::start(MANNERS).await;
    world.save_trunk(&trunk_id(), &registering(&carrier, "pass"));
    carrier.sees("a registration", |seen| seen.iter().any(|seen| seen.authorized)).await;
    let other = trunk_id();
    for _ in 0..8 {
        let mut trunk = registering(&carrier, "guess");
        trunk.outbound.as_mut().unwrap().register = false;
        world.save_trunk(&other, &trunk);
        carrier.sees_more("OPTIONS", 2).await;
    }
    let registrations = carrier.seen("REGISTER");
    assert!(registrations.iter().all(|seen| seen.expires != Some(0)), "{registrations:#?}");
}

#[tokio::test]
async fn a_registrar_that_wants_longer_registrations_gets_them() {
    let world = world().await;
    let carrier = Carrier::start(Manners { least: 1_800, granted: 3_600, ..MANNERS }).await;
    world.save_trunk(&trunk_id(), &registering(&carrier, "pass"));
    carrier.sees("a longer one", |seen| seen.iter().any(|s| s.authorized && s.expires == Some(1_800))).await;
    let asked: Vec<_> = carrier.seen("REGISTER").iter().filter_map(|seen| seen.expires).collect();
    assert_eq!(asked.first(), Some(&300), "what we ask by ourselves");
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again_until_it_is_changed_and_a_disabled_trunk_leaves() {
    let settings = toml::toml! { probe_every_ms = 300 };
    let world = World::with(by_address("127.0.0.1"), settings).await;
    let (carrier, id) = (Carrier::start(MANNERS).await, trunk_id());
    world.save_trunk(&id, &registering(&carrier, "guess"));
    carrier
        .sees("the attempt with credentials", |seen| {
            seen.iter().filter(|seen| seen.method == "REGISTER").count() == 2
        })
        .await;
    carrier.sees_more("OPTIONS", 3).await;
    assert_eq!(carrier.seen("REGISTER").len(), 2, "an account is not to be locked by us");

    let mut trunk = registering(&carrier, "pass");
    world.save_trunk(&id, &trunk);
    carrier.sees("the right password", |seen| seen.iter().any(|seen| seen.authorized)).await;
    trunk.enabled = false;
    world.save_trunk(&id, &trunk);
    carrier.sees("the end", |seen| seen.iter().any(|s| s.authorized && s.expires == Some(0))).await;
}

/// Some carriers leave every OPTIONS without an answer.
#[tokio::test]
async fn a_carrier_that_ignores_probes_and_knows_us_is_called() {
    let world = world().await;
    let mute = Carrier::start(Manners { answers_options: false, ..MANNERS }).await;
    world.save_trunk(&trunk_id(), &registering(&mute, "pass"));
    mute.sees("registration", |seen| seen.iter().any(|seen| seen.authorized)).await;
    let second = Carrier::start(MANNERS).await;
    let mut other = trunk_to(&[second.address]);
    other.outbound.as_mut().unwrap().gateways[0].priority = 9;
    world.save_trunk(&trunk_id(), &other);
    mute.sees_more("OPTIONS", 3).await;
    second.sees_more("OPTIONS", 2).await;
    let (_call, _phone) = world.talking_at_the_desk().await;
    world.tries_a_number(0).await;
    assert_eq!((mute.seen("INVITE").len(), second.seen("INVITE").len()), (1, 0));
}
