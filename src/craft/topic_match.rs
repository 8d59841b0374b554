//! Which of the known topics somebody means.
//!
//! Why it exists: a script is only written from sources, so what a person asks for has to be found
//! among the topics that have some; when none is close, the nearest are named instead of guessing.

use std::collections::BTreeSet;

use super::similarity::{Corpus, WordCounts, count_words};
use super::terms::terms;
use crate::domain::trend::{Story, Topic};

/// At least so much of what is asked for must be in a topic, by the weight of the words.
const CLOSE_ENOUGH: f64 = 0.6;
/// So many topics are named when none is close.
const NAMED: usize = 5;
/// Titles and tags tell more of what a topic is about than its text.
const TITLE_COUNTS: u32 = 3;

/// No known topic is close to what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no source tells of {asked:?}: add a feed or a note on it, or ask for one of the nearest topics: {}", .near.join("; "))]
pub struct NoSourceForTopic {
    /// What was asked for.
    pub asked: String,
    /// Titles of the nearest topics, the nearest first; at most 5.
    pub near: Vec<String>,
}

impl NoSourceForTopic {
    /// The stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "no_source_for_topic"
    }
}

/// The topic that `asked` means.
///
/// # Errors
/// [`NoSourceForTopic`] when less than six tenths of the words that were asked for, weighed by how
/// rare they are, stand in the topic that has most of them.
pub fn find<'a>(asked: &str, topics: &'a [Topic]) -> Result<&'a Topic, NoSourceForTopic> {
    let same_title = |topic: &&Topic| topic.title.to_lowercase() == asked.trim().to_lowercase();
    if let Some(topic) = topics.iter().find(same_title) {
        return Ok(topic);
    }
    let counted: Vec<WordCounts> = topics.iter().map(|topic| words(&topic.stories)).collect();
    let corpus = Corpus::of(&counted);
    let wanted: BTreeSet<String> = terms(asked).into_iter().collect();
    let weight = |word: &String| corpus.weight(word).max(0.1);
    let all: f64 = wanted.iter().map(weight).sum();
    let mut ranked: Vec<(f64, f64, &Topic)> = Vec::new();
    for (topic, known) in topics.iter().zip(&counted) {
        let found = wanted.iter().filter(|word| known.contains_key(*word));
        let share = found.map(weight).sum::<f64>() / all.max(f64::MIN_POSITIVE);
        let titles: BTreeSet<String> =
            topic.stories.iter().flat_map(|story| terms(&story.title)).collect();
        let in_title: f64 = wanted.intersection(&titles).map(weight).sum();
        ranked.push((share, in_title, topic));
    }
    ranked.sort_by(|one, other| {
        let by_share = (other.0 + other.1).total_cmp(&(one.0 + one.1));
        by_share.then_with(|| one.2.key.cmp(&other.2.key))
    });
    match ranked.first() {
        Some((share, in_title, topic)) if *share >= CLOSE_ENOUGH && *in_title > 0.0 => Ok(topic),
        _ => {
            let near = ranked.iter().take(NAMED).map(|(_, _, topic)| topic.title.clone());
            Err(NoSourceForTopic { asked: asked.to_owned(), near: near.collect() })
        }
    }
}

/// The stories of the other topics, those most like `topic` first, at most `most`: further chapters
/// for a long script. The richest story of each topic stands for it.
#[must_use]
pub fn related(topic: &Topic, topics: &[Topic], most: usize) -> Vec<Story> {
    let counted: Vec<WordCounts> = topics.iter().map(|other| words(&other.stories)).collect();
    let corpus = Corpus::of(&counted);
    let own = corpus.vector(&words(&topic.stories));
    let mut ranked: Vec<(f64, &Topic)> = topics
        .iter()
        .zip(&counted)
        .filter(|(other, _)| other.key != topic.key)
        .map(|(other, counts)| (own.cosine(&corpus.vector(counts)), other))
        .collect();
    ranked
        .sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.key.cmp(&other.1.key)));
    ranked.into_iter().filter_map(|(_, other)| other.stories.first().cloned()).take(most).collect()
}

fn words(stories: &[Story]) -> WordCounts {
    let mut counts = WordCounts::new();
    for story in stories {
        count_words(&mut counts, &story.title, TITLE_COUNTS);
        for tag in &story.tags {
            count_words(&mut counts, tag, 1);
        }
        count_words(&mut counts, &story.text, 1);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::craft::specimen;

    fn topic(title: &str, text: &str) -> Topic {
        let story = specimen::story("The Paper", title, text);
        Topic {
            key: title.to_lowercase(),
            title: title.to_owned(),
            score: 0.5,
            why: Vec::new(),
            stories: vec![story],
        }
    }

    fn topics() -> Vec<Topic> {
        vec![
            topic("Apollo 13 and the oxygen tank", "A tank exploded on the way to the Moon."),
            topic("Apollo 8 around the Moon", "Three men flew around the Moon in 1968."),
            topic("Why onions make you cry", "A gas rises from the cut onion."),
        ]
    }

    #[test]
    fn a_topic_is_found_by_its_title_or_by_its_words() {
        let topics = topics();
        let found = |asked: &str| find(asked, &topics).map(|topic| topic.title.as_str());
        assert_eq!(found("apollo 8 around the moon"), Ok("Apollo 8 around the Moon"));
        assert_eq!(found("onions that make me cry"), Ok("Why onions make you cry"));
        assert_eq!(found("Apollo 13"), Ok("Apollo 13 and the oxygen tank"));
    }

    #[test]
    fn what_no_source_tells_is_refused_with_the_nearest() {
        let topics = topics();
        let error = find("the price of bitcoin", &topics).unwrap_err();
        assert_eq!((error.code(), error.near.len()), ("no_source_for_topic", 3));
        assert!(error.to_string().contains("Apollo 8"));
        assert!(find("", &topics).is_err());
        assert!(find("moon", &[]).is_err());
    }

    #[test]
    fn related_stories_are_others_and_the_closest_first() {
        let topics = topics();
        let near = related(&topics[0], &topics, 5);
        assert_eq!(near.len(), 2);
        assert_eq!(near[0].title, "Apollo 8 around the Moon");
    }
}
