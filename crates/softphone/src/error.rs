/// What a phone cannot do, or did not hear in time.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket could not be opened.
    #[error("socket: {0}")]
    Socket(#[from] std::io::Error),
    /// The engine refused: wrong state, malformed address.
    #[error(transparent)]
    Sip(#[from] sip::Error),
    /// An address is not `ip:port`.
    #[error("not an address: {0}")]
    Address(String),
    /// The call was refused or failed with this status.
    #[error("call failed with {0}")]
    Refused(u16),
    /// The registrar refused with this status.
    #[error("registration failed with {0}")]
    NotRegistered(u16),
    /// What was waited for did not happen.
    #[error("no {what} within {within_ms} ms")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        within_ms: u128,
    },
    /// The other side's session description has no codec that we speak.
    #[error("no common codec")]
    NoCodec,
    /// The phone was closed.
    #[error("the phone is closed")]
    Closed,
}
