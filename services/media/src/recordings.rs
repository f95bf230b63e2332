//! The recordings of a session, on their way to the spool.

use std::time::Duration;

use proto::media::v1::Record;
use rtp::{
    Law, Packet,
    recorder::{Channel, Recorder, Segment},
};

use crate::{
    error::{Error, Result},
    io::Io,
    session::EXTRAS_MAX,
    spool::{Item, Meta},
};

/// What is recorded, by the edge's names.
#[derive(Default)]
pub struct Recordings(Vec<Recording>);

struct Recording {
    meta: Meta,
    left: String,
    right: Vec<String>,
    recorder: Recorder,
}

impl Recordings {
    /// Begins a recording; asked again with other legs, it goes on with those.
    pub fn begin(&mut self, now: Duration, record: Record, session: &str, law: Law) -> Result<()> {
        let mut right = record.also_right;
        right.push(record.right);
        if let Some(known) = self.0.iter_mut().find(|r| r.meta.recording == record.recording) {
            (known.left, known.right) = (record.left, right);
            return Ok(());
        }
        if self.0.len() >= EXTRAS_MAX {
            return Err(Error::Exhausted("recordings at once"));
        }
        let at_ms = chassis::clock::now().millis();
        let started_at_ms = if record.began_ms > 0 { record.began_ms } else { at_ms };
        let elapsed = Duration::from_millis((at_ms - started_at_ms).max(0) as u64);
        let (recording, tenant, call) = (record.recording, record.tenant, session.to_owned());
        let meta = Meta { tenant, recording, call, started_at_ms };
        let recorder = match record.began_ms {
            0 => Recorder::new(now, law),
            _ => {
                tracing::warn!(recording = meta.recording, ?elapsed, "a recording goes on with a hole");
                metrics::counter!("media_recordings_resumed_total").increment(1);
                Recorder::resumed(now, law, elapsed)
            }
        };
        self.0.push(Recording { meta, left: record.left, right, recorder });
        Ok(())
    }

    /// Takes what a leg said.
    pub fn hear(&mut self, now: Duration, leg: &str, packet: &Packet<'_>, law: Law) {
        for recording in &mut self.0 {
            let channel = match leg {
                leg if leg == recording.left => Channel::Left,
                leg if recording.right.iter().any(|right| right == leg) => Channel::Right,
                _ => continue,
            };
            recording.recorder.record(now, channel, (packet.ssrc, packet.timestamp), law, packet.payload);
        }
    }

    /// Spools what is complete.
    pub fn tick(&mut self, now: Duration, io: &mut Io) {
        for recording in &mut self.0 {
            if let Some(segment) = recording.recorder.cut(now) {
                spool(&recording.meta, segment, false, io);
            }
        }
    }

    /// Ends a recording; unknown ones are left alone.
    pub fn stop(&mut self, now: Duration, id: &str, io: &mut Io) {
        if let Some(at) = self.0.iter().position(|r| r.meta.recording == id) {
            finish(self.0.remove(at), now, io);
        }
    }

    pub fn stop_all(&mut self, now: Duration, io: &mut Io) {
        self.0.drain(..).for_each(|recording| finish(recording, now, io));
    }
}

fn finish(recording: Recording, now: Duration, io: &mut Io) {
    let number = recording.recorder.next_number();
    let mut segments = recording.recorder.finish(now);
    if segments.is_empty() {
        segments.push(Segment { number, start: 0, law: Law::A, octets: Vec::new() });
    }
    let last = segments.len() - 1;
    for (n, segment) in segments.into_iter().enumerate() {
        spool(&recording.meta, segment, n == last, io);
    }
}

/// A full spool costs audio, never the call.
fn spool(meta: &Meta, segment: Segment, last: bool, io: &mut Io) {
    if io.spool.try_send(Item { meta: meta.clone(), segment, last }).is_err() {
        metrics::counter!("media_segments_dropped_total").increment(1);
        tracing::error!(recording = meta.recording, "recorded segment dropped: the spool is behind");
    }
}
