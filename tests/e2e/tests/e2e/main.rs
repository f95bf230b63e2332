//! A platform, companies that sign up, callers and agents. Every story about a
//! call proves audio in both directions by tones.

mod abandoned;
mod alerts;
mod browser;
mod browser_phones;
mod callbacks;
mod carriers;
mod command_line;
mod company;
mod departments;
mod desk_phones;
mod desks;
mod figures;
mod fleet;
mod floor;
mod live_stream;
mod loans;
mod menus;
mod monitor;
mod overflow;
mod peers;
mod phone_agents;
mod pickups;
mod platform;
mod proxy;
mod recordings;
mod scanners;
mod self_service;
mod separate;
mod skills;
mod takeover;
mod tls;
mod topics;
mod transfers;
mod wallboards;
mod watch;

use softphone::{Call, Phone, Sound};
use std::time::Duration;

/// How long a thing that should happen soon may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);
/// What callers say, in hertz.
pub const CALLER: f64 = 440.0;
/// What agents say, in hertz.
pub const AGENT: f64 = 620.0;

/// Whoever is called speaks in that tone and picks up.
pub async fn picks_up(phone: &Phone, hz: f64) -> Call {
    let ringing = phone.incoming(SOON).await.unwrap();
    ringing.say(Sound::Tone(hz));
    ringing.answer().await.unwrap()
}
