//! The live view as somebody who looks at it the whole time.

use crate::{SOON, company::now_ms};
use reqwest::Response;
use serde_json::Value;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::JoinHandle;

/// A snapshot and when it came, ms since 1970.
type Seen = (i64, Value);

pub struct Watch {
    seen: Arc<Mutex<Vec<Seen>>>,
    reading: JoinHandle<()>,
}

impl Watch {
    pub fn begin(mut stream: Response) -> Watch {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let to = seen.clone();
        let reading = tokio::spawn(async move {
            let mut text = String::new();
            while let Ok(Some(chunk)) = stream.chunk().await {
                text.push_str(&String::from_utf8_lossy(&chunk));
                while let Some((event, rest)) = text.split_once("\n\n") {
                    let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                    if let Some(live) = data.and_then(|data| serde_json::from_str(data.trim()).ok()) {
                        to.lock().expect("no panic").push((now_ms() as i64, live));
                    }
                    text = rest.to_owned();
                }
            }
        });
        Watch { seen, reading }
    }

    /// When the call from this number was first seen like that, and its row then.
    pub async fn first(&self, from: &str, wanted: impl Fn(&Value) -> bool) -> Seen {
        for _ in 0..600 {
            if let Some(found) = self.look(from, &wanted) {
                return found;
            }
            tokio::time::sleep(SOON / 600).await;
        }
        let seen = self.seen.lock().expect("no panic");
        panic!("{from} was never seen so; last: {:#}", seen.last().map_or(&Value::Null, |(_, live)| live));
    }

    fn look(&self, from: &str, wanted: impl Fn(&Value) -> bool) -> Option<Seen> {
        let seen = self.seen.lock().expect("no panic");
        seen.iter().find_map(|(at, live)| {
            let row = live["calls"].as_array()?.iter().find(|row| row["from"] == from)?;
            wanted(row).then(|| (*at, row.clone()))
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Polls until the softphone's ear or mouth did something, and tells when.
pub async fn moment<T, E: std::fmt::Debug>(what: impl Future<Output = Result<T, E>>) -> (i64, T) {
    let done = tokio::time::timeout(SOON + Duration::from_secs(5), what).await;
    let done = done.expect("it happens soon").expect("it happens");
    (now_ms() as i64, done)
}
