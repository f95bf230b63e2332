//! Scanners at the edge: sipvicious looks for phones while a call goes on.

use crate::{
    AGENT, CALLER, SOON,
    company::{Company, text, unique},
    peers::program,
    picks_up,
};
use softphone::Protocol;
use std::{
    net::SocketAddr,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{net::UdpSocket, process::Command};

const FROM: &str = "+40216667788";
/// Where the scanner is, and where somebody who is not one yet.
const SCANNER: &str = "127.0.4.20";
const STRANGER: &str = "127.0.4.21";
/// Without an answer for so long there is none.
const PATIENCE: Duration = Duration::from_millis(250);

/// Runs a tool of sipvicious against the edge; what it says.
async fn scan(tool: &str, edge: SocketAddr, with: &[&str]) -> Option<String> {
    let tool = program(tool, "sipvicious")?;
    let scanning = Command::new(tool)
        .args(["-b", SCANNER, "-p", &edge.port().to_string(), "-t", "0.01"])
        .args(with)
        .arg(edge.ip().to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(4 * SOON, scanning).await.expect("the scan ends").expect("it runs");
    let both = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&both).into_owned())
}

/// Whether a REGISTER from there is answered.
async fn is_answered(from: &UdpSocket) -> bool {
    let (local, n) = (from.local_addr().expect("an address"), unique());
    let request = format!(
        "REGISTER sip:trunkline SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{n:x};rport\r\n\
         From: <sip:guess@x>;tag={n:x}\r\nTo: <sip:guess@x>\r\nCall-ID: {n:x}\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:guess@{local}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    from.send(request.as_bytes()).await.expect("sent");
    let mut buffer = [0; 2048];
    matches!(tokio::time::timeout(PATIENCE, from.recv(&mut buffer)).await, Ok(Ok(_)))
}

async fn socket(from: &str, edge: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((from, 0)).await.expect("a socket");
    socket.connect(edge).await.expect("an address");
    socket
}

/// Nobody is found, the scanner is soon not answered any more, and those who talk
/// notice nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_finds_nobody_and_a_call_goes_on() {
    let company = Company::sign_up().await;
    let edge = company.at.sip;
    let number = company.queue_number(true).await;
    let ana = company.agent("ana").await;
    let call = company.call(&number, FROM, Protocol::Udp).await;
    let agent = picks_up(&ana.phone, AGENT).await;
    call.hear(AGENT, SOON).await.unwrap();

    let Some(map) = scan("svmap", edge, &[]).await else { return };
    assert!(!map.contains("Unidentified device"), "{map}");
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        let range = ["-m", method, "-e", "100-180", "--force", "--maximumtime", "2"];
        let beside = socket(SCANNER, edge).await;
        let silenced = async {
            while is_answered(&beside).await {
                tokio::time::sleep(PATIENCE).await;
            }
        };
        // It finds nobody, and is not answered any more while it scans.
        let both = async { tokio::join!(scan("svwar", edge, &range), silenced) };
        let (found, ()) = tokio::time::timeout(4 * SOON, both).await.expect("the scanner is silenced");
        let Some(found) = found else { return };
        assert!(!found.contains("reqauth") && !found.contains("noauth"), "{method}: {found}");
    }

    call.hear(AGENT, SOON).await.expect("the caller hears the agent all the while");
    agent.hear(CALLER, SOON).await.expect("the agent hears the caller");
    let other = company.call(&number, "+40216667799", Protocol::Udp).await;
    other.wait_answered(SOON).await.expect("new calls come in");
    other.hang_up().await.unwrap();
    agent.hang_up().await.unwrap();
    call.wait_ended(SOON).await.unwrap();
    let row = company.history(FROM, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    assert_eq!(text(&row["outcome"]), "answered");
}

/// A few answers, then silence; and a longer one each time.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_again_is_not_answered_for_longer() {
    let company = Company::sign_up().await;
    let stranger = socket(STRANGER, company.at.sip).await;
    let mut silences = Vec::new();
    for _ in 0..3 {
        let mut answers = 0;
        while is_answered(&stranger).await {
            answers += 1;
            assert!(answers <= 5, "a stranger is told a few times only");
        }
        #[expect(clippy::disallowed_methods, reason = "silence is measured in real time")]
        let began = Instant::now();
        let ends = async { while !is_answered(&stranger).await {} };
        tokio::time::timeout(SOON, ends).await.expect("silence ends");
        silences.push(began.elapsed());
    }
    assert!(silences[2] > silences[0].mul_f64(1.5), "{silences:?}");
}
