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
const LEANING_STARTS: [&str; 60] = [
    "he",
    "she",
    "it",
    "they",
    "his",
    "her",
    "its",
    "their",
    "this",
    "that",
    "these",
    "but",
    "and",
    "so",
    "yet",
    "or",
    "nor",
    "however",
    "then",
    "therefore",
    "thus",
    "instead",
    "moreover",
    "also",
    "besides",
    "meanwhile",
    "nevertheless",
    "otherwise",
    "still",
    "both",
    "neither",
    "another",
    "others",
    "only",
    "even",
    "next",
    "later",
    "afterwards",
    "here",
    "there",
    "fortunately",
    "unfortunately",
    "too",
    "again",
    "indeed",
    "finally",
    "eventually",
    "similarly",
    "likewise",
    "conversely",
    "consequently",
    "hence",
    "elsewhere",
    "earlier",
    "them",
    "him",
    "one",
    "each",
    "all",
    "none",
];

/// Words that lean when they stand near the beginning and nothing is named before them.
const LEANING_WORDS: [&str; 10] =
    ["he", "she", "it", "they", "his", "her", "its", "their", "them", "him"];

/// Words that always lean, wherever they stand near the beginning.
const ALWAYS_LEANING: [&str; 7] =
    ["then", "also", "however", "instead", "too", "therefore", "again"];

/// What follows "the" when something was told before.
const COUNTING_ON: [&str; 9] =
    ["second", "other", "same", "older", "newer", "quicker", "slower", "result", "rest"];

/// Words that promise something that is told next.
const PROMISING: [&str; 22] = [
    "two",
    "three",
    "several",
    "second",
    "ways",
    "way",
    "reasons",
    "reason",
    "problem",
    "trouble",
    "question",
    "questions",
    "order",
    "differently",
    "different",
    "number",
    "method",
    "methods",
    "clue",
    "answer",
    "surprise",
    "worth",
];

const PREPOSITIONS: [&str; 20] = [
    "of", "in", "from", "through", "with", "on", "at", "for", "by", "to", "into", "over", "under",
    "before", "after", "around", "between", "against", "until", "towards",
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
    /// It announces what the next sentence of its paragraph tells, and is nothing without it.
    pub(super) announces: bool,
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
        let named = |word: &String| pieces.iter().any(|piece| piece.terms.contains(word));
        let begins_with_unnamed =
            text.starts_with("The ") && subject(&text).is_some_and(|word| !named(&word));
        let needs = pointed_at
            .iter()
            .map(|word| {
                let named =
                    pieces.iter().enumerate().filter(|(_, piece)| piece.terms.contains(word));
                named.map(|(at, _)| at).collect::<BTreeSet<usize>>()
            })
            .filter(|naming| !naming.is_empty())
            .collect();
        pieces.push(Piece {
            seconds: pace.seconds(&spoken),
            terms: terms(&text).into_iter().collect(),
            leans: if pieces.is_empty() {
                // The first sentence of a story has nothing before it to lean on.
                begins_leaning(&text)
            } else {
                leans(&text) || begins_with_unnamed
            },
            source: story.id.clone(),
            paragraph: sentence.paragraph,
            needs,
            announces: false,
            usable,
            text,
            spoken,
        });
    }
    let follows: Vec<bool> = pieces
        .iter()
        .enumerate()
        .map(|(at, piece)| pieces.get(at + 1).is_some_and(|next| next.paragraph == piece.paragraph))
        .collect();
    for (piece, follows) in pieces.iter_mut().zip(follows) {
        piece.announces = follows && announces(&piece.text);
    }
    pieces
}

/// A short sentence without a figure, or one that speaks of ways, problems and the like, promises
/// more than it tells.
fn announces(text: &str) -> bool {
    let words = bare_words(text);
    let has_figure = text.chars().any(|c| c.is_ascii_digit());
    let promises = words.iter().any(|word| PROMISING.contains(&word.to_lowercase().as_str()));
    !has_figure && (words.len() <= 8 || (promises && words.len() <= 13))
}

/// As captions show it: no angle brackets, straight white space.
fn for_captions(text: &str) -> String {
    text.replace('<', "‹").replace('>', "›")
}

fn bare_words(text: &str) -> Vec<&str> {
    let bare = text.split(' ').map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    bare.filter(|word| !word.is_empty()).collect()
}

/// Is its first word one that leans on the sentence before?
fn begins_leaning(text: &str) -> bool {
    let words = bare_words(text);
    words.first().is_none_or(|word| LEANING_STARTS.contains(&word.to_lowercase().as_str()))
}

/// Whether "he" or "she" is spoken of, however late, without a name before: after a plural or an
/// aside at the beginning, the person can only be in an earlier sentence.
fn names_a_person_nowhere(words: &[&str]) -> bool {
    const PERSONAL: [&str; 5] = ["he", "his", "him", "she", "her"];
    let is_personal = |word: &&str| PERSONAL.contains(&word.to_lowercase().as_str());
    let Some(at) = words.iter().position(is_personal) else { return false };
    let begins_with_many = words.first().is_some_and(|first| {
        (first.ends_with('s') && !first.ends_with("ss"))
            || PREPOSITIONS.contains(&first.to_lowercase().as_str())
    });
    let named = words.iter().take(at).skip(1).any(|word| word.starts_with(char::is_uppercase));
    begins_with_many && !named
}

/// Does it lean on the sentence before?
pub(super) fn leans(text: &str) -> bool {
    let words = bare_words(text);
    let Some(first) = words.first() else { return true };
    let lower = first.to_lowercase();
    if LEANING_STARTS.contains(&lower.as_str()) {
        return true;
    }
    // What is named behind a preposition is not what a pronoun means.
    let begins_aside = PREPOSITIONS.contains(&lower.as_str());
    let names_something = |word: &&str| {
        !begins_aside
            && (word.starts_with(char::is_uppercase) || word.chars().all(|c| c.is_ascii_digit()))
    };
    for (at, word) in words.iter().enumerate().skip(1).take(if begins_aside { 7 } else { 5 }) {
        let named_before = words.iter().take(at).skip(1).any(names_something);
        let lower = word.to_lowercase();
        let leans = ALWAYS_LEANING.contains(&lower.as_str())
            || (!named_before && LEANING_WORDS.contains(&lower.as_str()));
        if leans {
            return true;
        }
    }
    if names_a_person_nowhere(&words) {
        return true;
    }
    let counts_on = words.windows(2).take(3).any(|pair| {
        let [article, order] = pair else { return false };
        article.eq_ignore_ascii_case("the") && COUNTING_ON.contains(&order.to_lowercase().as_str())
    });
    counts_on || points_back(text) || text.ends_with(" of them.") || text.contains(" the opposite")
}

/// Does "this", "those" or a determining "that" stand in it?
fn points_back(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    words.iter().enumerate().any(|(at, word)| {
        let next = words.get(at + 1).copied().unwrap_or_default();
        let after_next = words.get(at + 2).copied().unwrap_or_default();
        match word.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase().as_str() {
            "this" | "these" => true,
            "those" => !matches!(next, "who" | "that" | "of" | "in" | "with"),
            "such" => next != "as",
            "that" => {
                let before = at.checked_sub(1).and_then(|before| words.get(before)).copied();
                let after_preposition =
                    before.is_some_and(|word| PREPOSITIONS.contains(&word.to_lowercase().as_str()));
                let is_verb = next.ends_with("ed") || next.ends_with('s');
                let ends_phrase =
                    next.ends_with([',', '.', ';']) || PREPOSITIONS.contains(&after_next);
                at == 0 || after_preposition || (ends_phrase && !is_verb)
            }
            _ => false,
        }
    })
}

/// What a sentence that begins with "The" is about; `None` for a name.
fn subject(text: &str) -> Option<String> {
    let words = bare_words(text);
    let after = words.get(1..words.len().min(3)).unwrap_or_default();
    let is_name = after.iter().any(|word| word.starts_with(char::is_uppercase));
    terms(&after.join(" ")).into_iter().last().filter(|_| !is_name)
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
        ", and ",
        ", but ",
        ", so ",
        ", because ",
        ", which ",
        ", who ",
        ", where ",
        ", when ",
        ", since ",
        ", as ",
        ", with ",
        ", while ",
        ", although ",
        ", though ",
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
