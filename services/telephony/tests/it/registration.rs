use proto::acd::v1::device_request::What;
use proto::telephony::v1::PhonesRequest;
use softphone::{Error, Protocol};
use types::config::Kind;

use crate::world::{World, by_address};

#[tokio::test]
async fn a_phone_registers_with_digest_and_its_agent_becomes_available() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut world = World::new(by_address("203.0.113.0/24")).await;
        let phone = world.phone(protocol).await;
        let registration = phone.register(world.edge, "ana", "pass").await.unwrap();
        let agent = world.agent.to_string();
        let line = world
            .peers
            .attend("available", |r| match &r.what {
                Some(What::Available(available)) if r.session == agent => Some(available.line.clone()),
                _ => None,
            })
            .await;
        assert_eq!(line, "sip:ana");
        let request = PhonesRequest { tenant: world.tenant.to_string() };
        let phones = world.api.phones(request).await.unwrap().into_inner().phones;
        assert_eq!((phones.len(), phones[0].username.as_str()), (1, "ana"));

        registration.unregister().await.unwrap();
        world
            .peers
            .attend("offline", |r| {
                (r.session == agent && matches!(r.what, Some(What::Offline(_)))).then_some(())
            })
            .await;
    }
}

#[tokio::test]
async fn a_phone_whose_connection_is_gone_is_not_there_any_more() {
    let world = World::new(by_address("203.0.113.0/24")).await;
    let phone = world.phone(Protocol::Tcp).await;
    let registration = phone.register(world.edge, "ana", "pass").await.unwrap();
    drop((registration, phone));
    let agent = world.agent.to_string();
    world
        .peers
        .attend("offline", |r| (r.session == agent && matches!(r.what, Some(What::Offline(_)))).then_some(()))
        .await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_refused() {
    let world = World::new(by_address("203.0.113.0/24")).await;
    let phone = world.phone(Protocol::Udp).await;
    let wrong = phone.register(world.edge, "ana", "guess").await;
    assert!(matches!(wrong, Err(Error::NotRegistered(403))));
    let unknown = phone.register(world.edge, "eve", "pass").await;
    assert!(matches!(unknown, Err(Error::NotRegistered(403))));
}

#[tokio::test]
async fn a_phone_whose_agent_is_deleted_can_register_no_more() {
    let world = World::new(by_address("203.0.113.0/24")).await;
    let phone = world.phone(Protocol::Udp).await;
    let _registration = phone.register(world.edge, "ana", "pass").await.unwrap();
    world.save(Kind::Agent, world.agent.as_str(), None);
    let refused = async {
        while phone.register(world.edge, "ana", "pass").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::world::SOON, refused).await.unwrap();
}

#[tokio::test]
async fn phones_on_ipv6_and_ipv4_register_at_one_socket() {
    let settings = toml::toml! {
        sip_listen = "[::]:0"
        public_address = "127.0.0.1"
        other_address = "::1"
    };
    let mut world = World::with(by_address("127.0.0.1"), settings).await;
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let six = softphone::Config { listen: "[::1]:0".parse().unwrap(), protocol, ..Default::default() };
        let six = softphone::Phone::bind(six).await.unwrap();
        let at = format!("[::1]:{}", world.edge.port());
        let _six = six.register(at, "ana", "pass").await.unwrap();
        let four = world.phone(protocol).await;
        let _four = four.register(world.edge, "ana", "pass").await.unwrap();
        let request = PhonesRequest { tenant: world.tenant.to_string() };
        let phones = world.api.phones(request).await.unwrap().into_inner().phones;
        assert!(phones.len() >= 2, "{phones:?}");
    }
    // A trunk known by its IPv4 address calls, and the IPv6 phone is rung.
    let ana = softphone::Config { listen: "[::1]:0".parse().unwrap(), ..Default::default() };
    let ana = softphone::Phone::bind(ana).await.unwrap();
    let _last = ana.register(format!("[::1]:{}", world.edge.port()), "ana", "pass").await.unwrap();
    world.flow_queues();
    let caller = world.phone(Protocol::Udp).await;
    let call = caller.call(softphone::Dial::new(world.edge, crate::world::NUMBER)).await.unwrap();
    world.queue_reserves_ana().await;
    let ringing = ana.incoming(crate::world::SOON).await.unwrap();
    let contact = ringing.request().header("Contact").unwrap();
    assert!(contact.contains("@[::1]:"), "{contact}");
    ringing.answer().await.unwrap();
    call.wait_answered(crate::world::SOON).await.unwrap();
    call.hang_up().await.unwrap();
    world.facts().await;
}
