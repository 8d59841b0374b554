//! Which sentences point at something that was told before, and so must not stand alone.
//!
//! Why it exists: a sentence taken out of its place may dangle: "It then failed". These rules say so
//! from the sentence alone, and would rather call a good sentence leaning than let one dangle.

use super::back_reference::{points_back, stands_for};
use crate::craft::terms::terms;

/// First words that lean on the sentence before.
const LEANING_STARTS: [&str; 68] = [
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
    "other",
    "nonetheless",
    "furthermore",
    "accordingly",
    "theirs",
    "ours",
    "thereafter",
    "everything",
];

/// Words that lean when they stand near the beginning and nothing is named before them.
const LEANING_WORDS: [&str; 10] =
    ["he", "she", "it", "they", "his", "her", "its", "their", "them", "him"];

/// Words that always lean, wherever they stand near the beginning.
const ALWAYS_LEANING: [&str; 9] =
    ["then", "also", "however", "instead", "too", "therefore", "again", "later", "afterwards"];

/// What follows "the" when something was told before.
const COUNTING_ON: [&str; 12] = [
    "second",
    "other",
    "same",
    "older",
    "newer",
    "quicker",
    "slower",
    "result",
    "rest",
    "former",
    "latter",
    "remaining",
];

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

pub(super) const PREPOSITIONS: [&str; 30] = [
    "of", "in", "from", "through", "with", "on", "at", "for", "by", "to", "into", "over", "under",
    "before", "after", "around", "between", "against", "until", "towards", "without", "about",
    "during", "beyond", "behind", "above", "below", "beside", "despite", "than",
];

/// Words that point at something told before.
const POINTERS: [&str; 6] = ["the", "that", "this", "these", "those", "such"];

/// Beginnings of several words that lean on the sentence before.
const LEANING_PHRASES: [&str; 24] = [
    "as a result",
    "for example",
    "for instance",
    "in contrast",
    "by contrast",
    "in addition",
    "in turn",
    "in other words",
    "on the other hand",
    "at the same time",
    "at that time",
    "by then",
    "since then",
    "until then",
    "even so",
    "in fact",
    "of course",
    "after all",
    "so far",
    "in this way",
    "for that reason",
    "by that time",
    "in the end",
    "in both cases",
];

/// What is only claimed or believed may be refuted in the next breath.
const CLAIMING: [&str; 16] = [
    "claimed",
    "claims",
    "believed",
    "believe",
    "belief",
    "thought",
    "assumed",
    "supposed",
    "supposedly",
    "expected",
    "feared",
    "myth",
    "argued",
    "seemed",
    "theory",
    "legend",
];

/// A short sentence without a figure, one that speaks of ways, problems and the like, and one that
/// only reports a claim promise more than they tell.
pub(super) fn announces(text: &str, opens_paragraph: bool) -> bool {
    let words = bare_words(text);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.to_lowercase().as_str()));
    let has_figure = text.chars().any(|c| c.is_ascii_digit());
    let is_short = words.len() <= if opens_paragraph { 10 } else { 8 };
    let promises = has(&PROMISING) && words.len() <= 13;
    // "What they saw was not the sphere": what was it?
    let asks = text.starts_with("What ");
    asks || has(&CLAIMING) || (!has_figure && (is_short || promises))
}

pub(super) fn bare_words(text: &str) -> Vec<&str> {
    let bare = text.split(' ').map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    bare.filter(|word| !word.is_empty()).collect()
}

/// Is its first word one that leans on the sentence before?
pub(super) fn begins_leaning(text: &str) -> bool {
    let words = bare_words(text);
    words.first().is_none_or(|word| LEANING_STARTS.contains(&word.to_lowercase().as_str()))
        || begins_with_phrase(text)
}

fn begins_with_phrase(text: &str) -> bool {
    let lower = text.to_lowercase();
    LEANING_PHRASES.iter().any(|phrase| {
        let rest = lower.strip_prefix(phrase);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    })
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
    if LEANING_STARTS.contains(&lower.as_str()) || begins_with_phrase(text) {
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
    // "Four more flights followed": more than those that were told.
    let counts_more = words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("more"))
        && words.get(2).is_some_and(|word| *word != "than");
    if counts_more || names_a_person_nowhere(&words) {
        return true;
    }
    let counts_on = words.windows(2).take(3).any(|pair| {
        let [article, order] = pair else { return false };
        article.eq_ignore_ascii_case("the") && COUNTING_ON.contains(&order.to_lowercase().as_str())
    });
    counts_on
        || points_back(text)
        || stands_for(text)
        || text.ends_with(" of them.")
        || text.contains(" the opposite")
}

/// What a sentence that begins with "The" is about; `None` for a name.
pub(super) fn subject(text: &str) -> Option<String> {
    let words = bare_words(text);
    let after = words.get(1..words.len().min(3)).unwrap_or_default();
    let is_name = after.iter().any(|word| word.starts_with(char::is_uppercase));
    terms(&after.join(" ")).into_iter().last().filter(|_| !is_name)
}

/// The things that `text` speaks of as known: the two words behind each "the", "that" and the like,
/// either of which may name the thing.
pub(super) fn pointed_at(text: &str) -> Vec<String> {
    let words = bare_words(text);
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if !POINTERS.contains(&word.to_lowercase().as_str()) {
            continue;
        }
        let after = words.get(at + 1..words.len().min(at + 3)).unwrap_or_default();
        let named = after.first().is_some_and(|word| word.starts_with(char::is_uppercase));
        if !named {
            found.extend(terms(&after.join(" ")));
        }
    }
    found
}
