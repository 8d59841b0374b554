//! What really happened, read from outside: the execution log, the journal's frames, and the library.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use ytempire::domain::event::Event;
use ytempire::domain::ids::{Seq, WorkflowId};
use ytempire::journal::record::{Commit, decode};
use ytempire::journal::segment::files::DiskFiles;
use ytempire::journal::verify::{Frames, Verification, verify};

/// A line of the execution log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Execution {
    pub workflow: String,
    pub stage: String,
    pub take: u32,
    pub attempt: u32,
    pub phase: String,
}

/// The execution log so far.
pub fn executions(log: &Path) -> Vec<Execution> {
    let text = fs::read_to_string(log).unwrap_or_default();
    // A line that is just being written has no end yet.
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Executions that began after the same workflow, stage and take had been finished.
pub fn done_again(executions: &[Execution]) -> Vec<&Execution> {
    let mut finished = BTreeSet::new();
    let mut again = Vec::new();
    for line in executions {
        let work = (&line.workflow, &line.stage, line.take);
        match line.phase.as_str() {
            "end" => drop(finished.insert(work)),
            _ if finished.contains(&work) => again.push(line),
            _ => {}
        }
    }
    again
}

/// All commits of a journal, with the sequence number of their first event.
pub fn commits(journal: &Path) -> Vec<(Seq, Commit)> {
    let frames = Frames::begin(Arc::new(DiskFiles), journal, Seq(0)).unwrap();
    let read = frames.map(|frame| {
        let frame = frame.unwrap();
        (frame.first_seq, decode(&frame).unwrap())
    });
    read.collect()
}

/// Fails unless every workflow of `counts` was started, published and completed once, and `library`
/// holds its video once and no other.
#[track_caller]
pub fn each_is_published_once(counts: &BTreeMap<WorkflowId, Counts>, library: &Path) {
    let once = Counts { started: 1, published: 1, completed: 1 };
    let others: Vec<_> = counts.iter().filter(|(_, count)| **count != once).collect();
    assert!(others.is_empty(), "not exactly once: {others:?}");
    let mut shown: Vec<String> = videos(library).into_iter().map(|(_, video)| video).collect();
    shown.sort();
    let mut expected: Vec<String> = counts.keys().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(shown, expected, "the library holds each video once");
}

/// The commits that are about `workflow`, in order.
pub fn commits_of(journal: &Path, workflow: WorkflowId) -> Vec<Commit> {
    let about = |commit: &Commit| commit.events.iter().any(|e| e.workflow() == Some(workflow));
    commits(journal).into_iter().map(|(_, commit)| commit).filter(about).collect()
}

/// How often each workflow was started, published and completed.
pub fn counts(commits: &[(Seq, Commit)]) -> BTreeMap<WorkflowId, Counts> {
    let mut counts: BTreeMap<WorkflowId, Counts> = BTreeMap::new();
    for event in commits.iter().flat_map(|(_, commit)| &commit.events) {
        let Some(workflow) = event.workflow() else { continue };
        let count = counts.entry(workflow).or_default();
        match event {
            Event::WorkflowStarted { .. } => count.started += 1,
            Event::VideoPublished { .. } => count.published += 1,
            Event::WorkflowCompleted { .. } => count.completed += 1,
            _ => {}
        }
    }
    counts
}

/// How often something happened to a workflow.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub started: u32,
    pub published: u32,
    pub completed: u32,
}

/// Checks every frame of a journal.
pub fn verified(journal: &Path) -> Verification {
    verify(Arc::new(DiskFiles), journal).unwrap()
}

/// The videos in a library, as `(channel, workflow)`; each folder must be complete.
pub fn videos(library: &Path) -> Vec<(String, String)> {
    let mut videos = Vec::new();
    for channel in folders(library) {
        for video in folders(&library.join(&channel)) {
            let folder = library.join(&channel).join(&video);
            for name in ["video.mp4", "thumbnail.jpg", "captions.srt", "narration.wav"] {
                assert!(fs::metadata(folder.join(name)).unwrap().len() > 0, "{folder:?} {name}");
            }
            for name in ["timeline.json", "metadata.json", "provenance.json"] {
                let text = fs::read_to_string(folder.join(name)).unwrap();
                serde_json::from_str::<serde_json::Value>(&text).unwrap();
            }
            videos.push((channel.clone(), video));
        }
    }
    videos
}

/// The folders in `folder` that are not hidden, in order.
fn folders(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let names = folders.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// The place in a journal where the next frame goes, found by the frames' own lengths.
///
/// It reads four bytes a look, where folding the journal reads all of it.
pub struct JournalEnd {
    segment: PathBuf,
    file: Option<File>,
    offset: u64,
}

/// Bytes before the first frame, and of a frame's header.
const SEGMENT_HEADER: u64 = 4_096;
const FRAME_HEADER: u64 = 32;
const MAGIC: u32 = 0x464A_5459;

impl JournalEnd {
    /// The end of the frames that are there now.
    pub fn of(journal: &Path) -> Self {
        let segment = journal.join("0000000000000001.seg");
        let mut end = Self { segment, file: None, offset: SEGMENT_HEADER };
        while end.pass_frame() {}
        end
    }

    /// Goes over the next frame, if it is there.
    pub fn pass_frame(&mut self) -> bool {
        if self.file.is_none() {
            self.file = File::open(&self.segment).ok();
        }
        let Some(file) = &self.file else { return false };
        let mut header = [0; FRAME_HEADER as usize];
        if file.read_exact_at(&mut header, self.offset).is_err() {
            return false;
        }
        let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        if number(0) != MAGIC {
            return false;
        }
        let length = FRAME_HEADER + u64::from(number(24));
        self.offset += length.next_multiple_of(8);
        true
    }

    /// Where the next frame goes, in bytes from the segment's beginning.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The segment.
    pub fn segment(&self) -> &Path {
        &self.segment
    }
}
