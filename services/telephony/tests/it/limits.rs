//! When no further call is taken.

use softphone::{Dial, Error, Over, Protocol};
use types::{HangupCause, fact::CallEvent};

use crate::world::{NUMBER, SOON, World, by_address};

#[tokio::test]
async fn a_draining_edge_takes_no_calls_and_ends_those_it_has() {
    let world = World::new(by_address("127.0.0.1")).await;
    world.flow_queues();
    let phone = world.phone(Protocol::Udp).await;
    let call = phone.call(Dial::new(world.edge, NUMBER)).await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    world.drain();
    let late = phone.call(Dial::new(world.edge, NUMBER)).await.unwrap();
    assert!(matches!(late.wait_answered(SOON).await, Err(Error::Refused(503))));
    assert_eq!(call.wait_ended(SOON).await.unwrap(), Over::ByPeer(None));
    let facts = world.facts().await;
    let CallEvent::Ended { cause, .. } = &facts.last().unwrap().event else { panic!() };
    assert_eq!(*cause, HangupCause::Shutdown);
}

/// What the platform lets a company, and what it wants itself: the lower counts.
#[tokio::test]
async fn a_company_has_so_many_calls_and_whoever_comes_beyond_hears_busy() {
    for (platform, own) in [(1, None), (100, Some(1))] {
        let settings = toml::toml! { company_calls_max = platform };
        let mut world = World::with(by_address("127.0.0.1"), settings).await;
        world.company_wants_calls(own).await;
        world.flow_queues();
        let phone = world.phone(Protocol::Udp).await;
        let first = phone.call(Dial::new(world.edge, NUMBER).from("0722000111")).await.unwrap();
        first.wait_answered(SOON).await.unwrap();
        let second = phone.call(Dial::new(world.edge, NUMBER).from("0722000222")).await.unwrap();
        assert!(matches!(second.wait_answered(SOON).await, Err(Error::Refused(486))));
        let colleague = types::AgentId::new(chassis::clock::now(), 5);
        world.save_phone(&colleague, "ben").await;
        let to = proto::line::v1::target::Who::Agent(colleague.to_string());
        let request = proto::telephony::v1::PlaceRequest {
            tenant: world.tenant.to_string(),
            agent: world.agent.to_string(),
            to: Some(proto::line::v1::Target { who: Some(to) }),
            ..Default::default()
        };
        let refused = world.api.place(request).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        first.hang_up().await.unwrap();
        world.released().await;
        // The room is free once the call's task has ended.
        let deadline = tokio::time::Instant::now() + SOON;
        world.flow_queues();
        loop {
            let third = phone.call(Dial::new(world.edge, NUMBER).from("0722000333")).await.unwrap();
            match third.wait_answered(SOON).await {
                Ok(()) => break,
                Err(Error::Refused(486)) => assert!(tokio::time::Instant::now() < deadline, "no room"),
                Err(error) => panic!("{error}"),
            }
        }
    }
}
