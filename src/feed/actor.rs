//! The actor that brings commits from the fold to the hub and to the figures.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::AbortHandle;

use super::hub::{FeedHub, FeedItem};
use crate::domain::ids::ChannelId;
use crate::journal::fold::Fold;
use crate::telemetry::metrics::Metrics;

/// Brings commits from the fold to the hub.
#[derive(Debug, Clone)]
pub struct FeedActor {
    /// Where commits come from.
    pub fold: Arc<Fold>,
    /// Where they go.
    pub hub: FeedHub,
    /// Where they are counted.
    pub metrics: Metrics,
}

/// The forwarding under way; dropping it ends it.
#[derive(Debug)]
pub struct Forwarding(AbortHandle);

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The name of a channel as its journal gives it; its id before that.
#[must_use]
pub fn channel_name(fold: &Fold, channel: ChannelId) -> String {
    let name = fold.read(channel, |state| state.name.clone());
    name.map_or_else(|| channel.to_string(), String::from)
}

impl Actor for FeedActor {
    type Msg = ();
    type State = Forwarding;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<()>,
        (): (),
    ) -> Result<Forwarding, ActorProcessingErr> {
        let mut commits = self.fold.subscribe();
        let (fold, hub) = (Arc::clone(&self.fold), self.hub.clone());
        let metrics = self.metrics.clone();
        hub.ring().begin_after(fold.applied());
        let forwarding = tokio::spawn(async move {
            loop {
                match commits.recv().await {
                    Ok(commit) => {
                        let committed = &commit.commit;
                        let name = || channel_name(&fold, committed.channel);
                        committed.events.iter().for_each(|event| {
                            metrics.note(name, committed.at, event);
                        });
                        hub.ring().push(Arc::clone(&commit));
                        hub.publish(FeedItem::Committed(commit));
                    }
                    // Followers see the gap in the sequence numbers and start over.
                    Err(RecvError::Lagged(_)) => hub.ring().begin_after(fold.applied()),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Ok(Forwarding(forwarding.abort_handle()))
    }
}
