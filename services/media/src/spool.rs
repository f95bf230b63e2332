//! Recorded segments on the local disk until the recording service has them.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Receiver,
    },
};

use proto::recording::v1 as pb;
use rtp::{Law, recorder::Segment};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// The number of an empty segment that closes a recording after a crash: none that a
/// recording comes to.
const CLOSING: u32 = i32::MAX as u32;
/// Segments between the loops and the disk at most.
pub const WAITING_MAX: usize = 1024;

/// Which recording a segment is of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Meta {
    pub tenant: String,
    pub recording: String,
    pub call: String,
    pub started_at_ms: i64,
}

/// What the loops hand over.
pub struct Item {
    pub meta: Meta,
    pub segment: Segment,
    pub last: bool,
}

/// First line of a segment's file; G.711 octets follow, left and right by turns.
#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(flatten)]
    meta: Meta,
    number: u32,
    law: u8,
    last: bool,
}

/// The folder.
#[derive(Clone)]
pub struct Spool {
    folder: PathBuf,
    bytes: Arc<AtomicU64>,
    bytes_max: u64,
    /// Rung when a segment has been written.
    pub written: Arc<Notify>,
}

impl Spool {
    /// Opens the folder and closes the recordings that a crash left open.
    pub fn open(folder: PathBuf, max_mb: u64) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let bytes = Arc::default();
        let spool = Self { folder, bytes, bytes_max: max_mb << 20, written: Arc::default() };
        let waiting = spool.waiting()?;
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |m| m.len());
        spool.bytes.store(waiting.iter().map(size).sum(), Ordering::Relaxed);
        spool.close_abandoned()?;
        Ok(spool)
    }

    /// Writes what the loops hand over until they are gone.
    pub fn run(self, items: Receiver<Item>) {
        for item in items {
            if let Err(error) = self.write(&item) {
                metrics::counter!("media_segments_dropped_total").increment(1);
                tracing::error!(recording = item.meta.recording, %error, "recorded segment lost");
            }
        }
    }

    fn write(&self, item: &Item) -> io::Result<()> {
        let number = item.segment.number;
        let law = item.segment.law.payload_type();
        let header = Header { meta: item.meta.clone(), number, law, last: item.last };
        let mut bytes = serde_json::to_vec(&header)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&item.segment.octets);
        if self.bytes.load(Ordering::Relaxed) + bytes.len() as u64 > self.bytes_max {
            return Err(io::Error::other("the spool is full"));
        }
        let open = self.folder.join(format!("{}.open", item.meta.recording));
        if !item.last {
            write_whole(&open, &serde_json::to_vec(&Header { number: number + 1, last: true, ..header })?)?;
        }
        write_whole(&self.folder.join(format!("{}.{number:08}.segment", item.meta.recording)), &bytes)?;
        if item.last {
            remove(&open)?;
        }
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.written.notify_one();
        Ok(())
    }

    /// A recording that was under way when the process died ends with what it has.
    fn close_abandoned(&self) -> io::Result<()> {
        for path in self.files("open")? {
            let Ok(header) = serde_json::from_slice::<Header>(&fs::read(&path)?) else {
                remove(&path)?;
                continue;
            };
            tracing::warn!(recording = header.meta.recording, "closing a recording that a crash left open");
            // Should it go on elsewhere, or here, every number of its own is taken.
            let segment = Segment { number: CLOSING, start: 0, law: Law::A, octets: Vec::new() };
            self.write(&Item { meta: header.meta, segment, last: true })?;
        }
        Ok(())
    }

    /// The segments that wait, those of a recording in order.
    pub fn waiting(&self) -> io::Result<Vec<PathBuf>> {
        self.files("segment")
    }

    fn files(&self, extension: &str) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// A waiting segment as the recording service takes it.
    pub fn read(&self, path: &Path) -> io::Result<pb::Segment> {
        let bytes = fs::read(path)?;
        let end = bytes.iter().position(|b| *b == b'\n').ok_or(io::ErrorKind::InvalidData)?;
        let header: Header = serde_json::from_slice(&bytes[..end])?;
        let law = if header.law == Law::A.payload_type() { Law::A } else { Law::Mu };
        let audio: Vec<u8> = bytes[end + 1..].iter().flat_map(|o| law.decode(*o).to_le_bytes()).collect();
        Ok(pb::Segment {
            tenant: header.meta.tenant,
            recording: header.meta.recording,
            call: header.meta.call,
            number: header.number,
            started_at_ms: header.meta.started_at_ms,
            audio: audio.into(),
            last: header.last,
        })
    }

    /// The recording service has it.
    pub fn acknowledge(&self, stored: &pb::Stored) -> io::Result<()> {
        let path = self.folder.join(format!("{}.{:08}.segment", stored.recording, stored.number));
        let length = fs::metadata(&path).map_or(0, |m| m.len());
        remove(&path)?;
        self.bytes.fetch_sub(length, Ordering::Relaxed);
        Ok(())
    }

    /// Puts aside what cannot be read, so that it does not stop the others.
    pub fn put_aside(&self, path: &Path) -> io::Result<()> {
        fs::rename(path, path.with_extension("unreadable"))
    }
}

/// All or nothing: a crash leaves no half file behind.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = fs::File::create(&part)?;
    file.write_all(bytes)?;
    fs::rename(part, path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: u32, last: bool) -> Item {
        let meta = Meta { tenant: "t".into(), recording: "rec_1".into(), call: "c".into(), started_at_ms: 5 };
        let octets = vec![Law::A.encode(1000); 4];
        Item { meta, segment: Segment { number, start: 0, law: Law::A, octets }, last }
    }

    #[test]
    fn a_segment_is_there_until_it_is_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().into(), 1).unwrap();
        spool.write(&item(0, false)).unwrap();
        spool.write(&item(1, true)).unwrap();
        let waiting = spool.waiting().unwrap();
        let first = spool.read(&waiting[0]).unwrap();
        assert_eq!((first.number, first.last, first.audio.len(), waiting.len()), (0, false, 8, 2));
        assert!((i16::from_le_bytes([first.audio[0], first.audio[1]]) - 1000).abs() < 40);
        for number in 0..2 {
            spool.acknowledge(&pb::Stored { recording: "rec_1".into(), number }).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_recording_cut_by_a_crash_is_closed_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        Spool::open(folder.path().into(), 1).unwrap().write(&item(0, false)).unwrap();
        let spool = Spool::open(folder.path().into(), 1).unwrap();
        let waiting = spool.waiting().unwrap();
        let last = spool.read(&waiting[1]).unwrap();
        assert_eq!((last.number, last.last, last.audio.len()), (CLOSING, true, 0));
        assert_eq!(spool.files("open").unwrap().len(), 0);
    }

    #[test]
    fn a_full_spool_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().into(), 0).unwrap();
        assert!(spool.write(&item(0, false)).is_err());
    }
}
