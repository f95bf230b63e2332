//! A waiting caller given to one agent by hand, or picked up by one.

use crate::world::*;
use routing::{Assign, Effect, Input, Word};
use types::*;

impl World {
    fn gives(&mut self, call: &CallId, n: u128, own: bool) -> &mut World {
        self.by_hand(call, n, if own { Word::Taken } else { Word::Given })
    }

    fn picks(&mut self, n: u128, call: &CallId) -> &mut World {
        self.by_hand(call, n, Word::Picked)
    }

    fn by_hand(&mut self, call: &CallId, n: u128, word: Word) -> &mut World {
        let (tenant, call, agent) = (tenant(), call.clone(), agent(n));
        self.gets(Input::Assign(Assign { tenant, call, agent, word }))
    }

    fn refused(&self) -> Option<&'static str> {
        self.last.iter().find_map(|effect| match effect {
            Effect::NotAssigned { reason, .. } => Some(*reason),
            _ => None,
        })
    }

    fn places(&self) -> Vec<CallId> {
        self.router.positions(&vip()).cloned().collect()
    }
}

/// Agents 0 and 1, of whom 0 serves the queue and talks; three callers wait.
fn three_wait() -> (World, CallId, [CallId; 3]) {
    let mut w = World::new(2);
    w.available(0).available(1);
    let talks = w.joins(vip());
    w.answers(&talks);
    let waiting = [w.joins(vip()), w.joins(vip()), w.joins(vip())];
    (w, talks, waiting)
}

#[test]
fn a_caller_from_the_middle_rings_at_the_chosen_agent_alone_and_keeps_the_place_when_nobody_answers() {
    let (mut w, talks, waiting) = three_wait();
    w.gives(&waiting[1], 1, false);
    assert_eq!(w.rings(&waiting[1]), Some(agent(1)), "who has not even the queue's skill");
    assert_eq!(w.places(), waiting);
    w.gets(Input::Release { call: talks.clone() }).passes(10_000);
    assert_eq!(w.rings(&waiting[0]), Some(agent(0)), "the next one is served meanwhile");
    assert_eq!(w.rings(&waiting[1]), Some(agent(1)), "and the given one offered to nobody else");
    w.answers(&waiting[0]).passes(15_000);
    assert_eq!((w.rings(&waiting[1]), w.state(1)), (None, AgentState::Missed));
    assert_eq!(w.places(), waiting[1..], "back at the old place");
    w.gets(Input::Release { call: waiting[0].clone() }).passes(10_000);
    assert_eq!(w.rings(&waiting[1]), Some(agent(0)), "before who came later");
}

#[test]
fn who_answers_takes_the_caller_from_the_middle() {
    let (mut w, _, waiting) = three_wait();
    w.gives(&waiting[1], 1, false).answers(&waiting[1]);
    assert_eq!(w.places(), [waiting[0].clone(), waiting[2].clone()]);
    assert_eq!(w.state(1), AgentState::OnCall);
}

#[test]
fn a_supervisor_on_a_break_takes_a_caller_and_is_back_on_the_break_afterwards() {
    let (mut w, _, waiting) = three_wait();
    w.gets(Input::Aux { tenant: tenant(), agent: agent(1), reason: "office".into(), line: None });
    w.gives(&waiting[2], 1, false);
    assert_eq!(w.refused(), Some("not_available"), "who is on a break is not given callers");
    w.gives(&waiting[2], 1, true);
    assert_eq!(w.rings(&waiting[2]), Some(agent(1)));
    w.answers(&waiting[2]).gets(Input::Release { call: waiting[2].clone() }).passes(10_000);
    assert_eq!(w.state(1), AgentState::Aux);
}

#[test]
fn what_rings_elsewhere_stops_there() {
    let mut w = World::new(3);
    w.available(0).available(1);
    let call = w.joins(vip());
    assert_eq!(w.rings(&call), Some(agent(0)));
    w.gives(&call, 1, false);
    assert_eq!((w.rings(&call), w.state(0)), (Some(agent(1)), AgentState::Available));
    w.passes(15_000);
    assert_eq!(w.rings(&call), Some(agent(0)), "not answered: any agent again");
}

#[test]
fn nobody_is_given_a_caller_who_is_busy_away_or_of_another_company() {
    let (mut w, talks, waiting) = three_wait();
    for (call, n, why) in [
        (&talks, 1, "not_waiting"),
        (&CallId::new(w.now, 999), 1, "not_waiting"),
        (&waiting[0], 0, "busy"),
        (&waiting[0], 77, "no_agent"),
    ] {
        w.gives(call, n, true);
        assert_eq!(w.refused(), Some(why));
    }
    w.gets(Input::Offline { agent: agent(1), reason: "gone".into() }).gives(&waiting[0], 1, true);
    assert_eq!(w.refused(), Some("offline"));
    let (call, agent) = (waiting[0].clone(), agent(0));
    let foreign = TenantId::new(Timestamp::default(), 9);
    w.gets(Input::Assign(Assign { tenant: foreign, call, agent, word: Word::Given }));
    assert_eq!(w.refused(), Some("not_waiting"));
    assert_eq!(w.places(), waiting);
}

/// The one to whom the caller was given first is free again, and could serve the queue.
#[test]
fn who_rings_at_one_by_hand_is_given_to_another_and_rings_there_alone() {
    let mut w = World::new(4);
    w.available(2);
    let call = w.joins(vip());
    w.passes(20_000);
    w.gets(Input::Aux { tenant: tenant(), agent: agent(0), reason: "tea".into(), line: None });
    w.gives(&call, 2, true);
    assert_eq!(w.rings(&call), Some(agent(2)));
    w.gives(&call, 0, true);
    assert_eq!((w.rings(&call), w.refused()), (Some(agent(0)), None));
}

/// Agents 0 and 2 serve the queue and 1 does not; 0 rings for the first caller,
/// 2 is on a break, the second caller waits.
fn one_rings_and_one_waits() -> (World, CallId, CallId) {
    let mut w = World::new(3);
    w.available(0).available(1).available(2);
    let reason = "tea".to_owned();
    w.gets(Input::Aux { tenant: tenant(), agent: agent(2), reason, line: None });
    let (rings, waits) = (w.joins(vip()), w.joins(vip()));
    (w, rings, waits)
}

#[test]
fn an_agent_picks_a_caller_who_waits_in_an_own_queue_and_only_there() {
    let (mut w, rings, waits) = one_rings_and_one_waits();
    assert_eq!(w.picks(1, &waits).refused(), Some("not_yours"));
    w.picks(2, &waits);
    assert_eq!((w.rings(&rings), w.rings(&waits)), (Some(agent(0)), Some(agent(2))));
    w.answers(&waits).gets(Input::Release { call: waits }).passes(10_000);
    assert_eq!(w.state(2), AgentState::Aux, "back on the break");
}

#[test]
fn a_caller_who_rings_at_a_colleague_is_picked_up_and_the_colleague_asked_no_more() {
    let (mut w, rings, waits) = one_rings_and_one_waits();
    w.picks(2, &rings);
    assert_eq!(w.rings(&rings), Some(agent(2)));
    assert_eq!(w.rings(&waits), Some(agent(0)), "who was freed serves the next one");
    w.answers(&rings);
    assert_eq!((w.state(2), w.places()), (AgentState::OnCall, vec![waits]));
}

#[test]
fn of_two_who_pick_at_once_the_first_has_the_caller_and_the_other_is_told_so() {
    let (mut w, rings, waits) = one_rings_and_one_waits();
    assert_eq!(w.picks(0, &waits).refused(), Some("busy"), "an offer of the queue's rings there");
    w.picks(2, &rings);
    assert_eq!((w.refused(), w.rings(&waits)), (None, Some(agent(0))));
    assert_eq!(w.picks(0, &rings).refused(), Some("taken"), "the other picked it before");
    w.answers(&rings);
    assert_eq!(w.picks(0, &rings).refused(), Some("taken"), "and talks by now");
    let gone = waits.clone();
    w.gets(Input::Release { call: waits });
    assert_eq!(w.picks(0, &gone).refused(), Some("not_waiting"));
}

#[test]
fn an_answer_that_crosses_the_pick_up_has_the_caller() {
    let (mut w, rings, _) = one_rings_and_one_waits();
    let first = w.ringing[&rings].reservation.clone();
    w.picks(2, &rings);
    w.gets(Input::Answered { call: rings, reservation: first, by: None });
    assert_eq!((w.state(0), w.state(2)), (AgentState::OnCall, AgentState::Aux));
}

#[test]
fn who_picks_and_does_not_answer_costs_the_caller_nothing() {
    let (mut w, rings, waits) = one_rings_and_one_waits();
    w.answers(&rings).picks(2, &waits).passes(15_000);
    assert_eq!((w.rings(&waits), w.places()), (None, vec![waits.clone()]));
    w.gets(Input::Release { call: rings }).passes(10_000);
    assert_eq!(w.rings(&waits), Some(agent(0)));
}
