//! Passwords and tokens: what is kept of them opens nothing by itself.

use crate::{Error, Result, error::told};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Passwords that may wait for a core; more are turned away.
const WAITING_MAX: usize = 64;

/// SHA-256 of a random token of 256 bits: salt and stretching are for secrets that people choose.
pub fn fingerprint(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// argon2id on a bounded number of blocking threads.
#[derive(Clone)]
pub struct Passwords {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// Checked where there is no account, so that its absence takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    pub fn new(at_once: usize) -> Result<Passwords> {
        Ok(Passwords {
            running: Arc::new(Semaphore::new(at_once.max(1))),
            admitted: Arc::new(Semaphore::new(at_once.max(1) + WAITING_MAX)),
            decoy: hash(&chassis::random::token())?.into(),
        })
    }

    pub async fn hash(&self, password: String) -> Result<String> {
        self.run(move || hash(&password)).await?
    }

    /// Whether the password fits; `None` (no such account) takes as long as a wrong one.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        Ok(self.run(move || verify(&password, &hash)).await? && known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let busy = |_| Error::Exhausted(told("busy", "too many sign-ins at once, try again"));
        let _admitted = self.admitted.try_acquire().map_err(busy)?;
        let _running = self.running.acquire().await.map_err(Error::internal)?;
        spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn hash(password: &str) -> Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(Error::internal)?;
    Ok(hash.to_string())
}

fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let passwords = Passwords::new(2).unwrap();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(passwords.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("battery".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("correct horse".into(), None).await.unwrap());
    }
}
