//! How hard a text is to follow, and how long it takes to say.

use crate::domain::script::Script;

/// Syllables of an English word, by its vowel groups; at least 1 for a word with a letter.
#[must_use]
pub fn syllables(word: &str) -> usize {
    let letters: Vec<char> =
        word.chars().filter(|c| c.is_alphabetic()).map(|c| c.to_ascii_lowercase()).collect();
    if letters.is_empty() {
        return 0;
    }
    let is_vowel = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    let mut count = 0;
    let mut previous: Option<char> = None;
    for (at, letter) in letters.iter().copied().enumerate() {
        let after_vowel = previous.is_some_and(is_vowel);
        let after_q = previous == Some('q');
        let splits = matches!(
            (previous, letter),
            (Some('i'), 'a' | 'o' | 'u') | (Some('e'), 'o') | (Some('u'), 'a') | (Some('y'), 'i')
        );
        let softened = matches!(
            at.checked_sub(2).and_then(|two| letters.get(two)),
            Some('t' | 'c' | 's' | 'g')
        );
        if is_vowel(letter) && !after_q && (!after_vowel || (splits && !softened)) {
            count += 1;
        }
        // The u of "qu" is no vowel, and neither hides nor splits the one after it.
        previous = Some(if after_q && letter == 'u' { 'w' } else { letter });
    }
    let spelled: String = letters.iter().collect();
    let silent_e = spelled.ends_with('e')
        && !spelled.ends_with("le")
        && letters.iter().rev().nth(1).is_some_and(|c| !is_vowel(*c));
    let silent_es = spelled.ends_with("es")
        && !["ses", "zes", "ces", "ges", "xes", "shes", "ches", "les"]
            .iter()
            .any(|ending| spelled.ends_with(ending))
        && letters.iter().rev().nth(2).is_some_and(|c| !is_vowel(*c));
    let silent_ed = spelled.ends_with("ed")
        && !spelled.ends_with("ted")
        && !spelled.ends_with("ded")
        && letters.iter().rev().nth(2).is_some_and(|c| !is_vowel(*c));
    if silent_e || silent_es || silent_ed {
        count -= 1_usize.min(count);
    }
    count.max(1)
}

/// Syllables of a whole text.
#[must_use]
pub fn text_syllables(text: &str) -> usize {
    text.split(|c: char| c.is_whitespace() || c == '-').map(syllables).sum()
}

/// What the grade of a text is computed from; counts of several texts add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextCount {
    /// Sentences that have a word.
    pub sentences: u32,
    /// Words, which are what has a syllable.
    pub words: u32,
    /// Syllables.
    pub syllables: u32,
}

impl TextCount {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sentences: self.sentences + other.sentences,
            words: self.words + other.words,
            syllables: self.syllables + other.syllables,
        }
    }

    /// The Flesch–Kincaid grade level (Kincaid et al. 1975): 0.39·words/sentences +
    /// 11.8·syllables/words − 15.59. `None` for a text without words.
    #[must_use]
    pub fn grade(self) -> Option<f64> {
        if self.words == 0 {
            return None;
        }
        let words_per_sentence = f64::from(self.words) / f64::from(self.sentences);
        let syllables_per_word = f64::from(self.syllables) / f64::from(self.words);
        Some(0.39 * words_per_sentence + 11.8 * syllables_per_word - 15.59)
    }
}

/// Counts one sentence.
#[must_use]
pub fn count(sentence: &str) -> TextCount {
    let counted: Vec<usize> =
        sentence.split_whitespace().map(syllables).filter(|count| *count > 0).collect();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    TextCount {
        sentences: u32::from(!counted.is_empty()),
        words: number(counted.len()),
        syllables: number(counted.iter().sum::<usize>()),
    }
}

/// The grade of a text given as sentences; see [`TextCount::grade`].
#[must_use]
pub fn flesch_kincaid_grade<'a>(sentences: impl IntoIterator<Item = &'a str>) -> Option<f64> {
    sentences.into_iter().map(count).fold(TextCount::default(), TextCount::plus).grade()
}

/// The grade of a script as it is heard: numbers and abbreviations count as the words they are
/// read in. 0 for a script without words.
#[must_use]
pub fn script_grade(script: &Script) -> f64 {
    flesch_kincaid_grade(script.sentences().map(|(_, said)| said.spoken.as_str())).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_of_common_words() {
        for (word, count) in [
            ("the", 1),
            ("rocket", 2),
            ("planned", 1),
            ("landed", 2),
            ("table", 2),
            ("make", 1),
            ("makes", 1),
            ("oxygen", 3),
            ("nation", 2),
            ("radio", 3),
            ("question", 2),
            ("temperature", 4),
            ("Moon", 1),
            ("—", 0),
        ] {
            assert_eq!(syllables(word), count, "{word}");
        }
    }

    #[test]
    fn a_plain_text_has_a_lower_grade_than_a_learned_one() {
        let plain = flesch_kincaid_grade(["The cat sat on the mat.", "It was warm."]).unwrap();
        let learned = flesch_kincaid_grade([
            "Radioisotope thermoelectric generators continuously convert the considerable heat of decaying plutonium into electricity.",
        ])
        .unwrap();
        assert!(plain < 3.0 && learned > 15.0, "{plain} {learned}");
        assert_eq!(flesch_kincaid_grade(["—"]), None);
    }
}
