//! A journal that the first version with schema 2 wrote, kept for ever: every later version must
//! read it as what it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::channels::{States, apply_to, as_killed, request, states_of};
use super::events::example_commits;
use super::wire::digests;
use crate::domain::ids::Seq;
use crate::journal::log::Log;
use crate::journal::open::{drive, open, read_only, write_checkpoint};
use crate::journal::record::{Commit, decode, encode};
use crate::journal::segment::SegmentOptions;
use crate::journal::segment::files::DiskFiles;
use crate::journal::segment::log::SegmentLog;
use crate::journal::verify::{Frames, verify};
use crate::journal::writer::Reply;

const OPTIONS: SegmentOptions = SegmentOptions { segment_bytes: 16 << 10, fill_step: 4 << 10 };
const SEGMENT: &str = "0000000000000001.seg";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn in_words(commits: &[Commit], states: &States) -> Value {
    json!({ "commits": commits.iter().map(commit_in_words).collect::<Vec<_>>(), "channels": states })
}

fn commit_in_words(commit: &Commit) -> Value {
    json!({
        "channel": commit.channel,
        "generation": commit.generation,
        "at": commit.at,
        "correlation": commit.correlation,
        "events": commit.events,
    })
}

/// Writes the examples in one go and half of them into a checkpoint.
fn write(folder: &Path) -> States {
    let mut states = States::new();
    let fold = Arc::new(crate::journal::fold::Fold::new());
    let layer = Arc::new(DiskFiles);
    let (log, _) = SegmentLog::open(layer, folder, OPTIONS, Seq(0), &mut |_| {}).unwrap();
    let log: Box<dyn Log> = Box::new(log);
    let (handle, writer) = drive(log, &fold);
    let thread = writer.spawn_thread().unwrap();
    for (number, commit) in example_commits().iter().enumerate() {
        let (reply, answer) = Reply::channel();
        handle.append(request(commit, reply));
        answer.blocking_recv().unwrap().unwrap();
        apply_to(&mut states, commit);
        if number == 9 {
            write_checkpoint(folder, &fold).unwrap();
        }
    }
    drop(handle);
    thread.join().unwrap();
    states
}

#[test]
#[ignore = "writes the golden files of schema 2; only for as long as no version was released"]
fn write_the_golden_files() {
    let folder = golden().join("journal-2");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    let states = write(&folder);
    let text = serde_json::to_string_pretty(&in_words(&example_commits(), &states)).unwrap();
    std::fs::write(golden().join("journal-2.json"), text + "\n").unwrap();
    let (events, parts) = digests();
    std::fs::write(golden().join("schema-2.blake3"), events + "\n").unwrap();
    std::fs::write(golden().join("parts-2.blake3"), parts + "\n").unwrap();
}

#[test]
fn the_golden_journal_of_schema_2_is_read_as_what_it_was() {
    let folder = as_killed(&golden().join("journal-2"));
    let text = std::fs::read_to_string(golden().join("journal-2.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let found = verify(Arc::new(DiskFiles), folder.path()).unwrap();
    assert!(found.ok, "{found:?}");
    let frames = Frames::begin(Arc::new(DiskFiles), folder.path(), Seq(0)).unwrap();
    let frames: Vec<_> = frames.map(Result::unwrap).collect();
    let commits: Vec<Commit> = frames.iter().map(|frame| decode(frame).unwrap()).collect();
    for (frame, commit) in frames.iter().zip(&commits) {
        assert_eq!(encode(commit).unwrap(), frame.payload, "the same events, the same bytes");
    }
    let from_checkpoint = states_of(&read_only(folder.path()).unwrap());
    assert_eq!(in_words(&commits, &from_checkpoint), expected);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none() {
            std::fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(states_of(&read_only(folder.path()).unwrap()), from_checkpoint);
    // It can be written on, too.
    let opened = open(folder.path(), OPTIONS).unwrap();
    assert_eq!(states_of(&opened.fold), from_checkpoint);
}

#[test]
fn the_same_commits_still_make_the_same_segment() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let written = std::fs::read(folder.path().join(SEGMENT)).unwrap();
    let kept = std::fs::read(golden().join("journal-2").join(SEGMENT)).unwrap();
    assert!(written == kept, "the layout of segments changed: give it a new format number");
}
