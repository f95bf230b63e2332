use crate::documents::Problem;
use chassis::Code;
use tonic::Status;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    /// The change was made from a version that is no longer the latest.
    #[error("{0}")]
    Stale(String),
    /// What is wrong and where, each to be shown at its field.
    #[error("{}", listed(.0))]
    Invalid(Vec<Problem>),
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Exhausted(String),
    #[error(transparent)]
    Db(#[from] tenantdb::Error),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error("{0}")]
    Internal(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn invalid(place: &str, message: impl Into<String>) -> Error {
        Error::Invalid(vec![Problem { place: place.to_owned(), message: message.into() }])
    }

    pub fn internal(cause: impl std::fmt::Display) -> Error {
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

    /// The same, but what a unique constraint refused is told as a conflict.
    pub fn or_taken(self, message: impl Into<String>) -> Error {
        if self.is_taken() { Error::Conflict(message.into()) } else { self }
    }
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.place, p.message)).collect();
    lines.join("; ")
}

impl From<Error> for chassis::Error {
    fn from(error: Error) -> chassis::Error {
        let code = match &error {
            Error::NotFound(_) => Code::NotFound,
            Error::Conflict(_) | Error::Stale(_) => Code::Conflict,
            Error::Invalid(_) => Code::Invalid,
            Error::Denied(_) => Code::Denied,
            Error::Exhausted(_) => Code::Exhausted,
            Error::Db(_) | Error::Sql(_) | Error::Internal(_) => return chassis::Error::internal(error),
        };
        chassis::Error::new(code, error.to_string())
    }
}

/// A stale version is `Aborted`, to be told from other conflicts. The problems travel as JSON in the status' details: `[{"place", "message"}]`.
impl From<Error> for Status {
    fn from(error: Error) -> Status {
        match error {
            Error::Invalid(problems) => {
                let details = serde_json::to_vec(&problems).unwrap_or_default();
                let message = listed(&problems);
                Status::with_details(tonic::Code::InvalidArgument, message, details.into())
            }
            Error::Stale(message) => Status::aborted(message),
            other => chassis::Error::from(other).into(),
        }
    }
}
