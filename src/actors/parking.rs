//! Notes in the journal that a channel's actor was given up, since the actor itself cannot.
//!
//! Architecture invariant: it writes under the generation of the dead actor, so a channel that came
//! back in the meantime is not marked as parked: its generation is higher, and the frame is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;

use crate::domain::event::Event;
use crate::domain::ids::ChannelId;
use crate::journal::fold::Fold;
use crate::journal::frame::FrameKind;
use crate::journal::queue::JournalHandle;
use crate::journal::record::{self, Commit, SCHEMA};
use crate::journal::writer::{AppendRequest, Reply};
use crate::ports::clock::Clock;
use crate::supervision::observe::{Registry, Status};
use crate::supervision::path::ActorPath;

/// The channels' actors by their paths, as they are now.
pub type ChannelPaths = Arc<dyn Fn() -> BTreeMap<ActorPath, ChannelId> + Send + Sync>;

/// Follows the registry until it is gone, and notes every channel that is parked.
pub async fn note_parked_channels(
    registry: Arc<Registry>,
    channels: ChannelPaths,
    fold: Arc<Fold>,
    journal: JournalHandle,
    clock: Arc<dyn Clock>,
) {
    let mut transitions = registry.subscribe();
    let registry = Arc::downgrade(&registry);
    loop {
        match transitions.recv().await {
            Ok(transition) => {
                let Status::Parked { reason } = transition.status else { continue };
                if let Some(channel) = channels().get(&transition.path) {
                    note(*channel, reason, &fold, &journal, clock.as_ref());
                }
            }
            Err(RecvError::Lagged(_)) => {
                let Some(registry) = registry.upgrade() else { return };
                for (path, channel) in &channels() {
                    let status = registry.view(path).map(|view| view.status);
                    if let Some(Status::Parked { reason }) = status {
                        note(*channel, reason, &fold, &journal, clock.as_ref());
                    }
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn note(
    channel: ChannelId,
    reason: String,
    fold: &Fold,
    journal: &JournalHandle,
    clock: &dyn Clock,
) {
    let (generation, is_noted) =
        fold.read(channel, |state| (state.generation, state.parked.is_some()));
    if is_noted {
        return;
    }
    let events = vec![Event::ChannelParked { reason }];
    let commit = Commit { channel, generation, at: clock.now(), correlation: None, events };
    let Ok(payload) = record::encode(&commit) else { return };
    // A refusal means that the channel is back, or the journal has stopped: then it is not parked.
    let reply = Reply::call(drop);
    let (kind, schema) = (FrameKind::Events, SCHEMA);
    journal.append(AppendRequest {
        channel,
        generation,
        kind,
        schema,
        count: 1,
        payload,
        commit: None,
        reply,
    });
}
