//! What the one writer needs of a log, and what can go wrong with one.
//!
//! Two logs exist: `segment::log::SegmentLog` on disk and `memory::MemoryLog` for simulation.
//!
//! Architecture invariant: after an error a log is not used again; nothing here retries a failed
//! sync, because the pages that failed may already be marked clean.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::frame::Frame;
use crate::domain::ids::Seq;

/// A sequence of frames of which a prefix is durable.
pub trait Log: Send {
    /// The sequence number of the last event in the log, durable or not; 0 when it is empty.
    fn last_seq(&self) -> Seq;

    /// Appends a group. Its frames continue the sequence densely. Nothing is durable yet.
    ///
    /// # Errors
    /// [`LogError`]; the log must not be used afterwards.
    fn append(&mut self, group: &[Frame]) -> Result<(), LogError>;

    /// Makes everything that was appended durable.
    ///
    /// # Errors
    /// [`LogError`]; the log must not be used afterwards.
    fn sync(&mut self) -> Result<(), LogError>;

    /// Closes it cleanly, so that the next open knows exactly where it ends. Only after a
    /// successful [`Log::sync`].
    ///
    /// # Errors
    /// [`LogError`]; everything synced stays durable.
    fn close(&mut self) -> Result<(), LogError>;
}

/// What kind of damage was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The last write did not finish. Harmless: nothing of it was acknowledged.
    TornTail,
    /// A frame is damaged or gone.
    BadFrame,
    /// Sequence numbers do not continue.
    Gap,
    /// A segment's header cannot be used.
    BadHeader,
    /// A segment is not there.
    MissingSegment,
}

impl ProblemKind {
    /// The stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::TornTail => "torn_tail",
            Self::BadFrame => "bad_frame",
            Self::Gap => "gap",
            Self::BadHeader => "bad_header",
            Self::MissingSegment => "missing_segment",
        }
    }
}

/// Damage, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{} in {file} at byte {offset}, at sequence {seq}", kind.code())]
pub struct Problem {
    /// The segment file's name in the journal folder.
    pub file: String,
    /// The byte in the file where it begins.
    pub offset: u64,
    /// The first sequence number that is concerned, 0 if that cannot be known.
    pub seq: u64,
    /// What it is.
    pub kind: ProblemKind,
}

/// Why a log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Acknowledged data is damaged or gone.
    #[error("the journal is damaged: {0}")]
    Damaged(Problem),
    /// There is no room for more.
    #[error("no room to {action} {}: {source}; free some disk space or raise the limit, then start again, nothing acknowledged is lost", path.display())]
    Full {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused for another reason.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A group does not continue the log's sequence: a fault of the writer, refused before a byte
    /// is written.
    #[error("frame with sequence {given} cannot follow sequence {last}")]
    OutOfSequence {
        /// The frame's first sequence number.
        given: u64,
        /// The log's last one.
        last: u64,
    },
    /// A sync was told to fail (simulation).
    #[error("the simulated disk failed a sync")]
    SimulatedSync,
    /// The fold panicked over a committed frame: the frame is durable, the process must restart.
    #[error("the fold panicked over the frame with sequence {0}")]
    FoldPanicked(u64),
}

impl LogError {
    /// Classes an error of the file layer.
    #[must_use]
    pub fn of_io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        let no_room = matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded
        );
        if no_room {
            Self::Full { action, path, source }
        } else {
            Self::Io { action, path, source }
        }
    }

    /// A stable name for feed, CLI and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged(_) => "journal_damaged",
            Self::Full { .. } => "disk_full",
            Self::Io { .. } => "journal_io",
            Self::OutOfSequence { .. } => "journal_out_of_sequence",
            Self::SimulatedSync => "journal_sync_failed",
            Self::FoldPanicked(_) => "fold_panicked",
        }
    }
}
