//! Two endpoints and a wire between them that delays and loses packets.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::super::*;
use crate::Answer;
use crate::sdp::{Audio, Codec, Direction};

type Loses = dyn FnMut(usize, &str) -> bool;

pub(super) struct Wire {
    pub(super) now: Duration,
    pub(super) ends: [Endpoint; 2],
    pub(super) events: [VecDeque<Event>; 2],
    /// What a successor of each end would find.
    pub(super) kept: [BTreeMap<LegId, (Duration, String)>; 2],
    pub(super) packets: Vec<(Duration, usize, Flow, Bytes)>,
    /// Every packet sent: from which end, first line.
    pub(super) seen: Vec<(usize, String)>,
    pub(super) protocol: Protocol,
    /// Says whether the n-th packet is lost.
    pub(super) loses: Box<Loses>,
    /// Changes a packet on its way.
    pub(super) alters: Box<Alters>,
}

pub(super) type Alters = dyn FnMut(usize, String) -> String;

pub(super) const DELAY: Duration = Duration::from_millis(20);
pub(super) const ALICE: usize = 0;
pub(super) const BOB: usize = 1;

pub(super) fn address(end: usize) -> SocketAddr {
    SocketAddr::new("192.0.2.1".parse().unwrap(), 5060 + end as u16)
}

/// One of the two, with randomness of its own.
fn end(n: usize, seed: u8) -> Endpoint {
    Endpoint::new(Config { kept: true, ..Config::new(address(n)) }, [seed; 32])
}

impl Wire {
    pub(super) fn new(protocol: Protocol) -> Self {
        let end = |n: usize| end(n, n as u8);
        Self {
            now: Duration::ZERO,
            ends: [end(ALICE), end(BOB)],
            events: [VecDeque::new(), VecDeque::new()],
            kept: Default::default(),
            packets: Vec::new(),
            seen: Vec::new(),
            protocol,
            loses: Box::new(|_, _| false),
            alters: Box::new(|_, text| text),
        }
    }

    pub(super) fn to(&self, end: usize) -> Flow {
        Flow { protocol: self.protocol, remote: address(end) }
    }

    pub(super) fn drain(&mut self) -> Option<Duration> {
        let mut next: Option<Duration> = self.packets.iter().map(|p| p.0).min();
        for end in [ALICE, BOB] {
            loop {
                self.keep(end);
                match self.ends[end].poll(self.now) {
                    Output::Transmit { flow, bytes } => self.send(end, flow, bytes),
                    Output::Event(event) => self.events[end].push_back(*event),
                    Output::Timeout(at) => {
                        next = [next, at].into_iter().flatten().min();
                        break;
                    }
                }
            }
        }
        [next, self.packets.iter().map(|p| p.0).min()].into_iter().flatten().min()
    }

    /// Writes down what changed, as it is done before anything is sent.
    fn keep(&mut self, end: usize) {
        let noted: Vec<LegId> = self.ends[end].take_noted().collect();
        for leg in noted {
            match self.ends[end].kept(self.now, leg) {
                Some(kept) => {
                    let text = serde_json::to_string(&kept).unwrap();
                    self.kept[end].insert(leg, (self.now, text));
                }
                None => drop(self.kept[end].remove(&leg)),
            }
        }
    }

    /// The end dies and comes back after a while, with what it wrote down.
    pub(super) fn restarts(&mut self, end_of: usize, down: Duration) {
        self.drain();
        self.ends[end_of] = end(end_of, 0xa0 + end_of as u8);
        self.events[end_of].clear();
        self.loses = Box::new(move |_, _| false);
        let back = self.now + down;
        // What arrives meanwhile arrives nowhere.
        while let Some(next) = self.drain().filter(|at| *at <= back) {
            self.now = next.max(self.now);
            self.packets.retain(|(at, from, ..)| *from == end_of || *at > next);
            self.deliver();
        }
        self.now = back;
        for (at, text) in std::mem::take(&mut self.kept[end_of]).into_values() {
            let kept: KeptLeg = serde_json::from_str(&text).unwrap();
            self.ends[end_of].take_up(back, kept, back - at).unwrap();
        }
    }

    pub(super) fn send(&mut self, from: usize, flow: Flow, bytes: Bytes) {
        let line = String::from_utf8_lossy(&bytes).lines().next().unwrap_or("").to_owned();
        self.seen.push((from, line.clone()));
        if !(self.loses)(from, &line) {
            assert_eq!(flow.remote, address(1 - from), "{line}");
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let bytes = Bytes::from((self.alters)(from, text));
            self.packets.push((self.now + DELAY, from, flow, bytes));
        }
    }

    pub(super) fn deliver(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.packets.extract_if(.., |p| p.0 <= now).collect();
        for (_, from, _, bytes) in due {
            let flow = self.to(from);
            self.ends[1 - from].receive(now, flow, bytes);
        }
    }

    /// Lets time pass, step by step through every timer and packet.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.drain().filter(|at| *at <= end) {
            self.now = next.max(self.now);
            self.deliver();
        }
        self.now = end;
    }

    pub(super) fn run_ms(&mut self, ms: u64) {
        self.run(Duration::from_millis(ms));
    }

    pub(super) fn event(&mut self, end: usize) -> Event {
        self.drain();
        self.events[end].pop_front().expect("an event")
    }

    pub(super) fn count(&self, from: usize, prefix: &str) -> usize {
        self.seen.iter().filter(|(f, l)| *f == from && l.starts_with(prefix)).count()
    }

    pub(super) fn alice_calls(&mut self) -> LegId {
        self.alice_calls_as(None)
    }

    pub(super) fn alice_calls_as(&mut self, credentials: Option<Credentials>) -> LegId {
        let invite = OutboundInvite {
            flow: self.to(BOB),
            uri: Uri::sip("+3612345", address(BOB)),
            from: Party::new(Uri::sip("alice", address(ALICE))),
            to: Party::new(Uri::sip("+3612345", address(BOB))),
            sdp: audio().write(1, 1).into(),
            routes: Vec::new(),
            headers: vec![("X-Test".into(), "1".into())],
            credentials,
        };
        self.ends[ALICE].invite(self.now, invite).unwrap()
    }

    pub(super) fn bob_rings(&mut self) -> LegId {
        match self.event(BOB) {
            Event::Invite(invite) => invite.leg,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn bob_accepts(&mut self, leg: LegId) {
        let answer = Answer::new(200).sdp(audio().write(2, 1));
        self.ends[BOB].accept(self.now, leg, &answer).unwrap();
    }

    /// A call that Bob has heard of.
    pub(super) fn called(&mut self) -> (LegId, LegId) {
        let a = self.alice_calls();
        self.run_ms(100);
        (a, self.bob_rings())
    }

    /// A call that Bob lets ring.
    pub(super) fn ringing(&mut self) -> (LegId, LegId) {
        let (a, b) = self.called();
        self.ends[BOB].progress(self.now, b, &Answer::new(180)).unwrap();
        self.run_ms(100);
        (a, b)
    }

    /// A call that both ends consider answered.
    pub(super) fn talking(&mut self) -> (LegId, LegId) {
        let (a, b) = self.called();
        self.bob_accepts(b);
        self.run_ms(100);
        assert!(matches!(self.event(ALICE), Event::Answered { .. }));
        assert!(matches!(self.event(BOB), Event::Acked { .. }));
        (a, b)
    }

    pub(super) fn at_rest(&mut self) {
        self.run(Duration::from_secs(200));
        for end in &self.ends {
            assert_eq!(end.load(), (0, 0), "legs and transactions are freed");
        }
    }
}

pub(super) fn audio() -> Audio {
    Audio {
        address: "192.0.2.1:4000".parse().unwrap(),
        codecs: vec![Codec::pcma(), Codec::telephone_event()],
        direction: Direction::SendRecv,
    }
}

pub(super) fn secret() -> Credentials {
    Credentials { username: "alice".into(), password: "s3cret".into() }
}

impl Wire {
    pub(super) fn talking_slowly(&mut self) {
        let (_, b) = self.called();
        self.bob_accepts(b);
        self.run(Duration::from_secs(20));
        assert!(matches!(self.event(BOB), Event::Acked { .. }));
    }
}
