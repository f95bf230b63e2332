//! Calls that agents make.

use call::{Call, Command, Effect, HandOver, Input, Ledger, Placement, QueueNode};
use types::{fact::CallEvent, fact::CallFact, *};

struct Placed {
    now: Timestamp,
    call: Call,
    last: Vec<Effect>,
    facts: Vec<CallFact>,
    agent: LegId,
    other: LegId,
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + ms)
}

fn number() -> Target {
    Target::Number { number: "+36201234567".parse().unwrap() }
}

impl Placed {
    fn to(to: Target) -> Placed {
        let (agent, other) = (LegId::new(at(0), 1), LegId::new(at(0), 2));
        let placement = Placement {
            call: CallId::new(at(0), 3),
            agent: AgentId::new(at(0), 4),
            agent_leg: agent.clone(),
            other_leg: other.clone(),
            recording: RecordingId::new(at(0), 5),
            to,
            from: "+40310000000".into(),
            callback: None,
        };
        let (call, last) = Call::placed(at(0), placement);
        let mut placed = Placed { now: at(0), call, last: Vec::new(), facts: Vec::new(), agent, other };
        placed.keep(last);
        placed
    }

    fn keep(&mut self, effects: Vec<Effect>) {
        self.facts.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Fact(fact) => Some(fact.clone()),
            _ => None,
        }));
        self.last = effects;
        assert_eq!(Ledger::replay(&self.facts).as_ref(), Some(self.call.ledger()));
    }

    fn gets(&mut self, after: Millis, input: Input) -> &mut Placed {
        self.now = self.now + after;
        let effects = self.call.handle(self.now, input);
        self.keep(effects);
        self
    }

    fn does(&self, wanted: impl Fn(&Effect) -> bool) -> bool {
        self.last.iter().any(wanted)
    }

    fn ended(&self) -> (HangupCause, Party, Millis) {
        match &self.facts.last().unwrap().event {
            CallEvent::Ended { cause, by, talk, .. } => (*cause, *by, *talk),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_agents_own_line_comes_first_and_hears_it_ringing() {
    let mut call = Placed::to(number());
    let (agent, other) = (call.agent.clone(), call.other.clone());
    assert!(call.does(|e| matches!(e, Effect::Invite { leg, purpose: Purpose::Dial, .. } if *leg == agent)));
    call.gets(1_000, Input::LineAnswered(agent.clone()));
    assert!(call.does(|e| matches!(e, Effect::Invite { leg, .. } if *leg == other)));
    assert!(call.does(|e| matches!(e, Effect::Play { leg, repeat: true, .. } if *leg == agent)));
    call.gets(5_000, Input::LineAnswered(other.clone()));
    let both = vec![(other.clone(), vec![agent.clone()]), (agent.clone(), vec![other.clone()])];
    assert!(call.does(|e| *e == Effect::Hear(both.clone())));
    assert!(call.does(|e| matches!(e, Effect::Record { left, .. } if *left == other)));
    call.gets(30_000, Input::LineHungUp(other.clone()));
    assert_eq!(call.ended(), (HangupCause::Normal, Party::Caller, 30_000));
    for leg in [agent, other] {
        assert!(call.does(|e| matches!(e, Effect::HangUpLine { leg: l, .. } if *l == leg)));
    }
    assert!(!call.does(|e| matches!(e, Effect::HangUpCaller(_) | Effect::ReleaseQueue(_))));
}

#[test]
fn nobody_is_called_when_the_agents_line_does_not_come() {
    let mut call = Placed::to(number());
    let refused = Input::LineRefused { leg: call.agent.clone(), outcome: OfferOutcome::Declined };
    call.gets(1_000, refused);
    assert!(call.call.ended());
    assert!(!call.facts.iter().any(|f| matches!(f.event, CallEvent::Invited { .. })));
    let mut silent = Placed::to(number());
    let due = silent.call.deadline().unwrap();
    silent.gets(due - at(0), Input::Tick);
    assert_eq!(silent.ended().0, HangupCause::NotReached);
}

#[test]
fn who_does_not_answer_is_told_to_the_agent_and_no_talk_counts() {
    let mut call = Placed::to(Target::Agent { agent: AgentId::new(at(0), 9) });
    let (agent, other) = (call.agent.clone(), call.other.clone());
    call.gets(1_000, Input::LineAnswered(agent));
    call.gets(9_000, Input::LineRefused { leg: other, outcome: OfferOutcome::NoAnswer });
    assert!(call.does(|e| matches!(e, Effect::InviteFailed { outcome: OfferOutcome::NoAnswer, .. })));
    assert_eq!(call.ended(), (HangupCause::NotReached, Party::System, 0));
}

#[test]
fn a_call_of_the_agents_own_can_be_handed_over() {
    let mut call = Placed::to(number());
    let (agent, other) = (call.agent.clone(), call.other.clone());
    call.gets(1_000, Input::LineAnswered(agent.clone())).gets(1_000, Input::LineAnswered(other.clone()));
    let (third, target) = (LegId::new(at(0), 7), Target::Agent { agent: AgentId::new(at(0), 8) });
    let consult = Command::Consult { leg: third.clone(), target };
    call.gets(1_000, Input::Command { leg: agent.clone(), command: consult });
    call.gets(1_000, Input::LineAnswered(third.clone()));
    call.gets(1_000, Input::Command { leg: agent.clone(), command: Command::Complete });
    let both = vec![(other.clone(), vec![third.clone()]), (third, vec![other])];
    assert!(call.does(|e| *e == Effect::Hear(both.clone())));
    assert!(call.does(|e| matches!(e, Effect::HangUpLine { leg, .. } if *leg == agent)));
}

/// The customer answered, and was handed to a queue.
fn waiting() -> Placed {
    let mut call = Placed::to(number());
    let (agent, other) = (call.agent.clone(), call.other.clone());
    call.gets(1_000, Input::LineAnswered(agent.clone())).gets(1_000, Input::LineAnswered(other));
    let node = QueueNode {
        needs: Vec::new(),
        queue: QueueId::new(at(0), 10),
        priority: 0,
        welcome: Vec::new(),
        music: vec!["music".into()],
        announce_every: 0,
        service_level: 20_000,
        short_abandon: 5_000,
        callback: None,
    };
    let command = Command::Transfer(HandOver::Queue(Box::new(node)));
    call.gets(10_000, Input::Command { leg: agent, command });
    assert!(call.does(|e| matches!(e, Effect::JoinQueue { .. })));
    call
}

#[test]
fn a_customer_who_was_called_and_hangs_up_while_waiting_waits_no_more() {
    let mut call = waiting();
    let other = call.other.clone();
    call.gets(4_000, Input::LineHungUp(other.clone()));
    assert_eq!(call.ended(), (HangupCause::Normal, Party::Caller, 10_000));
    assert!(call.does(|e| matches!(e, Effect::ReleaseQueue(_))));
    assert!(call.does(|e| matches!(e, Effect::HangUpLine { leg, .. } if *leg == other)));
}

#[test]
fn a_customer_who_was_called_is_not_left_in_silence_where_no_flow_leads_on() {
    let mut call = waiting();
    let other = call.other.clone();
    call.gets(4_000, Input::Overflow("wait_limit".into()));
    assert_eq!(call.ended(), (HangupCause::Unavailable, Party::System, 10_000));
    assert!(call.does(|e| matches!(e, Effect::HangUpLine { leg, .. } if *leg == other)));
    assert!(!call.does(|e| matches!(e, Effect::AskIvr(_) | Effect::ReleaseQueue(_))));
}

#[test]
fn nobody_is_handed_over_before_they_answer_and_a_pause_in_their_ringing_is_none() {
    let mut call = Placed::to(number());
    let (agent, other) = (call.agent.clone(), call.other.clone());
    call.gets(1_000, Input::LineAnswered(agent.clone()));
    let target = Target::Agent { agent: AgentId::new(at(0), 8) };
    let transfer = HandOver::Party { leg: LegId::new(at(0), 7), target };
    call.gets(1_000, Input::Command { leg: agent, command: Command::Transfer(transfer) });
    assert!(call.does(|e| matches!(e, Effect::LineRefuses { .. })));
    call.gets(1_000, Input::MediaLost(other.clone()));
    assert!(!call.call.ended());
    call.gets(1_000, Input::LineAnswered(other));
    assert!(call.does(|e| matches!(e, Effect::Record { .. })));
}

/// The customer has the first place among the parties, and has none before being called.
#[test]
fn a_supervisor_waits_until_the_agents_own_line_has_answered() {
    let mut call = Placed::to(number());
    let supervisor = LegId::new(at(0), 8);
    let listens =
        |leg: LegId| Input::Supervise { leg, agent: AgentId::new(at(0), 9), how: Supervision::TakeOver };
    call.gets(1_000, listens(supervisor.clone()));
    assert!(call.last.is_empty());
    call.gets(0, Input::LineRefused { leg: supervisor, outcome: OfferOutcome::Declined });
    let (agent, other) = (call.agent.clone(), call.other.clone());
    call.gets(1_000, Input::LineAnswered(agent)).gets(1_000, Input::LineAnswered(other));
    call.gets(0, listens(LegId::new(at(0), 10)));
    assert!(call.does(|e| matches!(e, Effect::Invite { purpose: Purpose::Supervise, .. })));
}
