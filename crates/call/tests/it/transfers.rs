//! Transfers, consultations, conferences and supervisors: who hears whom, what
//! is told, and that nobody is left alone.

use crate::world::{World, queue};
use call::{Command, Effect, HandOver, Input, Ledger, QueueNode, RINGBACK};
use types::{fact::CallEvent, *};

fn colleague(n: u128) -> Target {
    Target::Agent { agent: AgentId::new(Timestamp::from_millis(1), 7_000 + n) }
}

fn number() -> Target {
    Target::Number { number: "+36201234567".parse().unwrap() }
}

fn leg(n: u128) -> LegId {
    LegId::new(Timestamp::from_millis(2), 9_000 + n)
}

fn node(n: u128) -> QueueNode {
    QueueNode {
        queue: QueueId::new(Timestamp::from_millis(1), 50 + n),
        needs: Vec::new(),
        priority: 0,
        welcome: Vec::new(),
        music: vec!["other music".into()],
        announce_every: 0,
        service_level: 10_000,
        short_abandon: 1_000,
        callback: None,
    }
}

/// A conversation under test.
struct Talk {
    world: World,
    agent: LegId,
    caller: LegId,
}

impl Talk {
    fn new() -> Talk {
        let (world, agent) = World::talking();
        let caller = world.call.customer().clone();
        Talk { world, agent, caller }
    }

    fn wants(&mut self, command: Command) -> &mut Talk {
        let leg = self.agent.clone();
        self.world.gets(Input::Command { leg, command });
        self
    }

    fn gets(&mut self, input: Input) -> &mut Talk {
        self.world.gets(input);
        self
    }

    fn consults(&mut self, target: Target) -> &mut Talk {
        self.wants(Command::Consult { leg: leg(1), target })
    }

    fn transfers(&mut self, target: Target) -> &mut Talk {
        self.wants(Command::Transfer(HandOver::Party { leg: leg(1), target }))
    }

    /// Who hears whom after the last input.
    fn matrix(&self) -> Vec<(LegId, Vec<LegId>)> {
        let heard = self.world.last.iter().rev().find_map(|effect| match effect {
            Effect::Hear(matrix) => Some(matrix.clone()),
            _ => None,
        });
        heard.expect("the matrix changed")
    }

    fn hears(&self, who: &LegId, sources: &[&LegId]) {
        let matrix = self.matrix();
        let heard = matrix.iter().find(|(listener, _)| listener == who).map(|(_, heard)| heard.as_slice());
        let mut heard: Vec<_> = heard.unwrap_or_default().iter().collect();
        let mut wanted = sources.to_vec();
        heard.sort();
        wanted.sort();
        assert_eq!(heard, wanted, "what {who} hears");
    }

    fn plays_to(&self, who: &LegId) -> bool {
        self.world.does(|e| matches!(e, Effect::Play { leg, repeat: true, .. } if leg == who))
    }

    fn lets_go(&self, who: &LegId) -> bool {
        self.world.does(|e| matches!(e, Effect::HangUpLine { leg, .. } if leg == who))
    }

    fn told(&self, found: impl Fn(&CallEvent) -> bool) -> usize {
        self.world.facts.iter().filter(|fact| found(&fact.event)).count()
    }

    fn agent_id(&self) -> Option<AgentId> {
        self.world.call.ledger().agent.clone()
    }
}

#[test]
fn a_blind_transfer_gives_the_caller_music_and_then_the_colleague() {
    let mut talk = Talk::new();
    let (first, agent) = (talk.agent_id(), talk.agent.clone());
    talk.world.passes(10_000);
    talk.transfers(colleague(1));
    assert!(talk.plays_to(&talk.caller), "music at once");
    assert!(talk.world.does(|e| matches!(e, Effect::Invite { purpose: Purpose::Transfer, .. })));
    assert!(!talk.lets_go(&agent), "the agent keeps the call until somebody has it");
    talk.world.passes(5_000);
    talk.gets(Input::LineAnswered(leg(1)));
    assert!(talk.lets_go(&agent) && talk.world.does(|e| matches!(e, Effect::ReleaseQueue(_))));
    talk.hears(&talk.caller.clone(), &[&leg(1)]);
    talk.hears(&leg(1), &[&talk.caller.clone()]);
    let transferred = talk.world.facts.iter().rev().find_map(|fact| match &fact.event {
        CallEvent::Transferred { from, to, talk, hold } => Some((from.clone(), to.clone(), *talk, *hold)),
        _ => None,
    });
    assert_eq!(transferred, Some((first, colleague(1), 15_000, 5_000)));
    assert_eq!(talk.agent_id().as_ref(), colleague(1).agent());
    assert!(talk.world.does(|e| matches!(e, Effect::Record { right, .. } if *right == [leg(1)])));
    talk.world.passes(1_000);
    talk.gets(Input::CallerHungUp);
    assert!(talk.lets_go(&leg(1)) && !talk.world.does(|e| matches!(e, Effect::ReleaseQueue(_))));
}

#[test]
fn a_transfer_that_fails_returns_the_caller_to_the_agent() {
    for outcome in [OfferOutcome::Declined, OfferOutcome::NoAnswer, OfferOutcome::DeviceOffline] {
        let mut talk = Talk::new();
        let (caller, agent) = (talk.caller.clone(), talk.agent.clone());
        talk.transfers(number()).gets(Input::LineRefused { leg: leg(1), outcome });
        talk.hears(&caller, &[&agent]);
        talk.hears(&agent, &[&caller]);
        assert!(talk.world.does(|e| matches!(e, Effect::InviteFailed { outcome: o, .. } if *o == outcome)));
        assert_eq!(talk.told(|e| matches!(e, CallEvent::Transferred { .. })), 0);
        assert_eq!(talk.world.call.ledger().held_since, None);
    }
}

/// The agent hangs up while the transfer rings: the ringing is nobody's work.
#[test]
fn who_hangs_up_during_a_transfer_has_a_share_until_then() {
    let mut talk = Talk::new();
    talk.world.passes(30_000);
    talk.transfers(colleague(1));
    let agent = talk.agent.clone();
    talk.world.passes(1_000);
    talk.gets(Input::LineHungUp(agent));
    talk.world.passes(20_000);
    talk.gets(Input::LineAnswered(leg(1)));
    let share = talk.world.facts.iter().find_map(|fact| match &fact.event {
        CallEvent::Transferred { talk, hold, .. } => Some((*talk, *hold)),
        _ => None,
    });
    assert_eq!(share, Some((31_000, 1_000)));
}

#[test]
fn a_party_that_rings_too_long_is_given_up() {
    let mut talk = Talk::new();
    talk.transfers(number());
    let due = talk.world.call.deadline().unwrap();
    talk.world.now = due;
    talk.gets(Input::Tick);
    assert!(talk.lets_go(&leg(1)));
    assert!(talk.world.does(|e| matches!(e, Effect::InviteFailed { outcome: OfferOutcome::NoAnswer, .. })));
}

#[test]
fn a_consultation_is_private_may_swap_and_completes() {
    let mut talk = Talk::new();
    let (caller, agent) = (talk.caller.clone(), talk.agent.clone());
    talk.consults(colleague(1));
    assert!(talk.plays_to(&caller) && talk.plays_to(&agent), "music, and ringing");
    talk.gets(Input::LineAnswered(leg(1)));
    talk.hears(&agent, &[&leg(1)]);
    talk.hears(&leg(1), &[&agent]);
    talk.hears(&caller, &[]);
    talk.wants(Command::Swap);
    assert!(talk.plays_to(&leg(1)));
    talk.hears(&agent, &[&caller]);
    talk.hears(&leg(1), &[]);
    talk.wants(Command::Swap);
    talk.hears(&agent, &[&leg(1)]);
    talk.wants(Command::Complete);
    talk.hears(&caller, &[&leg(1)]);
    assert!(talk.lets_go(&agent));
    assert_eq!(Ledger::replay(&talk.world.facts).as_ref(), Some(talk.world.call.ledger()));
}

#[test]
fn a_cancelled_consultation_brings_the_caller_back_in_silence() {
    let mut talk = Talk::new();
    let (caller, agent) = (talk.caller.clone(), talk.agent.clone());
    talk.consults(colleague(1)).gets(Input::LineAnswered(leg(1))).wants(Command::Cancel);
    talk.hears(&agent, &[&caller]);
    assert!(talk.lets_go(&leg(1)) && !talk.world.does(|e| matches!(e, Effect::InviteFailed { .. })));
    talk.consults(colleague(2)).wants(Command::Complete).gets(Input::LineAnswered(leg(1)));
    talk.hears(&caller, &[&leg(1)]);
    assert!(talk.lets_go(&agent), "completed while it rang: given over at the answer");
}

#[test]
fn in_a_conference_everybody_hears_everybody_and_who_is_removed_nobody() {
    let mut talk = Talk::new();
    let (caller, agent) = (talk.caller.clone(), talk.agent.clone());
    talk.consults(colleague(1)).gets(Input::LineAnswered(leg(1))).wants(Command::Conference);
    talk.wants(Command::Invite { leg: leg(2), target: number() });
    talk.hears(&caller, &[&agent, &leg(1)]);
    talk.hears(&agent, &[&caller, &leg(1), &leg(2)]);
    talk.gets(Input::LineAnswered(leg(2)));
    talk.hears(&caller, &[&agent, &leg(1), &leg(2)]);
    talk.hears(&leg(2), &[&agent, &leg(1), &caller]);
    let right = [agent.clone(), leg(1), leg(2)];
    assert!(talk.world.does(|e| matches!(e, Effect::Record { right: r, .. } if *r == right)));
    talk.wants(Command::Remove(leg(1)));
    talk.hears(&caller, &[&agent, &leg(2)]);
    let gone = agent.clone();
    talk.gets(Input::LineHungUp(gone));
    talk.hears(&caller, &[&leg(2)]);
    talk.gets(Input::LineHungUp(leg(2)));
    assert!(talk.world.call.ended());
}

#[test]
fn more_than_ten_do_not_fit() {
    let mut talk = Talk::new();
    for n in 1..9 {
        talk.wants(Command::Invite { leg: leg(n), target: number() }).gets(Input::LineAnswered(leg(n)));
    }
    talk.wants(Command::Invite { leg: leg(9), target: number() });
    assert!(talk.world.does(|e| matches!(e, Effect::LineRefuses { .. })));
}

#[test]
fn a_transfer_to_a_queue_lets_the_agent_go_and_the_recording_goes_on() {
    let mut talk = Talk::new();
    let agent = talk.agent.clone();
    talk.world.passes(20_000);
    talk.wants(Command::Transfer(HandOver::Queue(Box::new(node(1)))));
    assert!(talk.lets_go(&agent) && talk.plays_to(&talk.caller));
    let order = talk.world.last.iter().filter_map(|effect| match effect {
        Effect::ReleaseQueue(_) => Some("released"),
        Effect::JoinQueue { .. } => Some("joined"),
        _ => None,
    });
    assert_eq!(order.collect::<Vec<_>>(), ["released", "joined"]);
    assert!(!talk.world.does(|e| matches!(e, Effect::StopRecord(_))));
    let again = talk.world.reserved(1);
    let leg = again.leg.clone();
    talk.world.passes(4_000);
    talk.gets(Input::Reserved(again)).gets(Input::LineAnswered(leg));
    talk.world.passes(6_000);
    talk.gets(Input::CallerHungUp);
    assert!(talk.world.does(|e| matches!(e, Effect::StopRecord(_))));
    let CallEvent::Ended { wait: 7_000, talk: 26_000, .. } = talk.world.facts.last().unwrap().event else {
        panic!("{:?}", talk.world.facts.last());
    };
    assert_eq!(talk.told(|e| matches!(e, CallEvent::RecordingStarted { .. })), 1);
}

#[test]
fn an_agent_who_hangs_up_while_a_transfer_rings_does_not_lose_the_caller() {
    let mut talk = Talk::new();
    let (caller, agent) = (talk.caller.clone(), talk.agent.clone());
    talk.transfers(colleague(1)).gets(Input::LineHungUp(agent.clone()));
    assert!(!talk.world.call.ended() && talk.lets_go(&agent));
    let refused = Input::LineRefused { leg: leg(1), outcome: OfferOutcome::NoAnswer };
    talk.gets(refused);
    let waits = |e: &Effect| matches!(e, Effect::JoinQueue { queue: q, .. } if *q == queue());
    assert!(talk.world.does(waits), "back where the caller waited");
    assert!(talk.plays_to(&caller));
}

#[test]
fn an_agent_who_hangs_up_after_consulting_has_handed_over() {
    let mut talk = Talk::new();
    let (caller, agent) = (talk.caller.clone(), talk.agent.clone());
    talk.consults(number()).gets(Input::LineAnswered(leg(1))).gets(Input::LineHungUp(agent));
    talk.hears(&caller, &[&leg(1)]);
    assert_eq!(talk.told(|e| matches!(e, CallEvent::Transferred { .. })), 1);
}

#[test]
fn a_number_is_heard_ringing_by_the_agent_and_not_by_the_caller() {
    let mut talk = Talk::new();
    let (caller, agent) = (talk.caller.clone(), talk.agent.clone());
    talk.consults(number());
    let ringback = |e: &Effect| matches!(e, Effect::Play { prompts, .. } if *prompts == [RINGBACK]);
    assert!(talk.world.does(ringback));
    talk.hears(&agent, &[&leg(1)]);
    talk.hears(&caller, &[]);
    talk.gets(Input::EarlyMedia(leg(1)));
    assert!(talk.world.does(|e| matches!(e, Effect::StopPlay(_))), "the carrier's own tone instead of ours");
}

#[test]
fn only_who_leads_may_command() {
    let mut talk = Talk::new();
    talk.consults(colleague(1)).gets(Input::LineAnswered(leg(1)));
    talk.gets(Input::Command { leg: leg(1), command: Command::Complete });
    assert!(talk.world.last.is_empty());
    talk.transfers(colleague(2));
    assert!(talk.world.does(|e| matches!(e, Effect::LineRefuses { .. })), "one consultation at a time");
}

#[test]
fn a_supervisor_listens_whispers_joins_and_takes_over() {
    let mut talk = Talk::new();
    let (caller, agent, boss) = (talk.caller.clone(), talk.agent.clone(), leg(5));
    let by = AgentId::new(Timestamp::from_millis(1), 8_000);
    talk.gets(Input::Supervise { leg: boss.clone(), agent: by.clone(), how: Supervision::Listen });
    talk.gets(Input::LineAnswered(boss.clone()));
    talk.hears(&boss, &[&agent, &caller]);
    talk.hears(&agent, &[&caller]);
    talk.hears(&caller, &[&agent]);
    let seen =
        |e: &Effect| matches!(e, Effect::LineSeats { seats, .. } if seats.iter().any(|s| s.leg == leg(5)));
    assert!(!talk.world.does(seen), "who listens is not shown");
    let mode = |how| Input::SetSupervision { leg: leg(5), how };
    talk.gets(mode(Supervision::Whisper));
    talk.hears(&agent, &[&caller, &boss]);
    talk.hears(&caller, &[&agent]);
    talk.gets(mode(Supervision::Barge));
    talk.hears(&caller, &[&agent, &boss]);
    talk.gets(mode(Supervision::TakeOver));
    talk.hears(&caller, &[&boss]);
    assert!(talk.lets_go(&agent));
    assert_eq!(talk.told(|e| matches!(e, CallEvent::Supervised { by: who, .. } if *who == by)), 4);
    assert_eq!(talk.agent_id(), Some(by));
}

#[test]
fn a_supervisor_who_leaves_is_not_missed() {
    let mut talk = Talk::new();
    let (caller, agent) = (talk.caller.clone(), talk.agent.clone());
    let by = AgentId::new(Timestamp::from_millis(1), 8_000);
    talk.gets(Input::Supervise { leg: leg(5), agent: by, how: Supervision::Barge });
    talk.gets(Input::LineAnswered(leg(5))).gets(Input::LineHungUp(leg(5)));
    talk.hears(&caller, &[&agent]);
    talk.gets(Input::LineHungUp(agent));
    assert!(talk.world.call.ended());
}
