use serde::Deserialize;

/// `default.toml` explains the keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub lease_ms: i64,
    pub listen_ms: i64,
    pub positions_every_ms: u64,
}
