//! Slots as an owner with a calendar and a clock on the wall finds them: minute after minute is
//! looked at, and a slot is at the first minute at which the clock has reached its time of day.
//!
//! It shares nothing with the schedule of the node but the tables of the time zones.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ytempire::domain::timestamp::Timestamp;

const MINUTE_MS: i64 = 60_000;

/// The slots after `after`, up to and including `until`, of a clock in `zone`; times are minutes
/// since midnight.
pub fn slots(zone: &TimeZone, times: &[u16], after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let clock = |minute: i64| -> DateTime {
        let instant = jiff::Timestamp::from_millisecond(minute * MINUTE_MS).expect("a time");
        instant.to_zoned(zone.clone()).datetime()
    };
    let mut slots = Vec::new();
    let first = after.0.div_euclid(MINUTE_MS);
    // The latest that the clock has shown: what it shows again after a change is no news.
    let mut reached = clock(first);
    for minute in first + 1..=until.0.div_euclid(MINUTE_MS) {
        let shown = clock(minute);
        let comes = times.iter().any(|time| {
            let (hour, past) = (i8::try_from(time / 60), i8::try_from(time % 60));
            let time = jiff::civil::time(hour.expect("an hour"), past.expect("a minute"), 0, 0);
            let wanted = shown.date().to_datetime(time);
            reached < wanted && wanted <= shown
        });
        if comes {
            slots.push(Timestamp(minute * MINUTE_MS));
        }
        reached = reached.max(shown);
    }
    slots
}

#[test]
fn a_clock_that_is_put_back_or_forward_brings_every_time_of_day_once() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let found = |after: &str, until: &str| -> Vec<String> {
        let (after, until) = (Timestamp::parse(after).unwrap(), Timestamp::parse(until).unwrap());
        slots(&berlin, &[150, 600], after, until).iter().map(ToString::to_string).collect()
    };
    let back = found("2026-10-24T22:00:00Z", "2026-10-25T22:00:00Z");
    assert_eq!(back, ["2026-10-25T00:30:00.000Z", "2026-10-25T09:00:00.000Z"]);
    let forward = found("2027-03-27T22:00:00Z", "2027-03-28T22:00:00Z");
    assert_eq!(forward, ["2027-03-28T01:00:00.000Z", "2027-03-28T08:00:00.000Z"]);
}
