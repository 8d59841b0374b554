//! What stops the writer, and that refusing changes no byte.

use std::sync::Arc;

use super::channels::{Running, SMALL, as_killed, name, raised, request};
use crate::domain::ids::{ChannelId, Seq};
use crate::journal::checkpoint::{self, Section};
use crate::journal::fold::Fold;
use crate::journal::memory::{MemoryDisk, MemoryLog};
use crate::journal::open::{OpenError, drive, open, read_only};
use crate::journal::queue::{JournalHandle, WriterLoop};
use crate::journal::record::SCHEMA;
use crate::journal::segment::files::DiskFiles;
use crate::journal::writer::{AppendError, AppendRequest, Committed, Reply};

fn memory() -> (Arc<Fold>, JournalHandle, WriterLoop) {
    let fold = Arc::new(Fold::new());
    let log = MemoryLog::open(&MemoryDisk::default(), Seq(0), &mut |_| {});
    let (handle, writer) = drive(Box::new(log), &fold);
    (fold, handle, writer)
}

fn outcome(handle: &JournalHandle, request: AppendRequest) -> Result<Committed, AppendError> {
    let (reply, answer) = Reply::channel();
    handle.append(AppendRequest { reply, ..request });
    answer.blocking_recv().unwrap()
}

#[test]
fn a_frame_that_cannot_be_read_stops_the_writer_and_leaves_the_fold_readable() {
    let (fold, handle, writer) = memory();
    let thread = writer.spawn_thread().unwrap();
    let sound = || request(&raised(0, 1), Reply::call(drop));
    outcome(&handle, sound()).unwrap();
    let garbage =
        AppendRequest { payload: vec![0xff; 40], ..request(&raised(1, 1), Reply::call(drop)) };
    let error = outcome(&handle, garbage).unwrap_err();
    assert_eq!(error.code(), "fold_panicked");
    let after = outcome(&handle, request(&raised(2, 1), Reply::call(drop))).unwrap_err();
    assert_eq!(after.code(), "fold_panicked", "nothing passes over it");
    assert!(handle.failure().borrow().is_some());
    assert_eq!((fold.applied(), fold.channels().len()), (Seq(1), 1));
    drop(handle);
    thread.join().unwrap();
}

#[test]
fn a_reader_that_panics_does_not_stop_commits() {
    let (fold, handle, writer) = memory();
    let thread = writer.spawn_thread().unwrap();
    let reading = Arc::clone(&fold);
    let reader = std::thread::spawn(move || {
        reading.read(ChannelId::of_name(&name(0)), |_| panic!("a reader with a fault"));
    });
    assert!(reader.join().is_err());
    outcome(&handle, request(&raised(0, 1), Reply::call(drop))).unwrap();
    assert_eq!(fold.applied(), Seq(1));
    drop(handle);
    thread.join().unwrap();
}

fn bytes_of(folder: &std::path::Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut files: Vec<_> =
        entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn a_journal_of_a_newer_version_is_refused_and_not_a_byte_changes() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    running.commit(&raised(0, 1)).unwrap();
    let newer = AppendRequest { schema: SCHEMA + 1, ..request(&raised(1, 1), Reply::call(drop)) };
    assert!(outcome(&running.handle, newer).is_err());
    let killed = as_killed(folder.path());
    running.stop();
    // A torn tail behind it must not be cut by a version that does not understand the journal.
    let segment = killed.path().join("0000000000000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 64;
    bytes[end / 8 * 8] = 0x59;
    std::fs::write(&segment, bytes).unwrap();
    let before = bytes_of(killed.path());
    for error in [open(killed.path(), SMALL).err(), read_only(killed.path()).err()] {
        let error = error.unwrap();
        assert_eq!(error.code(), "journal_newer", "{error}");
        assert!(error.to_string().contains("sequence 2"), "{error}");
    }
    assert_eq!(bytes_of(killed.path()), before);
}

#[test]
fn a_checkpoint_of_a_newer_version_is_refused_and_not_a_byte_changes() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    running.commit(&raised(0, 1)).unwrap();
    running.stop();
    let sections = vec![Section { name: "fold.2".to_owned(), bytes: vec![1, 2, 3] }];
    let sections = sections.into_iter().map(Ok::<_, OpenError>);
    checkpoint::write(&DiskFiles, folder.path(), Seq(1), sections).unwrap();
    let before = bytes_of(folder.path());
    let error = open(folder.path(), SMALL).err().unwrap();
    assert!(matches!(&error, OpenError::UnknownSection { section, .. } if section == "fold.2"));
    assert_eq!(error.code(), "journal_newer");
    assert_eq!(bytes_of(folder.path()), before);
}
