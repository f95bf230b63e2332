//! The order of service, admission, overflow, agents' own terms.

use crate::hall::*;
use proptest::prelude::*;
use routing::{Assign, Effect, Input, Profile, QueueConfig, Winner, Word};
use types::{
    fact::{AgentEvent, Rule},
    *,
};

const SECOND: Millis = 1_000;

// ── order of service ────────────────────────────────────────────────────────

#[test]
fn a_caller_with_priority_who_comes_behind_twenty_is_next() {
    let mut hall = Hall::new(r#""starvation_guard_ms": 60000"#);
    (0..20).for_each(|_| drop(hall.calls()));
    let vip = hall.joins(10, None);
    hall.hires(0, &[]).available(0);
    assert_eq!(hall.rung_by(&vip), [0]);
}

proptest! {
    /// Whatever priorities arrive, who has waited for the limit is served
    /// before everybody who came later: nobody starves.
    #[test]
    fn nobody_is_overtaken_after_the_limit(arrivals in proptest::collection::vec((0i64..20_000, 0i32..10), 1..60)) {
        const GUARD: Millis = 60_000;
        let mut hall = Hall::new(r#""starvation_guard_ms": 60000, "wrap_up_ms": 0"#).staffed(1);
        let mut since = std::collections::BTreeMap::new();
        for (gap, priority) in arrivals {
            hall.passes(gap);
            let call = hall.joins(priority, None);
            since.insert(call, hall.now);
            if let Some((agent_id, offer)) = hall.ringing.iter().next().map(|(a, o)| (a.clone(), o.clone())) {
                let before = |at: Timestamp| since.iter().any(|(call, since)| {
                    *call != offer.call && *since < at && hall.now - *since >= GUARD && hall.line().contains(call)
                });
                let reserved_at = offer.deadline + -15_000;
                if reserved_at == hall.now { prop_assert!(!before(since[&offer.call])); }
                prop_assert_eq!(agent_id, agent(0));
                hall.answers(0);
                hall.passes(7_000).hangs_up(&offer.call);
                since.remove(&offer.call);
            }
        }
    }
}

#[test]
fn the_heavier_queue_is_served_first_by_an_agent_of_both() {
    let mut hall = Hall::new(r#""weight": 0"#);
    let heavy = QueueId::new(Timestamp::default(), 2);
    hall.gets(Input::Queue { tenant: tenant(), queue: heavy.clone(), config: Some(queue(r#""weight": 5"#)) });
    let light = hall.joins(9, None);
    hall.passes(60 * SECOND);
    let call = CallId::new(hall.now, 99);
    let (since, preferred) = (hall.now, None);
    hall.gets(Input::Join {
        tenant: tenant(),
        call: call.clone(),
        queue: heavy,
        since,
        priority: 0,
        needs: Vec::new(),
        preferred,
    });
    hall.hires(0, &[]).available(0);
    assert_eq!((hall.rung_by(&call), hall.rung_by(&light)), (vec![0], vec![]));
}

#[test]
fn the_longest_waiting_of_all_queues_is_served_first_by_default() {
    let mut hall = Hall::new(r#""weight": 0"#);
    let other = QueueId::new(Timestamp::default(), 2);
    hall.gets(Input::Queue { tenant: tenant(), queue: other.clone(), config: Some(queue(r#""weight": 0"#)) });
    let call = CallId::new(hall.now, 99);
    let (since, preferred) = (hall.now, None);
    hall.gets(Input::Join {
        tenant: tenant(),
        call: call.clone(),
        queue: other,
        since,
        priority: 0,
        needs: Vec::new(),
        preferred,
    });
    hall.passes(SECOND).calls();
    hall.hires(0, &[]).available(0);
    assert_eq!(hall.rung_by(&call), [0]);
}

// ── what one caller needs ───────────────────────────────────────────────────

#[test]
fn a_caller_who_needs_a_skill_waits_for_who_has_it_and_holds_up_nobody() {
    let mut hall = Hall::new(r#""skills": [{"name": "general", "level": 1}], "wrap_up_ms": 0"#);
    hall.hires(0, &[skill("general", 5)]).available(0).passes(SECOND);
    let french = hall.calls_for(&[skill("french", 4)]);
    let anybody = hall.calls();
    assert_eq!((hall.rung_by(&french), hall.rung_by(&anybody)), (vec![], vec![0]));
    hall.hires(1, &[skill("general", 5), skill("french", 3)]).available(1);
    assert!(hall.rung_by(&french).is_empty(), "3 is less than 4");
    hall.hires(2, &[skill("general", 5), skill("french", 4)]).available(2);
    assert_eq!(hall.rung_by(&french), [2]);
    let why = hall.why.as_ref().unwrap();
    assert_eq!(why.needs, [skill("general", 1), skill("french", 4)]);
    assert_eq!(why.candidates[0].skills, [skill("general", 5), skill("french", 4)]);
}

#[test]
fn the_steps_of_the_queue_ease_what_a_caller_needs_too() {
    let mut hall = Hall::new(r#""relax": [{"after_ms": 10000, "levels_down": 2}], "wrap_up_ms": 0"#);
    hall.hires(0, &[skill("french", 3)]).available(0);
    let call = hall.calls_for(&[skill("french", 5)]);
    hall.passes(9 * SECOND);
    assert!(hall.rung_by(&call).is_empty());
    hall.passes(SECOND);
    assert_eq!(hall.rung_by(&call), [0]);
    assert_eq!(hall.why.as_ref().unwrap().needs, [skill("french", 3)]);
}

// ── the preferred agent ─────────────────────────────────────────────────────

#[test]
fn who_knows_the_caller_is_waited_for_and_then_anybody_is_asked() {
    let mut hall = Hall::new(r#""wrap_up_ms": 0"#).staffed(2);
    let busy = hall.calls();
    hall.answers(0);
    let call = hall.joins(0, Some((agent(0), 30 * SECOND)));
    assert!(hall.rung_by(&call).is_empty(), "agent 1 is free and not asked");
    hall.passes(10 * SECOND).hangs_up(&busy);
    assert_eq!((hall.rung_by(&call), hall.rule()), (vec![0], Rule::Preferred));
    let impatient = hall.joins(0, Some((agent(0), 5 * SECOND)));
    hall.passes(5 * SECOND);
    assert_eq!(hall.rung_by(&impatient), [1]);
}

#[test]
fn who_is_not_signed_in_is_not_waited_for() {
    let mut hall = Hall::new(r#""wrap_up_ms": 0"#).staffed(2);
    hall.offline(0);
    let call = hall.joins(0, Some((agent(0), 30 * SECOND)));
    assert_eq!(hall.rung_by(&call), [1]);
    let mut hall = Hall::new(r#""wrap_up_ms": 0"#).staffed(2);
    hall.calls();
    hall.answers(0);
    let call = hall.joins(0, Some((agent(0), 30 * SECOND)));
    hall.gets(Input::Offline { agent: agent(0), reason: "gone".into() });
    let talks = hall.last.iter().any(|e| matches!(e, Effect::Offer(_)));
    assert!(!talks, "signing out is deferred while the agent talks");
    let first = hall.router.agents().find_map(|a| a.call.clone()).unwrap();
    hall.hangs_up(&first);
    assert_eq!((hall.state(0), hall.rung_by(&call)), (AgentState::Offline, vec![1]));
}

#[test]
fn a_preferred_agent_who_declines_is_preferred_no_more() {
    let mut hall = Hall::new(r#""wrap_up_ms": 0"#).staffed(2);
    let call = hall.joins(0, Some((agent(0), 30 * SECOND)));
    hall.ends(0, OfferOutcome::Declined);
    assert_eq!(hall.rung_by(&call), [1]);
}

// ── admission and overflow ──────────────────────────────────────────────────

#[test]
fn the_sixth_of_a_queue_for_five_overflows() {
    let mut hall = Hall::new(r#""waiting_max": 5"#);
    (0..5).for_each(|_| drop(hall.calls()));
    assert!(hall.overflowed.is_empty());
    let sixth = hall.calls();
    assert_eq!(hall.overflowed, [(sixth, "queue_full")]);
}

#[test]
fn when_the_last_agent_is_gone_for_the_grace_everybody_overflows() {
    let mut hall = Hall::new(r#""no_agents_after_ms": 15000"#).staffed(2);
    hall.calls();
    hall.answers(0);
    let ringing = hall.calls();
    let waiting = hall.calls();
    hall.offline(1).passes(60 * SECOND);
    assert!(hall.overflowed.is_empty(), "agent 0 talks and is here");
    let talks = hall.router.agent(&agent(0)).unwrap().call.clone().unwrap();
    hall.offline(0).hangs_up(&talks);
    hall.passes(30 * SECOND);
    assert_eq!((hall.state(0), hall.overflowed.len()), (AgentState::Offline, 0));
    hall.passes(15 * SECOND);
    let mut calls: Vec<CallId> = hall.overflowed.iter().map(|(call, _)| call.clone()).collect();
    calls.sort();
    assert_eq!(calls, [ringing, waiting]);
    assert!(hall.overflowed.iter().all(|(_, reason)| *reason == "no_agents"));
    let late = hall.calls();
    assert_eq!(hall.overflowed.last(), Some(&(late, "no_agents")), "and so do newcomers at once");
    hall.available(1);
    let served = hall.calls();
    assert_eq!(hall.rung_by(&served), [1]);
}

#[test]
fn an_agent_who_comes_back_within_the_grace_keeps_the_callers() {
    let mut hall = Hall::new(r#""no_agents_after_ms": 15000"#).staffed(1);
    hall.offline(0);
    let call = hall.calls();
    hall.passes(14 * SECOND).available(0);
    assert_eq!(hall.rung_by(&call), [0]);
    hall.passes(60 * SECOND);
    assert!(hall.overflowed.is_empty(), "a missed offer leaves the agent signed in");
}

#[test]
fn nobody_waits_longer_than_the_limit_but_an_offer_rings_to_its_end() {
    let mut hall = Hall::new(r#""wait_max_ms": 60000, "ring_timeout_ms": 10000"#);
    let (first, second) = (hall.calls(), hall.calls());
    hall.hires(0, &[]).passes(55 * SECOND).available(0).passes(6 * SECOND);
    assert_eq!(hall.overflowed, [(second, "wait_limit")]);
    assert_eq!(hall.rung_by(&first), [0]);
    hall.passes(4 * SECOND);
    assert_eq!(hall.overflowed.last(), Some(&(first, "wait_limit")));
}

#[test]
fn a_queue_that_is_manual_asks_nobody_by_itself_until_it_no_longer_is() {
    let mut hall = Hall::new(r#""manual": true"#).staffed(2);
    let calls: Vec<CallId> = (0..3).map(|_| hall.calls()).collect();
    hall.passes(60_000);
    assert!(hall.ringing.is_empty(), "{:?}", hall.ringing);
    let (tenant, call, agent) = (tenant(), calls[1].clone(), agent(1));
    hall.gets(Input::Assign(Assign { tenant, call, agent, word: Word::Given }));
    assert_eq!(hall.rung_by(&calls[1]), [1], "by hand alone");
    hall.ends(1, OfferOutcome::Declined).passes(60_000);
    assert_eq!((hall.ringing.len(), hall.line()), (0, calls.clone()));
    hall.saves(queue(r#""manual": false"#));
    assert_eq!((hall.rung_by(&calls[0]).len(), hall.rung_by(&calls[1]).len()), (1, 1));
}

#[test]
fn the_emergency_switch_empties_the_queue_and_keeps_it_empty() {
    let mut hall = Hall::new(r#""weight": 0"#).staffed(1);
    let calls: Vec<CallId> = (0..3).map(|_| hall.calls()).collect();
    hall.saves(queue(r#""emergency": true"#));
    let gone: Vec<CallId> = hall.overflowed.iter().map(|(call, _)| call.clone()).collect();
    assert_eq!((gone, hall.ringing.len(), hall.state(0)), (calls, 0, AgentState::Available));
    let late = hall.calls();
    assert_eq!(hall.overflowed.last(), Some(&(late, "emergency")));
    hall.saves(queue(r#""emergency": false"#));
    let call = hall.calls();
    assert_eq!(hall.rung_by(&call), [0]);
}

// ── answers that surprise ───────────────────────────────────────────────────

fn answered(hall: &mut Hall, call: &CallId, n: usize) {
    let by = Some(Winner { tenant: tenant(), agent: agent(n), queue: main() });
    let reservation = ReservationId::new(hall.now, 4_711);
    hall.gets(Input::Answered { call: call.clone(), reservation, by });
}

/// The call is right: who talks neither waits nor is offered others.
#[test]
fn an_answer_by_an_agent_in_wrap_up_takes_the_caller_out_of_the_queue() {
    let mut hall = Hall::new(r#""wrap_up_ms": 60000"#).staffed(1);
    let first = hall.calls();
    let second = hall.calls();
    hall.answers(0);
    hall.hangs_up(&first);
    assert_eq!(hall.state(0), AgentState::WrapUp);
    answered(&mut hall, &second, 0);
    assert_eq!((hall.state(0), hall.line()), (AgentState::OnCall, vec![]));
    let told = hall.last.iter().any(|effect| {
        matches!(effect, Effect::Fact { fact, .. } if matches!(&fact.event, AgentEvent::WrappedUp { call, .. } if *call == first))
    });
    assert!(told, "the wrap-up that was cut short is told");
}

#[test]
fn an_answer_to_an_earlier_offer_of_the_same_two_withdraws_the_later_one() {
    let mut hall = Hall::new(r#""wrap_up_ms": 0"#).staffed(1);
    let call = hall.calls();
    let first = hall.ringing[&agent(0)].reservation.clone();
    hall.passes(15 * SECOND).available(0);
    let second = hall.ringing[&agent(0)].reservation.clone();
    hall.gets(Input::Answered { call, reservation: first, by: None });
    let ended = hall
        .last
        .iter()
        .filter(|effect| matches!(effect, Effect::OfferEnded { reservation, .. } if *reservation == second));
    assert_eq!((ended.count(), hall.state(0)), (1, AgentState::OnCall));
}

#[test]
fn an_answer_by_an_agent_on_a_call_keeps_the_agent_busy_until_both_are_over() {
    let mut hall = Hall::new(r#""wrap_up_ms": 0"#).staffed(1);
    let first = hall.calls();
    hall.answers(0);
    let second = hall.calls();
    answered(&mut hall, &second, 0);
    assert_eq!((hall.line(), hall.state(0)), (vec![], AgentState::OnCall));
    let third = hall.calls();
    hall.hangs_up(&first);
    assert_eq!((hall.state(0), hall.rung_by(&third)), (AgentState::OnCall, vec![]));
    hall.hangs_up(&second);
    assert_eq!(hall.rung_by(&third), [0]);
}

#[test]
fn an_acd_that_was_started_anew_learns_who_talks() {
    let mut hall = Hall::new(r#""wrap_up_ms": 0"#).staffed(1);
    let call = CallId::new(hall.now, 77);
    answered(&mut hall, &call, 0);
    assert_eq!(hall.state(0), AgentState::OnCall);
    let waiting = hall.calls();
    hall.hangs_up(&call);
    assert_eq!(hall.rung_by(&waiting), [0]);
}

// ── agents ──────────────────────────────────────────────────────────────────

#[test]
fn an_agent_is_paused_after_so_many_missed_offers_in_a_row() {
    let mut hall = Hall::new(r#""pause_after_missed": 3, "ring_timeout_ms": 5000"#).staffed(1);
    for missed in 1..=3 {
        let call = hall.calls();
        assert_eq!(hall.rung_by(&call), [0], "{missed}");
        hall.passes(5 * SECOND);
        let expected = if missed == 3 { AgentState::Missed } else { AgentState::Available };
        assert_eq!(hall.state(0), expected, "{missed}");
        hall.hangs_up(&call);
    }
    hall.available(0);
    let call = hall.calls();
    hall.passes(5 * SECOND);
    assert_eq!((hall.state(0), hall.rung_by(&call)), (AgentState::Available, vec![]));
    hall.passes(30 * SECOND);
    assert_eq!(hall.rung_by(&call), [0], "the same caller again after a while");
}

#[test]
fn wrap_up_ends_in_four_ways() {
    let after = |json: &str, wait: Millis, finish: bool| {
        let mut hall = Hall::new(json).staffed(1);
        let call = hall.calls();
        hall.answers(0);
        hall.hangs_up(&call).passes(SECOND);
        if finish {
            let (disposition, note) = (None, Some("done".to_owned()));
            hall.gets(Input::FinishWrapUp { agent: agent(0), call, disposition, note });
        }
        hall.passes(wait);
        (hall.state(0), hall)
    };
    use AgentState::*;
    assert_eq!(after(r#""wrap_up_ms": 5000"#, 0, true).0, Available);
    assert_eq!(after(r#""wrap_up_ms": 5000"#, 4_000, false).0, Available);
    assert_eq!(after(r#""wrap_up": "until_done""#, 3_600_000, false).0, WrapUp);
    assert_eq!(after(r#""wrap_up": "until_done""#, 0, true).0, Available);
    assert_eq!(after(r#""wrap_up": "none""#, 0, false).0, Available);
    assert_eq!(after(r#""wrap_up": "fixed", "wrap_up_ms": 5000"#, 3_999, true).0, WrapUp);
    let (state, hall) = after(r#""wrap_up": "fixed", "wrap_up_ms": 5000"#, 4_000, true);
    assert_eq!(state, Available);
    let noted = hall.last.iter().any(|effect| {
        matches!(effect, Effect::Fact { fact, .. } if matches!(&fact.event, AgentEvent::WrappedUp { note: Some(note), .. } if note == "done"))
    });
    assert!(noted, "what was written is told when the time is over");
}

#[test]
fn an_agents_own_times_come_before_the_queues() {
    let mut hall = Hall::new(r#""ring_timeout_ms": 15000, "wrap_up_ms": 30000"#);
    let profile = Profile { ring_timeout: Some(5_000), wrap_up: Some(0), ..Profile::default() };
    hall.gets(Input::Agent { tenant: tenant(), agent: agent(0), profile: Some(profile) }).available(0);
    let call = hall.calls();
    hall.passes(5 * SECOND);
    assert_eq!(hall.state(0), AgentState::Missed);
    hall.available(0).answers(0);
    hall.hangs_up(&call);
    assert_eq!(hall.state(0), AgentState::Available);
}

#[test]
fn a_deleted_agent_is_gone_once_the_conversation_is_over() {
    let mut hall = Hall::new(r#""wrap_up_ms": 0"#).staffed(2);
    let call = hall.calls();
    hall.answers(0);
    for n in [0, 1] {
        hall.gets(Input::Agent { tenant: tenant(), agent: agent(n), profile: None });
    }
    assert!(hall.router.agent(&agent(1)).is_none());
    assert_eq!(hall.state(0), AgentState::OnCall);
    hall.hangs_up(&call);
    assert_eq!(hall.router.agents().count(), 0);
    hall.available(0);
    assert!(matches!(hall.last[..], [Effect::Refused { .. }]));
}

/// Until then nobody forgets that the agent talks: saved again meanwhile, the agent
/// is not offered another caller.
#[test]
fn an_answer_by_an_agent_who_was_deleted_meanwhile_counts() {
    let mut hall = Hall::new(r#""wrap_up_ms": 0"#).staffed(1);
    let call = hall.calls();
    let reservation = hall.ringing[&agent(0)].reservation.clone();
    hall.gets(Input::Agent { tenant: tenant(), agent: agent(0), profile: None });
    assert!(hall.router.agent(&agent(0)).is_none());
    hall.gets(Input::Answered { call: call.clone(), reservation, by: None });
    assert_eq!(hall.state(0), AgentState::OnCall);
    hall.hires(0, &[]);
    let next = hall.calls();
    assert!(hall.rung_by(&next).is_empty());
    hall.hangs_up(&call);
    assert_eq!(hall.state(0), AgentState::Offline, "to be there again is for the agent to say");
    hall.available(0);
    assert_eq!(hall.rung_by(&next), [0]);
}

#[test]
fn only_who_is_listed_serves_where_the_queue_says_so() {
    let json = format!(r#""only_listed": true, "agents": [{{"agent": "{}"}}]"#, agent(1));
    let mut hall = Hall::new(&json).staffed(2);
    let (first, second) = (hall.calls(), hall.calls());
    assert_eq!((hall.rung_by(&first), hall.rung_by(&second)), (vec![1], vec![]));
}

#[test]
fn a_queue_that_makes_no_sense_is_refused_with_the_place() {
    let wrong = |json: &str| {
        let config: QueueConfig = serde_json::from_str(&format!(r#"{{"name": "q", {json}}}"#)).unwrap();
        config.validate().unwrap_err().into_iter().map(|problem| problem.place).collect::<Vec<_>>()
    };
    assert_eq!(wrong(r#""ring_timeout_ms": 1"#), ["ring_timeout_ms"]);
    assert_eq!(wrong(r#""only_listed": true"#), ["agents"]);
    let narrower = r#""relax": [{"after_ms": 1000, "levels_down": 3}, {"after_ms": 2000, "levels_down": 2}]"#;
    assert_eq!(wrong(narrower), ["relax"]);
    assert_eq!(wrong(r#""ring_all_max": 1, "wait_max_ms": -1"#), ["ring_all_max", "wait_max_ms"]);
}
