//! A copy of a journal, taken while its node may be writing: a backup.
//!
//! Architecture invariant: the copy holds what was durable when it began, every frame of it checked,
//! and nothing that is only half written; the journal that is copied is not changed by a byte.

use std::path::Path;
use std::sync::Arc;

use super::checkpoint;
use super::frame::Frame;
use super::log::{Log, LogError, Problem, ProblemKind};
use super::segment::SegmentOptions;
use super::segment::files::FileLayer;
use super::segment::log::SegmentLog;
use super::segment::scan::durable_end;
use super::verify::Frames;
use crate::domain::ids::Seq;

/// How often copying begins anew because segments went while it read.
const TRIES: u32 = 5;
/// Frames that are written together.
const TOGETHER: usize = 256;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The first sequence number of the copy, 0 when it is empty.
    pub first_seq: Seq,
    /// The last one: everything that was durable up to here is in it.
    pub last_seq: Seq,
    /// Frames.
    pub frames: u64,
}

/// Everything durable of a journal, where it begins and how far it goes.
pub(super) struct Durable {
    /// The newest sound checkpoint, 0 without one.
    pub(super) checkpoint: Seq,
    /// The last durable sequence number.
    pub(super) end: Seq,
}

impl Durable {
    /// Looks at the journal in `folder`.
    pub(super) fn look(files: &dyn FileLayer, folder: &Path) -> Result<Self, LogError> {
        // The checkpoint first: what it holds was durable when it was written.
        let checkpoint = checkpoint::newest_seq(files, folder)?;
        let end = durable_end(files, folder)?.max(checkpoint);
        Ok(Self { checkpoint, end })
    }

    /// Hands the frames to `on_frame`, beginning with the oldest that is kept, and says which was the
    /// last. Those up to the end must be there; after it come what the last group wrote, as far as it
    /// is whole: the file says of a group that it is durable only when the next one is.
    pub(super) fn frames<E: From<LogError>>(
        &self,
        files: &Arc<dyn FileLayer>,
        folder: &Path,
        mut on_frame: impl FnMut(Frame) -> Result<(), E>,
    ) -> Result<Seq, E> {
        let mut last = Seq(0);
        for frame in Frames::begin_anywhere(Arc::clone(files), folder)? {
            let frame = match frame {
                Ok(frame) => frame,
                // What is being written now.
                Err(LogError::Damaged(_)) if last >= self.end => break,
                Err(error) => return Err(error.into()),
            };
            last = frame.last_seq();
            on_frame(frame)?;
        }
        if last >= self.end {
            return Ok(last);
        }
        // What was durable is not there any more.
        let (seq, kind) = (last.0 + 1, ProblemKind::MissingSegment);
        let file = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Err(LogError::Damaged(Problem { file, offset: 0, seq, kind }).into())
    }
}

/// Copies the journal in `from` into the folder `to`, which must not exist.
///
/// # Errors
/// [`LogError`]: the journal is damaged, or a file cannot be read or written.
pub fn copy_journal(
    files: &Arc<dyn FileLayer>,
    from: &Path,
    to: &Path,
    options: SegmentOptions,
) -> Result<Copied, LogError> {
    let mut tries = 1;
    loop {
        match copy_once(files, from, to, options) {
            // A segment that a checkpoint made needless went between two looks.
            Err(LogError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound && tries < TRIES =>
            {
                tries += 1;
                let removed = std::fs::remove_dir_all(to);
                removed.map_err(|error| LogError::of_io("remove", to, error))?;
            }
            outcome => return outcome,
        }
    }
}

fn copy_once(
    files: &Arc<dyn FileLayer>,
    from: &Path,
    to: &Path,
    options: SegmentOptions,
) -> Result<Copied, LogError> {
    let made = files.make_folder(to);
    made.map_err(|error| LogError::of_io("make folder", to, error))?;
    let durable = Durable::look(files.as_ref(), from)?;
    if durable.checkpoint > Seq(0) {
        checkpoint::copy(files.as_ref(), from, to, durable.checkpoint)?;
    }
    let mut target = Target { files, to, options, log: None, group: Vec::new() };
    let mut copied = Copied { first_seq: Seq(0), last_seq: Seq(0), frames: 0 };
    let last_seq = durable.frames(files, from, |frame| {
        if copied.frames == 0 {
            copied.first_seq = frame.first_seq;
        }
        copied.frames += 1;
        target.add(frame)
    })?;
    copied.last_seq = last_seq;
    target.finish()?;
    Ok(copied)
}

/// The journal that is written: it begins where the first frame does.
pub(super) struct Target<'a> {
    pub(super) files: &'a Arc<dyn FileLayer>,
    pub(super) to: &'a Path,
    pub(super) options: SegmentOptions,
    pub(super) log: Option<SegmentLog>,
    pub(super) group: Vec<Frame>,
}

impl Target<'_> {
    pub(super) fn add(&mut self, frame: Frame) -> Result<(), LogError> {
        self.group.push(frame);
        if self.group.len() < TOGETHER {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), LogError> {
        let Some(first) = self.group.first() else { return Ok(()) };
        let base = Seq(first.first_seq.0 - 1);
        let mut log = match self.log.take() {
            Some(log) => log,
            None => SegmentLog::begin(Arc::clone(self.files), self.to, self.options, base)?,
        };
        log.append(&self.group)?;
        log.sync()?;
        self.group.clear();
        self.log = Some(log);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), LogError> {
        self.flush()?;
        match self.log {
            Some(mut log) => log.close(),
            None => Ok(()),
        }
    }
}
