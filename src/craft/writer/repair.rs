//! Small repairs, so that a sentence can stand where it is wanted: a joint taken off its front, the
//! name put for its "he", one long sentence told as two.
//!
//! Architecture invariant: a repair only leaves words out, or puts the name that the sentence
//! before gives; it never adds a word that the source does not have.

use super::leaning::{bare_words, leans};

/// Joints that may go from the front when a comma follows.
const JOINTS: [&str; 22] = [
    "However",
    "Moreover",
    "Furthermore",
    "In addition",
    "Besides",
    "Nevertheless",
    "Nonetheless",
    "Indeed",
    "In fact",
    "Of course",
    "Even so",
    "Similarly",
    "Likewise",
    "Consequently",
    "As a result",
    "Therefore",
    "Thus",
    "Hence",
    "By contrast",
    "In contrast",
    "On the other hand",
    "Meanwhile",
];

/// Words that begin a clause of its own behind a comma.
const CLAUSE_STARTS: [&str; 22] = [
    "the", "a", "an", "its", "his", "her", "their", "this", "that", "these", "those", "it", "he",
    "she", "they", "we", "you", "each", "some", "many", "most", "both",
];

/// Words of which a clause surely has its verb.
const VERBS: [&str; 34] = [
    "is", "are", "was", "were", "has", "had", "have", "can", "could", "may", "might", "must",
    "will", "would", "did", "does", "do", "became", "becomes", "made", "makes", "took", "takes",
    "gave", "gives", "came", "comes", "went", "goes", "began", "begins", "kept", "keeps", "lost",
];

/// First words with which a clause cannot stand alone.
const SUBORDINATE: [&str; 21] = [
    "When", "If", "As", "Because", "After", "Before", "Once", "Since", "While", "Although",
    "Though", "In", "On", "At", "By", "For", "Unless", "Until", "Whether", "With", "Without",
];

/// Words before a name that make it a place or a time.
const BEFORE_PLACES: [&str; 4] = ["in", "at", "near", "on"];

/// `text` as a sentence that leans on nothing, when a small repair does it; `before` is the
/// sentence that it follows in its source.
pub(super) fn standing_alone(text: &str, before: Option<&str>) -> Option<String> {
    let bare = without_joint(text);
    let candidate = match &bare {
        Some(bare) if !leans(bare) && !points(bare, &ANY) => return Some(bare.clone()),
        Some(bare) => bare.as_str(),
        None => text,
    };
    let named = with_name(candidate, before?)?;
    (!leans(&named) && !points(&named, &THINGS)).then_some(named)
}

/// Pronouns for things and groups; and those and the ones for a person.
const THINGS: [&str; 7] = ["it", "its", "they", "them", "their", "this", "these"];
const ANY: [&str; 12] =
    ["it", "its", "they", "them", "their", "this", "these", "he", "she", "him", "his", "her"];

/// Does one of `pronouns` stand in `text`?
fn points(text: &str, pronouns: &[&str]) -> bool {
    bare_words(text).iter().any(|word| pronouns.contains(&word.to_lowercase().as_str()))
}

/// Without "However," and the like at its front.
fn without_joint(text: &str) -> Option<String> {
    let with_comma = JOINTS.iter().find_map(|joint| text.strip_prefix(joint)?.strip_prefix(", "));
    let rest = with_comma
        .or_else(|| ["But ", "And ", "Yet "].iter().find_map(|joint| text.strip_prefix(joint)))?;
    Some(capitalised(rest))
}

/// With the one person that `before` is about instead of its first "He", "She", "His" or "Her".
fn with_name(text: &str, before: &str) -> Option<String> {
    let (pronoun, rest) = text.split_once(' ')?;
    let person = the_person(before)?;
    match pronoun {
        "He" | "She" => Some(format!("{person} {rest}")),
        "His" | "Her" if person.ends_with('s') => Some(format!("{person}' {rest}")),
        "His" | "Her" => Some(format!("{person}'s {rest}")),
        _ => None,
    }
}

/// The name that `text` begins with, when no other name in it could be meant.
fn the_person(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split(' ').collect();
    let is_name = |word: &&str| word.starts_with(char::is_uppercase);
    let name: Vec<&str> = words.iter().copied().take_while(|word| is_name(word)).collect();
    let named = name.join(" ");
    let named = named.trim_end_matches(',').to_owned();
    let is_person = (1..=3).contains(&name.len())
        && !named.contains(['.', ','])
        && named.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '-' | '\''))
        && !named.ends_with("'s")
        // A single word at the front may be capital only because it is the first.
        && words.get(name.len()).is_some_and(|word| is_persons_verb(word))
        && !BEGINNINGS.contains(&name.first().copied().unwrap_or_default());
    if !is_person {
        return None;
    }
    let others = words.windows(2).skip(name.len().saturating_sub(1)).any(|pair| {
        let [before, word] = pair else { return false };
        // What follows a name is a part of it.
        let is_other = is_name(word) && !is_name(before);
        is_other && !BEFORE_PLACES.contains(&before.to_lowercase().as_str())
    });
    (!others).then_some(named)
}

/// First words with a capital that are no names.
const BEGINNINGS: [&str; 18] = [
    "The",
    "A",
    "An",
    "No",
    "Nobody",
    "Every",
    "Everyone",
    "Most",
    "Many",
    "Some",
    "Cooks",
    "Engineers",
    "Scientists",
    "Astronauts",
    "Nothing",
    "One",
    "Two",
    "Three",
];

/// Verbs that stand behind the name of a person.
fn is_persons_verb(word: &str) -> bool {
    word.ends_with("ed")
        || matches!(
            word,
            "was"
                | "had"
                | "could"
                | "would"
                | "did"
                | "wrote"
                | "held"
                | "took"
                | "flew"
                | "said"
                | "thought"
                | "knew"
                | "made"
                | "built"
                | "spent"
                | "became"
                | "began"
                | "led"
                | "won"
                | "saw"
                | "put"
                | "chose"
                | "found"
        )
}

/// One sentence of two main clauses as two sentences; the second may lean on the first.
pub(super) fn in_two(text: &str) -> Option<(String, String)> {
    const JOINTS: [&str; 4] = ["; ", ", and ", ", but ", ", so "];
    let first_word = text.split(' ').next().unwrap_or_default();
    if SUBORDINATE.contains(&first_word) || text.contains(['"', '“', '(', ':']) {
        return None;
    }
    let (at, joint) = JOINTS.iter().find_map(|joint| text.find(joint).map(|at| (at, joint)))?;
    let (first, second) = (text.get(..at)?, text.get(at + joint.len()..)?);
    // Another comma may belong to a list or an insertion, which must not be torn.
    let is_clear = !first.contains(',') && !second.contains(", and ");
    let is_both = is_clause(first) && is_clause(second) && begins_clause(second);
    (is_clear && is_both).then(|| (format!("{first}."), capitalised(second)))
}

fn is_clause(text: &str) -> bool {
    let words = bare_words(text);
    let has_verb = words.iter().skip(1).any(|word| {
        VERBS.contains(word) || (word.ends_with("ed") && word.len() > 4 && *word != "hundred")
    });
    words.len() >= 4 && has_verb
}

fn begins_clause(text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    CLAUSE_STARTS.contains(&first) || first.starts_with(char::is_uppercase)
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

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().collect::<String>() + characters.as_str(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joint_is_taken_off_the_front() {
        let cases = [
            ("However, the capsule held.", Some("The capsule held.")),
            ("But Mir was a good place to study it.", None),
            ("As a result, steel bends at 500 degrees.", Some("Steel bends at 500 degrees.")),
            ("However, it held.", None),
            ("Later, the capsule fell.", None),
        ];
        for (text, repaired) in cases {
            assert_eq!(standing_alone(text, None).as_deref(), repaired, "{text}");
        }
    }

    #[test]
    fn a_pronoun_gets_the_name_only_when_there_is_one_person() {
        let before = "Goddard continued his tests near Roswell in New Mexico.";
        assert_eq!(
            standing_alone("He held more than two hundred patents.", Some(before)).as_deref(),
            Some("Goddard held more than two hundred patents.")
        );
        assert_eq!(
            standing_alone("His patents were granted in 1945.", Some(before)).as_deref(),
            Some("Goddard's patents were granted in 1945.")
        );
        for unclear in [
            "Young wrote to Crippen in May.",
            "The crew saw Roswell.",
            "Cooks added salt to the pot.",
        ] {
            assert_eq!(standing_alone("He flew home.", Some(unclear)), None, "{unclear}");
        }
        assert_eq!(standing_alone("It held two hundred patents.", Some(before)), None);
    }

    #[test]
    fn two_main_clauses_become_two_sentences_and_nothing_else_does() {
        assert_eq!(
            in_two("The crew had slept for an hour, and the ship was cold."),
            Some(("The crew had slept for an hour.".into(), "The ship was cold.".into()))
        );
        for whole in [
            "It carried water, bread, and the crew was glad.",
            "The crew woke up, and went to work on the ship.",
            "When the crew was asleep, and the ship was cold, it failed.",
        ] {
            assert_eq!(in_two(whole), None, "{whole}");
        }
    }
}
