//! A supervisor gives a waiting caller to one agent.

use crate::world::*;
use routing::{Assign, Effect, Input};
use types::*;

impl World {
    fn gives(&mut self, call: &CallId, n: u128, own: bool) -> &mut World {
        let (tenant, call, agent) = (tenant(), call.clone(), agent(n));
        self.gets(Input::Assign(Assign { tenant, call, agent, own }))
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
    w.gets(Input::Assign(Assign { tenant: foreign, call, agent, own: false }));
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
