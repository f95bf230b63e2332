//! Prompts from the object store, converted once and kept as long as there is room.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use rtp::playout::Prompt;
use tokio::sync::OnceCell;

use crate::error::{Error, Result};

/// A WAV file larger than this is refused, in bytes.
const FILE_MAX: u64 = 128 << 20;
/// Needs no file: the tone of ringing.
const RINGBACK: &str = "ringback";
/// Hashes in one Play at most.
pub const LIST_MAX: usize = 64;

/// The cache, shared by all loops.
pub struct Prompts {
    store: Arc<dyn ObjectStore>,
    kept: Mutex<HashMap<String, Entry>>,
    samples_max: usize,
    clock: AtomicU64,
}

#[derive(Default)]
struct Entry {
    prompt: Arc<OnceCell<Prompt>>,
    used: u64,
}

impl Prompts {
    pub fn new(store: Arc<dyn ObjectStore>, cache_mb: usize) -> Self {
        let samples_max = (cache_mb << 20) / size_of::<i16>();
        Self { store, kept: Mutex::default(), samples_max, clock: AtomicU64::new(0) }
    }

    /// All prompts of a list, if they are in memory.
    pub fn cached(&self, hashes: &[String]) -> Option<Vec<Prompt>> {
        hashes.iter().map(|hash| self.entry(hash).get().cloned()).collect()
    }

    /// All prompts of a list, fetched where needed; each file is fetched once
    /// however many calls wait for it.
    ///
    /// # Errors
    /// [`Error::NoPrompt`] when one is missing or no WAV file.
    pub async fn load(&self, hashes: &[String]) -> Result<Vec<Prompt>> {
        let mut prompts = Vec::with_capacity(hashes.len());
        for hash in hashes {
            let cell = self.entry(hash);
            prompts.push(cell.get_or_try_init(|| self.fetch(hash)).await?.clone());
        }
        self.make_room();
        Ok(prompts)
    }

    fn entry(&self, hash: &str) -> Arc<OnceCell<Prompt>> {
        let mut kept = self.kept.lock().expect("no panic while holding it");
        let entry = kept.entry(hash.to_owned()).or_default();
        entry.used = self.clock.fetch_add(1, Ordering::Relaxed);
        entry.prompt.clone()
    }

    async fn fetch(&self, hash: &str) -> Result<Prompt> {
        let missing = |cause: String| {
            tracing::warn!(hash, cause, "prompt not to be had");
            Error::NoPrompt(hash.to_owned())
        };
        if hash.is_empty() || hash.len() > 128 || !hash.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(missing("not a hash".into()));
        }
        if hash == RINGBACK {
            return Ok(ringback());
        }
        let path = Path::from(format!("prompts/{hash}.wav"));
        let found = self.store.get(&path).await.map_err(|e| missing(e.to_string()))?;
        if found.meta.size > FILE_MAX {
            return Err(missing("too large".into()));
        }
        let bytes = found.bytes().await.map_err(|e| missing(e.to_string()))?;
        let converted = tokio::task::spawn_blocking(move || rtp::wav::read(&bytes)).await;
        let samples = converted.map_err(|e| missing(e.to_string()))?.map_err(|e| missing(e.to_string()))?;
        Ok(samples.into())
    }

    /// Drops what was used longest ago, and what failed to load.
    fn make_room(&self) {
        let mut kept = self.kept.lock().expect("no panic while holding it");
        kept.retain(|_, e| e.prompt.initialized() || Arc::strong_count(&e.prompt) > 1);
        let length = |e: &Entry| e.prompt.get().map_or(0, |p| p.len());
        let mut total: usize = kept.values().map(length).sum();
        while total > self.samples_max {
            let Some(oldest) = kept.iter().min_by_key(|(_, e)| e.used).map(|(h, _)| h.clone()) else {
                return;
            };
            total -= kept.remove(&oldest).map_or(0, |e| length(&e));
        }
    }
}

/// The tone that a caller hears while it rings: 425 Hz, 1 s on, 4 s off (ETSI TR
/// 101 041-2).
fn ringback() -> Prompt {
    let mut samples = rtp::tone::Sine::new(425.0, 0.2).take(rtp::RATE as usize);
    samples.resize(5 * rtp::RATE as usize, 0);
    samples.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompts(cache_mb: usize, files: &[(&str, usize)]) -> (tempfile::TempDir, Prompts) {
        let folder = tempfile::tempdir().unwrap();
        let objects = folder.path().to_str().unwrap();
        std::fs::create_dir(folder.path().join("prompts")).unwrap();
        for (hash, samples) in files {
            let path = folder.path().join(format!("prompts/{hash}.wav"));
            std::fs::write(path, rtp::wav::write(&vec![7; *samples], 1)).unwrap();
        }
        let store = chassis::objects::open(objects).unwrap();
        (folder, Prompts::new(store, cache_mb))
    }

    fn names(hashes: &[&str]) -> Vec<String> {
        hashes.iter().map(|h| h.to_string()).collect()
    }

    #[tokio::test]
    async fn a_prompt_is_fetched_once_and_then_in_memory() {
        let (folder, prompts) = prompts(1, &[("aa", 100)]);
        assert!(prompts.cached(&names(&["aa"])).is_none());
        assert_eq!(prompts.load(&names(&["aa"])).await.unwrap()[0].len(), 100);
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(prompts.cached(&names(&["aa", "aa"])).unwrap().len(), 2);
    }

    #[tokio::test]
    async fn what_is_missing_or_no_hash_is_said() {
        let (_folder, prompts) = prompts(1, &[]);
        for hash in ["ff", "../ff", ""] {
            assert_eq!(prompts.load(&names(&[hash])).await.unwrap_err(), Error::NoPrompt(hash.into()));
        }
        prompts.make_room();
        assert!(prompts.kept.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_cache_stays_within_its_bound() {
        let (_folder, prompts) = prompts(1, &[("a", 300_000), ("b", 300_000), ("c", 300_000)]);
        for hash in ["a", "b", "c"] {
            prompts.load(&names(&[hash])).await.unwrap();
        }
        let kept = prompts.kept.lock().unwrap().len();
        assert_eq!(kept, 1);
    }
}
