use serde::Deserialize;

/// See `default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub database_url: String,
    pub master_key_file: String,
    pub public_url: String,
    pub smtp_url: String,
    pub mail_from: String,
    pub session_days: i64,
    pub hashes_at_once: usize,
    pub webhook_private_addresses: bool,
    pub webhook_timeout_ms: u64,
    pub webhook_retry_ms: i64,
    pub webhook_failing_ms: i64,
}
