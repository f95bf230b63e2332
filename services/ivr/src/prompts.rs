//! Audio files in the object store, named by their hash.

use crate::{Config, flows::Flows, music, speech::Speech, turns::Turns};
use anyhow::Context;
use chassis::{Drain, clock};
use flow::Say;
use futures::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    io::Cursor,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{self, Instant};
use types::{Millis, TenantId, Timestamp};

/// Hashes remembered to be there; beyond that the store is asked again.
const KNOWN_MAX: usize = 100_000;
/// How names of files begin that hold one caller's values, such as a balance.
const FILLED: &str = "filled";
/// They are kept so long, for those who play them right now.
const FILLED_FOR: Millis = 3_600_000;
const SWEPT_EVERY: Duration = Duration::from_secs(600);
/// What is not spoken by then is left out of one answer: telephony waits 5 s for it.
const SPOKEN_WITHIN: Duration = Duration::from_secs(3);
/// Texts of one company that are spoken at a time.
const SPOKEN_EACH: usize = 1;

pub struct Prompts {
    store: Arc<dyn ObjectStore>,
    speech: Speech,
    turns: Turns,
    known: Mutex<HashSet<String>>,
    upload_max: usize,
    /// The built-in music on hold.
    pub music: String,
    /// The tone after which a caller speaks.
    pub tone: String,
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
        let mut prompts = Prompts {
            store: chassis::objects::open(&config.objects)?,
            speech: Speech::new(config),
            turns: Turns::new(SPOKEN_EACH),
            known: Mutex::default(),
            upload_max: config.upload_max,
            music: String::new(),
            tone: String::new(),
        };
        let music = music::wav();
        prompts.music = hash(&music);
        prompts.put(&prompts.music.clone(), music).await?;
        let tone = music::tone();
        prompts.tone = hash(&tone);
        prompts.put(&prompts.tone.clone(), tone).await?;
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

    /// The file of a text that was spoken before.
    async fn spoken(&self, text: &str, language: &str) -> Option<String> {
        let name = self.name(text, language);
        self.exists(&name).await.then_some(name)
    }

    /// What a text's file is named by.
    fn name(&self, text: &str, language: &str) -> String {
        hash(format!("{} {text}", self.speech.voice(language)).as_bytes())
    }

    /// Speaks a text, once: the same text again is found in the store.
    pub async fn speak(&self, text: &str, language: &str) -> anyhow::Result<String> {
        if let Some(found) = self.spoken(text, language).await {
            return Ok(found);
        }
        let name = self.name(text, language);
        let wav = self.speech.speak(text, language).await?;
        self.put(&name, wav).await?;
        Ok(name)
    }

    /// Speaks what holds one caller's values: kept for [`FILLED_FOR`], and again
    /// when half of that is over.
    async fn speak_once(&self, text: &str, language: &str) -> anyhow::Result<String> {
        let name = format!("{FILLED}{}", self.name(text, language));
        let young = clock::now().millis() - FILLED_FOR / 2;
        let found = self.store.head(&path(&name)).await;
        if !found.is_ok_and(|file| file.last_modified.timestamp_millis() > young) {
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

/// What one answer to a call says, in the words of one company.
pub struct Words<'a> {
    prompts: &'a Prompts,
    flows: &'a Flows,
    pub tenant: &'a TenantId,
    language: &'a str,
    until: Instant,
}

impl<'a> Words<'a> {
    pub fn new(prompts: &'a Prompts, flows: &'a Flows, tenant: &'a TenantId, language: &'a str) -> Words<'a> {
        Words { prompts, flows, tenant, language, until: Instant::now() + SPOKEN_WITHIN }
    }

    /// The files for what a node says. What cannot be had in time is left out and
    /// logged: a caller is never lost for a prompt.
    pub async fn files(&self, say: &[Say]) -> Vec<String> {
        let mut files = Vec::with_capacity(say.len());
        for part in say {
            let file = time::timeout_at(self.until, self.file(part)).await;
            match file.context("it was not spoken in time").flatten() {
                Ok(file) => files.push(file),
                Err(error) => {
                    tracing::error!(tenant = %self.tenant, error = format!("{error:#}"), "a prompt is missing")
                }
            }
        }
        files
    }

    async fn file(&self, say: &Say) -> anyhow::Result<String> {
        let prompts = self.prompts;
        match say {
            Say::Prompt(id) => self.flows.prompt(self.tenant, id).with_context(|| format!("no prompt {id}")),
            Say::Text(text) => match prompts.spoken(text, self.language).await {
                Some(file) => Ok(file),
                None => {
                    let turns = prompts.turns.of(self.tenant);
                    let _turn = turns.acquire().await?;
                    prompts.speak(text, self.language).await
                }
            },
            Say::Filled(text) => {
                let turns = prompts.turns.of(self.tenant);
                let _turn = turns.acquire().await?;
                prompts.speak_once(text, self.language).await
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use eventlog::{ConfigView, Log};
    use std::os::unix::fs::PermissionsExt;

    /// Prompts whose speech engine is this script of the shell.
    async fn spoken_by(script: &str) -> (tempfile::TempDir, Prompts) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("engine");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut config: Config = chassis::config::read("ivr", crate::DEFAULTS, Default::default()).unwrap();
        config.objects = folder.path().join("objects").display().to_string();
        config.speech_program = program.display().to_string();
        config.speech_timeout_ms = 600_000;
        let prompts = Prompts::open(&config).await.unwrap();
        (folder, prompts)
    }

    fn flows(folder: &tempfile::TempDir) -> Flows {
        let log = Log::open(&folder.path().join("journal")).unwrap();
        Flows::new(ConfigView::follow(&log).unwrap())
    }

    fn company(n: u128) -> TenantId {
        TenantId::new(Timestamp::from_millis(0), n)
    }

    /// An engine that hangs at the word "slow".
    const HANGS: &str = r#"text=$(cat); case "$text" in *slow*) exec sleep 600;; esac
        head -c 400 /dev/zero"#;

    #[tokio::test]
    async fn what_is_not_spoken_in_time_is_left_out_and_holds_up_no_other_company() {
        let (folder, prompts) = spoken_by(HANGS).await;
        let flows = flows(&folder);
        let (slow, other) = (company(1), company(2));
        let filled = |text: &str| Say::Filled(text.to_owned());
        let busy = [filled("slow one"), filled("slow two"), filled("slow three")];
        let words = || Words::new(&prompts, &flows, &slow, "en");
        let others = Words::new(&prompts, &flows, &other, "en");
        let held_up = futures::future::join_all(busy.iter().map(|say| {
            let words = words();
            async move { words.files(std::slice::from_ref(say)).await }
        }));
        let said = [filled("quick"), Say::Text("fixed".to_owned())];
        let (none, both) = tokio::join!(held_up, others.files(&said));
        assert!(none.iter().all(Vec::is_empty));
        assert_eq!(both.len(), 2);
        let again = words().files(&said[1..]).await;
        assert_eq!(again, both[1..], "what is there needs no turn");
    }
}
