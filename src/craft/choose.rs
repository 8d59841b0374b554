//! From stories to the one topic a video is made of.
//!
//! Architecture invariant: pure; a story that the channel has told is never ranked again.

use super::merge::{MergeRule, merge, not_told_before};
use super::scoring::{ScoreBasis, score};
use super::terms::terms;
use crate::domain::failure::Failure;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{Story, Topic, TopicProfile};
use crate::domain::workflow::ContentType;

/// Hours after which a story's freshness has halved.
const HALF_LIFE_HOURS: f64 = 72.0;

/// The code of the failure when every topic has been used.
pub const NO_TOPIC_LEFT: &str = "no_topic_left";

/// What a topic is wanted for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// How it is to be chosen.
    pub content_type: ContentType,
    /// What it should be about, if somebody asked.
    pub topic: Option<&'a str>,
}

/// The topics of `stories` that are not among `told`, the most promising first.
#[must_use]
pub fn rank(stories: &[Story], as_of: Timestamp, niche: &str, told: &[TopicProfile]) -> Vec<Topic> {
    let rule = MergeRule::default();
    let groups = not_told_before(merge(stories, &rule), told, &rule);
    let basis = ScoreBasis { as_of, half_life_hours: HALF_LIFE_HOURS, niche: niche.to_owned() };
    score(&groups, &basis)
}

/// The best of `topics` for `wish`.
///
/// # Errors
/// [`Failure`], permanent: `no_topic_left`, or `no_source_for_topic` with the nearest titles.
pub fn choose<'a>(topics: &'a [Topic], wish: &Wish<'_>) -> Result<&'a Topic, Failure> {
    let best = match (wish.topic, wish.content_type) {
        (Some(asked), _) => return closest(topics, asked),
        (None, ContentType::Trending | ContentType::Scheduled) => topics.first(),
        (None, ContentType::Evergreen) => {
            topics.iter().max_by(|a, b| timeless(a).total_cmp(&timeless(b)))
        }
    };
    best.ok_or_else(|| {
        let message =
            "every topic of the sources has been used; add sources or wait for new stories";
        Failure::permanent(NO_TOPIC_LEFT, message)
    })
}

/// The score without what depends on the day.
fn timeless(topic: &Topic) -> f64 {
    let lasting =
        topic.why.iter().filter(|part| part.part != "freshness" && part.part != "velocity");
    lasting.map(|part| part.value * part.weight).sum()
}

fn closest<'a>(topics: &'a [Topic], asked: &str) -> Result<&'a Topic, Failure> {
    let wanted = terms(asked);
    let shared = |topic: &Topic| {
        let titles = topic.stories.iter().map(|story| story.title.as_str());
        let have = terms(&titles.collect::<Vec<_>>().join(" "));
        wanted.iter().filter(|term| have.contains(term)).count()
    };
    let mut nearest: Vec<(usize, &Topic)> =
        topics.iter().map(|topic| (shared(topic), topic)).collect();
    nearest.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.score.total_cmp(&a.1.score)));
    match nearest.first() {
        Some((count, topic)) if *count > 0 && *count * 2 >= wanted.len() => Ok(topic),
        _ => {
            let titles: Vec<&str> =
                nearest.iter().take(3).map(|(_, topic)| topic.title.as_str()).collect();
            let message = format!("no source tells of {asked:?}; near it: {}", titles.join("; "));
            Err(Failure::permanent("no_source_for_topic", message))
        }
    }
}
