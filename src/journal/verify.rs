//! Reading a journal folder from the rim, without a writer and without changing a byte.
//!
//! Architecture invariant: nothing here opens a file for writing.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::checkpoint;
use super::frame::Frame;
use super::log::{LogError, Problem, ProblemKind};
use super::segment::files::FileLayer;
use super::segment::scan::{Found, JournalScan};
use crate::domain::ids::Seq;

/// What a verification found: the JSON of `ytempire journal verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Nothing acknowledged is damaged or gone. A torn tail alone is ok.
    pub ok: bool,
    /// Sound frames.
    pub frames: u64,
    /// The first sequence number that is kept, 0 in an empty journal.
    pub first_seq: u64,
    /// The last sequence number, 0 in an empty journal.
    pub last_seq: u64,
    /// Damage, in the order of the files.
    pub problems: Vec<Problem>,
}

/// Checks every frame, and that they reach from the newest sound checkpoint (or from sequence 1)
/// to the end without a hole.
///
/// # Errors
/// [`LogError::Io`] when a file cannot be read; damage is a result, not an error.
pub fn verify(files: Arc<dyn FileLayer>, folder: &Path) -> Result<Verification, LogError> {
    let checkpoints = checkpoint::latest(files.as_ref(), folder)?;
    let checkpoint_seq = checkpoints.checkpoint.map_or(Seq(0), |checkpoint| checkpoint.last_seq);
    let mut scan = JournalScan::begin(files, folder)?;
    let mut frames = 0;
    let mut problems = Vec::new();
    for found in scan.by_ref() {
        match found? {
            Found::Frame(_) => frames += 1,
            Found::Problem(problem) => problems.push(problem),
        }
    }
    let first_seq = scan.first_seq().unwrap_or(Seq(0));
    let last_seq = scan.last_seq();
    let only_torn = problems.iter().all(|problem| problem.kind == ProblemKind::TornTail);
    // With damage the ends say nothing of their own.
    if only_torn {
        problems.extend(scan.hole_against(checkpoint_seq));
    }
    // A node falls back to the older checkpoint, but its owner should know of a damaged one.
    problems.extend(checkpoints.damaged.into_iter().map(|file| Problem {
        file,
        offset: 0,
        seq: 0,
        kind: ProblemKind::BadFrame,
    }));
    let ok = problems.iter().all(|problem| problem.kind == ProblemKind::TornTail);
    Ok(Verification { ok, frames, first_seq: first_seq.0, last_seq: last_seq.0, problems })
}

/// The frames of a journal, in order, for offline readers. It ends at a torn tail, and with an
/// error at the first damage.
pub struct Frames {
    scan: JournalScan,
    after: Seq,
    ended: bool,
}

impl Frames {
    /// Begins to read the frames that end after `after` (0 for all).
    ///
    /// # Errors
    /// [`LogError::Io`] when the folder cannot be listed.
    pub fn begin(
        files: Arc<dyn FileLayer>,
        folder: &Path,
        after: Seq,
    ) -> Result<Self, LogError> {
        Ok(Self { scan: JournalScan::begin(files, folder)?, after, ended: false })
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let found = match self.scan.next() {
                Some(found) => found,
                None => {
                    self.ended = true;
                    let hole = self.scan.hole_against(self.after)?;
                    return Some(Err(LogError::Damaged(hole)));
                }
            };
            match found {
                Ok(Found::Frame(frame)) if frame.last_seq() > self.after => return Some(Ok(frame)),
                Ok(Found::Frame(_)) => {}
                Ok(Found::Problem(problem)) if problem.kind == ProblemKind::TornTail => {}
                Ok(Found::Problem(problem)) => {
                    self.ended = true;
                    return Some(Err(LogError::Damaged(problem)));
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
