//! A gateway on the bench, and an edge that talks to it.

use std::{net::TcpListener, path::Path, time::Duration};

use chassis::Credentials;
use media::Config;
use proto::media::v1::{
    AddLeg, Event, Hear, Open, Play, Record, Release, Request, SetRemote, add_leg::Kind, event,
    event::What as Told, gateway_client::GatewayClient, hear::Listener, request::What,
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the gateway, its edges and the recording service know each other by.
pub fn credentials() -> Credentials {
    Credentials::new("test", "a-secret-of-these-tests-and-of-nobody-else").unwrap()
}

pub struct Bench {
    pub folder: TempDir,
    pub address: String,
    drain: chassis::Drain,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Bench {
    pub async fn start() -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), "", toml::Table::new()).await
    }

    /// With the recording service at `recording` and other settings.
    pub async fn start_with(folder: TempDir, recording: &str, mut settings: toml::Table) -> Self {
        let objects = folder.path().join("objects");
        for (key, value) in
            [("rtp_listen", "127.0.0.1"), ("rtp_ports", "0-0"), ("objects", objects.to_str().unwrap())]
        {
            settings.entry(key).or_insert(value.into());
        }
        settings.entry("loops").or_insert(2.into());
        settings.entry("drain_wait_ms").or_insert(0.into());
        let config: Config = chassis::config::read("media", media::DEFAULTS, settings).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let nowhere = "http://127.0.0.1:9".to_owned();
        let recording = if recording.is_empty() { nowhere } else { recording.to_owned() };
        let deps = chassis::Deps {
            log: eventlog::Log::open(&folder.path().join("log")).unwrap(),
            listener,
            peers: chassis::Peers { recording, ..Default::default() },
            credentials: credentials(),
            folder: folder.path().to_owned(),
        };
        let drain = chassis::Drain::new();
        let running = tokio::spawn(media::run(config, deps, drain.clone()));
        Self { folder, address, drain, running }
    }

    pub async fn stop(self) -> TempDir {
        self.drain.start();
        tokio::time::timeout(PATIENCE, self.running).await.unwrap().unwrap().unwrap();
        self.folder
    }

    /// Puts a prompt of a tone into the object store.
    pub fn tone(&self, hash: &str, hz: f64, seconds: f64) {
        prompt(self.folder.path(), hash, hz, seconds);
    }

    pub async fn edge(&self, name: &str) -> Edge {
        Edge::connect(&self.address, name).await
    }
}

fn prompt(folder: &Path, hash: &str, hz: f64, seconds: f64) {
    let prompts = folder.join("objects/prompts");
    std::fs::create_dir_all(&prompts).unwrap();
    let samples = rtp::tone::Sine::new(hz, 0.4).take((8000.0 * seconds) as usize);
    std::fs::write(prompts.join(format!("{hash}.wav")), rtp::wav::write(&samples, 1)).unwrap();
}

/// An edge with one control stream.
pub struct Edge {
    requests: mpsc::Sender<Request>,
    events: Streaming<Event>,
    op: u64,
    pub seen: Vec<Event>,
}

impl Edge {
    pub async fn connect(address: &str, name: &str) -> Self {
        let channel = chassis::grpc::channel(&credentials(), address).unwrap();
        let (requests, stream) = mpsc::channel(100);
        let mut request = tonic::Request::new(ReceiverStream::new(stream));
        request.metadata_mut().insert("edge", name.parse().unwrap());
        let events = GatewayClient::new(channel).control(request).await.unwrap().into_inner();
        Self { requests, events, op: 0, seen: Vec::new() }
    }

    pub async fn ask(&mut self, session: &str, what: What) -> u64 {
        self.op += 1;
        self.repeat(session, self.op, what).await;
        self.op
    }

    pub async fn repeat(&mut self, session: &str, op: u64, what: What) {
        let request = Request { session: session.into(), op, what: Some(what) };
        self.requests.send(request).await.unwrap();
    }

    /// The first event, seen or to come, of which `pick` makes something; it is used up.
    pub async fn expect<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let deadline = tokio::time::sleep(PATIENCE);
        tokio::pin!(deadline);
        loop {
            if let Some(at) = self.seen.iter().position(|e| pick(e).is_some()) {
                return pick(&self.seen.remove(at)).unwrap();
            }
            tokio::select! {
                event = self.events.message() => self.seen.push(event.unwrap().expect("the stream goes on")),
                () = &mut deadline => panic!("no {what}; saw {:?}", self.seen),
            }
        }
    }

    /// What answers operation `op`.
    pub async fn answer(&mut self, op: u64) -> event::What {
        self.expect("answer", |e| (e.op == op && op > 0).then(|| e.what.clone().unwrap())).await
    }

    pub async fn open(&mut self, session: &str) {
        self.ask(session, What::Open(Open { tenant: "tnt".into() })).await;
    }

    pub async fn add(&mut self, session: &str, leg: &str, kind: Kind, offer: &str) -> Result<String, i32> {
        let add = AddLeg { leg: leg.into(), kind: kind.into(), offer: offer.into(), port: 0 };
        let op = self.ask(session, What::AddLeg(add)).await;
        match self.answer(op).await {
            Told::LegAnswer(answer) => Ok(answer.sdp),
            Told::Failed(failed) => Err(failed.code),
            other => panic!("{other:?}"),
        }
    }

    pub async fn set_remote(&mut self, session: &str, leg: &str, sdp: &str, is_offer: bool) -> u64 {
        self.ask(session, What::SetRemote(SetRemote { leg: leg.into(), sdp: sdp.into(), is_offer })).await
    }

    /// `rows` such as `[("a", &["b"])]`: a hears b.
    pub async fn hear(&mut self, session: &str, rows: &[(&str, &[&str])]) {
        let row = |(leg, sources): &(&str, &[&str])| Listener {
            leg: leg.to_string(),
            sources: sources.iter().map(ToString::to_string).collect(),
        };
        self.ask(session, What::Hear(Hear { listeners: rows.iter().map(row).collect() })).await;
    }

    pub async fn play(&mut self, session: &str, play: &str, leg: &str, hashes: &[&str], looped: bool) {
        let hashes = hashes.iter().map(ToString::to_string).collect();
        let play = Play { play: play.into(), leg: leg.into(), hashes, r#loop: looped };
        self.ask(session, What::Play(play)).await;
    }

    pub async fn record(&mut self, session: &str, recording: &str, left: &str, right: &str) {
        let (recording, tenant) = (recording.into(), "tnt".into());
        let record =
            Record { recording, tenant, left: left.into(), right: right.into(), ..Record::default() };
        self.ask(session, What::Record(record)).await;
    }

    pub async fn release(&mut self, session: &str) {
        self.ask(session, What::Release(Release::default())).await;
    }

    /// Waits until the gateway says that it holds `count` sessions.
    pub async fn sessions_held(&mut self, count: u32) {
        self.expect("load", |e| match &e.what {
            Some(Told::Load(load)) if load.sessions == count => Some(()),
            _ => None,
        })
        .await;
    }
}
