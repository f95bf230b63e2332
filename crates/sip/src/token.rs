//! Unguessable tokens (tags, branches, Call-IDs, nonces) from a seed.

use sha2::{Digest, Sha256};

/// A deterministic generator: SHA-256 over seed and counter. The seed must be
/// secret and fresh for each process, then the tokens cannot be guessed.
#[derive(Clone)]
pub struct Tokens {
    seed: [u8; 32],
    counter: u64,
}

impl Tokens {
    /// A generator from 32 secret random bytes.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    /// The next token: 32 lower-case hexadecimal digits (128 bits).
    pub fn long(&mut self) -> String {
        hex(&self.block()[..16])
    }

    /// The next short token: 16 hexadecimal digits (64 bits), for tags, where
    /// RFC 3261 §19.3 asks for at least 32 bits.
    pub fn short(&mut self) -> String {
        hex(&self.block()[..8])
    }

    /// A short token that is always the same for the same text.
    pub fn of(&self, text: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(text);
        hex(&hash.finalize()[..8])
    }

    /// The next 32 random bytes.
    pub fn block(&mut self) -> [u8; 32] {
        self.counter += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.counter.to_be_bytes());
        hash.finalize().into()
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("counter", &self.counter).finish_non_exhaustive()
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)] as char);
        out.push(DIGITS[usize::from(byte & 15)] as char);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_tokens_and_no_token_twice() {
        let (mut a, mut b) = (Tokens::new([7; 32]), Tokens::new([7; 32]));
        let first = a.long();
        assert_eq!(first, b.long());
        assert_ne!(first, a.long());
        assert_eq!(first.len(), 32);
        assert_eq!(a.short().len(), 16);
        assert_eq!(a.of("text"), b.of("text"));
        assert_ne!(a.of("text"), a.of("other"));
    }

    #[test]
    fn hex_is_lower_case_and_padded() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }
}
