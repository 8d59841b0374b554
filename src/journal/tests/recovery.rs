//! D1: what is recovered is the fold of what was acknowledged. And: from the store = from a
//! checkpoint and the tail = from all frames.

use proptest::prelude::*;

use super::channels::{Channels, Running, States, apply_to, as_killed, states_of};
use crate::domain::ids::Seq;
use crate::domain::timestamp::Timestamp;
use crate::journal::follower::Follower;
use crate::journal::open::{open, read_only, write_checkpoint};
use crate::journal::rows::channels_of;
use crate::journal::segment::SegmentOptions;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn d1_after_a_kill_the_state_is_the_fold_of_the_acknowledged_frames(
        before in prop::collection::vec(any::<u64>(), 1..120),
        after in prop::collection::vec(any::<u64>(), 1..40),
        checkpoint_at in 0_usize..120,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let running = Running::start(folder.path());
        let mut channels = Channels::default();
        let mut acknowledged = States::new();
        for (number, draw) in before.into_iter().enumerate() {
            let Some(commit) = channels.step(draw) else { continue };
            running.commit(&commit).unwrap();
            apply_to(&mut acknowledged, &commit);
            if number == checkpoint_at {
                write_checkpoint(folder.path(), &running.fold).unwrap();
            }
        }
        let killed = as_killed(folder.path());
        let point = running.fold.point();
        running.stop();

        let recovered = Running::start(killed.path());
        prop_assert_eq!(recovered.fold.point(), point);
        prop_assert_eq!(&states_of(&recovered.fold), &acknowledged);
        // And it goes on from there.
        for draw in after {
            let Some(commit) = channels.step(draw) else { continue };
            recovered.commit(&commit).unwrap();
            apply_to(&mut acknowledged, &commit);
        }
        let killed_again = as_killed(killed.path());
        recovered.stop();
        prop_assert_eq!(states_of(&read_only(killed_again.path()).unwrap()), acknowledged);
    }

    #[test]
    fn d7_from_the_store_from_a_checkpoint_and_from_all_frames_come_equal_states(
        steps in prop::collection::vec((any::<u64>(), 0_u8..12), 1..150),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        // Segments of the usual size: no frame is ever pruned, so all can be folded again.
        let running = Running::run(open(&journal, SegmentOptions::default()).unwrap());
        let store = folder.path().join("store");
        let mut follower =
            Follower::open(&store, Timestamp(0), running.fold.clone()).unwrap().0;
        let mut channels = Channels::default();
        for (draw, aside) in steps {
            if let Some(commit) = channels.step(draw) {
                running.commit(&commit).unwrap();
            }
            match aside {
                0 => drop(write_checkpoint(&journal, &running.fold).unwrap()),
                1 => follower.catch_up().unwrap(),
                _ => {}
            }
        }
        follower.catch_up().unwrap();
        let rows = follower.store().export().unwrap();
        let killed = as_killed(&journal);
        let point = running.fold.point();
        running.stop();

        prop_assert_eq!(follower.store().applied(), point.applied);
        prop_assert_eq!(&channels_of(&rows).unwrap(), &channels.states);
        let from_checkpoint = read_only(killed.path()).unwrap();
        prop_assert_eq!(from_checkpoint.point(), point);
        prop_assert_eq!(&states_of(&from_checkpoint), &channels.states);
        for entry in std::fs::read_dir(killed.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("checkpoint-") {
                std::fs::remove_file(path).unwrap();
            }
        }
        let from_all_frames = read_only(killed.path()).unwrap();
        prop_assert_eq!(from_all_frames.point(), point);
        prop_assert_eq!(&states_of(&from_all_frames), &channels.states);
        // A store made anew has the very rows of one that followed.
        drop(follower);
        std::fs::remove_dir_all(&store).unwrap();
        let anew = Follower::open(&store, Timestamp(0), from_all_frames.into()).unwrap().0;
        prop_assert_eq!(anew.store().export().unwrap(), rows);
    }
}

#[test]
fn an_empty_journal_is_an_empty_fold() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("journal");
    assert_eq!(read_only(&nowhere).unwrap().applied(), Seq(0));
    assert!(!nowhere.exists());
}
