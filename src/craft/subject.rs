//! Whether two texts tell of the same thing.
//!
//! Why it exists: merging the day's stories, knowing what was told before and seeing what others
//! have covered all ask this one question, and must get the same answer.
//!
//! Architecture invariant: the answer is the same whichever of the two is named first.

use std::collections::{BTreeMap, BTreeSet};

use super::meaning::{Meanings, Middle, together};
use super::similarity::{Corpus, Vector, WordCounts, count_words};
use super::terms::terms;
use crate::domain::embedding::Embedding;
use crate::domain::trend::{Story, TopicProfile};

/// How much equal words count in likeness; what the embedder finds alike counts the rest.
///
/// Words that are rare among the stories of the day tell stories of one niche apart better than a
/// built-in embedder does (measured on the sample feeds), so they count most.
const WORDS_WEIGHT: f64 = 0.75;

/// How alike two stories must be to count as one, by how much else speaks for it; all positive.
///
/// Likeness, in [0, 1], is three parts the cosine of TF-IDF weights of words and one part the
/// cosine of what sets their embeddings apart from the day's middle. Tuned on the sample feeds (60
/// stories a niche, 25 pairs of them told again), so that every story told again is found and no
/// other is: strangers reach 0.41 alone and 0.14 with a tag or name in common, and what is told
/// again has 0.25 and more. Without any tags, the rule finds three pairs of five, and no false one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MergeRule {
    /// Enough likeness by itself.
    pub alone: f64,
    /// Enough likeness of embeddings, whatever the words: the same told in other forms of words.
    pub by_meaning: f64,
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

impl MergeRule {
    /// The rule for full stories.
    pub const STANDARD: Self = Self {
        alone: 0.44,
        by_meaning: 0.50,
        with_first_tag: 0.28,
        with_two_tags: 0.19,
        with_numbered_name: 0.18,
        max_stories: 1_000,
    };
}

impl Default for MergeRule {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// What one or several stories are about, as it is compared.
pub(super) struct Subject {
    words: WordCounts,
    tags: Vec<String>,
    numbered_names: BTreeSet<String>,
    meaning: Embedding,
}

impl Subject {
    /// What `stories` are about together.
    pub(super) fn of<'a>(
        stories: impl Iterator<Item = &'a Story> + Clone,
        meanings: &Meanings,
    ) -> Self {
        let (words, tags, numbered_names) = words_and_tags(stories.clone());
        let each: Vec<Embedding> = stories.map(|story| meanings.of_story(story)).collect();
        Self { words, tags, numbered_names, meaning: together(&each) }
    }

    /// What a told topic was about.
    pub(super) fn of_profile(told: &TopicProfile, meanings: &Meanings) -> Self {
        Self {
            words: told.words.iter().cloned().collect(),
            tags: told.tags.clone(),
            numbered_names: numbered_names(&told.titles),
            meaning: meanings.of_profile(told),
        }
    }
}

impl TopicProfile {
    /// How many words are kept.
    pub const MAX_WORDS: usize = 80;

    /// The profile of a topic with these stories.
    #[must_use]
    pub fn of(key: &str, stories: &[Story]) -> Self {
        let (words, tags, _) = words_and_tags(stories.iter());
        let mut words: Vec<(String, u32)> = words.into_iter().collect();
        words.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.cmp(b)));
        words.truncate(Self::MAX_WORDS);
        let titles: Vec<&str> = stories.iter().map(|story| story.title.as_str()).collect();
        Self { key: key.to_owned(), titles: titles.join(" | "), tags, words }
    }
}

fn words_and_tags<'a>(
    stories: impl Iterator<Item = &'a Story> + Clone,
) -> (WordCounts, Vec<String>, BTreeSet<String>) {
    let mut words = WordCounts::new();
    let mut tags: Vec<String> = Vec::new();
    let mut names = BTreeSet::new();
    for story in stories.clone() {
        count_words(&mut words, &story.title, 3);
        count_words(&mut words, &story.text, 1);
        names.extend(numbered_names(&story.title));
    }
    let first_tags = stories.clone().flat_map(|story| story.tags.iter().take(1));
    let other_tags = stories.flat_map(|story| story.tags.iter().skip(1));
    for tag in first_tags.chain(other_tags).map(|tag| tag.to_lowercase()) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    (words, tags, names)
}

fn numbered_names(title: &str) -> BTreeSet<String> {
    terms(title).into_iter().filter(|word| word.contains('#')).collect()
}

/// A subject made ready for comparing with many others.
pub(super) struct Weighed<'s> {
    subject: &'s Subject,
    words: Vector,
    meaning: Embedding,
}

/// Decides whether two subjects are the same, among the stories of the day.
pub(super) struct Judge<'a> {
    rule: &'a MergeRule,
    corpus: Corpus,
    middle: Middle,
    /// How many stories have each tag.
    tag_counts: BTreeMap<String, usize>,
    /// A tag on more stories than this tells nothing.
    telling: usize,
}

impl<'a> Judge<'a> {
    /// A judge for whom `subjects` are what is talked about.
    pub(super) fn of(subjects: &[Subject], rule: &'a MergeRule) -> Self {
        let corpus = Corpus::of(subjects.iter().map(|subject| &subject.words));
        let middle = Middle::of(subjects.iter().map(|subject| &subject.meaning));
        let mut tag_counts: BTreeMap<String, usize> = BTreeMap::new();
        for tag in subjects.iter().flat_map(|subject| &subject.tags) {
            *tag_counts.entry(tag.clone()).or_default() += 1;
        }
        let telling = (subjects.len() / 5).max(5);
        Self { rule, corpus, middle, tag_counts, telling }
    }

    /// Makes `subject` ready for comparing.
    pub(super) fn weigh<'s>(&self, subject: &'s Subject) -> Weighed<'s> {
        Weighed {
            subject,
            words: self.corpus.vector(&subject.words),
            meaning: self.middle.apart(&subject.meaning),
        }
    }

    /// Whether both tell of the same thing.
    pub(super) fn same(&self, one: &Weighed<'_>, other: &Weighed<'_>) -> bool {
        self.match_of(one, other) >= 1.0
    }

    /// How near they come to telling of the same thing: likeness over the likeness that is enough
    /// for them, at least 0. 1 and more: the same.
    pub(super) fn match_of(&self, one: &Weighed<'_>, other: &Weighed<'_>) -> f64 {
        let words = one.words.cosine(&other.words);
        let meaning = one.meaning.cosine(&other.meaning).max(0.0);
        let likeness = WORDS_WEIGHT * words + (1.0 - WORDS_WEIGHT) * meaning;
        let enough = self.enough(one.subject, other.subject);
        (likeness / enough).max(meaning / self.rule.by_meaning)
    }

    /// The likeness that is enough for the two, by what else they share.
    fn enough(&self, one: &Subject, other: &Subject) -> f64 {
        let is_telling =
            |tag: &String| self.tag_counts.get(tag).is_none_or(|count| *count <= self.telling);
        let shared = one.tags.iter().filter(|tag| other.tags.contains(tag));
        let shared_tags = shared.filter(|tag| is_telling(tag)).count();
        let same_first =
            one.tags.first().is_some_and(|tag| other.tags.first() == Some(tag) && is_telling(tag));
        let same_name = !one.numbered_names.is_disjoint(&other.numbered_names);
        [
            (same_first, self.rule.with_first_tag),
            (shared_tags >= 2, self.rule.with_two_tags),
            (same_name, self.rule.with_numbered_name),
        ]
        .into_iter()
        .filter(|(holds, _)| *holds)
        .fold(self.rule.alone, |least, (_, enough)| least.min(enough))
    }
}
