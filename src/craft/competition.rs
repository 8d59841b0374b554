//! How much of a topic others, and the channel itself, have covered already.
//!
//! Why it exists: a topic that three rivals told yesterday is worth less than one that nobody has
//! told, and so is one that is close to what the channel's own viewers have seen.
//!
//! Architecture invariant: a competitor's stories are only compared with, never told.

use std::collections::BTreeMap;

use super::meaning::Meanings;
use super::merge::StoryGroup;
use super::momentum::hours_between;
use super::subject::{Judge, MergeRule, Subject, Weighed};
use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{Story, TopicProfile};

/// Competitors' items are short, so they need less likeness than two full stories.
const RULE: MergeRule = MergeRule {
    alone: 0.30,
    by_meaning: 0.45,
    with_first_tag: 0.22,
    with_two_tags: 0.16,
    with_numbered_name: 0.12,
    max_stories: 1_000,
};
/// A match below this share of what is enough covers nothing; from there it rises in a line.
const RELATED: f64 = 0.6;
/// How much of a topic one competitor takes who has just told it.
const ONE_COMPETITOR: f64 = 0.5;
/// Hours in which a competitor's coverage fades by half.
const FADING_HOURS: f64 = 14.0 * 24.0;

/// Who has covered what.
#[derive(Debug, Clone, Copy)]
pub struct Coverage<'a> {
    /// The stories of competitors.
    pub competitors: &'a [Story],
    /// The topics that the channel has told.
    pub told: &'a [TopicProfile],
}

impl Coverage<'_> {
    /// Whether anything is known of what was covered.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.competitors.is_empty() || !self.told.is_empty()
    }
}

/// For each of `groups`, how much of it is covered at `as_of`, in [0, 1]: 0 for nobody's, 1 for
/// one the channel has told itself. With coverage by competitors c₁, c₂, … (each one's nearest
/// story, at most 0.5, fading) and by the channel o: 1 − (1 − o)·Π(1 − cᵢ).
#[must_use]
pub fn levels(
    groups: &[StoryGroup],
    coverage: &Coverage<'_>,
    as_of: Timestamp,
    meanings: &Meanings,
) -> Vec<f64> {
    let subjects: Vec<Subject> =
        groups.iter().map(|group| Subject::of(group.stories.iter(), meanings)).collect();
    let judge = Judge::of(&subjects, &RULE);
    let newest = newest(coverage.competitors);
    let rivals: Vec<(&Story, Subject)> = newest
        .into_iter()
        .map(|story| (story, Subject::of(std::iter::once(story), meanings)))
        .collect();
    let rivals: Vec<(&Story, Weighed<'_>)> =
        rivals.iter().map(|(story, subject)| (*story, judge.weigh(subject))).collect();
    let told: Vec<(&str, Subject)> = coverage
        .told
        .iter()
        .map(|topic| (topic.key.as_str(), Subject::of_profile(topic, meanings)))
        .collect();
    let told: Vec<(&str, Weighed<'_>)> =
        told.iter().map(|(key, subject)| (*key, judge.weigh(subject))).collect();

    let level = |(group, subject): (&StoryGroup, &Subject)| {
        let one = judge.weigh(subject);
        let mut by_rival: BTreeMap<&str, f64> = BTreeMap::new();
        for (story, other) in &rivals {
            let fresh = 0.5_f64.powf(hours_between(story.published, as_of).max(0.0) / FADING_HOURS);
            let covered = ONE_COMPETITOR * fresh * strength(judge.match_of(&one, other));
            let most = by_rival.entry(&story.source).or_default();
            *most = most.max(covered);
        }
        let own = told
            .iter()
            .map(
                |(key, other)| {
                    if *key == group.key { 1.0 } else { strength(judge.match_of(&one, other)) }
                },
            )
            .fold(0.0, f64::max);
        let left = by_rival.values().fold(1.0 - own, |left, covered| left * (1.0 - covered));
        (1.0 - left).clamp(0.0, 1.0)
    };
    groups.iter().zip(&subjects).map(level).collect()
}

/// The newest of `stories`, as many as are compared.
fn newest(stories: &[Story]) -> Vec<&Story> {
    let mut newest: Vec<&Story> = stories.iter().collect();
    newest.sort_by(|a, b| {
        b.published.cmp(&a.published).then_with(|| (&a.source, &a.id).cmp(&(&b.source, &b.id)))
    });
    newest.truncate(RULE.max_stories);
    newest
}

fn strength(match_of: f64) -> f64 {
    ((match_of - RELATED) / (1.0 - RELATED)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::craft::meaning::BUILT_IN;
    use crate::craft::specimen::{NOW, story};

    fn groups() -> Vec<StoryGroup> {
        let stories = [
            story(
                "a",
                "Why onions make you cry",
                "A sliced onion sets free a sulphur gas that stings the eyes. The gas turns to acid in tears.",
            ),
            story(
                "a",
                "How yeast raises bread",
                "Yeast eats sugar in the dough and breathes out gas. The gluten holds the bubbles.",
            ),
            story(
                "b",
                "Salt and boiling water",
                "Salt raises the boiling point of water by less than a degree.",
            ),
        ];
        stories
            .map(|story| StoryGroup {
                key: story.title.clone(),
                title: story.title.clone(),
                stories: vec![story],
            })
            .to_vec()
    }

    fn rival(name: &str) -> Story {
        story(
            name,
            "The gas that makes onions sting",
            "Sliced onions free a gas, and the eyes cry.",
        )
    }

    fn levels_with(competitors: &[Story], told: &[TopicProfile], as_of: Timestamp) -> Vec<f64> {
        levels(&groups(), &Coverage { competitors, told }, as_of, &BUILT_IN)
    }

    #[test]
    fn what_a_competitor_tells_is_covered_and_nothing_else() {
        let covered = levels_with(&[rival("one")], &[], NOW);
        assert!(covered[0] > 0.3, "{covered:?}");
        assert_eq!(covered[1..], [0.0, 0.0]);
    }

    #[test]
    fn more_competitors_cover_more_and_one_that_repeats_itself_does_not() {
        let one = levels_with(&[rival("one")], &[], NOW)[0];
        let mut again = rival("one");
        again.id = "again".to_owned();
        assert_eq!(levels_with(&[rival("one"), again], &[], NOW)[0], one);
        let two = levels_with(&[rival("one"), rival("two")], &[], NOW)[0];
        assert!(two > one + 0.1 && two < 1.0, "{one} {two}");
    }

    #[test]
    fn coverage_by_competitors_fades() {
        let month = std::time::Duration::from_secs(28 * 24 * 3_600);
        let (fresh, old) = (
            levels_with(&[rival("one")], &[], NOW),
            levels_with(&[rival("one")], &[], NOW.plus(month)),
        );
        assert!(old[0] < fresh[0] / 3.0 && old[0] > 0.0, "{fresh:?} {old:?}");
    }

    #[test]
    fn what_the_channel_has_told_is_covered_whole() {
        let told = TopicProfile::of("another key", &groups()[0].stories);
        let covered = levels_with(&[], &[told], NOW);
        assert_eq!(covered[0], 1.0);
        assert!(covered[1] < 0.2 && covered[2] < 0.2, "{covered:?}");
    }

    proptest! {
        #[test]
        fn levels_stay_in_range_whatever_the_order(
            picks in proptest::collection::vec((0_usize..3, 0_i64..9_000), 0..6), seed in any::<usize>(),
        ) {
            let mut rivals: Vec<Story> = picks
                .iter()
                .enumerate()
                .map(|(place, (pick, hours))| {
                    let mut told = rival(["one", "two", "three"][*pick]);
                    told.id = place.to_string();
                    told.published = Timestamp(NOW.0 - hours * 3_600_000);
                    told
                })
                .collect();
            let levels = levels_with(&rivals, &[], NOW);
            prop_assert!(levels.iter().all(|level| (0.0..=1.0).contains(level)));
            let turn = if rivals.is_empty() { 0 } else { seed % rivals.len() };
            rivals.rotate_left(turn);
            prop_assert_eq!(levels, levels_with(&rivals, &[], NOW));
        }
    }
}
