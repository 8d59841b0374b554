//! The store behind the fold: whatever becomes of it, it is made anew and equal.

use std::path::Path;
use std::sync::Arc;

use super::channels::{Channels, Running, draws, raised, states_of, success};
use crate::domain::artifact::{Artifact, Body, Digest};
use crate::domain::stage::StageName;
use crate::domain::timestamp::Timestamp;
use crate::journal::fold::Fold;
use crate::journal::follower::{Asked, Follower};
use crate::journal::part::Part;
use crate::journal::rows::{channels_of, put_mark, put_part};
use crate::journal::store::{Batch, MAX_VALUE};

/// A journal of `steps` draws, and its fold.
fn folded(folder: &Path, skipped: usize, steps: u64) -> Arc<Fold> {
    let running = Running::start(folder);
    let mut channels = Channels::default();
    for draw in draws(steps).skip(skipped) {
        if let Some(commit) = channels.step(draw) {
            running.commit(&commit).unwrap();
        }
    }
    let fold = Arc::clone(&running.fold);
    running.stop();
    fold
}

/// Opens the store at `folder` for `fold` and checks that it says the same. Returns whether one was
/// set aside.
fn open_and_compare(folder: &Path, fold: &Arc<Fold>) -> bool {
    let (mut follower, aside) = Follower::open(folder, Timestamp(0), Arc::clone(fold)).unwrap();
    follower.catch_up().unwrap();
    let rows = follower.store().export().unwrap();
    assert!(rows.iter().all(|(_, value)| value.len() <= MAX_VALUE));
    assert_eq!(follower.store().applied(), fold.applied());
    assert_eq!(channels_of(&rows).unwrap(), states_of(fold));
    follower.store().flush().unwrap();
    aside.is_some()
}

#[test]
fn a_deleted_truncated_or_flipped_store_is_made_anew_and_equal() {
    let folder = tempfile::tempdir().unwrap();
    let fold = folded(&folder.path().join("journal"), 0, 300);
    let store = folder.path().join("store");
    assert!(!open_and_compare(&store, &fold));
    assert!(!open_and_compare(&store, &fold), "a sound one stays");
    std::fs::remove_dir_all(&store).unwrap();
    assert!(!open_and_compare(&store, &fold), "a deleted one is nothing to set aside");
    let data = store.join("db");
    let length = std::fs::metadata(&data).unwrap().len();
    std::fs::write(&data, &std::fs::read(&data).unwrap()[..100]).unwrap();
    open_and_compare(&store, &fold);
    let mut flipped = 0;
    for at in (0..length).step_by(usize::try_from(length / 12).unwrap()) {
        let mut bytes = std::fs::read(&data).unwrap();
        let at = usize::try_from(at).unwrap().min(bytes.len() - 1);
        bytes[at] ^= 0x10;
        std::fs::write(&data, bytes).unwrap();
        flipped += usize::from(open_and_compare(&store, &fold));
    }
    assert!(flipped > 0, "no flip was noticed");
}

#[test]
fn a_store_of_another_journal_at_the_same_sequence_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let one = Arc::new(Fold::new());
    let other = Arc::new(Fold::new());
    let frame = |number| crate::journal::frame::Frame {
        first_seq: crate::domain::ids::Seq(1),
        kind: crate::journal::frame::FrameKind::Generation,
        schema: crate::journal::record::SCHEMA,
        codec: crate::journal::frame::CODEC_BINCODE,
        flags: 0,
        count: 1,
        payload: crate::journal::record::encode(&raised(number, 1)).unwrap(),
    };
    one.take(&frame(1)).unwrap();
    other.take(&frame(2)).unwrap();
    assert_eq!(one.applied(), other.applied());
    assert!(!open_and_compare(&store, &one));
    assert!(!open_and_compare(&store, &other));
}

#[test]
fn a_store_that_is_ahead_of_a_restored_journal_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    open_and_compare(&store, &folded(&folder.path().join("longer"), 0, 300));
    open_and_compare(&store, &folded(&folder.path().join("shorter"), 0, 100));
    // A row that nothing in the journal explains goes as well.
    let fold = folded(&folder.path().join("other"), 7, 80);
    {
        let (follower, _) = Follower::open(&store, Timestamp(0), Arc::clone(&fold)).unwrap();
        drop(follower);
        let mut opened = crate::journal::store::Store::open(
            &store,
            Timestamp(0),
            std::time::Duration::from_secs(60),
        )
        .unwrap()
        .store;
        let mut batch = Batch::default();
        batch.put("w/stale", "a workflow that never was");
        put_mark(&mut batch, Default::default()).unwrap();
        opened.apply(batch, fold.applied()).unwrap();
        opened.flush().unwrap();
    }
    open_and_compare(&store, &fold);
}

#[test]
fn a_piece_longer_than_a_value_goes_on_in_more_rows_and_shrinks_again() {
    let folder = tempfile::tempdir().unwrap();
    let fold = folded(&folder.path().join("journal"), 0, 60);
    let store = folder.path().join("store");
    let (follower, _) = Follower::open(&store, Timestamp(0), Arc::clone(&fold)).unwrap();
    let workflow = follower_workflow(&fold);
    drop(follower);
    let empty = folder.path().join("empty");
    let limit = std::time::Duration::from_secs(60);
    let mut store = crate::journal::store::Store::open(&empty, Timestamp(0), limit).unwrap().store;
    for inline in [300_000_usize, 0, 100_000, 65_532 - 1, 65_532, 65_533, 1] {
        let Part::Workflow(channel, mut workflow) = workflow.clone() else { unreachable!() };
        workflow.done[0].output.artifacts.push(Artifact {
            name: "long.json".to_owned(),
            digest: Digest([1; 32]),
            bytes: inline as u64,
            body: Body::Inline(vec![3; inline].into()),
        });
        let mut batch = Batch::default();
        put_part(&mut batch, &store, &Part::Workflow(channel, workflow.clone())).unwrap();
        store.apply(batch, Default::default()).unwrap();
        let rows = store.export().unwrap();
        assert!(rows.len() <= 1 + inline / 60_000 + 1, "{} rows for {inline}", rows.len());
        assert_eq!(channels_of(&rows).unwrap()[&channel].workflows[&workflow.id], *workflow);
        if rows.len() > 1 {
            let missing = channels_of(&rows[..rows.len() - 1]).unwrap_err();
            assert!(missing.to_string().contains("is not complete"), "{missing}");
        }
    }
}

fn follower_workflow(fold: &Fold) -> Part {
    let parts = fold.everything().parts.into_iter();
    let mut workflows = parts
        .filter(|part| matches!(part, Part::Workflow(_, workflow) if !workflow.done.is_empty()));
    workflows.next().unwrap()
}

#[test]
fn a_commit_changes_the_rows_of_its_workflow_only() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&folder.path().join("journal"));
    let mut channels = Channels::default();
    for draw in draws(500) {
        if let Some(commit) = channels.step(draw) {
            running.commit(&commit).unwrap();
        }
    }
    assert!(running.fold.everything().parts.len() > 20);
    drop(running.fold.take_changes());
    for draw in draws(600).skip(500) {
        let Some(commit) = channels.step(draw) else { continue };
        running.commit(&commit).unwrap();
        let changed = running.fold.take_changes().parts;
        let workflows = changed.iter().filter(|part| matches!(part, Part::Workflow(..))).count();
        let named: std::collections::BTreeSet<_> =
            commit.events.iter().filter_map(crate::domain::event::Event::workflow).collect();
        assert_eq!(workflows, named.len());
        assert!(changed.len() <= 1 + named.len() + 1 + 20, "{}", changed.len());
    }
    running.stop();
    // The outputs that make rows long are real ones.
    assert!(success(StageName::Script, 1, 15_999).output.artifacts.len() > 1);
}

#[test]
fn a_follower_whose_owner_is_gone_ends() {
    let folder = tempfile::tempdir().unwrap();
    let fold = folded(&folder.path().join("journal"), 0, 20);
    let store = folder.path().join("store");
    let applied = fold.applied();
    let (follower, _) = Follower::open(&store, Timestamp(0), fold).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (asked, asks) = tokio::sync::watch::channel(Asked::default());
    drop(asked);
    let (tell_at, at) = tokio::sync::watch::channel(crate::domain::ids::Seq(0));
    follower.follow(runtime.handle(), asks, &tell_at).unwrap();
    assert_eq!(*at.borrow(), applied);
}
