//! The master key: what is stored sealed under it opens only with the file.

use crate::{Error, Result};
use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use anyhow::Context;
use std::{
    fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

const NONCE: usize = 12;

/// AES-256-GCM; a sealed text is nonce, ciphertext, tag.
#[derive(Clone)]
pub struct MasterKey(Aes256Gcm);

impl MasterKey {
    /// Reads the file, or makes it where there is none. Refuses one that others may read.
    pub fn open(path: &Path) -> anyhow::Result<MasterKey> {
        if !path.exists() {
            create(path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mode = fs::metadata(path)?.permissions().mode();
        anyhow::ensure!(mode & 0o077 == 0, "{} can be read by others: chmod 600", path.display());
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes: [u8; 32] = hex::decode(text.trim())
            .ok()
            .and_then(|b| b.try_into().ok())
            .with_context(|| format!("{} does not hold 32 bytes in hexadecimal", path.display()))?;
        Ok(MasterKey(Aes256Gcm::new(&Key::<Aes256Gcm>::from(bytes))))
    }

    /// `purpose` is bound to the text: a sealed text opens only for what it was sealed for.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE] =
            chassis::random::key()[..NONCE].try_into().expect("a key is longer than a nonce");
        let payload = Payload { msg: plain, aad: purpose.as_bytes() };
        let sealed =
            self.0.encrypt(&Nonce::from(nonce), payload).map_err(|_| Error::internal("cannot seal"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    pub fn unseal(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let wrong = || Error::internal(format!("{purpose} was not sealed under this master key"));
        let (nonce, text) = sealed.split_first_chunk::<NONCE>().ok_or_else(wrong)?;
        let payload = Payload { msg: text, aad: purpose.as_bytes() };
        self.0.decrypt(&Nonce::from(*nonce), payload).map_err(|_| wrong())
    }
}

/// Whole or not at all: another service may make it at the same moment, and
/// the first one counts.
fn create(path: &Path) -> std::io::Result<()> {
    let unfinished = path.with_extension(hex::encode(chassis::random::u128().to_be_bytes()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(hex::encode(chassis::random::key()).as_bytes())?;
    file.sync_all()?;
    let made = match fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    };
    fs::remove_file(&unfinished)?;
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_with_its_key_for_its_purpose_only() {
        let folder = tempfile::tempdir().unwrap();
        let key = MasterKey::open(&folder.path().join("a")).unwrap();
        let sealed = key.seal("signing key 1", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
        let again = MasterKey::open(&folder.path().join("a")).unwrap();
        assert_eq!(again.unseal("signing key 1", &sealed).unwrap(), b"secret");
        assert!(key.unseal("signing key 2", &sealed).is_err());
        assert!(MasterKey::open(&folder.path().join("b")).unwrap().unseal("signing key 1", &sealed).is_err());
    }

    #[test]
    fn services_that_start_together_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let opened: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn({
                    let path = path.clone();
                    move || MasterKey::open(&path).unwrap()
                })
            })
            .collect();
        let keys: Vec<_> = opened.into_iter().map(|thread| thread.join().unwrap()).collect();
        let sealed = keys[0].seal("x", b"secret").unwrap();
        assert!(keys.iter().all(|key| key.unseal("x", &sealed).unwrap() == b"secret"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn a_master_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        MasterKey::open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(MasterKey::open(&path).is_err());
    }
}
