//! Ticks: news that may be lost, about work that is under way.

use std::sync::Arc;

use crate::domain::disk::DiskState;
use crate::domain::ids::{ChannelId, ChannelName};
use crate::domain::ticket::Ticket;

/// News without a sequence number.
#[derive(Debug, Clone, PartialEq)]
pub enum Tick {
    /// A stage is this far.
    StageProgressed {
        /// In which channel.
        channel: ChannelName,
        /// Which attempt.
        ticket: Ticket,
        /// A fraction in [0, 1].
        done: f64,
        /// A few words.
        note: String,
    },
    /// A source of a channel could not be read, or not wholly.
    SourceProblem {
        /// In which channel.
        channel: ChannelName,
        /// What was wrong and what to do.
        message: String,
    },
    /// A lease of the broker was granted, given back or taken away.
    Lease {
        /// What happened.
        news: LeaseNews,
        /// The lease's number.
        lease: u64,
        /// For which channel it is.
        channel: ChannelId,
    },
    /// What the room on the disk means has changed.
    DiskLevel {
        /// How much there is and what it means now.
        state: DiskState,
    },
}

/// What became of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseNews {
    /// It was granted.
    Granted,
    /// Its holder gave it back.
    Released,
    /// It was taken away: held for too long, or its holder was silent.
    Revoked,
}

/// Takes ticks; never blocks.
pub type TickSink = Arc<dyn Fn(Tick) + Send + Sync>;
