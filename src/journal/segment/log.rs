//! The log on disk: opening after whatever happened, appending groups, rolling over to new segments.
//!
//! Architecture invariant: a byte of a sound frame is never written again, and no error is retried.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{FileLayer, OpenFile};
use super::scan::{Found, JournalScan, Tail};
use super::{SEGMENT_HEADER, SegmentOptions, Slot, file_name, new_header};
use crate::domain::ids::Seq;
use crate::journal::frame::Frame;
use crate::journal::log::{Log, LogError, Problem, ProblemKind};

const NEW_SUFFIX: &str = ".new";

/// What opening a journal found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The first sequence number that is kept; `None` for a journal without frames.
    pub first_seq: Option<Seq>,
    /// The last sequence number.
    pub last_seq: Seq,
    /// Frames that were handed over, those after the checkpoint.
    pub frames: u64,
    /// The tail that was cut, to be logged: a group whose write did not finish.
    pub torn_tail: Option<Problem>,
}

/// A journal that was read and may be written to: between the two its reader can still refuse it,
/// and no byte has changed.
pub struct Opening {
    files: Arc<dyn FileLayer>,
    folder: PathBuf,
    tail: Option<Tail>,
    recovery: Recovery,
}

impl Opening {
    /// Reads the journal in `folder`, which need not exist. Hands every sound frame that ends after
    /// `after` (the last checkpoint's sequence, 0 without one) to `on_frame`, in order.
    ///
    /// # Errors
    /// [`LogError::Damaged`] for anything worse than a torn tail, and when frames between `after`
    /// and the first that is kept are gone; otherwise what the file layer says.
    pub fn read(
        files: Arc<dyn FileLayer>,
        folder: &Path,
        after: Seq,
        on_frame: &mut dyn FnMut(Frame),
    ) -> Result<Self, LogError> {
        let mut scan = JournalScan::begin(Arc::clone(&files), folder)?;
        let mut frames = 0;
        let mut torn_tail = None;
        for found in scan.by_ref() {
            match found? {
                Found::Frame(frame) if frame.last_seq() > after => {
                    frames += 1;
                    on_frame(frame);
                }
                Found::Frame(_) => {}
                Found::Problem(problem) if problem.kind == ProblemKind::TornTail => {
                    torn_tail = Some(problem);
                }
                Found::Problem(problem) => return Err(LogError::Damaged(problem)),
            }
        }
        if let Some(hole) = scan.hole_against(after) {
            return Err(LogError::Damaged(hole));
        }
        let recovery =
            Recovery { first_seq: scan.first_seq(), last_seq: scan.last_seq(), frames, torn_tail };
        Ok(Self { files, folder: folder.to_path_buf(), tail: scan.tail(), recovery })
    }

    /// Makes the folder if need be, cuts a torn tail, and makes everything that was handed over
    /// durable.
    ///
    /// # Errors
    /// What the file layer says.
    pub fn go_on(self, options: SegmentOptions) -> Result<(SegmentLog, Recovery), LogError> {
        let Self { files, folder, tail, recovery } = self;
        let made = files.make_folder(&folder);
        made.map_err(|error| LogError::of_io("make folder", &folder, error))?;
        remove_unfinished(files.as_ref(), &folder)?;
        let log = match tail {
            Some(tail) => SegmentLog::go_on(files, &folder, options, tail, &recovery)?,
            None => SegmentLog::create(files, &folder, options, 1, Seq(0))?,
        };
        Ok((log, recovery))
    }
}

/// The journal's segments, open for appending. One per folder, under the data folder's lock.
pub struct SegmentLog {
    files: Arc<dyn FileLayer>,
    folder: PathBuf,
    options: SegmentOptions,
    segment_id: u32,
    path: PathBuf,
    file: Box<dyn OpenFile>,
    slot: Slot,
    /// Where the next frame goes.
    offset: u64,
    /// Up to here the file exists.
    filled: u64,
    /// The last sequence that was appended.
    last_seq: Seq,
    /// The last sequence that is durable.
    synced_seq: Seq,
    zeros: Vec<u8>,
}

impl SegmentLog {
    /// Opens the journal in `folder`, or makes one: [`Opening::read`] and [`Opening::go_on`] in one.
    ///
    /// # Errors
    /// As those two.
    pub fn open(
        files: Arc<dyn FileLayer>,
        folder: &Path,
        options: SegmentOptions,
        after: Seq,
        on_frame: &mut dyn FnMut(Frame),
    ) -> Result<(Self, Recovery), LogError> {
        Opening::read(files, folder, after, on_frame)?.go_on(options)
    }

    /// Takes up the newest segment where its frames end.
    fn go_on(
        files: Arc<dyn FileLayer>,
        folder: &Path,
        options: SegmentOptions,
        tail: Tail,
        recovery: &Recovery,
    ) -> Result<Self, LogError> {
        let path = folder.join(file_name(tail.segment_id));
        let file = files.open(&path).map_err(|error| LogError::of_io("open", &path, error))?;
        let mut log = Self {
            files,
            folder: folder.to_path_buf(),
            options,
            segment_id: tail.segment_id,
            path,
            file,
            slot: tail.slot,
            offset: tail.offset,
            filled: tail.length.max(tail.offset),
            last_seq: recovery.last_seq,
            synced_seq: recovery.last_seq,
            zeros: Vec::new(),
        };
        if recovery.torn_tail.is_some() {
            // Zeros to the end, so that no piece of it is ever taken for a later frame.
            log.write_zeros(log.offset, log.filled)?;
        }
        // A killed process leaves frames that were written and not synced. They are about to have
        // effects, so they are made durable first, and the slot says so.
        log.sync_file()?;
        log.write_slot(log.slot.next(log.synced_seq, false))?;
        log.sync_file()?;
        Ok(log)
    }

    /// Makes a journal in the empty `folder` that goes on after `base`. Only the first segment of all
    /// may begin with sequence 1.
    ///
    /// # Errors
    /// What the file layer says.
    pub fn begin(
        files: Arc<dyn FileLayer>,
        folder: &Path,
        options: SegmentOptions,
        base: Seq,
    ) -> Result<Self, LogError> {
        let segment_id = if base == Seq(0) { 1 } else { 2 };
        Self::create(files, folder, options, segment_id, base)
    }

    /// Makes segment `segment_id`, whose predecessor ended with `base`.
    fn create(
        files: Arc<dyn FileLayer>,
        folder: &Path,
        options: SegmentOptions,
        segment_id: u32,
        base: Seq,
    ) -> Result<Self, LogError> {
        let path = folder.join(file_name(segment_id));
        let unfinished = folder.join(file_name(segment_id) + NEW_SUFFIX);
        let (header, slot) = new_header(segment_id, base);
        let file = files
            .create(&unfinished)
            .map_err(|error| LogError::of_io("create", &unfinished, error))?;
        let header_end = SEGMENT_HEADER as u64;
        let mut log = Self {
            files,
            folder: folder.to_path_buf(),
            options,
            segment_id,
            path: unfinished,
            file,
            slot,
            offset: header_end,
            filled: header_end,
            last_seq: base,
            synced_seq: base,
            zeros: Vec::new(),
        };
        log.write(&header, 0)?;
        log.fill_to(header_end + 1)?;
        log.sync_file()?;
        let failed = |error| LogError::of_io("rename", &path, error);
        log.files.rename(&log.path, &path).map_err(failed)?;
        let failed = |error| LogError::of_io("sync folder", folder, error);
        log.files.sync_folder(folder).map_err(failed)?;
        log.path = path;
        Ok(log)
    }

    /// Seals the full segment and goes on in a new one.
    fn roll(&mut self) -> Result<(), LogError> {
        // The last frames are durable before anything says that a successor exists.
        self.sync_file()?;
        self.synced_seq = self.last_seq;
        let successor = Self::create(
            Arc::clone(&self.files),
            &self.folder,
            self.options,
            self.segment_id.saturating_add(1),
            self.last_seq,
        )?;
        self.write_both_slots(true)?;
        *self = successor;
        Ok(())
    }

    /// Writes the exact end into both slots, each with a sync of its own, so that one survives
    /// whatever happens to the other.
    fn write_both_slots(&mut self, sealed: bool) -> Result<(), LogError> {
        for _ in 0..2 {
            self.write_slot(self.slot.next(self.synced_seq, sealed))?;
            self.sync_file()?;
        }
        Ok(())
    }

    fn write_slot(&mut self, slot: Slot) -> Result<(), LogError> {
        self.write(&slot.encode(), slot.offset())?;
        self.slot = slot;
        Ok(())
    }

    /// Writes frames that fit at the tail.
    fn write_frames(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        let end = self.offset + bytes.len() as u64;
        self.fill_to(end)?;
        self.write(bytes, self.offset)?;
        self.offset = end;
        Ok(())
    }

    /// Writes zeros ahead in whole steps until the file holds at least `end` bytes.
    fn fill_to(&mut self, end: u64) -> Result<(), LogError> {
        if end <= self.filled {
            return Ok(());
        }
        let step = self.options.fill_step.max(1);
        let wanted = end.next_multiple_of(step).min(self.options.segment_bytes).max(end);
        self.write_zeros(self.filled, wanted)?;
        self.filled = wanted;
        Ok(())
    }

    fn write_zeros(&mut self, from: u64, to: u64) -> Result<(), LogError> {
        const PIECE: usize = 1 << 20;
        let mut zeros = std::mem::take(&mut self.zeros);
        zeros.resize(PIECE, 0);
        let mut at = from;
        while at < to {
            let wanted = usize::try_from(to - at).unwrap_or(PIECE).min(PIECE);
            self.write(zeros.get(..wanted).unwrap_or(&zeros), at)?;
            at += wanted as u64;
        }
        self.zeros = zeros;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], offset: u64) -> Result<(), LogError> {
        let written = self.file.write_all_at(bytes, offset);
        written.map_err(|error| LogError::of_io("write", &self.path, error))
    }

    fn sync_file(&mut self) -> Result<(), LogError> {
        let synced = self.file.sync_data();
        synced.map_err(|error| LogError::of_io("sync", &self.path, error))
    }
}

impl Log for SegmentLog {
    fn last_seq(&self) -> Seq {
        self.last_seq
    }

    fn append(&mut self, group: &[Frame]) -> Result<(), LogError> {
        let mut bytes = Vec::new();
        for frame in group {
            if frame.first_seq.0 != self.last_seq.0 + 1 {
                let (given, last) = (frame.first_seq.0, self.last_seq.0);
                return Err(LogError::OutOfSequence { given, last });
            }
            let end = self.offset + (bytes.len() + frame.encoded_len()) as u64;
            let segment_is_empty = self.offset == SEGMENT_HEADER as u64 && bytes.is_empty();
            if end > self.options.segment_bytes && !segment_is_empty {
                self.write_frames(&bytes)?;
                bytes.clear();
                self.roll()?;
            }
            frame.encode_into(self.segment_id, &mut bytes);
            self.last_seq = frame.last_seq();
        }
        self.write_frames(&bytes)
    }

    fn sync(&mut self) -> Result<(), LogError> {
        // The slot rides on this sync, so it can only promise what an earlier one made durable.
        self.write_slot(self.slot.next(self.synced_seq, false))?;
        self.sync_file()?;
        self.synced_seq = self.last_seq;
        Ok(())
    }

    fn close(&mut self) -> Result<(), LogError> {
        self.write_both_slots(false)
    }
}

/// Removes segments whose making was interrupted: they never held a frame.
fn remove_unfinished(files: &dyn FileLayer, folder: &Path) -> Result<(), LogError> {
    let names = files.names(folder).map_err(|error| LogError::of_io("list", folder, error))?;
    for name in names.iter().filter(|name| name.ends_with(&format!(".seg{NEW_SUFFIX}"))) {
        let path = folder.join(name);
        files.remove(&path).map_err(|error| LogError::of_io("remove", &path, error))?;
    }
    Ok(())
}
