//! Why a feed could not be read, in words that name the place and the remedy.

use crate::domain::failure::Failure;

/// Why one feed gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// No such file.
    #[error("{place}: there is no such feed file: correct the path of this trend source")]
    Missing {
        /// The file.
        place: String,
    },
    /// It is there and cannot be read.
    #[error(
        "{place}: the feed cannot be read ({detail}): it must be a file that this user may read"
    )]
    Unreadable {
        /// The file.
        place: String,
        /// What the system said.
        detail: String,
    },
    /// Nothing is in it.
    #[error("{place}: the feed is empty: fetch it again, or remove this trend source")]
    Empty {
        /// The file.
        place: String,
    },
    /// It stops in the middle.
    #[error("{place}: the feed is cut off ({detail}): fetch it again")]
    Truncated {
        /// The file.
        place: String,
        /// Where it stops.
        detail: String,
    },
    /// It is something else.
    #[error("{place}: this is not an RSS, Atom or JSON feed ({detail}): name the feed itself")]
    NotAFeed {
        /// The file.
        place: String,
        /// What it looks like.
        detail: String,
    },
    /// Its bytes are not the characters they claim to be.
    #[error("{place}: the text encoding is wrong ({detail}): save the feed as UTF-8")]
    Encoding {
        /// The file.
        place: String,
        /// What is declared and where it fails.
        detail: String,
    },
    /// It is larger than any feed.
    #[error("{place}: the feed has {bytes} bytes, and at most {limit} are read: shorten it")]
    TooLarge {
        /// The file.
        place: String,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        limit: u64,
    },
    /// It is made to hurt its reader.
    #[error("{place}: the feed is refused as hostile ({detail}): remove this trend source")]
    Hostile {
        /// The file.
        place: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl FeedError {
    /// The stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "feed_missing",
            Self::Unreadable { .. } => "feed_unreadable",
            Self::Empty { .. } => "feed_empty",
            Self::Truncated { .. } => "feed_truncated",
            Self::NotAFeed { .. } => "feed_not_a_feed",
            Self::Encoding { .. } => "feed_encoding",
            Self::TooLarge { .. } => "feed_too_large",
            Self::Hostile { .. } => "feed_hostile",
        }
    }

    /// As the failure of a stage: permanent, because the same file reads the same way again.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        Failure::permanent(self.code(), self)
    }
}
