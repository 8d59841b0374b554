//! Checkpoints of a running journal: old segments go, the fold stays right, and verify agrees.

use std::sync::Arc;

use super::channels::{Channels, Running, States, apply_to, draws, states_of};
use crate::domain::ids::Seq;
use crate::journal::checkpointer::Checkpointer;
use crate::journal::open::read_only;
use crate::journal::segment::files::DiskFiles;
use crate::journal::verify::verify;

fn segments(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".seg")).collect();
    names.sort();
    names
}

#[test]
fn an_old_segment_goes_and_the_fold_is_still_right() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let fold = Arc::clone(&running.fold);
    let checkpointer = Checkpointer::new(folder.path().to_path_buf(), fold, Seq(0));
    assert_eq!(checkpointer.write().unwrap(), None, "an empty journal needs no checkpoint");
    // What a process that was killed in the middle of a checkpoint left.
    std::fs::write(folder.path().join("checkpoint-0000000000000003.new"), b"half").unwrap();
    let mut channels = Channels::default();
    let mut states = States::new();
    let mut removed = Vec::new();
    for draw in draws(900) {
        let Some(commit) = channels.step(draw) else { continue };
        let committed = running.commit(&commit).unwrap();
        apply_to(&mut states, &commit);
        if committed.first_seq.0.is_multiple_of(20) {
            removed.extend(checkpointer.write().unwrap().unwrap().removed);
        }
    }
    let last = running.fold.applied();
    running.stop();
    assert!(removed.len() >= 2, "{removed:?}");
    assert_eq!(removed[0], "0000000000000001.seg");
    assert!(!segments(folder.path()).contains(&removed[0]));
    assert!(!folder.path().join("checkpoint-0000000000000003.new").exists());
    let found = verify(Arc::new(DiskFiles), folder.path()).unwrap();
    assert!(found.ok && found.first_seq > 1 && found.last_seq == last.0, "{found:?}");
    assert_eq!(states_of(&read_only(folder.path()).unwrap()), states);
    let reopened = Running::start(folder.path());
    assert_eq!(states_of(&reopened.fold), states);
    reopened.stop();
}

#[test]
fn without_its_checkpoints_a_pruned_journal_is_damaged_not_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let fold = Arc::clone(&running.fold);
    let checkpointer = Checkpointer::new(folder.path().to_path_buf(), fold, Seq(0));
    let mut channels = Channels::default();
    for draw in draws(900) {
        let Some(commit) = channels.step(draw) else { continue };
        let committed = running.commit(&commit).unwrap();
        if committed.first_seq.0.is_multiple_of(50) {
            checkpointer.write().unwrap();
        }
    }
    running.stop();
    assert!(!segments(folder.path()).contains(&"0000000000000001.seg".to_owned()));
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none() {
            std::fs::remove_file(path).unwrap();
        }
    }
    let error = read_only(folder.path()).err().unwrap();
    assert_eq!(error.code(), "journal_damaged", "{error}");
    assert!(error.problem().is_some_and(|problem| problem.seq == 1), "{error}");
}

#[tokio::test]
async fn a_long_run_writes_checkpoints_as_the_journal_grows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let running = tokio::task::spawn_blocking(move || Running::start(&path)).await.unwrap();
    let fold = Arc::clone(&running.fold);
    let checkpointer =
        Arc::new(Checkpointer::new(folder.path().to_path_buf(), Arc::clone(&fold), Seq(0)));
    let keeping = tokio::spawn(Arc::clone(&checkpointer).keep_up(50));
    let mut newest = checkpointer.newest();
    let committing = tokio::task::spawn_blocking(move || {
        let mut channels = Channels::default();
        for draw in draws(400) {
            let Some(commit) = channels.step(draw) else { continue };
            running.commit(&commit).unwrap();
        }
        running.stop();
    });
    newest.wait_for(|seq| seq.0 >= 50).await.unwrap();
    committing.await.unwrap();
    let last = fold.applied();
    newest.wait_for(|seq| seq.0 + 50 > last.0).await.unwrap();
    keeping.abort();
    assert_eq!(states_of(&read_only(folder.path()).unwrap()), states_of(&fold));
}
