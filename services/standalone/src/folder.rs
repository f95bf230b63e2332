//! The data folder: one process at a time.

use anyhow::{Context, bail};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

/// A folder that is ours while this value lives.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    pub fn open(path: &Path) -> anyhow::Result<Folder> {
        fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
        let path = path.canonicalize()?;
        let lock = File::create(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "{} is in use by another trunkline; give this one --data ANOTHER_FOLDER",
                    path.display()
                )
            }
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock the data folder"),
        }
    }

    /// A part of the folder, made when missing.
    pub fn part(&self, name: &str) -> anyhow::Result<PathBuf> {
        let part = self.path.join(name);
        fs::create_dir_all(&part).with_context(|| format!("cannot create {}", part.display()))?;
        Ok(part)
    }
}
