//! What a trunk says of its carrier: how fast, how numbers are written, who calls,
//! devices that register with us, and help in need.

use proto::ivr::v1::next_request::Input;
use proto::line::v1::{Target, command, target};
use softphone::{Dial, Error, Phone, Protocol};
use types::config::{CallerSource, Outbound, Presentation, Trunk};
use types::{Numbering, TrunkId};

use crate::transfers::{number, wants};
use crate::world::{NUMBER, SOON, World, by_address, by_digest, trunk_to};

const SIM: &str = "sim-1";

fn trunk_id() -> TrunkId {
    TrunkId::new(chassis::clock::now(), chassis::random::u128())
}

impl World {
    /// The world's own trunk is somebody else's; this one is known here.
    async fn with_trunk(trunk: Trunk) -> Self {
        let world = World::new(by_address("203.0.113.0/24")).await;
        world.save_trunk(&trunk_id(), &trunk);
        world.settled().await;
        world
    }

    /// What was saved so far is known at the edge.
    async fn settled(&self) {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }

    /// Who calls, as the flow is told it.
    async fn told_from(&self, phone: &Phone, number: &str, headers: &[(&str, &str)]) -> String {
        let before = self.peers.asked().len();
        self.flow_queues();
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let dial = Dial { headers, ..Dial::new(self.edge, number).from("84951112233") };
        let call = phone.call(dial).await.unwrap();
        call.wait_answered(SOON).await.unwrap();
        let asked = self.peers.asked().split_off(before);
        call.hang_up().await.unwrap();
        match asked.into_iter().next().and_then(|request| request.input) {
            Some(Input::Start(start)) => start.from,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_carrier_that_is_too_fast_is_told_to_come_back() {
    let trunk = Trunk { calls_per_second: Some(1), ..Trunk::new("Slow", by_address("127.0.0.1")) };
    let world = World::with_trunk(trunk).await;
    world.flow_queues();
    let phone = world.phone(Protocol::Udp).await;
    let dial = || Dial::new(world.edge, NUMBER).from("0722000111");
    let (first, second) = (phone.call(dial()).await.unwrap(), phone.call(dial()).await.unwrap());
    // Whichever arrived first.
    let both = tokio::join!(first.wait_answered(SOON), second.wait_answered(SOON));
    let one = matches!(both, (Ok(()), Err(Error::Refused(503))) | (Err(Error::Refused(503)), Ok(())));
    assert!(one, "{both:?}");
    let comes_back = async {
        loop {
            world.flow_queues();
            let third = phone.call(dial()).await.unwrap();
            match third.wait_answered(SOON).await {
                Ok(()) => return,
                Err(Error::Refused(503)) => tokio::time::sleep(SOON / 100).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(SOON, comes_back).await.expect("a second later there is room");
}

#[tokio::test]
async fn numbers_are_read_as_the_carrier_writes_them_and_who_hides_is_nobody() {
    let numbers = Numbering {
        country: "7".to_owned(),
        national_prefix: "8".to_owned(),
        international_prefix: "810".to_owned(),
    };
    let trunk = Trunk { numbers: Some(numbers), ..Trunk::new("Moscow", by_address("127.0.0.1")) };
    let world = World::with_trunk(trunk.clone()).await;
    let phone = world.phone(Protocol::Udp).await;
    // The world's number is Romanian: dialled from Moscow as one abroad.
    let abroad = "81040211234567";
    assert_eq!(world.told_from(&phone, abroad, &[]).await, "+74951112233");
    let asserted = ("P-Asserted-Identity", "<sip:81036201234567@carrier.example>");
    assert_eq!(world.told_from(&phone, abroad, &[asserted]).await, "+36201234567");
    assert_eq!(world.told_from(&phone, abroad, &[asserted, ("Privacy", "id")]).await, "anonymous");

    let trunk = Trunk { caller: CallerSource::From, ..trunk };
    let world = World::with_trunk(trunk).await;
    let phone = world.phone(Protocol::Udp).await;
    assert_eq!(world.told_from(&phone, abroad, &[asserted]).await, "+74951112233");
}

/// A GSM gateway: it registers by the trunk's name, calls come from it, and ours go
/// out by it with its own number.
#[tokio::test]
async fn a_device_that_registers_as_a_trunk_is_called_where_it_is() {
    let auth =
        types::config::TrunkAuth::Digest { username: SIM.to_owned(), password: "s1m s3cret".to_owned() };
    let outbound = Outbound {
        gateways: Vec::new(),
        registered: true,
        presentation: Presentation::Hidden,
        prefixes: vec!["36".to_owned()],
        ..trunk_to(&[]).outbound.unwrap()
    };
    let world = World::new(by_address("127.0.0.1")).await;
    world.save_trunk(&trunk_id(), &Trunk { outbound: Some(outbound), ..Trunk::new("SIM 1", auth) });
    world.settled().await;
    let gateway = world.phone(Protocol::Tcp).await;
    let wrong = gateway.register(world.edge, SIM, "guess").await;
    assert!(matches!(wrong, Err(Error::NotRegistered(403))));
    let _registration = gateway.register(world.edge, SIM, "s1m s3cret").await.unwrap();

    let (call, _phone) = world.talking_at_the_desk().await;
    world.desk(wants(command::What::Consult(number()))).await;
    let ringing = gateway.incoming(SOON).await.unwrap();
    assert_eq!(ringing.request().uri().user.as_deref(), Some("+36201234567"));
    assert_eq!(ringing.from(), "anonymous");
    let asserted = ringing.request().asserted_identity().map(|p| p.user().to_owned());
    assert_eq!(asserted.as_deref(), Some("+40310000000"), "the carrier is told");
    assert_eq!(ringing.request().header("Privacy").as_deref(), Some("id"));
    ringing.answer().await.unwrap();

    world.flow_queues();
    let dial = Dial::new(world.edge, NUMBER).from("0722000111").with_credentials(SIM, "s1m s3cret");
    let inbound = gateway.call(dial).await.unwrap();
    inbound.wait_answered(SOON).await.unwrap();
    drop(call);
}

/// Emergency numbers: by their own trunk, as they are dialled, whatever that trunk may
/// call and how much it carries; when it fails by any other.
#[tokio::test]
async fn help_is_called_by_its_own_trunk_whatever_the_limits_are() {
    let world = World::new(by_digest()).await;
    let (usual, help) = (world.phone(Protocol::Udp).await, world.phone(Protocol::Udp).await);
    world.calls_out_by(&[usual.address()]).await;
    let mut trunk = trunk_to(&[help.address()]);
    trunk.emergency = true;
    trunk.calls_per_second = Some(1);
    if let Some(outbound) = &mut trunk.outbound {
        outbound.calls_max = 1;
    }
    world.save_trunk(&trunk_id(), &trunk);
    world.settled().await;

    let ana = world.ana_registers(Protocol::Udp).await;
    let calls = |text: &str| Target { who: Some(target::Who::Number(text.to_owned())) };
    world.flow_queues();
    let caller = world.phone(Protocol::Udp).await;
    let dial = Dial::new(world.edge, NUMBER).from("0722000111").with_credentials("carrier", "s3cret");
    let call = caller.call(dial).await.unwrap();
    world.queue_reserves(&world.agent, &format!("web:{}", world.peers.address)).await;
    world.desk(proto::line::v1::from_line::What::Accepted(proto::line::v1::Accepted {})).await;
    call.wait_answered(SOON).await.unwrap();
    let mut talks = Vec::new();
    for _ in 0..3 {
        world.desk(wants(command::What::Invite(calls("112")))).await;
        let ringing = help.incoming(SOON).await.unwrap();
        assert_eq!(ringing.request().uri().user.as_deref(), Some("112"));
        talks.push(ringing.answer().await.unwrap());
    }
    world.desk(wants(command::What::Invite(calls("112")))).await;
    help.incoming(SOON).await.unwrap().reject(503).await.unwrap();
    let ringing = usual.incoming(SOON).await.unwrap();
    assert_eq!(ringing.request().uri().user.as_deref(), Some("112"), "then by any other");
    ringing.answer().await.unwrap();
    world.desk(wants(command::What::Invite(number()))).await;
    let ringing = usual.incoming(SOON).await.unwrap();
    assert_eq!(ringing.request().uri().user.as_deref(), Some("+36201234567"), "others never take it");
    drop((ana, talks));
}
