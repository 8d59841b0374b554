//! What is wrong with a config file: every problem with its place and its remedy, so that a person
//! mends the file in one go.
//!
//! Architecture invariant: no message repeats a value that may be a secret.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use serde::Serialize;

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file was read and is wrong; never without a problem.
    #[error("{}", list_problems(file, problems))]
    Invalid {
        /// The file.
        file: PathBuf,
        /// All that was found, in order of place.
        problems: Vec<Problem>,
    },
}

impl ConfigError {
    /// The stable code: `config_unreadable` or `config_invalid`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "config_unreadable",
            Self::Invalid { .. } => "config_invalid",
        }
    }

    /// The problems in the file, where it could be read.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Invalid { problems, .. } => problems,
        }
    }
}

fn list_problems(file: &std::path::Path, problems: &[Problem]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("{}:{problem}", file.display())).collect();
    lines.join("\n")
}

/// What kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Not TOML.
    Syntax,
    /// A key or section that does not exist.
    UnknownKey,
    /// A value of another type than the key takes.
    WrongType,
    /// A value the key does not take.
    BadValue,
    /// A key that must be there.
    MissingKey,
    /// Values that do not go together.
    Conflict,
    /// A value that asks for what this version cannot do.
    NotAvailable,
}

/// One problem in a config file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of problem it is; its text form is a stable code.
    pub code: ProblemKind,
    /// The full path of the key, such as `channel[0].trends[1].kind`; empty for the whole file.
    pub key: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do, where the message does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        match &self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// The line and column, both from 1, of byte `offset` in `text`.
pub(super) fn line_and_column(text: &str, span: &Range<usize>) -> (usize, usize) {
    let before = text.as_bytes().get(..span.start).unwrap_or(text.as_bytes());
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line_so_far = before.get(line_start..).unwrap_or_default();
    let column = 1 + String::from_utf8_lossy(line_so_far).chars().count();
    (line, column)
}

/// The one of `known` that `word` was probably meant to be: at most a third of its letters changed,
/// added, dropped or swapped, where case and the choice of hyphen or underscore do not count.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| -> Vec<char> {
        text.chars().take(60).map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
    };
    let word = plain(word);
    known
        .iter()
        .map(|candidate| (edit_distance(&word, &plain(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance: insertions, deletions, changes and swaps of neighbours.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, a_char) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b_char) in b.iter().enumerate() {
            let changed = rows[i][j] + usize::from(a_char != b_char);
            let mut best = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            let swapped = i > 0 && j > 0 && *a_char == b[j - 1] && a[i - 1] == *b_char;
            if swapped {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_recognised() {
        let known = ["max_retries", "backoff_base", "soft_limit", "hard_limit", "fps"];
        let cases = [
            ("max_retrys", Some("max_retries")),
            ("Max-Retries", Some("max_retries")),
            ("maxretries", Some("max_retries")),
            ("sfot_limit", Some("soft_limit")),
            ("fp", Some("fps")),
            ("colour", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a = 1\né = 2\n";
        assert_eq!(line_and_column(text, &(0..1)), (1, 1));
        assert_eq!(line_and_column(text, &(9..10)), (2, 3));
        assert_eq!(line_and_column(text, &(500..501)), (3, 1));
    }
}
