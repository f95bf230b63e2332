//! What can go wrong, and what the caller is told.

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such tenant")]
    NoTenant,
    #[error("no recording {0}")]
    NoRecording(String),
    #[error("{0}")]
    Invalid(String),
    /// The audio is not what was stored, or its key does not fit.
    #[error("recording {0} is damaged")]
    Damaged(String),
    #[error(transparent)]
    Database(#[from] tenantdb::Error),
    #[error(transparent)]
    Objects(#[from] object_store::Error),
    #[error("a sealed key does not open")]
    Sealed,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Trying again cannot help.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::NoTenant | Self::Invalid(_) | Self::NoRecording(_))
    }
}

/// The role or the schema of a tenant is not there.
const UNKNOWN_ROLE: [&str; 3] = ["22023", "42704", "3F000"];

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Tells a transaction that cannot begin for want of a tenant from a failure.
pub fn beginning(error: tenantdb::Error) -> Error {
    let code = match &error {
        tenantdb::Error::Sql(sqlx::Error::Database(e)) => e.code().unwrap_or_default().into_owned(),
        _ => String::new(),
    };
    if UNKNOWN_ROLE.contains(&code.as_str()) { Error::NoTenant } else { error.into() }
}

impl From<Error> for chassis::Error {
    fn from(error: Error) -> Self {
        use chassis::Code;
        let code = match &error {
            Error::NoTenant | Error::NoRecording(_) => Code::NotFound,
            Error::Invalid(_) => Code::Invalid,
            Error::Database(_) | Error::Objects(_) => {
                tracing::error!(%error, "storage failed");
                return Self::new(Code::Unavailable, "storage is not available");
            }
            Error::Damaged(_) | Error::Sealed => return Self::internal(error),
        };
        Self::new(code, error.to_string())
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        chassis::Error::from(error).into()
    }
}
