//! A few words that say what a scene is about, taken from its own sentences.
//!
//! Architecture invariant: every word of a heading stands in the text it is for, or the heading is
//! one of a few neutral phrases that state no fact.

use std::collections::BTreeSet;

use super::terms::{is_stop_word, terms};

/// The longest heading, in characters.
pub const MAX_HEADING: usize = 60;

/// Words after which a noun phrase is likely.
const BEFORE_NOUNS: &str = " a an the of in on at by for from into with without through around \
    between under over its his her their called named inside against during after before behind \
    towards no than as new small large two three four five six seven eight nine ten many \
    several some few more other another every each own ";

/// Verbs that do not end in "ed", and other words that no name goes across.
const VERBS: &str = " said behave brought flew fell rose grew gives gave takes turns held built \
    rebuilt lost broke breaks break began begins holds came comes sent struck left found saw \
    wrote led met won stood drew threw shrink stays rises falls needs contains works loses \
    moves helps allows tastes draws slows melts depends depend follows follow surround \
    surrounds keep hold slide wind winds darkens boils burns browns rise fall begin become \
    becomes bring brings carry carries cause causes change changes cook cooks dissolve \
    dissolves dry escape escapes expand expands explains fails fill fills gathers happens lets \
    lie lies makes matters means meet meets push pushes remains shows softens spreads stops \
    swells thickens turning cooking dissolving becoming making \
    lay relax relaxes exists ignores explain show responds bend bends tenths quarters thirds \
    decades degree across tore produces act acts gains chose speed ";

/// Adjectives, adverbs and the like: what ends with one is no name.
const NO_ENDS: &str = " looks hard close warm feet alone strange wrong rough free enough best \
    read spread set cut forms apart past somewhere worse better cloudy crisp grainy soft stiff \
    ready sooner faster slower smaller larger higher lower stronger weaker hotter cooler colder \
    brighter darker fresh dull bright sharp cheap tender tough safe slow quick further directly \
    except anyone everyone blunt advance deal exactly \
    really aboard smooth ";

/// Nouns that say nothing on their own.
const PALE: &str = " end start beginning result way place side edge part line arrival name task \
    cause work thing middle top bottom front mass change order step answer rest use case fact \
    reason method need point amount number idea problem question kind form turn same cook bite \
    entry direction january february march april may june july august september october \
    november december american soviet russian german french indian english british ";

/// Headings for scenes that have no phrase of their own.
const NEUTRAL: [&str; 5] =
    ["A closer look", "More of the story", "Another detail", "The next part", "One more detail"];

/// The first neutral heading that is not in `headings` yet.
#[must_use]
pub fn neutral(headings: &[&str]) -> &'static str {
    NEUTRAL.into_iter().find(|phrase| !headings.contains(phrase)).unwrap_or("A closer look")
}

/// Words with which a clause has its verb.
const AUXILIARIES: &str = " is are was were has had have can could may might must will would \
    should did does do be been became becomes ";

/// Words that begin an object, so that a verb stands before them.
const BEFORE_OBJECTS: [&str; 17] = [
    "the", "a", "an", "that", "how", "its", "their", "it", "them", "his", "her", "this", "most",
    "some", "all", "much", "each",
];

/// The best heading for `sentences`, other than what `taken` already says; `fallback` when they
/// have no fitting words. What `known`, the whole text in lower case, says more than once is
/// preferred.
#[must_use]
pub fn heading(
    sentences: &[&str],
    taken: &BTreeSet<String>,
    known: &str,
    fallback: &str,
) -> String {
    let mut best: Option<(i32, String)> = None;
    for sentence in sentences {
        for phrase in phrases(sentence) {
            let score = score(&phrase, taken, known);
            if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
                best = Some((score, phrase.text));
            }
        }
    }
    let words =
        best.filter(|(score, _)| *score > 0).map_or_else(|| fallback.to_owned(), |(_, text)| text);
    capitalised(&shortened(&words, MAX_HEADING))
}

/// `text` cut at a word so that it has at most `most` characters.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    for word in text.split(' ') {
        if short.chars().count() + word.chars().count() + 2 > most {
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    if short.is_empty() {
        short = text.chars().take(most.saturating_sub(1)).collect();
    }
    format!("{}…", short.trim_end_matches([',', ':', ';', '.']))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().collect::<String>() + characters.as_str(),
        None => String::new(),
    }
}

struct Phrase {
    text: String,
    words: usize,
    after_noun_marker: bool,
    begins_sentence: bool,
    /// Its capital is the sentence's, so it need not be a name.
    opens_sentence: bool,
    ends_clause: bool,
    /// It is behind "a", "an" or a possessive, so one thing.
    after_one: bool,
    /// An object follows, so its last word is a verb.
    before_object: bool,
    /// Its clause has another word that is surely a verb.
    clause_has_verb: bool,
}

/// The runs of content words in a sentence.
fn phrases(sentence: &str) -> Vec<Phrase> {
    let words: Vec<&str> = sentence.split(' ').collect();
    let mut found = Vec::new();
    let mut run: Vec<&str> = Vec::new();
    let mut start = 0;
    for (at, word) in words.iter().enumerate() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let lower = bare.to_lowercase();
        // A capital inside a sentence makes a name, never a verb.
        let may_be_verb = at == 0 || !bare.starts_with(char::is_uppercase);
        let says_nothing = bare.is_empty() || is_stop_word(&lower);
        let is_action = may_be_verb && is_verb(&lower);
        let is_content = !(says_nothing || is_action);
        // "New Mexico" is a name, and "new" says nothing.
        let is_content = is_content || (at > 0 && bare == "New");
        // "Sea of Rains" is one name.
        let is_name = |word: &&str| word.starts_with(char::is_uppercase);
        let is_joint = bare == "of"
            && run.last().is_some_and(is_name)
            && words.get(at + 1).is_some_and(is_name);
        let is_content = is_content || is_joint;
        let is_number = bare.chars().all(|c| c.is_ascii_digit()) && !bare.is_empty();
        if is_content || is_number {
            if run.is_empty() {
                start = at;
            }
            run.push(bare);
        }
        let ends_clause = word.ends_with([',', '.', ';', ':', '!', '?', ')']);
        let goes_on = (is_content || is_number) && !ends_clause;
        if !goes_on && !run.is_empty() {
            let marker = start.checked_sub(1).and_then(|before| words.get(before));
            found.push(Phrase {
                text: with_article(&run, marker.copied()),
                words: run.len(),
                after_noun_marker: marker
                    .is_some_and(|word| is_among(BEFORE_NOUNS, &word.to_lowercase())),
                begins_sentence: start <= 1,
                opens_sentence: start == 0,
                ends_clause,
                after_one: marker.is_some_and(|word| {
                    ["a", "an", "its", "his", "her", "their"]
                        .contains(&word.to_lowercase().as_str())
                }),
                before_object: !is_content && BEFORE_OBJECTS.contains(&lower.as_str()),
                clause_has_verb: clause_has_verb(&words, start, start + run.len()),
            });
            run.clear();
        }
    }
    found
}

/// Whether the clause around `words[start..end]` has a verb outside of these.
fn clause_has_verb(words: &[&str], start: usize, end: usize) -> bool {
    let pauses = |word: &&str| word.ends_with([',', '.', ';', ':', '!', '?']);
    let before = words.get(..start).unwrap_or_default();
    let before = before.rsplit(pauses).next().unwrap_or_default();
    let ends_here = words.get(end.saturating_sub(1)).is_some_and(pauses);
    let after = if ends_here { &[] } else { words.get(end..).unwrap_or_default() };
    let after = after.split_inclusive(pauses).next().unwrap_or_default();
    before.iter().chain(after).any(|word| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        is_among(AUXILIARIES, &bare) || is_verb(&bare)
    })
}

/// Is `word` one of the words of `list`, which stand between spaces?
fn is_among(list: &str, word: &str) -> bool {
    !word.contains(' ') && list.contains(&format!(" {word} "))
}

fn is_verb(word: &str) -> bool {
    let is_past = word.len() > 4 && word.ends_with("ed") && !word.ends_with("eed");
    is_past || is_among(VERBS, word)
}

/// One word alone reads better with its article.
fn with_article(run: &[&str], marker: Option<&str>) -> String {
    let words = run.join(" ");
    let is_the = marker.is_some_and(|word| word.eq_ignore_ascii_case("the"));
    if run.len() == 1 && is_the { format!("the {words}") } else { words }
}

fn score(phrase: &Phrase, taken: &BTreeSet<String>, known: &str) -> i32 {
    let words: Vec<&str> = phrase.text.split(' ').collect();
    let Some(last) = words.last() else { return 0 };
    // Names keep their capitals here: "Cook" is a person, "cook" may be a verb.
    let holds_verb = words.iter().any(|word| is_verb(word));
    let bare = last.to_lowercase();
    let is_pale = phrase.words == 1 && is_among(PALE, &bare);
    let ends_badly = is_among(NO_ENDS, &bare) || bare.ends_with("selves");
    let is_adverb = |word: &&str| word.len() > 6 && word.ends_with("ly");
    let has_adverb = words.len() > 1 && words.iter().any(is_adverb);
    if (holds_verb && !is_title(&words)) || ends_badly || is_pale || has_adverb {
        return 0;
    }
    let is_name = words.iter().any(|word| word.starts_with(char::is_uppercase));
    let all_numbers = words.iter().all(|word| word.chars().all(|c| c.is_ascii_digit()));
    let is_repeated = known.matches(&phrase.text.to_lowercase()).count() > 1;
    let may_be_verb = last.ends_with('s')
        && !last.ends_with("ss")
        && (phrase.after_one || (phrase.ends_clause && phrase.words == 2))
        && !is_name
        && !is_repeated;
    let is_plural = last.ends_with('s') && !last.ends_with("ss");
    let is_the_verb = phrase.words > 1 && is_plural && !phrase.clause_has_verb && !is_name;
    // A single word says enough only when it is a name or comes back.
    let is_lonely =
        phrase.words == 1 && (!is_name || phrase.opens_sentence) && (is_plural || !is_repeated);
    let has_number_inside = words.get(1..words.len().saturating_sub(1)).is_some_and(|inner| {
        inner.iter().any(|word| word.starts_with(|c: char| c.is_ascii_digit()))
    }) && !is_title(&words);
    let own_terms = terms(&phrase.text);
    let says_nothing_new =
        !own_terms.is_empty() && own_terms.iter().all(|term| taken.contains(term));
    if is_lonely
        || has_number_inside
        || says_nothing_new
        || all_numbers
        || phrase.words > 4
        || phrase.before_object
        || may_be_verb
        || is_the_verb
    {
        return 0;
    }
    let mut score = 2 * i32::try_from(phrase.words.min(3)).unwrap_or(0);
    score += if phrase.after_noun_marker { 3 } else { -2 };
    score += if is_name { 2 } else { 0 };
    score -= if phrase.words == 1 && !is_name { 2 } else { 0 };
    score -= if phrase.words == 2 && !is_name && is_among(PALE, &bare) { 4 } else { 0 };
    score += if phrase.ends_clause { 1 } else { 0 };
    // At the beginning of a sentence the verb is still in the run.
    score -= if phrase.begins_sentence && phrase.words > 1 && !phrase.ends_clause { 4 } else { 0 };
    score -=
        if last.ends_with("ed") || last.ends_with("ing") || last.ends_with("ly") { 4 } else { 0 };
    score += if is_repeated && phrase.words > 1 { 3 } else { 0 };
    let repeated = own_terms.iter().filter(|term| taken.contains(*term)).count();
    score - 3 * i32::try_from(repeated).unwrap_or(0)
}

/// Whether every word begins with a capital or a digit.
fn is_title(words: &[&str]) -> bool {
    words.iter().all(|word| word.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_with_a_verb_is_no_heading() {
        let taken = BTreeSet::new();
        for (text, bad) in [
            ("The limit on the temperature depends on pressure.", "Temperature depends"),
            ("Good practice in the kitchen follows from the chemistry.", "Kitchen follows"),
            ("Trouble starts as the cell walls break down.", "Cell walls break"),
            ("Heat at first makes the situation in the pot worse.", "Pot worse"),
            ("Cooks changed their methods near the end.", "The end"),
            ("Butterfly flakes are tender, so cinemas prefer them.", "Cinemas prefer"),
            ("The pressure made the joint flex slightly, and it held.", "Joint flex slightly"),
        ] {
            assert_ne!(heading(&[text], &taken, "", "x"), bad);
        }
    }

    #[test]
    fn a_name_of_several_words_stays_whole() {
        let text = "The lander set it down in the Sea of Rains, and it rolled down a ramp.";
        assert_eq!(heading(&[text], &BTreeSet::new(), "", "x"), "Sea of Rains");
    }

    #[test]
    fn neutral_headings_are_not_repeated() {
        assert_eq!(neutral(&[]), "A closer look");
        assert_eq!(neutral(&["The Moon", "A closer look"]), "More of the story");
    }

    #[test]
    fn a_heading_is_a_noun_phrase_of_the_text() {
        let taken = BTreeSet::new();
        let text = "David Scott used the car to explore the edge of the Apennine mountains.";
        assert_eq!(heading(&[text], &taken, "", "x"), "Apennine mountains");
        assert_eq!(heading(&["They did."], &taken, "", "the rover"), "The rover");
        let known = "the sea was rough. they fell into the sea.";
        assert_eq!(heading(&["They fell into the sea."], &taken, known, "x"), "The sea");
    }

    #[test]
    fn headings_do_not_repeat_each_other() {
        let taken: BTreeSet<String> = terms("Apennine mountains").into_iter().collect();
        let text = "They reached the edge of the Apennine mountains with a folding car.";
        assert_ne!(heading(&[text], &taken, "", "x"), "Apennine mountains");
    }

    #[test]
    fn long_texts_are_cut_at_a_word() {
        let cut = shortened(&"word ".repeat(30), MAX_HEADING);
        assert!(cut.chars().count() <= MAX_HEADING && cut.ends_with("word…"), "{cut}");
    }
}
