//! From stories to the one topic a video is made of.
//!
//! Architecture invariant: pure; a story that the channel has told is never ranked again.

use super::competition::Coverage;
use super::meaning::{BUILT_IN, Meanings};
use super::merge::{MergeRule, merge_by, told_before};
use super::momentum::Histories;
use super::scoring::{Evidence, ScoreBasis, score_with};
use super::terms::terms;
use crate::domain::failure::Failure;
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{Poll, Story, Topic, TopicProfile};
use crate::domain::workflow::ContentType;

/// Hours after which a story's freshness has halved.
const HALF_LIFE_HOURS: f64 = 72.0;

/// When stories count as one.
pub(super) const RULE: MergeRule = MergeRule::STANDARD;

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

/// What topics are made of, and all that is known about them.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// The stories that may be told.
    pub stories: &'a [Story],
    /// The time that counts as now.
    pub as_of: Timestamp,
    /// What the channel is about, in words.
    pub niche: &'a str,
    /// The topics that the channel has told.
    pub told: &'a [TopicProfile],
    /// Stories of competitors, never to be told; may be empty.
    pub competitors: &'a [Story],
    /// Earlier looks at the sources; may be empty.
    pub polls: &'a [Poll],
    /// What the texts mean.
    pub meanings: &'a Meanings,
}

impl<'a> Material<'a> {
    /// Stories after a single look, without competitors, compared by the built-in embedder.
    #[must_use]
    pub fn of(
        stories: &'a [Story],
        as_of: Timestamp,
        niche: &'a str,
        told: &'a [TopicProfile],
    ) -> Self {
        let (competitors, polls, meanings) = (&[], &[], &BUILT_IN);
        Self { stories, as_of, niche, told, competitors, polls, meanings }
    }

    pub(super) fn basis(&self) -> ScoreBasis {
        let niche = self.niche.to_owned();
        ScoreBasis { as_of: self.as_of, half_life_hours: HALF_LIFE_HOURS, niche }
    }

    pub(super) fn evidence<'e>(&self, histories: &'e Histories) -> Evidence<'e>
    where
        'a: 'e,
    {
        let coverage = Coverage { competitors: self.competitors, told: self.told };
        Evidence { histories, coverage, meanings: self.meanings }
    }
}

/// The topics of `material` that the channel has not told, the most promising first.
#[must_use]
pub fn rank(material: &Material<'_>) -> Vec<Topic> {
    let groups = merge_by(material.stories, &RULE, material.meanings);
    let told = told_before(&groups, material.told, &RULE, material.meanings);
    let left: Vec<_> =
        groups.into_iter().zip(told).filter(|(_, told)| !told).map(|(group, _)| group).collect();
    let histories = Histories::of(material.polls, material.as_of);
    let scored = score_with(&left, &material.basis(), &material.evidence(&histories));
    scored.into_iter().map(|scored| scored.topic).collect()
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
    const OF_THE_DAY: [&str; 3] = ["freshness", "velocity", "acceleration"];
    let lasting = topic.why.iter().filter(|part| !OF_THE_DAY.contains(&part.part.as_str()));
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn story(source: &str, title: &str, text: &str) -> Story {
        Story {
            id: title.to_owned(),
            title: title.to_owned(),
            url: None,
            published: NOW,
            text: text.to_owned(),
            tags: Vec::new(),
            views: None,
            source: source.to_owned(),
            reference: None,
        }
    }

    #[test]
    fn what_competitors_have_told_comes_after_what_they_have_not() {
        let stories = [
            story("a", "How yeast raises bread", "Yeast breathes gas into the dough."),
            story("a", "Why onions make you cry", "A sliced onion sets free a sulphur gas."),
        ];
        for (told, other) in [("yeast", "onions"), ("onions", "yeast")] {
            let covered = stories.iter().find(|story| story.title.contains(told)).unwrap();
            let competitors = [story("rival", &covered.title, &covered.text)];
            let material = Material::of(&stories, NOW, "kitchen", &[]);
            let ranked = rank(&Material { competitors: &competitors, ..material });
            assert_eq!(ranked.len(), 2, "a competitor's story is never a topic");
            assert!(ranked[0].title.contains(other) && ranked[0].score > ranked[1].score);
        }
    }

    #[test]
    fn an_evergreen_topic_is_chosen_without_what_depends_on_the_day() {
        let fresh = story("a", "Onions today", "A sliced onion.");
        let lasting = Story {
            published: Timestamp(0),
            ..story("b", "Bread and yeast", "Yeast raises the bread in every kitchen.")
        };
        let stories = [fresh, lasting];
        let topics = rank(&Material::of(&stories, NOW, "bread yeast", &[]));
        let of = |content_type| {
            choose(&topics, &Wish { content_type, topic: None }).unwrap().title.clone()
        };
        assert_eq!(of(ContentType::Evergreen), "Bread and yeast");
        assert_eq!(
            choose(&[], &Wish { content_type: ContentType::Trending, topic: None })
                .unwrap_err()
                .code,
            NO_TOPIC_LEFT
        );
    }
}
