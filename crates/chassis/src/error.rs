use tonic::Status;

/// The small set of what can go wrong between services; maps once to gRPC
/// here and once to HTTP in `api`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    NotFound,
    Conflict,
    Invalid,
    Denied,
    /// A limit is reached: try later.
    Exhausted,
    Unavailable,
    Deadline,
    Internal,
}

/// A failure that a caller is told: lower case, no full stop, no secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub code: Code,
    pub message: String,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Error {
        Error { code, message: message.into() }
    }

    pub fn not_found(message: impl Into<String>) -> Error {
        Error::new(Code::NotFound, message)
    }

    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(Code::Invalid, message)
    }

    pub fn conflict(message: impl Into<String>) -> Error {
        Error::new(Code::Conflict, message)
    }

    /// Logs the cause, tells the caller nothing of it.
    pub fn internal(cause: impl std::fmt::Display) -> Error {
        tracing::error!(%cause, "internal error");
        Error::new(Code::Internal, "internal error, see the log")
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        let code = match error.code {
            Code::NotFound => tonic::Code::NotFound,
            Code::Conflict => tonic::Code::AlreadyExists,
            Code::Invalid => tonic::Code::InvalidArgument,
            Code::Denied => tonic::Code::PermissionDenied,
            Code::Exhausted => tonic::Code::ResourceExhausted,
            Code::Unavailable => tonic::Code::Unavailable,
            Code::Deadline => tonic::Code::DeadlineExceeded,
            Code::Internal => tonic::Code::Internal,
        };
        Status::new(code, error.message)
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Error {
        let code = match status.code() {
            tonic::Code::NotFound => Code::NotFound,
            tonic::Code::AlreadyExists | tonic::Code::Aborted | tonic::Code::FailedPrecondition => {
                Code::Conflict
            }
            tonic::Code::InvalidArgument | tonic::Code::OutOfRange => Code::Invalid,
            tonic::Code::PermissionDenied | tonic::Code::Unauthenticated => Code::Denied,
            tonic::Code::ResourceExhausted => Code::Exhausted,
            tonic::Code::Unavailable | tonic::Code::Cancelled => Code::Unavailable,
            tonic::Code::DeadlineExceeded => Code::Deadline,
            _ => Code::Internal,
        };
        Error::new(code, status.message())
    }
}
