//! Sources as the engine names and judges them: their keys, their kinds, their health.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::ChannelName;
use super::timestamp::Timestamp;
use super::trend::SourceRole;

/// Names what is read: equal for the same place, so that two channels that name one feed share its
/// polls. Hexadecimal, safe as a file name; it tells nothing of a secret in the address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceKey(String);

impl SourceKey {
    /// The key of the source of `kind` at `place`, the whole path or address: the first 32 digits
    /// of BLAKE3 over both.
    #[must_use]
    pub fn of(kind: SourceKind, place: &str) -> Self {
        let digest = blake3::hash(format!("{kind}\n{place}").as_bytes()).to_hex();
        Self(digest.get(..32).unwrap_or_default().to_owned())
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of source it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A feed: RSS, Atom or JSON Feed, in a file or at a web address.
    Rss,
    /// A folder of notes.
    Folder,
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rss => "rss",
            Self::Folder => "folder",
        })
    }
}

/// How a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// It has not been read yet.
    Waiting,
    /// Its last read gave what it holds, or said that nothing changed.
    Ok,
    /// Its last read failed; what it gave before is still used.
    Failing,
}

/// Something that was wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFault {
    /// Stable snake_case code.
    pub code: String,
    /// What was wrong and what to do; without secrets.
    pub message: String,
}

/// One source of one channel, as `doctor` and the API show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceHealth {
    /// Whose source it is.
    pub channel: ChannelName,
    /// Its path, or its address without secrets.
    pub source: String,
    /// What kind of source it is.
    pub kind: SourceKind,
    /// What its stories are to the channel.
    pub role: SourceRole,
    /// How it is.
    pub state: SourceState,
    /// When it was last read without an error.
    pub last_ok: Option<Timestamp>,
    /// Why the last read failed; none once a read succeeds again.
    pub last_error: Option<SourceFault>,
    /// Failed reads since the last good one.
    pub consecutive_failures: u32,
    /// When it is read next; none while it is being read.
    pub next_poll: Option<Timestamp>,
    /// Its stories that are at hand, with those that it has dropped lately.
    pub items: usize,
    /// What was wrong with single items at the last read, at most 20.
    pub item_problems: Vec<SourceFault>,
}
