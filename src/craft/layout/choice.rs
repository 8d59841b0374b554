//! Chooses a layout from what a scene says, and takes out of its sentences what the card shows.
//!
//! Why it exists: a card that suits its words is seen as made, not generated.
//!
//! Architecture invariant: everything shown is taken from the scene word for word; nothing is
//! rewritten, so nothing can become false.

use super::{LayoutName, SceneArt, SceneBrief};
use crate::craft::headings;
use crate::craft::terms::terms;

/// What a card shows besides the heading.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// Only the heading.
    Title,
    /// A number as written, the words it counts, and what its sentence is about (may be empty).
    Number { number: String, unit: String, about: String },
    /// A year, and what its sentence is about (may be empty).
    Date { year: String, about: String },
    /// A whole sentence.
    Statement { sentence: String },
    /// A short sentence or clause; empty when the scene has none.
    Point { phrase: String },
}

impl Content {
    fn layout(&self) -> LayoutName {
        match self {
            Self::Title => LayoutName::Title,
            Self::Number { .. } => LayoutName::Number,
            Self::Date { .. } => LayoutName::Date,
            Self::Statement { .. } => LayoutName::Statement,
            Self::Point { .. } => LayoutName::Point,
        }
    }
}

/// A layout and what it shows.
pub(super) struct Choice {
    pub(super) layout: LayoutName,
    pub(super) content: Content,
}

/// The first scene opens with its title. Later ones take, of what their words allow, the layout
/// used least so far, and never the one of the scene before.
pub(super) fn choose(brief: &SceneBrief<'_>, earlier: &[SceneArt]) -> Choice {
    if brief.number <= 1 {
        return Choice { layout: LayoutName::Title, content: Content::Title };
    }
    let mut allowed = Vec::new();
    for text in brief.sentences {
        let Some((number, unit)) = number_in(text) else { continue };
        let about = about(text, brief.heading, &[&number, &unit]);
        allowed.push(Content::Number { number, unit, about });
        break;
    }
    for text in brief.sentences {
        let Some(year) = year_in(text) else { continue };
        let about = about(text, brief.heading, &[&year]);
        allowed.push(Content::Date { year, about });
        break;
    }
    if let Some(sentence) = statement_in(brief.sentences) {
        allowed.push(Content::Statement { sentence: sentence.to_owned() });
    }
    let phrase = key_phrase(brief.sentences).unwrap_or_default();
    allowed.push(Content::Point { phrase });
    allowed.push(Content::Title);

    let last = earlier.last().map(|art| art.layout);
    let uses = |layout| earlier.iter().filter(|art| art.layout == layout).count();
    let content = allowed
        .into_iter()
        .filter(|content| Some(content.layout()) != last)
        // The earliest of equals wins: the list above is in order of preference. A bare title is
        // for scenes that offer nothing else.
        .min_by_key(|content| (*content == Content::Title, uses(content.layout())))
        .unwrap_or(Content::Title);
    Choice { layout: content.layout(), content }
}

/// What `sentence` is about: the scene's heading if it stands there, else a phrase of its own; none
/// that repeats what is `shown` beside it.
fn about(sentence: &str, heading: &str, shown: &[&str]) -> String {
    let repeats = |phrase: &str| {
        shown.iter().any(|words| !words.is_empty() && phrase.split(' ').any(|word| word == *words))
            || shown.iter().any(|words| words.contains(' ') && phrase.contains(words))
    };
    if sentence.to_lowercase().contains(&heading.to_lowercase()) && !repeats(heading) {
        return heading.to_owned();
    }
    let known = shown.iter().flat_map(|words| terms(words)).collect();
    // Beside a number one word is enough: the sentence counts as its own echo.
    let echo = sentence.to_lowercase().repeat(2);
    let own = headings::heading(&[sentence], &known, &echo, "");
    if repeats(&own) { String::new() } else { own }
}

const NOT_UNITS: &[&str] = &[
    "a", "about", "after", "and", "are", "as", "at", "because", "before", "but", "by", "did",
    "for", "from", "had", "has", "he", "in", "into", "is", "it", "of", "on", "or", "she", "so",
    "than", "that", "the", "then", "they", "to", "was", "were", "when", "which", "while", "who",
    "with", "until", "during", "would", "will", "could", "can", "did", "began", "became", "under",
    "over", "they", "its", "their", "we", "you", "if", "only", "later", "ago", "more", "less",
    "alone",
];

/// The first number that counts something: digits followed by what they count, by `%` or by a
/// degree sign. Names such as "Apollo 11" and years are left alone.
fn number_in(sentence: &str) -> Option<(String, String)> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    for (index, word) in words.iter().enumerate() {
        let Some(number) = number_token(word) else { continue };
        let previous = index.checked_sub(1).and_then(|before| words.get(before));
        let part_of_name = index > 1 && previous.is_some_and(|word| starts_upper(word));
        if part_of_name || is_year(word) {
            continue;
        }
        if number.ends_with(['%', '°']) || number.starts_with(['$', '€', '£']) {
            return Some((number, unit_after(&words, index).unwrap_or_default()));
        }
        let ends_clause = word.ends_with([',', '.', ';', ':', '!', '?', ')']);
        if ends_clause {
            continue;
        }
        if let Some(unit) = unit_after(&words, index) {
            return Some((number, unit));
        }
    }
    None
}

/// The words that `number` at `index` counts, without the punctuation that ends them.
fn unit_after(words: &[&str], index: usize) -> Option<String> {
    const SCALES: &[&str] = &["hundred", "thousand", "million", "billion"];
    const HALVES: &[&str] =
        &["degrees", "per", "cubic", "square", "metric", "light", "below", "above"];
    let mut unit: Vec<&str> = Vec::new();
    for word in words.iter().skip(index + 1).take(4) {
        let bare = word.trim_end_matches([',', '.', ';', ':', '!', '?', ')']);
        let is_word = !bare.is_empty() && bare.chars().all(|c| c.is_alphabetic() || c == '°');
        let continues = unit.last().is_some_and(|last| HALVES.contains(last));
        if !is_word || (NOT_UNITS.contains(&bare) && !continues) {
            break;
        }
        let previous_is_whole =
            unit.last().is_some_and(|last| !SCALES.contains(last) && !HALVES.contains(last));
        if previous_is_whole && bare != "per" {
            break;
        }
        unit.push(bare);
        if bare.len() != word.len() {
            break;
        }
    }
    let ends_openly = unit.last().is_none_or(|last| HALVES.contains(last) && *last != "degrees");
    if ends_openly { None } else { Some(unit.join(" ")) }
}

/// `word` as a number with its sign or mark, without the punctuation around it.
fn number_token(word: &str) -> Option<String> {
    let bare = word
        .trim_start_matches(['(', '"'])
        .trim_end_matches([',', '.', ';', ':', '!', '?', ')', '"']);
    let digits = bare.trim_start_matches(['$', '€', '£']).trim_end_matches(['%', '°']);
    let well_formed = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == ',' || c == '.');
    (well_formed && bare.chars().count() <= 11).then(|| bare.to_owned())
}

fn starts_upper(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

fn is_year(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let plain = bare.len() == 4 && bare.chars().all(|c| c.is_ascii_digit());
    plain && bare.parse::<u32>().is_ok_and(|year| (1400..=2100).contains(&year))
}

/// The first year that stands as a year: after a word such as "in", or before a pause.
fn year_in(sentence: &str) -> Option<String> {
    const BEFORE: &[&str] = &[
        "in",
        "of",
        "since",
        "by",
        "until",
        "from",
        "early",
        "late",
        "mid",
        "around",
        "about",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "spring",
        "summer",
        "autumn",
        "winter",
        "to",
        "and",
    ];
    let words: Vec<&str> = sentence.split_whitespace().collect();
    for (index, word) in words.iter().enumerate().skip(1) {
        let previous = words.get(index - 1).map(|word| word.to_lowercase()).unwrap_or_default();
        let after_day = previous.ends_with(',')
            && previous.trim_end_matches(',').chars().all(|c| c.is_ascii_digit());
        if is_year(word) && (BEFORE.contains(&previous.as_str()) || after_day) {
            return Some(word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned());
        }
    }
    None
}

/// Words at the start of a sentence that point back to another one.
const POINTS_BACK: &[&str] = &[
    "it", "its", "they", "their", "this", "that", "these", "those", "he", "she", "his", "her",
    "but", "and", "so", "then", "both", "there", "such", "for", "instead", "however", "because",
];

fn stands_alone(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default().to_lowercase();
    !POINTS_BACK.contains(&first.trim_matches(|c: char| !c.is_alphabetic()))
}

/// The shortest sentence of 28 to 120 characters, one that stands alone if there is any.
fn statement_in<'a>(sentences: &[&'a str]) -> Option<&'a str> {
    sentences
        .iter()
        .copied()
        .filter(|text| (28..=120).contains(&text.chars().count()))
        .min_by_key(|text| (!stands_alone(text), text.chars().count()))
}

/// A short sentence, or the main clause a long one begins with.
fn key_phrase(sentences: &[&str]) -> Option<String> {
    if let Some(short) = statement_in(sentences).filter(|text| text.chars().count() <= 84) {
        return Some(short.trim_end_matches('.').to_owned());
    }
    sentences.iter().find_map(|text| main_clause(text))
}

/// What stands before the first pause, if it can stand alone as a phrase.
fn main_clause(sentence: &str) -> Option<String> {
    const DEPENDENT: &[&str] = &[
        "although", "after", "as", "at", "because", "before", "by", "if", "in", "on", "once",
        "since", "though", "to", "unless", "until", "when", "where", "while", "with", "without",
        "during", "from", "under", "over", "like", "despite", "between", "among",
    ];
    let pause = sentence.find([';', ':', '—']).or_else(|| sentence.find(", but "))?;
    let clause = sentence.get(..pause)?.trim();
    let first = clause.split_whitespace().next().unwrap_or_default().to_lowercase();
    let good_length = (24..=90).contains(&clause.chars().count());
    (good_length && stands_alone(clause) && !DEPENDENT.contains(&first.as_str()))
        .then(|| clause.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_what_they_count() {
        let found = |text| number_in(text).map(|(number, unit)| format!("{number}|{unit}"));
        assert_eq!(found("It flew 384,400 kilometres."), Some("384,400|kilometres".into()));
        assert_eq!(
            found("Heat it to 140 degrees Celsius first."),
            Some("140|degrees Celsius".into())
        );
        assert_eq!(
            found("At 28,000 kilometres per hour it"),
            Some("28,000|kilometres per hour".into())
        );
        assert_eq!(found("About 80% of an egg"), Some("80%|".into()));
        assert_eq!(found("It cost 25 billion dollars, then"), Some("25|billion dollars".into()));
    }

    #[test]
    fn names_years_and_bare_digits_are_no_numbers() {
        for text in [
            "The crew of Apollo 13 came home.",
            "That was in 1969 and again later.",
            "There were 7, and then 8.",
            "",
            "In 1957 the first",
        ] {
            assert_eq!(number_in(text), None, "{text}");
        }
    }

    #[test]
    fn years_are_found_where_they_are_years() {
        assert_eq!(year_in("It was launched in 1957."), Some("1957".into()));
        assert_eq!(year_in("On October 4, 1957, it beeped."), Some("1957".into()));
        assert_eq!(year_in("They carried 2000 kilograms."), None);
    }

    #[test]
    fn a_number_stands_over_words_of_its_own_sentence() {
        let sentence = "The mirror was 2.4 metres across and extremely smooth.";
        assert_eq!(about(sentence, "Outer edge", &["2.4", "metres"]), "The mirror");
        assert_eq!(about(sentence, "2.4 metres across", &["2.4", "metres"]), "The mirror");
        let sentence = "In December 1993 the shuttle Endeavour brought seven people along.";
        assert_eq!(about(sentence, "The start", &["1993"]), "Shuttle Endeavour");
        assert_eq!(about(sentence, "Seven people", &["1993"]), "Seven people");
    }

    #[test]
    fn phrases_are_taken_word_for_word_and_stand_alone() {
        let long = "Yeast turns sugar into carbon dioxide and alcohol; the gas is caught in a net \
                    of gluten that stretches like a balloon while the dough warms and rises";
        let phrase = key_phrase(&[long]);
        assert_eq!(phrase.as_deref(), Some("Yeast turns sugar into carbon dioxide and alcohol"));
        assert_eq!(main_clause("Although it failed; it was a start of things"), None);
    }
}
