//! Opening a journal: the last checkpoint, then the frames after it, into one fold; then the writer
//! that goes on.
//!
//! Architecture invariant: reading for people ([`read_only`]) changes no byte and takes no lock.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::{self, Checkpoint, Section};
use super::codec::{self, CodecError};
use super::fold::{CommittedFrame, Fold, Point, Snapshot};
use super::frame::Frame;
use super::log::{LogError, Problem};
use super::part::Part;
use super::queue::{GroupLimits, JournalHandle, WriterLoop, queue};
use super::record::{self, Commit, RecordError};
use super::segment::SegmentOptions;
use super::segment::files::{DiskFiles, FileLayer};
use super::segment::log::Opening;
use super::segment::prune::remove_segments_up_to;
use super::verify::Frames;
use super::writer::{Commits, Writer};
use crate::domain::ids::{ChannelId, Seq};
use crate::domain::upcast;
use crate::telemetry::failpoint;

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log says why.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A frame whose checksum holds cannot be understood.
    #[error("the event with sequence {seq} cannot be read: {cause}")]
    Record {
        /// Its sequence number.
        seq: u64,
        /// Why.
        cause: RecordError,
    },
    /// A checkpoint whose checksum holds cannot be understood.
    #[error(
        "the checkpoint at sequence {seq} cannot be read: {cause}; use the version that wrote it"
    )]
    Checkpoint {
        /// Its sequence number.
        seq: u64,
        /// Why.
        cause: CodecError,
    },
    /// A checkpoint holds something that this version does not know.
    #[error(
        "the checkpoint at sequence {seq} holds a part {section:?} that this version does not know: \
         use the version that wrote it"
    )]
    UnknownSection {
        /// Its sequence number.
        seq: u64,
        /// The part's name.
        section: String,
    },
    /// No checkpoint is written while a channel is broken: its segments are what mends it.
    #[error("channel {channel} is broken, so the journal is kept as it is: {reason}")]
    Broken {
        /// The channel.
        channel: ChannelId,
        /// Why.
        reason: String,
    },
}

impl OpenError {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Log(error) => error.code(),
            Self::Record {
                cause: RecordError::Schema { .. } | RecordError::Encoding(_), ..
            }
            | Self::UnknownSection { .. } => "journal_newer",
            Self::Record { .. } | Self::Checkpoint { .. } => "journal_unreadable",
            Self::Broken { .. } => "channel_broken",
        }
    }

    /// Where the damage is, if it is damage.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Log(LogError::Damaged(problem)) => Some(problem),
            Self::Log(_)
            | Self::Record { .. }
            | Self::Checkpoint { .. }
            | Self::UnknownSection { .. }
            | Self::Broken { .. } => None,
        }
    }
}

/// An open journal.
pub struct OpenJournal {
    /// Everything that was committed, folded.
    pub fold: Arc<Fold>,
    /// The way to the writer.
    pub handle: JournalHandle,
    /// The writer, to be put on a thread.
    pub writer: WriterLoop,
    /// The sequence of the checkpoint it began with, 0 without one.
    pub checkpoint: Seq,
    /// A tail that was cut, to be logged.
    pub torn_tail: Option<Problem>,
    /// Checkpoints that were damaged and passed over.
    pub damaged_checkpoints: Vec<String>,
}

/// Opens the journal in `folder` for writing, or makes one. Under the data folder's lock only.
///
/// # Errors
/// [`OpenError`]; no byte of a damaged journal is changed.
pub fn open(folder: &Path, options: SegmentOptions) -> Result<OpenJournal, OpenError> {
    let files: Arc<dyn FileLayer> = Arc::new(DiskFiles);
    let (fold, damaged_checkpoints) = from_checkpoint(files.as_ref(), folder)?;
    let checkpoint = fold.applied();
    let mut unreadable = None;
    let mut take = |frame: Frame| take_unless_failed(&fold, &frame, &mut unreadable);
    let opening = Opening::read(files, folder, checkpoint, &mut take)?;
    if let Some(error) = unreadable {
        return Err(error);
    }
    failpoint::pass(failpoint::DURING_RECOVERY);
    let (log, recovery) = opening.go_on(options)?;
    let fold = Arc::new(fold);
    let (handle, writer) = drive(Box::new(log), &fold);
    let torn_tail = recovery.torn_tail;
    Ok(OpenJournal { fold, handle, writer, checkpoint, torn_tail, damaged_checkpoints })
}

/// A fold behind a writer.
struct Folding {
    fold: Arc<Fold>,
    /// What followers have not been told of.
    taken: Vec<Arc<CommittedFrame>>,
}

impl Commits for Folding {
    fn take(&mut self, frame: &Frame, commit: Option<Commit>) {
        // A frame was encoded by this very program: that it cannot be decoded is a bug that must
        // stop the journal before anything builds on it, and the writer turns a panic into that.
        let commit = commit.map_or_else(|| record::decode(frame), Ok);
        let taken = commit.and_then(|commit| self.fold.take_known(frame, commit));
        self.taken.push(taken.unwrap_or_else(|error| panic!("a frame just written: {error}")));
    }

    fn announce(&mut self) {
        self.fold.announce(self.taken.drain(..));
    }
}

/// A writer over `log` that folds what it commits into `fold`.
#[must_use]
pub fn drive(log: Box<dyn super::log::Log>, fold: &Arc<Fold>) -> (JournalHandle, WriterLoop) {
    let folding = Box::new(Folding { fold: Arc::clone(fold), taken: Vec::new() });
    queue(Writer::new(log, fold.generations(), folding), GroupLimits::default())
}

/// Folds the journal in `folder` without changing a byte. An absent journal is an empty one.
///
/// # Errors
/// [`OpenError`] as for [`open`]; a torn tail is passed over.
pub fn read_only(folder: &Path) -> Result<Fold, OpenError> {
    if !folder.exists() {
        return Ok(Fold::new());
    }
    let files: Arc<dyn FileLayer> = Arc::new(DiskFiles);
    let (fold, _) = from_checkpoint(files.as_ref(), folder)?;
    let mut unreadable = None;
    for frame in Frames::begin(files, folder, fold.applied())? {
        take_unless_failed(&fold, &frame?, &mut unreadable);
    }
    unreadable.map_or(Ok(fold), Err)
}

/// Reads on after a frame that cannot be understood: damage, which reading finds at the end at the
/// latest, is the better explanation.
fn take_unless_failed(fold: &Fold, frame: &Frame, failed: &mut Option<OpenError>) {
    if failed.is_none() {
        let seq = frame.first_seq.0;
        *failed = fold.take(frame).err().map(|cause| OpenError::Record { seq, cause });
    }
}

/// Sections of this name hold one piece of the books each.
pub(super) const FOLD_SECTION: &str = "fold-3";
/// The same as schema 2 had it.
const FOLD_SECTION_2: &str = "fold";
/// The section of this name holds the fingerprint of the history up to the checkpoint.
pub(super) const HISTORY_SECTION: &str = "history";

fn from_checkpoint(files: &dyn FileLayer, folder: &Path) -> Result<(Fold, Vec<String>), OpenError> {
    let latest = match checkpoint::latest(files, folder) {
        Ok(latest) => latest,
        Err(LogError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok((Fold::new(), Vec::new()));
        }
        Err(error) => return Err(error.into()),
    };
    let Some(checkpoint) = latest.checkpoint else { return Ok((Fold::new(), latest.damaged)) };
    Ok((fold_of(&checkpoint)?, latest.damaged))
}

fn fold_of(checkpoint: &Checkpoint) -> Result<Fold, OpenError> {
    Ok(Fold::from_snapshot(snapshot_of(checkpoint)?))
}

/// The newest sound checkpoint of the journal in `folder`: where it is, and its pieces.
///
/// # Errors
/// [`OpenError`].
pub(super) fn checkpoint_parts(folder: &Path) -> Result<(Point, Vec<Part>), OpenError> {
    let Some(checkpoint) = checkpoint::latest(&DiskFiles, folder)?.checkpoint else {
        return Ok((Point::default(), Vec::new()));
    };
    let snapshot = snapshot_of(&checkpoint)?;
    Ok((snapshot.point, snapshot.parts))
}

fn snapshot_of(checkpoint: &Checkpoint) -> Result<Snapshot, OpenError> {
    let last_seq = checkpoint.last_seq;
    let seq = last_seq.0;
    let unreadable = |cause| OpenError::Checkpoint { seq, cause };
    let point = Point { applied: last_seq, ..Point::default() };
    let mut snapshot = Snapshot { point, parts: Vec::new(), gone: Vec::new() };
    for (name, bytes) in checkpoint.sections() {
        match name {
            FOLD_SECTION => snapshot.parts.push(codec::decode(bytes).map_err(unreadable)?),
            FOLD_SECTION_2 => {
                let part = upcast::written_in(2, || codec::decode(bytes));
                snapshot.parts.push(part.map_err(unreadable)?);
            }
            HISTORY_SECTION => {
                snapshot.point.fingerprint = codec::decode(bytes).map_err(unreadable)?;
            }
            _ => return Err(OpenError::UnknownSection { seq, section: name.to_owned() }),
        }
    }
    Ok(snapshot)
}

/// Writes a checkpoint of `fold` and removes the segments before the last two. Returns the sequence
/// it holds, and the names of the segments that went. One call at a time.
///
/// # Errors
/// [`OpenError`]; the checkpoints before stay.
pub fn write_checkpoint(folder: &Path, fold: &Fold) -> Result<(Seq, Vec<String>), OpenError> {
    // The snapshot first: a channel that breaks after it is not in it.
    let Snapshot { point, parts, .. } = fold.everything();
    if let Some((channel, reason)) = fold.broken_channels().pop_first() {
        return Err(OpenError::Broken { channel, reason });
    }
    let last_seq = point.applied;
    let failed = |cause| OpenError::Checkpoint { seq: last_seq.0, cause };
    let section = |name: &str, bytes| Section { name: name.to_owned(), bytes };
    let history = codec::encode(&point.fingerprint).map_err(failed)?;
    // One section after the other: the parts share what is large with the fold, their bytes do not.
    let sections = std::iter::once(None).chain(parts.iter().map(Some)).collect::<Vec<_>>();
    let sections = sections.into_iter().map(|part| match part {
        None => Ok(section(HISTORY_SECTION, history.clone())),
        Some(part) => Ok(section(FOLD_SECTION, codec::encode(part).map_err(failed)?)),
    });
    let older = checkpoint::write::<OpenError>(&DiskFiles, folder, last_seq, sections)?;
    let removed = match older {
        Some(older) => remove_segments_up_to(&DiskFiles, folder, older)?,
        None => Vec::new(),
    };
    Ok((last_seq, removed))
}

/// The journal's folder inside a data folder.
#[must_use]
pub fn journal_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("journal")
}
