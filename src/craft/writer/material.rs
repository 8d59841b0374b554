//! The sentences of the stories, with what each of them leans on.
//!
//! Why it exists: a sentence taken out of its place may point at nothing ("It then failed"). Here
//! every sentence learns which earlier ones must be told for it to be understood.

use std::collections::BTreeSet;

use super::cues::Cues;
use super::leaning::{announces, bare_words, begins_leaning, leans, pointed_at, subject};
use super::repair::{in_two, standing_alone};
use crate::craft::pace::Pace;
use crate::craft::readability::{TextCount, count};
use crate::craft::sentences::split;
use crate::craft::similarity::sentence_digest;
use crate::craft::speakable::{is_month, speakable};
use crate::craft::terms::{is_stop_word, stem, terms};
use crate::domain::trend::Story;

/// Sentences of fewer or more words are not read out.
const WORDS: std::ops::RangeInclusive<usize> = 4..=40;

/// A sentence as it would be told.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) spoken: String,
    pub(super) seconds: f64,
    pub(super) count: TextCount,
}

impl Said {
    pub(super) fn new(text: String, pace: &Pace) -> Self {
        let spoken = speakable(&text);
        Self { seconds: pace.seconds(&spoken), count: count(&spoken), text, spoken }
    }
}

/// One sentence that could be told.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) said: Said,
    /// The same, repaired so that it leans on nothing, when that is possible and needed.
    pub(super) alone: Option<Said>,
    /// The id of its story.
    pub(super) source: String,
    /// Which of the stories, counted from 0.
    pub(super) story: usize,
    pub(super) paragraph: usize,
    pub(super) opens_paragraph: bool,
    pub(super) ends_story: bool,
    pub(super) terms: BTreeSet<String>,
    /// Leans on the sentence right before it.
    pub(super) leans: bool,
    /// For each thing it points at, the earlier sentences of the story that name it, as places in
    /// the pool: one of each must be told before.
    pub(super) needs: Vec<BTreeSet<usize>>,
    /// It announces what the next sentence of its paragraph tells, and is nothing without it.
    pub(super) announces: bool,
    /// May it be told at all?
    pub(super) usable: bool,
    pub(super) cues: Cues,
}

impl Piece {
    /// Understood without anything told before it.
    pub(super) fn stands_alone(&self) -> bool {
        self.usable && !self.leans
    }

    pub(super) fn words(&self) -> usize {
        self.said.text.split(' ').count()
    }
}

/// How stories are read.
pub(super) struct Reading<'a> {
    pub(super) pace: &'a Pace,
    /// Digests of sentences that must not be told again.
    pub(super) used: &'a BTreeSet<u64>,
    /// Sentences of more words are told as two where that is possible.
    pub(super) sentence_words: usize,
}

/// Adds the sentences of `story` to `pool`, in order, as those of the story number `number`. Those
/// in `used` are there, but not usable.
pub(super) fn read_story(
    pool: &mut Vec<Piece>,
    story: &Story,
    number: usize,
    reading: &Reading<'_>,
) {
    let start = pool.len();
    let title: BTreeSet<String> = terms(&story.title).into_iter().collect();
    for sentence in split(&story.text) {
        let whole = for_captions(&sentence.text);
        let was_used = reading.used.contains(&sentence_digest(&whole));
        let is_long = whole.split(' ').count() > reading.sentence_words;
        let parts = match in_two(&whole).filter(|_| is_long) {
            Some((first, second)) => vec![first, second],
            None => vec![whole],
        };
        for text in parts {
            let earlier = pool.get(start..).unwrap_or_default();
            let piece = piece(text, earlier, start, reading, &title);
            let opens_paragraph =
                earlier.last().is_none_or(|before| before.paragraph != sentence.paragraph);
            pool.push(Piece {
                source: story.id.clone(),
                story: number,
                paragraph: sentence.paragraph,
                opens_paragraph,
                usable: piece.usable && !was_used,
                ..piece
            });
        }
    }
    let told = pool.get_mut(start..).unwrap_or_default();
    if let Some(last) = told.last_mut() {
        last.ends_story = true;
    }
    let paragraphs: Vec<usize> = told.iter().map(|piece| piece.paragraph).collect();
    for (at, piece) in told.iter_mut().enumerate() {
        let goes_on = paragraphs.get(at + 1) == Some(&piece.paragraph);
        piece.announces = goes_on && announces(&piece.said.text, piece.opens_paragraph);
    }
}

fn piece(
    text: String,
    earlier: &[Piece],
    start: usize,
    reading: &Reading<'_>,
    title: &BTreeSet<String>,
) -> Piece {
    let words = text.split(' ').count();
    let usable = WORDS.contains(&words)
        && text.ends_with(['.', '!', '?'])
        && !text.contains("://")
        && !reading.used.contains(&sentence_digest(&text));
    let is_named = |word: &String| earlier.iter().any(|piece| piece.terms.contains(word));
    let begins_with_unnamed =
        text.starts_with("The ") && subject(&text).is_some_and(|word| !is_named(&word));
    let naming = |named: &dyn Fn(&Piece) -> bool| -> BTreeSet<usize> {
        let found = earlier.iter().enumerate().filter(|(_, piece)| named(piece));
        found.map(|(at, _)| start + at).collect()
    };
    let mut needs: Vec<BTreeSet<usize>> =
        pointed_at(&text).iter().map(|word| naming(&|piece| piece.terms.contains(word))).collect();
    let names = bare_names(&text);
    let unknown = names.iter().filter(|name| !title.contains(&stem(&name.to_lowercase())));
    needs.extend(unknown.map(|name| naming(&|piece| says(&piece.said.text, name))));
    // "His" is somebody's: whoever was named last must have been told.
    if speaks_of_somebody(&text)
        && let Some(at) = earlier.iter().rposition(|piece| names_somebody(&piece.said.text))
    {
        needs.push(BTreeSet::from([start + at]));
    }
    needs.retain(|naming| !naming.is_empty());
    // The first sentence of a story has nothing before it to lean on.
    let leans = if earlier.is_empty() {
        begins_leaning(&text)
    } else {
        leans(&text) || begins_with_unnamed
    };
    let before = earlier.last().map(|piece| piece.said.text.as_str());
    let alone = standing_alone(&text, before)
        .filter(|_| leans && !begins_with_unnamed)
        .filter(|alone| !reading.used.contains(&sentence_digest(alone)))
        .map(|alone| Said::new(alone, reading.pace));
    Piece {
        terms: terms(&text).into_iter().collect(),
        cues: Cues::of(&text),
        said: Said::new(text, reading.pace),
        alone,
        source: String::new(),
        story: 0,
        paragraph: 0,
        opens_paragraph: false,
        ends_story: false,
        leans,
        needs,
        announces: false,
        usable,
    }
}

/// As captions show it: no angle brackets, straight white space.
fn for_captions(text: &str) -> String {
    text.replace('<', "‹").replace('>', "›")
}

/// Names that need no introduction, and capitals that are no names.
const WELL_KNOWN: [&str; 12] = [
    "Earth", "Moon", "Sun", "Mars", "Venus", "Jupiter", "Saturn", "Mercury", "Europe", "Asia",
    "Africa", "America",
];

/// The single words with a capital: a surname without its first name, the name of a ship.
fn bare_names(text: &str) -> Vec<String> {
    let words = bare_words(text);
    let is_name = |word: &str| word.starts_with(char::is_uppercase) && word.len() > 2;
    let is_adjective = |word: &str| ["an", "ish", "ese"].iter().any(|end| word.ends_with(end));
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let word = without_possessive(word);
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let after = words.get(at + 1);
        let is_alone = before.is_none_or(|before| !is_name(before) || at == 1)
            && after.is_none_or(|after| !is_name(after));
        let is_known = WELL_KNOWN.contains(&word)
            || is_month(word)
            || is_adjective(word)
            || is_stop_word(&word.to_lowercase());
        // The capital of a first word may be only the sentence's.
        if at > 0 && is_name(word) && is_alone && !is_known {
            found.push(word.to_owned());
        }
    }
    // A first word is a name when a verb with an ending of the past follows.
    if let [first, second, ..] = words.as_slice()
        && is_name(first)
        && !WELL_KNOWN.contains(first)
        && !is_month(first)
        && !is_stop_word(&first.to_lowercase())
        && (second.ends_with("ed") || matches!(*second, "had" | "was" | "could" | "would"))
    {
        found.push(without_possessive(first).to_owned());
    }
    found
}

/// Are "he", "her" and the like spoken of before anybody is named?
fn speaks_of_somebody(text: &str) -> bool {
    let words = bare_words(text);
    let is_personal =
        |word: &&str| ["he", "his", "him", "she", "her"].contains(&word.to_lowercase().as_str());
    let Some(at) = words.iter().position(is_personal) else { return false };
    !words.iter().take(at).any(|word| is_telling_name(word))
}

fn names_somebody(text: &str) -> bool {
    let words = bare_words(text);
    // The capital of a first word may be only the sentence's, but not that of the second.
    let begins_with_name = words.iter().take(2).filter(|word| is_telling_name(word)).count() == 2;
    begins_with_name || words.iter().skip(1).any(|word| is_telling_name(word))
}

/// Does it begin with a capital that is not known from elsewhere?
fn is_telling_name(word: &str) -> bool {
    let word = without_possessive(word);
    let is_known = WELL_KNOWN.contains(&word) || is_month(word);
    word.starts_with(char::is_uppercase) && !is_known && !is_stop_word(&word.to_lowercase())
}

fn without_possessive(word: &str) -> &str {
    word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word)
}

/// Does `name` stand in `text`?
fn says(text: &str, name: &str) -> bool {
    bare_words(text).iter().any(|word| without_possessive(word) == name)
}
