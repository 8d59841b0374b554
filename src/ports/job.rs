//! What a piece of work may know of the one who asked for it: when to stop, where to report.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::domain::failure::Failure;
use crate::domain::ticket::Ticket;

/// Reports how far a job is: a fraction in [0, 1] and a few words.
pub type ProgressSink = Arc<dyn Fn(f64, &str) + Send + Sync>;

/// Handed to every adapter that does a stage's work.
#[derive(Clone)]
pub struct JobControl {
    /// Which attempt the work belongs to.
    pub ticket: Ticket,
    /// Fires when the work must stop at once.
    pub cancel: CancellationToken,
    /// Takes progress; every report is also a heartbeat.
    pub progress: ProgressSink,
}

impl JobControl {
    /// Says how far the work is.
    pub fn report(&self, done: f64, note: &str) {
        (self.progress)(done.clamp(0.0, 1.0), note);
    }

    /// Stops here if the work was cancelled.
    ///
    /// # Errors
    /// [`Failure`] of class `Cancelled` once the work was cancelled.
    pub fn check(&self) -> Result<(), Failure> {
        if self.cancel.is_cancelled() {
            return Err(Failure::cancelled("the work was cancelled"));
        }
        Ok(())
    }
}
