//! Taking segments: each is stored once, however often it is sent.

use std::hash::{DefaultHasher, Hash, Hasher};

use proto::recording::v1::{Segment, Stored};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};
use types::{CallId, RecordingId, TenantId};

use crate::{
    Service,
    error::{Error, Result},
    peaks::Peaks,
    playback::Playback,
    store::{self, Completion, Row},
    vault::{Place, checksum},
};

/// Audio of one segment at most: 30 s.
const AUDIO_MAX: usize = 30 * 32_000;
/// Recordings that one stream stores at a time.
const LANES: usize = 8;
const LANE_MAX: usize = 16;

/// Stores a stream's segments, those of a recording in order, and acknowledges each.
pub async fn run(
    service: Service,
    mut segments: Streaming<Segment>,
    answers: mpsc::Sender<Result<Stored, Status>>,
) {
    let lanes: Vec<_> = (0..LANES).map(|_| lane(service.clone(), answers.clone())).collect();
    while let Ok(Some(segment)) = segments.message().await {
        let mut hasher = DefaultHasher::new();
        segment.recording.hash(&mut hasher);
        if lanes[hasher.finish() as usize % LANES].send(segment).await.is_err() {
            return;
        }
    }
}

fn lane(service: Service, answers: mpsc::Sender<Result<Stored, Status>>) -> mpsc::Sender<Segment> {
    let (to, mut segments) = mpsc::channel::<Segment>(LANE_MAX);
    tokio::spawn(async move {
        while let Some(segment) = segments.recv().await {
            let stored = Stored { recording: segment.recording.clone(), number: segment.number };
            let answer = match service.store(segment).await {
                Err(error) if error.is_final() => {
                    metrics::counter!("recording_segments_refused_total").increment(1);
                    tracing::error!(recording = stored.recording, %error, "segment refused for good");
                    Ok(stored)
                }
                Err(error) => Err(error.into()),
                Ok(()) => Ok(stored),
            };
            let failed = answer.is_err();
            if answers.send(answer).await.is_err() || failed {
                return;
            }
        }
    });
    to
}

/// A segment whose ids are what they claim to be.
struct Known {
    tenant: TenantId,
    recording: RecordingId,
    call: CallId,
    segment: Segment,
}

impl Service {
    /// Stores one segment; closes the recording when it is the last.
    ///
    /// # Errors
    /// See [`Error::is_final`].
    pub async fn store(&self, segment: Segment) -> Result<()> {
        let known = check(segment)?;
        let row = self.begin(&known).await?;
        let new = !known.segment.audio.is_empty() && self.append(&known, &row).await?;
        if known.segment.last || new && row.complete {
            self.complete(&known.tenant, &known.recording).await?;
        }
        Ok(())
    }

    async fn begin(&self, known: &Known) -> Result<Row> {
        let tenant_key = self.keys.tenant(&known.tenant);
        let mut tx = self.begin_for(&known.tenant).await?;
        if let Some(row) = store::recording(&mut tx, known.recording.as_str()).await? {
            return Ok(row);
        }
        let sealed = tenant_key.await?.seal(known.recording.as_str(), &chassis::random::key())?;
        let started = known.segment.started_at_ms;
        let row = store::begin(&mut tx, &known.recording, &known.call, started, &sealed).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// The audio first, its row after: what has a row has audio. Returns whether it is new.
    async fn append(&self, known: &Known, row: &Row) -> Result<bool> {
        let (number, audio) = (known.segment.number, &known.segment.audio);
        let mut tx = self.begin_for(&known.tenant).await?;
        if store::has_segment(&mut tx, &row.id, number).await? {
            return Ok(false);
        }
        tx.rollback().await?;
        let key = self.key(&known.tenant, row).await?;
        let place = Place { tenant: &known.tenant, recording: &known.recording, number };
        self.vault.put(place, &key, audio).await?;
        let mut tx = self.begin_for(&known.tenant).await?;
        let bytes = audio.len() as i64;
        store::append(&mut tx, &row.id, number, &place.object(), bytes, &checksum(audio)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Reads everything back: what is closed can be played.
    async fn complete(&self, tenant: &TenantId, recording: &RecordingId) -> Result<()> {
        let mut playback = Playback::open(self, tenant, recording.as_str()).await?;
        let (mut hash, mut peaks) = (Sha256::new(), Peaks::default());
        while let Some(audio) = playback.next(self).await? {
            hash.update(&audio);
            peaks.add(&audio);
        }
        let (peaks_left, peaks_right) = peaks.slices();
        let done = Completion { sha256: hex::encode(hash.finalize()), peaks_left, peaks_right };
        let mut tx = self.begin_for(tenant).await?;
        store::complete(&mut tx, chassis::clock::now(), recording, done).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn check(segment: Segment) -> Result<Known> {
    let wrong = |what: &str| Error::Invalid(format!("{what} of a segment"));
    if segment.audio.len() > AUDIO_MAX
        || !segment.audio.len().is_multiple_of(4)
        || segment.number > i32::MAX as u32
    {
        return Err(wrong("length"));
    }
    Ok(Known {
        tenant: segment.tenant.parse().map_err(|_| wrong("tenant"))?,
        recording: segment.recording.parse().map_err(|_| wrong("recording"))?,
        call: segment.call.parse().map_err(|_| wrong("call"))?,
        segment,
    })
}
