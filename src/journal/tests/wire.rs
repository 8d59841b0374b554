//! D7: decode∘encode is the identity, hostile bytes are refused, and so is what another version
//! wrote.

use proptest::prelude::*;

use super::events::{KINDS, commit, example_commits, examples, kind};
use crate::domain::apply::apply;
use crate::domain::artifact::Digest;
use crate::domain::channel::ChannelState;
use crate::domain::ids::Seq;
use crate::journal::codec;
use crate::journal::fold::Fold;
use crate::journal::frame::{CODEC_BINCODE, Frame, FrameKind};
use crate::journal::part::parts_of;
use crate::journal::record::{Commit, RecordError, SCHEMA, decode, encode};

/// A digest that was written down when the form was fixed.
fn written_down(name: &str) -> String {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().trim().to_owned()
}

fn frame(payload: Vec<u8>, events: usize) -> Frame {
    Frame {
        first_seq: Seq(1),
        kind: FrameKind::Events,
        schema: SCHEMA,
        codec: CODEC_BINCODE,
        flags: 0,
        count: u16::try_from(events).unwrap(),
        payload,
    }
}

fn frame_of(commit: &Commit) -> Frame {
    frame(encode(commit).unwrap(), commit.events.len())
}

proptest! {
    #[test]
    fn d7_any_commit_is_read_as_it_was_written(commit in commit()) {
        prop_assert_eq!(decode(&frame_of(&commit)).unwrap(), commit);
    }

    #[test]
    fn hostile_payloads_never_panic(payload: Vec<u8>) {
        let _ = decode(&frame(payload, 1));
    }

    #[test]
    fn a_changed_byte_never_panics_in_decoding_or_in_the_fold(
        commit in commit(), position: prop::sample::Index, byte: u8,
    ) {
        let mut frame = frame_of(&commit);
        let at = position.index(frame.payload.len());
        frame.payload[at] = byte;
        let fold = Fold::new();
        if fold.take(&frame).is_err() {
            prop_assert_eq!(fold.applied(), Seq(0));
            prop_assert!(fold.channels().is_empty());
        }
        prop_assert!(fold.broken_channels().is_empty());
    }
}

#[test]
fn the_examples_are_of_every_kind() {
    let kinds: Vec<usize> = examples().iter().map(kind).collect();
    assert_eq!(kinds, (0..KINDS).collect::<Vec<_>>());
}

/// BLAKE3 over the encoded examples, and over the encoded pieces of the states they lead through.
pub fn digests() -> (String, String) {
    let commits = example_commits();
    let bytes: Vec<u8> = commits.iter().flat_map(|commit| encode(commit).unwrap()).collect();
    let mut state = ChannelState::default();
    let mut pieces = Vec::new();
    // After each, for what a workflow was is not there any more when it is archived.
    for commit in &commits {
        commit.events.iter().for_each(|event| apply(&mut state, commit.at, event));
        for part in parts_of(commit.channel, &state) {
            pieces.extend(codec::encode(&part).unwrap());
        }
    }
    (Digest::of(&bytes).to_string(), Digest::of(&pieces).to_string())
}

#[test]
fn the_wire_form_does_not_change_silently() {
    assert_eq!(
        digests().0,
        written_down(&format!("schema-{SCHEMA}.blake3")),
        "the wire form changed: raise the schema, and upcast what was written before; journals \
         that were written with it must stay readable"
    );
}

#[test]
fn the_form_of_checkpoints_does_not_change_silently() {
    assert_eq!(
        digests().1,
        written_down(&format!("parts-{SCHEMA}.blake3")),
        "the form of the books' pieces changed: give the checkpoint's section a new name, keep \
         reading the old one, and raise the layout number of the store's rows"
    );
}

#[test]
fn what_another_version_wrote_is_refused_and_says_so() {
    let good = frame_of(&example_commits()[0]);
    let newer = decode(&Frame { schema: SCHEMA + 1, ..good.clone() }).unwrap_err();
    assert!(matches!(newer, RecordError::Schema { found: 4 }), "{newer}");
    assert_eq!(
        newer.to_string(),
        "it has schema 4, this version knows schemas 2 to 3: use the version that wrote it"
    );
    let foreign = decode(&Frame { codec: 2, ..good }).unwrap_err();
    assert!(matches!(foreign, RecordError::Encoding(2)), "{foreign}");
}

#[test]
fn a_frame_holds_as_many_events_as_it_takes_sequence_numbers() {
    let good = frame_of(&example_commits()[0]);
    let error = decode(&Frame { count: 2, ..good }).unwrap_err();
    assert!(matches!(error, RecordError::Count { claimed: 2, found: 1 }), "{error}");
}

#[test]
fn the_fold_takes_each_frame_once_and_in_sequence() {
    let fold = Fold::new();
    let first = frame_of(&example_commits()[0]);
    fold.take(&first).unwrap();
    let again = fold.take(&first).unwrap_err();
    assert!(matches!(again, RecordError::OutOfSequence { next: 2, found: 1 }), "{again}");
    let early = fold.take(&Frame { first_seq: Seq(3), ..first }).unwrap_err();
    assert!(matches!(early, RecordError::OutOfSequence { next: 2, found: 3 }), "{early}");
    assert_eq!(fold.applied(), Seq(1));
}
