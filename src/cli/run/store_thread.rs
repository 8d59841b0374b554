//! The store of a running node, on a thread of its own.
//!
//! Architecture invariant: whatever is wrong with the store, the node goes on without it.

use std::sync::Arc;

use tokio::sync::watch;

use crate::cli::data_folder::DataFolder;
use crate::journal::fold::Fold;
use crate::journal::follower::Follower;
use crate::ports::clock::Clock;

/// The thread, and the way to end it.
pub(super) struct StoreThread {
    stop: watch::Sender<bool>,
    thread: tokio::task::JoinHandle<()>,
}

impl StoreThread {
    /// Lets the store catch up with what was committed, and closes it.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        // A store that failed has said so; it is rebuilt at the next start.
        let _ = self.thread.await;
    }
}

/// Puts the store on a thread of its own, opening included: a damaged or old one that must be made
/// anew holds nothing up. Whatever is wrong with it, the node goes on without.
pub(super) fn follow(folder: &DataFolder, fold: &Arc<Fold>, clock: &dyn Clock) -> StoreThread {
    let path = folder.root().join("store");
    let (now, fold) = (clock.now(), Arc::clone(fold));
    let (stop, stopping) = watch::channel(false);
    let runtime = tokio::runtime::Handle::current();
    let thread = tokio::task::spawn_blocking(move || {
        let (follower, set_aside) = match Follower::open(&path, now, fold) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(%error, "the store is not kept up in this run");
                return;
            }
        };
        if let Some(aside) = set_aside {
            let (cause, path) = (aside.cause, aside.path.display());
            tracing::warn!(%cause, %path, "the store was damaged: set aside and rebuilt");
        }
        if let Err(error) = follower.follow(&runtime, stopping) {
            tracing::warn!(%error, "the store fell behind; it is rebuilt at the next start");
        }
    });
    StoreThread { stop, thread }
}
