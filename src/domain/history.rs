//! What of a channel's past is archived: finished workflows, in one sealed file per month.
//!
//! The state keeps their ids, so that a command that is sent again is still recognised, and what
//! names the file; the workflows themselves are in the file only.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::artifact::Digest;
use super::ids::WorkflowId;
use super::timestamp::Timestamp;

/// A calendar month in UTC, from 0000-01 to 9999-12. Text form: `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(u32);

/// Months before the year 10000.
const MONTHS: u32 = 10_000 * 12;
/// 0000-01-01T00:00:00Z in milliseconds.
const YEAR_ZERO_MS: i64 = -62_167_219_200_000;

impl Month {
    /// The month that `at` is in; times outside the range count as its ends.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let within = at.0.clamp(YEAR_ZERO_MS, jiff::Timestamp::MAX.as_second() * 1_000);
        let instant = jiff::Timestamp::from_millisecond(within).unwrap_or_default();
        let date = TimeZone::UTC.to_datetime(instant).date();
        let (year, month) = (date.year().unsigned_abs(), date.month().unsigned_abs());
        Self(u32::from(year) * 12 + u32::from(month).saturating_sub(1))
    }

    /// The first moment after it.
    #[must_use]
    pub fn end(self) -> Timestamp {
        let next = Self(self.0 + 1);
        let year = i16::try_from(next.year()).ok();
        let month = i8::try_from(next.month()).ok();
        let first = year.zip(month).and_then(|(year, month)| Date::new(year, month, 1).ok());
        let midnight = first.map(|date| date.to_datetime(Time::midnight()));
        let instant = midnight.and_then(|moment| TimeZone::UTC.to_timestamp(moment).ok());
        Timestamp(instant.map_or(i64::MAX, jiff::Timestamp::as_millisecond))
    }

    fn year(self) -> u32 {
        self.0 / 12
    }

    fn month(self) -> u32 {
        self.0 % 12 + 1
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.month())
    }
}

/// A text that is not a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a month: write it as 2026-11")]
pub struct BadMonth;

impl FromStr for Month {
    type Err = BadMonth;
    fn from_str(text: &str) -> Result<Self, BadMonth> {
        let (year, month) = text.split_once('-').ok_or(BadMonth)?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !is_number(year) || !is_number(month) {
            return Err(BadMonth);
        }
        let year: u32 = year.parse().map_err(|_| BadMonth)?;
        let month: u32 = month.parse().map_err(|_| BadMonth)?;
        if !(1..=12).contains(&month) {
            return Err(BadMonth);
        }
        Ok(Self(year * 12 + month - 1))
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_u32(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return String::deserialize(deserializer)?.parse().map_err(de::Error::custom);
        }
        let number = u32::deserialize(deserializer)?;
        if number < MONTHS { Ok(Self(number)) } else { Err(de::Error::custom(BadMonth)) }
    }
}

/// Names a sealed file of the history: by its content, so that nothing else can take its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryFile {
    /// BLAKE3 of everything in it before its own checksum.
    pub digest: Digest,
    /// How many workflows it holds.
    pub workflows: u32,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A month of a channel's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedMonth {
    /// The newest file of the month; it holds everything that the earlier ones held.
    pub file: HistoryFile,
    /// Its workflows: all that were archived of those that finished in this month.
    pub workflows: BTreeSet<WorkflowId>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_month_is_that_of_utc_and_ends_where_the_next_begins() {
        let cases = [
            ("2026-11-30T23:59:59.999Z", "2026-11", "2026-12-01T00:00:00Z"),
            ("2026-12-31T23:30:00-01:00", "2027-01", "2027-02-01T00:00:00Z"),
            ("2028-02-29T12:00:00Z", "2028-02", "2028-03-01T00:00:00Z"),
        ];
        for (moment, month, end) in cases {
            assert_eq!(Month::of(at(moment)).to_string(), month);
            assert_eq!(Month::of(at(moment)).end(), at(end));
        }
        assert_eq!(Month::of(Timestamp(i64::MAX)).end(), Timestamp(i64::MAX));
        assert_eq!(Month::of(Timestamp(i64::MIN)).to_string(), "0000-01");
        for text in ["", "2026", "2026-13", "2026-00", "26-01", "2026-1", "+026-01", "2026-11-01"] {
            assert_eq!(text.parse::<Month>(), Err(BadMonth), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_time_has_a_month_whose_text_reads_back(ms: i64) {
            let month = Month::of(Timestamp(ms));
            prop_assert_eq!(month.to_string().parse(), Ok(month));
            let text = serde_json::to_string(&month).unwrap();
            prop_assert_eq!(serde_json::from_str::<Month>(&text).unwrap(), month);
            prop_assert!(month.end().0 > ms || ms >= jiff::Timestamp::MAX.as_millisecond());
        }
    }
}
