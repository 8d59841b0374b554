//! One frame: the unit that is written, checked and folded as a whole. All numbers little-endian.
//!
//! ```text
//!  0 magic u32 0x464A5459 | 4 segment_id u32 | 8 first_seq u64 | 16 kind u16 | 18 schema u16
//! 20 codec u8 | 21 flags u8 | 22 count u16 | 24 len u32 | 28 crc32c u32 | 32 payload, zero padding
//! ```
//! `len` is the payload without padding; a frame ends at a multiple of 8. The checksum is over the
//! header with `crc32c` = 0 and then the payload. A magic of 0 means: no more frames.
//!
//! Architecture invariant: decoding trusts no length and no byte before the checksum has been
//! checked, and never panics, whatever the bytes are.

use crate::domain::ids::Seq;

/// The first four bytes of every frame ("YTJF" when read as little-endian text).
pub const MAGIC: u32 = 0x464A_5459;
/// Bytes before the payload.
pub const FRAME_HEADER: usize = 32;
/// The largest payload, in bytes. It equals the limit of the codec, so that whatever can be
/// encoded can be written.
pub const MAX_PAYLOAD: usize = 4 << 20;
/// Frames begin at multiples of this.
pub const ALIGN: usize = 8;
/// The codec id of bincode 2 (`journal/codec.rs`). 2 is kept for postcard, 3 for JSON.
pub const CODEC_BINCODE: u8 = 1;

const CRC_AT: usize = 28;

/// What a frame's payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameKind {
    /// Events of one channel, decided by one command.
    Events,
    /// A channel's generation was raised: frames of the older one are refused from here on.
    Generation,
}

impl FrameKind {
    /// The number that stands in the file.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Events => 1,
            Self::Generation => 2,
        }
    }

    /// The kind of a number in the file; `None` for a number that this version does not know.
    #[must_use]
    pub fn of_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Events),
            2 => Some(Self::Generation),
            _ => None,
        }
    }
}

/// One frame, decoded or to be written. The payload is opaque here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The sequence number of its first event, from 1.
    pub first_seq: Seq,
    /// What the payload is.
    pub kind: FrameKind,
    /// The version of the payload's structure.
    pub schema: u16,
    /// How the payload is encoded; [`CODEC_BINCODE`] today.
    pub codec: u8,
    /// Reserved, 0 today.
    pub flags: u8,
    /// How many events it holds, at least 1: it takes as many sequence numbers.
    pub count: u16,
    /// The encoded events, at most [`MAX_PAYLOAD`] bytes.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The sequence number of its last event.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        Seq(self.first_seq.0.saturating_add(u64::from(self.count)).saturating_sub(1))
    }

    /// Bytes it takes in a segment, padding included.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        padded(FRAME_HEADER + self.payload.len())
    }

    /// Appends the frame's bytes, padding included, to `out`. The caller has checked the payload
    /// against [`MAX_PAYLOAD`].
    pub fn encode_into(&self, segment_id: u32, out: &mut Vec<u8>) {
        let header = self.header(segment_id, 0);
        let crc = crc32c::crc32c_append(crc32c::crc32c(&header), &self.payload);
        let end = out.len() + self.encoded_len();
        out.extend_from_slice(&self.header(segment_id, crc));
        out.extend_from_slice(&self.payload);
        out.resize(end, 0);
    }

    fn header(&self, segment_id: u32, crc: u32) -> [u8; FRAME_HEADER] {
        let len = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        let mut header = [0; FRAME_HEADER];
        header[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        header[4..8].copy_from_slice(&segment_id.to_le_bytes());
        header[8..16].copy_from_slice(&self.first_seq.0.to_le_bytes());
        header[16..18].copy_from_slice(&self.kind.number().to_le_bytes());
        header[18..20].copy_from_slice(&self.schema.to_le_bytes());
        header[20] = self.codec;
        header[21] = self.flags;
        header[22..24].copy_from_slice(&self.count.to_le_bytes());
        header[24..28].copy_from_slice(&len.to_le_bytes());
        header[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        header
    }
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// The magic is 0: there are no more frames.
    #[error("no frame begins here")]
    End,
    /// The magic is neither 0 nor ours.
    #[error("bad magic number")]
    Magic,
    /// The frame names another segment than the file it stands in.
    #[error("frame of another segment")]
    Segment,
    /// The bytes end before the frame does.
    #[error("frame is cut off")]
    Cut,
    /// The payload would be longer than [`MAX_PAYLOAD`].
    #[error("payload length out of range")]
    Length,
    /// The checksum does not match.
    #[error("checksum does not match")]
    Checksum,
    /// Padding is not zero.
    #[error("padding is not zero")]
    Padding,
    /// The checksum matches, but kind, count or sequence make no sense to this version.
    #[error("unknown kind, empty frame or impossible sequence number")]
    Meaning,
}

/// Reads the frame at the beginning of `bytes`, which lie in segment `segment_id`. Returns it and
/// the bytes it takes, padding included.
///
/// # Errors
/// [`FrameFault`] when there is no sound frame; [`FrameFault::End`] where frames simply stop.
pub fn decode(bytes: &[u8], segment_id: u32) -> Result<(Frame, usize), FrameFault> {
    let header = bytes.get(..FRAME_HEADER).ok_or_else(|| short_fault(bytes))?;
    match u32_at(header, 0) {
        Some(MAGIC) => {}
        Some(0) => return Err(FrameFault::End),
        _ => return Err(FrameFault::Magic),
    }
    if u32_at(header, 4) != Some(segment_id) {
        return Err(FrameFault::Segment);
    }
    let len = u32_at(header, 24).and_then(|len| usize::try_from(len).ok());
    let len = len.filter(|len| *len <= MAX_PAYLOAD).ok_or(FrameFault::Length)?;
    let end = FRAME_HEADER + len;
    let payload = bytes.get(FRAME_HEADER..end).ok_or(FrameFault::Cut)?;
    let padding = bytes.get(end..padded(end)).ok_or(FrameFault::Cut)?;

    let mut blank = [0; FRAME_HEADER];
    blank.copy_from_slice(header);
    blank[CRC_AT..].fill(0);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&blank), payload);
    if u32_at(header, CRC_AT) != Some(crc) {
        return Err(FrameFault::Checksum);
    }
    if padding.iter().any(|byte| *byte != 0) {
        return Err(FrameFault::Padding);
    }
    let frame = meaning(header, payload).ok_or(FrameFault::Meaning)?;
    Ok((frame, padded(end)))
}

/// The frame of a header and payload whose checksum has been checked.
fn meaning(header: &[u8], payload: &[u8]) -> Option<Frame> {
    let first_seq = u64_at(header, 8)?;
    let count = u16_at(header, 22)?;
    let seq_is_possible = first_seq >= 1 && first_seq.checked_add(u64::from(count)).is_some();
    if count == 0 || !seq_is_possible {
        return None;
    }
    Some(Frame {
        first_seq: Seq(first_seq),
        kind: FrameKind::of_number(u16_at(header, 16)?)?,
        schema: u16_at(header, 18)?,
        codec: *header.get(20)?,
        flags: *header.get(21)?,
        count,
        payload: payload.to_vec(),
    })
}

/// Too few bytes for a header: the end if there is nothing but zeros, else a cut frame.
fn short_fault(bytes: &[u8]) -> FrameFault {
    if bytes.iter().all(|byte| *byte == 0) { FrameFault::End } else { FrameFault::Cut }
}

fn padded(len: usize) -> usize {
    len.next_multiple_of(ALIGN)
}

/// The number at byte `at`, little-endian; `None` past the end.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let end = at.checked_add(2)?;
    Some(u16::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
}

/// The number at byte `at`, little-endian; `None` past the end.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let end = at.checked_add(4)?;
    Some(u32::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
}

/// The number at byte `at`, little-endian; `None` past the end.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let end = at.checked_add(8)?;
    Some(u64::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(payload: Vec<u8>) -> Frame {
        Frame {
            first_seq: Seq(7),
            kind: FrameKind::Events,
            schema: 3,
            codec: CODEC_BINCODE,
            flags: 0,
            count: 2,
            payload,
        }
    }

    fn encoded(frame: &Frame, segment_id: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame.encode_into(segment_id, &mut bytes);
        bytes
    }

    #[test]
    fn the_layout_is_the_contract() {
        let bytes = encoded(&frame(b"hello".to_vec()), 9);
        assert_eq!(bytes.len(), 40);
        assert_eq!(&bytes[0..4], &[0x59, 0x54, 0x4A, 0x46]);
        assert_eq!(&bytes[4..8], &9u32.to_le_bytes());
        assert_eq!(&bytes[8..16], &7u64.to_le_bytes());
        assert_eq!(&bytes[16..24], &[1, 0, 3, 0, 1, 0, 2, 0]);
        assert_eq!(&bytes[24..28], &5u32.to_le_bytes());
        assert_eq!(&bytes[32..40], b"hello\0\0\0");
        let mut checked = bytes[0..28].to_vec();
        checked.extend_from_slice(&[0; 4]);
        checked.extend_from_slice(b"hello");
        assert_eq!(&bytes[28..32], &crc32c::crc32c(&checked).to_le_bytes());
    }

    #[test]
    fn a_frame_of_another_segment_is_refused() {
        let bytes = encoded(&frame(vec![1, 2, 3]), 9);
        assert_eq!(decode(&bytes, 10), Err(FrameFault::Segment));
    }

    #[test]
    fn a_sound_checksum_over_senseless_numbers_is_refused() {
        for broken in [
            Frame { count: 0, ..frame(Vec::new()) },
            Frame { first_seq: Seq(0), ..frame(Vec::new()) },
            Frame { first_seq: Seq(u64::MAX), ..frame(Vec::new()) },
        ] {
            assert_eq!(decode(&encoded(&broken, 1), 1), Err(FrameFault::Meaning));
        }
    }

    #[test]
    fn zeros_are_the_end() {
        assert_eq!(decode(&[0; 64], 1), Err(FrameFault::End));
        assert_eq!(decode(&[], 1), Err(FrameFault::End));
        assert_eq!(decode(&[0, 0, 1], 1), Err(FrameFault::Cut));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(
            payload in prop::collection::vec(any::<u8>(), 0..300),
            first_seq in 1u64..u64::MAX - 70_000,
            count in 1u16..,
            schema: u16,
            codec: u8,
            flags: u8,
            segment_id: u32,
        ) {
            let frame = Frame {
                first_seq: Seq(first_seq), kind: FrameKind::Generation, schema, codec, flags, count, payload,
            };
            let bytes = encoded(&frame, segment_id);
            prop_assert_eq!(bytes.len() % ALIGN, 0);
            prop_assert_eq!(decode(&bytes, segment_id), Ok((frame, bytes.len())));
        }

        #[test]
        fn any_flipped_bit_is_noticed(
            payload in prop::collection::vec(any::<u8>(), 0..100),
            position: prop::sample::Index,
            bit in 0u8..8,
        ) {
            let mut bytes = encoded(&frame(payload), 5);
            let at = position.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(decode(&bytes, 5).is_err());
        }

        #[test]
        fn hostile_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), len: u32) {
            let _ = decode(&bytes, 1);
            if bytes.len() >= FRAME_HEADER {
                bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
                bytes[4..8].copy_from_slice(&1u32.to_le_bytes());
                bytes[24..28].copy_from_slice(&len.to_le_bytes());
                prop_assert!(decode(&bytes, 1).is_err());
            }
        }
    }
}
