//! A fortnight of a node with ten channels of three videos a day, over a change of the clocks: it is
//! stopped and killed at drawn moments, is off for two whole days, and its work fails now and then.
//!
//! `cargo test --test sim fortnight -- --nocapture` prints what became of the slots.

#[path = "fortnight/books.rs"]
mod books;
#[path = "fortnight/calendar.rs"]
mod calendar;
#[path = "fortnight/course.rs"]
mod course;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::tz::TimeZone;
use ytempire::domain::artifact::Digest;
use ytempire::domain::channel::ChannelRules;
use ytempire::domain::retry::{Policies, StagePolicy};
use ytempire::domain::schedule::{MissedSlots, Schedule};
use ytempire::domain::stage::StageName;
use ytempire::domain::timestamp::Timestamp;
use ytempire::simulate::tree::universe::{Setting, Surroundings, Universe};

use super::hush_simulated_panics;
use books::Tally;
use course::Course;

/// Time zone, times of day in minutes, lead in minutes, and what becomes of missed slots.
type Wish = (&'static str, [u16; 3], u64, MissedSlots);

/// Ten channels. In the first, the third, the fourth and the last a slot lies in the hour that a
/// change of the clocks doubles or leaves out.
const WISHES: [Wish; 10] = [
    ("Europe/Berlin", [150, 630, 1110], 120, MissedSlots::Latest),
    ("Europe/Berlin", [90, 540, 1020], 30, MissedSlots::Skip),
    ("Europe/Lisbon", [90, 555, 1035], 120, MissedSlots::Latest),
    ("America/New_York", [90, 150, 1200], 120, MissedSlots::Latest),
    ("UTC", [0, 480, 960], 60, MissedSlots::Latest),
    ("Asia/Kolkata", [405, 795, 1290], 120, MissedSlots::Skip),
    ("Asia/Kathmandu", [5, 725, 1435], 360, MissedSlots::Latest),
    ("Australia/Adelaide", [420, 900, 1380], 0, MissedSlots::Latest),
    ("Africa/Nairobi", [320, 700, 1150], 180, MissedSlots::Skip),
    ("Atlantic/Azores", [30, 720, 1320], 120, MissedSlots::Latest),
];

/// What a fortnight came to.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    trace_hash: Digest,
    events: usize,
    faults: u64,
    tally: Tally,
}

fn rules() -> Vec<ChannelRules> {
    let rules_of = |(zone, times, lead_min, missed): &Wish| {
        let timezone = TimeZone::get(zone).expect("a time zone");
        let lead = Duration::from_secs(lead_min * 60);
        let schedule = Schedule { times: times.to_vec(), timezone, lead, missed: *missed };
        ChannelRules { schedule: Some(schedule), approval: false }
    };
    WISHES.iter().map(rules_of).collect()
}

/// Work that hangs is given up soon enough for its slot.
fn policies() -> Policies {
    let usual = Policies::default();
    Policies::new(StageName::ALL.map(|stage| StagePolicy {
        soft_limit: Duration::from_secs(10 * 60),
        hard_limit: Duration::from_secs(12 * 60),
        ..usual.of(stage)
    }))
}

fn fortnight(seed: u64, origin: &str) -> Report {
    hush_simulated_panics();
    let began = tokio::time::Instant::now();
    let origin = Timestamp::parse(origin).expect("a time");
    let plan = Arc::new(course::deeds(seed));
    let (rules, policies) = (rules(), policies());
    let universe = Universe::of(Setting {
        seed,
        rules,
        policies,
        origin,
        plan,
        around: Surroundings::default(),
        logged: true,
    });
    let mut course = Course::new(seed, WISHES.len());
    let look = |universe: &Universe| drop(books::check(universe, origin));
    if let Err(violation) = course.run(&universe, &look) {
        panic!("{}\nseed {seed}: {violation:?}", universe.recent().join("\n"));
    }
    books::check_journal(&universe, origin, &course.lives);
    let tally = books::check(&universe, origin);
    let (kills, stops) = course.kills_and_stops();
    println!(
        "seed {seed} from {origin}: {kills} kills, {stops} stops, {} faults of stages, {} frames, \
         {:.1} s wall\n{tally:#?}",
        universe.faults(),
        universe.disk.frames().len(),
        began.elapsed().as_secs_f64(),
    );
    Report {
        trace_hash: universe.trace_hash(),
        events: universe.disk.frames().len(),
        faults: universe.faults(),
        tally,
    }
}

/// It was a fortnight worth looking at: most slots were filled, and everything else was met.
fn assert_was_eventful(tally: &Tally) {
    assert!(tally.slots >= 415, "only {} slots", tally.slots);
    assert!(tally.in_time * 10 >= tally.slots * 7, "only {} in time", tally.in_time);
    assert!(tally.caught_up >= 5, "{} caught up", tally.caught_up);
    assert!(tally.skipped.keys().any(|reason| reason.contains("off")), "{:?}", tally.skipped);
    assert!(tally.skipped.keys().any(|reason| reason.contains("paused")), "{:?}", tally.skipped);
}

#[test]
fn every_slot_of_a_fortnight_in_autumn_is_filled_or_explained_and_none_twice() {
    let run = || fortnight(1, "2026-10-19T12:00:00Z");
    let (first, second) = thread::scope(|scope| {
        let second = scope.spawn(run);
        (run(), second.join().expect("the second run"))
    });
    assert_was_eventful(&first.tally);
    assert_eq!(first, second, "two runs of a seed are the same history");
}

#[test]
fn every_slot_of_a_fortnight_in_spring_is_filled_or_explained_and_none_twice() {
    assert_was_eventful(&fortnight(2, "2027-03-14T06:00:00Z").tally);
}
