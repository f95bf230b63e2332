//! The callers, and the loop that everything runs in.

use crate::{
    Plan,
    agents::{Agents, call},
    message::{Message, Request, sdp},
    report::{Before, Report},
    rtp::{self, Stream},
    socket::Socket,
};
use serde_json::Value;
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

/// A call that nobody answered for so long has failed.
const PATIENCE: Duration = Duration::from_secs(32);
/// By then a call is answered, greeted, queued and bridged: audio counts.
const SETTLED: Duration = Duration::from_secs(4);
/// Before the end of a talk audio counts no more.
const MARGIN: Duration = Duration::from_millis(500);
const FRAME: Duration = Duration::from_millis(20);
/// UDP's timers (RFC 3261 §17.1): a request without any answer is sent again
/// after T1, then after twice as long, up to T2.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// Sockets for the audio of each side.
const AUDIO_SOCKETS: usize = 4;
/// Calls looked after before what has arrived is read.
const LOOKS_MAX: usize = 64;

/// One caller's call.
struct Call {
    placed_at: Duration,
    /// INVITEs sent, then BYEs; and when the next one is due.
    sent: u32,
    again_at: Duration,
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
    callers: Socket,
    agents: Socket,
    caller_audio: Vec<Socket>,
    agent_audio: Vec<Socket>,
}

impl Sockets {
    fn open(plan: &Plan) -> anyhow::Result<Sockets> {
        let free = |ip| Socket::open(SocketAddr::new(ip, 0));
        let several = |ip| (0..AUDIO_SOCKETS).map(|_| free(ip)).collect::<Result<Vec<_>, _>>();
        Ok(Sockets {
            callers: free(plan.callers)?,
            agents: Socket::open(plan.agents)?,
            caller_audio: several(plan.callers)?,
            agent_audio: several(plan.agents.ip())?,
        })
    }

    fn all(&self) -> impl Iterator<Item = &Socket> {
        let audio = self.caller_audio.iter().chain(&self.agent_audio);
        [&self.callers, &self.agents].into_iter().chain(audio)
    }

    fn flush(&mut self) {
        let audio = self.caller_audio.iter_mut().chain(&mut self.agent_audio);
        [&mut self.callers, &mut self.agents].into_iter().chain(audio).for_each(Socket::flush);
    }
}

/// Which of the sockets carries a call's audio.
fn nth(number: u32) -> usize {
    number as usize % AUDIO_SOCKETS
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
pub fn run(plan: &Plan) -> anyhow::Result<(Value, Vec<u32>)> {
    let sockets = Sockets::open(plan)?;
    let before = Before::of(plan);
    #[expect(clippy::disallowed_methods, reason = "a load driver lives by the clock")]
    let begun = Instant::now();
    let at = sockets.callers.address();
    let (calls, looks) = (HashMap::new(), VecDeque::new());
    let mut load =
        Load { plan, sockets, at, begun, calls, looks, agents: Agents::default(), report: Report::default() };
    load.go()?;
    let took = load.begun.elapsed();
    load.report.dropped = load.sockets.all().map(Socket::dropped).sum();
    load.report.unsent = load.sockets.all().map(|socket| socket.unsent).sum();
    Ok((load.report.to_json(plan, &before, took), load.report.answered))
}

impl Load<'_> {
    fn go(&mut self) -> anyhow::Result<()> {
        while self.report.placed < self.plan.calls || !self.calls.is_empty() {
            let now = self.begun.elapsed();
            let mut busy = false;
            while self.report.placed < self.plan.calls && self.plan.due(self.report.placed) <= now {
                self.place(now);
                busy = true;
            }
            if self.report.placed == self.plan.calls && now > self.report.placing + SETTLED {
                self.report.steady.begin(now, self.plan);
            }
            busy |= self.receive_callers()?;
            busy |= self.receive_agents()?;
            busy |= self.receive_audio()?;
            busy |= self.look(self.begun.elapsed());
            self.sockets.flush();
            if !busy {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
        Ok(())
    }

    fn place(&mut self, now: Duration) {
        let number = self.plan.first + self.report.placed;
        self.report.placed += 1;
        self.report.placing = now;
        let uri = format!("sip:{}@{}", self.plan.number, self.plan.server);
        let call = Call {
            placed_at: now,
            sent: 1,
            again_at: now + T1,
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
        self.request(number, "INVITE", 1);
        self.looks.push_back((now + FRAME, number));
    }

    fn request(&mut self, number: u32, method: &str, cseq: u32) {
        let Some(call) = self.calls.get(&number) else { return };
        let (from, call_id) =
            (format!("<sip:+999{number:07}@{}>;tag=c{number}", self.at), self.call_id(number));
        let branch = format!("{number}-{method}");
        let audio = self.sockets.caller_audio[nth(number)].address();
        let body = if method == "INVITE" { sdp(audio) } else { String::new() };
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
        self.sockets.callers.send(self.plan.server, request.text().into_bytes());
    }

    /// Two drivers may call one server.
    fn call_id(&self, number: u32) -> String {
        format!("load-{}-{number}", self.at.port())
    }

    fn receive_callers(&mut self) -> anyhow::Result<bool> {
        let mut read = Vec::new();
        let busy = self.sockets.callers.read(|from, datagram| read.push((from, datagram.to_vec())))?;
        for (from, datagram) in read {
            let Some(message) = Message::read(&datagram) else { continue };
            let Some(number) = message.call_id().rsplit('-').next().and_then(|n| n.parse().ok()) else {
                continue;
            };
            match message.status() {
                Some(status) => self.response(number, status, message),
                None => {
                    let answer = message.response("200 OK", "", "", "");
                    self.sockets.callers.send(from, answer.into_bytes());
                    if message.method() == "BYE" {
                        self.over(number);
                    }
                }
            }
        }
        Ok(busy)
    }

    fn response(&mut self, number: u32, status: u16, message: Message<'_>) {
        let now = self.begun.elapsed();
        let Some(call) = self.calls.get_mut(&number) else { return };
        call.heard = true;
        match (message.answered_method(), status) {
            ("INVITE", 200) => {
                call.to = message.header("To").to_owned();
                call.uri = message.contact().to_owned();
                if call.answered_at.is_none() {
                    call.answered_at = Some(now);
                    call.caller = message.audio().map(|to| Stream::new(to, number));
                    self.report.answered.push(number);
                    self.report.setup.push(ms(now - call.placed_at));
                }
                self.request(number, "ACK", 1);
            }
            ("INVITE", 300..) => {
                call.to = message.header("To").to_owned();
                self.request(number, "ACK", 1);
                let later = !message.header("Retry-After").is_empty();
                match status {
                    503 if later => self.report.shed += 1,
                    _ => self.report.fail(status),
                }
                self.calls.remove(&number);
            }
            ("BYE", 200..) => self.over(number),
            _ => {}
        }
    }

    fn over(&mut self, number: u32) {
        let Some(call) = self.calls.remove(&number) else { return };
        self.report.ended += 1;
        let waited = call.answered_at.map(|at| at - call.placed_at);
        self.report.good += u32::from(waited.is_some_and(|waited| waited <= self.plan.good()));
    }

    fn receive_agents(&mut self) -> anyhow::Result<bool> {
        let mut read = Vec::new();
        let busy = self.sockets.agents.read(|from, datagram| read.push((from, datagram.to_vec())))?;
        for (from, datagram) in read {
            let Some(message) = Message::read(&datagram) else { continue };
            let number = call(message.caller());
            if message.method() == "INVITE" {
                self.rings(number);
            }
            let audio = self.sockets.agent_audio[nth(number.unwrap_or_default())].address();
            let answered = self.agents.receive(message, from, &mut self.sockets.agents, audio);
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
        let (begun, report) = (self.begun, &mut self.report);
        let mut busy = false;
        for socket in self.sockets.caller_audio.iter_mut().chain(&mut self.sockets.agent_audio) {
            busy |= socket.read(|_, packet| {
                if let Some(mark) = rtp::read(packet).filter(|mark| mark.counts) {
                    report.rtp_received += 1;
                    report.delay.push(ms(begun.elapsed().saturating_sub(mark.sent_at)));
                }
            })?;
        }
        Ok(busy)
    }

    /// Looks after the calls whose turn it is: audio, patience, the end.
    fn look(&mut self, now: Duration) -> bool {
        let mut looks = 0;
        while looks < LOOKS_MAX && self.looks.front().is_some_and(|(due, _)| *due <= now) {
            let Some((due, number)) = self.looks.pop_front() else { break };
            looks += 1;
            if self.attend(now, number) {
                self.looks.push_back((due + FRAME, number));
            }
        }
        looks > 0
    }

    /// False when the call is over.
    fn attend(&mut self, now: Duration, number: u32) -> bool {
        let Some(call) = self.calls.get(&number) else { return false };
        match call.answered_at {
            None => self.wait(now, number, now - call.placed_at),
            Some(at) => self.talk(now, number, now - at),
        }
    }

    fn wait(&mut self, now: Duration, number: u32, waited: Duration) -> bool {
        let Some(call) = self.calls.get_mut(&number) else { return false };
        if waited > PATIENCE {
            return self.give_up(number);
        }
        if !call.heard && now >= call.again_at {
            call.again_at = now + T1 * (1 << call.sent.min(6));
            call.sent += 1;
            self.report.again += 1;
            self.request(number, "INVITE", 1);
        }
        true
    }

    fn talk(&mut self, now: Duration, number: u32, talked: Duration) -> bool {
        if self.plan.rtp {
            self.speak(now, number, talked);
        }
        if talked > self.plan.hold() + PATIENCE {
            return self.give_up(number);
        }
        let Some(call) = self.calls.get_mut(&number) else { return false };
        if talked > self.plan.hold() && !std::mem::replace(&mut call.leaving, true) {
            (call.sent, call.again_at) = (1, now + T1);
            self.report.steady.end(now, self.plan, self.calls.len());
            self.request(number, "BYE", 2);
        } else if call.leaving && now >= call.again_at {
            call.again_at = now + T2.min(T1 * (1 << call.sent.min(6)));
            call.sent += 1;
            self.report.again += 1;
            self.request(number, "BYE", 2);
        }
        true
    }

    /// 20 ms from either side; it counts while both are sure to hear each other.
    fn speak(&mut self, now: Duration, number: u32, talked: Duration) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        let settled = call.agent.is_some() && talked > SETTLED && talked + MARGIN < self.plan.hold();
        let sides = [
            (&mut call.caller, &mut self.sockets.caller_audio[nth(number)]),
            (&mut call.agent, &mut self.sockets.agent_audio[nth(number)]),
        ];
        for (stream, socket) in sides {
            if let Some(stream) = stream {
                socket.send(stream.to, stream.packet(now, settled));
                self.report.rtp_sent += u64::from(settled);
            }
        }
    }

    fn give_up(&mut self, number: u32) -> bool {
        self.report.fail(0);
        self.calls.remove(&number);
        false
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
