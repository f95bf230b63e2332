//! What stays of a conversation, and how.

use crate::{
    AGENT, CALLER, SOON,
    company::{Company, text},
    picks_up,
};
use rtp::goertzel::tone_level;
use serde_json::Value;
use sha2::{Digest, Sha256};
use softphone::Protocol;
use std::{collections::HashSet, fs, path::Path, time::Duration};

const FROM: &str = "+40215550001";
/// Of tone against tone, where there is one and where there is none.
const CLEAR: f64 = 10.0;
/// Bytes that nobody meets by chance.
const PIECE: usize = 16;

/// A complete recording as the API gives it.
pub struct Recording {
    item: Value,
    pcm: Vec<u8>,
}

impl Recording {
    pub async fn of(company: &Company, id: &str) -> Recording {
        let mut item = Value::Null;
        for _ in 0..300 {
            // A short one is listed when its only segment has come, not before.
            let list = company.get("/v1/recordings").await;
            let found = list["items"].as_array().into_iter().flatten().find(|item| item["id"] == id);
            item = found.cloned().unwrap_or_default();
            if item["complete"] == true {
                break;
            }
            tokio::time::sleep(SOON / 300).await;
        }
        let file = company.bytes(&format!("/v1/recordings/{id}/audio")).await;
        let mut reader = hound::WavReader::new(&file[..]).expect("a WAV file");
        let spec = reader.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 8_000, 16));
        let pcm =
            reader.samples().flat_map(|s: hound::Result<i16>| s.expect("a sample").to_le_bytes()).collect();
        Recording { item, pcm }
    }

    /// The caller on the left and the agent on the right, and neither on the other side.
    pub fn has_both_sides(&self) {
        let [left, right] = [0, 1].map(|side| channel(&self.pcm, side));
        assert!(level(&left, CALLER) > CLEAR * level(&left, AGENT), "the caller is on the left");
        assert!(level(&right, AGENT) > CLEAR * level(&right, CALLER), "the agent is on the right");
    }

    fn ms(&self) -> i64 {
        self.pcm.len() as i64 / 32
    }
}

/// One side of 16 bit stereo.
fn channel(pcm: &[u8], side: usize) -> Vec<i16> {
    let samples = pcm.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]]));
    samples.skip(side).step_by(2).collect()
}

/// On average: one click holds every frequency.
fn level(samples: &[i16], hz: f64) -> f64 {
    let pieces = samples.chunks_exact(800);
    let count = pieces.len().max(1) as f64;
    pieces.map(|piece| tone_level(piece, hz)).sum::<f64>() / count
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] })
        .collect()
}

/// Proves A157.
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_stereo_as_long_as_the_talk_sealed_on_disk_and_shows_damage() {
    let company = Company::sign_up().await;
    let number = company.queue_number(true).await;
    let ana = company.agent("ana").await;
    let call = company.call(&number, FROM, Protocol::Udp).await;
    let talk = picks_up(&ana.phone, AGENT).await;
    call.hear(AGENT, SOON).await.unwrap();
    talk.hear(CALLER, SOON).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    call.hang_up().await.unwrap();

    let row = company.history(FROM, |row| row["ended_at_ms"].as_i64().unwrap_or(0) > 0).await;
    let id = text(&row["recording"]);
    let recording = Recording::of(&company, &id).await;
    recording.has_both_sides();
    let talked = row["talk_ms"].as_i64().unwrap();
    assert!((recording.ms() - talked).abs() <= 100, "{} ms are recorded of {talked}", recording.ms());
    let checksum = hex::encode(Sha256::digest(&recording.pcm));
    assert_eq!(recording.item["sha256"], checksum.as_str(), "the checksum is that of the audio");

    let stored: Vec<_> = files(&company.at.data.join("objects/recordings"))
        .into_iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == id.as_str()))
        .collect();
    assert!(stored.len() > 1, "5 s a segment");
    let audio: HashSet<&[u8]> = recording.pcm.chunks_exact(PIECE).collect();
    for path in &stored {
        let sealed = fs::read(path).unwrap();
        assert!(!sealed.windows(PIECE).any(|piece| audio.contains(piece)), "plain audio on disk");
    }
    let mut bytes = fs::read(&stored[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&stored[0], bytes).unwrap();
    assert!(company.refused(&format!("/v1/recordings/{id}/audio")).await, "one bit is enough to be noticed");
}
