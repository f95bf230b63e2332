use serde::Deserialize;

/// `default.toml` explains the keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub objects: String,
    pub speech_program: String,
    pub speech_rate: u32,
    pub speech_timeout_ms: u64,
    pub speech_parallel: usize,
    pub upload_max: usize,
    pub private_networks: Vec<String>,
    pub dips_max: usize,
    pub answer_max: usize,
}
