//! How a row is stored so that a changed, lost or added one is noticed: an envelope around every
//! value, and a sum over all rows.
//!
//! Architecture invariant: knows nothing of the engine that keeps the rows.

use super::StoreError;
use crate::domain::ids::Seq;
use crate::journal::frame::{u32_at, u64_at};

/// Bytes of the envelope before the value.
const ENVELOPE: usize = 8;

/// What the rows must add up to. A missing, added or changed row does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) applied: Seq,
    pub(super) rows: u64,
    sum: u64,
}

impl Summary {
    pub(super) fn add(&mut self, key: &[u8], stored: &[u8]) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(row_digest(key, stored));
    }

    pub(super) fn take_away(&mut self, key: &[u8], stored: &[u8]) {
        self.rows = self.rows.saturating_sub(1);
        self.sum = self.sum.wrapping_sub(row_digest(key, stored));
    }

    pub(super) fn encode(self) -> Vec<u8> {
        [self.applied.0, self.rows, self.sum].iter().flat_map(|part| part.to_le_bytes()).collect()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (applied, rows, sum) = (u64_at(bytes, 0)?, u64_at(bytes, 8)?, u64_at(bytes, 16)?);
        Some(Self { applied: Seq(applied), rows, sum })
    }
}

/// crc32c u32 (of key, length and value) | length u32 | value.
pub(super) fn envelope(key: &[u8], value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut stored = row_crc(key, length, value).to_le_bytes().to_vec();
    stored.extend_from_slice(&length);
    stored.extend_from_slice(value);
    stored
}

/// The value inside, if it matches its checksum.
pub(super) fn open_envelope<'a>(key: &[u8], stored: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let value = stored.get(ENVELOPE..).unwrap_or_default();
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    let length_fits = u32_at(stored, 4) == Some(length);
    let crc_fits = u32_at(stored, 0) == Some(row_crc(key, length.to_le_bytes(), value));
    if length_fits && crc_fits {
        return Ok(value);
    }
    let name = String::from_utf8_lossy(key).chars().take(80).collect::<String>();
    Err(StoreError::Damaged(format!("the row {name:?} does not match its checksum")))
}

fn row_crc(key: &[u8], length: [u8; 4], value: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(key), &length);
    crc32c::crc32c_append(crc, value)
}

/// Of the key and the envelope's checksum and length, which opening compares with the value.
fn row_digest(key: &[u8], stored: &[u8]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key).update(stored.get(..ENVELOPE).unwrap_or(stored));
    u64_at(hasher.finalize().as_bytes(), 0).unwrap_or(0)
}
