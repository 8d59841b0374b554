//! How alike two texts are, by the words that are rare among all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::terms::terms;

/// Counted words, as [`terms`] gives them.
pub type WordCounts = BTreeMap<String, u32>;

/// Texts that are always imagined beside the real ones, so that the words of a handful of texts
/// still differ in weight.
const IMAGINED_TEXTS: f64 = 10.0;

/// The words of many texts, with how many texts have each.
#[derive(Debug, Clone, Default)]
pub struct Corpus {
    /// Only looked up, so that its order does not matter.
    words: HashMap<String, Word>,
    texts: u32,
}

/// What is known of a word.
#[derive(Debug, Clone, Copy)]
struct Word {
    /// Its place among the words of the corpus, in the order in which they came.
    number: u32,
    texts_with: u32,
}

impl Corpus {
    /// Counts in how many of the texts each word stands.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a WordCounts>) -> Self {
        let mut corpus = Self::default();
        for words in texts {
            corpus.texts += 1;
            for word in words.keys() {
                corpus.count(word);
            }
        }
        corpus
    }

    fn count(&mut self, word: &str) {
        if let Some(known) = self.words.get_mut(word) {
            known.texts_with += 1;
            return;
        }
        let number = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.words.insert(word.to_owned(), Word { number, texts_with: 1 });
    }

    /// How much a word says, never negative: the fewer texts have it, the more (inverse document
    /// frequency, Spärck Jones 1972).
    #[must_use]
    pub fn weight(&self, word: &str) -> f64 {
        self.weight_of(self.words.get(word))
    }

    fn weight_of(&self, word: Option<&Word>) -> f64 {
        let texts_with_it = f64::from(word.map_or(0, |word| word.texts_with));
        let texts = f64::from(self.texts) + IMAGINED_TEXTS;
        (texts / (1.0 + texts_with_it)).ln().max(0.0)
    }

    /// `words` as a vector, for comparing with others of this corpus. Words that no text of the corpus
    /// has make it longer and are like nothing.
    #[must_use]
    pub fn vector(&self, words: &WordCounts) -> Vector {
        let mut weighted = Vec::with_capacity(words.len());
        let mut squares = 0.0;
        for (word, count) in words {
            let known = self.words.get(word);
            let weight = f64::from(*count) * self.weight_of(known);
            squares += weight * weight;
            weighted.extend(known.map(|known| (known.number, weight)));
        }
        let length = squares.sqrt();
        if length == 0.0 {
            return Vector::default();
        }
        for (_, weight) in &mut weighted {
            *weight /= length;
        }
        weighted.sort_unstable_by_key(|(number, _)| *number);
        Vector(weighted)
    }
}

/// A text as weighted words, by their numbers in a corpus, of length 1 with the words that the corpus
/// lacks (or 0 when no word of it says anything).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vector(Vec<(u32, f64)>);

impl Vector {
    /// The cosine of the angle between two texts of one corpus, in [0, 1]: 1 for the same words, 0 for
    /// none.
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

    fn likeness(corpus: &Corpus, one: &WordCounts, other: &WordCounts) -> f64 {
        corpus.vector(one).cosine(&corpus.vector(other))
    }

    #[test]
    fn alike_texts_are_closer_than_others() {
        let [tank, moon, home] =
            ["Apollo 13 oxygen tank", "Apollo 8 and the Moon", "Apollo 13 tank exploded"]
                .map(counts);
        let corpus = Corpus::of([&tank, &moon, &home]);
        assert!(likeness(&corpus, &tank, &home) > likeness(&corpus, &tank, &moon) + 0.3);
    }

    #[test]
    fn words_that_the_corpus_lacks_make_texts_less_alike() {
        let [moon, tank] = ["Apollo 8 and the Moon", "Apollo 13 oxygen tank"].map(counts);
        let corpus = Corpus::of([&moon, &tank]);
        let more = counts("Apollo 8 and the Moon, and Jupiter with its rings");
        assert!((likeness(&corpus, &moon, &moon) - 1.0).abs() < 1e-9);
        assert!(likeness(&corpus, &more, &moon) < 0.95);
        assert_eq!(likeness(&corpus, &counts("onions"), &counts("onions")), 0.0);
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
            prop_assert_eq!(likeness(&corpus, &one, &other), likeness(&corpus, &other, &one));
            prop_assert!((0.0..=1.0).contains(&likeness(&corpus, &one, &other)));
        }
    }
}
