//! Reading segments frame by frame, and telling damage from a torn tail.
//!
//! The rule where a frame cannot be read: with a sound frame after it in the same segment, or at a
//! sequence that the header's slot calls durable, or in a segment that has a successor, it is
//! damage (`bad_frame`). Otherwise nothing but zeros means the end, and anything else is a torn
//! tail: a group whose write did not finish, or (the limit of this rule) damage to the very last
//! group before a clean close.
//!
//! After a power loss, pages of a group that was never acknowledged may be there out of order. That
//! reads as damage too: the rule errs on the side that stops and asks.
//!
//! Architecture invariant: reading changes no byte.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::FileLayer;
use super::{MAX_SEGMENT, SEGMENT_HEADER, Slot, file_name, read_header, segment_id_of};
use crate::domain::ids::Seq;
use crate::journal::frame::{ALIGN, Frame, MAGIC, decode, u32_at};
use crate::journal::log::{LogError, Problem, ProblemKind};

/// What comes next in a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A sound frame.
    Frame(Frame),
    /// Damage, or a torn tail. Frames that can still be read follow.
    Problem(Problem),
}

/// Where the newest segment ends: what a writer needs to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) segment_id: u32,
    pub(super) slot: Slot,
    /// Where the next frame goes.
    pub(super) offset: u64,
    /// The file's length: how far it is filled with zeros, but for a torn tail.
    pub(super) length: u64,
}

/// One segment, held in memory.
struct SegmentScan {
    id: u32,
    bytes: Vec<u8>,
    slot: Slot,
    offset: usize,
    /// It has a successor, so it must be complete.
    has_successor: bool,
    done: bool,
}

impl SegmentScan {
    /// The next finding; `expected` is the sequence that must follow, if it is known.
    fn next(&mut self, expected: &mut Option<u64>) -> Option<Found> {
        if self.done {
            return None;
        }
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        match decode(rest, self.id) {
            Ok((frame, taken)) => Some(self.take_frame(frame, taken, expected)),
            Err(_) => self.explain_break(expected).map(Found::Problem),
        }
    }

    fn take_frame(&mut self, frame: Frame, taken: usize, expected: &mut Option<u64>) -> Found {
        if let Some(wanted) = *expected
            && wanted != frame.first_seq.0
        {
            // The same frame is met again at the next call, and then taken.
            *expected = None;
            return Found::Problem(self.problem(self.offset, wanted, ProblemKind::Gap));
        }
        self.offset += taken;
        *expected = Some(frame.last_seq().0 + 1);
        Found::Frame(frame)
    }

    /// No sound frame begins at `offset`: the end, a torn tail, or damage.
    fn explain_break(&mut self, expected: &mut Option<u64>) -> Option<Problem> {
        let seq = expected.unwrap_or(0);
        if let Some(later) = self.later_frame(seq) {
            let problem = self.problem(self.offset, seq, ProblemKind::BadFrame);
            self.offset = later;
            *expected = None;
            return Some(problem);
        }
        self.done = true;
        let holds_no_frame = self.offset == SEGMENT_HEADER;
        let durable_is_missing = match *expected {
            Some(next) => next <= self.slot.last_seq.0,
            // The first segment that is kept begins with a frame, else it would not be kept.
            None => holds_no_frame,
        };
        if durable_is_missing || (self.has_successor && holds_no_frame) {
            // What follows in the next segment is explained by this, it is not a gap beside it.
            *expected = None;
            return Some(self.problem(self.offset, seq, ProblemKind::BadFrame));
        }
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        if rest.iter().all(|byte| *byte == 0) {
            return None;
        }
        let kind = if self.has_successor { ProblemKind::BadFrame } else { ProblemKind::TornTail };
        Some(self.problem(self.offset, seq, kind))
    }

    /// Where the next sound frame begins after the break, if there is one.
    fn later_frame(&self, at_least: u64) -> Option<usize> {
        let mut at = self.offset + ALIGN;
        while at < self.bytes.len() {
            if u32_at(&self.bytes, at) == Some(MAGIC) {
                let rest = self.bytes.get(at..).unwrap_or_default();
                let sound = decode(rest, self.id);
                if sound.is_ok_and(|(frame, _)| frame.first_seq.0 >= at_least) {
                    return Some(at);
                }
            }
            at += ALIGN;
        }
        None
    }

    fn problem(&self, offset: usize, seq: u64, kind: ProblemKind) -> Problem {
        Problem { file: file_name(self.id), offset: offset as u64, seq, kind }
    }

    fn tail(&self) -> Tail {
        Tail {
            segment_id: self.id,
            slot: self.slot,
            offset: self.offset as u64,
            length: self.bytes.len() as u64,
        }
    }
}

/// The last sequence number of which the newest segment says that it was durable, 0 for an empty
/// journal. What comes after it may be half written.
///
/// # Errors
/// [`LogError`] when the folder or the newest segment's header cannot be read.
pub fn durable_end(files: &dyn FileLayer, folder: &Path) -> Result<Seq, LogError> {
    let names = files.names(folder).map_err(|error| LogError::of_io("list", folder, error))?;
    let Some(id) = names.iter().filter_map(|name| segment_id_of(name)).max() else {
        return Ok(Seq(0));
    };
    let path = folder.join(file_name(id));
    let start = files.read_start(&path, SEGMENT_HEADER as u64);
    let start = start.map_err(|error| LogError::of_io("read", &path, error))?;
    Ok(read_header(&start, id).map_err(LogError::Damaged)?.last_seq)
}

/// All frames and problems of a journal folder, in order, one segment in memory at a time.
pub struct JournalScan {
    files: Arc<dyn FileLayer>,
    folder: PathBuf,
    /// Ids still to read, in order.
    segments: std::vec::IntoIter<u32>,
    first_id: u32,
    current: Option<SegmentScan>,
    previous_id: Option<u32>,
    expected: Option<u64>,
    last_seq: Seq,
    first_seq: Option<Seq>,
    tail: Option<Tail>,
    /// A segment after a hole is met again when the hole has been reported.
    held_back: Option<u32>,
    finished: bool,
}

impl JournalScan {
    /// Begins to read the journal in `folder`; a folder that does not exist is an empty journal.
    ///
    /// # Errors
    /// [`LogError::Io`] when the folder cannot be listed.
    pub fn begin(files: Arc<dyn FileLayer>, folder: &Path) -> Result<Self, LogError> {
        let names = files.names(folder).map_err(|error| LogError::of_io("list", folder, error))?;
        let mut ids: Vec<u32> = names.iter().filter_map(|name| segment_id_of(name)).collect();
        ids.sort_unstable();
        // Only the very first segment is known to begin with sequence 1.
        let expected = if ids.first() == Some(&1) { Some(1) } else { None };
        Ok(Self {
            files,
            folder: folder.to_path_buf(),
            first_id: ids.first().copied().unwrap_or(1),
            segments: ids.into_iter(),
            current: None,
            previous_id: None,
            expected,
            last_seq: Seq(0),
            first_seq: None,
            tail: None,
            held_back: None,
            finished: false,
        })
    }

    /// The first sequence number of the first frame met so far.
    #[must_use]
    pub fn first_seq(&self) -> Option<Seq> {
        self.first_seq
    }

    /// The last sequence number met so far, 0 before any.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        self.last_seq
    }

    /// After the end: the frames must reach back to `after` (a checkpoint's sequence, or 0) without
    /// a hole, and not end before it. Returns the hole, if there is one.
    #[must_use]
    pub fn hole_against(&self, after: Seq) -> Option<Problem> {
        let first = self.first_seq.unwrap_or(Seq(1));
        let (segment_id, seq) = if first.0 > after.0.saturating_add(1) {
            (self.first_id.saturating_sub(1).max(1), after.0 + 1)
        } else if self.last_seq < after {
            (self.previous_id.unwrap_or(0).saturating_add(1), self.last_seq.0 + 1)
        } else {
            return None;
        };
        let kind = ProblemKind::MissingSegment;
        Some(Problem { file: file_name(segment_id), offset: 0, seq, kind })
    }

    /// Where the newest segment ends; `None` without a readable segment.
    pub(super) fn tail(&self) -> Option<Tail> {
        self.tail
    }

    /// Opens the next segment, or reports why that is not the one that should come.
    fn next_segment(&mut self) -> Result<Option<Found>, LogError> {
        let Some(id) = self.held_back.take().or_else(|| self.segments.next()) else {
            self.finished = true;
            return Ok(self.missing_successor());
        };
        if let Some(previous) = self.previous_id
            && id > previous.saturating_add(1)
        {
            self.previous_id = Some(id - 1);
            self.held_back = Some(id);
            return Ok(Some(self.missing(previous.saturating_add(1))));
        }
        self.previous_id = Some(id);
        let path = self.folder.join(file_name(id));
        let bytes = self
            .files
            .read(&path, MAX_SEGMENT)
            .map_err(|error| LogError::of_io("read", &path, error))?;
        match read_header(&bytes, id) {
            Ok(slot) => {
                self.current = Some(SegmentScan {
                    id,
                    bytes,
                    slot,
                    offset: SEGMENT_HEADER,
                    has_successor: !self.segments.as_slice().is_empty(),
                    done: false,
                });
                Ok(None)
            }
            Err(problem) => {
                let seq = self.expected.take().unwrap_or(0);
                Ok(Some(Found::Problem(Problem { seq, ..problem })))
            }
        }
    }

    fn missing_successor(&mut self) -> Option<Found> {
        let newest = self.tail.filter(|tail| tail.slot.is_sealed())?;
        Some(self.missing(newest.segment_id.saturating_add(1)))
    }

    fn missing(&mut self, id: u32) -> Found {
        let seq = self.expected.take().unwrap_or(0);
        let kind = ProblemKind::MissingSegment;
        Found::Problem(Problem { file: file_name(id), offset: 0, seq, kind })
    }

    fn note(&mut self, found: &Found) {
        if let Found::Frame(frame) = found {
            self.first_seq.get_or_insert(frame.first_seq);
            self.last_seq = frame.last_seq();
        }
    }
}

impl Iterator for JournalScan {
    type Item = Result<Found, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.finished {
            if let Some(segment) = &mut self.current {
                if let Some(found) = segment.next(&mut self.expected) {
                    self.note(&found);
                    return Some(Ok(found));
                }
                self.tail = Some(segment.tail());
                self.current = None;
            }
            match self.next_segment() {
                Ok(Some(found)) => return Some(Ok(found)),
                Ok(None) => {}
                Err(error) => {
                    self.finished = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
