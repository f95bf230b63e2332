//! Where prompts and recordings lie.

use anyhow::Context;
use object_store::{ObjectStore, local::LocalFileSystem};
use std::sync::Arc;

/// The store that a folder or a `file://` URL names; the folder is made.
///
/// # Errors
/// A URL of another kind, or a folder that cannot be made.
pub fn open(place: &str) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let folder = place.strip_prefix("file://").unwrap_or(place);
    anyhow::ensure!(!folder.contains("://"), "objects are in a folder or at a file:// URL, not at {place}");
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {folder}"))?;
    Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_may_be_named_as_a_url_and_other_stores_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("objects");
        for prefix in ["", "file://"] {
            open(&format!("{prefix}{}", place.display())).unwrap();
            assert!(place.is_dir());
        }
        let refused = open("s3://bucket/objects").map(drop).unwrap_err().to_string();
        assert!(refused.contains("s3://bucket/objects"), "{refused}");
    }
}
