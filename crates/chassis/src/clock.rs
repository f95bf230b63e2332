//! The one place that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};
use types::Timestamp;

/// Milliseconds since 1970, UTC.
#[expect(clippy::disallowed_methods, reason = "time enters here and is an argument everywhere else")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(since.as_millis() as i64)
}
