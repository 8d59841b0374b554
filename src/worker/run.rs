//! One job from start to end, for callers that only want its outcome.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::protocol::{JobEnvelope, Progress};
use super::seats::Seats;
use super::spawn::{ChildReport, spawn_job};
use crate::domain::failure::Failure;

/// How long a new attempt waits for the child of the one before to end.
pub const SEAT_PATIENCE: Duration = Duration::from_secs(10);

/// How long a child may say nothing before it is given up.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// Runs one job in a child of `program`: waits for the stage's seat, starts the child, passes its
/// progress on, and returns its outcome when the process has ended. When `cancel` is triggered the
/// child is killed, its end awaited, and the outcome is a cancelled failure.
///
/// # Errors
/// The child's own failure, or how it could not be started, crashed, fell silent or was cancelled.
pub async fn run_job(
    program: &Path,
    envelope: &JobEnvelope,
    seats: &Seats,
    cancel: &CancellationToken,
    mut on_progress: impl FnMut(Progress),
) -> Result<Value, Failure> {
    let stopped = || Failure::cancelled("the work was stopped on request");
    let seat = match &envelope.ticket {
        None => None,
        Some(ticket) => tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(stopped()),
            seat = seats.take(ticket, SEAT_PATIENCE) => Some(seat?),
        },
    };
    let mut child = spawn_job(program, envelope, seat, SILENCE_LIMIT).await?;
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                child.cancel().await;
                return Err(stopped());
            }
            report = child.next() => match report {
                ChildReport::Progress(progress) => on_progress(progress),
                ChildReport::Ended(outcome) => return outcome,
            },
        }
    }
}
