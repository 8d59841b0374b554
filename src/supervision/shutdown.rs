//! Stopping actors in order, each with its deadline, and saying who had to be killed.
//!
//! Why it exists: ractor kills the children of a parent that ends, without their `post_stop`. So a
//! parent stops its children itself, before it ends.
//!
//! Architecture invariant: every stop comes to an end within its deadline and [`KILL_GRACE`].

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ractor::ActorCell;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::path::{ActorPath, Incarnation};
use super::stats::whole_millis;

/// How long a killed actor may take to be gone. A kill interrupts every await at once; only code
/// that blocks its thread survives it longer.
pub const KILL_GRACE: Duration = Duration::from_secs(1);

/// Records a [`ShutdownLog`] keeps; older ones go.
const RECORDS_KEPT: usize = 4_096;

/// How an actor went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopOutcome {
    /// In order, or it was down already.
    Stopped,
    /// It missed its deadline and was killed: its `post_stop` did not run or did not end.
    Killed,
    /// It blocks its thread and outlived even the kill. It is left behind; its incarnation is over.
    Abandoned,
}

/// One actor's way down in an ordered shutdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StopRecord {
    /// Whose.
    pub path: ActorPath,
    /// Which life ended.
    pub incarnation: Incarnation,
    /// How.
    pub outcome: StopOutcome,
    /// From the request to the end, in milliseconds.
    pub took_ms: u64,
}

/// The records of the ordered shutdowns of one engine, in the order in which the actors went down.
#[derive(Debug, Default)]
pub struct ShutdownLog(Mutex<VecDeque<StopRecord>>);

impl ShutdownLog {
    /// Adds a record; the oldest goes when there are more than 4,096.
    pub fn add(&self, record: StopRecord) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == RECORDS_KEPT {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// Everything recorded so far.
    #[must_use]
    pub fn report(&self) -> ShutdownReport {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ShutdownReport { stopped: records.iter().cloned().collect() }
    }
}

/// How an ordered shutdown went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ShutdownReport {
    /// Everyone who was stopped, first to last.
    pub stopped: Vec<StopRecord>,
}

impl ShutdownReport {
    /// Those who did not stop in time.
    pub fn forced(&self) -> impl Iterator<Item = &StopRecord> {
        self.stopped.iter().filter(|record| record.outcome != StopOutcome::Stopped)
    }
}

/// An actor that is to go down.
#[derive(Debug, Clone)]
pub struct Departing {
    /// Where it is in the tree.
    pub path: ActorPath,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// The actor.
    pub cell: ActorCell,
    /// How long an orderly stop may take.
    pub deadline: Duration,
}

/// Asks `cell` to stop, waits at most `deadline`, then kills it.
///
/// An actor finishes the message it handles before it stops; what waits in its mailbox is dropped.
pub async fn stop_actor(cell: &ActorCell, deadline: Duration) -> StopOutcome {
    cell.stop(None);
    if cell.wait(Some(deadline)).await.is_ok() {
        return StopOutcome::Stopped;
    }
    cell.kill();
    match cell.wait(Some(KILL_GRACE)).await {
        Ok(()) => StopOutcome::Killed,
        Err(_) => StopOutcome::Abandoned,
    }
}

/// Kills all of `cells` at once and waits until they are gone, at most [`KILL_GRACE`] for each.
pub(super) async fn kill_all(cells: Vec<ActorCell>) {
    for cell in &cells {
        cell.kill();
    }
    for cell in &cells {
        // One that blocks its thread is left behind.
        let _ = cell.wait(Some(KILL_GRACE)).await;
    }
}

/// Stops all of `group` at once, waits until all are down, and records each in `log`.
pub async fn stop_group(group: Vec<Departing>, log: &ShutdownLog) {
    let mut stops = JoinSet::new();
    for departing in group {
        stops.spawn(async move {
            let asked = Instant::now();
            let outcome = stop_actor(&departing.cell, departing.deadline).await;
            let took_ms = whole_millis(Instant::now().saturating_duration_since(asked));
            let Departing { path, incarnation, .. } = departing;
            StopRecord { path, incarnation, outcome, took_ms }
        });
    }
    while let Some(joined) = stops.join_next().await {
        // Only a runtime that is going away cancels these tasks; then there is nobody to tell.
        if let Ok(record) = joined {
            log.add(record);
        }
    }
}
