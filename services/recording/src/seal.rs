//! Sealing: AES-256-GCM, bound to a purpose. A sealed text is nonce, ciphertext, tag.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, os::unix::fs::PermissionsExt, path::Path};

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use anyhow::Context;

use crate::error::{Error, Result};

const NONCE: usize = 12;

/// A key of 256 bits.
#[derive(Clone)]
pub struct Key(Aes256Gcm);

impl Key {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Aes256Gcm::new(&aes_gcm::Key::<Aes256Gcm>::from(bytes)))
    }

    /// Reads the master key's file, or makes it where there is none. Refuses one
    /// that others may read.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if !path.exists() {
            create(path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mode = fs::metadata(path)?.permissions().mode();
        anyhow::ensure!(mode & 0o077 == 0, "{} can be read by others: chmod 600", path.display());
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = hex::decode(text.trim()).ok().and_then(|b| b.try_into().ok());
        let wrong = || format!("{} does not hold 32 bytes in hexadecimal", path.display());
        Ok(Self::new(bytes.with_context(wrong)?))
    }

    /// Seals `plain`; it opens for the same purpose only.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let random = chassis::random::key();
        let nonce: [u8; NONCE] = random[..NONCE].try_into().map_err(|_| Error::Sealed)?;
        let payload = Payload { msg: plain, aad: purpose.as_bytes() };
        let sealed = self.0.encrypt(&Nonce::from(nonce), payload).map_err(|_| Error::Sealed)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// # Errors
    /// [`Error::Sealed`] when key, purpose or text are not what they were.
    pub fn open_sealed(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE>().ok_or(Error::Sealed)?;
        let payload = Payload { msg: text, aad: purpose.as_bytes() };
        self.0.decrypt(&Nonce::from(*nonce), payload).map_err(|_| Error::Sealed)
    }

    /// A sealed key as a key.
    pub fn open_key(&self, purpose: &str, sealed: &[u8]) -> Result<Self> {
        let bytes = self.open_sealed(purpose, sealed)?;
        Ok(Self::new(bytes.try_into().map_err(|_| Error::Sealed)?))
    }
}

/// Two services may share the file and start together: the first one's key counts.
fn create(path: &Path) -> std::io::Result<()> {
    let part = path.with_extension(hex::encode(&chassis::random::key()[..8]));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(hex::encode(chassis::random::key()).as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&part, path);
    fs::remove_file(&part)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_with_its_key_for_its_purpose_only() {
        let (key, other) = (Key::new([1; 32]), Key::new([2; 32]));
        let mut sealed = key.seal("a", b"hello").unwrap();
        assert_eq!(key.open_sealed("a", &sealed).unwrap(), b"hello");
        assert!(key.open_sealed("b", &sealed).is_err());
        assert!(other.open_sealed("a", &sealed).is_err());
        *sealed.last_mut().unwrap() ^= 1;
        assert!(key.open_sealed("a", &sealed).is_err());
        assert!(key.open_sealed("a", &[]).is_err());
    }

    #[test]
    fn the_master_key_is_made_once_and_refused_when_others_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let sealed = Key::open(&path).unwrap().seal("a", b"x").unwrap();
        assert_eq!(Key::open(&path).unwrap().open_sealed("a", &sealed).unwrap(), b"x");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Key::open(&path).is_err());
    }
}
