use crate::world::*;
use routing::{Effect, Input};
use types::*;

/// A152 (longest idle).
#[test]
fn the_agent_who_has_been_idle_longest_gets_the_next_caller() {
    let mut w = World::new(3);
    w.available(2).passes(1_000).available(0).passes(1_000).available(1);
    let calls = [(); 3].map(|()| w.joins(support()));
    let order = calls.map(|call| w.rings(&call).unwrap());
    assert_eq!(order, [agent(2), agent(0), agent(1)]);
}

#[test]
fn nobody_is_offered_a_caller_whose_skill_they_lack() {
    let mut w = World::new(2);
    w.available(1);
    let call = w.joins(vip());
    assert_eq!(w.rings(&call), None);
    w.available(0);
    assert_eq!(w.rings(&call), Some(agent(0)));
}

#[test]
fn an_agent_who_does_not_answer_loses_the_offer_not_the_caller() {
    let mut w = World::new(2);
    w.available(0).passes(10).available(1);
    let first = w.joins(support());
    w.passes(1_000);
    assert_eq!(w.rings(&first), Some(agent(0)));
    w.passes(14_000);
    assert_eq!((w.rings(&first), w.state(0)), (Some(agent(1)), AgentState::Missed));
}

#[test]
fn a_caller_whose_offer_ended_is_still_first_in_line() {
    let mut w = World::new(1);
    w.available(0);
    let first = w.joins(support());
    w.passes(1_000);
    let second = w.joins(support());
    w.passes(15_000);
    assert_eq!(w.router.positions(&support()).collect::<Vec<_>>(), [&first, &second]);
    w.available(0);
    assert_eq!((w.rings(&first), w.rings(&second)), (Some(agent(0)), None));
}

#[test]
fn an_agent_who_declines_stays_available_for_others_but_is_not_asked_again_at_once() {
    let mut w = World::new(1);
    w.available(0);
    let call = w.joins(support());
    let reservation = w.ringing[&call].reservation.clone();
    w.gets(Input::OfferEnded { call: call.clone(), reservation, outcome: OfferOutcome::Declined });
    assert_eq!((w.rings(&call), w.state(0)), (None, AgentState::Available));
    let other = w.joins(support());
    assert_eq!(w.rings(&other), Some(agent(0)));
    w.gets(Input::Release { call: other }).passes(30_000);
    assert_eq!(w.rings(&call), Some(agent(0)), "with nobody else about, asked again after a while");
}

#[test]
fn a_caller_who_leaves_costs_the_agent_no_turn() {
    let mut w = World::new(2);
    w.available(0).passes(1_000).available(1);
    let gone = w.joins(support());
    w.passes(2_000).gets(Input::Release { call: gone });
    let next = w.joins(support());
    assert_eq!(w.rings(&next), Some(agent(0)));
}

#[test]
fn after_the_call_comes_wrap_up_and_then_the_next_caller() {
    let mut w = World::new(1);
    w.available(0);
    let call = w.joins(support());
    w.answers(&call).passes(60_000);
    let waiting = w.joins(support());
    w.gets(Input::Release { call: call.clone() });
    assert_eq!((w.state(0), w.rings(&waiting)), (AgentState::WrapUp, None));
    w.passes(9_999);
    assert_eq!(w.state(0), AgentState::WrapUp);
    w.passes(1);
    assert_eq!(w.rings(&waiting), Some(agent(0)));
}

#[test]
fn a_break_asked_for_in_a_call_is_taken_after_it() {
    let mut w = World::new(1);
    w.available(0);
    let call = w.joins(support());
    w.answers(&call);
    w.gets(Input::Aux { tenant: tenant(), agent: agent(0), reason: "lunch".into(), line: None });
    assert_eq!(w.state(0), AgentState::OnCall);
    w.gets(Input::Release { call: call.clone() });
    w.gets(Input::FinishWrapUp { agent: agent(0), call, disposition: None, note: None });
    assert_eq!(w.state(0), AgentState::Aux);
}

#[test]
fn an_answer_that_crosses_the_end_of_its_offer_still_counts() {
    let mut w = World::new(3);
    w.available(0).passes(1_000).available(1);
    let call = w.joins(support());
    let reservation = w.ringing[&call].reservation.clone();
    w.passes(15_000);
    assert_eq!(w.rings(&call), Some(agent(1)), "the next agent rings already");
    w.gets(Input::Answered { call: call.clone(), reservation, by: None });
    assert_eq!((w.state(0), w.state(1)), (AgentState::OnCall, AgentState::Available));
    assert!(w.ringing.is_empty());
}

#[test]
fn an_agent_whose_device_vanishes_while_it_rings_is_offline_and_the_caller_goes_to_another() {
    let mut w = World::new(2);
    w.available(0).passes(1).available(1);
    let call = w.joins(support());
    w.gets(Input::Offline { agent: agent(0), reason: "device offline".into() });
    assert_eq!((w.state(0), w.rings(&call)), (AgentState::Offline, Some(agent(1))));
}

#[test]
fn a_full_queue_gives_the_caller_back_with_the_reason() {
    let mut w = World::new(0);
    (0..50).for_each(|_| drop(w.joins(support())));
    let call = w.joins(support());
    assert_eq!(w.last, [Effect::Overflow { call, reason: "queue_full" }]);
}

#[test]
fn a_queue_that_is_deleted_gives_everybody_back_and_frees_the_agents() {
    let mut w = World::new(1);
    w.available(0);
    (0..3).for_each(|_| drop(w.joins(support())));
    w.gets(Input::Queue { tenant: tenant(), queue: support(), config: None });
    let given_back = w.last.iter().filter(|e| matches!(e, Effect::Overflow { .. })).count();
    assert_eq!((given_back, w.state(0)), (3, AgentState::Available));
}

#[test]
fn an_answer_that_crosses_the_end_of_its_queue_still_counts() {
    let mut w = World::new(1);
    w.available(0);
    let call = w.joins(support());
    let reservation = w.ringing[&call].reservation.clone();
    w.gets(Input::Queue { tenant: tenant(), queue: support(), config: None });
    w.gets(Input::Answered { call: call.clone(), reservation, by: None });
    assert_eq!(w.state(0), AgentState::OnCall, "who talks is not offered others");
    w.gets(Input::Release { call });
    assert_eq!(w.state(0), AgentState::Available);
}

#[test]
fn an_answer_counts_even_when_a_second_offer_came_and_went_meanwhile() {
    let mut w = World::new(2);
    w.available(0).passes(1).available(1);
    let call = w.joins(support());
    let first = w.ringing[&call].reservation.clone();
    w.passes(15_000);
    let second = w.ringing[&call].reservation.clone();
    w.gets(Input::OfferEnded { call: call.clone(), reservation: second, outcome: OfferOutcome::Declined });
    w.gets(Input::Answered { call, reservation: first, by: None });
    assert_eq!((w.state(0), w.state(1)), (AgentState::OnCall, AgentState::Available));
}

#[test]
fn a_caller_given_back_by_one_queue_may_wait_in_another() {
    let mut w = World::new(1);
    w.available(0);
    let call = w.joins(support());
    w.gets(Input::Queue { tenant: tenant(), queue: support(), config: None });
    w.gets(Input::Join {
        tenant: tenant(),
        call: call.clone(),
        queue: vip(),
        since: w.now,
        priority: 0,
        needs: Vec::new(),
        preferred: None,
    });
    assert_eq!(w.rings(&call), Some(agent(0)));
}

#[test]
fn a_tenants_callers_never_reach_another_tenants_agents() {
    let mut w = World::new(1);
    w.available(0);
    let foreign = TenantId::new(Timestamp::default(), 2);
    let call = CallId::new(w.now, 99);
    w.gets(Input::Join {
        tenant: foreign,
        call: call.clone(),
        queue: support(),
        since: w.now,
        priority: 0,
        needs: Vec::new(),
        preferred: None,
    });
    assert_eq!(w.last, [Effect::Overflow { call, reason: "no_queue" }]);
}

#[test]
fn a_late_answer_counts_though_the_same_agent_was_asked_again_meanwhile() {
    let mut w = World::new(1);
    w.available(0);
    let call = w.joins(support());
    let first = w.ringing[&call].reservation.clone();
    w.passes(15_000).available(0);
    assert_eq!(w.rings(&call), Some(agent(0)), "asked a second time");
    w.gets(Input::Answered { call: call.clone(), reservation: first, by: None });
    assert_eq!(
        (w.state(0), w.router.agent(&agent(0)).unwrap().call.as_ref()),
        (AgentState::OnCall, Some(&call))
    );
}
