//! The store's follower: brings what changed into sled, behind the fold.
//!
//! Architecture invariant: it gates nothing. Whatever happens to the store, commits go on; a store
//! that fails is given up until the next start, which rebuilds it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::fold::{Fold, Point, Snapshot};
use super::rows::{RowError, mark, put_mark, put_part, remove_mark, remove_part};
use super::store::{Batch, Opened, SetAside, Store, StoreError};
use crate::domain::ids::Seq;
use crate::domain::timestamp::Timestamp;
use crate::telemetry::failpoint;

/// How long sled may take to open.
const OPEN_LIMIT: Duration = Duration::from_secs(60);
/// Rows or pieces that are written together: few enough that what is in the making is small beside
/// what is kept.
const WRITTEN_TOGETHER: usize = 128;

/// How long changes gather before they are written together: a row that changes again meanwhile is
/// written once. What is asked for outside comes from the fold, so nobody waits for it.
const GATHER: Duration = Duration::from_secs(1);

/// What a follower is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// Not to wait for more to gather until it is at this point.
    pub hurry_to: Seq,
    /// To catch up, flush and end.
    pub stop: bool,
}

/// Why the store does not follow.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The store says why.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row cannot be made or read.
    #[error(transparent)]
    Row(#[from] RowError),
}

/// A store that follows a fold.
pub struct Follower {
    store: Store,
    fold: Arc<Fold>,
    at: Point,
}

impl Follower {
    /// Opens the store in `folder` and brings it up to `fold`. One that is damaged is set aside; one
    /// that is anywhere but at this very point of this very journal is made anew. Blocks.
    ///
    /// # Errors
    /// [`FollowError`] when there can be no store now.
    pub fn open(
        folder: &Path,
        now: Timestamp,
        fold: Arc<Fold>,
    ) -> Result<(Self, Option<SetAside>), FollowError> {
        let Opened { store, set_aside } = Store::open(folder, now, OPEN_LIMIT)?;
        // Opening the journal noted what it folded as changed; the point says whether the store
        // holds it. What is committed after this is noted again.
        let at = fold.take_changes().point;
        let is_current = mark(&store)? == Some(at) && store.applied() == at.applied;
        let mut follower = Self { store, fold, at };
        if !is_current {
            follower.rebuild()?;
        }
        Ok((follower, set_aside))
    }

    /// Writes everything anew. Until the last batch the store has no mark, so that one that was
    /// interrupted is made anew again.
    fn rebuild(&mut self) -> Result<(), FollowError> {
        for rows in self.store.export()?.chunks(WRITTEN_TOGETHER) {
            let mut batch = Batch::default();
            for (key, _) in rows {
                batch.remove(key.clone());
            }
            self.store.apply(batch, Seq(0))?;
        }
        let everything = self.fold.everything();
        for parts in everything.parts.chunks(WRITTEN_TOGETHER) {
            let mut batch = Batch::default();
            for part in parts {
                put_part(&mut batch, &self.store, part)?;
            }
            self.store.apply(batch, Seq(0))?;
        }
        self.finish(Batch::default(), everything.point)
    }

    /// Brings what changed since the last time into the store: as one batch, or, when it is much, as
    /// several, before which the mark goes, so that a store of only some of them is made anew.
    ///
    /// # Errors
    /// [`FollowError`]; the store must not be used any more then.
    pub fn catch_up(&mut self) -> Result<(), FollowError> {
        let Snapshot { point, parts, gone } = self.fold.take_changes();
        if point == self.at {
            return Ok(());
        }
        let mut batch = Batch::default();
        for gone in &gone {
            remove_part(&mut batch, &self.store, gone)?;
        }
        let mut chunks = parts.chunks(WRITTEN_TOGETHER).peekable();
        while let Some(chunk) = chunks.next() {
            for part in chunk {
                put_part(&mut batch, &self.store, part)?;
            }
            if chunks.peek().is_some() {
                remove_mark(&mut batch);
                self.store.apply(std::mem::take(&mut batch), self.at.applied)?;
            }
        }
        self.finish(batch, point)
    }

    /// Applies the batch that brings the store to `point`.
    fn finish(&mut self, mut batch: Batch, point: Point) -> Result<(), FollowError> {
        put_mark(&mut batch, point)?;
        self.store.apply(batch, point.applied)?;
        failpoint::pass(failpoint::DURING_STORE);
        self.at = point;
        Ok(())
    }

    /// Follows until it is asked to stop, then flushes. Tells `at` how far it is. Blocks: for a
    /// thread of its own.
    ///
    /// # Errors
    /// [`FollowError`] when the store failed and is given up.
    pub fn follow(
        mut self,
        runtime: &tokio::runtime::Handle,
        mut asked: watch::Receiver<Asked>,
        at: &watch::Sender<Seq>,
    ) -> Result<(), FollowError> {
        let mut applied = self.fold.watch_applied();
        loop {
            applied.borrow_and_update();
            let asks = *asked.borrow_and_update();
            self.catch_up()?;
            at.send_replace(self.at.applied);
            if asks.stop {
                break;
            }
            let is_over = runtime.block_on(async {
                tokio::select! {
                    biased;
                    changed = asked.changed() => return changed.is_err(),
                    changed = applied.changed() => if changed.is_err() { return true },
                }
                if asked.borrow().hurry_to > self.at.applied {
                    return false;
                }
                let more = tokio::time::timeout(GATHER, asked.changed()).await;
                more.is_ok_and(|changed| changed.is_err())
            });
            // Nobody is left who could ask.
            if is_over {
                break;
            }
        }
        self.catch_up()?;
        self.store.flush()?;
        at.send_replace(self.at.applied);
        Ok(())
    }

    /// The store itself, to look at.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
