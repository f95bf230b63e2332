//! The edge: performs what calls want, as services/telephony does, and keeps
//! the ground truth of every call apart from its facts.

use crate::{
    Fault,
    desk::Told,
    network::Stream,
    world::{What, World, begin},
};
use call::{
    Call, Collect, Effect, Entry, Input, Instruction, IvrInput, Ledger, Message, Next, PlayId, QueueNode,
};
use rand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use types::{fact::CallEvent, *};

/// A call at the edge.
pub(crate) struct Line {
    pub(crate) call: Call,
    pub(crate) tenant: usize,
    /// The fold of what was told.
    pub(crate) folded: Option<Ledger>,
    cursor: Option<flow::Cursor>,
    tick: Option<Timestamp>,
    pub(crate) playing: BTreeSet<PlayId>,
    /// What the flow was asked and has not answered.
    pub(crate) asked: Option<IvrInput>,
    /// Plays that ended while the edge was away.
    pub(crate) over: Vec<PlayId>,
    /// What the edge had still to do when it died.
    pub(crate) todo: Option<(Timestamp, Vec<Effect>)>,
    /// Legs that ring or talk, and whose they are.
    pub(crate) legs: BTreeMap<LegId, usize>,
    pub(crate) media: u32,
    pub(crate) records: u32,
    pub(crate) ends: u32,
    /// What the ACD is told again after a broken stream.
    pub(crate) join: Option<routing::Input>,
    pub(crate) answered: Option<routing::Input>,
    pub(crate) truth: Truth,
}

/// What happened, seen from outside.
pub(crate) struct Truth {
    pub(crate) at: Timestamp,
    pub(crate) did: E164,
    pub(crate) stage: Stage,
    entering: Option<Stage>,
    pub(crate) stays: Vec<Stay>,
    pub(crate) offers: Vec<Offer>,
    pub(crate) answered: Option<(Timestamp, usize, LegId)>,
    held: Option<Timestamp>,
    pub(crate) hold: Millis,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) by: Option<Party>,
}

pub(crate) struct Stay {
    pub(crate) queue: QueueId,
    pub(crate) at: Timestamp,
    /// When it was left without an agent and without hanging up.
    pub(crate) left: Option<(Timestamp, String)>,
}

pub(crate) struct Offer {
    pub(crate) leg: LegId,
    pub(crate) desk: usize,
    pub(crate) at: Timestamp,
    pub(crate) reservation: ReservationId,
    pub(crate) outcome: Option<OfferOutcome>,
}

pub(crate) fn flow(queues: &[QueueId; 2]) -> flow::Flow {
    use flow::{Menu, Node, Play, Queue, Say};
    let say = |text: &str| vec![Say::Text(text.into())];
    let queue = |n: usize, priority, overflow: &str| {
        Node::Queue(Queue {
            skills: Vec::new(),
            label: format!("Queue {n}"),
            queue: queues[n].clone(),
            welcome: if n == 0 { say("welcome") } else { Vec::new() },
            music: say("music"),
            priority,
            announce_every_ms: 30_000,
            overflow: overflow.into(),
            overflow_by: [("queue_full".to_owned(), "sorry".to_owned())].into(),
        })
    };
    let play =
        |text: &str, next: &str| Node::Play(Play { label: text.into(), say: say(text), next: next.into() });
    let choices = [("1", "sales"), ("2", "support"), ("3", "gold")];
    let menu = Menu {
        invalid_attempts: None,
        silence: Vec::new(),
        label: "Menu".into(),
        say: say("menu"),
        choices: choices.map(|(key, node)| (key.into(), node.into())).into(),
        attempts: 2,
        timeout_ms: 5_000,
        invalid: say("invalid"),
        no_input: "sorry".into(),
        no_match: "sorry".into(),
    };
    let nodes = [
        ("hello", play("Hello", "menu")),
        ("menu", Node::Menu(menu)),
        ("sales", queue(0, 0, "support")),
        ("support", queue(1, 0, "sorry")),
        ("gold", queue(1, 5, "sorry")),
        ("sorry", play("Sorry", "bye")),
        ("bye", Node::Hangup),
    ];
    let nodes = nodes.map(|(id, node)| (id.to_owned(), node)).into();
    flow::Flow { name: "Day".into(), language: "en".into(), start: "hello".into(), nodes }
}

impl World {
    pub(crate) fn invite(&mut self, _: usize) {
        let n = self.lines.len();
        let did: E164 =
            if self.chance(500) { "+99912345678" } else { "+99912345679" }.parse().expect("a number");
        let tenant = if did.as_str().ends_with('9') { 1 % self.tenants.len() } else { 0 };
        let entry = Entry {
            call: CallId::new(self.now, self.id()),
            caller_leg: LegId::new(self.now, self.id()),
            recording: Some(RecordingId::new(self.now, self.id())),
            message: RecordingId::new(self.now, self.id()),
            from: format!("+4021{n:07}"),
            caller_name: None,
            did: did.clone(),
            did_label: "Main".into(),
            trunk: TrunkId::new(begin(), 4),
            flow: self.flow_id.clone(),
            auto_connect: self.chance(700),
            answer_after: n.is_multiple_of(3).then_some(20_000),
        };
        self.line_of.insert(entry.call.clone(), n);
        let (call, effects) = Call::offered(self.now, entry);
        let truth = Truth {
            at: self.now,
            did,
            stage: Stage::Arriving,
            entering: None,
            stays: Vec::new(),
            offers: Vec::new(),
            answered: None,
            held: None,
            hold: 0,
            ended: None,
            by: None,
        };
        self.lines.push(Line {
            call,
            tenant,
            folded: None,
            cursor: None,
            tick: None,
            playing: BTreeSet::new(),
            asked: None,
            over: Vec::new(),
            todo: None,
            legs: BTreeMap::new(),
            media: 0,
            records: 0,
            ends: 0,
            join: None,
            answered: None,
            truth,
        });
        let stays = match self.rng.random_range(0..100) {
            0..12 => self.rng.random_range(0..15_000),
            12..40 => self.rng.random_range(0..90_000),
            _ => self.rng.random_range(60_000..1_500_000),
        };
        self.at(stays, What::CallerHangsUp(n));
        self.perform(n, effects);
    }

    pub(crate) fn caller_hangs_up(&mut self, n: usize) {
        if !self.lines[n].call.ended() {
            self.send_maybe_twice(Stream::Caller(n), What::Call(n, Input::CallerHungUp));
        }
    }

    pub(crate) fn call_tick(&mut self, n: usize) {
        self.lines[n].tick = None;
        if self.edge_back.is_none() {
            self.call(n, Input::Tick);
        }
    }

    pub(crate) fn call(&mut self, n: usize, input: Input) {
        if self.missed(n, &input) {
            return;
        }
        if let Input::Ivr(next) = &input {
            self.lines[n].truth.entering = Some(next.stage);
        }
        if matches!(input, Input::Ivr(_) | Input::IvrFailed) {
            self.lines[n].asked = None;
        }
        let effects = self.lines[n].call.handle(self.now, input);
        if self.dies_in(n, &effects) {
            return;
        }
        self.perform(n, effects);
    }

    pub(crate) fn perform(&mut self, n: usize, effects: Vec<Effect>) {
        let mut at_once = Vec::new();
        for effect in effects {
            self.effect(n, effect, &mut at_once);
        }
        self.call_settled(n);
        if let Some(at) = self.lines[n].call.deadline()
            && self.lines[n].tick.is_none_or(|tick| at < tick)
        {
            self.lines[n].tick = Some(at);
            self.at(at.since(self.now), What::CallTick(n));
        }
        at_once.into_iter().for_each(|input| self.call(n, input));
    }

    pub(crate) fn effect(&mut self, n: usize, effect: Effect, at_once: &mut Vec<Input>) {
        let now = self.happens();
        let line = &mut self.lines[n];
        match effect {
            Effect::Fact(fact) => self.fact(n, fact),
            Effect::OpenMedia => self.open_media(n),
            Effect::AskIvr(input) => {
                if let (IvrInput::QueueLeft(why), Some(stay)) = (&input, line.truth.stays.last_mut()) {
                    stay.left = Some((now, why.clone()));
                    line.truth.stage = Stage::Queue;
                    // The place is let go: a doubled Join may have taken another one.
                    self.release(n);
                }
                self.lines[n].asked = Some(input.clone());
                self.send(Stream::Ivr(n), What::Ivr(n, input));
            }
            Effect::Play { play, prompts, repeat, .. } => {
                if let Some(stage) = line.truth.entering.take() {
                    line.truth.stage = stage;
                }
                match (prompts.is_empty(), repeat) {
                    (true, false) => at_once.push(Input::PlayEnded(play)),
                    (false, false) => self.play(n, play, prompts.len()),
                    _ => {}
                }
            }
            Effect::StopPlay(play) => drop(line.playing.remove(&play)),
            // At another gateway it is the same recording.
            Effect::Record { since: Some(_), .. } if line.records == 1 => {}
            Effect::Record { .. } => line.records += 1,
            Effect::StopRecord(_) => line.records -= 1,
            Effect::JoinQueue { queue, since, priority, needs } => {
                self.join(n, queue, since, priority, needs)
            }
            Effect::ReleaseQueue(_) => self.release(n),
            Effect::AskAnnouncement { .. } => {
                let prompts = vec!["you are in line".into()];
                self.send(Stream::Ivr(n), What::Call(n, Input::Announcement(prompts)));
            }
            Effect::Ring { leg, agent, reservation, .. } => self.ring(n, leg, &agent, reservation),
            Effect::StopRinging { leg, outcome } => self.stop_ringing(n, leg, outcome),
            Effect::TellAnswered(reservation) => self.tell_answered(n, reservation),
            Effect::TellOfferEnded { reservation, outcome } => {
                let call = line.call.id().clone();
                let ended = routing::Input::OfferEnded { call, reservation, outcome };
                self.send(Stream::EdgeToAcd, What::Acd(ended));
            }
            Effect::LineTalking(leg) => {
                if let Some(desk) = line.legs.get(&leg).copied() {
                    self.send(Stream::LineTold(n, desk), What::Desk(desk, Told::Talking(leg)));
                }
            }
            Effect::LineHeld { on, .. } => line.truth.hold_set(now, on),
            Effect::HangUpLine { leg, .. } => self.let_go(n, leg),
            Effect::HangUpCaller(_) => line.truth.by = Some(Party::System),
            Effect::ReleaseMedia => self.release_media(n),
            Effect::EarlyMedia
            | Effect::AskWords(_)
            | Effect::DropCaller(_)
            | Effect::Connect
            | Effect::Hear(_)
            | Effect::LineMuted { .. }
            | Effect::Press { .. }
            | Effect::LineSeats { .. }
            | Effect::LineUnheard { .. }
            | Effect::LineRefuses { .. }
            | Effect::InviteFailed { .. }
            | Effect::Invite { .. } => {}
        }
    }

    fn fact(&mut self, n: usize, fact: fact::CallFact) {
        let line = &mut self.lines[n];
        match &mut line.folded {
            Some(folded) => folded.apply(&fact),
            None => line.folded = Ledger::open(&fact),
        }
        let ended = matches!(fact.event, CallEvent::Ended { .. });
        line.ends += u32::from(ended);
        if ended && self.faulty(Fault::EndsTwice) {
            self.lines[n].ends += 1;
        }
        if let CallEvent::NodeEntered { stage: Stage::Menu, .. } = &fact.event {
            self.press_key(n);
        }
        self.call_facts.push(fact.clone());
        if self.faulty(Fault::LosesAFact) {
            self.call_facts.pop();
            self.lines[n].folded =
                self.lines[n].folded.take().map(|f| Ledger { next_seq: f.next_seq - 1, ..f });
            return;
        }
        if ended && self.faulty(Fault::MiscountsAnEnd) {
            return;
        }
        self.send_maybe_twice(Stream::CallLog(n), What::CallFact(fact));
    }

    /// Right, wrong, late or not at all.
    fn press_key(&mut self, n: usize) {
        let key = match self.rng.random_range(0..100) {
            0..45 => '1',
            45..80 => '2',
            80..88 => '3',
            88..94 => '9',
            _ => return,
        };
        let after = self.rng.random_range(200..10_000);
        self.at(after, What::Call(n, Input::Key(key)));
        if self.chance(100) {
            self.at(after + 150, What::Call(n, Input::Key('2')));
        }
    }

    fn open_media(&mut self, n: usize) {
        self.lines[n].media += 1;
        let ready = match self.rng.random_range(0..400) {
            0 => Input::MediaFailed(HangupCause::NoCommonCodec),
            1 => return self.at(5_000, What::Call(n, Input::MediaFailed(HangupCause::Unavailable))),
            _ => Input::MediaReady,
        };
        self.send(Stream::Media(n), What::Call(n, ready));
        if self.chance(10) {
            let leg = self.lines[n].call.customer().clone();
            let after = self.rng.random_range(1_000..200_000);
            self.at(after, What::Call(n, Input::MediaLost(leg)));
        }
        if self.chance(5) {
            let after = self.rng.random_range(1_000..200_000);
            self.at(after, What::Call(n, Input::HangUp(HangupCause::Shutdown)));
        }
    }

    /// A play that ends, or (seldom) one whose end is never heard of. An end
    /// that crosses a stop is heard of too.
    fn play(&mut self, n: usize, play: PlayId, prompts: usize) {
        self.lines[n].playing.insert(play);
        if !self.chance(3) {
            let spoken = 2_000 * prompts as i64 + self.rng.random_range(0..2_000);
            self.at(spoken, What::Call(n, Input::PlayEnded(play)));
        }
    }

    fn release_media(&mut self, n: usize) {
        let kept = self.faulty(Fault::KeepsMedia);
        let (now, line) = (self.happens(), &mut self.lines[n]);
        line.media -= u32::from(!kept);
        line.truth.hold_set(now, false);
        line.truth.ended = Some(now);
        line.truth.by = Some(line.truth.by.unwrap_or(Party::Caller));
    }

    // ── the flow ────────────────────────────────────────────────────────────

    pub(crate) fn ivr(&mut self, n: usize, input: IvrInput) {
        let input = match input {
            IvrInput::Start => {
                flow::Input::Start { caller: String::new(), number: String::new(), country: None }
            }
            IvrInput::Played => flow::Input::Played,
            IvrInput::Keys(keys) => flow::Input::Keys(keys),
            IvrInput::NoInput => flow::Input::NoInput,
            IvrInput::Waits => flow::Input::Waits,
            IvrInput::QueueLeft(reason) => flow::Input::QueueLeft(reason),
        };
        if self.chance(2) {
            return self.send(Stream::Ivr(n), What::Call(n, Input::IvrFailed));
        }
        let stepped =
            flow::step(&self.flows[self.lines[n].tenant], self.lines[n].cursor.as_ref(), &input, self.now);
        let flow::Stepped { cursor, place, instruction, category, .. } = stepped.expect("a valid flow");
        self.lines[n].cursor = Some(cursor);
        let next = Next {
            flow: self.flow_id.clone(),
            version: 1,
            node: place.node,
            label: place.label,
            stage: place.stage,
            category,
            callback: None,
            instruction: self.instruction(instruction),
        };
        self.send(Stream::Ivr(n), What::Call(n, Input::Ivr(next)));
    }

    fn instruction(&self, instruction: flow::Instruction) -> Instruction {
        let files = |say: &[flow::Say]| say.iter().map(|say| format!("{say:?}")).collect::<Vec<_>>();
        match instruction {
            flow::Instruction::Play(say) => Instruction::Play(files(&say)),
            flow::Instruction::Collect { say, timeout, keys_max, terminators } => {
                Instruction::Collect(Collect {
                    prompts: files(&say),
                    keys_max,
                    terminators: terminators.into(),
                    first_timeout: timeout,
                    next_timeout: 2_000,
                })
            }
            flow::Instruction::Fetch { say, .. } => Instruction::Wait(files(&say)),
            flow::Instruction::Queue(node) => {
                let config = self.queues.iter().find(|(id, _)| *id == node.queue).map(|(_, config)| config);
                Instruction::Queue(QueueNode {
                    welcome: files(&node.welcome),
                    music: files(&node.music),
                    queue: node.queue,
                    needs: node.skills,
                    priority: node.priority,
                    announce_every: node.announce_every_ms,
                    service_level: config.map_or(0, |queue| queue.service_level_ms),
                    short_abandon: config.map_or(0, |queue| queue.short_abandon_ms),
                    callback: None,
                })
            }
            flow::Instruction::Record { say, max, queue } => {
                Instruction::Message(Message { prompts: files(&say), max, queue })
            }
            flow::Instruction::Hangup => Instruction::Hangup,
        }
    }
}

impl Truth {
    fn hold_set(&mut self, now: Timestamp, on: bool) {
        match (self.held, on) {
            (None, true) => self.held = Some(now),
            (Some(since), false) => {
                self.hold += now - since;
                self.held = None;
            }
            _ => {}
        }
    }
}
