//! Who writes checkpoints: at a clean stop, and as the journal grows, so that a long run neither
//! keeps every segment nor makes the next start read them all.
//!
//! Architecture invariant: never on the writer's path. A checkpoint that fails costs a longer next
//! start and nothing else; only a fold of durable frames is ever written.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::fold::Fold;
use super::open::{OpenError, write_checkpoint};
use crate::domain::ids::Seq;

/// Events between two checkpoints of a running node: less than half a second of reading at the next
/// start, measured with 2 KB in each outcome.
pub const CHECKPOINT_EVERY: u64 = 100_000;

/// How often a journal that grows is looked at: to be woken by every commit would cost more.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Writes the checkpoints of one journal.
#[derive(Debug)]
pub struct Checkpointer {
    folder: PathBuf,
    fold: Arc<Fold>,
    /// The sequence of the newest checkpoint.
    newest: watch::Sender<Seq>,
    /// Held while one is written: one at a time.
    writing: Mutex<()>,
}

/// What writing a checkpoint did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The sequence up to which it holds everything.
    pub seq: Seq,
    /// Names of segments that were not needed any more and are gone.
    pub removed: Vec<String>,
}

impl Checkpointer {
    /// For the journal in `folder`, whose newest checkpoint is at `newest` (0 without one).
    #[must_use]
    pub fn new(folder: PathBuf, fold: Arc<Fold>, newest: Seq) -> Self {
        Self { folder, fold, newest: watch::channel(newest).0, writing: Mutex::new(()) }
    }

    /// Writes a checkpoint of what is committed now; `None` when the newest holds all of it. Blocks.
    ///
    /// # Errors
    /// [`OpenError`]; the checkpoints before stay.
    pub fn write(&self) -> Result<Option<Written>, OpenError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.fold.applied() == *self.newest.borrow() {
            return Ok(None);
        }
        let (seq, removed) = write_checkpoint(&self.folder, &self.fold)?;
        self.newest.send_replace(seq);
        Ok(Some(Written { seq, removed }))
    }

    /// Changes with every checkpoint: the sequence up to which it holds everything.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<Seq> {
        self.newest.subscribe()
    }

    /// Writes a checkpoint whenever `every` events have come since the last, until it is aborted.
    /// After a failure it waits for as many more.
    pub async fn keep_up(self: Arc<Self>, every: u64) {
        let mut applied = self.fold.watch_applied();
        let mut tried = *self.newest.borrow();
        loop {
            let now = *applied.borrow_and_update();
            if now.0.saturating_sub(tried.0) >= every {
                tried = now;
                let writer = Arc::clone(&self);
                match tokio::task::spawn_blocking(move || writer.write()).await {
                    Ok(Ok(written)) => tracing::debug!(?written, "checkpoint"),
                    Ok(Err(error)) => tracing::warn!(%error, "no checkpoint was written"),
                    Err(error) => tracing::warn!(%error, "no checkpoint was written"),
                }
            }
            if applied.changed().await.is_err() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
