//! Starting one incarnation of a child, in its place, within its limit, with panics caught; and
//! giving a start up.
//!
//! Architecture invariant: a start always ends with a report to the supervisor, or with the
//! supervisor's own end; a start that failed or was given up leaves nothing running.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorCell;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::caught::{caught, panic_text};
use super::child::Task;
use super::cradle::Cradle;
use super::handle::StartContext;
use super::path::Incarnation;
use super::shutdown::{StopOutcome, stop_actor};
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
    let cradle = context.cradle.clone();
    let started = match tokio::time::timeout(limit, guarded_start(&spec, context)).await {
        Ok(result) => result,
        Err(_) => Err(StartError::TimedOut(limit)),
    };
    if started.is_err()
        && let Some(cell) = cradle.take()
    {
        stop_actor(&cell, spec.shutdown).await;
    }
    started
}

/// Runs the spec's start; a panic in it becomes a failed start.
async fn guarded_start(spec: &ChildSpec, context: StartContext) -> Result<ActorCell, StartError> {
    let begun = catch_unwind(AssertUnwindSafe(|| (spec.start)(context)));
    let start = begun.map_err(|panic| StartError::Failed(panic_text(&*panic)))?;
    caught(start).await.map_err(StartError::Failed)?
}

/// Gives a start up, and stops what of it lives already, all within `deadline` and the grace of a
/// kill. A start that blocks its thread is left behind; its supervisor refuses what comes of it.
pub(super) async fn give_up(
    mut start: Task<Option<ActorCell>>,
    cradle: &Cradle,
    deadline: Duration,
) -> StopOutcome {
    let asked = Instant::now();
    start.0.abort();
    let Ok(joined) = tokio::time::timeout(deadline, &mut start.0).await else {
        return StopOutcome::Abandoned;
    };
    let cell = joined.ok().flatten().or_else(|| cradle.take());
    match cell {
        Some(cell) => stop_actor(&cell, deadline.saturating_sub(asked.elapsed())).await,
        None => StopOutcome::Stopped,
    }
}
