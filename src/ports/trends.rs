//! Where stories come from.
//!
//! A [`SourceReader`] reads one source once. A [`TrendSource`] is what a channel asks: the stories
//! of all of its sources together.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::domain::failure::Failure;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{Poll, Story};

/// What a source could not give, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceProblem {
    /// Which source, as a person knows it (path, or URL without secrets).
    pub source: String,
    /// Stable snake_case code, for example `feed_missing`.
    pub code: String,
    /// What was wrong and what to do.
    pub message: String,
}

/// What tells a source which of its states we know, so that it need not send it again (RFC 9110,
/// section 8.8). For files and folders the `etag` is made from what the file system says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// The `ETag` as it was received.
    pub etag: Option<String>,
    /// The `Last-Modified` as it was received.
    pub last_modified: Option<String>,
}

/// What one read of a source gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Nothing has changed since the state that the validators name.
    NotModified,
    /// What it holds now.
    Fresh(FreshReading),
}

/// What a source holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FreshReading {
    /// Its stories, in its own order; ids may repeat those of other sources, not each other.
    pub stories: Vec<Story>,
    /// What was wrong with single items; one never stops the others.
    pub problems: Vec<SourceProblem>,
    /// What names this state.
    pub validators: Validators,
}

/// Reads one source.
#[async_trait]
pub trait SourceReader: Send + Sync {
    /// Reads it once. The wait is bounded, and dropping the future ends the read.
    ///
    /// # Errors
    /// [`Failure`] when the source as a whole gave nothing: transient (unreachable, slow, cut off),
    /// rate_limited (it asked for patience), or permanent (gone, forbidden, not a feed).
    async fn read(&self, known: &Validators) -> Result<Reading, Failure>;
}

/// What all sources of a channel gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Harvest {
    /// The time against which freshness counts.
    pub as_of: Timestamp,
    /// The stories of the sources that could be read; their ids are unique.
    pub stories: Vec<Story>,
    /// The stories of competitors: what others have covered. Never told.
    pub competitors: Vec<Story>,
    /// Looks at the sources over the last days, the earliest first; empty where none are kept.
    pub polls: Vec<Poll>,
    /// The sources or items that could not be read and were not spoken of before; one never stops
    /// the others.
    pub problems: Vec<SourceProblem>,
}

/// The trend sources of one channel.
#[async_trait]
pub trait TrendSource: Send + Sync {
    /// The stories of all sources.
    ///
    /// # Errors
    /// [`Failure`] only when nothing at all could be read.
    async fn harvest(&self) -> Result<Harvest, Failure>;
}
