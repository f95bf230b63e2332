//! Text spoken by espeak-ng as a child process.

use crate::Config;
use anyhow::{Context, bail, ensure};
use std::{process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt, process::Command, sync::Semaphore, time};

pub struct Speech {
    program: String,
    rate: u32,
    timeout: Duration,
    turns: Semaphore,
}

impl Speech {
    pub fn new(config: &Config) -> Speech {
        Speech {
            program: config.speech_program.clone(),
            rate: config.speech_rate,
            timeout: Duration::from_millis(config.speech_timeout_ms),
            turns: Semaphore::new(config.speech_parallel.max(1)),
        }
    }

    /// What makes two recordings of one text differ.
    pub fn voice(&self, language: &str) -> String {
        format!("{} {} {language}", self.program, self.rate)
    }

    /// A WAV file. `language`: `en`, `ru` or `ro`.
    pub async fn speak(&self, text: &str, language: &str) -> anyhow::Result<Vec<u8>> {
        ensure!(["en", "ru", "ro"].contains(&language), "no voice for {language:?}");
        let _turn = self.turns.acquire().await?;
        let spoken = time::timeout(self.timeout, self.run(text, language)).await;
        spoken.context("the speech engine took too long")?
    }

    async fn run(&self, text: &str, language: &str) -> anyhow::Result<Vec<u8>> {
        // On standard input, so that no text is taken for an option.
        let mut child = Command::new(&self.program)
            .args(["-v", language, "-s", &self.rate.to_string(), "--stdin", "--stdout"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}; install it (Debian: espeak-ng)", self.program))?;
        let mut input = child.stdin.take().context("no standard input")?;
        input.write_all(text.as_bytes()).await?;
        drop(input);
        let output = child.wait_with_output().await?;
        if !output.status.success() || output.stdout.len() <= 44 {
            bail!("the speech engine failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(mended(output.stdout))
    }
}

/// espeak-ng writes to a pipe and cannot go back to fill in the lengths.
fn mended(mut wav: Vec<u8>) -> Vec<u8> {
    let length = wav.len() as u32;
    wav[4..8].copy_from_slice(&(length - 8).to_le_bytes());
    wav[40..44].copy_from_slice(&(length - 44).to_le_bytes());
    wav
}
