//! SIP over TLS, with certificates made here.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use proto::line::v1::{command, to_line};
use rcgen::{CertificateParams, CertifiedKey, KeyPair, generate_simple_self_signed};
use softphone::{Certificate, Config, Dial, Error, Phone, Verify};
use tempfile::TempDir;
use types::config::Transport;

use crate::transfers::{number, wants};
use crate::world::{NUMBER, SOON, World, by_address, trunk_to};

/// A certificate for `localhost` on disk; who trusts it holds its text.
fn certificate(folder: &Path) -> String {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("chain.pem"), cert.pem()).unwrap();
    cert.pem()
}

fn localhost(roots: &str) -> Verify {
    Verify { name: "localhost".to_owned(), roots: Some(roots.to_owned()) }
}

/// An edge with TLS: its port, and its certificate in a folder.
async fn secure() -> (World, SocketAddr, TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let pem = certificate(folder.path());
    let mut settings = toml::Table::new();
    let mut set = |key: &str, value: String| drop(settings.insert(key.to_owned(), value.into()));
    set("tls_listen", "127.0.0.1:0".to_owned());
    set("certificate_file", folder.path().join("chain.pem").display().to_string());
    set("private_key_file", folder.path().join("key.pem").display().to_string());
    let mut world = World::with(by_address("127.0.0.1"), settings).await;
    let place = world.api.r#where(proto::telephony::v1::WhereRequest {}).await.unwrap().into_inner();
    (world, place.tls.parse().unwrap(), folder, pem)
}

/// A phone that calls and registers over TLS.
async fn phone(roots: &str) -> Phone {
    Phone::bind(Config { verify: Some(localhost(roots)), ..Config::default() }).await.unwrap()
}

/// Everything on one connection that the phone made: registration, calls both
/// ways, requests within them.
#[tokio::test]
async fn a_trunk_calls_over_tls_and_a_phone_over_tls_is_rung_on_its_own_connection() {
    let (world, tls, _folder, pem) = secure().await;
    let ana = phone(&pem).await;
    let _registration = ana.register(tls, "ana", "pass").await.unwrap();
    world.flow_queues();
    let caller = phone(&pem).await;
    let call = caller.call(Dial::new(tls, NUMBER).from("0722000111")).await.unwrap();
    world.queue_reserves_ana().await;
    let ringing = ana.incoming(SOON).await.unwrap();
    let via = ringing.request().header("Via").unwrap();
    assert!(via.starts_with(&format!("SIP/2.0/TLS {tls}")), "{via}");
    let contact = ringing.request().header("Contact").unwrap();
    assert!(contact.contains(";transport=tls"), "{contact}");
    let agent = ringing.answer().await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    world.heard().await;
    agent.hold().await.unwrap();
    agent.resume().await.unwrap();
    agent.hang_up().await.unwrap();
    call.wait_ended(SOON).await.unwrap();
}

/// A carrier whose certificate is for `localhost`, vouched for by `ca`.
async fn calls_out_over_tls(world: &World, carrier: SocketAddr, ca: Option<&str>) {
    let mut trunk = trunk_to(&[carrier]);
    let outbound = trunk.outbound.as_mut().unwrap();
    outbound.ca = ca.map(str::to_owned);
    outbound.gateways[0].transport = Transport::Tls;
    outbound.gateways[0].address = format!("localhost:{}", carrier.port());
    world.save_trunk(&types::TrunkId::new(chassis::clock::now(), chassis::random::u128()), &trunk);
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn a_call_goes_out_over_tls_to_a_carrier_that_proves_its_name() {
    let world = World::new(by_address("127.0.0.1")).await;
    let folder = tempfile::tempdir().unwrap();
    let pem = certificate(folder.path());
    let own = Certificate::open(&folder.path().join("chain.pem"), &folder.path().join("key.pem")).unwrap();
    let carrier = Phone::bind(Config { certificate: Some(own), ..Config::default() }).await.unwrap();
    calls_out_over_tls(&world, carrier.tls_address().unwrap(), Some(&pem)).await;
    let (call, _phone) = world.talking_at_the_desk().await;
    world.desk(wants(command::What::Transfer(number()))).await;
    let ringing = carrier.incoming(SOON).await.unwrap();
    assert!(ringing.request().header("Via").unwrap().starts_with("SIP/2.0/TLS"));
    let outside = ringing.answer().await.unwrap();
    // The carrier's request comes back on the connection that we made.
    outside.hang_up().await.unwrap();
    call.wait_ended(SOON).await.unwrap();
}

#[tokio::test]
async fn a_carrier_that_proves_another_name_or_is_vouched_for_by_nobody_gets_no_call() {
    let world = World::new(by_address("127.0.0.1")).await;
    let folder = tempfile::tempdir().unwrap();
    let pem = certificate(folder.path());
    let own = Certificate::open(&folder.path().join("chain.pem"), &folder.path().join("key.pem")).unwrap();
    let carrier = Phone::bind(Config { certificate: Some(own), ..Config::default() }).await.unwrap();
    let address = carrier.tls_address().unwrap();
    // By its address, which its certificate does not hold, and by a trust that the
    // system has not: neither is connected to.
    let mut trunk = trunk_to(&[address]);
    let outbound = trunk.outbound.as_mut().unwrap();
    outbound.gateways[0].transport = Transport::Tls;
    outbound.ca = Some(pem);
    world.save_trunk(&types::TrunkId::new(chassis::clock::now(), chassis::random::u128()), &trunk);
    calls_out_over_tls(&world, address, None).await;
    let (call, _phone) = world.talking_at_the_desk().await;
    world.desk(wants(command::What::Invite(number()))).await;
    let failed = |w: &to_line::What| matches!(w, to_line::What::InviteFailed(_)).then_some(());
    world.peers.desk(world.agent.as_str(), "failure", failed).await;
    assert!(carrier.incoming(Duration::from_millis(300)).await.is_err());
    drop(call);
}

#[tokio::test]
async fn a_new_certificate_is_used_from_the_next_connection_on_and_a_broken_one_never() {
    let (world, tls, folder, first) = secure().await;
    world.flow_queues();
    let caller = phone(&first).await;
    let call = caller.call(Dial::new(tls, NUMBER)).await.unwrap();
    call.wait_answered(SOON).await.unwrap();

    std::fs::write(folder.path().join("chain.pem"), "no certificate").unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let other = phone(&first).await;
    other.register(tls, "ana", "pass").await.expect("the old certificate stays in use");

    let second = certificate(folder.path());
    let renewed = async {
        while phone(&second).await.register(tls, "ana", "pass").await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SOON, renewed).await.expect("the new certificate");
    let refused = phone(&first).await.register(tls, "ana", "pass").await;
    assert!(matches!(refused, Err(Error::NotRegistered(503))), "the old one is used no more");
    call.hang_up().await.unwrap();
    world.facts().await;
}

/// A phone that offers plain bytes, and one that says nothing, cost a connection
/// for a while and nothing else.
#[tokio::test]
async fn who_speaks_no_tls_is_cut_off_and_others_are_served() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (_world, tls, _folder, pem) = secure().await;
    let mut plain = tokio::net::TcpStream::connect(tls).await.unwrap();
    plain.write_all(b"OPTIONS sip:x SIP/2.0\r\n\r\n").await.unwrap();
    let _silent = tokio::net::TcpStream::connect(tls).await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(SOON, plain.read_to_end(&mut rest)).await;
    ended.expect("the end of the connection").ok();
    assert!(!rest.starts_with(b"SIP/2.0"));
    phone(&pem).await.register(tls, "ana", "pass").await.unwrap();
}

/// A certificate authority's certificate, not the server's own.
#[tokio::test]
async fn an_authority_vouches_for_a_certificate_that_it_signed() {
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let signed = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&authority, &authority_key);
    let leaf =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (chain, secret) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    std::fs::write(&chain, leaf.pem()).unwrap();
    std::fs::write(&secret, key.serialize_pem()).unwrap();
    let own = Certificate::open(&chain, &secret).unwrap();
    let callee = Phone::bind(Config { certificate: Some(own), ..Config::default() }).await.unwrap();
    let caller = phone(&signed.pem()).await;
    let call = caller.call(Dial::new(callee.tls_address().unwrap(), "x")).await.unwrap();
    let answered = callee.incoming(SOON).await.unwrap().answer().await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    call.hang_up().await.unwrap();
    answered.wait_ended(SOON).await.unwrap();
}
