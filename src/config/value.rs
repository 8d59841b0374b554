//! One value of the file and the questions a section may ask of it.
//!
//! Every question answers `None` for a value it does not fit, after noting why.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::de::DeValue;

use super::problem::{ProblemKind, nearest};
use super::quantity::{ByteSize, parse_duration, print_duration};
use super::reader::{Findings, Section};

/// A value of the file and where it stands.
pub(super) struct Value<'d> {
    findings: &'d Findings<'d>,
    path: String,
    span: Range<usize>,
    value: &'d DeValue<'d>,
}

impl<'d> Value<'d> {
    /// The value at `path` in the file.
    pub(super) fn new(
        findings: &'d Findings<'d>,
        path: String,
        value: &'d toml::Spanned<DeValue<'d>>,
    ) -> Self {
        Self { findings, path, span: value.span(), value: value.get_ref() }
    }

    /// Notes a problem with this value.
    pub(super) fn note(&self, code: ProblemKind, message: impl Display, remedy: Option<String>) {
        self.findings.note(code, &self.path, &self.span, message, remedy);
    }

    fn wrong_type(&self, wanted: &str) {
        let message = format!("expected {wanted}, found {}", type_name(self.value));
        self.note(ProblemKind::WrongType, message, None);
    }

    fn out_of_range(&self, low: impl Display, high: impl Display) {
        self.note(ProblemKind::BadValue, format!("must be from {low} to {high}"), None);
    }

    /// Any text.
    pub(super) fn string(&self) -> Option<&'d str> {
        let DeValue::String(text) = self.value else {
            self.wrong_type("a text in quotes");
            return None;
        };
        Some(text)
    }

    /// A text of 1 to `longest` characters without control characters.
    pub(super) fn text(&self, longest: usize) -> Option<String> {
        let text = self.string()?;
        let length = text.chars().count();
        if length == 0 || length > longest || text.trim().is_empty() {
            let message = format!("must have 1 to {longest} characters, has {length}");
            self.note(ProblemKind::BadValue, message, None);
            return None;
        }
        if text.chars().any(char::is_control) {
            self.note(ProblemKind::BadValue, "must not hold control characters", None);
            return None;
        }
        Some(text.to_owned())
    }

    /// What `parse` makes of the text; its error is the problem's message.
    pub(super) fn parsed<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.string()?) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.note(ProblemKind::BadValue, error, None);
                None
            }
        }
    }

    /// A whole number in `range`.
    pub(super) fn integer(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let wide = u64::from(*range.start())..=u64::from(*range.end());
        self.whole(wide).and_then(|number| u32::try_from(number).ok())
    }

    /// A whole number in `range`, as large as TOML has them.
    pub(super) fn whole(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let DeValue::Integer(digits) = self.value else {
            self.wrong_type("a whole number");
            return None;
        };
        let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
        let fitting =
            number.and_then(|number| u64::try_from(number).ok()).filter(|n| range.contains(n));
        if fitting.is_none() {
            self.out_of_range(range.start(), range.end());
        }
        fitting
    }

    /// One of the words `offered`; one of `later` is known and not available in this version.
    pub(super) fn one_of<T: Copy>(&self, offered: &[(&str, T)], later: &[&str]) -> Option<T> {
        let word = self.string()?;
        if let Some((_, choice)) = offered.iter().find(|(name, _)| *name == word) {
            return Some(*choice);
        }
        let names: Vec<&str> = offered.iter().map(|(name, _)| *name).collect();
        if later.contains(&word) {
            self.note(
                ProblemKind::NotAvailable,
                format!("{word:?} is not available in this version"),
                Some(format!("use {}", quoted_list(&names))),
            );
        } else {
            let remedy = match nearest(word, &names) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("use {}", quoted_list(&names)),
            };
            self.note(ProblemKind::BadValue, "not a value of this key", Some(remedy));
        }
        None
    }

    /// A number above 0 and up to 1; a whole 1 counts.
    pub(super) fn fraction(&self) -> Option<f64> {
        let digits = match self.value {
            DeValue::Float(digits) => digits.as_str(),
            DeValue::Integer(digits) => digits.as_str(),
            _ => {
                self.wrong_type("a number");
                return None;
            }
        };
        let fitting = digits.parse().ok().filter(|n: &f64| *n > 0.0 && *n <= 1.0);
        if fitting.is_none() {
            self.note(ProblemKind::BadValue, "must be above 0 and at most 1", None);
        }
        fitting
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        let DeValue::Boolean(truth) = self.value else {
            self.wrong_type("true or false");
            return None;
        };
        Some(*truth)
    }

    /// A duration in `range`.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let span = self.parsed(parse_duration)?;
        if range.contains(&span) {
            return Some(span);
        }
        self.out_of_range(print_duration(*range.start()), print_duration(*range.end()));
        None
    }

    /// A size in `range`.
    pub(super) fn size(&self, range: RangeInclusive<ByteSize>) -> Option<ByteSize> {
        let size = self.parsed(ByteSize::parse)?;
        if range.contains(&size) {
            return Some(size);
        }
        self.out_of_range(range.start(), range.end());
        None
    }

    /// The items of a list, called `wanted` in the message where it is none.
    pub(super) fn list(&self, wanted: &str) -> Option<Vec<Value<'d>>> {
        let DeValue::Array(items) = self.value else {
            self.wrong_type(wanted);
            return None;
        };
        let path_of = |index: usize| format!("{}[{index}]", self.path);
        let items = items.iter().enumerate();
        Some(items.map(|(at, item)| Value::new(self.findings, path_of(at), item)).collect())
    }

    /// A list of two, the first not above the second, each read by `read`.
    pub(super) fn ordered_pair<T: PartialOrd>(
        &self,
        read: impl Fn(&Value<'d>) -> Option<T>,
    ) -> Option<(T, T)> {
        let items = self.list("a list of two")?;
        let [low, high] = items.as_slice() else {
            let message = format!("expected a list of two, found {}", items.len());
            self.note(ProblemKind::WrongType, message, None);
            return None;
        };
        let (low, high) = (read(low), read(high));
        let (low, high) = (low?, high?);
        if low > high {
            let message = "the first is the least and must not be above the second";
            self.note(ProblemKind::BadValue, message, None);
            return None;
        }
        Some((low, high))
    }

    /// The table that this value is, called `wanted` in the message where it is none.
    pub(super) fn section(&self, wanted: &str) -> Option<Section<'d>> {
        let DeValue::Table(table) = self.value else {
            self.wrong_type(wanted);
            return None;
        };
        Some(Section::new(self.findings, self.path.clone(), self.span.clone(), Some(table)))
    }

    /// Whether the value is a table.
    pub(super) fn is_section(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// Whether the value is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    /// Whether the value is this very text.
    pub(super) fn is_text(&self, text: &str) -> bool {
        matches!(self.value, DeValue::String(value) if value == text)
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time without quotes",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

/// `"a"`, `"b"` or `"c"`.
fn quoted_list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}
