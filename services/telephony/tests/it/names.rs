//! Carriers found by DNS (RFC 3263), asked of a name server on loopback.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use proto::line::v1::command;
use softphone::{Call, Phone, Protocol};
use tokio::net::UdpSocket;
use types::config::{self, Transport};
use types::{Timestamp, TrunkId};

use crate::transfers::{number, wants};
use crate::world::{SOON, World, by_address, trunk_to};

const CARRIER: &str = "carrier.example";
/// How long its answers are valid.
const TTL: u32 = 1;

/// A name server with what a test wrote into it.
#[derive(Clone, Default)]
struct Zone {
    records: Arc<Mutex<Vec<Record>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Zone {
    async fn serve(&self) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone = self.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4_096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let query = Message::from_vec(&buffer[..length]).unwrap();
                socket.send_to(&zone.answer(&query).to_vec().unwrap(), from).await.unwrap();
            }
        });
        address
    }

    fn answer(&self, query: &Message) -> Message {
        let question = &query.queries[0];
        self.asked.lock().unwrap().push(format!("{} {}", question.query_type(), question.name()));
        let records = self.records.lock().unwrap();
        let ours = |record: &&Record| record.name == *question.name();
        let fits = |record: &&Record| record.record_type() == question.query_type();
        let mut answer = Message::response(query.metadata.id, OpCode::Query);
        answer.add_query(question.clone());
        answer.add_answers(records.iter().filter(ours).filter(fits).cloned());
        if !records.iter().any(|record| ours(&record)) {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        answer
    }

    fn write(&self, name: &str, data: RData) {
        self.records.lock().unwrap().push(Record::from_rdata(absolute(name), TTL, data));
    }

    fn server(&self, service: &str, priority: u16, weight: u16, port: u16, host: &str) {
        self.write(service, RData::SRV(SRV::new(priority, weight, port, absolute(host))));
    }

    fn prefers(&self, service: &str, order: u16, replacement: &str) {
        let text = |text: &str| text.as_bytes().into();
        let naptr = NAPTR::new(order, 50, text("s"), text(service), text(""), absolute(replacement));
        self.write(CARRIER, RData::NAPTR(naptr));
    }

    /// Every host of the carrier is here.
    fn host(&self, name: &str) {
        self.write(name, RData::A(A::new(127, 0, 0, 1)));
    }

    fn asked(&self, what: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|asked| asked.eq_ignore_ascii_case(what))
    }
}

fn absolute(name: &str) -> Name {
    Name::from_ascii(format!("{name}.")).unwrap()
}

/// An edge that asks this zone, with a trunk to the carrier's name.
async fn world(zone: &Zone, address: &str, transport: Transport) -> World {
    let servers = vec![zone.serve().await.to_string()];
    let settings = toml::toml! {
        probe_timeout_ms = 400
        probe_every_ms = 400
        again_ms = 60_000
    };
    let mut settings = settings;
    settings.insert("name_servers".to_owned(), servers.into());
    let world = World::with(by_address("127.0.0.1"), settings).await;
    let mut trunk = trunk_to(&[]);
    if let Some(outbound) = &mut trunk.outbound {
        let gateway =
            config::CarrierGateway { address: address.to_owned(), transport, priority: 0, weight: 1 };
        outbound.gateways = vec![gateway];
        outbound.calls_max = 100;
    }
    let id = TrunkId::new(Timestamp::from_millis(1), chassis::random::u128());
    world.save_trunk(&id, &trunk);
    tokio::time::sleep(Duration::from_millis(300)).await;
    world
}

/// Calls out and says which of the carrier's servers it came to.
async fn calls(world: &World, servers: &[&Phone]) -> (usize, softphone::Incoming) {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        // Refused while the call before is not over.
        world.desk(wants(command::What::Consult(number()))).await;
        for (nth, server) in servers.iter().enumerate() {
            if let Ok(call) = server.incoming(Duration::from_millis(500)).await {
                return (nth, call);
            }
        }
        assert!(tokio::time::Instant::now() < deadline, "no server is called");
    }
}

async fn cancels(world: &World) {
    world.desk(wants(command::What::Cancel(proto::line::v1::Empty {}))).await;
}

async fn talking(world: &World) -> (Call, Phone) {
    world.talking_at_the_desk().await
}

#[tokio::test]
async fn the_carriers_name_servers_say_how_and_where_it_takes_calls_and_which_server_is_next() {
    let zone = Zone::default();
    let sip = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 0);
    let edge = World::new(by_address("127.0.0.1")).await;
    let (first, second) = (edge.phone(Protocol::Tcp).await, edge.phone(Protocol::Tcp).await);
    assert_eq!(first.address().ip(), sip.ip());
    zone.prefers("SIP+D2U", 20, "_sip._udp.carrier.example");
    zone.prefers("SIP+D2T", 10, "_sip._tcp.carrier.example");
    zone.server("_sip._tcp.carrier.example", 20, 1, second.address().port(), "b.carrier.example");
    zone.server("_sip._tcp.carrier.example", 10, 1, first.address().port(), "a.carrier.example");
    // Nobody is there: by UDP nothing would come.
    zone.server("_sip._udp.carrier.example", 1, 1, 9, "a.carrier.example");
    ["a.carrier.example", "b.carrier.example"].into_iter().for_each(|host| zone.host(host));

    let world = world(&zone, CARRIER, Transport::Auto).await;
    let (_call, _phone) = talking(&world).await;
    let (nth, ringing) = calls(&world, &[&first, &second]).await;
    assert_eq!(nth, 0, "the lower priority comes first");
    let uri = ringing.request().uri();
    assert_eq!((uri.host.as_str(), uri.port), (CARRIER, None), "the name stays the name");
    ringing.reject(503).await.unwrap();
    let ringing = second.incoming(SOON).await.unwrap();
    ringing.answer().await.unwrap();
    cancels(&world).await;
    for asked in ["NAPTR carrier.example.", "SRV _sip._tcp.carrier.example.", "A b.carrier.example."] {
        assert!(zone.asked(asked), "{asked} was not asked: {:?}", zone.asked.lock().unwrap());
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_passed_over_until_it_does() {
    let zone = Zone::default();
    let edge = World::new(by_address("127.0.0.1")).await;
    let second = edge.phone(Protocol::Udp).await;
    // The first is there and says nothing.
    let dead = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = dead.local_addr().unwrap().port();
    zone.server("_sip._udp.carrier.example", 10, 1, port, "a.carrier.example");
    zone.server("_sip._udp.carrier.example", 20, 1, second.address().port(), "a.carrier.example");
    zone.host("a.carrier.example");
    let world = world(&zone, CARRIER, Transport::Udp).await;
    let (_call, _phone) = talking(&world).await;
    // Until the first has been given up by its probe.
    let (mut probe, mut answered) = ([0; 2_048], 0);
    dead.recv_from(&mut probe).await.unwrap();
    while answered < 2 {
        // The first call may still try it; the next ones know.
        let (_, ringing) = calls(&world, &[&second]).await;
        ringing.reject(486).await.unwrap();
        answered += 1;
    }
    assert!(!zone.asked("NAPTR carrier.example."), "the transport is given");
}

#[tokio::test]
async fn among_equals_the_weight_decides_and_a_port_means_the_address() {
    let zone = Zone::default();
    let edge = World::new(by_address("127.0.0.1")).await;
    let (heavy, light) = (edge.phone(Protocol::Udp).await, edge.phone(Protocol::Udp).await);
    zone.server("_sip._udp.carrier.example", 10, 60_000, heavy.address().port(), "a.carrier.example");
    zone.server("_sip._udp.carrier.example", 10, 1, light.address().port(), "a.carrier.example");
    zone.host("a.carrier.example");
    zone.host(CARRIER);
    let weighed = world(&zone, CARRIER, Transport::Udp).await;
    let (_call, _phone) = talking(&weighed).await;
    let mut came = [0, 0];
    for _ in 0..8 {
        let (nth, ringing) = calls(&weighed, &[&heavy, &light]).await;
        ringing.reject(486).await.unwrap();
        came[nth] += 1;
    }
    assert!(came[0] >= 7, "60,000 to 1, and yet {came:?}");

    let by_port = world(&zone, &format!("{CARRIER}:{}", light.address().port()), Transport::Udp).await;
    let (_other, _) = talking(&by_port).await;
    let (nth, _ringing) = calls(&by_port, &[&heavy, &light]).await;
    assert_eq!(nth, 1, "SRV is not asked where there is a port");
}
