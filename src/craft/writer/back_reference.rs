//! Words inside a sentence that point back, wherever in it they stand.
//!
//! Why it exists: the beginning of a sentence shows most of what it leans on, but not all: "had also
//! been lost", "than either planet", "liked the explanation" need what stood before as much.

use super::leaning::{PREPOSITIONS, bare_words};

/// Nouns that stand for something told before, unless what follows says what they stand for.
const STANDING_FOR: [&str; 37] = [
    "explanation",
    "idea",
    "result",
    "effect",
    "trick",
    "theory",
    "question",
    "answer",
    "decision",
    "mistake",
    "discovery",
    "finding",
    "claim",
    "difference",
    "event",
    "accident",
    "lesson",
    "reason",
    "problem",
    "trouble",
    "method",
    "process",
    "change",
    "failure",
    "success",
    "news",
    "fact",
    "warning",
    "advice",
    "proof",
    "fault",
    "plan",
    "opposite",
    "reaction",
    "loss",
    "rule",
    "return",
];

/// Words after such a noun that say what it stands for.
const SAYING_WHICH: [&str; 14] = [
    "of", "that", "for", "to", "behind", "why", "how", "between", "in", "with", "about", "from",
    "on", "which",
];

/// Does something in `text` point at what was told before it?
pub(super) fn points_back(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    words.iter().enumerate().any(|(at, word)| {
        let next = words.get(at + 1).copied().unwrap_or_default();
        let after_next = words.get(at + 2).copied().unwrap_or_default();
        let before = at.checked_sub(1).and_then(|before| words.get(before)).copied();
        match bare(word).as_str() {
            "this" | "these" => true,
            "those" => !matches!(next, "who" | "that" | "of" | "in" | "with"),
            "such" => next != "as",
            "either" | "neither" | "both" => !is_pair(&words, at),
            "also" => !before.is_some_and(|before| matches!(bare(before).as_str(), "but" | "and")),
            "that" => {
                let after_preposition =
                    before.is_some_and(|word| PREPOSITIONS.contains(&bare(word).as_str()));
                let is_verb =
                    next.ends_with("ed") || (next.ends_with('s') && !next.ends_with("ss"));
                let ends_phrase =
                    next.ends_with([',', '.', ';']) || PREPOSITIONS.contains(&after_next);
                at == 0 || after_preposition || (ends_phrase && !is_verb)
            }
            _ => false,
        }
    })
}

/// Do "either … or", "both … and" name their two, or is it said "of" what they are?
fn is_pair(words: &[&str], at: usize) -> bool {
    let joint = match bare(words.get(at).copied().unwrap_or_default()).as_str() {
        "both" => "and",
        "neither" => "nor",
        _ => "or",
    };
    let rest = words.get(at + 1..).unwrap_or_default();
    let names_two = rest.iter().take(8).any(|word| bare(word) == joint);
    // "carried both", told of two things that stand before it in the same sentence.
    let ends_clause = words.get(at).is_some_and(|word| word.ends_with([',', '.', ';'])) && at >= 4;
    names_two || rest.first().is_some_and(|next| *next == "of") || ends_clause
}

/// The nouns in `text` that stand for something told before, as [`STANDING_FOR`] has them.
pub(super) fn stands_for(text: &str) -> bool {
    let words = bare_words(text);
    words.windows(2).enumerate().any(|(at, pair)| {
        let [article, noun] = pair else { return false };
        let next = words.get(at + 2).map(|word| word.to_lowercase()).unwrap_or_default();
        article.eq_ignore_ascii_case("the")
            && STANDING_FOR.contains(&noun.to_lowercase().as_str())
            && !SAYING_WHICH.contains(&next.as_str())
    })
}

fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_points_back_inside_a_sentence_is_found() {
        for pointing in [
            "Two probes had also been lost on the way.",
            "Its moons are larger than either planet.",
            "Voyager could not have reached Neptune without that help.",
            "Nobody saw this coming.",
            "Engineers had such a plan.",
            "Mead makers start that process on purpose by adding water.",
        ] {
            assert!(points_back(pointing), "{pointing}");
        }
        for plain in [
            "The pan was hot, but also clean.",
            "Use either butter or oil.",
            "Both the Moon and Mars were photographed.",
            "Engineers knew that the tank would burst.",
            "The tank held oxygen and hydrogen, and the ship needed both.",
        ] {
            assert!(!points_back(plain), "{plain}");
        }
    }

    #[test]
    fn a_noun_that_stands_for_something_needs_it() {
        assert!(stands_for("Cooks liked the explanation."));
        assert!(stands_for("The result surprised everybody."));
        assert!(!stands_for("The idea of a station was old."));
        assert!(!stands_for("The reason why bread rises is gas."));
    }
}
