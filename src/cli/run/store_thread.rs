//! The store of a running node, on a thread of its own.
//!
//! Architecture invariant: whatever is wrong with the store, the node goes on without it.

use std::sync::Arc;

use tokio::sync::watch;

use crate::cli::data_folder::DataFolder;
use crate::domain::ids::Seq;
use crate::journal::fold::Fold;
use crate::journal::follower::{Asked, Follower};
use crate::ports::clock::Clock;

/// The thread, and the way to end it.
pub(super) struct StoreThread {
    asked: watch::Sender<Asked>,
    at: watch::Receiver<Seq>,
    thread: tokio::task::JoinHandle<()>,
}

impl StoreThread {
    /// Lets the store catch up with what was committed, and closes it.
    pub(super) async fn stop(self) {
        self.asked.send_modify(|asked| asked.stop = true);
        // A store that failed has said so; it is rebuilt at the next start.
        let _ = self.thread.await;
    }

    /// Waits until the store holds everything up to `seq`, or has failed.
    pub(super) async fn caught_up(&self, seq: Seq) {
        self.asked.send_modify(|asked| asked.hurry_to = asked.hurry_to.max(seq));
        // A store that failed has said so.
        let _ = self.at.clone().wait_for(|at| *at >= seq).await;
    }
}

/// Puts the store on a thread of its own, opening included: a damaged or old one that must be made
/// anew holds nothing up. Whatever is wrong with it, the node goes on without.
pub(super) fn follow(folder: &DataFolder, fold: &Arc<Fold>, clock: &dyn Clock) -> StoreThread {
    let path = folder.root().join("store");
    let (now, fold) = (clock.now(), Arc::clone(fold));
    let (asked, asks) = watch::channel(Asked::default());
    let (tell_at, at) = watch::channel(Seq(0));
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
        if let Err(error) = follower.follow(&runtime, asks, &tell_at) {
            tracing::warn!(%error, "the store fell behind; it is rebuilt at the next start");
        }
    });
    StoreThread { asked, at, thread }
}
