//! The actor that stands for the journal in the tree: it fails when the writer fails, and closes the
//! journal in order when the tree stops.
//!
//! Architecture invariant: fail-stop. The journal's failure is the failure of the whole node; nothing
//! is retried, and nothing that was acknowledged is lost.

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::AbortHandle;

use crate::journal::queue::JournalHandle;
use crate::supervision::envelope::{Envelope, Kind, Trace};
use crate::supervision::handle::Handle;

/// What the keeper is told.
#[derive(Debug)]
pub enum KeeperMsg {
    /// The writer failed, as the text says.
    Failed(String),
}

impl Kind for KeeperMsg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
        }
    }
}

/// The keeper of one journal.
#[derive(Clone)]
pub struct JournalKeeper {
    /// Its own handle.
    pub handle: Handle<KeeperMsg>,
    /// The way to the writer.
    pub journal: JournalHandle,
}

/// The watch over the writer; dropping it ends it.
#[derive(Debug)]
pub struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Actor for JournalKeeper {
    type Msg = Envelope<KeeperMsg>;
    type State = Watch;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Watch, ActorProcessingErr> {
        let mut failure = self.journal.failure();
        if let Some(cause) = failure.borrow().as_ref() {
            return Err(cause.to_string().into());
        }
        let handle = self.handle.clone();
        let watch = tokio::spawn(async move {
            loop {
                let text = failure.borrow_and_update().as_ref().map(ToString::to_string);
                if let Some(text) = text {
                    // A keeper that ended fails again in its next pre_start.
                    let _ = handle.cast(Trace::default(), KeeperMsg::Failed(text));
                    return;
                }
                if failure.changed().await.is_err() {
                    // The writer is gone: it was closed, and then this keeper is stopping and never
                    // reads it, or its thread died without a word.
                    let text = "the journal's writer is gone".to_owned();
                    let _ = handle.cast(Trace::default(), KeeperMsg::Failed(text));
                    return;
                }
            }
        });
        Ok(Watch(watch.abort_handle()))
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _watch: &mut Watch,
    ) -> Result<(), ActorProcessingErr> {
        let (_handling, KeeperMsg::Failed(text)) = envelope.open();
        Err(text.into())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        _watch: &mut Watch,
    ) -> Result<(), ActorProcessingErr> {
        // A failure was told through the watch already.
        let _ = self.journal.close().await;
        Ok(())
    }
}
