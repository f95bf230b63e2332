use chassis::{Details, Fault, Params};
use std::fmt::Display;
use tonic::Status;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    NotFound(Told),
    #[error("{0}")]
    Conflict(Told),
    /// The change was made from a version that is no longer the latest.
    #[error("{0}")]
    Stale(Told),
    /// What is wrong and where, each to be shown at its field.
    #[error("{}", listed(.0))]
    Invalid(Vec<Fault>),
    #[error("{0}")]
    Denied(Told),
    #[error("{0}")]
    Exhausted(Told),
    #[error(transparent)]
    Db(#[from] tenantdb::Error),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error("{0}")]
    Internal(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal in words, and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    code: &'static str,
    message: String,
    params: Params,
}

/// `code` stays, the message may change.
pub fn told(code: &'static str, message: impl Display) -> Told {
    Told { code, message: message.to_string(), params: Params::new() }
}

impl Told {
    /// Something that the message names.
    pub fn with(mut self, name: &str, value: impl Display) -> Told {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }
}

impl Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error {
    pub fn invalid(place: &str, code: &str, message: impl Display) -> Error {
        Error::Invalid(vec![Fault::new(place, code, message)])
    }

    pub fn internal(cause: impl Display) -> Error {
        Error::Internal(cause.to_string())
    }

    /// Whether a unique constraint refused the row.
    pub fn is_taken(&self) -> bool {
        let sql = match self {
            Error::Sql(sql) | Error::Db(tenantdb::Error::Sql(sql)) => sql,
            _ => return false,
        };
        let code = sql.as_database_error().and_then(|e| e.code());
        // unique_violation, exclusion_violation
        matches!(code.as_deref(), Some("23505" | "23P01"))
    }

    /// Whether it may go better later.
    pub fn is_passing(&self) -> bool {
        match self {
            Error::Db(error) => error.is_passing(),
            Error::Sql(error) => tenantdb::is_passing(error),
            _ => false,
        }
    }

    /// The same, but what a unique constraint refused is told as a conflict.
    pub fn or_taken(self, refusal: Told) -> Error {
        if self.is_taken() { Error::Conflict(refusal) } else { self }
    }
}

fn listed(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.place, f.message)).collect();
    lines.join("; ")
}

/// What is told beside the message; a stale version is `Aborted`, to be told from other conflicts.
impl From<Error> for Status {
    fn from(error: Error) -> Status {
        let (code, told) = match error {
            Error::NotFound(told) => (tonic::Code::NotFound, told),
            Error::Conflict(told) => (tonic::Code::AlreadyExists, told),
            Error::Stale(told) => (tonic::Code::Aborted, told),
            Error::Denied(told) => (tonic::Code::PermissionDenied, told),
            Error::Exhausted(told) => (tonic::Code::ResourceExhausted, told),
            Error::Invalid(faults) => {
                let message = listed(&faults);
                let details = Details { code: "invalid".into(), faults, ..Details::default() };
                return status(tonic::Code::InvalidArgument, message, &details);
            }
            Error::Db(_) | Error::Sql(_) | Error::Internal(_) => {
                return chassis::Error::internal(error).into();
            }
        };
        let details = Details { code: told.code.into(), params: told.params, faults: Vec::new() };
        status(code, told.message, &details)
    }
}

fn status(code: tonic::Code, message: String, details: &Details) -> Status {
    Status::with_details(code, message, serde_json::to_vec(details).unwrap_or_default().into())
}
