//! From stories to the one topic a video is made of.
//!
//! Architecture invariant: pure; a story that the channel has told is never ranked again.

use super::competition::Coverage;
use super::meaning::{BUILT_IN, Meanings};
use super::merge::{MergeRule, merge_by, told_before};
use super::momentum::Histories;
use super::scoring::{Evidence, ScoreBasis, score_with};
use super::tellable::{Reach, Room};
use super::topic_match::find;
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
/// The code of the failure when no topic has enough text for a video.
pub const NOT_ENOUGH_TEXT: &str = "not_enough_text";

/// What a topic is wanted for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// How it is to be chosen.
    pub content_type: ContentType,
    /// What it should be about, if somebody asked.
    pub topic: Option<&'a str>,
    /// What the video needs.
    pub room: Room<'a>,
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

/// The best of `topics`, which are ranked, for `wish`: of those that fill the video, or else of
/// those that fill the main part of it. An evergreen one comes from the owner's notes where there
/// are any. What somebody asks for is taken however short it is.
///
/// # Errors
/// [`Failure`], permanent: `no_topic_left`, `not_enough_text`, or `no_source_for_topic` with the
/// nearest titles.
pub fn choose<'a>(topics: &'a [Topic], wish: &Wish<'_>) -> Result<&'a Topic, Failure> {
    if let Some(asked) = wish.topic {
        return find(asked, topics).map_err(|none| Failure::permanent(none.code(), none));
    }
    let order: Vec<&Topic> = match wish.content_type {
        ContentType::Trending | ContentType::Scheduled => topics.iter().collect(),
        ContentType::Evergreen => timeless_first(topics),
    };
    let mut for_a_part = None;
    for topic in order {
        match wish.room.reach_of(topic) {
            Reach::Whole => return Ok(topic),
            Reach::Part => for_a_part = for_a_part.or(Some(topic)),
            Reach::Short => {}
        }
    }
    for_a_part.ok_or_else(|| nothing_to_choose(topics, &wish.room))
}

fn nothing_to_choose(topics: &[Topic], room: &Room<'_>) -> Failure {
    let richest = topics.iter().map(|topic| room.seconds_of(topic)).fold(0.0, f64::max);
    if topics.is_empty() {
        let message =
            "every topic of the sources has been used; add sources or wait for new stories";
        return Failure::permanent(NO_TOPIC_LEFT, message);
    }
    let message = format!(
        "the sources have {} new topics, but the one they tell most of gives {richest:.0} s of \
         narration, and {:.0} s are wanted: add sources with longer texts, or ask for shorter \
         videos (video_length)",
        topics.len(),
        room.shortest_s
    );
    Failure::permanent(NOT_ENOUGH_TEXT, message)
}

/// Those with notes of the owner first, each kind by what does not depend on the day.
fn timeless_first(topics: &[Topic]) -> Vec<&Topic> {
    let mut order: Vec<&Topic> = topics.iter().collect();
    order.sort_by(|a, b| {
        let has_note = |topic: &Topic| topic.stories.iter().any(Story::is_note);
        has_note(b).cmp(&has_note(a)).then_with(|| timeless(b).total_cmp(&timeless(a)))
    });
    order
}

/// The score without what depends on the day.
fn timeless(topic: &Topic) -> f64 {
    const OF_THE_DAY: [&str; 3] = ["freshness", "velocity", "acceleration"];
    let lasting = topic.why.iter().filter(|part| !OF_THE_DAY.contains(&part.part.as_str()));
    lasting.map(|part| part.value * part.weight).sum()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::craft::pace::Pace;
    use crate::craft::specimen::{NOW, story};

    static NONE: BTreeSet<u64> = BTreeSet::new();

    fn wish(content_type: ContentType, shortest_s: f64) -> Wish<'static> {
        let room = Room { pace: Pace::default(), shortest_s, used: &NONE };
        Wish { content_type, topic: None, room }
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
    fn an_evergreen_topic_comes_from_the_notes_where_there_are_any() {
        let feed = story("a", "Bread and yeast", "Yeast raises bread with the gas it makes.");
        let mut note = story("notes", "Knives", "A steel straightens the edge of a knife.");
        note.id = "note:knives.md".to_owned();
        let stories = [feed, note];
        let topics = rank(&Material::of(&stories, NOW, "bread and yeast", &[]));
        let title = |kind| choose(&topics, &wish(kind, 1.0)).unwrap().title.clone();
        assert_eq!(title(ContentType::Evergreen), "Knives");
        assert_eq!(title(ContentType::Trending), "Bread and yeast");
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
        let of = |content_type| choose(&topics, &wish(content_type, 1.0)).unwrap().title.clone();
        assert_eq!(of(ContentType::Evergreen), "Bread and yeast");
        let error = choose(&[], &wish(ContentType::Trending, 1.0)).unwrap_err();
        assert_eq!(error.code, NO_TOPIC_LEFT);
    }

    #[test]
    fn a_topic_that_fills_the_video_goes_before_a_better_one_that_does_not() {
        let long = "Yeast breathes a gas into the warm dough, and the dough rises in an hour. \
            Bakers wait for it. Salt slows it down a little, and warmth makes it faster. \
            A second rise gives the crumb its fine holes. Cold dough tastes better.";
        let stories = [
            story("a", "Kitchen onions: why they sting", "A sliced onion sets free a gas."),
            story("b", "Yeast and time", long),
        ];
        let topics = rank(&Material::of(&stories, NOW, "kitchen onions sting", &[]));
        let title = |shortest_s| {
            choose(&topics, &wish(ContentType::Trending, shortest_s)).map(|it| it.title.as_str())
        };
        assert_eq!(title(1.0), Ok("Kitchen onions: why they sting"));
        assert_eq!(title(12.0), Ok("Yeast and time"));
        let error = title(600.0).unwrap_err();
        assert_eq!(error.code, NOT_ENOUGH_TEXT);
        assert!(error.message.contains("2 new topics") && error.message.contains("600 s"));
    }
}
