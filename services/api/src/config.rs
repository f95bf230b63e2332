use serde::Deserialize;

/// See `default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub listen: String,
    pub certificate_file: String,
    pub private_key_file: String,
    pub tls: Tls,
    pub host_names: Vec<String>,
    pub objects: String,
    pub advertise: String,
    pub desk_away_ms: u64,
    pub desk_parked_ms: u64,
    pub desk_looked_at_ms: u64,
    pub by_token_max_ms: u64,
    pub requests_per_minute: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    Auto,
    Off,
}
