//! The one place that draws randomness.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng;

/// 128 bits, for ids.
pub fn u128() -> u128 {
    rand::rng().random()
}

/// 32 bytes, for keys.
pub fn key() -> [u8; 32] {
    rand::rng().random()
}

/// 256 bits as base64url, for session cookies and links.
pub fn token() -> String {
    URL_SAFE_NO_PAD.encode(key())
}
