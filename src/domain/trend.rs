//! What the world talks about: stories read from sources, and topics made of them.

use serde::{Deserialize, Serialize};

use super::timestamp::Timestamp;

/// One item of one source, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// The item's own id within its source (RSS guid, Atom id, JSON Feed id), never empty.
    pub id: String,
    /// Title as plain text.
    pub title: String,
    /// Where it can be read, if the source says.
    pub url: Option<String>,
    /// When it was published.
    pub published: Timestamp,
    /// Body as plain text, paragraphs separated by blank lines.
    pub text: String,
    /// The source's categories for it, as written.
    pub tags: Vec<String>,
    /// How often it was viewed, if the source says.
    pub views: Option<u64>,
    /// The name (title) of the source it came from.
    pub source: String,
    /// The work in which its facts can be checked, if the item names one.
    pub reference: Option<String>,
}

/// One reason in a score: the score is Σ value·weight, the weights sum to 1, values are in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScorePart {
    /// `velocity`, `coverage`, `rank`, `freshness` or `niche_fit`.
    pub part: String,
    /// How strong this reason is, in [0, 1].
    pub value: f64,
    /// How much it counts.
    pub weight: f64,
}

/// What a topic is about: enough of it to recognise the same story in other words. Kept for every
/// topic that a channel has used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicProfile {
    /// The topic's key.
    pub key: String,
    /// Its stories' titles, in one line.
    pub titles: String,
    /// Its tags in lower case, the first of each story before the others.
    pub tags: Vec<String>,
    /// How often its commonest words occur, those of titles counted thrice; at most 80.
    pub words: Vec<(String, u32)>,
}

/// One thing that is talked about: the same story, merged over sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// Stable key of the topic: equal for the same story however many sources tell it.
    pub key: String,
    /// The clearest of its stories' titles.
    pub title: String,
    /// How promising it is, in [0, 1].
    pub score: f64,
    /// The parts of the score.
    pub why: Vec<ScorePart>,
    /// Its stories, the richest first.
    pub stories: Vec<Story>,
}
