//! The byte layout, read by a decoder that was written from the description alone and shares no
//! line with the code it checks.

use super::channels::{Channels, Running, SMALL, draws};
use super::events::example_commits;
use crate::domain::event::Event;
use crate::domain::ids::Seq;
use crate::journal::frame::{CODEC_BINCODE, Frame, FrameKind};
use crate::journal::log::Log;
use crate::journal::record::{SCHEMA, encode};
use crate::journal::segment::SegmentOptions;
use crate::journal::segment::files::DiskFiles;
use crate::journal::segment::log::SegmentLog;

/// CRC-32C bit by bit (Castagnoli, reflected 0x82F63B78).
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    !crc
}

fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    (0..width).rev().fold(0, |number, n| number << 8 | u64::from(bytes[at + n]))
}

#[derive(Debug, PartialEq)]
struct Plain {
    first_seq: u64,
    kind: u64,
    schema: u64,
    codec: u64,
    flags: u64,
    count: u64,
    payload: Vec<u8>,
}

/// (turn, last_seq) of the two slots, and the frames.
fn read_plainly(bytes: &[u8], segment_id: u64) -> ([(u64, u64); 2], Vec<Plain>) {
    assert_eq!(&bytes[0..8], b"YTJSEG01");
    assert_eq!(number(bytes, 8, 4), segment_id);
    assert_eq!(number(bytes, 12, 4), 1, "format");
    let slots = [512, 1024].map(|at| {
        assert_eq!(number(bytes, at + 16, 4), u64::from(crc(&bytes[at..at + 16])));
        (number(bytes, at, 8), number(bytes, at + 8, 8))
    });
    let mut frames = Vec::new();
    let mut at = 4096;
    while at + 4 <= bytes.len() && number(bytes, at, 4) != 0 {
        assert_eq!(at % 8, 0);
        assert_eq!(number(bytes, at, 4), 0x464A_5459);
        assert_eq!(number(bytes, at + 4, 4), segment_id);
        let length = usize::try_from(number(bytes, at + 24, 4)).unwrap();
        let payload = &bytes[at + 32..at + 32 + length];
        let mut checked = bytes[at..at + 28].to_vec();
        checked.extend_from_slice(&[0; 4]);
        checked.extend_from_slice(payload);
        assert_eq!(number(bytes, at + 28, 4), u64::from(crc(&checked)));
        frames.push(Plain {
            first_seq: number(bytes, at + 8, 8),
            kind: number(bytes, at + 16, 2),
            schema: number(bytes, at + 18, 2),
            codec: number(bytes, at + 20, 1),
            flags: number(bytes, at + 21, 1),
            count: number(bytes, at + 22, 2),
            payload: payload.to_vec(),
        });
        let end = at + 32 + length;
        at = end.div_ceil(8) * 8;
        assert!(bytes[end..at].iter().all(|byte| *byte == 0), "padding");
    }
    assert!(bytes[at.min(bytes.len())..].iter().all(|byte| *byte == 0), "zeros to the end");
    (slots, frames)
}

#[test]
fn segments_have_the_layout_that_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let mut channels = Channels::default();
    let mut wanted = Vec::new();
    let mut next_seq = 1;
    for draw in draws(400) {
        let Some(commit) = channels.step(draw) else { continue };
        running.commit(&commit).unwrap();
        let is_raise = matches!(commit.events[0], Event::GenerationRaised { .. });
        let count = commit.events.len() as u64;
        wanted.push(Plain {
            first_seq: next_seq,
            kind: if is_raise { 2 } else { 1 },
            schema: u64::from(SCHEMA),
            codec: 1,
            flags: 0,
            count,
            payload: encode(&commit).unwrap(),
        });
        next_seq += count;
    }
    running.stop();
    let mut found = Vec::new();
    let mut segments = 0;
    for id in 1_u64.. {
        let Ok(bytes) = std::fs::read(folder.path().join(format!("{id:016x}.seg"))) else { break };
        assert!(bytes.len() as u64 <= SMALL.segment_bytes);
        let (slots, frames) = read_plainly(&bytes, id);
        // After a clean close both slots of the last segment are exact, after sealing those of the
        // others; the highest bit of the turn tells which.
        found.extend(frames);
        let last: u64 = found.last().map_or(0, |frame: &Plain| frame.first_seq + frame.count - 1);
        assert_eq!(slots.map(|(_, last_seq)| last_seq), [last; 2], "segment {id}");
        segments = id;
        let sealed = slots.map(|(turn, _)| turn >> 63);
        let is_last = !folder.path().join(format!("{:016x}.seg", id + 1)).exists();
        assert_eq!(sealed, [u64::from(!is_last); 2], "segment {id}");
        let turns = slots.map(|(turn, _)| turn << 1 >> 1);
        assert_eq!(turns[0].abs_diff(turns[1]), 1, "the slots take turns");
    }
    assert!(segments >= 3, "{segments} segments");
    assert_eq!(found.len(), wanted.len());
    assert_eq!(found, wanted);
}

/// The worked example of `docs/journal-format.md`: the frame of the first example commit, alone in
/// segment 1.
fn worked_example() -> String {
    let folder = tempfile::tempdir().unwrap();
    let options = SegmentOptions { segment_bytes: 16 << 10, fill_step: 4 << 10 };
    let layer = std::sync::Arc::new(DiskFiles);
    let (mut log, _) =
        SegmentLog::open(layer, folder.path(), options, Seq(0), &mut |_| {}).unwrap();
    let commit = &example_commits()[0];
    let frame = Frame {
        first_seq: Seq(1),
        kind: FrameKind::Generation,
        schema: SCHEMA,
        codec: CODEC_BINCODE,
        flags: 0,
        count: 1,
        payload: encode(commit).unwrap(),
    };
    log.append(std::slice::from_ref(&frame)).unwrap();
    log.sync().unwrap();
    log.close().unwrap();
    let bytes = std::fs::read(folder.path().join("0000000000000001.seg")).unwrap();
    let mut text = String::new();
    let end = 4096 + frame.encoded_len();
    for (from, to) in [(0, 16), (512, 544), (1024, 1056), (4096, end)] {
        for at in (from..to).step_by(16) {
            let line = &bytes[at..(at + 16).min(to)];
            let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            text.push_str(&format!("{at:08x}  {}\n", hex.join(" ")));
        }
    }
    text
}

#[test]
fn the_worked_example_in_the_documents_is_what_is_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/journal-format.md");
    let document = std::fs::read_to_string(path).unwrap();
    let example = worked_example();
    assert!(document.contains(&example), "docs/journal-format.md should hold\n{example}");
}
