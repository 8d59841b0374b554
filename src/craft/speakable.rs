//! A sentence as it is given to the voice: every number, unit, symbol and abbreviation in words.
//!
//! Why it exists: the built-in voice is English and reads letters; "1969", "km/h" and "°C" are for
//! the eye.
//!
//! Architecture invariant: the result is ASCII: letters, spaces and `. , ; : ? ! ' -` only, so that
//! nothing in it can be taken for a command by whatever carries it to the voice.

mod fold;
mod lexicon;
mod special;
mod token;

pub(super) use lexicon::is_month;
use token::{Token, tokens};

/// What the voice is given for `text`.
///
/// ```
/// use ytempire::craft::speakable::speakable;
/// assert_eq!(speakable("In 1969 it flew 3.5 km."), "In nineteen sixty nine it flew three point five kilometres.");
/// ```
#[must_use]
pub fn speakable(text: &str) -> String {
    let tokens = tokens(&fold::to_ascii(text));
    let mut spoken: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let previous = at.checked_sub(1).and_then(|before| tokens.get(before));
        let reading = token::read(previous, token, tokens.get(at + 1), tokens.get(at + 2));
        at += reading.taken;
        let last = tokens.get(at - 1).unwrap_or(token);
        spoken.push(with_marks(token, &reading.words, last));
    }
    tidy(&spoken.join(" "))
}

/// The words with the marks that stood before the first and after the last token of them.
fn with_marks(first: &Token, words: &str, last: &Token) -> String {
    let pause_before = if first.before.contains('(') { ", " } else { "" };
    let mark = last.after.chars().find(|c| matches!(c, '.' | ',' | ';' | ':' | '?' | '!'));
    // The brackets of `call()` are no aside.
    let closes = last.after.contains(')') && !last.core.contains('(');
    // The full stop of an abbreviation goes with it; the one of the sentence stays.
    let mark = match mark {
        Some('.') if last.is_abbreviation && !last.ends_text => String::new(),
        Some(mark) => mark.to_string(),
        None if closes => ",".to_owned(),
        None => String::new(),
    };
    format!("{pause_before}{words}{mark}")
}

/// Only the permitted characters, single spaces, and no space or second mark before a mark.
fn tidy(spoken: &str) -> String {
    let is_mark = |c: char| matches!(c, '.' | ',' | ';' | ':' | '?' | '!');
    let mut tidied = String::with_capacity(spoken.len());
    for character in spoken.chars() {
        let last = tidied.chars().last();
        if is_mark(character) {
            if last == Some(' ') {
                tidied.pop();
            }
            match tidied.chars().last() {
                None => {}
                Some(',') => {
                    tidied.pop();
                    tidied.push(character);
                }
                Some(mark) if is_mark(mark) => {}
                Some(_) => tidied.push(character),
            }
        } else if character == ' ' {
            if last.is_some_and(|c| c != ' ') {
                tidied.push(' ');
            }
        } else if character.is_ascii_alphabetic() || matches!(character, '\'' | '-') {
            if last.is_some_and(is_mark) {
                tidied.push(' ');
            }
            tidied.push(character);
        }
    }
    tidied.trim().to_owned()
}

#[cfg(test)]
mod tests;
