//! Events that are older than what is kept in memory, from the journal's segments.
//!
//! Architecture invariant: read-only, beside a running writer; what the journal no longer holds is
//! told as expired and never passed over.

use std::path::Path;
use std::sync::Arc;

use super::view::{EventView, event_views};
use crate::domain::ids::{ChannelId, Seq};
use crate::journal::fold::CommittedFrame;
use crate::journal::log::LogError;
use crate::journal::record::{self, RecordError};
use crate::journal::segment::files::DiskFiles;
use crate::journal::verify::Frames;

/// What the journal holds after a sequence number.
#[derive(Debug, Clone, PartialEq)]
pub enum Older {
    /// The next events, in order.
    Events(Vec<EventView>),
    /// The next event is gone; the oldest that is kept has this number.
    Expired {
        /// The oldest sequence number that is kept.
        oldest: Seq,
    },
}

/// Why older events cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OlderError {
    /// The journal's files say why.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A frame cannot be understood.
    #[error("the event with sequence {seq} cannot be read: {cause}")]
    Record {
        /// Its sequence number.
        seq: u64,
        /// Why.
        cause: RecordError,
    },
}

impl OlderError {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Log(error) => error.code(),
            Self::Record { .. } => "journal_unreadable",
        }
    }
}

/// Reads at most `most` events after `after`, none beyond `until`. Blocks; one segment of the
/// journal is in memory at a time. `name_of` gives the names of channels.
///
/// # Errors
/// [`OlderError`] when the journal is damaged or cannot be read.
pub fn read_older(
    journal: &Path,
    after: Seq,
    until: Seq,
    most: usize,
    name_of: &dyn Fn(ChannelId) -> String,
) -> Result<Older, OlderError> {
    let mut events: Vec<EventView> = Vec::new();
    for frame in Frames::begin(Arc::new(DiskFiles), journal, after)? {
        let frame = frame?;
        if events.is_empty() && frame.first_seq.0 > after.0 + 1 {
            return Ok(Older::Expired { oldest: frame.first_seq });
        }
        let seq = frame.first_seq.0;
        let commit = record::decode(&frame).map_err(|cause| OlderError::Record { seq, cause })?;
        let name = name_of(commit.channel);
        let frame = CommittedFrame { first_seq: frame.first_seq, commit };
        let wanted = |event: &EventView| event.seq() > after && event.seq() <= until;
        events.extend(event_views(&frame, &name).into_iter().filter(wanted));
        if events.len() >= most || events.last().is_some_and(|event| event.seq() >= until) {
            break;
        }
    }
    events.truncate(most);
    Ok(Older::Events(events))
}
