//! Agents reached in person.

use crate::world::*;
use routing::{Effect, Input};
use types::*;

fn refused(w: &World) -> Option<&'static str> {
    w.last.iter().find_map(|effect| match effect {
        Effect::Overflow { reason, .. } => Some(*reason),
        _ => None,
    })
}

#[test]
fn an_agent_who_takes_a_transferred_call_is_on_it_and_wraps_up_with_the_real_call() {
    let mut w = World::new(2);
    w.available(0).available(1);
    let call = w.joins(support());
    w.answers(&call);
    let session = w.reaches(&call, 1, Some(support()), false);
    assert_eq!(w.state(1), AgentState::Ringing);
    w.takes(&session).gets(Input::Release { call: call.clone() });
    assert_eq!((w.state(0), w.state(1)), (AgentState::WrapUp, AgentState::OnCall));
    assert_eq!(w.router.agent(&agent(1)).unwrap().call.as_ref(), Some(&call));
    w.gets(Input::Release { call: session });
    assert_eq!(w.state(1), AgentState::WrapUp);
    let finish = Input::FinishWrapUp { agent: agent(1), call, disposition: None, note: None };
    w.gets(finish);
    assert_eq!(w.state(1), AgentState::Available);
}

#[test]
fn who_rings_in_person_is_offered_nobody_else_and_comes_back_when_it_ends() {
    let mut w = World::new(1);
    w.available(0);
    let call = CallId::new(w.now, 999);
    let session = w.reaches(&call, 0, None, false);
    let waiting = w.joins(support());
    assert_eq!(w.rings(&waiting), None);
    w.gets(Input::Release { call: session.clone() });
    assert_eq!(w.rings(&waiting), Some(agent(0)), "free at once for the queue");
    w.gets(Input::Release { call: session });
    assert_eq!(w.rings(&waiting), Some(agent(0)));
}

#[test]
fn who_does_not_answer_in_person_has_missed_it() {
    let mut w = World::new(1);
    w.available(0);
    let session = w.reaches(&CallId::new(w.now, 999), 0, Some(support()), false);
    w.passes(15_000);
    assert_eq!(w.state(0), AgentState::Missed);
    assert!(!w.reached.contains_key(&session));
}

#[test]
fn nobody_is_reached_who_is_busy_away_or_of_another_company() {
    let mut w = World::new(2);
    let call = CallId::new(w.now, 999);
    w.reaches(&call, 0, None, false);
    assert_eq!(refused(&w), Some("offline"));
    w.available(0);
    w.reaches(&call, 0, None, false);
    w.reaches(&call, 0, None, false);
    assert_eq!(refused(&w), Some("busy"));
    w.reaches(&call, 77, None, false);
    assert_eq!(refused(&w), Some("no_agent"));
}

#[test]
fn an_agent_who_calls_from_a_break_is_back_on_the_break_afterwards() {
    let mut w = World::new(1);
    w.available(0);
    w.gets(Input::Aux { tenant: tenant(), agent: agent(0), reason: "tea".into(), line: None });
    let session = w.reaches(&CallId::new(w.now, 999), 0, None, true);
    assert_eq!(w.state(0), AgentState::OnCall);
    assert!(w.reached[&session].engaged);
    w.passes(100_000);
    assert_eq!(w.state(0), AgentState::OnCall, "no deadline runs");
    w.gets(Input::Release { call: session });
    assert_eq!(w.state(0), AgentState::Aux);
}

#[test]
fn a_phone_that_vanishes_while_it_rings_in_person_ends_that_offer() {
    let mut w = World::new(1);
    w.available(0);
    let session = w.reaches(&CallId::new(w.now, 999), 0, None, false);
    w.gets(Input::Offline { agent: agent(0), reason: "gone".into() });
    assert_eq!(w.state(0), AgentState::Offline);
    assert!(!w.reached.contains_key(&session));
}
