//! A recording read back, segment by segment; what was lost is silence.

use types::{RecordingId, TenantId};

use crate::{
    Service,
    error::{Error, Result},
    seal::Key,
    store::{self, Row, SegmentRow},
    vault::Place,
};

/// Bytes of a full segment: 5 s of PCM16 stereo at 8 kHz.
const SEGMENT: usize = 5 * 32_000;

/// Where a reader stands.
pub struct Playback {
    tenant: TenantId,
    recording: RecordingId,
    key: Key,
    segments: std::vec::IntoIter<SegmentRow>,
    /// The segment that is next on the way, though not stored before `number`.
    waiting: Option<SegmentRow>,
    number: i32,
    bytes: u64,
}

impl Playback {
    /// # Errors
    /// [`Error::NoRecording`] when it is unknown or erased.
    pub async fn open(service: &Service, tenant: &TenantId, id: &str) -> Result<Self> {
        let unknown = || Error::NoRecording(id.to_owned());
        let recording = id.parse().map_err(|_| unknown())?;
        let mut tx = service.begin_for(tenant).await?;
        let row = store::recording(&mut tx, id).await?.ok_or_else(unknown)?;
        let segments = store::segments(&mut tx, id).await?;
        tx.rollback().await?;
        let key = service.key(tenant, &row).await?;
        let last = segments.last().map_or(0, |s| s.number as u64 * SEGMENT as u64 + s.bytes as u64);
        let segments = segments.into_iter();
        Ok(Self { tenant: tenant.clone(), recording, key, segments, waiting: None, number: 0, bytes: last })
    }

    /// Bytes of audio in all.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next stretch of PCM16 stereo; `None` at the end.
    pub async fn next(&mut self, service: &Service) -> Result<Option<Vec<u8>>> {
        let Some(segment) = self.waiting.take().or_else(|| self.segments.next()) else { return Ok(None) };
        let number = self.number;
        self.number += 1;
        if segment.number > number {
            self.waiting = Some(segment);
            return Ok(Some(vec![0; SEGMENT]));
        }
        let place = Place { tenant: &self.tenant, recording: &self.recording, number: number as u32 };
        Ok(Some(service.vault.get(place, &self.key, &segment.sha256).await?))
    }
}

impl Service {
    /// The key of a recording; none any more when it was erased.
    pub async fn key(&self, tenant: &TenantId, row: &Row) -> Result<Key> {
        let sealed = row.sealed_key.as_ref().ok_or_else(|| Error::NoRecording(row.id.clone()))?;
        self.keys.tenant(tenant).await?.open_key(&row.id, sealed)
    }
}
