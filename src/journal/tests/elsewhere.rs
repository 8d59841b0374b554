//! A journal that was pruned, taken elsewhere: copied while it is written, and as a text.

use std::path::Path;
use std::sync::Arc;

use super::channels::{Channels, Running, SMALL, States, draws, states_of};
use crate::domain::ids::Seq;
use crate::journal::checkpointer::Checkpointer;
use crate::journal::copy::copy_journal;
use crate::journal::export::{export, import};
use crate::journal::open::read_only;
use crate::journal::segment::files::{DiskFiles, FileLayer};
use crate::journal::verify::verify;

fn files() -> Arc<dyn FileLayer> {
    Arc::new(DiskFiles)
}

/// A journal whose first segments are gone; a checkpoint of its very end with `at_its_end`.
fn pruned(folder: &Path, at_its_end: bool) -> (Running, States) {
    let running = Running::start(folder);
    let fold = Arc::clone(&running.fold);
    let checkpointer = Checkpointer::new(folder.to_path_buf(), fold, Seq(0));
    let mut channels = Channels::default();
    let mut removed = 0;
    for draw in draws(900) {
        let Some(commit) = channels.step(draw) else { continue };
        let committed = running.commit(&commit).unwrap();
        if committed.first_seq.0.is_multiple_of(20) {
            removed += checkpointer.write().unwrap().unwrap().removed.len();
        }
    }
    if at_its_end {
        checkpointer.write().unwrap();
    }
    assert!(removed >= 2);
    let states = states_of(&running.fold);
    (running, states)
}

fn holds(folder: &Path, states: &States, last: Seq) {
    let found = verify(files(), folder).unwrap();
    assert!(found.ok && found.last_seq == last.0, "{found:?}");
    assert_eq!(&states_of(&read_only(folder).unwrap()), states);
    let reopened = Running::start(folder);
    assert_eq!(&states_of(&reopened.fold), states);
    reopened.stop();
}

#[test]
fn a_pruned_journal_is_the_same_in_another_place() {
    for at_its_end in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let (running, states) = pruned(&journal, at_its_end);
        let last = running.fold.applied();
        running.stop();

        let copy = folder.path().join("copy");
        let copied = copy_journal(&files(), &journal, &copy, SMALL).unwrap();
        assert!(copied.first_seq > Seq(1) && copied.last_seq == last, "{copied:?}");
        holds(&copy, &states, last);

        let mut text = Vec::new();
        let foot = export(&files(), &journal, &mut text).unwrap();
        assert_eq!(foot.last_seq, last);
        let imported = folder.path().join("imported");
        assert_eq!(import(&files(), &imported, text.as_slice(), SMALL).unwrap(), foot);
        holds(&imported, &states, last);
        let mut again = Vec::new();
        export(&files(), &imported, &mut again).unwrap();
        assert!(again.ends_with(
            format!("{{\"frames\":{},\"last_seq\":{last}}}}}\n", foot.frames).as_bytes()
        ));
    }
}

#[test]
fn a_copy_of_a_journal_that_is_written_holds_what_was_durable_when_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let (running, _) = pruned(&journal, false);
    // Its writer has not closed it: the newest group is not vouched for by a slot yet.
    let copy = folder.path().join("copy");
    let copied = copy_journal(&files(), &journal, &copy, SMALL).unwrap();
    let found = verify(files(), &copy).unwrap();
    assert!(found.ok && found.last_seq >= copied.last_seq.0, "{found:?} {copied:?}");
    assert!(running.fold.applied().0 - copied.last_seq.0 < 10, "but for the last group");
    read_only(&copy).unwrap();
    running.stop();
}

#[test]
fn an_empty_journal_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    Running::start(&journal).stop();
    let mut text = Vec::new();
    let foot = export(&files(), &journal, &mut text).unwrap();
    assert_eq!((foot.frames, foot.last_seq), (0, Seq(0)));
    let imported = folder.path().join("imported");
    import(&files(), &imported, text.as_slice(), SMALL).unwrap();
    let copy = folder.path().join("copy");
    copy_journal(&files(), &journal, &copy, SMALL).unwrap();
    for place in [imported, copy] {
        assert_eq!(read_only(&place).unwrap().applied(), Seq(0));
    }
}
