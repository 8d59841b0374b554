//! One request: read, guarded, routed, carried out, answered.
//!
//! Architecture invariant: every way through here ends in an answer; nothing an outsider sends makes
//! it panic or wait for ever.

use std::convert::Infallible;
use std::sync::Arc;

use serde_json::json;
use tokio::time::Instant;
use warp::filters::path::FullPath;
use warp::host::Authority;
use warp::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use warp::http::{HeaderMap, Method, Response};
use warp::{Filter, Rejection, Reply};

use super::answer::Answer;
use super::body::{self, Body};
use super::guard::Guard;
use super::orchestrator::Orchestrator;
use super::problem::Problem;
use super::query::Query;
use super::replay::{Replay, key_reused};
use super::routes::{self, Endpoint, Found};
use super::{analytics, channels, events, gpu, health, metrics, script, trends, videos, workflows};
use crate::actors::messages::RequestNote;
use crate::domain::artifact::Digest;
use crate::domain::channel::ChannelState;
use crate::domain::ids::CommandId;

/// The header that makes a command idempotent.
const KEY: &str = "idempotency-key";

/// A request that was let in and found its endpoint.
#[derive(Debug)]
pub struct Call {
    /// What stands for `{id}` in the path.
    pub id: String,
    /// The parameters.
    pub query: Query,
    /// The command's id: the `Idempotency-Key`, or one that was drawn.
    pub command: CommandId,
    /// The body, empty for endpoints that take none.
    pub body: Vec<u8>,
    /// Digest of everything that is asked for, when the command's id came from outside: then its
    /// answer is kept.
    pub request: Option<Digest>,
}

impl Call {
    /// The note that keeps the answer of a command whose id came from outside.
    pub(super) fn note(
        &self,
        status: u16,
        render: impl Fn(&ChannelState) -> String + Send + Sync + 'static,
    ) -> Option<Box<RequestNote>> {
        let (id, request) = (self.command.clone(), self.request?);
        Some(Box::new(RequestNote { id, request, status, render: Arc::new(render) }))
    }
}

/// A request as it came.
struct Raw {
    method: Method,
    authority: Option<Authority>,
    path: FullPath,
    query: String,
    headers: HeaderMap,
    body: Body,
}

/// The filter that answers every request.
pub fn api(
    node: Arc<Orchestrator>,
    guard: Guard,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone + Send + Sync + 'static {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(warp::host::optional())
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method, authority, path, query, headers: HeaderMap, stream| {
            let (node, guard) = (Arc::clone(&node), guard.clone());
            async move {
                let body = body::read(stream, announced_length(&headers)).await;
                let raw = Raw { method, authority, path, query, headers, body };
                respond(&node, &guard, raw).await
            }
        })
        .recover(|_: Rejection| async { Ok::<_, Infallible>(malformed_host()) })
}

/// warp refuses a request only when its host cannot be read.
fn malformed_host() -> Response<Vec<u8>> {
    let detail = "the request's host cannot be read";
    let problem = Problem::new(400, "malformed_request", detail).field("host");
    Answer::from(problem).into_response()
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn respond(node: &Orchestrator, guard: &Guard, raw: Raw) -> Response<Vec<u8>> {
    let asked = Instant::now();
    let found = routes::find(raw.method.as_str(), raw.path.as_str());
    // What is not in the table is counted as one: a label must not come from a request.
    let endpoint = found.as_ref().map_or("none", |found| found.pattern);
    let method = routes::method_label(raw.method.as_str());
    let answer = answer(node, guard, raw, found).await.unwrap_or_else(Answer::from);
    node.metrics.answered(endpoint, method, asked.elapsed());
    if answer.status >= 500 {
        tracing::warn!(status = answer.status, body = answer.body, "a request failed");
    }
    answer.into_response()
}

async fn answer(
    node: &Orchestrator,
    guard: &Guard,
    raw: Raw,
    found: Result<Found, Problem>,
) -> Result<Answer, Problem> {
    let path = raw.path.as_str();
    guard.check(raw.authority.as_ref(), &raw.headers, path)?;
    let Found { endpoint, id, .. } = found?;
    let query = Query::parse(&raw.query)?;
    if raw.method != Method::POST {
        let command = drawn_command(node)?;
        let call = Call { id, query, command, body: Vec::new(), request: None };
        return carry_out(node, endpoint, &call).await;
    }
    query.only(&[])?;
    let key = key_of(&raw.headers)?;
    let body = match raw.body {
        Body::Whole(body) => body,
        Body::Bad(problem) => return Err(*problem),
    };
    let content_type = raw.headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    body::check_content_type(content_type, &body)?;
    let request = digest_of(path, &body)?;
    match key {
        Some(command) => {
            let call = Call { id, query, command, body, request: Some(request) };
            once(node, endpoint, &call, request).await
        }
        None => {
            let command = drawn_command(node)?;
            let call = Call { id, query, command, body, request: None };
            carry_out(node, endpoint, &call).await
        }
    }
}

/// Carries a command with a key out, or gives its first answer again.
async fn once(
    node: &Orchestrator,
    endpoint: Endpoint,
    call: &Call,
    request: Digest,
) -> Result<Answer, Problem> {
    let first = match node.replays.begin(&call.command, request).await? {
        Replay::Again(answer) => return Ok(answer),
        Replay::First(first) => first,
    };
    if node.is_used_for_another(&call.command, request) {
        return Err(key_reused(&call.command));
    }
    let answer = carry_out(node, endpoint, call).await.unwrap_or_else(Answer::from);
    // What was decided is kept; a wrong request, a full or a stopping node may be asked again.
    let is_decided = matches!(answer.status, 200 | 201 | 409);
    if is_decided {
        first.keep(&answer, node.clock.now());
    }
    Ok(answer)
}

/// Two requests are the same when they ask for the same path with the same JSON.
fn digest_of(path: &str, body: &[u8]) -> Result<Digest, Problem> {
    let value = body::canonical(body)?;
    Ok(Digest::of(json!([path, value]).to_string().as_bytes()))
}

fn key_of(headers: &HeaderMap) -> Result<Option<CommandId>, Problem> {
    let mut keys = headers.get_all(KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let text = key.to_str().ok().filter(|_| keys.next().is_none());
    let command = text.and_then(|text| CommandId::new(text).ok());
    command.map(Some).ok_or_else(|| {
        let detail = "an Idempotency-Key has 1 to 200 visible ASCII characters and comes once";
        Problem::new(400, "malformed_idempotency_key", detail).field(KEY)
    })
}

/// A command id for a request that came without one.
fn drawn_command(node: &Orchestrator) -> Result<CommandId, Problem> {
    let drawn = format!("api-{:016x}{:016x}", node.entropy.draw(), node.entropy.draw());
    CommandId::new(drawn).map_err(|error| Problem::new(500, "no_command_id", error))
}

async fn carry_out(
    node: &Orchestrator,
    endpoint: Endpoint,
    call: &Call,
) -> Result<Answer, Problem> {
    match endpoint {
        Endpoint::StartWorkflow => workflows::start(node, call).await,
        Endpoint::ListWorkflows => workflows::answer_list(node, &call.query),
        Endpoint::ShowWorkflow => {
            call.query.only(&[])?;
            Answer::json(200, &workflows::view(&node.fold, &node.archive, &call.id)?)
        }
        Endpoint::WhyWorkflow => {
            call.query.only(&[])?;
            Answer::json(200, &workflows::why(&node.fold, &node.archive, &call.id)?)
        }
        Endpoint::Pause
        | Endpoint::Resume
        | Endpoint::Cancel
        | Endpoint::Retry
        | Endpoint::Drop
        | Endpoint::Reprioritise
        | Endpoint::Approve
        | Endpoint::Reject => workflows::command(node, call, endpoint).await,
        Endpoint::Script => script::write(node, call).await,
        Endpoint::ListChannels => channels::answer_list(node, &call.query),
        Endpoint::AddChannel => channels::add(node, call).await,
        Endpoint::ShowChannel => channels::show(node, call),
        Endpoint::RemoveChannel => channels::remove(node, call).await,
        Endpoint::PauseChannel | Endpoint::ResumeChannel => {
            channels::command(node, call, endpoint).await
        }
        Endpoint::Trends => trends::answer_list(node, &call.query).await,
        Endpoint::Videos => videos::answer_list(node, &call.query),
        Endpoint::Analytics => analytics::answer_list(&call.query),
        Endpoint::Gpu => gpu::show(node, &call.query).await,
        Endpoint::Events => events::page(node, &call.query).await,
        Endpoint::Metrics => metrics::show(node, &call.query).await,
        Endpoint::Health => health::alive(),
        Endpoint::Ready => health::ready(node),
    }
}
