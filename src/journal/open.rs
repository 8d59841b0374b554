//! Opening a journal: the last checkpoint, then the frames after it, into one fold; then the writer
//! that goes on.
//!
//! Architecture invariant: reading for people ([`read_only`]) changes no byte and takes no lock.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::{self, Checkpoint, Section};
use super::codec::CodecError;
use super::fold::Fold;
use super::frame::Frame;
use super::log::{LogError, Problem};
use super::queue::{GroupLimits, JournalHandle, WriterLoop, queue};
use super::record::RecordError;
use super::segment::SegmentOptions;
use super::segment::files::{DiskFiles, FileLayer};
use super::segment::log::SegmentLog;
use super::verify::Frames;
use super::writer::Writer;
use crate::domain::ids::Seq;

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
}

impl OpenError {
    /// Stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Log(error) => error.code(),
            Self::Record {
                cause: RecordError::Newer { .. } | RecordError::Encoding(_), ..
            } => "journal_newer",
            Self::Record { .. } | Self::Checkpoint { .. } => "journal_unreadable",
        }
    }

    /// Where the damage is, if it is damage.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Log(LogError::Damaged(problem)) => Some(problem),
            Self::Log(_) | Self::Record { .. } | Self::Checkpoint { .. } => None,
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
    let mut unreadable = None;
    let mut take = |frame: Frame| {
        if unreadable.is_none() {
            unreadable = take_frame(&fold, &frame).err();
        }
    };
    let after = fold.applied();
    let (log, recovery) = SegmentLog::open(files, folder, options, after, &mut take)?;
    if let Some(error) = unreadable {
        return Err(error);
    }
    let fold = Arc::new(fold);
    let (handle, writer) = drive(Box::new(log), &fold);
    let torn_tail = recovery.torn_tail;
    Ok(OpenJournal { fold, handle, writer, torn_tail, damaged_checkpoints })
}

/// A writer over `log` that folds what it commits into `fold`.
#[must_use]
pub fn drive(log: Box<dyn super::log::Log>, fold: &Arc<Fold>) -> (JournalHandle, WriterLoop) {
    let committed_into = Arc::clone(fold);
    let on_commit = Box::new(move |frame: &Frame| {
        // A frame was encoded by this very program: that it cannot be decoded is a bug that must
        // stop the journal before anything builds on it, and the writer turns a panic into that.
        assert!(committed_into.take(frame).is_ok(), "a frame just written cannot be read");
    });
    queue(Writer::new(log, fold.generations(), on_commit), GroupLimits::default())
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
    for frame in Frames::begin(files, folder, fold.applied())? {
        take_frame(&fold, &frame?)?;
    }
    Ok(fold)
}

fn take_frame(fold: &Fold, frame: &Frame) -> Result<(), OpenError> {
    let taken = fold.take(frame);
    taken.map(drop).map_err(|cause| OpenError::Record { seq: frame.first_seq.0, cause })
}

const FOLD_SECTION: &str = "fold";

fn from_checkpoint(files: &dyn FileLayer, folder: &Path) -> Result<(Fold, Vec<String>), OpenError> {
    let latest = match checkpoint::latest(files, folder) {
        Ok(latest) => latest,
        Err(LogError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok((Fold::new(), Vec::new()));
        }
        Err(error) => return Err(error.into()),
    };
    let Some(checkpoint) = latest.checkpoint else { return Ok((Fold::new(), latest.damaged)) };
    let sections = checkpoint.sections.iter().filter(|section| section.name == FOLD_SECTION);
    let parts: Vec<Vec<u8>> = sections.map(|section| section.bytes.clone()).collect();
    let fold = Fold::from_parts(checkpoint.last_seq, &parts)
        .map_err(|cause| OpenError::Checkpoint { seq: checkpoint.last_seq.0, cause })?;
    Ok((fold, latest.damaged))
}

/// Writes a checkpoint of `fold` and removes the segments before the last two. Returns the sequence
/// it holds, and the names of the segments that went.
///
/// # Errors
/// [`OpenError`]; the checkpoints before stay.
pub fn write_checkpoint(folder: &Path, fold: &Fold) -> Result<(Seq, Vec<String>), OpenError> {
    let (last_seq, parts) =
        fold.to_parts().map_err(|cause| OpenError::Checkpoint { seq: fold.applied().0, cause })?;
    let section = |bytes| Section { name: FOLD_SECTION.to_owned(), bytes };
    let sections = parts.into_iter().map(section).collect();
    checkpoint::write(&DiskFiles, folder, &Checkpoint { last_seq, sections })?;
    Ok((last_seq, checkpoint::prune_segments(&DiskFiles, folder)?))
}

/// The journal's folder inside a data folder.
#[must_use]
pub fn journal_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("journal")
}
