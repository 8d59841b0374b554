//! What a request is answered, before it is bytes on a connection.

use serde::Serialize;
use warp::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use warp::http::{Response, StatusCode};

use super::problem::Problem;
use crate::telemetry::metrics;

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// One JSON document.
    Json,
    /// A problem document (RFC 9457).
    Problem,
    /// Figures for Prometheus.
    Metrics,
}

impl BodyKind {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Problem => "application/problem+json",
            Self::Metrics => metrics::CONTENT_TYPE,
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// What it is.
    pub kind: BodyKind,
    headers: Vec<(HeaderName, String)>,
}

impl Answer {
    /// The answer `value` with a status.
    ///
    /// # Errors
    /// A [`Problem`] when the value cannot be written as JSON.
    pub fn json(status: u16, value: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_string(value)
            .map_err(|error| Problem::new(500, "not_printable", error))?;
        Ok(Self::of_text(status, body))
    }

    /// An answer whose body is JSON already.
    #[must_use]
    pub fn of_text(status: u16, body: String) -> Self {
        Self { status, body, kind: BodyKind::Json, headers: Vec::new() }
    }

    /// Figures for Prometheus.
    #[must_use]
    pub fn metrics(body: String) -> Self {
        Self { status: 200, body, kind: BodyKind::Metrics, headers: Vec::new() }
    }

    /// The same answer with the address of what was made.
    #[must_use]
    pub fn location(mut self, path: String) -> Self {
        self.headers.push((LOCATION, path));
        self
    }

    /// The answer as a response; bytes that HTTP does not allow in a header leave that header out.
    #[must_use]
    pub fn into_response(self) -> Response<Vec<u8>> {
        let mut response = Response::new(self.body.into_bytes());
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = self.kind.content_type();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let mut headers = Vec::new();
        if let Some(wait) = problem.retry_after {
            headers.push((RETRY_AFTER, wait.as_secs().max(1).to_string()));
        }
        if let Some(methods) = &problem.allow {
            headers.push((ALLOW, methods.clone()));
        }
        if problem.status == 401 {
            headers.push((WWW_AUTHENTICATE, "Bearer".to_owned()));
        }
        // A struct of texts and numbers can always be written.
        let body = serde_json::to_string(&problem).unwrap_or_default();
        Self { status: problem.status, body, kind: BodyKind::Problem, headers }
    }
}
