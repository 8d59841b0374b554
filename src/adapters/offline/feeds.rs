//! Feed files: RSS, Atom and JSON Feed as stories.
//!
//! Why it exists: trends come from files that strangers wrote. Here they become [`Story`] values
//! or a message that says what is wrong, where, and what to do.
//!
//! Architecture invariant: one bad feed, or one bad item, never stops the others; no input makes
//! this module hang, panic, or hold more than a few times [`MAX_FEED_BYTES`].

mod decode;
mod dialects;
mod error;
mod guard;
mod items;

use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

pub use error::FeedError;
pub(in crate::adapters::offline) use items::split_reference;

use crate::domain::story_window::unite;
use crate::domain::trend::Story;
use crate::ports::trends::{FreshReading, SourceProblem, Validators};
use decode::Undecodable;
use dialects::translated;
use guard::Refusal;

/// The largest feed that is read: 16 MiB. Larger ones are refused before they are read.
pub const MAX_FEED_BYTES: u64 = 16 * 1024 * 1024;

/// Where one feed is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedSource {
    /// A file.
    File(PathBuf),
    /// Bytes that are part of the program.
    Embedded {
        /// What to call it in messages.
        name: &'static str,
        /// Its content.
        bytes: &'static [u8],
    },
}

impl FeedSource {
    /// What messages call it.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Embedded { name, .. } => (*name).to_owned(),
        }
    }
}

/// Something that was wrong with a feed or an item of it, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedProblem {
    /// The feed.
    pub place: String,
    /// Stable snake_case code: one of [`FeedError::code`], or `item_without_text`,
    /// `item_without_date`, `item_repeated`, `feed_encoding_undeclared`, `feed_without_stories`.
    pub code: &'static str,
    /// What was wrong and what was done about it.
    pub message: String,
    /// The whole feed gave nothing.
    pub feed_lost: bool,
}

/// What one feed gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedContent {
    /// Its stories, in its own order.
    pub stories: Vec<Story>,
    /// What was wrong with single items.
    pub problems: Vec<FeedProblem>,
    /// How many items it holds, with those that gave no story.
    pub items: usize,
}

impl FeedContent {
    /// As a reading of a source whose state `validators` name.
    #[must_use]
    pub fn into_reading(self, validators: Validators) -> FreshReading {
        let problems = self.problems.into_iter().map(SourceProblem::from).collect();
        FreshReading { stories: self.stories, problems, validators }
    }
}

impl From<FeedProblem> for SourceProblem {
    fn from(problem: FeedProblem) -> Self {
        let FeedProblem { place, code, message, .. } = problem;
        Self { source: place, code: code.to_owned(), message }
    }
}

/// What several feeds gave together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Harvest {
    /// The stories of all readable feeds, in the order of the sources; their ids are unique.
    pub stories: Vec<Story>,
    /// What was wrong, in the same order.
    pub problems: Vec<FeedProblem>,
}

/// Reads every source; a bad one only adds its problem. Blocking.
#[must_use]
pub fn read_all(sources: &[FeedSource]) -> Harvest {
    let mut problems = Vec::new();
    let mut stories = Vec::new();
    for source in sources {
        match read_feed(source) {
            Ok(content) => {
                problems.extend(content.problems);
                stories.push(content.stories);
            }
            Err(error) => problems.push(FeedProblem {
                place: source.place(),
                code: error.code(),
                message: error.to_string(),
                feed_lost: true,
            }),
        }
    }
    let (stories, _) = unite(stories);
    Harvest { stories, problems }
}

/// Reads one source. Blocking.
///
/// # Errors
/// [`FeedError`] when the feed as a whole is missing, broken, hostile or no feed.
pub fn read_feed(source: &FeedSource) -> Result<FeedContent, FeedError> {
    let place = source.place();
    match source {
        FeedSource::File(path) => parse(&place, &read_file(path, &place)?),
        FeedSource::Embedded { bytes, .. } => parse(&place, bytes),
    }
}

fn read_file(path: &PathBuf, place: &str) -> Result<Vec<u8>, FeedError> {
    let place = place.to_owned();
    let unreadable = |detail: String| FeedError::Unreadable { place: place.clone(), detail };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(FeedError::Missing { place });
        }
        Err(error) => return Err(unreadable(error.to_string())),
    };
    // Opening a pipe would wait for its other end, for ever if there is none.
    if !metadata.is_file() {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    if metadata.len() > MAX_FEED_BYTES {
        return Err(FeedError::TooLarge { place, bytes: metadata.len(), limit: MAX_FEED_BYTES });
    }
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_FEED_BYTES + 1).read_to_end(&mut bytes);
    let length = read.map_err(|error| unreadable(error.to_string()))? as u64;
    if length > MAX_FEED_BYTES {
        return Err(FeedError::TooLarge { place, bytes: length, limit: MAX_FEED_BYTES });
    }
    Ok(bytes)
}

/// Reads the bytes of one feed; `place` is what messages call it.
///
/// # Errors
/// As [`read_feed`].
pub fn parse(place: &str, bytes: &[u8]) -> Result<FeedContent, FeedError> {
    parse_received(place, bytes, None)
}

/// Reads the bytes of one feed that came over a transport which said that they are encoded as
/// `charset`. A document that says so itself knows better; the transport is asked where it does
/// not, or is wrong.
///
/// # Errors
/// As [`read_feed`].
pub fn parse_received(
    place: &str,
    bytes: &[u8],
    charset: Option<&str>,
) -> Result<FeedContent, FeedError> {
    let place = place.to_owned();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(FeedError::Empty { place });
    }
    let decoded = match decode::decode(bytes, charset) {
        Ok(decoded) => decoded,
        Err(Undecodable::Binary) => {
            return Err(FeedError::NotAFeed { place, detail: "it is not text".to_owned() });
        }
        Err(Undecodable::Wrong(detail)) => return Err(FeedError::Encoding { place, detail }),
    };
    let is_json = decoded.text.starts_with('{');
    if is_json { items::check_json(&decoded.text) } else { guard::inspect(&decoded.text) }
        .map_err(|refusal| refused(&place, refusal))?;

    let known =
        if is_json { Cow::Borrowed(decoded.text.as_str()) } else { translated(&decoded.text) };
    let parsed = catch_unwind(AssertUnwindSafe(|| feed_parser().parse(known.as_bytes())));
    let feed = match parsed {
        Ok(Ok(feed)) => feed,
        Ok(Err(error)) => return Err(FeedError::NotAFeed { place, detail: error.to_string() }),
        Err(_) => {
            let detail = "it makes the feed parser fail".to_owned();
            return Err(FeedError::Hostile { place, detail });
        }
    };
    let views = if is_json { items::json_views(&decoded.text) } else { Vec::new() };
    let mut content = items::read_items(&place, feed, &views);
    if let Some(message) = decoded.note {
        content.problems.insert(
            0,
            FeedProblem { place, code: "feed_encoding_undeclared", message, feed_lost: false },
        );
    }
    Ok(content)
}

/// Ids that are missing stay empty here, so that they are derived in one place, and stably.
fn feed_parser() -> feed_rs::parser::Parser {
    feed_rs::parser::Builder::new().id_generator(|_, _, _| String::new()).build()
}

fn refused(place: &str, refusal: Refusal) -> FeedError {
    let place = place.to_owned();
    match refusal {
        Refusal::Truncated(detail) => FeedError::Truncated { place, detail },
        Refusal::NotAFeed(detail) => FeedError::NotAFeed { place, detail },
        Refusal::Hostile(detail) => FeedError::Hostile { place, detail },
    }
}

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod sample_tests;
#[cfg(test)]
mod script_tests;
#[cfg(test)]
mod tests;
