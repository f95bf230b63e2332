//! Audio files in the object store, named by their hash.

use crate::{Config, flows::Flows, music, speech::Speech};
use anyhow::Context;
use chassis::{Drain, clock};
use flow::Say;
use futures::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    io::Cursor,
    sync::{Arc, Mutex},
    time::Duration,
};
use types::{Millis, TenantId, Timestamp};

/// Hashes remembered to be there; beyond that the store is asked again.
const KNOWN_MAX: usize = 100_000;
/// How names of files begin that hold one caller's values, such as a balance.
const FILLED: &str = "filled";
/// They are kept so long, for those who play them right now.
const FILLED_FOR: Millis = 3_600_000;
const SWEPT_EVERY: Duration = Duration::from_secs(600);

pub struct Prompts {
    store: Arc<dyn ObjectStore>,
    speech: Speech,
    known: Mutex<HashSet<String>>,
    upload_max: usize,
    /// The built-in music on hold.
    pub music: String,
}

/// What was wrong with an uploaded file.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error("the file is larger than {0} bytes")]
    TooLarge(usize),
    #[error("not a WAV file that can be read: {0}")]
    NotWav(hound::Error),
    #[error("the WAV file must hold 16 bit PCM, mono or stereo, 8 to 48 kHz, and not be empty")]
    Format,
}

impl Prompts {
    pub async fn open(config: &Config) -> anyhow::Result<Prompts> {
        std::fs::create_dir_all(&config.objects)
            .with_context(|| format!("cannot create {}", config.objects))?;
        let store = Arc::new(LocalFileSystem::new_with_prefix(&config.objects)?);
        let mut prompts = Prompts {
            store,
            speech: Speech::new(config),
            known: Mutex::default(),
            upload_max: config.upload_max,
            music: String::new(),
        };
        let music = music::wav();
        prompts.music = hash(&music);
        prompts.put(&prompts.music.clone(), music).await?;
        Ok(prompts)
    }

    /// Stores an uploaded WAV file; gives its hash and length.
    pub async fn upload(&self, wav: Vec<u8>) -> anyhow::Result<(String, Millis)> {
        if wav.len() > self.upload_max {
            return Err(Unfit::TooLarge(self.upload_max).into());
        }
        let duration = duration(&wav)?;
        let hash = hash(&wav);
        self.put(&hash, wav).await?;
        Ok((hash, duration))
    }

    /// Speaks a text, once: the same text again is found in the store.
    pub async fn speak(&self, text: &str, language: &str) -> anyhow::Result<String> {
        let name = hash(format!("{} {text}", self.speech.voice(language)).as_bytes());
        if self.exists(&name).await {
            return Ok(name);
        }
        let wav = self.speech.speak(text, language).await?;
        self.put(&name, wav).await?;
        Ok(name)
    }

    /// Speaks what holds one caller's values: kept for [`FILLED_FOR`].
    async fn speak_once(&self, text: &str, language: &str) -> anyhow::Result<String> {
        let name = format!("{FILLED}{}", hash(format!("{} {text}", self.speech.voice(language)).as_bytes()));
        if self.store.head(&path(&name)).await.is_err() {
            let wav = self.speech.speak(text, language).await?;
            self.store.put(&path(&name), wav.into()).await.context("the object store")?;
        }
        Ok(name)
    }

    /// Deletes what was spoken for one caller and is older than `before`.
    async fn forget_filled(&self, before: Timestamp) -> anyhow::Result<()> {
        let mut files = self.store.list(Some(&Path::from("prompts")));
        while let Some(file) = files.next().await.transpose()? {
            let filled = file.location.filename().is_some_and(|name| name.starts_with(FILLED));
            if filled && file.last_modified.timestamp_millis() < before.millis() {
                self.store.delete(&file.location).await?;
            }
        }
        Ok(())
    }

    /// Length of a stored file.
    pub async fn duration(&self, hash: &str) -> anyhow::Result<Millis> {
        let wav = self.store.get(&path(hash)).await?.bytes().await?;
        Ok(duration(&wav)?)
    }

    /// The files for what a node says. What cannot be had is left out and
    /// logged: a caller is never lost for a prompt.
    pub async fn files(&self, flows: &Flows, tenant: &TenantId, language: &str, say: &[Say]) -> Vec<String> {
        let mut files = Vec::with_capacity(say.len());
        for part in say {
            let file = match part {
                Say::Text(text) => self.speak(text, language).await,
                Say::Filled(text) => self.speak_once(text, language).await,
                Say::Prompt(id) => flows.prompt(tenant, id).with_context(|| format!("no prompt {id}")),
            };
            match file {
                Ok(file) => files.push(file),
                Err(error) => tracing::error!(%tenant, %error, "a prompt is missing"),
            }
        }
        files
    }

    async fn exists(&self, hash: &str) -> bool {
        if self.known.lock().expect("no panic while the lock is held").contains(hash) {
            return true;
        }
        let found = self.store.head(&path(hash)).await.is_ok();
        if found {
            self.remember(hash);
        }
        found
    }

    async fn put(&self, hash: &str, wav: Vec<u8>) -> anyhow::Result<()> {
        self.store.put(&path(hash), wav.into()).await.context("the object store")?;
        self.remember(hash);
        Ok(())
    }

    fn remember(&self, hash: &str) {
        let mut known = self.known.lock().expect("no panic while the lock is held");
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(hash.to_owned());
    }
}

/// Deletes what was spoken for one caller, some time after.
pub async fn sweep(prompts: Arc<Prompts>, drain: Drain) {
    let mut round = tokio::time::interval(SWEPT_EVERY);
    while drain.or(round.tick()).await.is_some() {
        let before = Timestamp::from_millis(clock::now().millis() - FILLED_FOR);
        if let Err(error) = prompts.forget_filled(before).await {
            tracing::warn!(%error, "what was spoken for one caller cannot be deleted");
        }
    }
}

/// Speaks new texts as soon as they are saved, before a caller waits for them.
pub async fn speak_ahead(prompts: Arc<Prompts>, flows: Arc<Flows>, drain: Drain) {
    let mut changes = flows.changes();
    loop {
        for (language, text) in flows.texts() {
            if drain.draining() {
                return;
            }
            if let Err(error) = prompts.speak(&text, &language).await {
                tracing::error!(%error, "a text cannot be spoken");
            }
        }
        if drain.or(changes.changed()).await.is_none_or(|changed| changed.is_err()) {
            return;
        }
    }
}

fn path(hash: &str) -> Path {
    Path::from(format!("prompts/{hash}.wav"))
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn duration(wav: &[u8]) -> Result<Millis, Unfit> {
    let reader = hound::WavReader::new(Cursor::new(wav)).map_err(Unfit::NotWav)?;
    let spec = reader.spec();
    let pcm = spec.bits_per_sample == 16 && spec.sample_format == hound::SampleFormat::Int;
    let fits = pcm && (1..=2).contains(&spec.channels) && (8_000..=48_000).contains(&spec.sample_rate);
    if !fits || reader.duration() == 0 {
        return Err(Unfit::Format);
    }
    Ok(Millis::from(reader.duration()) * 1_000 / Millis::from(spec.sample_rate))
}
