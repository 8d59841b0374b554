//! Reading a TOML table key by key, where every wrong key or value is noted with its place and
//! reading goes on, so that all problems of a file come out at once.
//!
//! A value that was noted as wrong reads as absent; its default stands in until the end, where a
//! file with problems gives no config.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::problem::{Problem, ProblemKind, line_and_column, nearest};
use super::quantity::ByteSize;
use super::value::Value;

/// Endings of keys that look as if they held a secret itself.
const SECRET_ENDINGS: [&str; 5] = ["key", "token", "secret", "password", "passwd"];

/// The problems found so far in one text.
pub(super) struct Findings<'d> {
    text: &'d str,
    found: RefCell<Vec<(usize, Problem)>>,
}

impl<'d> Findings<'d> {
    /// None so far in `text`.
    pub(super) fn new(text: &'d str) -> Self {
        Self { text, found: RefCell::new(Vec::new()) }
    }

    /// Notes a problem at `span`.
    pub(super) fn note(
        &self,
        code: ProblemKind,
        key: &str,
        span: &Range<usize>,
        message: impl Display,
        remedy: Option<String>,
    ) {
        let (line, column) = line_and_column(self.text, span);
        let message = message.to_string();
        let problem = Problem { code, key: key.to_owned(), line, column, message, remedy };
        self.found.borrow_mut().push((span.start, problem));
    }

    /// All problems in order of place.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, problem)| problem).collect()
    }
}

/// A table of the file, or the absence of one (then every key is absent).
pub(super) struct Section<'d> {
    findings: &'d Findings<'d>,
    path: String,
    span: Range<usize>,
    table: Option<&'d DeTable<'d>>,
    known: Vec<&'static str>,
}

impl<'d> Section<'d> {
    /// The table `table` at `path` (empty for the whole file).
    pub(super) fn new(
        findings: &'d Findings<'d>,
        path: String,
        span: Range<usize>,
        table: Option<&'d DeTable<'d>>,
    ) -> Self {
        Self { findings, path, span, table, known: Vec::new() }
    }

    /// The full path of `key` in this section.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Takes the value of `key` and marks the key as known.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'d>> {
        self.known.push(key);
        let (_, value) = self.table?.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(self.value(key, value))
    }

    /// Whether the key is there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.iter().any(|(name, _)| name.get_ref() == key))
    }

    /// Every key of the section with its value, where the keys are the owner's to choose.
    pub(super) fn take_all(&self) -> Vec<(String, Value<'d>)> {
        let entries = self.table.into_iter().flat_map(|table| table.iter());
        entries
            .map(|(name, value)| (name.get_ref().to_string(), self.value(name.get_ref(), value)))
            .collect()
    }

    fn value(&self, key: &str, value: &'d toml::Spanned<DeValue<'d>>) -> Value<'d> {
        Value::new(self.findings, self.path_of(key), value)
    }

    /// The section `key` below this one; an absent one reads as empty.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'d> {
        let path = self.path_of(key);
        let absent = Section::new(self.findings, path, self.span.clone(), None);
        self.take(key).and_then(|value| value.section("a section")).unwrap_or(absent)
    }

    /// The sections `[[key]]` below this one, in order.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'d>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        if value.is_section() {
            let path = self.path_of(key);
            value.note(
                ProblemKind::WrongType,
                "there may be several of this section",
                Some(format!("write [[{}]] with two brackets", without_indexes(&path))),
            );
            return Vec::new();
        }
        let items = value.list("a list of sections").unwrap_or_default();
        items.into_iter().filter_map(|item| item.section("a section")).collect()
    }

    /// The section again, to note problems in it after it was read.
    pub(super) fn place(&self) -> Section<'d> {
        Section::new(self.findings, self.path.clone(), self.span.clone(), self.table)
    }

    /// Notes a problem with what `key` says; at the section's own place where it is absent.
    pub(super) fn note(
        &self,
        code: ProblemKind,
        key: &str,
        message: impl Display,
        remedy: Option<String>,
    ) {
        let entry =
            self.table.and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key));
        let span = entry.map_or_else(|| self.span.clone(), |(_, value)| value.span());
        self.findings.note(code, &self.path_of(key), &span, message, remedy);
    }

    /// Notes every key that nobody took, with the known one it resembles.
    pub(super) fn finish(self) {
        for (name, _) in self.table.into_iter().flat_map(|table| table.iter()) {
            let key: &str = name.get_ref();
            if self.known.contains(&key) {
                continue;
            }
            let remedy = self.remedy_for_unknown(key);
            self.findings.note(
                ProblemKind::UnknownKey,
                &self.path_of(key),
                &name.span(),
                "unknown key",
                Some(remedy),
            );
        }
    }

    fn remedy_for_unknown(&self, key: &str) -> String {
        let env_key = self.known.iter().find(|known| known.strip_suffix("_env") == Some(key));
        if let Some(env_key) = env_key {
            return format!(
                "secrets are not kept in the config: use {env_key} = \"NAME_OF_VARIABLE\" or {key}_file = \"PATH\""
            );
        }
        if let Some(near) = nearest(key, &self.known) {
            return format!("did you mean {near}?");
        }
        if SECRET_ENDINGS.iter().any(|ending| key.to_ascii_lowercase().ends_with(ending)) {
            return "secrets are not kept in the config: only keys that end in _env or _file name one"
                .to_owned();
        }
        format!("known here: {}", self.known.join(", "))
    }

    /// A text of 1 to `longest` characters without control characters.
    pub(super) fn text(&mut self, key: &'static str, longest: usize) -> Option<String> {
        self.take(key)?.text(longest)
    }

    /// A whole number in `range`.
    pub(super) fn integer(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        self.take(key)?.integer(range)
    }

    /// A whole number in `range`, as large as TOML has them.
    pub(super) fn whole(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.take(key)?.whole(range)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.take(key)?.boolean()
    }

    /// A duration in `range`.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        self.take(key)?.duration(range)
    }

    /// A size in `range`.
    pub(super) fn size(
        &mut self,
        key: &'static str,
        range: RangeInclusive<ByteSize>,
    ) -> Option<ByteSize> {
        self.take(key)?.size(range)
    }

    /// A path; a relative one is relative to `folder`.
    pub(super) fn path(&mut self, key: &'static str, folder: &Path) -> Option<PathBuf> {
        self.text(key, 4_096).map(|path| folder.join(path))
    }

    /// One of the words `offered`; one of `later` is known and not available in this version.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        offered: &[(&str, T)],
        later: &[&str],
    ) -> Option<T> {
        self.take(key)?.one_of(offered, later)
    }
}

fn without_indexes(path: &str) -> String {
    let mut depth = 0_usize;
    let outside_brackets = |c: &char| match c {
        '[' => {
            depth += 1;
            false
        }
        ']' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    };
    path.chars().filter(outside_brackets).collect()
}
