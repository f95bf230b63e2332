//! Recording, with the recording service there, away, and back.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use proto::{
    media::v1::{StopRecord, add_leg::Kind, request::What},
    recording::v1::{
        Chunk, GetRequest, Item, ListReply, ListRequest, Segment, Stored,
        recording_server::{Recording, RecordingServer},
    },
};
use rtp::{Law, goertzel::tone_level};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Response, Status, Streaming};

use crate::{
    bench::{Bench, PATIENCE, credentials},
    phone::Phone,
};

/// The receiving end of Ingest: keeps what it is sent.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<BTreeMap<u32, Segment>>>);

#[tonic::async_trait]
impl Recording for Shelf {
    type IngestStream = ReceiverStream<Result<Stored, Status>>;
    type FetchStream = ReceiverStream<Result<Chunk, Status>>;

    async fn ingest(
        &self,
        request: tonic::Request<Streaming<Segment>>,
    ) -> Result<Response<Self::IngestStream>, Status> {
        let (answers, stream) = tokio::sync::mpsc::channel(16);
        let (shelf, mut segments) = (self.clone(), request.into_inner());
        tokio::spawn(async move {
            while let Some(Ok(segment)) = segments.next().await {
                let stored = Stored { recording: segment.recording.clone(), number: segment.number };
                shelf.0.lock().unwrap().insert(segment.number, segment);
                let _ = answers.send(Ok(stored)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn list(&self, _: tonic::Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        Err(Status::unimplemented("only ingest is under test"))
    }

    async fn get(&self, _: tonic::Request<GetRequest>) -> Result<Response<Item>, Status> {
        Err(Status::unimplemented("only ingest is under test"))
    }

    async fn fetch(&self, _: tonic::Request<GetRequest>) -> Result<Response<Self::FetchStream>, Status> {
        Err(Status::unimplemented("only ingest is under test"))
    }
}

impl Shelf {
    fn serve(&self, listener: TcpListener) {
        let routes = tonic::service::Routes::new(RecordingServer::new(self.clone()));
        tokio::spawn(chassis::grpc::serve(listener, routes, credentials(), chassis::Drain::new()));
    }

    /// The whole recording, once its last segment is there.
    async fn complete(&self) -> Vec<Segment> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let segments: Vec<Segment> = self.0.lock().unwrap().values().cloned().collect();
            let whole = segments.iter().enumerate().all(|(n, s)| s.number as usize == n);
            if whole && segments.last().is_some_and(|s| s.last) {
                return segments;
            }
            assert!(tokio::time::Instant::now() < deadline, "only {} segments", segments.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn channels(segments: &[Segment]) -> (Vec<i16>, Vec<i16>) {
    let bytes: Vec<u8> = segments.iter().flat_map(|s| s.audio.to_vec()).collect();
    let sample = |b: &[u8], n: usize| i16::from_le_bytes([b[n], b[n + 1]]);
    bytes.chunks_exact(4).map(|b| (sample(b, 0), sample(b, 2))).unzip()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_recorded_while_the_recording_service_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let recording = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let bench = Bench::start_with(tempfile::tempdir().unwrap(), &recording, toml::Table::new()).await;
    let mut edge = bench.edge("e").await;
    edge.open("call_1").await;
    let (a, b) = (Phone::new(Law::Mu, 400.0).await, Phone::new(Law::Mu, 700.0).await);
    for (leg, phone) in [("a", &a), ("b", &b)] {
        phone.send_to(&edge.add("call_1", leg, Kind::Rtp, &phone.sdp("sendrecv")).await.unwrap());
    }
    edge.hear("call_1", &[("a", &["b"]), ("b", &["a"])]).await;
    a.ear.hears(700.0).await;
    let began = tokio::time::Instant::now();
    edge.record("call_1", "rec_1", "a", "b").await;
    tokio::time::sleep(Duration::from_millis(7_000)).await;
    a.ear.hears_only(&[700.0], &[]).await;
    let lasted = began.elapsed();
    edge.ask("call_1", What::StopRecord(StopRecord { recording: "rec_1".into() })).await;

    let shelf = Shelf::default();
    let again = TcpListener::bind(recording.trim_start_matches("http://")).unwrap();
    shelf.serve(again);
    let segments = shelf.complete().await;
    assert_eq!(
        (segments.len(), segments[0].call.as_str(), segments[0].recording.as_str()),
        (2, "call_1", "rec_1")
    );
    let (left, right) = channels(&segments);
    let recorded = left.len() as f64 / 8000.0;
    assert!((recorded - lasted.as_secs_f64()).abs() < 0.3, "{recorded} s of {lasted:?}");
    let (left, right) = (&left[8_000..40_000], &right[8_000..40_000]);
    assert!(tone_level(left, 400.0) > 0.2 && tone_level(left, 700.0) < 0.01);
    assert!(tone_level(right, 700.0) > 0.2 && tone_level(right, 400.0) < 0.01);
    let spool = bench.folder.path().join("spool");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while std::fs::read_dir(&spool).unwrap().count() > 0 {
        assert!(tokio::time::Instant::now() < deadline, "what is acknowledged is deleted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopped_gateway_had_recorded_is_sent_by_the_next() {
    let bench = Bench::start().await;
    let mut edge = bench.edge("e").await;
    edge.open("call_1").await;
    let a = Phone::new(Law::A, 400.0).await;
    a.send_to(&edge.add("call_1", "a", Kind::Rtp, &a.sdp("sendrecv")).await.unwrap());
    edge.record("call_1", "rec_1", "a", "b").await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    drop(edge);
    let folder = bench.stop().await;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let recording = format!("http://{}", listener.local_addr().unwrap());
    let shelf = Shelf::default();
    shelf.serve(listener);
    let bench = Bench::start_with(folder, &recording, toml::Table::new()).await;
    let (left, right) = channels(&shelf.complete().await);
    assert!(left.len() >= 7_000, "{} samples", left.len());
    assert!(tone_level(&left[2_000..6_000], 400.0) > 0.2);
    assert!(tone_level(&right, 400.0) < 0.01);
    bench.stop().await;
}
