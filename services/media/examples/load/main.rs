//! What a bridged and recorded call costs: two phones a call, G.711, 50 packets
//! a second each way, one poll loop. `load <calls> <seconds> [record | relay]`;
//! prints the CPU of the loop's thread, loss and memory. `relay`: in place of the
//! gateway a loop that relays and knows nothing.

mod relay;

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::Context;
use chassis::Credentials;
use proto::media::v1::{
    AddLeg, Event, Hear, Open, Record, Request, event, gateway_client::GatewayClient, hear::Listener,
    request::What,
};
use rtp::Sender;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// The thread that is measured.
const LOOP: &str = "media-0";

struct Phone {
    socket: UdpSocket,
    to: SocketAddr,
    sender: Sender,
    received: u64,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the figures are its output")]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let calls: usize = args.next().map_or(Ok(100), |n| n.parse())?;
    let seconds: u64 = args.next().map_or(Ok(10), |n| n.parse())?;
    let how = args.next().unwrap_or_default();
    let folder = tempfile::tempdir()?;
    let before = memory_kb()?;
    let credentials = Credentials::alone();
    let phones = if how == "relay" {
        relay::start(calls)?.into_iter().enumerate().map(|(n, to)| phone(n, to)).collect::<Result<_, _>>()?
    } else {
        let address = gateway(&credentials, &folder)?;
        set_up(&credentials, &address, calls, how == "record").await?
    };
    let (phones, cpu) = tokio::task::spawn_blocking(move || talk(phones, seconds)).await??;
    let sent = phones.len() as u64 * seconds * 50;
    let received: u64 = phones.iter().map(|p| p.received).sum();
    let percent = 100.0 * cpu.as_secs_f64() / seconds as f64;
    println!("{calls} calls, {seconds} s {how}");
    let each = 1e6 * cpu.as_secs_f64() / sent.max(1) as f64;
    println!("loop: {percent:.1} % of a core, {:.4} % a call, {each:.2} µs a packet", percent / calls as f64);
    println!("packets: {sent} sent, {received} received");
    println!(
        "memory: {:.2} MB a call, phones included",
        (memory_kb()? - before) as f64 / 1024.0 / calls as f64
    );
    Ok(())
}

fn phone(n: usize, to: SocketAddr) -> std::io::Result<Phone> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    Ok(Phone { socket, to, sender: Sender::new(n as u32, 1, 0), received: 0 })
}

fn gateway(credentials: &Credentials, folder: &tempfile::TempDir) -> anyhow::Result<String> {
    let mut settings =
        toml::toml! { rtp_listen = "127.0.0.1" rtp_ports = "0-0" loops = 1 sessions_max = 10000 };
    settings.insert("objects".into(), folder.path().join("objects").to_str().context("path")?.into());
    let config = chassis::config::read("media", media::DEFAULTS, settings)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    let peers = chassis::Peers { recording: "http://127.0.0.1:9".into(), ..Default::default() };
    let log = eventlog::Log::open(&folder.path().join("log"))?;
    let credentials = credentials.clone();
    let deps = chassis::Deps { log, listener, peers, credentials, folder: folder.path().to_owned() };
    tokio::spawn(media::run(config, deps, chassis::Drain::new()));
    Ok(address)
}

async fn set_up(
    credentials: &Credentials,
    address: &str,
    calls: usize,
    record: bool,
) -> anyhow::Result<Vec<Phone>> {
    let (requests, stream) = mpsc::channel(100);
    let channel = chassis::grpc::channel(credentials, address)?;
    let mut events = GatewayClient::new(channel).control(ReceiverStream::new(stream)).await?.into_inner();
    let mut phones = Vec::new();
    for n in 0..calls {
        let session = format!("call_{n}");
        let mut op = 0;
        let mut ask = |what| {
            op += 1;
            Request { session: session.clone(), op, what: Some(what) }
        };
        requests.send(ask(What::Open(Open::default()))).await?;
        for leg in ["a", "b"] {
            let mut phone = phone(phones.len(), ([127, 0, 0, 1], 9).into())?;
            let offer = offer(phone.socket.local_addr()?.port());
            requests.send(ask(What::AddLeg(AddLeg { leg: leg.into(), offer, ..AddLeg::default() }))).await?;
            phone.to = answer(&mut events).await?;
            phones.push(phone);
        }
        let row = |leg: &str, source: &str| Listener { leg: leg.into(), sources: vec![source.into()] };
        requests.send(ask(What::Hear(Hear { listeners: vec![row("a", "b"), row("b", "a")] }))).await?;
        if record {
            let (left, right) = ("a".into(), "b".into());
            let record = Record {
                recording: format!("rec_{n}"),
                tenant: "t".into(),
                left,
                right,
                ..Record::default()
            };
            requests.send(ask(What::Record(record))).await?;
        }
    }
    // The control stream stays open to the end.
    tokio::spawn(async move {
        while let Ok(Some(_)) = events.message().await {}
        drop(requests);
    });
    Ok(phones)
}

fn offer(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 96\r\n\
         a=rtpmap:96 telephone-event/8000\r\n"
    )
}

async fn answer(events: &mut tonic::Streaming<Event>) -> anyhow::Result<SocketAddr> {
    loop {
        let event = events.message().await?.context("the stream ended")?;
        match event.what {
            Some(event::What::LegAnswer(answer)) => {
                let line = answer.sdp.lines().find_map(|l| l.strip_prefix("m=audio ")).context("no audio")?;
                let port: u16 = line.split(' ').next().context("no port")?.parse()?;
                return Ok(([127, 0, 0, 1], port).into());
            }
            Some(event::What::Failed(failed)) => anyhow::bail!("{}", failed.message),
            _ => {}
        }
    }
}

/// Speaks and listens on all phones; the CPU time of the loop meanwhile.
#[expect(clippy::disallowed_methods, reason = "phones speak in real time")]
fn talk(mut phones: Vec<Phone>, seconds: u64) -> anyhow::Result<(Vec<Phone>, Duration)> {
    let (began, cpu) = (Instant::now(), loop_cpu()?);
    let mut datagram = Vec::new();
    let mut buffer = [0; 2048];
    let slice = phones.len().div_ceil(20).max(1);
    for tick in 0..seconds * 50 {
        for (ms, part) in phones.chunks_mut(slice).enumerate() {
            for phone in part {
                datagram.clear();
                phone.sender.write(false, 8, &[0x55; 160], &mut datagram);
                phone.sender.advance(160);
                let _ = phone.socket.send_to(&datagram, phone.to);
                while phone.socket.recv_from(&mut buffer).is_ok() {
                    phone.received += 1;
                }
            }
            let due = Duration::from_millis(tick * 20 + ms as u64);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
    }
    std::thread::sleep(Duration::from_millis(100));
    for phone in &mut phones {
        while phone.socket.recv_from(&mut buffer).is_ok() {
            phone.received += 1;
        }
    }
    Ok((phones, loop_cpu()? - cpu))
}

/// CPU time of the loop's thread, user and system.
fn loop_cpu() -> anyhow::Result<Duration> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(task?.path().join("stat"))?;
        if let Some(rest) = stat.split_once(&format!("({LOOP}) ")).map(|s| s.1) {
            let ticks = |n: usize| rest.split(' ').nth(n).and_then(|t| t.parse::<u64>().ok()).unwrap_or(0);
            return Ok(Duration::from_millis((ticks(11) + ticks(12)) * 10));
        }
    }
    anyhow::bail!("no loop is running")
}

fn memory_kb() -> anyhow::Result<i64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
