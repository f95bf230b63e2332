//! Public torture messages (RFC 4475, RFC 5118) against the running edge, with
//! an OPTIONS after each. They are looked for in `$TRUNKLINE_SHARED` or
//! `../shared`; their absence is a failure in CI and a loud skip elsewhere.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::world::{SOON, World, by_address};

fn messages() -> Vec<(String, Vec<u8>)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("TRUNKLINE_SHARED").map_or(beside, PathBuf::from);
    let folder = shared.join("conformance");
    if !folder.is_dir() {
        let in_ci = std::env::var("CI").is_ok_and(|v| v == "true");
        assert!(!in_ci, "no torture messages at {} in CI", folder.display());
        eprintln!("SKIPPED: no torture messages at {}", folder.display());
        return Vec::new();
    }
    let mut all = Vec::new();
    for of in ["rfc4475", "rfc5118"] {
        for entry in std::fs::read_dir(folder.join(of)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e == "dat") {
                all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

fn options(n: usize, transport: &str, local: SocketAddr) -> String {
    format!(
        "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bKalive{n};rport\r\n\
         From: <sip:test@x>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: alive{n}\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Whether the bytes hold the 200 for the n-th OPTIONS.
fn is_alive(bytes: &[u8], n: usize) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.contains(&format!("z9hG4bKalive{n};")) && text.contains("SIP/2.0 200")
}

#[tokio::test]
async fn the_edge_answers_options_after_every_torture_message_over_udp() {
    let world = World::new(by_address("127.0.0.1")).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(world.edge).await.unwrap();
    let local = socket.local_addr().unwrap();
    let mut buffer = vec![0; 65_536];
    for (n, (name, message)) in messages().into_iter().enumerate() {
        socket.send(&message).await.unwrap();
        let alive = async {
            socket.send(options(n, "UDP", local).as_bytes()).await.unwrap();
            loop {
                let length = socket.recv(&mut buffer).await.unwrap();
                if is_alive(&buffer[..length], n) {
                    return;
                }
            }
        };
        tokio::time::timeout(SOON, alive).await.unwrap_or_else(|_| panic!("silent after {name}"));
    }
}

#[tokio::test]
async fn the_edge_answers_options_after_every_torture_message_over_tcp() {
    let world = World::new(by_address("127.0.0.1")).await;
    for (n, (name, message)) in messages().into_iter().enumerate() {
        let mut bad = TcpStream::connect(world.edge).await.unwrap();
        bad.write_all(&message).await.unwrap();
        let mut good = TcpStream::connect(world.edge).await.unwrap();
        let local = good.local_addr().unwrap();
        good.write_all(options(n, "TCP", local).as_bytes()).await.unwrap();
        let (mut buffer, mut heard) = (vec![0; 4096], Vec::new());
        let alive = async {
            while !is_alive(&heard, n) {
                let length = good.read(&mut buffer).await.unwrap();
                assert!(length > 0, "closed after {name}");
                heard.extend_from_slice(&buffer[..length]);
            }
        };
        tokio::time::timeout(SOON, alive).await.unwrap_or_else(|_| panic!("silent after {name}"));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
