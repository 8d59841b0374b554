//! Work of a stage in a worker child, done once: its result is recorded by the child before it says
//! that it is done, and found again by whoever asks for the same work later.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::artifacts::blocking;
use crate::adapters::durable_file::io_failure;
use crate::domain::failure::Failure;
use crate::ports::job::JobControl;
use crate::worker::protocol::{Job, JobEnvelope};
use crate::worker::run::run_job;
use crate::worker::seats::Seats;

/// How much children step back for the rest of the machine (`nice(2)`).
const NICENESS: u8 = 5;
/// The file in a workbench that holds the result of finished work.
const RECORD: &str = "result.json";

/// Starts worker children.
#[derive(Debug, Clone)]
pub struct ChildRunner {
    program: PathBuf,
    execution_log: Option<PathBuf>,
    seats: Seats,
}

impl ChildRunner {
    /// Children of `program`, our own binary, that note executions in `execution_log`.
    #[must_use]
    pub fn new(program: PathBuf, execution_log: Option<PathBuf>) -> Self {
        Self { program, execution_log, seats: Seats::default() }
    }

    /// The result of `job`, found in `workbench` or made by a child.
    ///
    /// # Errors
    /// [`Failure`] of the child, or of starting it.
    pub async fn run(
        &self,
        job: Job,
        workbench: &Path,
        control: &JobControl,
    ) -> Result<Value, Failure> {
        let record = workbench.join(RECORD);
        if let Some(result) = recorded(&record).await? {
            return Ok(result);
        }
        let envelope = JobEnvelope {
            ticket: Some(control.ticket),
            record: Some(record),
            execution_log: self.execution_log.clone(),
            niceness: NICENESS,
            ..JobEnvelope::new(job)
        };
        let on_progress = |progress: crate::worker::protocol::Progress| {
            control.report(progress.done, &progress.note);
        };
        run_job(&self.program, &envelope, &self.seats, &control.cancel, on_progress).await
    }
}

async fn recorded(path: &Path) -> Result<Option<Value>, Failure> {
    let path = path.to_owned();
    blocking(move || match std::fs::read(&path) {
        // A record appears complete or not at all, so one that cannot be read is not one.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_failure("read", &path, &error)),
    })
    .await
}
