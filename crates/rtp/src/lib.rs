//! Media without sockets: packets, G.711, DTMF, mixer, tones, recorder.
//!
//! Everything here is a function of its arguments: time comes in as a
//! [`Duration`](std::time::Duration) since an origin that the caller chose, and
//! packets leave as return values.

pub mod dtmf;
pub mod g711;
pub mod goertzel;
pub mod jitter;
pub mod latch;
pub mod mixer;
pub mod outbound;
pub mod packet;
pub mod playout;
pub mod quality;
pub mod receiver;
pub mod recorder;
pub mod rtcp;
pub mod tone;
pub mod wav;

pub use g711::Law;
pub use packet::{Packet, Sender};

/// Samples per second of telephone speech; also the RTP clock of G.711.
pub const RATE: u32 = 8_000;
/// Samples in one 20 ms frame.
pub const FRAME: usize = 160;
/// Length of a [`Frame`] in milliseconds.
pub const FRAME_MS: u64 = 20;

/// 20 ms of linear PCM at 8 kHz.
pub type Frame = [i16; FRAME];
/// A frame that nobody hears.
pub const SILENCE: Frame = [0; FRAME];

/// What malformed input is answered with; never a panic.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("malformed rtp packet: {0}")]
    Packet(#[from] rtp_types::RtpParseError),
    #[error("malformed rtcp packet: {0}")]
    Rtcp(&'static str),
    #[error("malformed telephone-event: {0}")]
    TelephoneEvent(&'static str),
    #[error("not a usable wav file: {0}")]
    Wav(String),
}

/// Samples of 8 kHz audio in `time`, rounded down.
pub fn samples_in(time: std::time::Duration) -> u64 {
    (time.as_nanos() * u128::from(RATE) / 1_000_000_000) as u64
}
