//! The same promises against damage at any place.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// Names and bytes.
type Files = Vec<(String, Vec<u8>)>;

/// The files of a journal of 150 frames, open and closed: made once, because syncs are slow.
static JOURNALS: LazyLock<[Files; 2]> = LazyLock::new(|| {
    [false, true].map(|close| {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path(), 150, close);
        contents(folder.path())
    })
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_flipped_bit_is_reported_or_touches_nothing(
        file in 0usize..3, position: prop::sample::Index, bit in 0u8..8, close: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in &JOURNALS[usize::from(close)] {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let path = segment(folder.path(), u32::try_from(file).unwrap() + 1);
        let mut at = 0;
        change(&path, |bytes| {
            at = position.index(bytes.len());
            bytes[at] ^= 1 << bit;
        });
        let result = check(folder.path());
        if result.problems.is_empty() {
            // A slot (the other one still holds) or the header's unused bytes.
            prop_assert!((16..SEGMENT_HEADER).contains(&at), "byte {}", at);
        }
        if result.ok {
            // A torn tail may only be in the last group, and never after a clean close.
            let least = if close { 150 } else { 147 };
            prop_assert!(result.last_seq >= least);
            prop_assert_eq!(result.last_seq, result.frames);
            prop_assert_eq!(open(folder.path()).2.len() as u64, result.frames);
        } else {
            prop_assert!(open_with(disk(), folder.path()).is_err());
        }
    }

    #[test]
    fn a_write_cut_anywhere_is_a_torn_tail_and_loses_only_its_own_group(cut in 0usize..696) {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path(), 9, false);
        // The last group's three frames are written up to some byte; its slot is not.
        change(&segment(folder.path(), 1), |bytes| bytes[offset(6) + cut..offset(9)].fill(0));
        let result = check(folder.path());
        prop_assert!(result.ok);
        prop_assert_eq!(result.last_seq, 6 + cut as u64 / FRAME_BYTES);
        let (mut log, recovery, _) = open(folder.path());
        append(&mut log, recovery.last_seq.0 + 1, 12);
        prop_assert_eq!(check(folder.path()).problems, []);
    }

    #[test]
    fn hostile_segments_never_panic(
        header: bool, bytes in prop::collection::vec(any::<u8>(), 0..6000),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let start = if header { new_header(1, Seq(0)).0 } else { Vec::new() };
        fs::write(segment(folder.path(), 1), [start, bytes].concat()).unwrap();
        let result = check(folder.path());
        prop_assert_eq!(open_with(disk(), folder.path()).is_ok(), result.ok);
    }
}
