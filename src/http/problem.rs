//! Errors of the API: problem documents as RFC 9457 has them, with a stable `code`.
//!
//! Architecture invariant: a problem never holds a secret, a path of this machine's files beyond
//! what its owner configured, or the inner text of a library's error about the connection.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// A name of the kind of problem, as a URN.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Stable snake_case code.
    pub code: Cow<'static, str>,
    /// What was wrong: lower case, no full stop.
    pub detail: String,
    /// Where in the request: the path of a field, or the name of a parameter or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// What else is told, by name.
    #[serde(flatten)]
    more: BTreeMap<&'static str, Value>,
    /// When to ask again.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
    /// The methods the path knows, for 405.
    #[serde(skip)]
    pub allow: Option<String>,
}

impl Problem {
    /// A problem of `status` with a stable code.
    #[must_use]
    pub fn new(status: u16, code: impl Into<Cow<'static, str>>, detail: impl Display) -> Self {
        let code = code.into();
        Self {
            kind: format!("urn:ytempire:problem:{code}"),
            title: title(status),
            status,
            code,
            detail: detail.to_string(),
            field: None,
            remedy: None,
            more: BTreeMap::new(),
            retry_after: None,
            allow: None,
        }
    }

    /// 404: there is no `what` of this name or id.
    #[must_use]
    pub fn not_found(what: &str, name: &str) -> Self {
        let shown: String = name.chars().take(100).collect();
        Self::new(404, "not_found", format!("there is no {what} {shown:?}"))
    }

    /// 422: a value that is out of its range.
    #[must_use]
    pub fn out_of_range(field: impl Into<String>, detail: impl Display) -> Self {
        Self::new(422, "out_of_range", detail).field(field)
    }

    /// The same problem, at a field, parameter or header.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The same problem with what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Display) -> Self {
        self.remedy = Some(remedy.to_string());
        self
    }

    /// The same problem, to be asked again after `wait`.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The same problem with one more member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.more.insert(name, value.into());
        self
    }
}

/// The words of RFC 9110 for a status, in lower case.
fn title(status: u16) -> &'static str {
    match status {
        400 => "bad request",
        401 => "unauthorised",
        403 => "forbidden",
        404 => "not found",
        405 => "method not allowed",
        408 => "request timeout",
        409 => "conflict",
        410 => "gone",
        413 => "content too large",
        415 => "unsupported media type",
        422 => "unprocessable content",
        429 => "too many requests",
        503 => "service unavailable",
        _ => "internal error",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_is_a_document_with_a_stable_code() {
        let problem = Problem::out_of_range("priority", "a priority is 1 to 10")
            .remedy("choose another")
            .with("oldest", 5);
        let expected = json!({
            "type": "urn:ytempire:problem:out_of_range", "title": "unprocessable content",
            "status": 422, "code": "out_of_range", "detail": "a priority is 1 to 10",
            "field": "priority", "remedy": "choose another", "oldest": 5,
        });
        assert_eq!(json!(problem), expected);
    }
}
