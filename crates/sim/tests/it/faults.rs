//! A world with a planted fault: the checkers must find it.

use sim::{Day, Fault, Invariant, day};

fn found(fault: Fault) -> Invariant {
    let failure =
        day(3, &Day { agents: 3, fault: Some(fault), ..Day::default() }).expect_err("the fault is found");
    assert!(failure.to_string().contains("SIM_SEED=3"), "{failure}");
    assert!(!failure.events.is_empty());
    failure.invariant
}

#[test]
fn a_router_that_reserves_twice_is_found() {
    assert_eq!(found(Fault::ReservesTwice), Invariant::OneWinner);
}

#[test]
fn a_caller_who_jumps_the_queue_is_found() {
    assert_eq!(found(Fault::JumpsTheQueue), Invariant::Order);
}

#[test]
fn a_caller_whom_the_acd_forgot_is_found() {
    assert_eq!(found(Fault::ForgetsACaller), Invariant::OneTruth);
}

#[test]
fn a_media_session_that_stays_open_is_found() {
    assert_eq!(found(Fault::KeepsMedia), Invariant::Ports);
}

#[test]
fn a_line_that_rings_on_is_found() {
    assert_eq!(found(Fault::KeepsRinging), Invariant::NoGhosts);
}

#[test]
fn a_fact_that_is_missing_is_found() {
    assert_eq!(found(Fault::LosesAFact), Invariant::Replay);
}

#[test]
fn a_call_that_ends_twice_is_found() {
    assert_eq!(found(Fault::EndsTwice), Invariant::OneEnd);
}

#[test]
fn a_miscounted_end_is_found() {
    assert_eq!(found(Fault::MiscountsAnEnd), Invariant::Figures);
}

#[test]
fn an_agent_who_is_busy_for_ever_is_found() {
    assert_eq!(found(Fault::KeepsAgentBusy), Invariant::OneTruth);
}
