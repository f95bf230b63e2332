//! What the architecture forbids and no compiler sees: who may import whom,
//! whose tables are whose, which metrics are documented.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Crates that know and do not run, with what they may stand on beside each other.
const PURE: [&str; 8] = ["types", "call", "flow", "routing", "stats", "sip", "rtp", "sim"];
// The time zones of chrono-tz are a table; no clock is read.
const PURE_MAY: [&str; 15] = [
    "chrono",
    "chrono-tz",
    "serde",
    "serde_json",
    "thiserror",
    "bytes",
    "sipx-sip",
    "sipx-sdp",
    "rtp-types",
    "hound",
    "md-5",
    "sha2",
    "rand",
    "rand_chacha",
    "types",
];
const LINES_MAX: usize = 700;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository is there")
}

fn folders(of: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(root().join(of))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    found.retain(|path| path.join("Cargo.toml").exists());
    found.sort();
    found
}

fn name(folder: &Path) -> String {
    folder.file_name().expect("a name").to_string_lossy().into_owned()
}

fn dependencies(folder: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    let manifest: toml::Table = text.parse().expect("a readable manifest");
    let table = manifest.get("dependencies").and_then(|table| table.as_table());
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let skipped = ["target", "node_modules", "dist", "web"].contains(&name(&path).as_str());
        if path.is_dir() && !skipped {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
}

/// Rust files below `folder` with their texts.
fn sources(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = Vec::new();
    files(folder, "rs", &mut found);
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(&path).expect("a text"))).collect()
}

#[test]
fn a_pure_crate_stands_on_pure_crates_and_protocol_libraries_alone() {
    for crate_name in PURE {
        let dependencies = dependencies(&root().join("crates").join(crate_name));
        let allowed = |name: &&String| PURE_MAY.contains(&name.as_str()) || PURE.contains(&name.as_str());
        let foreign: Vec<_> = dependencies.iter().filter(|name| !allowed(name)).collect();
        assert!(foreign.is_empty(), "{crate_name} is pure and must not depend on {foreign:?}");
    }
}

#[test]
fn a_service_asks_another_service_and_does_not_import_it() {
    let services: BTreeSet<String> = folders("services").iter().map(|folder| name(folder)).collect();
    for folder in folders("services").iter().filter(|folder| name(folder) != "standalone") {
        let imported: Vec<_> = dependencies(folder).intersection(&services).cloned().collect();
        assert!(imported.is_empty(), "{} imports {imported:?}", name(folder));
    }
    for folder in folders("crates") {
        let imported: Vec<_> = dependencies(&folder).intersection(&services).cloned().collect();
        assert!(imported.is_empty(), "{} imports {imported:?}", name(&folder));
    }
}

#[test]
fn kafka_and_the_journal_are_named_by_the_log_alone() {
    for folder in
        folders("crates").iter().chain(&folders("services")).filter(|folder| name(folder) != "eventlog")
    {
        let dependencies = dependencies(folder);
        for library in ["rdkafka", "fjall"] {
            assert!(!dependencies.contains(library), "{} names {library}", name(folder));
        }
    }
}

/// The comment above a table in the migrations says whose it is.
fn owners() -> BTreeMap<String, String> {
    let mut owners = BTreeMap::new();
    let mut owner = String::new();
    let mut found = Vec::new();
    files(&root().join("migrations/tenant"), "sql", &mut found);
    found.sort();
    let text: String = found.iter().map(|path| fs::read_to_string(path).expect("a migration")).collect();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("-- ") {
            let word = comment.split([':', ' ']).next().unwrap_or_default();
            if root().join("services").join(word).is_dir() {
                owner = word.to_owned();
            }
        }
        if let Some(rest) = line.strip_prefix("create table ") {
            let table = rest.split([' ', '(']).next().unwrap_or_default();
            owners.insert(table.to_owned(), owner.clone());
        }
        if let Some(table) = line.strip_prefix("drop table ") {
            owners.remove(table.trim_end_matches(';'));
        }
    }
    owners
}

#[test]
fn a_table_is_touched_by_its_owner_alone() {
    let owners = owners();
    assert!(owners.len() > 4, "the migration names its owners");
    for folder in folders("services") {
        let service = name(&folder);
        for (path, text) in sources(&folder.join("src")) {
            for (table, owner) in owners.iter().filter(|(_, owner)| **owner != service) {
                for verb in ["from ", "join ", "into ", "update "] {
                    let touch = format!("{verb}{table} ");
                    assert!(!text.contains(&touch), "{}: {touch}belongs to {owner}", path.display());
                }
            }
        }
    }
}

/// The names in `counter!("…")`, `gauge!("…")` and `histogram!("…")`.
fn metrics(text: &str) -> Vec<&str> {
    let kinds = ["counter!(", "gauge!(", "histogram!("];
    let after = kinds.iter().flat_map(|kind| text.split(kind).skip(1));
    after.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next()).collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_metric_exists() {
    let documented = fs::read_to_string(root().join("docs/metrics.md")).expect("docs/metrics.md");
    let mut emitted = BTreeSet::new();
    for part in ["crates", "services"] {
        for text in sources(&root().join(part)).values() {
            emitted.extend(metrics(text).into_iter().map(str::to_owned));
        }
    }
    assert!(emitted.len() > 5, "metrics are found");
    let listed: BTreeSet<String> = documented
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = emitted.difference(&listed).collect();
    assert!(missing.is_empty(), "not in docs/metrics.md: {missing:?}");
    let gone: Vec<_> = listed.difference(&emitted).collect();
    assert!(gone.is_empty(), "in docs/metrics.md and nowhere else: {gone:?}");
}

#[test]
fn randomness_enters_through_the_chassis() {
    for part in ["crates", "services"] {
        for (path, text) in sources(&root().join(part)) {
            let exempt = path.ends_with("chassis/src/random.rs")
                || path.components().any(|c| c.as_os_str() == "tests");
            let softphone = path.components().any(|c| c.as_os_str() == "softphone");
            assert!(
                exempt || softphone || !text.contains("rand::rng()"),
                "{} draws by itself",
                path.display()
            );
        }
    }
}

#[test]
fn no_file_grows_beyond_reason() {
    for part in ["crates", "services", "proto", "tests"] {
        for (path, text) in sources(&root().join(part)) {
            let lines = text.lines().count();
            assert!(lines <= LINES_MAX, "{} has {lines} lines: split it", path.display());
        }
    }
}
