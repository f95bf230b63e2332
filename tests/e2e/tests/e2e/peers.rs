//! Programs of others that stories need beside SIPp and a browser. Where one is
//! absent its story is skipped, said aloud; in CI that is a failure.

use std::path::PathBuf;

/// Where the program is. `package`: Debian's, which has it.
pub fn program(name: &str, package: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Servers are where a user's path need not lead.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.exists());
    let in_ci = std::env::var("CI").is_ok_and(|v| v == "true");
    assert!(found.is_some() || !in_ci, "in CI there must be {name}: make deps");
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not installed (Debian: {package})");
    }
    found
}
