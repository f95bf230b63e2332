use super::*;
use serde_json::json;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers every connection with these bytes; nothing: it takes them and is silent.
async fn system(reply: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, reply) = (listener.local_addr().unwrap(), reply.to_owned());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4_096];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(reply.as_bytes()).await;
            if reply.is_empty() {
                open.push(stream);
            }
        }
    });
    address
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn dips(networks: &[&str]) -> Dips {
    chassis::telemetry::start();
    Dips {
        private_networks: nets(networks),
        answer_max: 1_000,
        clients: Mutex::default(),
        turns: Turns::new(2),
    }
}

fn nets(networks: &[&str]) -> Vec<IpNet> {
    networks.iter().map(|network| network.parse().unwrap()).collect()
}

fn request(url: String, timeout: i64) -> Request {
    Request { method: Method::Get, url, headers: Default::default(), body: None, timeout }
}

fn company() -> TenantId {
    "tnt_01J00000000000000000000000".parse().unwrap()
}

async fn asked(dips: &Dips, networks: &[&str], url: String) -> Option<Value> {
    dips.ask(&company(), &nets(networks), &request(url, 10_000)).await
}

const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];

#[tokio::test]
async fn an_answer_comes_back_as_json() {
    let (dips, at) = (dips(LOOPBACK), system(&http("200 OK", r#"{"balance": 12.5}"#)).await);
    let answer = asked(&dips, LOOPBACK, format!("http://{at}/balance")).await;
    assert_eq!(answer, Some(json!({ "balance": 12.5 })));
    let answer = asked(&dips, LOOPBACK, format!("http://localhost:{}/balance", at.port())).await;
    assert!(answer.is_some(), "names are looked up");
}

#[tokio::test]
async fn a_private_address_is_asked_only_if_platform_and_company_both_say_so() {
    let at = system(&http("200 OK", "{}")).await;
    let spellings = [format!("http://{at}/"), format!("http://localhost:{}/", at.port()), {
        format!("http://[::ffff:127.0.0.1]:{}/", at.port())
    }];
    for (platform, own) in [(LOOPBACK, &[][..]), (&[], LOOPBACK), (&["10.0.0.0/8"], LOOPBACK)] {
        for url in &spellings {
            assert_eq!(asked(&dips(platform), own, url.clone()).await, None, "{url}");
        }
    }
    assert!(asked(&dips(LOOPBACK), LOOPBACK, spellings[0].clone()).await.is_some());
}

#[tokio::test]
async fn what_is_no_good_answer_is_none() {
    let dips = dips(LOOPBACK);
    let elsewhere = system(&http("200 OK", "{}")).await;
    let redirect =
        format!("HTTP/1.1 302 Found\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n");
    let long = http("200 OK", &format!("\"{}\"", "x".repeat(1_000)));
    for reply in [redirect, long, http("500 Oh", "{}"), http("200 OK", "<html>"), "nonsense".into()] {
        let at = system(&reply).await;
        assert_eq!(asked(&dips, LOOPBACK, format!("http://{at}/")).await, None, "{reply}");
    }
}

/// What callers type is nobody's who reads logs.
#[tokio::test]
async fn what_went_wrong_is_told_without_the_callers_values() {
    let (dips, at) = (dips(LOOPBACK), system("nonsense").await);
    for url in [format!("http://{at}/4711?pin=4711"), "http://127.0.0.1:1/4711?pin=4711".to_owned()] {
        let error = dips.send(&nets(LOOPBACK), &request(url, 1_000)).await.unwrap_err();
        let told = format!("{error:#}");
        assert!(!told.contains("4711"), "{told}");
    }
}

#[tokio::test]
async fn a_system_that_hangs_is_given_up_on_even_while_others_wait_for_it() {
    let (dips, at) = (dips(LOOPBACK), system("").await);
    let hung = request(format!("http://{at}/"), 300);
    let networks = nets(LOOPBACK);
    // Three at once, where two may be open.
    let tenant = company();
    let (a, b, c) = tokio::join!(
        dips.ask(&tenant, &networks, &hung),
        dips.ask(&tenant, &networks, &hung),
        dips.ask(&tenant, &networks, &hung)
    );
    assert_eq!((a, b, c), (None, None, None));
    assert_eq!(dips.turns.of(&tenant).available_permits(), 2, "every turn came back");
}

#[test]
fn addresses_that_only_look_public_are_not() {
    let reach = Reach::new(&[], &[]);
    for public in ["8.8.8.8", "193.0.14.129", "2a00:1450::1"] {
        assert!(reach.allows(public.parse().unwrap()), "{public}");
    }
    for other in [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "ff02::1",
    ] {
        assert!(!reach.allows(other.parse().unwrap()), "{other}");
    }
}
