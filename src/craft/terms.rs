//! The words of a text that say what it is about.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Words that say nothing about the subject.
const STOP_WORDS: &str = " a about above after again against ago all almost along already also \
    although always am among an and another any are around as at away back be became because \
    become been before began behind being below between both but by came can cannot could did do \
    does down during each either else enough even ever every far few first for former from full \
    gave get give go good had half has have having he her here herself him himself his how however \
    i if in inside instead into is it its itself just kept known large last later least left less \
    like little long made make many may me might more most much must my near nearly neither never \
    new next no none nor not nothing now of off often on once one only onto or other others our \
    out over own part per perhaps put quite rather same second see seen several she should since \
    small so some soon still such take than that the their them then there therefore these they \
    this those though three through thus to today together too took towards two under until up \
    upon us use used using usually very was way we well went were what when where whether which \
    while who whole whom whose why will with within without would year years yet you your four \
    five six seven eight nine ten day days time times people become makes keeps called named ";

/// Is it a word that says nothing about the subject? `word` is lower case.
#[must_use]
pub fn is_stop_word(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> =
        LazyLock::new(|| STOP_WORDS.split_whitespace().collect());
    word.len() < 2 || WORDS.contains(word)
}

/// The subject words of `text` in order, in lower case and without their endings. A short number
/// right after a name is a word together with it: "Apollo 8" gives `apollo` and `apollo#8`; other
/// numbers count from two digits.
#[must_use]
pub fn terms(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut name: Option<String> = None;
    for piece in text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’')) {
        let bare = piece.trim_matches(['\'', '’']);
        let bare = bare.strip_suffix("'s").or_else(|| bare.strip_suffix("’s")).unwrap_or(bare);
        if bare.is_empty() {
            continue;
        }
        let lower = bare.to_lowercase();
        if bare.chars().all(|c| c.is_ascii_digit()) {
            match name.take() {
                Some(name) if bare.len() < 4 => found.push(format!("{name}#{bare}")),
                _ if bare.len() > 1 => found.push(lower),
                _ => {}
            }
            continue;
        }
        if is_stop_word(&lower) {
            name = None;
            continue;
        }
        let stemmed = stem(&lower);
        name = bare.starts_with(char::is_uppercase).then(|| stemmed.clone());
        found.push(stemmed);
    }
    found
}

/// The word without its commonest English endings, so that forms of one word meet: not a word
/// itself, only a key.
#[must_use]
pub fn stem(word: &str) -> String {
    let stemmed = without_ending(word);
    let undoubled = match stemmed.as_bytes() {
        [.., before, last] if before == last && !matches!(last, b's' | b'l' | b'e' | b'o') => {
            stemmed.get(..stemmed.len() - 1).unwrap_or(stemmed)
        }
        _ => stemmed,
    };
    undoubled.strip_suffix('e').filter(|rest| rest.len() > 2).unwrap_or(undoubled).to_owned()
}

fn without_ending(word: &str) -> &str {
    const MIN_STEM: usize = 4;
    for ending in ["isation", "ization", "ations", "ation", "ings", "ing", "ers", "ies", "ed", "es"]
    {
        if let Some(rest) = word.strip_suffix(ending).filter(|rest| rest.len() >= MIN_STEM) {
            return rest;
        }
    }
    let is_plural = word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us");
    match word.strip_suffix(['s', 'y']) {
        Some(rest) if rest.len() > 2 && (is_plural || word.ends_with('y')) => rest,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_go_and_forms_meet() {
        assert_eq!(terms("The slicing of onions"), terms("sliced onion"));
        assert_eq!(stem("caramelisation"), stem("caramel"));
        assert_eq!(stem("tempering"), stem("tempered"));
        assert_eq!(stem("tears"), stem("tear"));
    }

    #[test]
    fn a_number_after_a_name_is_part_of_it() {
        assert_eq!(terms("Apollo 8 took 3 men in 1968"), ["apollo", "apollo#8", "men", "1968"]);
    }

    #[test]
    fn no_word_is_cut_inside_a_character() {
        assert_eq!(stem("éés").chars().next(), Some('é'));
        assert!(terms("œuvres ñandúes’s").len() == 2);
    }
}
