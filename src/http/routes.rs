//! What can be asked: one table of methods, paths and endpoints.
//!
//! Architecture invariant: whatever is not in the table is a problem document: 404 for the path, 405
//! with `Allow` for the method.

use super::problem::Problem;
use super::query::decode;

/// A method that endpoints are asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Reads; also asked as HEAD.
    Get,
    /// Changes.
    Post,
    /// Removes.
    Delete,
}

impl Verb {
    /// The verb of an HTTP method; `None` for those no endpoint has.
    #[must_use]
    pub fn of(method: &str) -> Option<Self> {
        match method {
            "GET" | "HEAD" => Some(Self::Get),
            "POST" => Some(Self::Post),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// Something that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table below says what each is")]
pub enum Endpoint {
    StartWorkflow,
    ListWorkflows,
    ShowWorkflow,
    WhyWorkflow,
    Pause,
    Resume,
    Cancel,
    Retry,
    Drop,
    Reprioritise,
    Approve,
    Reject,
    Script,
    ListChannels,
    AddChannel,
    ShowChannel,
    RemoveChannel,
    PauseChannel,
    ResumeChannel,
    Trends,
    Videos,
    Analytics,
    Gpu,
    Events,
    Metrics,
    Health,
    Ready,
}

/// Every endpoint with its method and path; `{id}` stands for one segment.
pub const ROUTES: &[(Verb, &str, Endpoint)] = &[
    (Verb::Post, "/api/v1/workflows", Endpoint::StartWorkflow),
    (Verb::Get, "/api/v1/workflows", Endpoint::ListWorkflows),
    (Verb::Get, "/api/v1/workflows/{id}", Endpoint::ShowWorkflow),
    (Verb::Get, "/api/v1/workflows/{id}/why", Endpoint::WhyWorkflow),
    (Verb::Post, "/api/v1/workflows/{id}/pause", Endpoint::Pause),
    (Verb::Post, "/api/v1/workflows/{id}/resume", Endpoint::Resume),
    (Verb::Post, "/api/v1/workflows/{id}/cancel", Endpoint::Cancel),
    (Verb::Post, "/api/v1/workflows/{id}/retry", Endpoint::Retry),
    (Verb::Post, "/api/v1/workflows/{id}/drop", Endpoint::Drop),
    (Verb::Post, "/api/v1/workflows/{id}/reprioritise", Endpoint::Reprioritise),
    (Verb::Post, "/api/v1/workflows/{id}/approve", Endpoint::Approve),
    (Verb::Post, "/api/v1/workflows/{id}/reject", Endpoint::Reject),
    (Verb::Post, "/api/v1/generate/script", Endpoint::Script),
    (Verb::Get, "/api/v1/channels", Endpoint::ListChannels),
    (Verb::Post, "/api/v1/channels", Endpoint::AddChannel),
    (Verb::Get, "/api/v1/channels/{id}", Endpoint::ShowChannel),
    (Verb::Delete, "/api/v1/channels/{id}", Endpoint::RemoveChannel),
    (Verb::Post, "/api/v1/channels/{id}/pause", Endpoint::PauseChannel),
    (Verb::Post, "/api/v1/channels/{id}/resume", Endpoint::ResumeChannel),
    (Verb::Get, "/api/v1/trends", Endpoint::Trends),
    (Verb::Get, "/api/v1/videos", Endpoint::Videos),
    (Verb::Get, "/api/v1/analytics", Endpoint::Analytics),
    (Verb::Get, "/api/v1/gpu", Endpoint::Gpu),
    (Verb::Get, "/api/v1/events", Endpoint::Events),
    (Verb::Get, "/metrics", Endpoint::Metrics),
    (Verb::Get, "/healthz", Endpoint::Health),
    (Verb::Get, "/readyz", Endpoint::Ready),
];

/// An endpoint with the id in its path, empty where it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub endpoint: Endpoint,
    /// The path as the table has it.
    pub pattern: &'static str,
    /// What stands for `{id}`.
    pub id: String,
}

/// The method as figures name it: one of a few, whatever was sent.
#[must_use]
pub fn method_label(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// Finds the endpoint of a method and a path.
///
/// # Errors
/// 404 for an unknown path, 405 with `allow` for a method the path does not know.
pub fn find(method: &str, path: &str) -> Result<Found, Problem> {
    let at_path: Vec<(Verb, Found)> = ROUTES
        .iter()
        .filter_map(|(verb, pattern, endpoint)| {
            let id = matched(pattern, path)?;
            Some((*verb, Found { endpoint: *endpoint, pattern, id }))
        })
        .collect();
    if at_path.is_empty() {
        let detail = "there is nothing at this path";
        return Err(Problem::new(404, "not_found", detail));
    }
    let wanted = Verb::of(method);
    let allowed: Vec<&str> = at_path.iter().map(|(verb, _)| verb.methods()).collect();
    let allow = allowed.join(", ");
    let found = at_path.into_iter().find(|(verb, _)| Some(*verb) == wanted);
    found.map(|(_, found)| found).ok_or_else(|| {
        let detail = format!("this path is asked with {allow}");
        let mut problem = Problem::new(405, "method_not_allowed", detail);
        problem.allow = Some(allow);
        problem
    })
}

/// The id in `path` when it fits `pattern`, empty where the pattern has none.
fn matched(pattern: &str, path: &str) -> Option<String> {
    let mut id = String::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        if expected == "{id}" {
            id = decode(segment, false).filter(|id| !id.is_empty())?;
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_table_is_found_and_none_twice() {
        for (verb, pattern, endpoint) in ROUTES {
            let path = pattern.replace("{id}", "a%2Fb");
            let method = verb.methods().split(',').next().unwrap();
            let found = find(method, &path).unwrap();
            assert_eq!(found.endpoint, *endpoint);
            assert_eq!(found.id, if pattern.contains("{id}") { "a/b" } else { "" });
            let same = ROUTES.iter().filter(|(v, p, _)| (v, p) == (verb, pattern)).count();
            assert_eq!(same, 1, "{pattern}");
        }
    }

    #[test]
    fn an_unknown_path_is_404_and_a_wrong_method_405_with_what_is_allowed() {
        for path in
            ["/", "", "*", "/api/v1/workflows/", "/api/v2/workflows", "/api/v1/workflows//why"]
        {
            assert_eq!(find("GET", path).unwrap_err().status, 404, "{path}");
        }
        assert_eq!(find("GET", "/api/v1/workflows/%ff").unwrap_err().status, 404);
        let wrong = find("PUT", "/api/v1/workflows").unwrap_err();
        assert_eq!((wrong.status, wrong.allow.as_deref()), (405, Some("POST, GET, HEAD")));
        assert_eq!(find("TRACE", "/healthz").unwrap_err().status, 405);
        assert_eq!(find("HEAD", "/healthz").unwrap().endpoint, Endpoint::Health);
    }
}
