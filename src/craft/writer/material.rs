//! The sentences of a story, with what each of them leans on.
//!
//! Why it exists: a sentence taken out of its place may point at nothing ("It then failed"). Here
//! every sentence learns which earlier ones must be told for it to be understood.

use std::collections::BTreeSet;

use crate::craft::pace::Pace;
use crate::craft::sentences::split;
use crate::craft::similarity::sentence_digest;
use crate::craft::speakable::speakable;
use crate::craft::terms::terms;
use crate::domain::trend::Story;

/// Sentences of fewer or more words are not read out.
const WORDS: std::ops::RangeInclusive<usize> = 4..=40;

/// First words that lean on the sentence before.
const LEANING_STARTS: [&str; 62] = [
    "he", "she", "it", "they", "his", "her", "its", "their", "this", "that", "these", "those",
    "such", "but", "and", "so", "yet", "or", "nor", "however", "then", "therefore", "thus",
    "instead", "moreover", "also", "besides", "meanwhile", "nevertheless", "otherwise", "still",
    "both", "neither", "another", "others", "only", "even", "next", "later", "afterwards", "here",
    "there", "fortunately", "unfortunately", "too", "again", "indeed", "finally", "eventually",
    "similarly", "likewise", "conversely", "consequently", "hence", "elsewhere", "earlier", "them",
    "him", "one", "each", "all", "none",
];

/// Words near the beginning that lean on the sentence before, wherever they stand there.
const LEANING_WORDS: [&str; 17] = [
    "he", "she", "it", "they", "his", "her", "its", "their", "then", "also", "however", "instead",
    "too", "them", "him", "therefore", "again",
];

/// Words that point at something told before.
const POINTERS: [&str; 6] = ["the", "that", "this", "these", "those", "such"];

/// One sentence that could be told.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) spoken: String,
    pub(super) seconds: f64,
    pub(super) source: String,
    pub(super) paragraph: usize,
    pub(super) terms: BTreeSet<String>,
    /// Leans on the sentence right before it.
    pub(super) leans: bool,
    /// For each thing it points at, the earlier sentences of the story that name it: one of each
    /// must be told.
    pub(super) needs: Vec<BTreeSet<usize>>,
    /// May it be told at all?
    pub(super) usable: bool,
}

impl Piece {
    /// Understood without anything told before it.
    pub(super) fn stands_alone(&self) -> bool {
        self.usable && !self.leans
    }

    pub(super) fn words(&self) -> usize {
        self.text.split(' ').count()
    }
}

/// The sentences of `story` in order. Those in `used` are there, but not usable.
pub(super) fn pieces(story: &Story, pace: &Pace, used: &BTreeSet<u64>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for sentence in split(&story.text) {
        let text = for_captions(&sentence.text);
        let spoken = speakable(&text);
        let words = text.split(' ').count();
        let usable = WORDS.contains(&words)
            && text.ends_with(['.', '!', '?'])
            && !text.contains("://")
            && !used.contains(&sentence_digest(&text));
        let pointed_at = pointed_at(&text);
        let needs = pointed_at
            .iter()
            .map(|word| {
                let named = pieces.iter().enumerate().filter(|(_, piece)| piece.terms.contains(word));
                named.map(|(at, _)| at).collect::<BTreeSet<usize>>()
            })
            .filter(|naming| !naming.is_empty())
            .collect();
        pieces.push(Piece {
            seconds: pace.seconds(&spoken),
            terms: terms(&text).into_iter().collect(),
            leans: leans(&text),
            source: story.id.clone(),
            paragraph: sentence.paragraph,
            needs,
            usable,
            text,
            spoken,
        });
    }
    pieces
}

/// As captions show it: no angle brackets, straight white space.
fn for_captions(text: &str) -> String {
    text.replace('<', "‹").replace('>', "›")
}

fn bare_words(text: &str) -> Vec<&str> {
    let bare = text.split(' ').map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    bare.filter(|word| !word.is_empty()).collect()
}

/// Does it lean on the sentence before?
pub(super) fn leans(text: &str) -> bool {
    let words = bare_words(text);
    let Some(first) = words.first() else { return true };
    let lower = first.to_lowercase();
    // "Only", "all" and "one" lean by themselves, not as part of "one panel of Apollo 13".
    if LEANING_STARTS.contains(&lower.as_str()) {
        return true;
    }
    let names_something =
        |word: &&str| word.starts_with(char::is_uppercase) || word.chars().all(|c| c.is_ascii_digit());
    for (at, word) in words.iter().enumerate().skip(1).take(5) {
        let named_before = words.iter().take(at).skip(1).any(names_something);
        let lower = word.to_lowercase();
        if !named_before && LEANING_WORDS.contains(&lower.as_str()) {
            return true;
        }
    }
    let points_at_nothing_new = words
        .windows(2)
        .take(4)
        .any(|pair| matches!(pair, [pointer, _] if ["that", "this", "these", "those", "such"].contains(&pointer.to_lowercase().as_str()) && is_determiner(pair)));
    let counts_on = words.windows(2).take(3).any(|pair| {
        let [article, order] = pair else { return false };
        article.eq_ignore_ascii_case("the")
            && ["second", "other", "same", "older", "quicker", "result", "rest"].contains(&order.to_lowercase().as_str())
    });
    points_at_nothing_new || counts_on
}

/// "that pressure" points; "thought that high heat" does not: only near the beginning or after a
/// preposition is it taken to point.
fn is_determiner(pair: &[&str]) -> bool {
    pair.first().is_some_and(|word| word.starts_with(char::is_uppercase) || *word != "that")
}

/// The things that `text` speaks of as known: the words after "the", "that" and the like.
fn pointed_at(text: &str) -> Vec<String> {
    let words = bare_words(text);
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if !POINTERS.contains(&word.to_lowercase().as_str()) {
            continue;
        }
        let after = words.get(at + 1..words.len().min(at + 3)).unwrap_or_default();
        let named = after.first().is_some_and(|word| word.starts_with(char::is_uppercase));
        if let Some(word) = terms(&after.join(" ")).into_iter().last().filter(|_| !named) {
            found.push(word);
        }
    }
    found
}

/// The first clause of a sentence as a sentence of its own, where what follows only adds to it.
pub(super) fn first_clause(text: &str) -> Option<String> {
    const ADDING: [&str; 14] = [
        ", and ", ", but ", ", so ", ", because ", ", which ", ", who ", ", where ", ", when ",
        ", since ", ", as ", ", with ", ", while ", ", although ", ", though ",
    ];
    const SUBORDINATE: [&str; 16] = [
        "When", "If", "As", "Because", "After", "Before", "Once", "Since", "While", "Although",
        "Though", "In", "On", "At", "By", "For",
    ];
    let first_word = text.split(' ').next().unwrap_or_default();
    if SUBORDINATE.contains(&first_word) {
        return None;
    }
    let cut = ADDING.iter().filter_map(|joint| text.find(joint)).min()?;
    let clause = text.get(..cut)?;
    // A comma before the cut may belong to a list or an insertion, which must not be torn.
    let is_whole = !clause.contains(',') && clause.split(' ').count() >= 5;
    is_whole.then(|| format!("{clause}."))
}
