//! What a frame's payload means: the events of one command in one channel.
//!
//! Schema 3 is the domain's own types as they are; a golden file and a digest of its bytes guard
//! them. Schema 2 is the same without the workflows' definition, and is upcast while it is read
//! (`domain::upcast`). Schema 1 was never released and is refused like a newer one.
//!
//! Architecture invariant: a schema that was ever released can always be read; another is refused
//! with its number.

use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError};
use super::frame::{CODEC_BINCODE, Frame};
use crate::domain::event::Event;
use crate::domain::ids::{ChannelId, CommandId, Generation};
use crate::domain::timestamp::Timestamp;
use crate::domain::upcast;

/// The schema that is written.
pub const SCHEMA: u16 = 3;

/// The oldest schema that is read.
pub const OLDEST_SCHEMA: u16 = 2;

/// Whether data of this schema is read.
#[must_use]
pub fn is_known(schema: u16) -> bool {
    (OLDEST_SCHEMA..=SCHEMA).contains(&schema)
}

/// The events of one command, as they are committed together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// In which channel.
    pub channel: ChannelId,
    /// The generation of the actor that decided.
    pub generation: Generation,
    /// When it was decided.
    pub at: Timestamp,
    /// The command it goes back to, if it had an id.
    pub correlation: Option<CommandId>,
    /// What happened, in order; never empty.
    pub events: Vec<Event>,
}

/// Why a frame's payload cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It was written by another version.
    #[error(
        "it has schema {found}, this version knows schemas {OLDEST_SCHEMA} to {SCHEMA}: use the version that wrote it"
    )]
    Schema {
        /// Its schema.
        found: u16,
    },
    /// It was written in an encoding this version does not know.
    #[error(
        "it is in encoding {0}, which this version does not know: use the newer version that wrote it"
    )]
    Encoding(u8),
    /// It does not hold as many events as it takes sequence numbers.
    #[error("it holds {found} events and takes {claimed} sequence numbers")]
    Count {
        /// Sequence numbers that it takes.
        claimed: u16,
        /// Events that it holds.
        found: usize,
    },
    /// It is not the next frame.
    #[error("it begins with sequence {found}, but {next} comes next")]
    OutOfSequence {
        /// The sequence number that comes next.
        next: u64,
        /// The one it begins with.
        found: u64,
    },
    /// Its checksum holds, but it cannot be decoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// The payload of `commit`.
///
/// # Errors
/// [`CodecError`] when it is larger than a frame may be.
pub fn encode(commit: &Commit) -> Result<Vec<u8>, CodecError> {
    codec::encode(commit)
}

/// What `frame` says.
///
/// # Errors
/// [`RecordError`] for schemas and encodings of other versions, and for payloads that cannot be
/// decoded or do not fit their frame.
pub fn decode(frame: &Frame) -> Result<Commit, RecordError> {
    if frame.codec != CODEC_BINCODE {
        return Err(RecordError::Encoding(frame.codec));
    }
    if !is_known(frame.schema) {
        return Err(RecordError::Schema { found: frame.schema });
    }
    let commit: Commit = upcast::written_in(frame.schema, || codec::decode(&frame.payload))?;
    if commit.events.len() != usize::from(frame.count) {
        return Err(RecordError::Count { claimed: frame.count, found: commit.events.len() });
    }
    Ok(commit)
}
