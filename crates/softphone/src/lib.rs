//! A SIP and RTP user agent over real sockets.
//!
//! It is the product's built-in test caller and the phones of every test: it
//! registers, calls, answers, speaks a tone or a recording, presses keys, holds,
//! hangs up, and reports what it heard by measuring tones in what arrived.
//!
//! ```no_run
//! # async fn story() -> Result<(), softphone::Error> {
//! use std::time::Duration;
//! use softphone::{Config, Dial, Phone, Sound};
//!
//! let phone = Phone::bind(Config::default()).await?;
//! let call = phone.call(Dial::new("127.0.0.1:5060", "+36201234567")).await?;
//! call.say(Sound::Tone(440.0));
//! call.wait_answered(Duration::from_secs(5)).await?;
//! call.hear(620.0, Duration::from_secs(5)).await?;
//! call.press("1").await;
//! call.hang_up().await?;
//! # Ok(()) }
//! ```

mod call;
mod clock;
mod ear;
mod engine;
mod error;
mod line;
mod media;
mod mouth;
mod phone;

pub use call::{Call, Over, Phase, Provisional, Report};
pub use ear::Tone;
pub use error::Error;
pub use mouth::Sound;
pub use phone::{Config, Dial, Incoming, Phone, Registration};
pub use sip::{Credentials, Protocol, SessionTimes};
pub use sipnet::{Certificate, Verify};
