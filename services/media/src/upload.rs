//! Sends spooled segments to the recording service and deletes what it has.

use std::{collections::HashSet, path::PathBuf, time::Duration};

use chassis::grpc::Channel;
use proto::recording::v1::{self as pb, recording_client::RecordingClient};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::spool::Spool;

/// Segments sent and not yet acknowledged at most.
const IN_FLIGHT_MAX: usize = 32;
const RETRY: Duration = Duration::from_secs(1);
/// The folder is looked at this often even when nothing rings.
const LOOK: Duration = Duration::from_secs(2);
/// A segment holds 320 kB of PCM; some room for the rest.
const MESSAGE_MAX: usize = 4 << 20;

/// Uploads for ever; calls never wait for it.
pub async fn run(spool: Spool, channel: Channel) {
    let client = RecordingClient::new(channel).max_encoding_message_size(MESSAGE_MAX);
    loop {
        if let Err(error) = stream(&spool, client.clone()).await {
            tracing::warn!(%error, "recordings wait in the spool");
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// One Ingest stream, as long as it lasts.
async fn stream(spool: &Spool, mut client: RecordingClient<Channel>) -> anyhow::Result<()> {
    while spool.waiting()?.is_empty() {
        let _ = tokio::time::timeout(LOOK, spool.written.notified()).await;
    }
    let (segments, outgoing) = mpsc::channel(IN_FLIGHT_MAX);
    let mut stored = client.ingest(ReceiverStream::new(outgoing)).await?.into_inner();
    let mut sent = HashSet::new();
    loop {
        send_new(spool, &segments, &mut sent).await?;
        tokio::select! {
            answer = stored.message() => {
                let answer = answer?.ok_or_else(|| anyhow::anyhow!("the recording service ended the stream"))?;
                spool.acknowledge(&answer)?;
                sent.remove(&key(&answer.recording, answer.number));
            }
            () = spool.written.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn key(recording: &str, number: u32) -> String {
    format!("{recording}.{number:08}")
}

fn key_of(path: &PathBuf) -> Option<String> {
    Some(PathBuf::from(path).file_stem()?.to_str()?.to_owned())
}

async fn send_new(
    spool: &Spool,
    to: &mpsc::Sender<pb::Segment>,
    sent: &mut HashSet<String>,
) -> anyhow::Result<()> {
    for path in spool.waiting()? {
        if sent.len() >= IN_FLIGHT_MAX {
            return Ok(());
        }
        let Some(key) = key_of(&path).filter(|key| !sent.contains(key)) else { continue };
        match spool.read(&path) {
            Ok(segment) => {
                sent.insert(key);
                to.send(segment).await?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "unreadable segment put aside");
                spool.put_aside(&path)?;
            }
        }
    }
    Ok(())
}
