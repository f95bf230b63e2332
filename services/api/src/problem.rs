//! Every error as problem+json (RFC 9457), the framework's own included.

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use chassis::{Code, Details, Fault, Params};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE, request::Parts};
use serde::{Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap};
use utoipa::ToSchema;

pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
pub struct Problem {
    /// `urn:trunkline:problem:` and the code.
    #[schema(rename = "type", value_type = String)]
    kind: FromCode,
    pub title: &'static str,
    pub status: u16,
    /// Stable, such as `in_use`; title and detail may change.
    pub code: String,
    pub detail: String,
    /// What the detail names, such as `name`; absent where it names nothing.
    #[schema(required = false)]
    pub params: Params,
    /// Each wrong field; absent where none is.
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
}

/// Nothing that would have to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FromCode;

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let mut fields = to.serialize_map(None)?;
        fields.serialize_entry("type", &format!("urn:trunkline:problem:{}", self.code))?;
        fields.serialize_entry("title", self.title)?;
        fields.serialize_entry("status", &self.status)?;
        fields.serialize_entry("code", &self.code)?;
        fields.serialize_entry("detail", &self.detail)?;
        if !self.params.is_empty() {
            fields.serialize_entry("params", &self.params)?;
        }
        if !self.errors.is_empty() {
            fields.serialize_entry("errors", &self.errors)?;
        }
        fields.end()
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// A path such as `nodes.menu.choices.1`.
    pub place: String,
    pub message: String,
    /// Stable, such as `too_long`.
    pub code: String,
    #[serde(skip_serializing_if = "Params::is_empty")]
    pub params: Params,
}

impl FieldError {
    /// What was refused as a whole, said of one field.
    pub fn of(place: &str, details: Details) -> FieldError {
        let Details { code, params, .. } = details;
        FieldError { place: place.into(), message: code.replace('_', " "), code, params }
    }
}

impl From<Fault> for FieldError {
    fn from(Fault { place, message, code, params }: Fault) -> FieldError {
        FieldError { place, message, code, params }
    }
}

/// Where nobody said it closer.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "bad_request",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::CONFLICT => "conflict",
        StatusCode::PRECONDITION_FAILED => "stale",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::RANGE_NOT_SATISFIABLE => "range_not_satisfiable",
        StatusCode::UNPROCESSABLE_ENTITY => "invalid",
        StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        StatusCode::GATEWAY_TIMEOUT => "deadline",
        _ => "internal",
    }
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        let code = code(status);
        Problem {
            kind: FromCode,
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code: code.into(),
            detail: detail.into(),
            params: Params::new(),
            errors: Vec::new(),
        }
    }

    /// The same with a code of its own.
    pub fn coded(self, code: &str) -> Problem {
        Problem { code: code.to_owned(), ..self }
    }

    /// Something that the detail names.
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Problem {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }

    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }

    pub fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, detail)
    }

    pub fn outside_department() -> Problem {
        Problem::forbidden("this is outside your department").coded("outside_department")
    }

    pub fn unauthorized(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// A refusal of who asks is about proof, not about rights.
    pub fn not_signed_in(status: tonic::Status) -> Problem {
        let denied = status.code() == tonic::Code::PermissionDenied;
        let problem = Problem::from(status);
        match denied {
            true => Problem::unauthorized(problem.detail).coded(&problem.code),
            false => problem,
        }
    }

    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// One wrong field.
    pub fn invalid(place: &str, code: &str, message: &str) -> Problem {
        let errors = vec![Fault::new(place, code, message).into()];
        let detail = format!("{place} {message}");
        Problem { errors, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    pub fn unavailable(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    pub fn internal(cause: impl std::fmt::Display) -> Problem {
        chassis::Error::internal(cause).into()
    }
}

impl From<chassis::Error> for Problem {
    fn from(error: chassis::Error) -> Problem {
        let status = match error.code {
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::Conflict => StatusCode::CONFLICT,
            Code::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Code::Denied => StatusCode::FORBIDDEN,
            Code::Exhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::Deadline => StatusCode::GATEWAY_TIMEOUT,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        match error.code {
            // What a broken connection says is for the log, not for strangers.
            Code::Unavailable => {
                tracing::warn!(error.message, "a service is not available");
                Problem::new(status, "a service is not available, try again")
            }
            _ => Problem::new(status, error.message),
        }
    }
}

impl From<tonic::Status> for Problem {
    fn from(status: tonic::Status) -> Problem {
        let details: Details = serde_json::from_slice(status.details()).unwrap_or_default();
        let stale = status.code() == tonic::Code::Aborted;
        let mut problem: Problem = chassis::Error::from(status).into();
        if stale {
            problem = Problem::new(StatusCode::PRECONDITION_FAILED, problem.detail);
        }
        if !details.code.is_empty() {
            problem = problem.coded(&details.code);
        }
        let errors = details.faults.into_iter().map(FieldError::from).collect();
        Problem { params: details.params, errors, ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let media_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        response
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Problem {
        Problem::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Problem {
        Problem::new(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Problem {
        Problem::not_found(rejection.body_text())
    }
}

/// Whether a JSON text names U+0000, which PostgreSQL stores nowhere. (Written
/// with an escaped backslash it would be harmless; nobody does.)
pub fn holds_nul(json: &[u8]) -> bool {
    json.windows(6).any(|window| window == b"\\u0000")
}

/// Refuses a path or query with an encoded NUL before anybody looks for it.
pub async fn without_nul(request: Request, next: Next) -> Response {
    match request.uri().to_string().contains("%00") {
        true => Problem::not_found("there is no such resource").into_response(),
        false => next.run(request).await,
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Body<T>> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state)
            .await
            .map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
        if holds_nul(&bytes) {
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "a text holds the character U+0000"));
        }
        let Json(value) = Json::from_request(Request::from_parts(parts, bytes.into()), state).await?;
        Ok(Body(value))
    }
}

/// The query string.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>> {
        let axum::extract::Query(value) = axum::extract::Query::from_request_parts(parts, state).await?;
        Ok(Query(value))
    }
}

/// Path parameters.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>> {
        let axum::extract::Path(value) = axum::extract::Path::from_request_parts(parts, state).await?;
        Ok(Path(value))
    }
}
