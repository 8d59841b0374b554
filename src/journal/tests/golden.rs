//! A journal of every schema, as the first version with that schema wrote it: every later version must
//! read it as what it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::channels::{States, apply_to, as_killed, request, states_of};
use super::events::example_commits;
use super::wire::digests;
use crate::domain::ids::Seq;
use crate::domain::upcast::written_in;
use crate::journal::log::Log;
use crate::journal::open::{drive, open, read_only, write_checkpoint};
use crate::journal::record::{Commit, OLDEST_SCHEMA, SCHEMA, decode, encode};
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

/// What a golden journal holds, and what becomes of it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Meaning {
    commits: Vec<Commit>,
    channels: States,
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
#[ignore = "writes the golden files of the present schema, only until a version with it is released: cargo test --lib write_the_golden_files -- --ignored"]
fn write_the_golden_files() {
    let folder = golden().join(format!("journal-{SCHEMA}"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    let states = write(&folder);
    let meaning = Meaning { commits: example_commits(), channels: states };
    let text = serde_json::to_string_pretty(&meaning).unwrap();
    std::fs::write(golden().join(format!("journal-{SCHEMA}.json")), text + "\n").unwrap();
    let (events, parts) = digests();
    std::fs::write(golden().join(format!("schema-{SCHEMA}.blake3")), events + "\n").unwrap();
    std::fs::write(golden().join(format!("parts-{SCHEMA}.blake3")), parts + "\n").unwrap();
}

#[test]
fn the_golden_journal_of_every_schema_is_read_as_what_it_was() {
    (OLDEST_SCHEMA..=SCHEMA).for_each(is_read_as_what_it_was);
}

fn is_read_as_what_it_was(schema: u16) {
    let folder = as_killed(&golden().join(format!("journal-{schema}")));
    let text = std::fs::read_to_string(golden().join(format!("journal-{schema}.json"))).unwrap();
    let expected: Meaning = written_in(schema, || serde_json::from_str(&text)).unwrap();
    let found = verify(Arc::new(DiskFiles), folder.path()).unwrap();
    assert!(found.ok, "schema {schema}: {found:?}");
    let frames = Frames::begin(Arc::new(DiskFiles), folder.path(), Seq(0)).unwrap();
    let frames: Vec<_> = frames.map(Result::unwrap).collect();
    let commits: Vec<Commit> = frames.iter().map(|frame| decode(frame).unwrap()).collect();
    for (frame, commit) in frames.iter().zip(&commits) {
        assert_eq!(frame.schema, schema);
        let bytes = encode(commit).unwrap();
        let is_same = bytes == frame.payload;
        assert!(is_same || schema < SCHEMA, "the same events, the same bytes");
    }
    let from_checkpoint = states_of(&read_only(folder.path()).unwrap());
    let meaning = Meaning { commits, channels: from_checkpoint.clone() };
    assert_eq!(meaning, expected, "schema {schema}");
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
    let kept = std::fs::read(golden().join(format!("journal-{SCHEMA}")).join(SEGMENT)).unwrap();
    assert!(written == kept, "the layout of segments changed: give it a new format number");
}
