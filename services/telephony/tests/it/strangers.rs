use std::net::SocketAddr;
use std::time::Duration;

use softphone::{Dial, Error, Protocol};
use tokio::net::UdpSocket;
use types::config::{Kind, Trunk};

use crate::world::{NUMBER, SOON, World, by_address, by_digest};

fn request(method: &str, n: usize, local: SocketAddr) -> String {
    format!(
        "{method} sip:{NUMBER}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{method}{n};rport\r\n\
         From: <sip:x@x>;tag=1\r\nTo: <sip:{NUMBER}@x>\r\nCall-ID: {method}{n}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:x@{local}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The final responses' codes until nothing more comes.
async fn codes(socket: &UdpSocket) -> Vec<String> {
    let (mut buffer, mut codes) = (vec![0; 4096], Vec::new());
    while let Ok(Ok(length)) =
        tokio::time::timeout(Duration::from_millis(1500), socket.recv(&mut buffer)).await
    {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let code = text[8..11].to_owned();
        // Responses to INVITE are repeated: nobody acknowledges them here.
        let call = text.lines().find(|l| l.starts_with("Call-ID")).unwrap_or("").to_owned();
        if code != "100" && !codes.contains(&(call.clone(), code.clone())) {
            codes.push((call, code));
        }
        if codes.len() > 20 {
            break;
        }
    }
    codes.into_iter().map(|(_, code)| code).collect()
}

#[tokio::test]
async fn a_stranger_hears_403_a_few_times_and_then_nothing() {
    let world = World::new(by_address("203.0.113.0/24")).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(world.edge).await.unwrap();
    let local = socket.local_addr().unwrap();
    for n in 0..12 {
        // REGISTER is not repeated by the edge, so its answers can be counted.
        socket.send(request("REGISTER", n, local).as_bytes()).await.unwrap();
    }
    assert_eq!(codes(&socket).await, ["403"; 5]);
    socket.send(request("INVITE", 99, local).as_bytes()).await.unwrap();
    assert!(codes(&socket).await.is_empty());
}

#[tokio::test]
async fn a_stranger_who_calls_hears_403() {
    let world = World::new(by_address("203.0.113.0/24")).await;
    let phone = world.phone(Protocol::Udp).await;
    let call = phone.call(Dial::new(world.edge, NUMBER)).await.unwrap();
    assert!(matches!(call.wait_answered(SOON).await, Err(Error::Refused(403))));
}

#[tokio::test]
async fn an_unknown_number_gets_404_and_a_wrong_trunk_password_403() {
    let world = World::new(by_address("127.0.0.1")).await;
    let phone = world.phone(Protocol::Tcp).await;
    let call = phone.call(Dial::new(world.edge, "+40210000000")).await.unwrap();
    assert!(matches!(call.wait_answered(SOON).await, Err(Error::Refused(404))));

    let world = World::new(by_digest()).await;
    let dial = Dial::new(world.edge, NUMBER).with_credentials("carrier", "guess");
    let call = world.phone(Protocol::Udp).await.call(dial).await.unwrap();
    assert!(matches!(call.wait_answered(SOON).await, Err(Error::Refused(403))));
}

#[tokio::test]
async fn credentials_reach_a_number_even_from_the_address_of_another_tenants_trunk() {
    let world = World::new(by_digest()).await;
    let other = types::TenantId::new(chassis::clock::now(), 9);
    world.save_trunk_of(&other, by_address("127.0.0.1"));
    let phone = world.phone(Protocol::Udp).await;
    let asks = async {
        // Until the new trunk is known the stranger hears the same.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let dial = Dial::new(world.edge, NUMBER).with_credentials("carrier", "s3cret");
        let call = phone.call(dial).await.unwrap();
        // The flow says nothing in this world: 503 comes from a call that was admitted.
        assert!(matches!(call.wait_answered(SOON).await, Err(Error::Refused(503))));
        let call = phone.call(Dial::new(world.edge, NUMBER)).await.unwrap();
        assert!(matches!(call.wait_answered(SOON).await, Err(Error::Refused(401))));
    };
    tokio::time::timeout(SOON, asks).await.unwrap();
}

#[tokio::test]
async fn a_new_trunk_takes_effect_without_a_restart() {
    let world = World::new(by_address("203.0.113.0/24")).await;
    let trunk = Trunk::new("New", by_address("127.0.0.1"));
    let id = types::TrunkId::new(chassis::clock::now(), 7);
    world.save(Kind::Trunk, id.as_str(), Some(serde_json::to_string(&trunk).unwrap()));
    let phone = world.phone(Protocol::Udp).await;
    let known = async {
        loop {
            let call = phone.call(Dial::new(world.edge, "+40210000000")).await.unwrap();
            match call.wait_answered(SOON).await {
                Err(Error::Refused(404)) => return,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    tokio::time::timeout(SOON, known).await.unwrap();
}
