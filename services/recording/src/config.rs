//! The configuration; `default.toml` documents it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One struct for the whole service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub database_url: String,
    pub master_key_file: String,
    pub objects: String,
}

impl Config {
    /// Where the master key is.
    pub fn master_key(&self, folder: &Path) -> PathBuf {
        match self.master_key_file.as_str() {
            "" => folder.join("master.key"),
            file => file.into(),
        }
    }
}
