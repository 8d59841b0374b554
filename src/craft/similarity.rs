//! How alike two texts are, by the words that are rare among all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::terms::terms;

/// Counted words, as [`terms`] gives them.
pub type WordCounts = BTreeMap<String, u32>;

/// Texts that are always imagined beside the real ones, so that the words of a handful of texts
/// still differ in weight.
const IMAGINED_TEXTS: f64 = 10.0;

/// The words of many texts, with how many texts have each.
#[derive(Debug, Clone, Default)]
pub struct Corpus {
    texts_with: BTreeMap<String, u32>,
    texts: u32,
}

impl Corpus {
    /// Counts in how many of the texts each word stands.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a WordCounts>) -> Self {
        let mut corpus = Self::default();
        for words in texts {
            corpus.texts += 1;
            for word in words.keys() {
                *corpus.texts_with.entry(word.clone()).or_default() += 1;
            }
        }
        corpus
    }

    /// How much a word says, never negative: the fewer texts have it, the more (inverse document
    /// frequency, Spärck Jones 1972).
    #[must_use]
    pub fn weight(&self, word: &str) -> f64 {
        let texts_with_it = f64::from(self.texts_with.get(word).copied().unwrap_or(0));
        let texts = f64::from(self.texts) + IMAGINED_TEXTS;
        (texts / (1.0 + texts_with_it)).ln().max(0.0)
    }

    /// How alike two texts are, in [0, 1]: the cosine of their words' TF-IDF weights.
    #[must_use]
    pub fn likeness(&self, one: &WordCounts, other: &WordCounts) -> f64 {
        let weigh = |words: &WordCounts| -> Vec<(String, f64)> {
            let weighted =
                words.iter().map(|(word, count)| (word, f64::from(*count) * self.weight(word)));
            weighted.map(|(word, weight)| (word.clone(), weight)).collect()
        };
        Vector::new(weigh(one)).cosine(&Vector::new(weigh(other)))
    }

    /// `words` as a vector, for comparing one text with many.
    #[must_use]
    pub fn vector(&self, words: &WordCounts) -> Vector {
        let weighted =
            words.iter().map(|(word, count)| (word.clone(), f64::from(*count) * self.weight(word)));
        Vector::new(weighted.collect())
    }
}

/// A text as weighted words, sorted, of length 1 (or 0 when no word of it says anything).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vector(Vec<(String, f64)>);

impl Vector {
    fn new(mut weighted: Vec<(String, f64)>) -> Self {
        let length = weighted.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        if length == 0.0 {
            return Self::default();
        }
        for (_, weight) in &mut weighted {
            *weight /= length;
        }
        Self(weighted)
    }

    /// The cosine of the angle between two texts, in [0, 1]: 1 for the same words, 0 for none.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f64 {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut sum = 0.0;
        while let (Some((left_word, left_weight)), Some((right_word, right_weight))) =
            (left.peek(), right.peek())
        {
            match left_word.cmp(right_word) {
                std::cmp::Ordering::Less => {
                    left.next();
                }
                std::cmp::Ordering::Greater => {
                    right.next();
                }
                std::cmp::Ordering::Equal => {
                    sum += left_weight * right_weight;
                    left.next();
                    right.next();
                }
            }
        }
        sum.clamp(0.0, 1.0)
    }
}

/// Counts the words of `text`, each `times` over.
pub fn count_words(counts: &mut WordCounts, text: &str, times: u32) {
    for word in terms(text) {
        *counts.entry(word).or_default() += times;
    }
}

/// The share of words that two texts have in common, of the shorter one's words, in [0, 1].
#[must_use]
pub fn overlap(one: &BTreeSet<String>, other: &BTreeSet<String>) -> f64 {
    let shorter = one.len().min(other.len());
    if shorter == 0 {
        return 0.0;
    }
    let common = one.intersection(other).count();
    common as f64 / shorter as f64
}

/// A number for a sentence that is the same however it is spaced, capitalised or punctuated.
#[must_use]
pub fn sentence_digest(text: &str) -> u64 {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let hash = blake3::hash(words.join(" ").as_bytes());
    hash.as_bytes().iter().take(8).fold(0, |digest, byte| (digest << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(text: &str) -> WordCounts {
        let mut counts = WordCounts::new();
        count_words(&mut counts, text, 1);
        counts
    }

    #[test]
    fn alike_texts_are_closer_than_others() {
        let [tank, moon, home] =
            ["Apollo 13 oxygen tank", "Apollo 8 and the Moon", "Apollo 13 tank exploded"]
                .map(counts);
        let corpus = Corpus::of([&tank, &moon, &home]);
        assert!(corpus.likeness(&tank, &home) > corpus.likeness(&tank, &moon) + 0.3);
    }

    #[test]
    fn the_digest_of_a_sentence_ignores_spacing_and_marks() {
        assert_eq!(sentence_digest("It  flew, once."), sentence_digest("it flew once"));
        assert_ne!(sentence_digest("It flew once."), sentence_digest("It flew twice."));
    }

    proptest! {
        #[test]
        fn likeness_is_symmetric_and_in_range(one in "[a-e ]{0,30}", other in "[a-e ]{0,30}") {
            let (one, other) = (counts(&one), counts(&other));
            let corpus = Corpus::of([&one, &other]);
            prop_assert_eq!(corpus.likeness(&one, &other), corpus.likeness(&other, &one));
            prop_assert!((0.0..=1.0).contains(&corpus.likeness(&one, &other)));
        }
    }
}
