//! Starting one incarnation of a child: in its place, within its limit, with panics caught.
//!
//! Architecture invariant: a start always ends with a report to the supervisor, or with the
//! supervisor's own end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ractor::ActorCell;
use tokio::sync::Semaphore;

use super::caught::{caught, panic_text};
use super::handle::StartContext;
use super::path::Incarnation;
use super::spec::{ChildSpec, Role};
use super::start_error::StartError;

/// Starts the incarnation of `context`. A respawn of a worker waits for one of the places first.
pub(super) async fn start_child(
    spec: ChildSpec,
    context: StartContext,
    places: Arc<Semaphore>,
) -> Result<ActorCell, StartError> {
    let is_respawn = context.incarnation > Incarnation(1);
    let needs_place = is_respawn && spec.role == Role::Worker;
    // The semaphore is never closed; if it were, starting without a place beats never starting.
    let _place = if needs_place { places.acquire_owned().await.ok() } else { None };
    let limit = spec.start_limit;
    match tokio::time::timeout(limit, guarded_start(&spec, context)).await {
        Ok(result) => result,
        Err(_) => Err(StartError::TimedOut(limit)),
    }
}

/// Runs the spec's start; a panic in it becomes a failed start.
async fn guarded_start(spec: &ChildSpec, context: StartContext) -> Result<ActorCell, StartError> {
    let begun = catch_unwind(AssertUnwindSafe(|| (spec.start)(context)));
    let start = begun.map_err(|panic| StartError::Failed(panic_text(&*panic)))?;
    caught(start).await.map_err(StartError::Failed)?
}
