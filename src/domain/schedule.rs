//! When a channel publishes: slots at times of day in the owner's time zone.
//!
//! Why it exists: a day is not always 24 hours long. A slot in the gap of a clock change falls on
//! the first instant after it, one in an overlap on the first of its two instants.
//!
//! Architecture invariant: pure; a slot is known by its instant, and by nothing else.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::timestamp::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What becomes of slots that passed while the node was off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissedSlots {
    /// The latest one is caught up, the others are skipped.
    #[default]
    Latest,
    /// All are skipped.
    Skip,
}

/// When a channel publishes.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Times of day in minutes since midnight, 0–1439, ascending.
    pub times: Vec<u16>,
    /// The time zone of the times.
    pub timezone: TimeZone,
    /// How long before its slot a workflow starts.
    pub lead: Duration,
    /// What becomes of slots that passed while the node was off.
    pub missed: MissedSlots,
}

impl Schedule {
    /// The first `most` slots after `after`, up to and including `until`, ascending. Two times of
    /// day that a clock change brings to one instant are one slot.
    #[must_use]
    pub fn between(&self, after: Timestamp, until: Timestamp, most: usize) -> Vec<Timestamp> {
        let mut slots = Vec::new();
        // A time zone may leave out a whole day: one more on either side.
        let (Some(mut date), Some(last)) =
            (self.date(after.minus(DAY)), self.date(until.plus(DAY + DAY)))
        else {
            return slots;
        };
        while date <= last && slots.len() < most.saturating_add(2 * self.times.len()) {
            let of_day = self.times.iter().filter_map(|minutes| self.instant(date, *minutes));
            slots.extend(of_day.filter(|slot| *slot > after && *slot <= until));
            let Ok(tomorrow) = date.tomorrow() else { break };
            date = tomorrow;
        }
        slots.sort_unstable();
        slots.dedup();
        slots.truncate(most);
        slots
    }

    /// The first slot after `after`; `None` at the end of time.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.between(after, after.plus(4 * DAY), 1).first().copied()
    }

    fn date(&self, at: Timestamp) -> Option<Date> {
        let instant = jiff::Timestamp::from_millisecond(at.0).ok()?;
        Some(instant.to_zoned(self.timezone.clone()).date())
    }

    fn instant(&self, date: Date, minutes: u16) -> Option<Timestamp> {
        let hour = i8::try_from(minutes / 60).ok()?;
        let minute = i8::try_from(minutes % 60).ok()?;
        let wanted = date.to_datetime(jiff::civil::Time::new(hour, minute, 0, 0).ok()?);
        let ambiguous = self.timezone.to_ambiguous_timestamp(wanted);
        let before_or_at = match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => {
                let before = ambiguous.earlier().ok()?;
                self.timezone.following(before).next()?.timestamp()
            }
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.earlier().ok()?
            }
        };
        Some(Timestamp(before_or_at.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(zone: &str, times: &[u16]) -> Schedule {
        Schedule {
            times: times.to_vec(),
            timezone: TimeZone::get(zone).unwrap(),
            lead: Duration::from_secs(7_200),
            missed: MissedSlots::Latest,
        }
    }

    fn between(schedule: &Schedule, after: &str, until: &str) -> Vec<String> {
        let time = |text| Timestamp::parse(text).unwrap();
        let slots = schedule.between(time(after), time(until), 1_000);
        slots.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn slots_are_at_their_times_of_day_in_the_zone() {
        let berlin = schedule("Europe/Berlin", &[9 * 60, 21 * 60 + 30]);
        let found = between(&berlin, "2026-07-01T00:00:00Z", "2026-07-02T07:00:00Z");
        assert_eq!(
            found,
            ["2026-07-01T07:00:00.000Z", "2026-07-01T19:30:00.000Z", "2026-07-02T07:00:00.000Z"]
        );
    }

    #[test]
    fn a_slot_in_a_gap_falls_on_the_first_instant_after_it() {
        let berlin = schedule("Europe/Berlin", &[2 * 60 + 30]);
        let found = between(&berlin, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
        assert_eq!(found, ["2026-03-29T01:00:00.000Z"]);
        // Lord Howe moves by half an hour.
        let howe = schedule("Australia/Lord_Howe", &[2 * 60 + 10]);
        let found = between(&howe, "2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z");
        assert_eq!(found, ["2026-10-03T15:30:00.000Z"]);
    }

    #[test]
    fn a_slot_in_an_overlap_falls_on_the_first_of_its_instants() {
        let berlin = schedule("Europe/Berlin", &[2 * 60 + 30]);
        let found = between(&berlin, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
        assert_eq!(found, ["2026-10-25T00:30:00.000Z"]);
    }

    #[test]
    fn two_times_that_a_gap_brings_together_are_one_slot() {
        let berlin = schedule("Europe/Berlin", &[2 * 60 + 15, 2 * 60 + 45, 3 * 60]);
        let found = between(&berlin, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
        assert_eq!(found, ["2026-03-29T01:00:00.000Z"]);
    }

    #[test]
    fn a_day_that_a_zone_leaves_out_does_not_stop_the_schedule() {
        let apia = schedule("Pacific/Apia", &[12 * 60]);
        let found = between(&apia, "2011-12-29T00:00:00Z", "2011-12-31T12:00:00Z");
        assert_eq!(
            found,
            ["2011-12-29T22:00:00.000Z", "2011-12-30T10:00:00.000Z", "2011-12-30T22:00:00.000Z"]
        );
        let after = Timestamp::parse("2011-12-29T22:00:00Z").unwrap();
        assert!(apia.next_after(after).is_some());
    }

    proptest! {
        #[test]
        fn a_window_cut_in_two_holds_the_same_slots(
            start in 1_600_000_000_i64..1_900_000_000,
            first in 0_i64..20 * 24 * 3600,
            second in 0_i64..20 * 24 * 3600,
            times in prop::collection::btree_set(0_u16..1440, 1..6),
            zone in prop::sample::select(vec![
                "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC",
            ]),
        ) {
            let schedule = schedule(zone, &times.into_iter().collect::<Vec<_>>());
            let at = |seconds: i64| Timestamp(seconds * 1_000);
            let (a, b, c) = (at(start), at(start + first), at(start + first + second));
            let mut joined = schedule.between(a, b, 1_000);
            joined.extend(schedule.between(b, c, 1_000));
            prop_assert_eq!(&joined, &schedule.between(a, c, 1_000));
            prop_assert!(joined.windows(2).all(|pair| pair[0] < pair[1]));
            if let Some(slot) = joined.first() {
                prop_assert_eq!(schedule.next_after(a), Some(*slot));
            }
        }
    }
}
