//! Sealed segments in the object store.

use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use sha2::{Digest, Sha256};
use types::{RecordingId, TenantId};

use crate::{
    error::{Error, Result},
    seal::Key,
};

/// Puts segments away and gets them back.
#[derive(Clone)]
pub struct Vault(Arc<dyn ObjectStore>);

/// Where one segment is.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub tenant: &'a TenantId,
    pub recording: &'a RecordingId,
    pub number: u32,
}

impl Place<'_> {
    /// The object's name.
    pub fn object(&self) -> String {
        format!("recordings/{}/{}/{:08}", self.tenant, self.recording, self.number)
    }

    fn purpose(&self) -> String {
        format!("segment {} of {}", self.number, self.recording)
    }
}

impl Vault {
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self(objects)
    }

    /// Seals and stores a segment's audio.
    pub async fn put(&self, place: Place<'_>, key: &Key, audio: &[u8]) -> Result<()> {
        let sealed = key.seal(&place.purpose(), audio)?;
        self.0.put(&Path::from(place.object()), sealed.into()).await?;
        Ok(())
    }

    /// A segment's audio, checked against its checksum.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is not what was stored.
    pub async fn get(&self, place: Place<'_>, key: &Key, sha256: &str) -> Result<Vec<u8>> {
        let damaged = || Error::Damaged(place.recording.to_string());
        let sealed = self.0.get(&Path::from(place.object())).await?.bytes().await?;
        let audio = key.open_sealed(&place.purpose(), &sealed).map_err(|_| damaged())?;
        if checksum(&audio) == sha256 { Ok(audio) } else { Err(damaged()) }
    }
}

/// SHA-256 in hexadecimal.
pub fn checksum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
