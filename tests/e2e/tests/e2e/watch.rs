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
    pub fn begin(stream: Response) -> Watch {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let to = seen.clone();
        let reading = tokio::spawn(async move {
            let mut events = Events::of(stream);
            let mut live = Value::Null;
            while let Some(event) = events.next().await {
                event.fold(&mut live);
                to.lock().expect("no panic").push((now_ms() as i64, live.clone()));
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

/// One event of the live view.
#[derive(Debug, Clone)]
pub struct LiveEvent {
    pub id: String,
    /// `live` or `delta`.
    pub name: String,
    pub data: Value,
}

impl LiveEvent {
    /// The view after it.
    pub fn fold(&self, live: &mut Value) {
        if self.name == "live" {
            *live = self.data.clone();
            return;
        }
        for (rows, gone, id) in [
            ("calls", "gone_calls", "call"),
            ("agents", "gone_agents", "agent"),
            ("queues", "gone_queues", "queue"),
        ] {
            let empty = Vec::new();
            let (new, gone) = (self.data[rows].as_array().unwrap_or(&empty), self.data[gone].as_array());
            let left = |row: &Value| gone.is_some_and(|gone| gone.contains(&row[id]));
            let kept = live[rows].as_array_mut().expect("rows");
            kept.retain(|row| !left(row) && !new.iter().any(|one| one[id] == row[id]));
            kept.extend(new.iter().cloned());
        }
        (live["sequence"], live["at_ms"]) = (self.data["sequence"].clone(), self.data["at_ms"].clone());
    }
}

/// Server-sent events, one by one.
pub struct Events {
    stream: Response,
    text: String,
}

impl Events {
    pub fn of(stream: Response) -> Events {
        Events { stream, text: String::new() }
    }

    /// `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<LiveEvent> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
                };
                let data = field("data").and_then(|data| serde_json::from_str(&data).ok());
                let found = Some((field("id"), field("event"), data));
                self.text = rest.to_owned();
                if let Some((Some(id), Some(name), Some(data))) = found {
                    return Some(LiveEvent { id, name, data });
                }
            }
            let chunk = self.stream.chunk().await.ok()??;
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
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
