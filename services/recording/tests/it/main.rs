//! The recording service on real PostgreSQL, over real gRPC.

use std::{net::TcpListener, time::Duration};

use chassis::grpc::Channel;
use proto::recording::v1::{
    GetRequest, Item, ListRequest, Segment, Stored, recording_client::RecordingClient,
};
use rtp::tone::Sine;
use tempfile::TempDir;
use tenantdb::{TenantDb, outbox, testing::TestDatabase};
use types::{CallId, RecordingId, TenantId, fact::RecordingFact};

struct Bench {
    client: RecordingClient<Channel>,
    db: TenantDb,
    tenant: TenantId,
    folder: TempDir,
    drain: chassis::Drain,
    database: TestDatabase,
}

fn id<T>(make: impl Fn(types::Timestamp, u128) -> T) -> T {
    make(chassis::clock::now(), chassis::random::u128())
}

impl Bench {
    async fn start() -> Self {
        let (database, folder) = (tenantdb::testing::database().await, tempfile::tempdir().unwrap());
        let db = database.connect().await;
        let tenant = id(TenantId::new);
        db.provision(&tenant).await.unwrap();
        let drain = chassis::Drain::new();
        let client = serve(&database, &folder, &drain).await;
        Self { client, db, tenant, folder, drain, database }
    }

    /// The same database and folder under a new process.
    async fn restart(mut self) -> Self {
        self.drain.start();
        self.drain = chassis::Drain::new();
        self.client = serve(&self.database, &self.folder, &self.drain).await;
        self
    }

    async fn ingest(&mut self, segments: Vec<Segment>) -> Vec<Stored> {
        let count = segments.len();
        let stream = tokio_stream::iter(segments);
        let mut answers = self
            .client
            .ingest(futures::StreamExt::chain(stream, futures::stream::pending()))
            .await
            .unwrap()
            .into_inner();
        let mut stored = Vec::new();
        while stored.len() < count {
            stored.push(answers.message().await.unwrap().expect("every segment is acknowledged"));
        }
        stored
    }

    async fn get(&mut self, recording: &RecordingId) -> Item {
        let request = GetRequest { tenant: self.tenant.to_string(), id: recording.to_string() };
        self.client.get(request).await.unwrap().into_inner()
    }

    async fn fetch(&mut self, tenant: &TenantId, recording: &RecordingId) -> Result<Vec<u8>, tonic::Status> {
        let request = GetRequest { tenant: tenant.to_string(), id: recording.to_string() };
        let mut chunks = self.client.fetch(request).await?.into_inner();
        let mut wav = Vec::new();
        while let Some(chunk) = chunks.message().await? {
            wav.extend_from_slice(&chunk.wav);
        }
        Ok(wav)
    }

    /// The facts that were told, as the log would be.
    async fn facts(&self) -> Vec<RecordingFact> {
        let (told, mut facts) = tokio::sync::mpsc::channel(100);
        let deliver = move |batch: Vec<outbox::Entry>| {
            batch.into_iter().for_each(|entry| told.try_send(entry).unwrap());
            std::future::ready(Ok::<_, std::convert::Infallible>(()))
        };
        outbox::ship(self.db.clone(), deliver, tokio::time::sleep(Duration::from_millis(1500))).await;
        let mut found = Vec::new();
        while let Ok(entry) = facts.try_recv() {
            assert_eq!((entry.topic.as_str(), entry.tenant.as_str()), ("recording.v1", self.tenant.as_str()));
            found.push(eventlog::codec::decode(&entry.value).unwrap());
        }
        found
    }

    fn objects(&self, under: &str) -> Vec<std::path::PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("objects").join(under)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

async fn serve(
    database: &TestDatabase,
    folder: &TempDir,
    drain: &chassis::Drain,
) -> RecordingClient<Channel> {
    let objects = folder.path().join("objects").to_str().unwrap().to_owned();
    let mut settings = toml::Table::new();
    settings.insert("database_url".into(), database.url().into());
    settings.insert("objects".into(), objects.into());
    let config = chassis::config::read("recording", recording::DEFAULTS, settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let log = folder.path().join(format!("log-{}", chassis::random::u128()));
    let credentials = chassis::Credentials::alone();
    let deps = chassis::Deps {
        log: eventlog::Log::open(&log).unwrap(),
        listener,
        peers: Default::default(),
        credentials: credentials.clone(),
        folder: folder.path().to_owned(),
    };
    tokio::spawn(recording::run(config, deps, drain.clone()));
    RecordingClient::new(chassis::grpc::channel(&credentials, &address).unwrap())
}

/// PCM16 stereo of two tones.
fn audio(ms: usize) -> Vec<u8> {
    let (mut left, mut right) = (Sine::new(400.0, 0.5), Sine::new(700.0, 0.25));
    (0..ms * 8).flat_map(|_| [left.sample().to_le_bytes(), right.sample().to_le_bytes()].concat()).collect()
}

struct Script {
    tenant: TenantId,
    recording: RecordingId,
    call: CallId,
}

impl Script {
    fn new(bench: &Bench) -> Self {
        Self { tenant: bench.tenant.clone(), recording: id(RecordingId::new), call: id(CallId::new) }
    }

    fn segment(&self, number: u32, audio: Vec<u8>, last: bool) -> Segment {
        let (tenant, recording) = (self.tenant.to_string(), self.recording.to_string());
        let (call, started_at_ms) = (self.call.to_string(), 1_700_000_000_000);
        Segment { tenant, recording, call, number, started_at_ms, audio: audio.into(), last }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_is_played_with_its_checksum_and_waveform() {
    let mut bench = Bench::start().await;
    let script = Script::new(&bench);
    bench.ingest(vec![script.segment(0, audio(5000), false), script.segment(1, audio(2500), true)]).await;

    let item = bench.get(&script.recording).await;
    assert_eq!((item.duration_ms, item.bytes, item.complete), (7500, 240_000, true));
    assert_eq!((item.call.as_str(), item.peaks_left.len()), (script.call.as_str(), 150));
    assert!(item.peaks_left.iter().all(|p| (0.49..0.51).contains(p)), "{:?}", item.peaks_left);
    assert!(item.peaks_right.iter().all(|p| (0.24..0.26).contains(p)));

    let wav = bench.fetch(&bench.tenant.clone(), &script.recording).await.unwrap();
    let expected = [audio(5000), audio(2500)].concat();
    assert_eq!(wav[..44], rtp::wav::header(60_000, 2));
    assert_eq!(wav[44..], expected);
    use sha2::Digest;
    assert_eq!(item.sha256, hex::encode(sha2::Sha256::digest(&expected)));

    let facts = bench.facts().await;
    assert_eq!(facts.len(), 1);
    assert_eq!((&facts[0].recording, &facts[0].call), (&script.recording, &script.call));
    assert_eq!((facts[0].duration, facts[0].bytes, &facts[0].sha256), (7500, 240_000, &item.sha256));
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_sent_again_are_acknowledged_and_stored_once() {
    let mut bench = Bench::start().await;
    let script = Script::new(&bench);
    let all = || vec![script.segment(0, audio(5000), false), script.segment(1, audio(1000), true)];
    bench.ingest(all()).await;
    let before = bench.get(&script.recording).await;
    let mut bench = bench.restart().await;
    assert_eq!(bench.ingest(all()).await.len(), 2);
    assert_eq!(bench.get(&script.recording).await, before);
    assert_eq!(bench.facts().await.len(), 1);
    assert_eq!(bench.objects("recordings").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_stored_can_be_read_without_the_keys() {
    let mut bench = Bench::start().await;
    let script = Script::new(&bench);
    let plain = audio(1000);
    bench.ingest(vec![script.segment(0, plain.clone(), true)]).await;
    let stored = std::fs::read(&bench.objects("recordings")[0]).unwrap();
    assert_eq!(stored.len(), plain.len() + 28);
    assert!(!stored.windows(16).any(|w| w == &plain[400..416]));

    // With another master key nothing opens.
    std::fs::remove_file(bench.folder.path().join("master.key")).unwrap();
    let mut bench = bench.restart().await;
    let tenant = bench.tenant.clone();
    assert_eq!(bench.fetch(&tenant, &script.recording).await.unwrap_err().code(), tonic::Code::Internal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_segment_is_said_to_be_damaged_not_played() {
    let mut bench = Bench::start().await;
    let script = Script::new(&bench);
    bench.ingest(vec![script.segment(0, audio(1000), true)]).await;
    let path = &bench.objects("recordings")[0];
    let mut stored = std::fs::read(path).unwrap();
    stored[1000] ^= 1;
    std::fs::write(path, stored).unwrap();
    // Before anything of it is sent: a download fails, it does not break off.
    let request = GetRequest { tenant: bench.tenant.to_string(), id: script.recording.to_string() };
    let mut chunks = bench.client.fetch(request).await.unwrap().into_inner();
    assert_eq!(chunks.message().await.unwrap_err().code(), tonic::Code::Internal);
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_the_key_erases_the_recording() {
    let mut bench = Bench::start().await;
    let script = Script::new(&bench);
    bench.ingest(vec![script.segment(0, audio(1000), true)]).await;
    let mut tx = bench.db.begin(&bench.tenant).await.unwrap();
    sqlx::query("update recordings set sealed_key = null").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let tenant = bench.tenant.clone();
    assert_eq!(bench.fetch(&tenant, &script.recording).await.unwrap_err().code(), tonic::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_finds_nothing() {
    let mut bench = Bench::start().await;
    let script = Script::new(&bench);
    bench.ingest(vec![script.segment(0, audio(1000), true)]).await;
    let (other, nobody) = (id(TenantId::new), id(TenantId::new));
    bench.db.provision(&other).await.unwrap();
    for tenant in [other, nobody] {
        let missing = bench.fetch(&tenant, &script.recording).await.unwrap_err();
        assert_eq!(missing.code(), tonic::Code::NotFound, "{missing:?}");
    }
    let malformed = GetRequest { tenant: "'; drop".into(), id: "x".into() };
    assert_eq!(bench.client.get(malformed).await.unwrap_err().code(), tonic::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_an_unknown_tenant_does_not_hold_up_the_others() {
    let mut bench = Bench::start().await;
    let script = Script::new(&bench);
    let stranger = Script { tenant: id(TenantId::new), ..Script::new(&bench) };
    let mut nonsense = script.segment(7, audio(20), false);
    nonsense.recording = "rec".into();
    let sent = vec![stranger.segment(0, audio(20), true), nonsense, script.segment(0, audio(1000), true)];
    bench.ingest(sent).await;
    assert!(bench.get(&script.recording).await.complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_segment_is_silence_of_its_length() {
    let mut bench = Bench::start().await;
    let script = Script::new(&bench);
    bench.ingest(vec![script.segment(0, audio(5000), false), script.segment(2, audio(1000), true)]).await;
    let item = bench.get(&script.recording).await;
    assert_eq!((item.duration_ms, item.complete), (11_000, true));
    let tenant = bench.tenant.clone();
    let wav = bench.fetch(&tenant, &script.recording).await.unwrap();
    assert_eq!(wav.len(), 44 + 11_000 * 32);
    assert!(wav[44 + 5_000 * 32..44 + 10_000 * 32].iter().all(|b| *b == 0));
    assert_eq!(wav[44 + 10_000 * 32..], audio(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_newest_first() {
    let mut bench = Bench::start().await;
    let mut scripts: Vec<Script> = (0..5).map(|_| Script::new(&bench)).collect();
    for (n, script) in scripts.iter().enumerate() {
        let mut segment = script.segment(0, audio(100), true);
        segment.started_at_ms += n as i64 / 2;
        bench.ingest(vec![segment]).await;
    }
    let mut listed = Vec::new();
    let mut cursor = String::new();
    loop {
        let request = ListRequest { tenant: bench.tenant.to_string(), call: String::new(), cursor, limit: 2 };
        let reply = bench.client.list(request).await.unwrap().into_inner();
        listed.extend(reply.items);
        cursor = reply.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    let order: Vec<_> = listed.iter().map(|i| (i.started_at_ms, i.id.clone())).collect();
    assert!(order.is_sorted_by(|a, b| a > b), "{order:?}");
    assert_eq!(listed.len(), 5);
    let script = scripts.pop().unwrap();
    let request =
        ListRequest { tenant: bench.tenant.to_string(), call: script.call.to_string(), ..Default::default() };
    let of_call = bench.client.list(request).await.unwrap().into_inner().items;
    assert_eq!(of_call.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), [script.recording.as_str()]);
}
