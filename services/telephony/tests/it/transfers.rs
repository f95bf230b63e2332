//! Transfers, consultations and numbers outside, on real SIP sockets.

use proto::acd::v1::{CallerRequest, caller_event, caller_request};
use proto::line::v1::{Accepted, Command, Empty, Target, command, from_line, target, to_line};
use proto::media::v1::{Unheard, event, request};
use proto::telephony::v1::PlaceRequest;
use softphone::{Call, Dial, Phone, Protocol};
use types::fact::CallEvent;
use types::{AgentId, Purpose};

use crate::world::{NUMBER, SOON, World, by_address};

const OUTSIDE: &str = "+36201234567";

pub fn wants(what: command::What) -> from_line::What {
    from_line::What::Command(Command { what: Some(what) })
}

pub fn number() -> Target {
    Target { who: Some(target::Who::Number(OUTSIDE.to_owned())) }
}

fn reach(request: &CallerRequest) -> Option<(String, String)> {
    match &request.what {
        Some(caller_request::What::Reach(reach)) => Some((request.session.clone(), reach.agent.clone())),
        _ => None,
    }
}

impl World {
    /// A caller who talks with an agent at a desk.
    pub async fn talking_at_the_desk(&self) -> (Call, Phone) {
        self.flow_queues();
        let phone = self.phone(Protocol::Udp).await;
        let call = phone.call(Dial::new(self.edge, NUMBER).from("0722000111")).await.unwrap();
        self.queue_reserves(&self.agent, &format!("web:{}", self.peers.address)).await;
        self.desk(from_line::What::Accepted(Accepted {})).await;
        let agent = self.agent.to_string();
        self.peers.desk(&agent, "talking", |w| matches!(w, to_line::What::Talking(_)).then_some(())).await;
        (call, phone)
    }

    pub async fn desk(&self, says: from_line::What) {
        self.peers.desk_says(self.agent.as_str(), says).await;
    }

    /// The names and states of the parties that the desk was told of.
    async fn seats(&self, wanted: &[(&str, &str)]) {
        let same = |what: &to_line::What| match what {
            to_line::What::Seats(told) => {
                let told: Vec<_> = told.seats.iter().map(|s| (s.kind.as_str(), s.state.as_str())).collect();
                (told == wanted).then_some(())
            }
            _ => None,
        };
        self.peers.desk(self.agent.as_str(), &format!("seats {wanted:?}"), same).await;
    }

    /// The newest matrix has so many who hear somebody.
    async fn hear_each_other(&self, legs: usize) {
        let heard = |what: &request::What| match what {
            request::What::Hear(hear) => {
                (hear.listeners.iter().filter(|l| !l.sources.is_empty()).count() == legs).then_some(())
            }
            _ => None,
        };
        self.peers.media(&format!("{legs} who hear each other"), heard).await;
    }
}

#[tokio::test]
async fn a_consultation_with_a_number_is_completed() {
    let world = World::new(by_address("127.0.0.1")).await;
    let carrier = world.phone(Protocol::Udp).await;
    world.calls_out_by(&[carrier.address()]).await;
    let (call, _phone) = world.talking_at_the_desk().await;
    world.desk(wants(command::What::Consult(number()))).await;
    let ringing = carrier.incoming(SOON).await.unwrap();
    assert_eq!(ringing.request().uri().user.as_deref(), Some(OUTSIDE));
    assert_eq!(ringing.from(), "+40310000000", "the trunk's own number is shown");
    let asserted = ringing.request().asserted_identity().map(|p| p.user().to_owned());
    assert_eq!(asserted.as_deref(), Some("+40310000000"));
    world.seats(&[("caller", "held"), ("number", "ringing")]).await;
    ringing.early_media().await.unwrap();
    let outside = ringing.answer().await.unwrap();
    world.seats(&[("caller", "held"), ("number", "here")]).await;
    world.desk(wants(command::What::Swap(Empty {}))).await;
    world.seats(&[("caller", "here"), ("number", "held")]).await;
    world.desk(wants(command::What::Complete(Empty {}))).await;
    let agent = world.agent.to_string();
    world.peers.desk(&agent, "end", |w| matches!(w, to_line::What::Ended(_)).then_some(())).await;
    world.hear_each_other(2).await;
    call.hang_up().await.unwrap();
    outside.wait_ended(SOON).await.unwrap();
    let facts = world.facts().await;
    let transferred = |e: &CallEvent| matches!(e, CallEvent::Transferred { from: Some(_), .. });
    assert_eq!(facts.iter().filter(|f| transferred(&f.event)).count(), 1);
}

#[tokio::test]
async fn when_the_carriers_gateway_fails_the_next_is_tried_and_a_busy_callee_is_left_alone() {
    let world = World::new(by_address("127.0.0.1")).await;
    let (first, second) = (world.phone(Protocol::Udp).await, world.phone(Protocol::Udp).await);
    world.calls_out_by(&[first.address(), second.address()]).await;
    let (call, _phone) = world.talking_at_the_desk().await;
    world.desk(wants(command::What::Transfer(number()))).await;
    first.incoming(SOON).await.unwrap().reject(503).await.unwrap();
    let ringing = second.incoming(SOON).await.unwrap();
    ringing.reject(486).await.unwrap();
    let agent = world.agent.to_string();
    let failed = |w: &to_line::What| match w {
        to_line::What::InviteFailed(failed) => Some(failed.outcome.clone()),
        _ => None,
    };
    assert_eq!(world.peers.desk(&agent, "failure", failed).await, "declined");
    world.desk(wants(command::What::Transfer(number()))).await;
    first.incoming(SOON).await.unwrap().reject(404).await.unwrap();
    let quiet = std::time::Duration::from_millis(500);
    assert!(second.incoming(quiet).await.is_err(), "404 is the callee's, not the carrier's");
    world.hear_each_other(2).await;
    assert!(matches!(call.phase(), softphone::Phase::Talking), "the caller is back with the agent");
}

#[tokio::test]
async fn a_phone_transfers_by_refer_to_a_colleague_at_a_desk() {
    let world = World::new(by_address("127.0.0.1")).await;
    let (call, ringing, _ana) = world.ringing_at_ana(NUMBER).await;
    let ana = ringing.answer().await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    let ben = AgentId::new(chassis::clock::now(), chassis::random::u128());
    world.save_phone(&ben, "ben").await;
    ana.refer("ben").await.unwrap();
    let (session, agent) = world.peers.queue("reach", reach).await;
    assert_eq!(agent, ben.to_string());
    let reservation = types::ReservationId::new(chassis::clock::now(), 7);
    let reserved = caller_event::Reserved {
        reservation: reservation.to_string(),
        agent: ben.to_string(),
        agent_name: "Ben".to_owned(),
        line: format!("web:{}", world.peers.address),
        attempt: 1,
        ring_ms: 30_000,
        ..Default::default()
    };
    world.peers.queue_tells_session(&session, caller_event::What::Reserved(reserved)).await;
    let purpose = |w: &to_line::What| match w {
        to_line::What::Ring(ring) => Some(ring.purpose.clone()),
        _ => None,
    };
    assert_eq!(world.peers.desk(ben.as_str(), "ring", purpose).await, "transfer");
    world.peers.desk_says(ben.as_str(), from_line::What::Accepted(Accepted {})).await;
    ana.wait_ended(SOON).await.unwrap();
    let answered = |r: &CallerRequest| {
        (r.session == session && matches!(r.what, Some(caller_request::What::Answered(_)))).then_some(())
    };
    world.peers.queue("answered by ben", answered).await;
    call.hang_up().await.unwrap();
    let released = |r: &CallerRequest| {
        (r.session == session && matches!(r.what, Some(caller_request::What::Release(_)))).then_some(())
    };
    world.peers.queue("ben is let go", released).await;
    let facts = world.facts().await;
    let joined = facts.iter().find_map(|fact| match &fact.event {
        CallEvent::Joined { purpose, target, .. } => Some((*purpose, target.agent().cloned())),
        _ => None,
    });
    assert_eq!(joined, Some((Purpose::Transfer, Some(ben))));
}

#[tokio::test]
async fn a_colleague_who_is_busy_gives_the_caller_back() {
    let world = World::new(by_address("127.0.0.1")).await;
    let (call, _phone) = world.talking_at_the_desk().await;
    let ben = AgentId::new(chassis::clock::now(), chassis::random::u128());
    let to = |id: &AgentId| Target { who: Some(target::Who::Agent(id.to_string())) };
    world.desk(wants(command::What::Transfer(to(&ben)))).await;
    let refusal = |w: &to_line::What| match w {
        to_line::What::Refusal(refusal) => Some(refusal.message.clone()),
        _ => None,
    };
    let agent = world.agent.to_string();
    assert_eq!(world.peers.desk(&agent, "refusal", refusal).await, "there is no such agent");
    world.save_phone(&ben, "ben").await;
    world.desk(wants(command::What::Transfer(to(&ben)))).await;
    let (session, _) = world.peers.queue("reach", reach).await;
    let busy = caller_event::Overflow { reason: "busy".to_owned() };
    world.peers.queue_tells_session(&session, caller_event::What::Overflow(busy)).await;
    let failed = |w: &to_line::What| match w {
        to_line::What::InviteFailed(failed) => Some((failed.name.clone(), failed.outcome.clone())),
        _ => None,
    };
    let told = world.peers.desk(&agent, "failure", failed).await;
    assert_eq!(told, ("ben".to_owned(), "declined".to_owned()));
    drop(call);
}

#[tokio::test]
async fn an_agent_calls_a_number_by_the_own_phone_first() {
    let mut world = World::new(by_address("127.0.0.1")).await;
    let carrier = world.phone(Protocol::Udp).await;
    world.calls_out_by(&[carrier.address()]).await;
    let (phone, _registration) = world.ana_registers(Protocol::Udp).await;
    let request = PlaceRequest {
        tenant: world.tenant.to_string(),
        agent: world.agent.to_string(),
        to: Some(number()),
        ..Default::default()
    };
    world.api.place(request.clone()).await.unwrap();
    let (session, agent) = world.peers.queue("reach", reach).await;
    assert_eq!(agent, world.agent.to_string());
    let reserved = caller_event::Reserved {
        reservation: types::ReservationId::new(chassis::clock::now(), 7).to_string(),
        agent: agent.clone(),
        agent_name: "Ana".to_owned(),
        line: "sip:ana".to_owned(),
        attempt: 1,
        ring_ms: 30_000,
        ..Default::default()
    };
    world.peers.queue_tells_session(&session, caller_event::What::Reserved(reserved)).await;
    let own = phone.incoming(SOON).await.unwrap().answer().await.unwrap();
    let callee = carrier.incoming(SOON).await.unwrap();
    callee.ring().await.unwrap();
    let callee = callee.answer().await.unwrap();
    world.hear_each_other(2).await;
    own.hang_up().await.unwrap();
    callee.wait_ended(SOON).await.unwrap();
    let facts = world.facts().await;
    let CallEvent::Placed { from, .. } = &facts[0].event else { panic!() };
    assert_eq!(from, "+40310000000", "what the trunk shows");
    let CallEvent::Ended { by, .. } = facts.last().unwrap().event else { panic!() };
    assert_eq!(by, types::Party::Agent);
    let foreign = types::TenantId::new(chassis::clock::now(), 1).to_string();
    assert!(world.api.place(PlaceRequest { tenant: foreign, ..request }).await.is_err());
}

/// The guard against toll fraud.
#[tokio::test]
async fn a_number_that_no_trunk_may_call_is_not_called_and_a_trunk_carries_so_many_calls() {
    let world = World::new(by_address("127.0.0.1")).await;
    let carrier = world.phone(Protocol::Udp).await;
    world.calls_out_by(&[carrier.address()]).await;
    let (call, _phone) = world.talking_at_the_desk().await;
    let premium = Target { who: Some(target::Who::Number("+88213001".to_owned())) };
    world.desk(wants(command::What::Transfer(premium))).await;
    let refusal = |w: &to_line::What| match w {
        to_line::What::Refusal(refusal) => Some(refusal.message.clone()),
        _ => None,
    };
    let agent = world.agent.to_string();
    assert_eq!(world.peers.desk(&agent, "refusal", refusal).await, "no trunk may call this number");
    let mut ringing = Vec::new();
    for _ in 0..2 {
        world.desk(wants(command::What::Invite(number()))).await;
        let callee = carrier.incoming(SOON).await.unwrap();
        callee.ring().await.unwrap();
        ringing.push(callee);
    }
    world.desk(wants(command::What::Invite(number()))).await;
    let failed = |w: &to_line::What| matches!(w, to_line::What::InviteFailed(_)).then_some(());
    world.peers.desk(&agent, "failure", failed).await;
    let quiet = std::time::Duration::from_millis(300);
    assert!(carrier.incoming(quiet).await.is_err(), "the third is one too many");
    drop(call);
}

#[tokio::test]
async fn a_trunk_registers_with_its_carrier() {
    let carrier = World::new(by_address("203.0.113.0/24")).await;
    carrier.save_phone(&AgentId::new(chassis::clock::now(), 5), "acme").await;
    let world = World::new(by_address("127.0.0.1")).await;
    world.calls_out(&[carrier.edge], true).await;
    let registered = |r: &proto::acd::v1::DeviceRequest| match &r.what {
        Some(proto::acd::v1::device_request::What::Available(available)) => Some(available.line.clone()),
        _ => None,
    };
    assert_eq!(carrier.peers.attend("registration", registered).await, "sip:acme");
}

#[tokio::test]
async fn the_desk_sees_of_whom_nothing_is_heard_and_the_facts_tell_how_long() {
    let world = World::new(by_address("127.0.0.1")).await;
    let (call, _phone) = world.talking_at_the_desk().await;
    let leg = world
        .peers
        .media("caller's leg", |w| match w {
            request::What::AddLeg(add) => Some(add.leg.clone()),
            _ => None,
        })
        .await;
    let unheard = |on| event::What::Unheard(Unheard { leg: leg.clone(), on });
    let agent = world.agent.to_string();
    let parties = |what: &to_line::What| match what {
        to_line::What::Unheard(told) => {
            Some(told.parties.iter().map(|p| (p.kind.clone(), p.name.clone())).collect::<Vec<_>>())
        }
        _ => None,
    };
    world.peers.gateway_tells(unheard(true)).await;
    let shown = world.peers.desk(&agent, "silence", |w| parties(w).filter(|p| !p.is_empty())).await;
    assert_eq!(shown, [("caller".to_owned(), "+40722000111".to_owned())]);
    world.peers.gateway_tells(unheard(false)).await;
    world.peers.desk(&agent, "no silence", |w| parties(w).filter(Vec::is_empty)).await;
    call.hang_up().await.unwrap();
    let facts = world.facts().await;
    let ended = facts.iter().find_map(|f| match &f.event {
        CallEvent::SilenceEnded { leg, who: None, silent } => Some((leg.to_string(), *silent)),
        _ => None,
    });
    let (of, silent) = ended.expect("the silence is on record");
    assert!(of == leg && silent >= 0);
    assert!(facts.iter().any(|f| matches!(&f.event, CallEvent::FellSilent { who: None, .. })));
}
