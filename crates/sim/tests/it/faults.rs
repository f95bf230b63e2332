//! A world with a planted fault: the checkers must find it.

use sim::{Day, Fault, Invariant, day};

fn found(fault: Fault) -> Invariant {
    found_among(3, 1, fault)
}

fn found_among(agents: usize, tenants: usize, fault: Fault) -> Invariant {
    let day_of = Day { agents, tenants, fault: Some(fault), ..Day::default() };
    let failure = day(3, &day_of).expect_err("the fault is found");
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

#[test]
fn an_agent_who_idles_while_somebody_waits_is_found() {
    assert_eq!(found(Fault::RefusesForTheAgent), Invariant::NoIdling);
}

#[test]
fn a_caller_who_is_offered_to_an_agent_on_a_call_is_found() {
    assert_eq!(found_among(9, 1, Fault::OffersToTheBusy), Invariant::OneCall);
}

#[test]
fn an_offer_that_ends_twice_is_found() {
    assert_eq!(found(Fault::EndsAnOfferTwice), Invariant::OneOutcome);
}

#[test]
fn a_report_that_does_not_add_up_is_found() {
    assert_eq!(found(Fault::CountsTooMany), Invariant::Balanced);
}

#[test]
fn a_panic_is_found() {
    assert_eq!(found(Fault::Panics), Invariant::NoPanic);
}

#[test]
fn a_caller_who_crosses_to_another_tenant_is_found() {
    assert_eq!(found_among(6, 2, Fault::CrossesTenants), Invariant::OneTenant);
}
