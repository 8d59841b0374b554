//! What a request is answered, before it is bytes on a connection.

use serde::Serialize;
use warp::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use warp::http::{Response, StatusCode};

use super::problem::Problem;

/// An answer with a body of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body: one JSON document.
    pub body: String,
    /// Whether the body is a problem document.
    pub is_problem: bool,
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
        Self { status, body, is_problem: false, headers: Vec::new() }
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
        let kind = if self.is_problem { "application/problem+json" } else { "application/json" };
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
        Self { status: problem.status, body, is_problem: true, headers }
    }
}
