//! Recordings: encrypted, checksummed, listed, played.
