//! Where stories come from.

use async_trait::async_trait;

use crate::domain::failure::Failure;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::Story;

/// What a source could not give, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceProblem {
    /// Which source, as a person knows it (path or URL).
    pub source: String,
    /// Stable snake_case code, for example `feed_missing`.
    pub code: String,
    /// What was wrong and what to do.
    pub message: String,
}

/// What all sources of a channel gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Harvest {
    /// The time against which freshness counts.
    pub as_of: Timestamp,
    /// The stories of the sources that could be read.
    pub stories: Vec<Story>,
    /// The sources or items that could not; one never stops the others.
    pub problems: Vec<SourceProblem>,
}

/// The trend sources of one channel.
#[async_trait]
pub trait TrendSource: Send + Sync {
    /// Reads all sources.
    ///
    /// # Errors
    /// [`Failure`] only when nothing at all could be read.
    async fn harvest(&self) -> Result<Harvest, Failure>;
}
