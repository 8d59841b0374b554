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
    /// Whether a hole before the first frame is none of the reader's business.
    begins_anywhere: bool,
    ended: bool,
}

impl Frames {
    /// Begins to read the frames that end after `after` (0 for all).
    ///
    /// # Errors
    /// [`LogError::Io`] when the folder cannot be listed.
    pub fn begin(files: Arc<dyn FileLayer>, folder: &Path, after: Seq) -> Result<Self, LogError> {
        let scan = JournalScan::begin(files, folder)?;
        Ok(Self { scan, after, begins_anywhere: false, ended: false })
    }

    /// All frames of a journal, wherever it begins.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn begin_anywhere(files: Arc<dyn FileLayer>, folder: &Path) -> Result<Self, LogError> {
        Ok(Self { begins_anywhere: true, ..Self::begin(files, folder, Seq(0))? })
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
                    if self.begins_anywhere {
                        return None;
                    }
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::journal::checkpoint::{Section, write};
    use crate::journal::frame::{CODEC_BINCODE, FrameKind};
    use crate::journal::log::Log;
    use crate::journal::segment::SegmentOptions;
    use crate::journal::segment::files::DiskFiles;
    use crate::journal::segment::log::SegmentLog;
    use crate::journal::segment::prune::remove_segments_up_to;

    const SMALL: SegmentOptions = SegmentOptions { segment_bytes: 64 << 10, fill_step: 8 << 10 };

    fn open(folder: &Path, after: u64) -> SegmentLog {
        SegmentLog::open(Arc::new(DiskFiles), folder, SMALL, Seq(after), &mut |_| {}).unwrap().0
    }

    /// Appends one frame of three events and makes it durable.
    fn append(log: &mut SegmentLog) -> Seq {
        let frame = Frame {
            first_seq: Seq(log.last_seq().0 + 1),
            kind: FrameKind::Events,
            schema: 1,
            codec: CODEC_BINCODE,
            flags: 0,
            count: 3,
            payload: vec![5; 1000],
        };
        log.append(std::slice::from_ref(&frame)).unwrap();
        log.sync().unwrap();
        frame.last_seq()
    }

    #[test]
    fn a_journal_that_begins_at_its_checkpoint_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let files = DiskFiles;
        let mut log = open(folder.path(), 0);
        for round in 1..=3 {
            let last_seq = (0..100).map(|_| append(&mut log)).last().unwrap();
            let sections = std::iter::empty::<Result<Section, LogError>>();
            let older = write(&files, folder.path(), last_seq, sections).unwrap();
            let removed = match older {
                Some(older) => remove_segments_up_to(&files, folder.path(), older).unwrap(),
                None => Vec::new(),
            };
            assert_eq!(removed.is_empty(), round == 1, "one checkpoint alone frees nothing");
        }
        let result = verify(Arc::new(files), folder.path()).unwrap();
        assert!(result.ok, "{result:?}");
        assert!(result.first_seq > 1 && result.first_seq <= 601);
        assert_eq!(result.last_seq, 900);
        drop(log);
        // The newest checkpoint may be damaged: the segments reach back to the older one.
        let newest = folder.path().join("checkpoint-0000000000000384");
        std::fs::write(&newest, b"damage").unwrap();
        assert_eq!(open(folder.path(), 600).last_seq(), Seq(900));
        let result = verify(Arc::new(files), folder.path()).unwrap();
        assert_eq!((result.ok, result.problems.len()), (false, 1));
        assert_eq!(result.problems[0].file, "checkpoint-0000000000000384");
    }

    #[test]
    fn an_empty_journal_is_whole_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("journal");
        let result = verify(Arc::new(DiskFiles), &nowhere).unwrap();
        assert_eq!((result.ok, result.frames, result.last_seq), (true, 0, 0));
        assert!(!nowhere.exists());
    }

    /// Runs only as a child of the next test, until it is killed.
    #[test]
    #[ignore = "the child of a_killed_writer_loses_nothing_acknowledged"]
    fn child_that_is_killed() {
        let folder = std::env::current_dir().unwrap();
        if !folder.join("child").exists() {
            return;
        }
        let mut log = open(&folder.join("journal"), 0);
        loop {
            println!("acknowledged {}", append(&mut log));
        }
    }

    #[test]
    fn a_killed_writer_loses_nothing_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        std::fs::write(folder.path().join("child"), b"").unwrap();
        for round in 1..=8 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "journal::verify::tests::child_that_is_killed"])
                .args(["--ignored", "--nocapture"])
                .current_dir(folder.path())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut told = lines
                .map_while(Result::ok)
                .filter_map(|line| line.split_once("acknowledged ")?.1.parse::<u64>().ok());
            let mut acknowledged = told.nth(round * 37).unwrap();
            child.kill().unwrap();
            // What it had told before it died counts as well.
            acknowledged = told.last().unwrap_or(acknowledged);
            child.wait().unwrap();
            let result = verify(Arc::new(DiskFiles), &journal).unwrap();
            assert!(result.ok, "{result:?}");
            assert!(result.last_seq >= acknowledged);
            assert_eq!(result.last_seq, result.frames * 3);
        }
    }
}
