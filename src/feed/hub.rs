//! The place where followers subscribe.

use std::sync::Arc;

use tokio::sync::broadcast;

use super::ring::EventRing;
use crate::journal::fold::CommittedFrame;
use crate::telemetry::tick::{Tick, TickSink};

/// What a follower gets.
#[derive(Debug, Clone)]
pub enum FeedItem {
    /// Something happened, durably.
    Committed(Arc<CommittedFrame>),
    /// News that may be lost.
    Tick(Tick),
}

/// Items a slow follower may fall behind.
const FOLLOWER_LAG: usize = 8_192;

/// Fans items out. Cheap to clone; all clones are one hub.
#[derive(Debug, Clone)]
pub struct FeedHub {
    sender: broadcast::Sender<FeedItem>,
    ring: EventRing,
}

impl Default for FeedHub {
    fn default() -> Self {
        Self { sender: broadcast::channel(FOLLOWER_LAG).0, ring: EventRing::default() }
    }
}

impl FeedHub {
    /// Everything from now on. A follower that falls behind is told how many items it lost.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<FeedItem> {
        self.sender.subscribe()
    }

    /// Hands an item to all followers; without one, to nobody.
    pub fn publish(&self, item: FeedItem) {
        let _ = self.sender.send(item);
    }

    /// The latest events.
    #[must_use]
    pub fn ring(&self) -> &EventRing {
        &self.ring
    }

    /// A sink that hands ticks to the followers.
    #[must_use]
    pub fn tick_sink(&self) -> TickSink {
        let hub = self.clone();
        Arc::new(move |tick| hub.publish(FeedItem::Tick(tick)))
    }
}
