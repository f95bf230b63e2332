//! What can go wrong with one operation, as the edge is told.

use proto::media::v1::failed::Code;

/// Why an operation failed.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("unusable sdp: {0}")]
    BadSdp(String),
    #[error("no codec in common")]
    NoCommonCodec,
    #[error("no session {0}")]
    NoSession(String),
    #[error("no leg {0}")]
    NoLeg(String),
    #[error("no prompt {0}")]
    NoPrompt(String),
    #[error("no more {0}")]
    Exhausted(&'static str),
    #[error("{0}")]
    Internal(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The code of the contract.
    pub fn code(&self) -> Code {
        match self {
            Self::BadSdp(_) => Code::BadSdp,
            Self::NoCommonCodec => Code::NoCommonCodec,
            Self::NoSession(_) => Code::NoSession,
            Self::NoLeg(_) | Self::Internal(_) => Code::Internal,
            Self::NoPrompt(_) => Code::NoPrompt,
            Self::Exhausted(_) => Code::Exhausted,
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Internal(error.to_string())
    }
}
