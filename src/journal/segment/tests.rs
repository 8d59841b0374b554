//! Every promise of the segment files, on a real file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fault::{Faults, FaultyFiles};
use super::files::{DiskFiles, FileLayer};
use super::log::{Recovery, SegmentLog};
use super::prune::remove_segments_up_to;
use super::*;
use crate::journal::frame::{CODEC_BINCODE, Frame, FrameKind};
use crate::journal::log::{Log, LogError};
use crate::journal::verify::{Frames, Verification, verify};

mod chance;

const SMALL: SegmentOptions = SegmentOptions { segment_bytes: 16 << 10, fill_step: 4 << 10 };
/// A frame of [`frame`] takes 32 + 200 bytes.
const FRAME_BYTES: u64 = 232;

fn disk() -> Arc<dyn FileLayer> {
    Arc::new(DiskFiles)
}

/// The frame with sequence `seq`: its payload tells the sequence.
fn frame(seq: u64) -> Frame {
    Frame {
        first_seq: Seq(seq),
        kind: FrameKind::Events,
        schema: 1,
        codec: CODEC_BINCODE,
        flags: 0,
        count: 1,
        payload: format!("{seq:08}").repeat(25).into_bytes(),
    }
}

fn open_with(
    files: Arc<dyn FileLayer>,
    folder: &Path,
) -> Result<(SegmentLog, Recovery, Vec<Frame>), LogError> {
    let mut frames = Vec::new();
    let opened = SegmentLog::open(files, folder, SMALL, Seq(0), &mut |frame| frames.push(frame));
    opened.map(|(log, recovery)| (log, recovery, frames))
}

fn open(folder: &Path) -> (SegmentLog, Recovery, Vec<Frame>) {
    open_with(disk(), folder).unwrap()
}

/// Appends the frames `from..=to` in groups of three, each with a sync.
fn append(log: &mut SegmentLog, from: u64, to: u64) {
    let frames: Vec<Frame> = (from..=to).map(frame).collect();
    for group in frames.chunks(3) {
        log.append(group).unwrap();
        log.sync().unwrap();
    }
}

/// A journal of `count` frames, closed cleanly or left as a killed process leaves it.
fn journal(folder: &Path, count: u64, close: bool) {
    let mut log = open(folder).0;
    append(&mut log, 1, count);
    if close {
        log.close().unwrap();
    }
}

fn check(folder: &Path) -> Verification {
    verify(disk(), folder).unwrap()
}

fn kinds(result: &Verification) -> Vec<&'static str> {
    result.problems.iter().map(|problem| problem.kind.code()).collect()
}

fn segment(folder: &Path, id: u32) -> PathBuf {
    folder.join(file_name(id))
}

fn change(path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    edit(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Where frame `index` (from 0) of a segment begins.
fn offset(index: u64) -> usize {
    usize::try_from(4096 + index * FRAME_BYTES).unwrap()
}

fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let names = DiskFiles.names(folder).unwrap();
    names.into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

#[test]
fn the_header_is_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 4, true);
    let bytes = fs::read(folder.path().join("0000000000000001.seg")).unwrap();
    assert_eq!(&bytes[..16], b"YTJSEG01\x01\0\0\0\x01\0\0\0");
    for at in [512, 1024] {
        let slot = &bytes[at..at + 20];
        assert_eq!(&slot[8..16], &4u64.to_le_bytes(), "exact after a clean close");
        assert_eq!(&slot[16..], &crc32c::crc32c(&slot[..16]).to_le_bytes());
    }
    assert_eq!(&bytes[4096..4100], &0x464A_5459u32.to_le_bytes());
    assert!(bytes[offset(4)..].iter().all(|byte| *byte == 0), "zeros ahead");
}

#[test]
fn frames_come_back_over_several_segments() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 200, false);
    assert!(DiskFiles.names(folder.path()).unwrap().len() > 3);
    let result = check(folder.path());
    assert_eq!((result.ok, result.frames, result.problems.len()), (true, 200, 0));
    assert_eq!((result.first_seq, result.last_seq), (1, 200));
    let (mut log, recovery, frames) = open(folder.path());
    assert_eq!(frames, (1..=200).map(frame).collect::<Vec<_>>());
    assert_eq!((recovery.last_seq, recovery.frames, recovery.torn_tail), (Seq(200), 200, None));
    append(&mut log, 201, 210);
    assert_eq!(check(folder.path()).last_seq, 210);
    let after = Frames::begin(disk(), folder.path(), Seq(208)).unwrap();
    assert_eq!(after.map(|frame| frame.unwrap().first_seq.0).collect::<Vec<_>>(), [209, 210]);
}

#[test]
fn the_slot_holds_the_previous_group_until_a_clean_close() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path()).0;
    let slot = || read_header(&fs::read(segment(folder.path(), 1)).unwrap(), 1).unwrap().last_seq;
    append(&mut log, 1, 3);
    assert_eq!(slot(), Seq(0));
    append(&mut log, 4, 6);
    assert_eq!(slot(), Seq(3));
    log.close().unwrap();
    assert_eq!(slot(), Seq(6));
}

#[test]
fn a_frame_longer_than_a_segment_gets_a_segment_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path()).0;
    let long = Frame { payload: vec![9; 40_000], ..frame(4) };
    append(&mut log, 1, 3);
    log.append(std::slice::from_ref(&long)).unwrap();
    log.append(&[frame(5)]).unwrap();
    log.sync().unwrap();
    drop(log);
    assert_eq!(open(folder.path()).2[3], long);
    assert_eq!(check(folder.path()).frames, 5);
}

#[test]
fn a_torn_tail_is_ok_for_verify_and_cut_by_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 6, false);
    let path = segment(folder.path(), 1);
    // Half of the last frame was never written.
    change(&path, |bytes| bytes[offset(5) + 100..offset(6)].fill(0));
    let before = contents(folder.path());
    let result = check(folder.path());
    assert!(result.ok);
    assert_eq!((result.last_seq, kinds(&result)), (5, vec!["torn_tail"]));
    assert_eq!(result.problems[0].offset, offset(5) as u64);
    assert_eq!(contents(folder.path()), before, "verifying changes no byte");

    let (mut log, recovery, frames) = open(folder.path());
    assert_eq!(recovery.torn_tail, result.problems.first().cloned());
    assert_eq!(frames.len(), 5);
    append(&mut log, 6, 9);
    drop(log);
    let result = check(folder.path());
    assert_eq!((result.frames, result.problems.len()), (9, 0));
}

#[test]
fn a_damaged_frame_at_or_below_the_slot_is_corruption() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 6, true);
    change(&segment(folder.path(), 1), |bytes| bytes[offset(5) + 50] ^= 1);
    let result = check(folder.path());
    assert!(!result.ok);
    assert_eq!(kinds(&result), ["bad_frame"]);
    assert_eq!((result.problems[0].offset, result.problems[0].seq), (offset(5) as u64, 6));
    let before = contents(folder.path());
    assert_eq!(open_with(disk(), folder.path()).err().unwrap().code(), "journal_damaged");
    assert_eq!(contents(folder.path()), before, "a damaged journal is left as it is");
}

#[test]
fn a_damaged_frame_before_a_sound_one_is_corruption_and_the_rest_is_still_counted() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 6, false);
    change(&segment(folder.path(), 1), |bytes| bytes[offset(4) + 24] ^= 0x80);
    let result = check(folder.path());
    assert!(!result.ok);
    assert_eq!((kinds(&result), result.frames), (vec!["bad_frame"], 5));
    assert_eq!(result.problems[0].seq, 5);
    let read: Vec<_> = Frames::begin(disk(), folder.path(), Seq(0)).unwrap().collect();
    assert_eq!(read.len(), 5);
    assert!(matches!(read.last(), Some(Err(LogError::Damaged(_)))));
}

#[test]
fn a_zeroed_block_is_corruption() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 100, false);
    change(&segment(folder.path(), 2), |bytes| bytes[8192..12_288].fill(0));
    let result = check(folder.path());
    assert!(!result.ok);
    assert_eq!(kinds(&result), ["bad_frame"]);
}

#[test]
fn a_truncated_tail_is_corruption_after_a_clean_close_and_in_a_full_segment() {
    for (id, length) in [(1, offset(7)), (1, 4096), (3, offset(1)), (3, 4096)] {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path(), 110, true);
        change(&segment(folder.path(), id), |bytes| bytes.truncate(length));
        let result = check(folder.path());
        assert!(!result.ok, "segment {id} cut to {length}");
        assert_eq!(kinds(&result), ["bad_frame"]);
    }
}

#[test]
fn zeros_cut_off_the_end_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 5, true);
    change(&segment(folder.path(), 1), |bytes| bytes.truncate(offset(5)));
    assert_eq!(check(folder.path()).problems, []);
    append(&mut open(folder.path()).0, 6, 8);
    assert_eq!(check(folder.path()).frames, 8);
}

#[test]
fn both_slots_bad_is_a_bad_header_and_never_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 5, true);
    change(&segment(folder.path(), 1), |bytes| {
        bytes[512] ^= 1;
        bytes[1024 + 17] ^= 1;
    });
    let result = check(folder.path());
    assert!(!result.ok);
    assert_eq!(kinds(&result), ["bad_header"]);
}

#[test]
fn one_bad_slot_is_survived() {
    for at in [512, 1024] {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path(), 5, true);
        change(&segment(folder.path(), 1), |bytes| bytes[at] ^= 1);
        assert_eq!(check(folder.path()).problems, []);
        // What the other slot promises still holds.
        change(&segment(folder.path(), 1), |bytes| bytes[offset(4) + 40] ^= 1);
        assert_eq!(kinds(&check(folder.path())), ["bad_frame"]);
    }
}

#[test]
fn a_newer_format_or_another_segments_file_is_a_bad_header() {
    for at in [0, 8, 12] {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path(), 5, true);
        change(&segment(folder.path(), 1), |bytes| bytes[at] ^= 2);
        let result = check(folder.path());
        assert_eq!(kinds(&result), ["bad_header"]);
        assert_eq!(result.problems[0].offset, at as u64);
    }
}

#[test]
fn a_deleted_segment_is_missing_wherever_it_was() {
    for deleted in [1, 2, 4] {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path(), 200, true);
        assert_eq!(DiskFiles.names(folder.path()).unwrap().len(), 4);
        fs::remove_file(segment(folder.path(), deleted)).unwrap();
        let result = check(folder.path());
        assert!(!result.ok);
        assert_eq!(kinds(&result), ["missing_segment"], "segment {deleted}");
        assert_eq!(result.problems[0].file, file_name(deleted));
        assert!(open_with(disk(), folder.path()).is_err());
    }
}

#[test]
fn sequence_numbers_that_jump_are_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 6, false);
    change(&segment(folder.path(), 1), |bytes| {
        let mut forged = Vec::new();
        frame(9).encode_into(1, &mut forged);
        bytes[offset(6)..offset(7)].copy_from_slice(&forged);
    });
    let result = check(folder.path());
    assert!(!result.ok);
    assert_eq!(kinds(&result), ["gap"]);
    assert_eq!(result.problems[0].seq, 7);
}

#[test]
fn segments_before_a_sequence_go_and_the_rest_opens_from_there() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 200, false);
    assert_eq!(
        remove_segments_up_to(&DiskFiles, folder.path(), Seq(120)).unwrap(),
        [file_name(1), file_name(2)]
    );
    let mut seen = Vec::new();
    let take = &mut |frame: Frame| seen.push(frame.first_seq.0);
    SegmentLog::open(disk(), folder.path(), SMALL, Seq(120), take).unwrap();
    assert_eq!(seen, (121..=200).collect::<Vec<_>>());
    // Without the checkpoint the beginning is missing.
    assert_eq!(kinds(&check(folder.path())), ["missing_segment"]);
    assert!(open_with(disk(), folder.path()).is_err());
    // Even everything up to now leaves the newest segment, and a frame in the first.
    remove_segments_up_to(&DiskFiles, folder.path(), Seq(u64::MAX)).unwrap();
    assert_eq!(DiskFiles.names(folder.path()).unwrap().len(), 1);
}

#[test]
fn a_checkpoint_beyond_the_journal_betrays_lost_segments() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 5, true);
    let opened = SegmentLog::open(disk(), folder.path(), SMALL, Seq(9), &mut |_| {});
    let Err(LogError::Damaged(problem)) = opened else { panic!("must be damaged") };
    assert_eq!((problem.kind.code(), problem.seq), ("missing_segment", 6));
}

#[test]
fn an_interrupted_creation_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 5, false);
    fs::write(folder.path().join(file_name(2) + ".new"), b"half a header").unwrap();
    assert_eq!(check(folder.path()).problems, []);
    drop(open(folder.path()));
    assert_eq!(DiskFiles.names(folder.path()).unwrap(), [file_name(1)]);
}

#[test]
fn a_full_disk_is_told_and_loses_nothing_acknowledged() {
    for room in [0, 1, 100, 4096, 5000, 12_000, 20_000] {
        let folder = tempfile::tempdir().unwrap();
        let files = FaultyFiles::default();
        let mut log = open_with(Arc::new(files.clone()), folder.path()).unwrap().0;
        files.set(Faults { room: Some(room), ..Faults::default() });
        let mut acknowledged = 0;
        let error = loop {
            let group = [frame(acknowledged + 1), frame(acknowledged + 2)];
            match log.append(&group).and_then(|()| log.sync()) {
                Ok(()) => acknowledged += 2,
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), "disk_full");
        drop(log);
        let result = check(folder.path());
        assert!(result.ok, "{result:?}");
        assert!(result.last_seq >= acknowledged);
        assert_eq!(open(folder.path()).1.last_seq.0, result.last_seq);
    }
}

#[test]
fn short_writes_are_continued() {
    let folder = tempfile::tempdir().unwrap();
    let files = Arc::new(FaultyFiles::default());
    files.set(Faults { short_writes: Some(7), ..Faults::default() });
    let mut log = open_with(files, folder.path()).unwrap().0;
    append(&mut log, 1, 20);
    assert_eq!(check(folder.path()).frames, 20);
}

#[test]
fn a_failing_sync_is_an_error_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let files = FaultyFiles::default();
    let mut log = open_with(Arc::new(files.clone()), folder.path()).unwrap().0;
    files.set(Faults { good_syncs: Some(0), ..Faults::default() });
    log.append(&[frame(1)]).unwrap();
    assert_eq!(log.sync().unwrap_err().code(), "journal_io");
}

/// Runs only as a child of the next test, in a folder of its own.
#[tokio::test]
#[ignore = "the child of a_file_size_limit_is_told_and_does_not_kill"]
async fn child_under_a_file_size_limit() {
    let folder = std::env::current_dir().unwrap();
    if !folder.join("child").exists() {
        return;
    }
    files::survive_file_size_limit().unwrap();
    let limit = Some(10 << 10);
    let both = rustix::process::Rlimit { current: limit, maximum: limit };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, both).unwrap();
    let mut log = open(&folder.join("journal")).0;
    let mut acknowledged = 0;
    let error = loop {
        match log.append(&[frame(acknowledged + 1)]).and_then(|()| log.sync()) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    println!("outcome {} {acknowledged}", error.code());
}

#[test]
fn a_file_size_limit_is_told_and_does_not_kill() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("child"), b"").unwrap();
    let child = "journal::segment::tests::child_under_a_file_size_limit";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--ignored", "--nocapture"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let told = text.lines().find_map(|line| line.split_once("outcome disk_full ")).unwrap();
    let acknowledged: u64 = told.1.trim().parse().unwrap();
    assert!(acknowledged > 0);
    let result = check(&folder.path().join("journal"));
    assert!(result.ok && result.last_seq >= acknowledged, "{result:?}");
}
