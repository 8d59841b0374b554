//! Whether a topic's sources have enough to say for a video.
//!
//! Why it exists: many feeds carry a sentence or two of each story. A topic that cannot fill the
//! video is not worth choosing, however much it is talked about.
//!
//! Architecture invariant: an estimate, made without writing; the writer has the last word.

use std::collections::BTreeSet;

use super::pace::Pace;
use super::sentences::split;
use super::similarity::sentence_digest;
use crate::domain::trend::Topic;

/// Not every sentence can be told: so many times the shortest length suffices.
const ENOUGH: f64 = 1.5;
/// A topic must fill so much of the video itself before others are told beside it.
const OWN_PART: f64 = 1.0 / 3.0;

/// What a video needs and may not use.
#[derive(Debug, Clone, Copy)]
pub struct Room<'a> {
    /// How fast the voice is.
    pub pace: Pace,
    /// The shortest permitted length of the narration, in seconds.
    pub shortest_s: f64,
    /// [`sentence_digest`] of sentences that must not be told again.
    pub used: &'a BTreeSet<u64>,
}

/// What a topic's sources suffice for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Not even for the greater part of a video's main chapter.
    Short,
    /// For the main part; related stories have to fill the rest.
    Part,
    /// For the whole video.
    Whole,
}

impl Room<'_> {
    /// Seconds that all sentences of the topic's stories take that were not told before.
    #[must_use]
    pub fn seconds_of(&self, topic: &Topic) -> f64 {
        let mut seen = BTreeSet::new();
        let sentences = topic.stories.iter().flat_map(|story| split(&story.text));
        let fresh = sentences.filter(|sentence| {
            let digest = sentence_digest(&sentence.text);
            !self.used.contains(&digest) && seen.insert(digest)
        });
        fresh.map(|sentence| self.pace.seconds(&sentence.text) + self.pace.sentence_pause).sum()
    }

    /// What `topic` suffices for.
    #[must_use]
    pub fn reach_of(&self, topic: &Topic) -> Reach {
        let seconds = self.seconds_of(topic);
        if seconds >= ENOUGH * self.shortest_s {
            Reach::Whole
        } else if seconds >= OWN_PART * self.shortest_s {
            Reach::Part
        } else {
            Reach::Short
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::craft::specimen;

    fn topic(sentences: usize) -> Topic {
        let text = (0..sentences)
            .map(|number| format!("Sentence {number} tells of a whale in the deep sea."))
            .collect::<Vec<_>>()
            .join(" ");
        Topic {
            key: "whales".to_owned(),
            title: "Whales".to_owned(),
            score: 0.5,
            why: Vec::new(),
            stories: vec![specimen::story("The Paper", "Whales", &text)],
        }
    }

    #[test]
    fn what_was_told_or_stands_in_two_sources_does_not_count_again() {
        let none = BTreeSet::new();
        let room = Room { pace: Pace::default(), shortest_s: 30.0, used: &none };
        let mut both = topic(6);
        both.stories.extend(topic(6).stories);
        assert!((room.seconds_of(&both) - room.seconds_of(&topic(6))).abs() < 1e-9);
        let told = BTreeSet::from([sentence_digest(&split(&topic(1).stories[0].text)[0].text)]);
        let room = Room { used: &told, ..room };
        assert!(room.seconds_of(&topic(1)).abs() < 1e-9);
    }

    #[test]
    fn a_topic_suffices_for_nothing_for_a_part_or_for_all_of_a_video() {
        let none = BTreeSet::new();
        let room = Room { pace: Pace::default(), shortest_s: 30.0, used: &none };
        let reaches = [1, 6, 20].map(|sentences| room.reach_of(&topic(sentences)));
        assert_eq!(reaches, [Reach::Short, Reach::Part, Reach::Whole]);
    }
}
