//! A commit that cannot be applied breaks its channel and no other (S1). It is made by an overflow,
//! which only builds with debug assertions notice.

use std::sync::Arc;

use super::channels::{Channels, Running, apply_to, draws, name, raised};
use crate::domain::event::Event;
use crate::domain::failure::Failure;
use crate::domain::ids::{Attempt, ChannelId, Seq, Take};
use crate::domain::stage::StageName;
use crate::domain::timestamp::Timestamp;
use crate::domain::workflow::Progress;
use crate::journal::fold::Fold;
use crate::journal::open::write_checkpoint;
use crate::journal::part::Part;
use crate::journal::record::Commit;

/// A commit that `apply` cannot carry out where overflow is checked, as in tests: the retries of
/// its workflow stand at the highest number there is.
fn poisoned(fold: &Fold) -> (Fold, Commit) {
    let channel = ChannelId::of_name(&name(0));
    let mut snapshot = fold.everything();
    let mut poisoned = None;
    for part in &mut snapshot.parts {
        if let Part::Workflow(of, workflow) = part
            && *of == channel
            && let Progress::At(position) = &mut workflow.progress
        {
            position.retries = u32::MAX;
            poisoned = Some(workflow.id);
        }
    }
    let workflow = poisoned.unwrap();
    let failed = Event::StageFailed {
        workflow,
        stage: StageName::Trend,
        attempt: Attempt(1),
        take: Take(0),
        failure: Failure::transient("drawn", "drawn"),
        retry_at: None,
    };
    let generation = fold.read(channel, |state| state.generation);
    let at = Timestamp(5);
    let commit = Commit { channel, generation, at, correlation: None, events: vec![failed] };
    (Fold::from_snapshot(snapshot), commit)
}

#[test]
fn s1_a_commit_that_cannot_be_applied_breaks_its_channel_only() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let mut channels = Channels::default();
    let mut states = Default::default();
    for draw in draws(60) {
        let Some(commit) = channels.step(draw) else { continue };
        running.commit(&commit).unwrap();
        apply_to(&mut states, &commit);
    }
    let (fold, commit) = poisoned(&running.fold);
    running.stop();
    let fold = Arc::new(fold);
    // Straight into the fold, as the writer and a restart both do.
    let frame = |commit: &Commit| crate::journal::frame::Frame {
        first_seq: Seq(fold.applied().0 + 1),
        kind: crate::journal::frame::FrameKind::Events,
        schema: crate::journal::record::SCHEMA,
        codec: crate::journal::frame::CODEC_BINCODE,
        flags: 0,
        count: 1,
        payload: crate::journal::record::encode(commit).unwrap(),
    };
    fold.take(&frame(&commit)).unwrap();
    let reason = fold.broken(commit.channel).unwrap();
    assert!(reason.contains("could not be applied"), "{reason}");
    assert_eq!(fold.state(commit.channel).parked, Some(reason));
    // A new generation does not mend it, but keeps its fence.
    let generation = fold.generations()[&commit.channel].0 + 1;
    fold.take(&frame(&raised(0, generation))).unwrap();
    assert!(fold.broken(commit.channel).is_some());
    assert_eq!(fold.generations()[&commit.channel].0, generation);
    // The other channel does not notice.
    let other = raised(1, 99);
    fold.take(&frame(&other)).unwrap();
    assert_eq!(fold.broken(other.channel), None);
    assert_eq!(fold.state(other.channel).generation.0, 99);
    // The segments are what a version without the fault mends it from: they stay.
    let refused = write_checkpoint(folder.path(), &fold).unwrap_err();
    assert_eq!(refused.code(), "channel_broken");
}
