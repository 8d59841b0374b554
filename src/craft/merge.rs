//! The same story told by several sources, found and merged; and stories that were told before.
//!
//! Why it exists: three sources on one subject are one topic with more material, not three topics;
//! and a channel must never tell the same story twice.
//!
//! Architecture invariant: the result does not depend on the order of the sources.

use std::collections::{BTreeMap, BTreeSet};

use super::similarity::{Corpus, Vector, WordCounts, count_words};
use super::terms::terms;
use crate::domain::trend::{Story, TopicProfile};

/// How alike two stories must be to count as one, by how much else speaks for it. Likeness is the
/// cosine of TF-IDF weights, in [0, 1].
///
/// Tuned on the sample feeds so that every story told again is found and no other is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MergeRule {
    /// Enough likeness by itself.
    pub alone: f64,
    /// Enough when both have the same first tag.
    pub with_first_tag: f64,
    /// Enough when they share two telling tags.
    pub with_two_tags: f64,
    /// Enough when both titles hold the same numbered name, such as "Apollo 8".
    pub with_numbered_name: f64,
    /// Only so many stories are compared, the newest; older ones are left out. The work grows
    /// with the square of it.
    pub max_stories: usize,
}

impl Default for MergeRule {
    fn default() -> Self {
        Self {
            alone: 0.42,
            with_first_tag: 0.33,
            with_two_tags: 0.20,
            with_numbered_name: 0.14,
            max_stories: 1_000,
        }
    }
}

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

impl TopicProfile {
    /// How many words are kept.
    pub const MAX_WORDS: usize = 80;

    /// The profile of a topic with these stories.
    #[must_use]
    pub fn of(key: &str, stories: &[Story]) -> Self {
        let subject = Subject::of(stories.iter());
        let mut words: Vec<(String, u32)> = subject.words.into_iter().collect();
        words.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.cmp(b)));
        words.truncate(Self::MAX_WORDS);
        let titles: Vec<&str> = stories.iter().map(|story| story.title.as_str()).collect();
        Self { key: key.to_owned(), titles: titles.join(" | "), tags: subject.tags, words }
    }

    fn subject(&self) -> Subject {
        Subject {
            words: self.words.iter().cloned().collect(),
            tags: self.tags.clone(),
            numbered_names: numbered_names(&self.titles),
        }
    }
}

/// What one or several stories are about, as it is compared.
struct Subject {
    words: WordCounts,
    tags: Vec<String>,
    numbered_names: BTreeSet<String>,
}

impl Subject {
    fn of<'a>(stories: impl Iterator<Item = &'a Story> + Clone) -> Self {
        let mut words = WordCounts::new();
        let mut tags: Vec<String> = Vec::new();
        let mut names = BTreeSet::new();
        for story in stories.clone() {
            count_words(&mut words, &story.title, 3);
            count_words(&mut words, &story.text, 1);
            names.extend(numbered_names(&story.title));
        }
        let first_tags = stories.clone().flat_map(|story| story.tags.iter().take(1));
        let other_tags = stories.clone().flat_map(|story| story.tags.iter().skip(1));
        for tag in first_tags.chain(other_tags).map(|tag| tag.to_lowercase()) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        Self { words, tags, numbered_names: names }
    }
}

fn numbered_names(title: &str) -> BTreeSet<String> {
    terms(title).into_iter().filter(|word| word.contains('#')).collect()
}

/// Decides whether two subjects are the same, among the stories of the day.
struct Judge<'a> {
    rule: &'a MergeRule,
    corpus: Corpus,
    /// How many stories have each tag.
    tag_counts: BTreeMap<String, usize>,
    /// A tag on more stories than this tells nothing.
    telling: usize,
}

impl<'a> Judge<'a> {
    fn of(subjects: &[Subject], rule: &'a MergeRule) -> Self {
        let corpus = Corpus::of(subjects.iter().map(|subject| &subject.words));
        let mut tag_counts: BTreeMap<String, usize> = BTreeMap::new();
        for tag in subjects.iter().flat_map(|subject| &subject.tags) {
            *tag_counts.entry(tag.clone()).or_default() += 1;
        }
        let telling = (subjects.len() / 5).max(5);
        Self { rule, corpus, tag_counts, telling }
    }

    fn is_telling(&self, tag: &str) -> bool {
        self.tag_counts.get(tag).is_none_or(|count| *count <= self.telling)
    }

    fn same(&self, one: (&Subject, &Vector), other: (&Subject, &Vector)) -> bool {
        let likeness = one.1.cosine(other.1);
        if likeness >= self.rule.alone {
            return true;
        }
        let (one, other) = (one.0, other.0);
        let mut shared = one.tags.iter().filter(|tag| other.tags.contains(tag));
        let shared_tags = shared.by_ref().filter(|tag| self.is_telling(tag)).count();
        let same_first = one
            .tags
            .first()
            .is_some_and(|tag| other.tags.first() == Some(tag) && self.is_telling(tag));
        let same_name = !one.numbered_names.is_disjoint(&other.numbered_names);
        (same_first && likeness >= self.rule.with_first_tag)
            || (shared_tags >= 2 && likeness >= self.rule.with_two_tags)
            || (same_name && likeness >= self.rule.with_numbered_name)
    }
}

/// Groups `stories` into topics, sorted by key.
#[must_use]
pub fn merge(stories: &[Story], rule: &MergeRule) -> Vec<StoryGroup> {
    let mut ordered: Vec<&Story> = stories.iter().collect();
    ordered.sort_by(|a, b| b.published.cmp(&a.published).then_with(|| place(a).cmp(&place(b))));
    ordered.truncate(rule.max_stories);

    let subjects: Vec<Subject> =
        ordered.iter().map(|story| Subject::of(std::iter::once(*story))).collect();
    let judge = Judge::of(&subjects, rule);
    let vectors: Vec<Vector> =
        subjects.iter().map(|subject| judge.corpus.vector(&subject.words)).collect();
    let compared: Vec<(&Subject, &Vector)> = subjects.iter().zip(&vectors).collect();

    let mut group_of: Vec<usize> = (0..ordered.len()).collect();
    for (later, one) in compared.iter().enumerate() {
        for (earlier, other) in compared.iter().enumerate().take(later) {
            if judge.same(*one, *other) {
                join(&mut group_of, later, earlier);
            }
        }
    }

    let mut groups: Vec<StoryGroup> = Vec::new();
    for root in 0..ordered.len() {
        let members: Vec<Story> = ordered
            .iter()
            .zip(&group_of)
            .filter(|(_, group)| **group == root)
            .map(|(story, _)| (*story).clone())
            .collect();
        if !members.is_empty() {
            groups.push(group(members));
        }
    }
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
    let subjects: Vec<Subject> =
        groups.iter().map(|group| Subject::of(group.stories.iter())).collect();
    let judge = Judge::of(&subjects, rule);
    let told: Vec<(Subject, Vector)> = used
        .iter()
        .map(TopicProfile::subject)
        .map(|subject| {
            let vector = judge.corpus.vector(&subject.words);
            (subject, vector)
        })
        .collect();
    let was_told = |group: &StoryGroup, subject: &Subject| {
        let vector = judge.corpus.vector(&subject.words);
        let same_key = used.iter().any(|topic| topic.key == group.key);
        let alike = |(told, told_vector): &(Subject, Vector)| {
            judge.same((subject, &vector), (told, told_vector))
        };
        same_key || told.iter().any(alike)
    };
    let verdicts: Vec<bool> =
        groups.iter().zip(&subjects).map(|(group, subject)| was_told(group, subject)).collect();
    groups.into_iter().zip(verdicts).filter(|(_, told)| !told).map(|(group, _)| group).collect()
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
