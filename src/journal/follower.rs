//! The store's follower: brings the state of changed channels into sled, behind the fold.
//!
//! Architecture invariant: it gates nothing. Whatever happens to the store, commits go on; a store
//! that fails is given up until the next start, which rebuilds it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::codec::CodecError;
use super::fold::Fold;
use super::rows::put_channel;
use super::store::{Batch, Opened, SetAside, Store, StoreError};
use crate::domain::ids::Seq;
use crate::domain::timestamp::Timestamp;

/// How long sled may take to open.
const OPEN_LIMIT: Duration = Duration::from_secs(60);

/// Why the store does not follow.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The store says why.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row cannot be encoded.
    #[error("a row cannot be written: {0}")]
    Row(#[from] CodecError),
}

/// A store that follows a fold.
pub struct Follower {
    store: Store,
    fold: Arc<Fold>,
}

impl Follower {
    /// Opens the store in `folder` and brings it up to `fold`. One that is damaged, or that is not
    /// at a point of this journal's past, is set aside or rebuilt. Blocks.
    ///
    /// # Errors
    /// [`FollowError`] when there can be no store now.
    pub fn open(
        folder: &Path,
        now: Timestamp,
        fold: Arc<Fold>,
    ) -> Result<(Self, Option<SetAside>), FollowError> {
        let Opened { store, set_aside } = Store::open(folder, now, OPEN_LIMIT)?;
        let mut follower = Self { store, fold };
        if follower.store.applied() != follower.fold.applied() {
            follower.rebuild()?;
        }
        Ok((follower, set_aside))
    }

    /// Writes every channel anew.
    fn rebuild(&mut self) -> Result<(), FollowError> {
        let mut stale = Batch::default();
        for (key, _) in self.store.export()? {
            stale.remove(key);
        }
        self.store.apply(stale, Seq(0))?;
        drop(self.fold.take_dirty());
        let applied = self.fold.applied();
        for channel in self.fold.channels() {
            let mut batch = Batch::default();
            put_channel(&mut batch, channel, &self.fold.state(channel))?;
            self.store.apply(batch, Seq(0))?;
        }
        self.store.apply(Batch::default(), applied)?;
        Ok(())
    }

    /// Brings what changed since the last time into the store.
    ///
    /// # Errors
    /// [`FollowError`]; the store must not be used any more then.
    pub fn catch_up(&mut self) -> Result<(), FollowError> {
        // The sequence is read first: what is committed after that is dirty again.
        let applied = self.fold.applied();
        let mut batch = Batch::default();
        for channel in self.fold.take_dirty() {
            put_channel(&mut batch, channel, &self.fold.state(channel))?;
        }
        self.store.apply(batch, applied)?;
        Ok(())
    }

    /// Follows until `stop` says so, then flushes. Blocks: for a thread of its own.
    ///
    /// # Errors
    /// [`FollowError`] when the store failed and is given up.
    pub fn follow(
        mut self,
        runtime: &tokio::runtime::Handle,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), FollowError> {
        let mut applied = self.fold.watch_applied();
        loop {
            applied.borrow_and_update();
            self.catch_up()?;
            if *stop.borrow() {
                break;
            }
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = stop.changed() => {}
                    _ = applied.changed() => {}
                }
            });
        }
        self.catch_up()?;
        self.store.flush()?;
        Ok(())
    }

    /// The store itself, to look at.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
