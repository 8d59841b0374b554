//! The same story told by several sources, found and merged; and stories that were told before.
//!
//! Why it exists: three sources on one subject are one topic with more material, not three topics;
//! and a channel must never tell the same story twice.
//!
//! Architecture invariant: the result does not depend on the order of the sources.

use super::meaning::{BUILT_IN, Meanings};
use super::subject::{Judge, Subject, Weighed};
use crate::domain::trend::{Story, TopicProfile};

pub use super::subject::MergeRule;

/// The stories of one topic, the richest (longest) first.
#[derive(Debug, Clone, PartialEq)]
pub struct StoryGroup {
    /// Stable key: readable, from the earliest story's title.
    pub key: String,
    /// The clearest of its stories' titles.
    pub title: String,
    /// Its stories; never empty.
    pub stories: Vec<Story>,
}

/// Groups `stories` into topics, sorted by key; the built-in embedder says what is alike.
#[must_use]
pub fn merge(stories: &[Story], rule: &MergeRule) -> Vec<StoryGroup> {
    merge_by(stories, rule, &BUILT_IN)
}

/// Groups `stories` into topics, sorted by key; `meanings` helps to say what is alike.
#[must_use]
pub fn merge_by(stories: &[Story], rule: &MergeRule, meanings: &Meanings) -> Vec<StoryGroup> {
    let mut ordered: Vec<&Story> = stories.iter().collect();
    ordered.sort_by(|a, b| b.published.cmp(&a.published).then_with(|| place(a).cmp(&place(b))));
    ordered.truncate(rule.max_stories);

    let subjects: Vec<Subject> =
        ordered.iter().map(|story| Subject::of(std::iter::once(*story), meanings)).collect();
    let judge = Judge::of(&subjects, rule);
    let compared: Vec<Weighed<'_>> = subjects.iter().map(|subject| judge.weigh(subject)).collect();

    let mut group_of: Vec<usize> = (0..ordered.len()).collect();
    for (later, one) in compared.iter().enumerate() {
        for (earlier, other) in compared.iter().enumerate().take(later) {
            if judge.same(one, other) {
                join(&mut group_of, later, earlier);
            }
        }
    }

    let mut members_of: Vec<Vec<Story>> = vec![Vec::new(); ordered.len()];
    for (story, root) in ordered.iter().zip(&group_of) {
        if let Some(members) = members_of.get_mut(*root) {
            members.push((*story).clone());
        }
    }
    let mut groups: Vec<StoryGroup> =
        members_of.into_iter().filter(|members| !members.is_empty()).map(group).collect();
    groups.sort_by(|a, b| a.key.cmp(&b.key));
    groups
}

/// Those of `groups` that are not told in any of `used`, in these or in other words.
#[must_use]
pub fn not_told_before(
    groups: Vec<StoryGroup>,
    used: &[TopicProfile],
    rule: &MergeRule,
) -> Vec<StoryGroup> {
    let told = told_before(&groups, used, rule, &BUILT_IN);
    groups.into_iter().zip(told).filter(|(_, told)| !told).map(|(group, _)| group).collect()
}

/// For each of `groups`, whether it is told in any of `used`, in these or in other words.
#[must_use]
pub fn told_before(
    groups: &[StoryGroup],
    used: &[TopicProfile],
    rule: &MergeRule,
    meanings: &Meanings,
) -> Vec<bool> {
    let subjects: Vec<Subject> =
        groups.iter().map(|group| Subject::of(group.stories.iter(), meanings)).collect();
    let judge = Judge::of(&subjects, rule);
    let told: Vec<Subject> =
        used.iter().map(|topic| Subject::of_profile(topic, meanings)).collect();
    let told: Vec<Weighed<'_>> = told.iter().map(|subject| judge.weigh(subject)).collect();
    let was_told = |(group, subject): (&StoryGroup, &Subject)| {
        let one = judge.weigh(subject);
        let same_key = used.iter().any(|topic| topic.key == group.key);
        same_key || told.iter().any(|other| judge.same(&one, other))
    };
    groups.iter().zip(&subjects).map(was_told).collect()
}

fn place(story: &Story) -> (&str, &str) {
    (&story.source, &story.id)
}

/// Gives everything in the two groups the lower of their numbers.
fn join(group_of: &mut [usize], one: usize, other: usize) {
    let (Some(one), Some(other)) = (group_of.get(one).copied(), group_of.get(other).copied())
    else {
        return;
    };
    let (kept, gone) = (one.min(other), one.max(other));
    for group in group_of.iter_mut().filter(|group| **group == gone) {
        *group = kept;
    }
}

fn group(mut stories: Vec<Story>) -> StoryGroup {
    let earliest = stories
        .iter()
        .min_by(|a, b| a.published.cmp(&b.published).then_with(|| place(a).cmp(&place(b))));
    let key = earliest.map(|story| topic_key(&story.title)).unwrap_or_default();
    stories.sort_by(|a, b| {
        let (a_words, b_words) = (a.text.split(' ').count(), b.text.split(' ').count());
        b_words.cmp(&a_words).then_with(|| place(a).cmp(&place(b)))
    });
    // The richest story has the broadest view, so its title is true to the whole topic.
    let title = stories.first().map(|story| story.title.clone()).unwrap_or_default();
    StoryGroup { key, title, stories }
}

/// Readable and short: the title's words and a digest of all of it.
fn topic_key(title: &str) -> String {
    let normal = title.to_lowercase();
    let words: Vec<String> = normal
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(6)
        .map(|word| word.chars().take(16).collect())
        .collect();
    let digest = blake3::hash(normal.trim().as_bytes()).to_hex();
    let digest = digest.get(..8).unwrap_or_default();
    if words.is_empty() { digest.to_owned() } else { format!("{}-{digest}", words.join("-")) }
}

#[cfg(test)]
mod tests;
