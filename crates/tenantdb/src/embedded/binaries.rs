//! Where PostgreSQL's programs are on this machine.

use crate::{Error, Result};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Debian's place; every major version has a folder.
const DEBIAN: &str = "/usr/lib/postgresql";
const OLDEST: u32 = 13;

/// A folder with `initdb`, `postgres` and `pg_ctl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub folder: PathBuf,
    pub major: u32,
}

impl Binaries {
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The binaries of version `major` where a cluster exists already, else the
/// first on PATH, else Debian's newest.
pub(super) fn find(major: Option<u32>) -> Result<Binaries> {
    let all: Vec<Binaries> = candidates().filter_map(|f| inspect(&f)).collect();
    let fits = |b: &&Binaries| major.is_none_or(|m| b.major == m) && b.major >= OLDEST;
    match (all.iter().find(fits), major) {
        (Some(found), _) => Ok(found.clone()),
        (None, Some(major)) => Err(Error::Embedded(format!(
            "the data folder was made by PostgreSQL {major}, which is not installed: \
             apt-get install postgresql-{major}, or set DATABASE_URL"
        ))),
        (None, None) => Err(Error::Embedded(format!(
            "PostgreSQL {OLDEST} or newer is neither on PATH nor under {DEBIAN}: \
             apt-get install postgresql, or set DATABASE_URL"
        ))),
    }
}

fn candidates() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path)
        .filter_map(|folder| folder.join("initdb").canonicalize().ok())
        .filter_map(|program| program.parent().map(Path::to_owned))
        .collect();
    let mut debian: Vec<(u32, PathBuf)> = std::fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    debian.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    on_path.into_iter().chain(debian.into_iter().map(|d| d.1))
}

/// `None` where something is missing: Debian's client package has only `psql`.
fn inspect(folder: &Path) -> Option<Binaries> {
    let complete = ["initdb", "postgres", "pg_ctl"].iter().all(|name| folder.join(name).is_file());
    if !complete {
        return None;
    }
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    Some(Binaries { folder: folder.to_owned(), major: major(&String::from_utf8_lossy(&output.stdout))? })
}

/// 15 of `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major(text: &str) -> Option<u32> {
    let version = text.split_once("(PostgreSQL) ")?.1;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("psql: no"), None);
    }

    #[test]
    fn a_version_that_is_not_there_is_named_with_the_way_to_get_it() {
        let error = find(Some(7)).unwrap_err().to_string();
        assert!(error.contains("PostgreSQL 7") && error.contains("apt-get install"), "{error}");
    }
}
