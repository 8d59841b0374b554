//! Segment files: `%016x.seg` in the journal folder, named by their id, which counts from 1.
//!
//! ```text
//!    0 "YTJSEG01" | 8 segment_id u32 | 12 format u32 (1) | zero
//!  512 slot 0: turn u64 | last_seq u64 | crc32c u32 (of the 16 bytes before)
//! 1024 slot 1: the same
//! 4096 frames, each at a multiple of 8; then zeros, filled ahead
//! ```
//! All numbers little-endian. The valid slot with the higher turn counts: its `last_seq` was durable
//! when the slot was written, so a frame up to it that cannot be read is damage and never a torn
//! tail. A group's slot is written with the group and rides on its sync, so it tells the last
//! sequence of the group *before*; after a clean close both slots are exact. When a segment is full
//! its successor is made first, then both its slots are written with [`SEALED`] set in `turn`: a
//! sealed segment without a successor betrays a deleted file.
//!
//! **Filled ahead**: a write into bytes that exist needs no change of the file system's own records,
//! which makes a sync about five times cheaper. Zeros are written in steps of
//! [`SegmentOptions::fill_step`] (1 MiB) as the tail approaches, up to
//! [`SegmentOptions::segment_bytes`] (64 MiB): a new journal costs its user a few milliseconds and a
//! small one no 64 MiB of disk. Measured: steps of 1, 4, 8 and 64 MiB give the same throughput, but
//! the group that pays for one waits 4, 12, 24 and 150 ms.
//!
//! A segment is made under the name `<name>.new` and renamed when its header is durable, so a segment
//! with its proper name always had a complete header.
//!
//! Architecture invariant: nothing in this folder knows what a payload means.

use super::frame::{u32_at, u64_at};
use super::log::{Problem, ProblemKind};
use crate::domain::ids::Seq;

pub mod fault;
pub mod files;
pub mod log;
pub mod prune;
pub mod scan;

#[cfg(test)]
mod tests;

/// Bytes before the first frame.
pub const SEGMENT_HEADER: usize = 4096;
/// The version of this layout.
pub const FORMAT: u32 = 1;
/// Set in a slot's `turn` when the segment is full and has a successor.
pub const SEALED: u64 = 1 << 63;
/// The longest segment that is read; longer files are not ours.
pub(super) const MAX_SEGMENT: u64 = 1 << 30;

const FILE_MAGIC: &[u8; 8] = b"YTJSEG01";
const SLOT_AT: [usize; 2] = [512, 1024];
const SLOT_LEN: usize = 20;

/// Sizes of segments. The defaults are right but for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentOptions {
    /// A segment is full at this length, in bytes, header included. Only a frame that is longer
    /// than a whole segment makes one longer.
    pub segment_bytes: u64,
    /// Zeros are written ahead in steps of so many bytes.
    pub fill_step: u64,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, fill_step: 1 << 20 }
    }
}

/// What a slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Counts the slots written to this segment; the higher one counts. May have [`SEALED`] set.
    pub turn: u64,
    /// A sequence that was durable, with all before it, when the slot was written.
    pub last_seq: Seq,
}

impl Slot {
    /// Whether the segment is full and has a successor.
    #[must_use]
    pub fn is_sealed(self) -> bool {
        self.turn & SEALED != 0
    }

    /// The slot after this one.
    #[must_use]
    pub(super) fn next(self, last_seq: Seq, sealed: bool) -> Self {
        let seal = if sealed { SEALED } else { self.turn & SEALED };
        Self { turn: ((self.turn & !SEALED) + 1) | seal, last_seq }
    }

    /// Where it is written: slots take turns, so that a torn write spoils only the older one.
    #[must_use]
    pub(super) fn offset(self) -> u64 {
        let place = if self.turn.is_multiple_of(2) { SLOT_AT[0] } else { SLOT_AT[1] };
        place as u64
    }

    /// Its bytes in the file.
    #[must_use]
    pub(super) fn encode(self) -> [u8; SLOT_LEN] {
        let mut bytes = [0; SLOT_LEN];
        bytes[0..8].copy_from_slice(&self.turn.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.last_seq.0.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..16]);
        bytes[16..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let crc = crc32c::crc32c(bytes.get(..16)?);
        if u32_at(bytes, 16)? != crc {
            return None;
        }
        Some(Self { turn: u64_at(bytes, 0)?, last_seq: Seq(u64_at(bytes, 8)?) })
    }
}

/// The name of a segment's file.
#[must_use]
pub fn file_name(segment_id: u32) -> String {
    format!("{segment_id:016x}.seg")
}

/// The segment that a file name names; `None` for other files.
#[must_use]
pub fn segment_id_of(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg")?;
    let id = u32::from_str_radix(digits, 16).ok()?;
    (file_name(id) == name).then_some(id)
}

/// The header of a new segment whose predecessor ended with `base`, and its newest slot.
pub(super) fn new_header(segment_id: u32, base: Seq) -> (Vec<u8>, Slot) {
    let mut bytes = vec![0; SEGMENT_HEADER];
    bytes[0..8].copy_from_slice(FILE_MAGIC);
    bytes[8..12].copy_from_slice(&segment_id.to_le_bytes());
    bytes[12..16].copy_from_slice(&FORMAT.to_le_bytes());
    let older = Slot { turn: 0, last_seq: base };
    let newer = Slot { turn: 1, last_seq: base };
    bytes[SLOT_AT[0]..SLOT_AT[0] + SLOT_LEN].copy_from_slice(&older.encode());
    bytes[SLOT_AT[1]..SLOT_AT[1] + SLOT_LEN].copy_from_slice(&newer.encode());
    (bytes, newer)
}

/// The slot that counts in a segment's header.
///
/// # Errors
/// A `bad_header` problem when the file is too short, is not a segment, is another one, has a newer
/// format, or has no valid slot.
pub fn read_header(bytes: &[u8], segment_id: u32) -> Result<Slot, Problem> {
    let bad = |offset: u64| Problem {
        file: file_name(segment_id),
        offset,
        seq: 0,
        kind: ProblemKind::BadHeader,
    };
    let header = bytes.get(..SEGMENT_HEADER).ok_or_else(|| bad(bytes.len() as u64))?;
    if !header.starts_with(FILE_MAGIC) {
        return Err(bad(0));
    }
    if u32_at(header, 8) != Some(segment_id) {
        return Err(bad(8));
    }
    if u32_at(header, 12) != Some(FORMAT) {
        return Err(bad(12));
    }
    let slots = SLOT_AT.map(|at| header.get(at..at + SLOT_LEN).and_then(Slot::decode));
    slots.into_iter().flatten().max().ok_or_else(|| bad(SLOT_AT[0] as u64))
}
