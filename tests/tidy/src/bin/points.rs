//! `points LOG…`: writes docs/points.md from what `cargo test` printed. In CI
//! it writes nothing and fails where the page says otherwise.
#![expect(clippy::print_stdout, reason = "a command line answers on its standard output")]

use anyhow::{Context, bail, ensure};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use tidy::points::{self, Proofs};

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut log = String::new();
    for path in std::env::args_os().skip(1) {
        log += &fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    let page = root.join("docs/points.md");
    let old = fs::read_to_string(&page)?;
    let new = points::page(&old, &proofs(&root, &log)?);
    if new == old {
        return Ok(());
    }
    if std::env::var_os("CI").is_some() {
        bail!(
            "docs/points.md differs from the tests that ran: run make test and commit it. It should be:\n{new}"
        );
    }
    fs::write(&page, new)?;
    println!("docs/points.md has changed: commit it");
    Ok(())
}

/// # Errors
/// When two tests of one name cite points: the log does not tell them apart.
fn proofs(root: &Path, log: &str) -> anyhow::Result<Proofs> {
    let passed = points::passed(log);
    let mut proofs = Proofs::new();
    let mut cited: BTreeMap<String, String> = BTreeMap::new();
    for path in sources(root)? {
        let file = path.strip_prefix(root)?.display().to_string();
        for citation in points::citations(&fs::read_to_string(&path)?) {
            let test = citation.test;
            let before = cited.insert(test.clone(), file.clone());
            ensure!(before.is_none(), "{test} cites points in {file} and in {before:?}: rename one");
            for point in citation.points.into_iter().filter(|_| passed.contains(&test)) {
                proofs.entry(point).or_default().insert(format!("`{file}`: {test}"));
            }
        }
    }
    Ok(proofs)
}

fn sources(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["crates", "services", "tests"].map(|part| root.join(part)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
