//! A carrier that is none of ours: kamailio, which registers us, challenges our
//! calls and relays calls both ways.

use crate::{
    AGENT, CALLER, SOON,
    company::{AgentPhone, Company, text},
    peers::program,
    picks_up,
    platform::{certificate_of, free_port_at},
    transfers::Desk,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use softphone::{Config, Dial, Phone, Sound};
use std::{
    net::{IpAddr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
};

/// What the callee outside says.
const OUTSIDE: f64 = 900.0;

/// A running kamailio.
struct Carrier {
    child: Child,
    sip: SocketAddr,
    /// A gateway that answers OPTIONS and has no room for calls.
    busy: SocketAddr,
    tls: SocketAddr,
    /// What vouches for it.
    ca: String,
    folder: tempfile::TempDir,
}

impl Carrier {
    /// At an address of its own, by which the platform knows it; `outside` is the
    /// phone that it connects with.
    async fn start(address: &str, outside: &Phone) -> Option<Self> {
        let kamailio = program("kamailio", "kamailio, kamailio-tls-modules")?;
        let ip: IpAddr = address.parse().expect("an address");
        let folder = tempfile::tempdir().expect("a folder");
        let ca = certificate_of(address, folder.path());
        let [sip, busy, tls] = [(); 3].map(|()| free_port_at(ip));
        let mut config = include_str!("kamailio.cfg").to_owned();
        let ports = [("@SIP@", sip), ("@BUSY@", busy), ("@TLS@", tls), ("@OUTSIDE@", outside.address())];
        for (name, at) in ports {
            config = config.replace(name, &at.port().to_string());
        }
        config = config.replace("@ADDRESS@", address);
        config = config.replace("@FOLDER@", &folder.path().display().to_string());
        let file = folder.path().join("kamailio.cfg");
        std::fs::write(&file, config).expect("written");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new(kamailio)
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-f"])
            .arg(file)
            .arg("-Y")
            .arg(folder.path())
            .arg("-P")
            .arg(folder.path().join("pid"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("kamailio starts");
        let carrier = Self { child, sip, busy, tls, ca, folder };
        carrier.is_up().await;
        Some(carrier)
    }

    async fn is_up(&self) {
        let listening = async {
            while TcpStream::connect(self.tls).is_err() {
                tokio::time::sleep(SOON / 300).await;
            }
        };
        let up = tokio::time::timeout(SOON, listening).await;
        assert!(
            up.is_ok(),
            "{}",
            std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
        );
    }
}

impl Drop for Carrier {
    /// Asked to, it ends its children too.
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// A trunk to the carrier that registers, with these gateways.
async fn trunk(company: &Company, address: &str, gateways: Value, ca: Option<&str>) {
    let credentials = json!({ "username": "customer", "password": "secret" });
    let outbound = json!({ "gateways": gateways, "credentials": credentials, "register": true,
        "ca": ca, "prefixes": ["36"] });
    let trunk = json!({ "name": "Carrier", "auth": { "type": "ip", "addresses": [address] },
        "outbound": outbound });
    company.send(Method::POST, "/v1/trunks", Some(trunk)).await;
}

/// Somebody outside calls the company by the carrier, as soon as that knows us.
async fn calls_in(company: &Company, carrier: &Carrier, outside: &Phone, number: &str, ana: &AgentPhone) {
    const FROM: &str = "+36203334444";
    let rings = async {
        loop {
            let dial = Dial::new(carrier.sip, number).from(FROM).saying(Sound::Tone(CALLER));
            let call = outside.call(dial).await.unwrap();
            tokio::select! {
                offer = ana.phone.incoming(SOON) => return (call, offer.unwrap()),
                // The carrier does not know us yet, or we do not know it.
                _ = call.wait_ended(SOON) => tokio::time::sleep(SOON / 300).await,
            }
        }
    };
    let (call, offer) = tokio::time::timeout(SOON, rings).await.expect("the carrier never knew us");
    offer.say(Sound::Tone(AGENT));
    let agent = offer.answer().await.unwrap();
    call.wait_answered(SOON).await.unwrap();
    call.hear(AGENT, SOON).await.unwrap();
    agent.hear(CALLER, SOON).await.unwrap();
    call.hang_up().await.unwrap();
    agent.wait_ended(SOON).await.unwrap();
    let row = company.history(FROM, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    assert_eq!(row["outcome"], "answered");
}

/// The agent calls somebody outside by the carrier; the call's ladder.
async fn calls_out(company: &Company, outside: &Phone, ana: &AgentPhone) -> String {
    let desk = Desk::of(company, ana).await;
    let dialled = json!({ "to": { "number": "+36201234567" } });
    let (status, placed) = desk.post("/v1/calls", dialled).await;
    assert_eq!(status, StatusCode::CREATED, "{placed}");
    let own = picks_up(&ana.phone, AGENT).await;
    let callee = picks_up(outside, OUTSIDE).await;
    own.hear(OUTSIDE, SOON).await.unwrap();
    callee.hear(AGENT, SOON).await.unwrap();
    callee.hang_up().await.unwrap();
    own.wait_ended(SOON).await.unwrap();
    let row =
        company.history_of(|row| row["direction"] == "outbound", |row| row["outcome"] == "answered").await;
    let ladder = company.get(&format!("/v1/calls/{}/ladder", text(&row["call"]))).await;
    let messages = ladder["messages"].as_array().expect("messages").iter();
    let lines = messages.map(|m| {
        let first = text(&m["text"]).lines().next().unwrap_or_default().to_owned();
        format!("{} {} {first}\n", text(&m["protocol"]), text(&m["peer"]))
    });
    lines.collect()
}

/// Registered with digest; the first gateway has no room, the second is dead, the
/// third asks for our password and takes the call. Calls in and out with sound.
#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_registers_us_and_the_next_gateway_takes_what_the_first_cannot() {
    const ADDRESS: &str = "127.0.4.7";
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let ana = company.agent("ana").await;
    let outside = Phone::bind(Config::default()).await.unwrap();
    let Some(carrier) = Carrier::start(ADDRESS, &outside).await else { return };
    let dead = free_port_at(ADDRESS.parse().unwrap());
    let ways = [carrier.busy, dead, carrier.sip].into_iter().enumerate();
    let gateways: Vec<Value> =
        ways.map(|(n, at)| json!({ "address": at.to_string(), "priority": n })).collect();
    trunk(&company, ADDRESS, json!(gateways), None).await;

    calls_in(&company, &carrier, &outside, &number, &ana).await;
    let ladder = calls_out(&company, &outside, &ana).await;
    assert!(ladder.contains(&format!("udp {} SIP/2.0 503 No room", carrier.busy)), "{ladder}");
    assert!(ladder.contains(&format!("udp {} SIP/2.0 407", carrier.sip)), "{ladder}");
}

/// The same over TLS, with the carrier's certificate proved.
#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_registers_us_and_takes_calls_over_tls() {
    const ADDRESS: &str = "127.0.4.8";
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let ana = company.agent("ana").await;
    let outside = Phone::bind(Config::default()).await.unwrap();
    let Some(carrier) = Carrier::start(ADDRESS, &outside).await else { return };
    let gateway = json!([{ "address": carrier.tls.to_string(), "transport": "tls" }]);
    trunk(&company, ADDRESS, gateway, Some(&carrier.ca)).await;

    calls_in(&company, &carrier, &outside, &number, &ana).await;
    let ladder = calls_out(&company, &outside, &ana).await;
    assert!(ladder.contains(&format!("tls {} SIP/2.0 407", carrier.tls)), "{ladder}");
    assert!(!ladder.contains(&format!("udp {}", carrier.sip)), "{ladder}");
}
