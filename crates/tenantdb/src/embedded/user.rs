//! PostgreSQL refuses to run as root: whom it runs as instead.

use crate::{Error, Result};
use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

/// Where a cluster goes when its user cannot reach the wanted folder.
const FALLBACK: &str = "/var/lib/trunkline";

/// The account that the server runs under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum User {
    /// Our own: we are not root.
    Own,
    Other {
        name: String,
        uid: u32,
        gid: u32,
    },
}

impl User {
    /// `postgres`, else `nobody`, when we are root.
    pub fn choose() -> Result<User> {
        if fs::metadata("/proc/self").map(|m| m.uid()).unwrap_or(1) != 0 {
            return Ok(User::Own);
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"].iter().find_map(|name| account(&accounts, name)).ok_or_else(|| {
            Error::Embedded(
                "root may not run PostgreSQL and there is neither a user postgres nor nobody".into(),
            )
        })
    }

    /// A program under this account, in a process group of its own (a Ctrl-C
    /// in our terminal is ours to answer), without our environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_MESSAGES", "C")
            .current_dir("/")
            .process_group(0);
        if let User::Other { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }

    pub fn give(&self, path: &Path) -> Result<()> {
        let User::Other { uid, gid, .. } = self else {
            return Ok(());
        };
        chown(path, Some(*uid), Some(*gid)).map_err(|source| Error::Io {
            what: format!("give {} to the user of PostgreSQL", path.display()),
            source,
        })
    }

    /// `wanted`, or a folder under `/var/lib/trunkline` named after it where this
    /// account may not enter (such as below `/root`).
    pub fn reachable(&self, wanted: PathBuf) -> PathBuf {
        let enters = self.command("test").arg("-x").arg(&wanted).status().is_ok_and(|s| s.success());
        if enters {
            return wanted;
        }
        let name = wanted.to_string_lossy().trim_matches('/').replace('/', "-");
        Path::new(FALLBACK).join(name)
    }
}

fn account(passwd: &str, name: &str) -> Option<User> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some(User::Other {
        name: name.to_owned(),
        uid: fields.next()?.parse().ok()?,
        gid: fields.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd = "postgresql:x:7:8::/:/bin/sh\npostgres:x:101:104:,,,:/var:/bin/bash\n";
        let expected = User::Other { name: "postgres".into(), uid: 101, gid: 104 };
        assert_eq!(account(passwd, "postgres"), Some(expected));
        assert_eq!(account(passwd, "nobody"), None);
    }
}
