//! The callers, and the loop that everything runs in.

use crate::{
    Plan,
    agents::{Agents, call},
    message::{Message, Request, sdp},
    report::{Before, Report},
    rtp::{self, Stream},
};
use serde_json::Value;
use std::{
    collections::{HashMap, VecDeque},
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

/// A call that nobody answered for so long has failed.
const PATIENCE: Duration = Duration::from_secs(32);
/// By then a call is answered, greeted, queued and bridged: audio counts.
const SETTLED: Duration = Duration::from_secs(4);
/// Before the end of a talk audio counts no more.
const MARGIN: Duration = Duration::from_millis(500);
const FRAME: Duration = Duration::from_millis(20);
/// UDP's T1 (RFC 3261 §17.1.1.2): an INVITE without any answer is sent again.
const T1: Duration = Duration::from_millis(500);

/// One caller's call.
struct Call {
    placed_at: Duration,
    sent: u32,
    heard: bool,
    answered_at: Option<Duration>,
    rang: bool,
    to: String,
    uri: String,
    caller: Option<Stream>,
    agent: Option<Stream>,
    leaving: bool,
}

struct Sockets {
    callers: UdpSocket,
    agents: UdpSocket,
    caller_audio: UdpSocket,
    agent_audio: UdpSocket,
}

struct Load<'a> {
    plan: &'a Plan,
    sockets: Sockets,
    at: SocketAddr,
    begun: Instant,
    calls: HashMap<u32, Call>,
    /// Calls in the order of their next look.
    looks: VecDeque<(Duration, u32)>,
    agents: Agents,
    report: Report,
}

/// Places all calls and waits for their end.
pub fn run(plan: &Plan) -> anyhow::Result<Value> {
    let open = |at: SocketAddr| -> anyhow::Result<UdpSocket> {
        let socket = UdpSocket::bind(at)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    let free = |ip| SocketAddr::new(ip, 0);
    let sockets = Sockets {
        callers: open(free(plan.callers))?,
        agents: open(plan.agents)?,
        caller_audio: open(free(plan.callers))?,
        agent_audio: open(free(plan.agents.ip()))?,
    };
    let before = Before::of(plan);
    #[expect(clippy::disallowed_methods, reason = "a load driver lives by the clock")]
    let begun = Instant::now();
    let at = sockets.callers.local_addr()?;
    let (calls, looks) = (HashMap::new(), VecDeque::new());
    let mut load =
        Load { plan, sockets, at, begun, calls, looks, agents: Agents::default(), report: Report::default() };
    load.go()?;
    let took = load.begun.elapsed();
    Ok(load.report.to_json(plan, &before, took))
}

impl Load<'_> {
    fn go(&mut self) -> anyhow::Result<()> {
        while self.report.placed < self.plan.calls || !self.calls.is_empty() {
            let now = self.begun.elapsed();
            let mut busy = false;
            while self.report.placed < self.plan.calls && self.plan.due(self.report.placed) <= now {
                self.place(now)?;
                busy = true;
            }
            busy |= self.receive_callers()?;
            busy |= self.receive_agents()?;
            busy |= self.receive_audio()?;
            busy |= self.look(self.begun.elapsed())?;
            if !busy {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        Ok(())
    }

    fn place(&mut self, now: Duration) -> anyhow::Result<()> {
        let number = self.report.placed;
        self.report.placed += 1;
        let uri = format!("sip:{}@{}", self.plan.number, self.plan.server);
        let call = Call {
            placed_at: now,
            sent: 1,
            heard: false,
            answered_at: None,
            rang: false,
            to: format!("<{uri}>"),
            uri,
            caller: None,
            agent: None,
            leaving: false,
        };
        self.calls.insert(number, call);
        self.report.peak = self.report.peak.max(self.calls.len());
        self.request(number, "INVITE", 1)?;
        self.looks.push_back((now + FRAME, number));
        Ok(())
    }

    fn request(&self, number: u32, method: &str, cseq: u32) -> anyhow::Result<()> {
        let call = &self.calls[&number];
        let (from, call_id) = (format!("<sip:+999{number:07}@{}>;tag=c{number}", self.at), call_id(number));
        let branch = format!("{number}-{method}");
        let body =
            if method == "INVITE" { sdp(self.sockets.caller_audio.local_addr()?) } else { String::new() };
        let request = Request {
            method,
            uri: &call.uri,
            from: &from,
            to: &call.to,
            call_id: &call_id,
            cseq,
            branch: &branch,
            at: self.at,
            body: &body,
        };
        self.sockets.callers.send_to(request.text().as_bytes(), self.plan.server)?;
        Ok(())
    }

    fn receive_callers(&mut self) -> anyhow::Result<bool> {
        let mut datagram = [0; 4_096];
        let mut busy = false;
        while let Some((length, from)) = next(&self.sockets.callers, &mut datagram)? {
            busy = true;
            let Some(message) = Message::read(&datagram[..length]) else { continue };
            let Some(number) = message.call_id().strip_prefix("load-").and_then(|n| n.parse().ok()) else {
                continue;
            };
            match message.status() {
                Some(status) => self.response(number, status, message)?,
                None => {
                    self.sockets.callers.send_to(message.response("200 OK", "", "", "").as_bytes(), from)?;
                    if message.method() == "BYE" {
                        self.over(number);
                    }
                }
            }
        }
        Ok(busy)
    }

    fn response(&mut self, number: u32, status: u16, message: Message<'_>) -> anyhow::Result<()> {
        let now = self.begun.elapsed();
        let Some(call) = self.calls.get_mut(&number) else { return Ok(()) };
        call.heard = true;
        match (message.answered_method(), status) {
            ("INVITE", 200) => {
                call.to = message.header("To").to_owned();
                call.uri = message.contact().to_owned();
                if call.answered_at.is_none() {
                    call.answered_at = Some(now);
                    call.caller = message.audio().map(|to| Stream::new(to, number));
                    self.report.answered += 1;
                    self.report.setup.push(ms(now - call.placed_at));
                }
                self.request(number, "ACK", 1)?;
            }
            ("INVITE", 300..) => {
                call.to = message.header("To").to_owned();
                self.request(number, "ACK", 1)?;
                self.report.failed.push(status);
                self.calls.remove(&number);
            }
            ("BYE", 200..) => self.over(number),
            _ => {}
        }
        Ok(())
    }

    fn over(&mut self, number: u32) {
        if self.calls.remove(&number).is_some() {
            self.report.ended += 1;
        }
    }

    fn receive_agents(&mut self) -> anyhow::Result<bool> {
        let mut datagram = [0; 4_096];
        let mut busy = false;
        while let Some((length, from)) = next(&self.sockets.agents, &mut datagram)? {
            busy = true;
            let Some(message) = Message::read(&datagram[..length]) else { continue };
            if message.method() == "INVITE" {
                self.rings(call(message.caller()));
            }
            let audio = self.sockets.agent_audio.local_addr()?;
            let answered = self.agents.receive(message, from, &self.sockets.agents, audio)?;
            if let Some((number, stream)) = answered
                && let Some(call) = self.calls.get_mut(&number)
            {
                call.agent = Some(stream);
            }
        }
        Ok(busy)
    }

    fn rings(&mut self, number: Option<u32>) {
        let now = self.begun.elapsed();
        let Some(call) = number.and_then(|number| self.calls.get_mut(&number)) else { return };
        if !std::mem::replace(&mut call.rang, true) {
            self.report.ring.push(ms(now - call.placed_at));
        }
    }

    fn receive_audio(&mut self) -> anyhow::Result<bool> {
        let mut packet = [0; 2_048];
        let mut busy = false;
        for socket in [&self.sockets.caller_audio, &self.sockets.agent_audio] {
            while let Some((length, _)) = next(socket, &mut packet)? {
                busy = true;
                if let Some(mark) = rtp::read(&packet[..length]).filter(|mark| mark.counts) {
                    self.report.rtp_received += 1;
                    self.report.delay.push(ms(self.begun.elapsed().saturating_sub(mark.sent_at)));
                }
            }
        }
        Ok(busy)
    }

    /// Looks after the calls whose turn it is: audio, patience, the end.
    fn look(&mut self, now: Duration) -> anyhow::Result<bool> {
        let mut busy = false;
        while self.looks.front().is_some_and(|(due, _)| *due <= now) {
            let Some((due, number)) = self.looks.pop_front() else { break };
            busy = true;
            if self.attend(now, number)? {
                self.looks.push_back((due + FRAME, number));
            }
        }
        Ok(busy)
    }

    /// False when the call is over.
    fn attend(&mut self, now: Duration, number: u32) -> anyhow::Result<bool> {
        let Some(call) = self.calls.get(&number) else { return Ok(false) };
        match call.answered_at {
            None => self.wait(number, now - call.placed_at),
            Some(at) => self.talk(now, number, now - at),
        }
    }

    fn wait(&mut self, number: u32, waited: Duration) -> anyhow::Result<bool> {
        let Some(call) = self.calls.get_mut(&number) else { return Ok(false) };
        if waited > PATIENCE {
            return Ok(self.give_up(number));
        }
        if !call.heard && waited > T1 * ((1 << call.sent.min(6)) - 1) {
            call.sent += 1;
            self.request(number, "INVITE", 1)?;
        }
        Ok(true)
    }

    fn talk(&mut self, now: Duration, number: u32, talked: Duration) -> anyhow::Result<bool> {
        if self.plan.rtp {
            self.speak(now, number, talked);
        }
        if talked > self.plan.hold() + PATIENCE {
            return Ok(self.give_up(number));
        }
        let Some(call) = self.calls.get_mut(&number) else { return Ok(false) };
        if talked > self.plan.hold() && !std::mem::replace(&mut call.leaving, true) {
            self.request(number, "BYE", 2)?;
        }
        Ok(true)
    }

    /// 20 ms from either side; it counts while both are sure to hear each other.
    fn speak(&mut self, now: Duration, number: u32, talked: Duration) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        let settled = call.agent.is_some() && talked > SETTLED && talked + MARGIN < self.plan.hold();
        let caller = call.caller.as_mut().map(|stream| (stream, &self.sockets.caller_audio));
        let agent = call.agent.as_mut().map(|stream| (stream, &self.sockets.agent_audio));
        for (stream, socket) in caller.into_iter().chain(agent) {
            let sent = stream.send(socket, now, settled);
            self.report.rtp_sent += u64::from(settled && sent);
        }
    }

    fn give_up(&mut self, number: u32) -> bool {
        self.report.failed.push(0);
        self.calls.remove(&number);
        false
    }
}

fn call_id(number: u32) -> String {
    format!("load-{number}")
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn next(socket: &UdpSocket, buffer: &mut [u8]) -> anyhow::Result<Option<(usize, SocketAddr)>> {
    match socket.recv_from(buffer) {
        Ok(got) => Ok(Some(got)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
