//! Durations, sizes and times of day as a person writes them in the config: `"1h30m"`, `"8GiB"`,
//! `"09:00"`.
//!
//! Architecture invariant: what is printed here reads back to the same value.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds of each unit of a duration, longest first. A month or a year has no fixed length
/// and so no unit.
const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Bytes of each unit of a size. Decimal units are read, binary ones are printed.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads a duration of whole milliseconds: numbers with units `d`, `h`, `m`, `s`, `ms`, longest
/// unit first, each at most once, without spaces.
///
/// # Errors
/// [`BadQuantity`] when the text is anything else, or longer than a `u64` of milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, BadQuantity> {
    let bad = || BadQuantity::Duration(shorten(text));
    let mut rest = text;
    let mut allowed = DURATION_UNITS.as_slice();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after_number) = split_number(rest).ok_or_else(bad)?;
        let unit_len =
            after_number.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after_number.len());
        let (unit, after_unit) = after_number.split_at(unit_len);
        let position = allowed.iter().position(|(name, _)| *name == unit).ok_or_else(bad)?;
        let (unit_and_shorter, millis) = (&allowed[position..], allowed[position].1);
        let part = number.checked_mul(millis).ok_or_else(bad)?;
        total = total.checked_add(part).ok_or_else(bad)?;
        allowed = &unit_and_shorter[1..];
        rest = after_unit;
    }
    if text.is_empty() { Err(bad()) } else { Ok(Duration::from_millis(total)) }
}

/// Writes a duration so that [`parse_duration`] reads it back; parts of a millisecond are dropped.
#[must_use]
pub fn print_duration(span: Duration) -> String {
    let mut millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, length) in DURATION_UNITS {
        let count = millis / length;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
        millis %= length;
    }
    text
}

/// For `#[serde(with = "duration_text")]`: a duration as its text.
pub mod duration_text {
    use super::{
        Deserialize, Deserializer, Duration, Serializer, de, parse_duration, print_duration,
    };

    /// Writes the duration's text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&print_duration(*span))
    }

    /// Reads a duration's text.
    ///
    /// # Errors
    /// When the text is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        parse_duration(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// `count` GiB (2³⁰ bytes each).
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// Reads a whole number with one unit: `B`, `kB`, `MB`, `GB`, `TB` or `KiB`, `MiB`, `GiB`,
    /// `TiB`, without a space.
    ///
    /// # Errors
    /// [`BadQuantity`] when the text is anything else, or more than a `u64` of bytes.
    pub fn parse(text: &str) -> Result<Self, BadQuantity> {
        let bad = || BadQuantity::Size(shorten(text));
        let (number, unit) = split_number(text).ok_or_else(bad)?;
        let (_, length) = SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        number.checked_mul(*length).map(Self).ok_or_else(bad)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary_units = &SIZE_UNITS[..4];
        let fitting =
            binary_units.iter().find(|(_, length)| self.0 != 0 && self.0.is_multiple_of(*length));
        match fitting {
            Some((unit, length)) => write!(f, "{}{unit}", self.0 / length),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A time of day in a channel's own time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    minutes: u16,
}

impl TimeOfDay {
    /// Minutes since midnight, 0–1439.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.minutes
    }

    /// The time `minutes` after midnight, modulo a day.
    #[must_use]
    pub const fn from_minutes(minutes: u16) -> Self {
        Self { minutes: minutes % (24 * 60) }
    }

    /// Reads `"HH:MM"`, 00:00–23:59, both with two digits.
    ///
    /// # Errors
    /// [`BadQuantity`] when the text is anything else.
    pub fn parse(text: &str) -> Result<Self, BadQuantity> {
        let bad = || BadQuantity::TimeOfDay(shorten(text));
        let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
        let hour = two_digits(hour).filter(|hour| *hour < 24).ok_or_else(bad)?;
        let minute = two_digits(minute).filter(|minute| *minute < 60).ok_or_else(bad)?;
        Ok(Self { minutes: hour * 60 + minute })
    }

    /// 0–23.
    #[must_use]
    pub const fn hour(self) -> u16 {
        self.minutes / 60
    }

    /// 0–59.
    #[must_use]
    pub const fn minute(self) -> u16 {
        self.minutes % 60
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is not the quantity it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuantity {
    /// Not a duration.
    #[error("{0:?} is not a duration: write it as \"30s\", \"2m\", \"1h30m\" or \"250ms\"")]
    Duration(String),
    /// Not a size in bytes.
    #[error("{0:?} is not a size: write it as \"8GiB\", \"500MiB\" or \"20GB\"")]
    Size(String),
    /// Not a time of day.
    #[error("{0:?} is not a time of day: write it as \"09:00\" or \"18:30\"")]
    TimeOfDay(String),
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

fn two_digits(text: &str) -> Option<u16> {
    let fits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        let cases = [
            ("30s", 30_000),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
        ];
        for (text, millis) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "1.5s",
            "-1s",
            "30 s",
            "1m1h",
            "1s1s",
            "1y",
            "1é",
            "99999999999999999999s",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_in_every_unit() {
        let cases =
            [("8GiB", 8 << 30), ("500MB", 500_000_000), ("1KiB", 1024), ("0B", 0), ("7kB", 7_000)];
        for (text, bytes) in cases {
            assert_eq!(ByteSize::parse(text), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "8", "GiB", "8 GiB", "8gib", "-1B", "99999999999TiB"] {
            assert!(ByteSize::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_of_day_have_two_digits_each() {
        assert_eq!(TimeOfDay::parse("09:05").map(|at| (at.hour(), at.minute())), Ok((9, 5)));
        for text in ["", "9:00", "24:00", "12:60", "12:5", "12", "12:00:00", "+1:00"] {
            assert!(TimeOfDay::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn printed_durations_read_back(millis: u64) {
            let span = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&print_duration(span)), Ok(span));
        }

        #[test]
        fn printed_sizes_read_back(bytes: u64, shift in 0_u32..64) {
            let size = ByteSize((bytes >> shift) << (shift / 2));
            prop_assert_eq!(ByteSize::parse(&size.to_string()), Ok(size));
        }

        #[test]
        fn printed_times_read_back(minutes in 0_u16..1440) {
            let at = TimeOfDay::from_minutes(minutes);
            prop_assert_eq!(TimeOfDay::parse(&at.to_string()), Ok(at));
        }

        #[test]
        fn hostile_quantities_never_panic(text in "\\PC{0,20}") {
            let _ = parse_duration(&text);
            let _ = ByteSize::parse(&text);
            let _ = TimeOfDay::parse(&text);
        }
    }
}
