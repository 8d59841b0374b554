//! The built-in embedder: words and pieces of words, hashed into a vector of fixed length.
//!
//! Why it exists: counting equal words misses "spacewalk" beside "walked in space", "tempered"
//! beside "tempering" and "aluminium" beside "aluminum". Pieces of three to five letters meet in
//! all of them (the subword n-grams of Bojanowski et al., 2017), and hashing them with a sign into
//! a vector keeps likeness without any vocabulary (Weinberger et al., "Feature hashing", 2009).
//! It knows forms of words, not synonyms: "car" and "automobile" stay apart.
//!
//! Architecture invariant: the same text gives the same vector on every machine and in every
//! version that has the same [`BUILT_IN`] name; nothing is learnt and nothing is looked up.

use std::collections::BTreeMap;

use super::terms::terms;
use crate::domain::embedding::Embedding;

/// Name and version of the built-in embedder.
pub const BUILT_IN: &str = "hashed n-grams 1";
/// How many numbers a vector has.
pub const DIMENSIONS: usize = 512;

/// The words of a title count so often.
const TITLE_TIMES: f64 = 3.0;
/// Lengths of the pieces of words, in characters, with the word's ends marked.
const PIECES: std::ops::RangeInclusive<usize> = 3..=5;
/// What all pieces of a word count together, beside the whole word with 1.
const PIECES_WEIGHT: f64 = 0.6;
/// What two words that follow each other count.
const PAIR_WEIGHT: f64 = 0.5;

/// The vector of `text`, whose first line is its title.
#[must_use]
pub fn embed(text: &str) -> Embedding {
    let (title, body) = text.split_once('\n').unwrap_or((text, ""));
    let (title, body) = (terms(title), terms(body));
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    for word in &title {
        *counts.entry(word).or_default() += TITLE_TIMES;
    }
    for word in &body {
        *counts.entry(word).or_default() += 1.0;
    }
    let mut sums = Sums(vec![0.0; DIMENSIONS]);
    for (word, count) in counts {
        sums.add(feature(&[b"word", word.as_bytes()]), count);
        let pieces = pieces(word);
        // Length 1 for the pieces of a word together, however many they are.
        let share = PIECES_WEIGHT * count / (pieces.len() as f64).sqrt();
        for piece in pieces {
            sums.add(piece, share);
        }
    }
    for words in [&title, &body] {
        for (first, second) in words.iter().zip(words.iter().skip(1)) {
            sums.add(feature(&[b"pair", first.as_bytes(), second.as_bytes()]), PAIR_WEIGHT);
        }
    }
    Embedding::new(sums.0.iter().map(|sum| *sum as f32).collect())
}

/// The vector as it grows.
struct Sums(Vec<f64>);

impl Sums {
    /// Adds `weight` at the place that `feature` names, with the sign it names.
    fn add(&mut self, feature: u64, weight: f64) {
        let place = (feature % DIMENSIONS as u64) as usize;
        let is_positive = feature >> 63 == 0;
        if let Some(sum) = self.0.get_mut(place) {
            *sum += if is_positive { weight } else { -weight };
        }
    }
}

/// The pieces of `word`, as features.
fn pieces(word: &str) -> Vec<u64> {
    let marked: Vec<char> = format!("^{word}$").chars().collect();
    let mut buffer = String::new();
    let mut pieces = Vec::new();
    for length in PIECES {
        for piece in marked.windows(length) {
            buffer.clear();
            buffer.extend(piece);
            pieces.push(feature(&[b"piece", buffer.as_bytes()]));
        }
    }
    pieces
}

/// A number for `parts`: FNV-1a over 64 bits (Fowler, Noll and Vo), with a zero byte after each
/// part, and at the end the mixing step of MurmurHash3, because the low bits choose the place and
/// the highest one the sign.
fn feature(parts: &[&[u8]]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = parts.iter().flat_map(|part| part.iter().chain(&[0]));
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn likeness(one: &str, other: &str) -> f64 {
        embed(one).cosine(&embed(other))
    }

    #[test]
    fn forms_of_a_word_meet_and_strangers_do_not() {
        for (one, other) in [
            ("Alexei Leonov's spacewalk", "Leonov walked in space"),
            ("tempering chocolate", "chocolate that was tempered"),
            ("an aluminium hull", "aluminum hulls"),
            ("freezing point of salt water", "when salted water freezes"),
            ("Sergei Korolyov, chief designer", "the chief designer Korolev"),
        ] {
            let stranger = "Why bread dough rises with yeast";
            assert!(likeness(one, other) > 0.3, "{one} / {other}: {}", likeness(one, other));
            assert!(likeness(one, stranger) < 0.15, "{one}: {}", likeness(one, stranger));
        }
    }

    #[test]
    fn the_vector_of_a_text_never_changes() {
        let vector = embed("Salt and the boiling point\nSalt changes little.");
        let sum: f32 =
            vector.values().iter().enumerate().map(|(place, value)| place as f32 * value).sum();
        assert!((sum - PINNED_SUM).abs() < 0.01, "{sum}: raise the version in BUILT_IN");
    }

    /// Pins the hash and the weights.
    const PINNED_SUM: f32 = 370.163;

    #[test]
    fn a_text_without_words_has_no_direction() {
        for text in ["", "\n", "the and of", "…  — !"] {
            assert!(embed(text).values().iter().all(|value| *value == 0.0), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_vector_of_length_one_or_zero(text in "\\PC{0,200}") {
            let vector = embed(&text);
            let length: f32 = vector.values().iter().map(|value| value * value).sum();
            prop_assert_eq!(vector.values().len(), DIMENSIONS);
            prop_assert!(length == 0.0 || (length - 1.0).abs() < 1e-3);
        }

        #[test]
        fn the_order_of_sentences_matters_little(words in proptest::collection::vec("[a-z]{4,9}", 4..30)) {
            let mut reversed = words.clone();
            reversed.reverse();
            let (one, other) = (format!("\n{}", words.join(". ")), format!("\n{}", reversed.join(". ")));
            prop_assert!(likeness(&one, &other) > 0.6);
        }
    }
}
