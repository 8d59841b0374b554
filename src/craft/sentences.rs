//! Where one sentence ends and the next begins.
//!
//! Architecture invariant: nothing is lost or added: the words of the sentences, in order, are the
//! words of the text.

/// Words before a full stop that never end a sentence: a name or a number follows.
const NEVER_END: [&str; 32] = [
    "dr", "mr", "mrs", "ms", "prof", "st", "mt", "sgt", "lt", "col", "gen", "capt", "cmdr", "rev",
    "hon", "gov", "sen", "rep", "vs", "e.g", "i.e", "cf", "approx", "ca", "fig", "no", "vol", "pp",
    "ed", "viz", "al", "messrs",
];

/// Abbreviations that end a sentence only when a typical beginning follows.
const MAY_END: [&str; 14] = [
    "u.s", "u.k", "u.n", "a.m", "p.m", "etc", "inc", "ltd", "co", "jr", "sr", "ph.d", "b.c", "a.d",
];

/// Words that begin a sentence and are seldom part of a name.
const BEGINNINGS: [&str; 42] = [
    "the", "a", "an", "in", "on", "at", "by", "for", "from", "to", "with", "after", "before",
    "when", "while", "as", "it", "its", "he", "she", "his", "her", "they", "their", "this", "that",
    "these", "those", "there", "we", "you", "but", "and", "so", "yet", "if", "what", "how", "why",
    "most", "some", "both",
];

/// A sentence and the paragraph it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextSentence {
    /// Number of its paragraph, from 0.
    pub paragraph: usize,
    /// The sentence, on one line, with its punctuation.
    pub text: String,
}

/// The sentences of `text`, whose paragraphs are separated by blank lines.
#[must_use]
pub fn split(text: &str) -> Vec<TextSentence> {
    let mut sentences = Vec::new();
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    for (paragraph, content) in paragraphs.enumerate() {
        let words: Vec<&str> = content.split_whitespace().collect();
        let mut current: Vec<&str> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            current.push(word);
            let next = words.get(at + 1).copied();
            if next.is_none_or(|next| ends_sentence(word, next)) {
                sentences.push(TextSentence { paragraph, text: current.join(" ") });
                current.clear();
            }
        }
    }
    sentences
}

fn ends_sentence(word: &str, next: &str) -> bool {
    let bare = word.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']']);
    let Some(mark) = bare.chars().last().filter(|c| matches!(c, '.' | '!' | '?' | '…')) else {
        return false;
    };
    let first = next.trim_start_matches(['"', '\'', '“', '‘', '«', '(', '[']).chars().next();
    let may_begin = first.is_some_and(|c| c.is_uppercase() || c.is_numeric());
    if !may_begin {
        return false;
    }
    if mark != '.' {
        return true;
    }
    let stem = bare.trim_end_matches('.').trim_start_matches(['"', '\'', '“', '‘', '(', '[']);
    let stem = stem.to_lowercase();
    if NEVER_END.contains(&stem.as_str()) {
        return false;
    }
    let is_initial = stem.chars().count() == 1 && stem.chars().all(char::is_alphabetic);
    let is_spelled_out =
        stem.contains('.') && stem.split('.').all(|part| part.chars().count() == 1);
    if is_initial || is_spelled_out || MAY_END.contains(&stem.as_str()) {
        return is_beginning(next);
    }
    true
}

fn is_beginning(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    BEGINNINGS.contains(&bare.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<String> {
        split(text).into_iter().map(|sentence| sentence.text).collect()
    }

    #[test]
    fn sentences_end_at_their_marks() {
        assert_eq!(
            texts("It flew. Did it land? Yes! \"It did.\" They cheered… Then 3.5 km followed."),
            [
                "It flew.",
                "Did it land?",
                "Yes!",
                "\"It did.\"",
                "They cheered…",
                "Then 3.5 km followed."
            ]
        );
    }

    #[test]
    fn abbreviations_initials_and_decimals_do_not_end_one() {
        for one in [
            "Dr. Goddard met Mr. J. F. Kennedy of St. Louis.",
            "The U.S. Navy recovered it, e.g. No. 5 of 7.",
            "It weighed 83.6 kg and cost $1.5 million.",
            "At 9:32 a.m. Eastern time it rose.",
            "He said (\"Go!\") and left.",
        ] {
            assert_eq!(texts(one), [one]);
        }
    }

    #[test]
    fn an_abbreviation_before_a_typical_beginning_ends_one() {
        assert_eq!(
            texts("He came from the U.S. The ship sailed."),
            ["He came from the U.S.", "The ship sailed."]
        );
        assert_eq!(texts("It has vitamin C. This matters.").len(), 2);
    }

    #[test]
    fn a_paragraph_ends_a_sentence_and_is_counted() {
        let sentences = split("A heading\n\n\n\nOne. Two.");
        let paragraphs: Vec<_> = sentences.iter().map(|sentence| sentence.paragraph).collect();
        assert_eq!(paragraphs, [0, 1, 1]);
    }

    proptest! {
        #[test]
        fn no_word_is_lost_or_added(text in "([A-Za-z0-9]{1,6}|[.!?\"'(). ]{1,3}|\n\n| |Dr\\. |U\\.S\\. ){0,80}") {
            let before: Vec<&str> = text.split_whitespace().collect();
            let sentences = split(&text);
            let after: Vec<&str> =
                sentences.iter().flat_map(|sentence| sentence.text.split_whitespace()).collect();
            prop_assert_eq!(before, after);
        }
    }
}
