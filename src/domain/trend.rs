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

/// How the ids of stories begin that are the owner's notes.
pub const NOTE_ID: &str = "note:";

impl Story {
    /// Whether it is one of the owner's notes.
    #[must_use]
    pub fn is_note(&self) -> bool {
        self.id.starts_with(NOTE_ID)
    }
}

/// One reason in a score: the score is Σ value·weight, the weights sum to 1, values are in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScorePart {
    /// `velocity`, `acceleration`, `coverage`, `rank`, `freshness`, `niche_fit` or `competition`.
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

/// What a source is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceRole {
    /// Its stories may become videos.
    Source,
    /// It only shows what others have covered; its stories are never told.
    Competitor,
}

/// One item of a source as one look at it showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The item's id ([`Story::id`]).
    pub story: String,
    /// The name (title) of the source it stood in ([`Story::source`]).
    pub source: String,
    /// Its title at that time.
    pub title: String,
    /// When it was published, as the source says.
    pub published: Timestamp,
    /// Its place in the source, 1 for the first.
    pub rank: u32,
    /// How often it had been viewed, if the source says.
    pub views: Option<u64>,
}

/// One look at one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// When it was looked at.
    pub at: Timestamp,
    /// The source, as its sightings name it.
    pub source: String,
    /// What the source is read for.
    pub role: SourceRole,
    /// What stood in it, in its order.
    pub sightings: Vec<Sighting>,
}

/// A topic as the trends list shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrendRow {
    /// The topic's key.
    pub topic: String,
    /// The clearest of its stories' titles.
    pub title: String,
    /// The source that had it first.
    pub source: String,
    /// All sources that have it, sorted.
    pub sources: Vec<String>,
    /// How promising it is, in [0, 1]: Σ value·weight of `why`. An estimate, not a measured
    /// frequency; the back-test says how far it can be trusted.
    pub viral_score: f64,
    /// How much competitors and the channel itself have covered it, in [0, 1].
    pub competition_level: f64,
    /// Views an hour now, all stories together; none when no source says views.
    pub velocity: Option<f64>,
    /// How much the velocity changes an hour, in views per hour per hour; none with fewer than
    /// three looks.
    pub acceleration: Option<f64>,
    /// When it was first seen; when its first story was published, where no look is stored.
    pub first_detected: Timestamp,
    /// When its growth is expected to be fastest, or was; none when there is too little to tell.
    pub peak_prediction: Option<Timestamp>,
    /// Hours in which its growth halves once it is past its peak; none when it is not.
    pub decay_half_life_hours: Option<f64>,
    /// The parts of the score.
    pub why: Vec<ScorePart>,
    /// The parts of `why` about which the sources say nothing: their value is 0.5.
    pub unknown: Vec<String>,
    /// Whether the channel has made a video of it.
    pub used: bool,
}
