//! The contract recording.v1.

use bytes::Bytes;
use chassis::Drain;
use futures::{StreamExt, stream::BoxStream};
use proto::recording::v1::{
    Chunk, GetRequest, Item, ListReply, ListRequest, Segment, Stored, recording_server::Recording,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use types::TenantId;

use crate::{
    Service,
    error::{Error, Result},
    ingest,
    playback::Playback,
    store::{self, Row},
};

const PAGE: u32 = 50;
const PAGE_MAX: u32 = 500;
/// Audio of one message.
const CHUNK: usize = 64 * 1024;
/// Messages made ahead of the reader.
const AHEAD: usize = 4;

/// The gRPC service.
pub struct Api {
    service: Service,
    drain: Drain,
}

impl Api {
    pub fn new(service: Service, drain: Drain) -> Self {
        Self { service, drain }
    }
}

#[tonic::async_trait]
impl Recording for Api {
    type IngestStream = BoxStream<'static, Result<Stored, Status>>;
    type FetchStream = ReceiverStream<Result<Chunk, Status>>;

    async fn ingest(
        &self,
        request: Request<Streaming<Segment>>,
    ) -> Result<Response<Self::IngestStream>, Status> {
        let (answers, stream) = mpsc::channel(64);
        let (service, drain) = (self.service.clone(), self.drain.clone());
        let taking = ingest::run(service, request.into_inner(), answers);
        tokio::spawn(async move { drain.or(taking).await });
        let stream = ReceiverStream::new(stream).take_until(self.drain.clone().begun_owned());
        Ok(Response::new(stream.boxed()))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        Ok(Response::new(self.page(request.into_inner()).await?))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Item>, Status> {
        let GetRequest { tenant, id } = request.into_inner();
        let mut tx = self.service.begin_for(&parse(&tenant)?).await?;
        let row = store::recording(&mut tx, &id).await?.ok_or(Error::NoRecording(id))?;
        Ok(Response::new(item(row)))
    }

    async fn fetch(&self, request: Request<GetRequest>) -> Result<Response<Self::FetchStream>, Status> {
        let GetRequest { tenant, id } = request.into_inner();
        let playback = Playback::open(&self.service, &parse(&tenant)?, &id).await?;
        let (chunks, stream) = mpsc::channel(AHEAD);
        tokio::spawn(play(self.service.clone(), playback, chunks));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

impl Api {
    async fn page(&self, request: ListRequest) -> Result<ListReply> {
        let limit = if request.limit == 0 { PAGE } else { request.limit.min(PAGE_MAX) };
        let behind = parse_cursor(&request.cursor)?;
        let mut tx = self.service.begin_for(&parse(&request.tenant)?).await?;
        let behind = (behind.0, behind.1.as_str());
        let mut rows = store::page(&mut tx, &request.call, behind, i64::from(limit) + 1).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map_or(String::new(), |row| format!("{}:{}", row.started_at_ms, row.id));
        Ok(ListReply { items: rows.into_iter().map(item).collect(), next_cursor })
    }
}

/// The header, then the audio in pieces; a failure ends the stream with its
/// status. The first audio is opened before anything is sent: what cannot be
/// read is an error from the start, not a file that breaks off.
async fn play(service: Service, mut playback: Playback, chunks: mpsc::Sender<Result<Chunk, Status>>) {
    let header = rtp::wav::header(playback.bytes() / 4, 2);
    let mut wav = match playback.next(&service).await {
        Ok(first) => Bytes::from([&header[..], &first.unwrap_or_default()].concat()),
        Err(error) => return drop(chunks.send(Err(error.into())).await),
    };
    loop {
        while !wav.is_empty() {
            let piece = wav.split_to(wav.len().min(CHUNK));
            if chunks.send(Ok(Chunk { wav: piece })).await.is_err() {
                return;
            }
        }
        match playback.next(&service).await {
            Ok(Some(audio)) => wav = audio.into(),
            Ok(None) => return,
            Err(error) => return drop(chunks.send(Err(error.into())).await),
        }
    }
}

/// An unknown tenant is one that has nothing.
fn parse(tenant: &str) -> Result<TenantId> {
    tenant.parse().map_err(|_| Error::NoTenant)
}

fn parse_cursor(cursor: &str) -> Result<(i64, String)> {
    if cursor.is_empty() {
        return Ok((i64::MAX, String::new()));
    }
    let parsed = cursor.split_once(':').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
    parsed.ok_or_else(|| Error::Invalid("cursor".into()))
}

fn item(row: Row) -> Item {
    Item {
        id: row.id,
        call: row.call,
        started_at_ms: row.started_at_ms,
        duration_ms: row.duration_ms,
        bytes: row.bytes as u64,
        sha256: row.sha256,
        peaks_left: row.peaks_left,
        peaks_right: row.peaks_right,
        complete: row.complete,
    }
}
