//! A server of an earlier run that was killed before it could stop its own.
//! We hold the folder's lock here, so whoever still serves it is a leftover.

use super::{Binaries, User};
use crate::{Error, Result};
use std::{fs, path::Path};

/// Stops a server that still runs in `data`; removes a lock file that names a
/// process which is no server of ours (the number was used again).
pub(super) fn stop(user: &User, binaries: &Binaries, data: &Path) -> Result<()> {
    let lock_file = data.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&lock_file) else {
        return Ok(());
    };
    if text.lines().next().is_some_and(|pid| serves(pid, data)) {
        tracing::info!(data = %data.display(), "stopping a PostgreSQL left over from an earlier run");
        return pg_ctl_stop(user, binaries, data, "--wait");
    }
    fs::remove_file(&lock_file)
        .map_err(|source| Error::Io { what: format!("remove {}", lock_file.display()), source })
}

/// A postmaster's working directory is its data folder.
fn serves(pid: &str, data: &Path) -> bool {
    let cwd = fs::read_link(format!("/proc/{}/cwd", pid.trim())).ok();
    let data = data.canonicalize().ok();
    cwd.is_some() && cwd == data
}

/// Fast: transactions under way are rolled back, the log is written out.
/// `wait` is `--wait`, or `--no-wait` for a child of ours, which we wait for ourselves.
pub(super) fn pg_ctl_stop(user: &User, binaries: &Binaries, data: &Path, wait: &str) -> Result<()> {
    let output = user
        .command(binaries.program("pg_ctl"))
        .args(["stop", "--mode", "fast", "--timeout", "30", "--silent", wait])
        .arg("--pgdata")
        .arg(data)
        .output()
        .map_err(|source| Error::Io { what: "run pg_ctl".into(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Embedded(format!("pg_ctl stop: {}", said.trim())))
}
