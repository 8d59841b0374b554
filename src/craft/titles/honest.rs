//! Titles that promise nothing that the sources do not keep.
//!
//! Architecture invariant: every word of an honest title stands in the titles or texts of the
//! topic's stories.

use std::collections::BTreeSet;

use crate::craft::sentences::split;
use crate::craft::terms::{stem, terms};
use crate::domain::trend::Story;

/// Phrases that bait: they promise a feeling, not a fact.
const BAIT: [&str; 24] = [
    "you won't believe",
    "you wont believe",
    "you will not believe",
    "will blow your mind",
    "mind-blowing",
    "mind blowing",
    "shocking",
    "jaw-dropping",
    "doctors hate",
    "this one trick",
    "one weird trick",
    "simple trick",
    "what happens next",
    "what happened next",
    "the reason will",
    "gone wrong",
    "must see",
    "must watch",
    "can't miss",
    "no one tells you",
    "they don't want you to know",
    "changes everything",
    "goes viral",
    "number 7 will",
];

/// Words that claim the most; a title may only use them when a text does.
const SUPERLATIVES: [&str; 30] = [
    "best",
    "worst",
    "biggest",
    "greatest",
    "largest",
    "smallest",
    "fastest",
    "slowest",
    "oldest",
    "youngest",
    "highest",
    "deepest",
    "strongest",
    "weirdest",
    "craziest",
    "scariest",
    "deadliest",
    "ultimate",
    "incredible",
    "amazing",
    "unbelievable",
    "insane",
    "epic",
    "perfect",
    "always",
    "never",
    "only",
    "first",
    "ever",
    "secret",
];

/// Does `title` say only what the stories do: no bait, no superlative of its own?
#[must_use]
pub fn is_honest(title: &str, stories: &[Story]) -> bool {
    let lower = title.to_lowercase().replace('’', "'");
    let baits = BAIT.iter().any(|phrase| lower.contains(phrase));
    !baits && unsupported(title, stories).is_empty()
}

/// The superlatives of `title` that no text has.
fn unsupported(title: &str, stories: &[Story]) -> BTreeSet<String> {
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
        words.filter(|word| !word.is_empty()).collect()
    };
    let said: BTreeSet<String> = stories.iter().flat_map(|story| words(&story.text)).collect();
    let claims = words(title).into_iter().filter(|word| SUPERLATIVES.contains(&word.as_str()));
    claims.filter(|word| !said.contains(word)).collect()
}

/// The title itself when it is honest; else the first honest one of the other stories; else it
/// without the claims that no text makes; else the beginning of the first story.
#[must_use]
pub fn honest_title(title: &str, stories: &[Story]) -> String {
    if is_honest(title, stories) {
        return title.to_owned();
    }
    let others = stories.iter().map(|story| story.title.as_str());
    if let Some(other) = others.into_iter().find(|other| is_honest(other, stories)) {
        return other.to_owned();
    }
    let claims = unsupported(title, stories);
    let words = title.split(' ').filter(|word| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        !claims.contains(&bare)
    });
    let calmer = words.collect::<Vec<_>>().join(" ");
    let texts = stories.iter().map(|story| story.text.as_str());
    let known: BTreeSet<String> = texts.flat_map(terms).collect();
    let is_grounded = terms(&calmer).iter().all(|word| known.contains(word));
    if is_honest(&calmer, stories) && is_grounded && terms(&calmer).len() >= 2 {
        return calmer;
    }
    let first = stories.iter().flat_map(|story| split(&story.text)).next();
    first.map_or(calmer, |sentence| sentence.text.trim_end_matches('.').to_owned())
}

/// Words that are shouted, and not so in the texts, in lower case.
#[must_use]
pub fn without_shouting(title: &str, stories: &[Story]) -> String {
    let is_shouted = |word: &str| {
        let letters: Vec<char> = word.chars().filter(|c| c.is_alphabetic()).collect();
        letters.len() >= 4 && letters.iter().all(|c| c.is_uppercase())
    };
    let is_written_so = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        stories.iter().any(|story| {
            story.text.split(|c: char| !c.is_alphanumeric()).any(|known| known == bare)
        })
    };
    let words = title.split(' ').enumerate().map(|(at, word)| {
        if !is_shouted(word) || is_written_so(word) {
            return word.to_owned();
        }
        let lower = word.to_lowercase();
        if at == 0 { first_upper(&lower) } else { lower }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn first_upper(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().collect::<String>() + characters.as_str(),
        None => String::new(),
    }
}

/// The telling words of `title`, as [`terms`] gives them, that stand nowhere in the stories, their titles included.
#[must_use]
pub fn ungrounded(title: &str, stories: &[Story]) -> Vec<String> {
    let texts = stories.iter().flat_map(|story| [story.title.as_str(), story.text.as_str()]);
    let known: BTreeSet<String> = texts.flat_map(terms).map(|word| stem(&word)).collect();
    terms(title).into_iter().filter(|word| !known.contains(&stem(word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::craft::specimen;

    fn story(title: &str, text: &str) -> Story {
        specimen::story("The Paper", title, text)
    }

    #[test]
    fn bait_and_claims_of_its_own_do_not_become_a_title() {
        let text = "Salt makes pasta water boil a little later. It was the first thing to go in.";
        let bait = story("You won't believe this salt trick", text);
        let calm = story("Salt in pasta water", text);
        assert_eq!(honest_title(&bait.title, &[bait.clone(), calm.clone()]), "Salt in pasta water");
        let alone = honest_title(&bait.title, std::slice::from_ref(&bait));
        assert_eq!(alone, "Salt makes pasta water boil a little later");
        let claim = story("The best pasta water", text);
        assert_eq!(honest_title(&claim.title, std::slice::from_ref(&claim)), "The pasta water");
        let kept = story("The first salt in pasta water", text);
        assert_eq!(honest_title(&kept.title, std::slice::from_ref(&kept)), kept.title);
        assert_eq!(ungrounded("Salt in gravy", &[calm]), ["grav"]);
    }

    #[test]
    fn shouted_words_become_calm_and_names_stay() {
        let nasa = story("x", "NASA launched it.");
        assert_eq!(
            without_shouting("AMAZING launch by NASA TODAY", &[nasa]),
            "Amazing launch by NASA today"
        );
    }
}
