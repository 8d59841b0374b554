//! The store's rows: the pieces of the books as keys and values, and back.
//!
//! `c/<channel>` a channel's head, `w/<channel>/<workflow>` a workflow with its small outputs,
//! `t/<channel>/<digest of the topic's key>` a used topic, `s/<channel>/<bucket>` fingerprints of
//! used sentences, `h/<channel>/<month>` a month of the history, `m` the point in the journal's history they are all at. What is longer than a
//! value may be goes on in rows `<key>#1`, `<key>#2` …; the first row begins with how many there are
//! (u32, little-endian).
//!
//! Architecture invariant: from rows comes exactly the state they were made of (D7), and no value is
//! longer than [`MAX_VALUE`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError};
use super::fold::Point;
use super::frame::u32_at;
use super::part::{Gone, Part, put_together};
use super::store::{Batch, MAX_VALUE, Row, Store, StoreError};
use crate::domain::artifact::Digest;
use crate::domain::channel::ChannelState;
use crate::domain::history::Month;
use crate::domain::ids::{ChannelId, WorkflowId};

/// How rows are laid out; rows of another layout are made anew.
const LAYOUT: u16 = 5;
const MARK_KEY: &str = "m";
/// Bytes of the count at the beginning of a first row.
const COUNT: usize = 4;
/// Bytes of a piece in one row.
const PIECE: usize = MAX_VALUE - COUNT;

#[derive(Serialize, Deserialize)]
struct Mark {
    layout: u16,
    point: Point,
}

/// Why rows cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// The store says why.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A value is none of ours.
    #[error("a row of the store cannot be read or written: {0}")]
    Codec(#[from] CodecError),
    /// A row that goes on in others lacks one.
    #[error("the row {0:?} of the store is not complete")]
    Incomplete(String),
}

/// Puts the rows of a piece into `batch`, and removes those by which it was longer in `store`.
///
/// # Errors
/// [`RowError`]; the batch must not be applied then.
pub fn put_part(batch: &mut Batch, store: &Store, part: &Part) -> Result<(), RowError> {
    let key = key_of(part);
    let bytes = codec::encode(part)?;
    let pieces: Vec<&[u8]> = bytes.chunks(PIECE).collect();
    let count = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
    let before = pieces_of(store, &key)?;
    for (number, piece) in (0..).zip(pieces) {
        let mut value = if number == 0 { count.to_le_bytes().to_vec() } else { Vec::new() };
        value.extend_from_slice(piece);
        batch.put(key_of_piece(&key, number), value);
    }
    for number in count..before {
        batch.remove(key_of_piece(&key, number));
    }
    Ok(())
}

/// Removes the rows of a piece that is gone.
///
/// # Errors
/// [`RowError::Store`].
pub fn remove_part(batch: &mut Batch, store: &Store, gone: &Gone) -> Result<(), RowError> {
    let key = match gone {
        Gone::Workflow(channel, workflow) => key_of_workflow(*channel, *workflow),
        Gone::History(channel, month) => key_of_month(*channel, *month),
    };
    let count = pieces_of(store, &key)?;
    for number in 0..count {
        batch.remove(key_of_piece(&key, number));
    }
    Ok(())
}

/// How many rows a piece has in `store`.
fn pieces_of(store: &Store, key: &str) -> Result<u32, StoreError> {
    let count = store.read(key.as_bytes(), |row| u32_at(row, 0))?;
    Ok(count.flatten().unwrap_or(0))
}

/// Puts the row that says where the rows are into `batch`.
///
/// # Errors
/// [`RowError::Codec`].
pub fn put_mark(batch: &mut Batch, point: Point) -> Result<(), RowError> {
    batch.put(MARK_KEY, codec::encode(&Mark { layout: LAYOUT, point })?);
    Ok(())
}

/// Removes that row.
pub fn remove_mark(batch: &mut Batch) {
    batch.remove(MARK_KEY);
}

/// Where the rows of `store` are; `None` when there are none, or none of this layout.
///
/// # Errors
/// [`RowError::Store`].
pub fn mark(store: &Store) -> Result<Option<Point>, RowError> {
    let row = store.get(MARK_KEY.as_bytes())?;
    let mark: Option<Mark> = row.and_then(|row| codec::decode(&row).ok());
    Ok(mark.filter(|mark| mark.layout == LAYOUT).map(|mark| mark.point))
}

/// The channels that `rows` hold.
///
/// # Errors
/// [`RowError`] when a row cannot be read or is not complete.
pub fn channels_of(rows: &[Row]) -> Result<BTreeMap<ChannelId, ChannelState>, RowError> {
    let by_key: BTreeMap<&[u8], &[u8]> =
        rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect();
    let mut channels = BTreeMap::new();
    for (key, value) in rows {
        if key == MARK_KEY.as_bytes() || key.contains(&b'#') {
            continue;
        }
        let name = String::from_utf8_lossy(key);
        let incomplete = || RowError::Incomplete(name.to_string());
        let count = u32_at(value, 0).ok_or_else(incomplete)?;
        let mut bytes = value.get(COUNT..).unwrap_or_default().to_vec();
        for number in 1..count {
            let next = key_of_piece(&name, number);
            bytes.extend_from_slice(by_key.get(next.as_bytes()).ok_or_else(incomplete)?);
        }
        put_together(&mut channels, codec::decode(&bytes)?);
    }
    Ok(channels)
}

fn key_of(part: &Part) -> String {
    match part {
        Part::Channel(channel, _) => format!("c/{channel}"),
        Part::Workflow(channel, workflow) => key_of_workflow(*channel, workflow.id),
        Part::Topic(channel, key, _) => format!("t/{channel}/{}", Digest::of(key.as_bytes())),
        Part::Sentences(channel, bucket, _) => format!("s/{channel}/{bucket:02x}"),
        Part::Slots(channel, _) => format!("l/{channel}"),
        Part::Commands(channel, bucket, _) => format!("k/{channel}/{bucket:02x}"),
        Part::History(channel, month, _) => key_of_month(*channel, *month),
    }
}

fn key_of_workflow(channel: ChannelId, workflow: WorkflowId) -> String {
    format!("w/{channel}/{workflow}")
}

fn key_of_month(channel: ChannelId, month: Month) -> String {
    format!("h/{channel}/{month}")
}

fn key_of_piece(key: &str, number: u32) -> String {
    if number == 0 { key.to_owned() } else { format!("{key}#{number}") }
}
