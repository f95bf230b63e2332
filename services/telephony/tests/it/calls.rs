use proto::acd::v1::{caller_event, caller_request};
use proto::ivr::v1::next_reply::{Collect, Hangup, Instruction, Play, Queue};
use proto::ivr::v1::next_request::Input;
use proto::line::v1::{Accepted, Key, from_line, to_line};
use proto::media::v1::{Digit, Quality, event, quality, request};
use proto::telephony::v1::{HangUpRequest, LadderRequest};
use sip::sdp::Codec;
use softphone::{Call, Config, Dial, Error, Incoming, Over, Phone, Protocol, Registration};
use types::fact::{CallEvent, Figures, Heard};
use types::{HangupCause, OfferOutcome, Party, Stage};

use crate::world::{LIMITED_NUMBER, NUMBER, QUIET_NUMBER, SOON, World, by_address, by_digest};

impl World {
    pub fn flow_queues(&self) {
        let queue = Queue {
            needs: Vec::new(),
            queue: self.queue.to_string(),
            priority: 0,
            welcome: vec!["welcome".to_owned()],
            music: vec!["music".to_owned()],
            announce_every_ms: 0,
            service_level_ms: 20_000,
            short_abandon_ms: 5_000,
            callback: None,
        };
        self.peers.flow_says(Instruction::Queue(queue), "greeting");
    }

    pub async fn ana_registers(&self, protocol: Protocol) -> (Phone, Registration) {
        let phone = self.phone(protocol).await;
        let registration = phone.register(self.edge, "ana", "pass").await.unwrap();
        (phone, registration)
    }

    pub async fn queue_reserves_ana(&self) {
        self.queue_reserves(&self.agent, "sip:ana").await;
    }

    pub async fn queue_reserves(&self, agent: &types::AgentId, line: &str) {
        self.peers
            .queue("join", |r| matches!(r.what, Some(caller_request::What::Join(_))).then_some(()))
            .await;
        let reservation = types::ReservationId::new(chassis::clock::now(), chassis::random::u128());
        let reserved = caller_event::Reserved {
            reservation: reservation.to_string(),
            agent: agent.to_string(),
            agent_name: "Ana".to_owned(),
            line: line.to_owned(),
            attempt: 1,
            ring_ms: 30_000,
            ..Default::default()
        };
        self.peers.queue_tells(caller_event::What::Reserved(reserved)).await;
    }

    /// A caller in the queue for whom Ana's phone rings.
    pub async fn ringing_at_ana(&self, number: &str) -> (Call, Incoming, (Phone, Registration)) {
        let ana = self.ana_registers(Protocol::Udp).await;
        self.flow_queues();
        let caller = self.phone(Protocol::Udp).await;
        let call = caller.call(Dial::new(self.edge, number).from("0722000111")).await.unwrap();
        self.queue_reserves_ana().await;
        let ringing = ana.0.incoming(SOON).await.unwrap();
        ringing.ring().await.unwrap();
        (call, ringing, ana)
    }

    pub async fn released(&self) {
        self.peers.media("release", |w| matches!(w, request::What::Release(_)).then_some(())).await;
    }

    pub async fn heard(&self) -> Vec<(usize, usize)> {
        self.peers
            .media("hear", |w| match w {
                request::What::Hear(hear) => {
                    Some(hear.listeners.iter().map(|l| (l.leg.len(), l.sources.len())).collect())
                }
                _ => None,
            })
            .await
    }
}

#[tokio::test]
async fn a_caller_is_answered_at_once_hears_the_flow_and_presses_keys() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let world = World::new(by_address("127.0.0.0/8")).await;
        world.peers.flow_says(Instruction::Play(Play { hashes: vec!["hello".into()] }), "greeting");
        let menu = Collect {
            hashes: vec!["menu".into()],
            max_digits: 1,
            terminators: String::new(),
            first_timeout_ms: 60_000,
            next_timeout_ms: 3_000,
        };
        world.peers.flow_says(Instruction::Collect(menu), "menu");
        world.peers.flow_says(Instruction::Hangup(Hangup {}), "menu");
        let phone = world.phone(protocol).await;
        let call = phone.call(Dial::new(world.edge, "0211234567").from("0722000111")).await.unwrap();
        call.wait_answered(SOON).await.unwrap();
        world
            .peers
            .media("menu", |w| match w {
                request::What::Play(play) if play.hashes == ["menu"] => Some(()),
                _ => None,
            })
            .await;
        let leg = world
            .peers
            .media("leg", |w| match w {
                request::What::AddLeg(add) => Some(add.leg.clone()),
                _ => None,
            })
            .await;
        let digit = Digit { leg, key: "3".to_owned(), duration_ms: 100 };
        world.peers.gateway_tells(event::What::Digit(digit)).await;
        assert_eq!(call.wait_ended(SOON).await.unwrap(), Over::ByPeer(None));
        world.released().await;

        let inputs: Vec<_> = world.peers.asked().into_iter().filter_map(|r| r.input).collect();
        assert!(matches!(&inputs[0], Input::Start(s) if s.from == "+40722000111" && s.did == NUMBER));
        assert!(matches!(inputs[1], Input::PromptsEnded(_)));
        assert!(matches!(&inputs[2], Input::Keys(k) if k.keys == "3"));
        assert_eq!(world.peers.asked()[1].cursor, "cursor");

        let facts = world.facts().await;
        assert!(facts.iter().enumerate().all(|(at, f)| f.seq as usize == at), "no gaps");
        assert!(matches!(facts[1].event, CallEvent::Connected));
        let last = &facts.last().unwrap().event;
        let CallEvent::Ended { cause, by, .. } = last else { panic!("{last:?}") };
        assert_eq!((*cause, *by), (HangupCause::FlowEnded, Party::System));
    }
}

#[tokio::test]
async fn a_registered_phone_rings_answers_and_the_caller_hangs_up() {
    let world = World::new(by_digest()).await;
    let ana = world.ana_registers(Protocol::Tcp).await;
    world.flow_queues();
    let caller = world.phone(Protocol::Udp).await;
    let dial = Dial::new(world.edge, NUMBER).from("0722000111").with_credentials("carrier", "s3cret");
    let call = caller.call(dial).await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    world.queue_reserves_ana().await;
    let ringing = ana.0.incoming(SOON).await.unwrap();
    assert_eq!(ringing.from(), "+40722000111");
    let agent = ringing.answer().await.unwrap();
    assert_eq!(world.heard().await, [(30, 1), (30, 1)]);
    world
        .peers
        .queue("answered", |r| matches!(r.what, Some(caller_request::What::Answered(_))).then_some(()))
        .await;
    world.peers.media("recording", |w| matches!(w, request::What::Record(_)).then_some(())).await;
    let leg = world
        .peers
        .media("caller's leg", |w| match w {
            request::What::AddLeg(add) => Some(add.leg.clone()),
            _ => None,
        })
        .await;
    let far = quality::Far { lost: 5, jitter_ms: 1.5, mos: 3.456 };
    let quality = Quality {
        leg: leg.clone(),
        received: 100,
        lost: 2,
        jitter_ms: 4.0,
        sent: 99,
        round_trip_ms: Some(40.25),
        mos: Some(4.2),
        far: Some(far),
    };
    world.peers.gateway_tells(event::What::Quality(quality)).await;
    // The gateway is heard in order: what it answers to the hold comes after.
    agent.hold().await.unwrap();

    call.hang_up().await.unwrap();
    assert_eq!(agent.wait_ended(SOON).await.unwrap(), Over::ByPeer(None));
    world.released().await;
    let facts = world.facts().await;
    assert!(facts.iter().any(|f| matches!(f.event, CallEvent::AgentConnected { attempt: 1, .. })));
    let measured = facts.iter().find_map(|fact| match &fact.event {
        CallEvent::Measured { leg, who, figures } => Some((leg.to_string(), who.clone(), *figures)),
        _ => None,
    });
    let heard = |lost, jitter, mos| Some(Heard { lost, jitter, mos });
    let (near, far) = (heard(2, 4_000, 420), heard(5, 1_500, 346));
    let figures = Figures { received: 100, sent: 99, near, far, round_trip: Some(40_250) };
    assert_eq!(measured, Some((leg, None, figures)));
    let CallEvent::Ended { by, stage, agent, .. } = &facts.last().unwrap().event else { panic!() };
    assert_eq!((*by, *stage, agent.as_ref()), (Party::Caller, Stage::Talking, Some(&world.agent)));
}

#[tokio::test]
async fn all_phones_of_an_agent_ring_and_the_first_to_answer_has_the_call() {
    let world = World::new(by_address("127.0.0.1")).await;
    let desk = world.ana_registers(Protocol::Udp).await;
    let mobile = world.ana_registers(Protocol::Tcp).await;
    let gone = world.ana_registers(Protocol::Udp).await;
    let refuses = world.ana_registers(Protocol::Udp).await;
    drop(gone);
    world.flow_queues();
    let caller = world.phone(Protocol::Udp).await;
    let call = caller.call(Dial::new(world.edge, NUMBER).from("0722000111")).await.unwrap();
    world.queue_reserves_ana().await;
    let ringing = desk.0.incoming(SOON).await.unwrap();
    ringing.ring().await.unwrap();
    // One that cannot take it does not end it for the others.
    refuses.0.incoming(SOON).await.unwrap().reject(480).await.unwrap();
    let agent = mobile.0.incoming(SOON).await.unwrap().answer().await.unwrap();
    assert_eq!(ringing.wait_ended(SOON).await.unwrap(), Over::Cancelled);
    call.hang_up().await.unwrap();
    assert_eq!(agent.wait_ended(SOON).await.unwrap(), Over::ByPeer(None));
    let facts = world.facts().await;
    let CallEvent::Ended { by, stage, .. } = &facts.last().unwrap().event else { panic!() };
    assert_eq!((*by, *stage), (Party::Caller, Stage::Talking));
}

#[tokio::test]
async fn who_refuses_by_one_phone_refuses_by_all() {
    let world = World::new(by_address("127.0.0.1")).await;
    let desk = world.ana_registers(Protocol::Udp).await;
    let (_call, ringing, _mobile) = world.ringing_at_ana(NUMBER).await;
    let other = desk.0.incoming(SOON).await.unwrap();
    other.ring().await.unwrap();
    ringing.reject(603).await.unwrap();
    assert_eq!(other.wait_ended(SOON).await.unwrap(), Over::Cancelled);
    let outcome = world
        .peers
        .queue("outcome", |r| match &r.what {
            Some(caller_request::What::OfferEnded(ended)) => Some(ended.outcome.clone()),
            _ => None,
        })
        .await;
    assert_eq!(outcome, "declined");
}

#[tokio::test]
async fn without_auto_connect_the_caller_pays_only_when_an_agent_answers() {
    let world = World::new(by_address("127.0.0.1")).await;
    let (call, ringing, _ana) = world.ringing_at_ana(QUIET_NUMBER).await;
    assert!(call.wait_provisional(183, SOON).await.unwrap().early_media);
    assert_eq!(call.report(&[]).answered_ms, None);
    let agent = ringing.answer().await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    agent.hang_up().await.unwrap();
    assert_eq!(call.wait_ended(SOON).await.unwrap(), Over::ByPeer(None));
    let facts = world.facts().await;
    let position = |found: fn(&CallEvent) -> bool| facts.iter().position(|f| found(&f.event));
    let connected = position(|e| matches!(e, CallEvent::Connected));
    assert!(connected > position(|e| matches!(e, CallEvent::AgentOffered { .. })));
    let CallEvent::Ended { by, .. } = &facts.last().unwrap().event else { panic!() };
    assert_eq!(*by, Party::Agent);
}

#[tokio::test]
async fn a_caller_who_leaves_while_it_rings_frees_the_phone_and_the_place() {
    let world = World::new(by_address("127.0.0.1")).await;
    let (call, ringing, _ana) = world.ringing_at_ana(QUIET_NUMBER).await;
    call.hang_up().await.unwrap();
    assert_eq!(ringing.wait_ended(SOON).await.unwrap(), Over::Cancelled);
    world.released().await;
    world
        .peers
        .queue("release", |r| matches!(r.what, Some(caller_request::What::Release(_))).then_some(()))
        .await;
    let facts = world.facts().await;
    let CallEvent::Ended { cause, stage, .. } = &facts.last().unwrap().event else { panic!() };
    assert_eq!(*cause, HangupCause::Cancelled);
    assert!(matches!(stage, Stage::Ringing | Stage::Queue));
}

#[tokio::test]
async fn a_caller_without_auto_connect_is_answered_when_the_carriers_limit_nears() {
    let world = World::new(by_address("127.0.0.1")).await;
    world.flow_queues();
    let phone = world.phone(Protocol::Udp).await;
    let call = phone.call(Dial::new(world.edge, LIMITED_NUMBER)).await.unwrap();
    assert!(call.wait_provisional(183, SOON).await.unwrap().early_media);
    call.wait_answered(SOON).await.unwrap();
    assert!(call.report(&[]).answered_ms.unwrap() >= 1_400, "not before the limit nears");
    call.hang_up().await.unwrap();
    let facts = world.facts().await;
    assert!(!facts.iter().any(|f| matches!(f.event, CallEvent::AgentConnected { .. })));
}

/// The keypad of the desk: the key is pressed for the caller's leg.
#[tokio::test]
async fn a_key_of_the_desk_goes_to_the_callers_leg() {
    let world = World::new(by_address("127.0.0.1")).await;
    world.flow_queues();
    let phone = world.phone(Protocol::Udp).await;
    let call = phone.call(Dial::new(world.edge, NUMBER)).await.unwrap();
    world.queue_reserves(&world.agent, &format!("web:{}", world.peers.address)).await;
    let agent = world.agent.to_string();
    world.peers.desk_says(&agent, from_line::What::Accepted(Accepted {})).await;
    world.peers.desk(&agent, "talking", |w| matches!(w, to_line::What::Talking(_)).then_some(())).await;
    world.peers.desk_says(&agent, from_line::What::Key(Key { key: "7".to_owned() })).await;
    let caller = world
        .peers
        .media("caller's leg", |w| match w {
            request::What::AddLeg(add) => Some(add.leg.clone()),
            _ => None,
        })
        .await;
    let pressed = world
        .peers
        .media("key", |w| match w {
            request::What::Press(press) => Some((press.leg.clone(), press.keys.clone())),
            _ => None,
        })
        .await;
    assert_eq!(pressed, (caller, "7".to_owned()));
    drop(call);
}

#[tokio::test]
async fn the_ladder_of_a_call_has_both_legs_and_no_secret() {
    let mut world = World::new(by_digest()).await;
    let ana = world.ana_registers(Protocol::Tcp).await;
    world.flow_queues();
    let phone = world.phone(Protocol::Udp).await;
    let dial = Dial::new(world.edge, NUMBER).with_credentials("carrier", "s3cret");
    let call = phone.call(dial).await.unwrap();
    world.queue_reserves_ana().await;
    let _agent = ana.0.incoming(SOON).await.unwrap().answer().await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    let id = world.peers.queue("join", |r| Some(r.session.clone())).await;
    call.hang_up().await.unwrap();
    world.facts().await;
    let request = LadderRequest { tenant: world.tenant.to_string(), call: id.clone() };
    let ladder = world.api.ladder(request).await.unwrap().into_inner();
    let begins = |sent: bool, text: &str| {
        ladder.messages.iter().filter(|m| m.sent == sent && m.text.starts_with(text)).count()
    };
    assert_eq!(begins(false, "INVITE"), 2, "the second one with credentials");
    assert_eq!(begins(true, "INVITE"), 1, "to the agent");
    assert!(begins(false, "BYE") == 1 && begins(true, "BYE") == 1);
    assert!(ladder.messages.iter().any(|m| m.protocol == "tcp") && ladder.dropped == 0);
    let answer = ladder.messages.iter().find(|m| m.text.contains("Authorization")).unwrap();
    assert!(answer.text.contains("response=\"xxxxxxxx"), "{}", answer.text);
    let mut capture = pcap_file::pcap::PcapReader::new(&ladder.pcap[..]).unwrap();
    let mut texts = Vec::new();
    while let Some(packet) = capture.next_packet() {
        let packet = packet.unwrap();
        let sliced = etherparse::SlicedPacket::from_ip(&packet.data).unwrap();
        let payload = match sliced.transport.unwrap() {
            etherparse::TransportSlice::Udp(udp) => udp.payload().to_vec(),
            etherparse::TransportSlice::Tcp(tcp) => tcp.payload().to_vec(),
            other => panic!("{other:?}"),
        };
        texts.push(String::from_utf8(payload).unwrap());
    }
    let told: Vec<_> = ladder.messages.iter().map(|m| m.text.clone()).collect();
    assert_eq!(texts, told);
    let foreign = types::TenantId::new(chassis::clock::now(), 1).to_string();
    assert!(world.api.ladder(LadderRequest { tenant: foreign, call: id }).await.is_err());
}

#[tokio::test]
async fn a_phone_that_declines_loses_the_offer_not_the_caller() {
    let world = World::new(by_address("127.0.0.1")).await;
    let (call, ringing, ana) = world.ringing_at_ana(NUMBER).await;
    ringing.reject(486).await.unwrap();
    let outcome = world
        .peers
        .queue("end of offer", |r| match &r.what {
            Some(caller_request::What::OfferEnded(ended)) => Some(ended.outcome.clone()),
            _ => None,
        })
        .await;
    assert_eq!(outcome, "declined");
    world.queue_reserves_ana().await;
    let again = ana.0.incoming(SOON).await.unwrap();
    let agent = again.answer().await.unwrap();
    world.heard().await;
    call.hang_up().await.unwrap();
    agent.wait_ended(SOON).await.unwrap();
    let ended = |e: &CallEvent| match e {
        CallEvent::OfferEnded { outcome, .. } => Some(*outcome),
        _ => None,
    };
    let outcomes: Vec<_> = world.facts().await.iter().filter_map(|f| ended(&f.event)).collect();
    assert_eq!(outcomes, [OfferOutcome::Declined, OfferOutcome::Answered]);
}

#[tokio::test]
async fn hold_by_the_phone_is_heard_as_music_and_told() {
    let world = World::new(by_address("127.0.0.1")).await;
    let (call, ringing, _ana) = world.ringing_at_ana(NUMBER).await;
    let agent = ringing.answer().await.unwrap();
    world.heard().await;
    agent.hold().await.unwrap();
    agent.resume().await.unwrap();
    call.hang_up().await.unwrap();
    let facts = world.facts().await;
    assert!(facts.iter().any(|f| f.event == CallEvent::Held { by: Party::Agent }));
    assert!(facts.iter().any(|f| matches!(f.event, CallEvent::Retrieved { .. })));
}

#[tokio::test]
async fn a_call_without_a_common_codec_gets_488() {
    let world = World::new(by_address("127.0.0.1")).await;
    world.peers.flow_says(Instruction::Play(Play { hashes: vec!["hello".into()] }), "greeting");
    let codecs = vec![Codec::new(18, "G729", 8000)];
    let phone = Phone::bind(Config { codecs, ..Config::default() }).await.unwrap();
    let call = phone.call(Dial::new(world.edge, NUMBER)).await.unwrap();
    assert!(matches!(call.wait_answered(SOON).await, Err(Error::Refused(488))));
    world.released().await;
}

#[tokio::test]
async fn a_flow_that_says_nothing_ends_the_call_with_503() {
    let world = World::new(by_address("127.0.0.1")).await;
    let phone = world.phone(Protocol::Udp).await;
    let call = phone.call(Dial::new(world.edge, NUMBER)).await.unwrap();
    assert!(matches!(call.wait_answered(SOON).await, Err(Error::Refused(503))));
}

#[tokio::test]
async fn a_broken_stream_to_the_queue_costs_nobody_the_place() {
    let world = World::new(by_address("127.0.0.1")).await;
    world.flow_queues();
    let phone = world.phone(Protocol::Udp).await;
    let call = phone.call(Dial::new(world.edge, NUMBER)).await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    world.peers.queue("join", |r| matches!(r.what, Some(caller_request::What::Join(_))).then_some(())).await;
    world.peers.break_queue();
    world.peers.connected().await;
    let joins = world.peers.joins_twice().await;
    assert_eq!(joins[0], joins[1], "the same place with the same time");
    drop(call);
}

#[tokio::test]
async fn a_supervisor_ends_a_call_and_a_foreign_tenant_cannot() {
    let mut world = World::new(by_address("127.0.0.1")).await;
    world.flow_queues();
    let phone = world.phone(Protocol::Udp).await;
    let call = phone.call(Dial::new(world.edge, NUMBER)).await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    let id = world.peers.queue("join", |r| Some(r.session.clone())).await;
    let foreign = types::TenantId::new(chassis::clock::now(), 1).to_string();
    let request = HangUpRequest { tenant: foreign, call: id.clone() };
    assert!(!world.api.hang_up(request).await.unwrap().into_inner().found);
    let request = HangUpRequest { tenant: world.tenant.to_string(), call: id };
    assert!(world.api.hang_up(request).await.unwrap().into_inner().found);
    assert_eq!(call.wait_ended(SOON).await.unwrap(), Over::ByPeer(None));
}
