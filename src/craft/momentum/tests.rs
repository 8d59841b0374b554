use proptest::prelude::*;

use super::*;
use crate::domain::trend::{Sighting, SourceRole};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn at(hours_ago: f64) -> Timestamp {
    hours_after(NOW, -hours_ago)
}

/// Looks at one story, published ten days before now: hours ago, and views.
fn looks(seen: &[(f64, Option<u64>)]) -> Vec<Poll> {
    seen.iter().map(|(hours_ago, views)| poll(*hours_ago, at(240.0), *views)).collect()
}

fn poll(hours_ago: f64, published: Timestamp, views: Option<u64>) -> Poll {
    Poll {
        at: at(hours_ago),
        source: "feed".to_owned(),
        role: SourceRole::Source,
        sightings: vec![Sighting {
            story: "story".to_owned(),
            source: "feed".to_owned(),
            title: "Onions".to_owned(),
            published,
            rank: 1,
            views,
        }],
    }
}

fn momentum_of(polls: &[Poll]) -> Momentum {
    let key = ("feed".to_owned(), "story".to_owned());
    Histories::of(polls, NOW).get(&key).map(|history| history.momentum(NOW)).unwrap_or_default()
}

fn momentum(seen: &[(f64, Option<u64>)]) -> Momentum {
    momentum_of(&looks(seen))
}

/// Views by a function of hours ago, looked at every `every` hours over `span`, ending now.
fn curve(every: f64, span: f64, views: impl Fn(f64) -> f64) -> Momentum {
    let count = (span / every) as u32;
    let seen: Vec<(f64, Option<u64>)> = (0..=count)
        .map(|n| f64::from(n) * every)
        .map(|ago| (ago, Some(views(ago) as u64)))
        .collect();
    momentum(&seen)
}

#[test]
fn steady_growth_has_its_rate_and_no_acceleration() {
    let steady = curve(1.0, 20.0, |ago| 10_000.0 - 50.0 * ago);
    assert!((steady.velocity.unwrap() - 50.0).abs() < 0.5, "{steady:?}");
    assert!(steady.acceleration.unwrap().abs() < 0.1, "{steady:?}");
}

#[test]
fn irregular_looks_give_the_same_rate() {
    let seen: Vec<_> = [20.0, 19.0, 13.5, 13.0, 6.0, 1.0, 0.0]
        .map(|ago| (ago, Some((10_000.0 - 50.0 * ago) as u64)))
        .to_vec();
    assert!((momentum(&seen).velocity.unwrap() - 50.0).abs() < 0.5);
}

#[test]
fn one_look_gives_the_average_since_publication_and_nothing_else() {
    let once = momentum(&[(0.0, Some(2_400))]);
    assert_eq!(once, Momentum { velocity: Some(10.0), ..Momentum::default() });
    let twice = momentum(&[(2.0, Some(100)), (0.0, Some(300))]);
    assert_eq!((twice.velocity, twice.acceleration), (Some(100.0), None));
}

#[test]
fn a_source_without_views_has_no_velocity_and_missing_views_are_passed_over() {
    assert_eq!(momentum(&[(2.0, None), (1.0, None)]), Momentum::default());
    let gap = momentum(&[(4.0, Some(100)), (3.0, None), (2.0, None), (0.0, Some(500))]);
    assert_eq!(gap.velocity, Some(100.0));
}

#[test]
fn a_counter_that_slips_for_one_look_changes_little() {
    let views = |ago: f64| 5_000.0 - 100.0 * ago;
    let clean = curve(1.0, 12.0, views).velocity.unwrap();
    for (slip, ago) in [(0.0, 6.0), (1e9, 6.0), (0.0, 0.0), (0.0, 12.0)] {
        let slipped = curve(1.0, 12.0, |now| if now == ago { slip } else { views(now) });
        let off = (slipped.velocity.unwrap() - clean).abs() / clean;
        assert!(off < 0.25, "a counter of {slip} {ago} hours ago: {slipped:?}, not {clean}");
    }
}

#[test]
fn a_counter_that_was_corrected_downwards_is_not_negative_growth() {
    let seen: Vec<_> = (0..12_u32)
        .map(|n| (f64::from(11 - n), Some(if n < 6 { 9_000 } else { 5_000 + u64::from(n) * 10 })))
        .collect();
    let corrected = momentum(&seen).velocity.unwrap();
    assert!((0.0..=10.0).contains(&corrected), "{corrected}");
}

#[test]
fn what_was_not_seen_lately_has_no_velocity() {
    assert_eq!(momentum(&[(60.0, Some(10)), (50.0, Some(900))]), Momentum::default());
    assert!(momentum(&[(60.0, Some(10)), (40.0, Some(900))]).velocity.is_some());
}

#[test]
fn a_changed_date_or_an_item_that_is_repeated_changes_nothing() {
    let plain = [(2.0, Some(100)), (1.0, Some(150)), (0.0, Some(300))];
    let mut polls = looks(&plain);
    let before = momentum_of(&polls);
    polls[2].sightings[0].published = at(9_999.0);
    polls[1].sightings[0].published = at(-50.0);
    let again = polls[1].sightings[0].clone();
    polls[1].sightings.push(Sighting { rank: 7, views: Some(120), ..again });
    assert_eq!(momentum_of(&polls), before);
}

/// Views of a story that follows a logistic curve with ceiling 100,000 and its middle `middle`
/// hours ahead.
fn logistic(ago: f64, middle: f64) -> f64 {
    100_000.0 / (1.0 + (0.08 * (ago + middle)).exp())
}

#[test]
fn a_rising_story_is_foretold_its_peak_and_a_faded_one_has_its_half_life() {
    for middle in [10.0, 20.0, 30.0] {
        let rising = curve(2.0, 40.0, |ago| logistic(ago, middle));
        let ahead = hours_between(NOW, rising.peak.unwrap());
        assert!((ahead - middle).abs() < 8.0, "{middle}: {ahead}");
        assert!(rising.acceleration.unwrap() > 0.0 && rising.half_life_hours.is_none());
    }
    let faded = curve(2.0, 120.0, |ago| logistic(ago, -60.0));
    let past = hours_between(faded.peak.unwrap(), NOW);
    assert!((past - 60.0).abs() < 10.0, "{past}");
    assert!(faded.acceleration.unwrap() <= 0.0);
    let half_life = faded.half_life_hours.unwrap();
    assert!((5.0..=20.0).contains(&half_life), "ln 2 / 0.08 is 8.7 hours: {half_life}");
}

#[test]
fn growth_that_does_not_slow_down_has_no_peak_yet() {
    assert_eq!(curve(2.0, 40.0, |ago| 50_000.0 * (-0.05 * ago).exp()).peak, None);
    assert_eq!(curve(2.0, 40.0, |_| 70.0).peak, None);
}

#[test]
fn the_momentum_of_a_topic_adds_up_its_stories() {
    let story = |source: &str, views| Story {
        id: "s".to_owned(),
        title: "Onions".to_owned(),
        url: None,
        published: at(10.0),
        text: String::new(),
        tags: Vec::new(),
        views,
        source: source.to_owned(),
        reference: None,
    };
    let stories = [story("a", Some(1_000)), story("b", None), story("c", Some(500))];
    let topic = Histories::default().of_topic(&stories, NOW);
    assert_eq!((topic.velocity, topic.acceleration), (Some(150.0), None));
    assert_eq!(Histories::default().of_topic(&stories[1..2], NOW).velocity, None);
}

fn any_looks() -> impl Strategy<Value = Vec<(f64, Option<u64>)>> {
    let look = (0_u32..2_000, proptest::option::weighted(0.9, 0_u64..1_000_000));
    let looks = proptest::collection::vec(look, 1..14);
    looks.prop_map(|looks| {
        looks.into_iter().map(|(tenths, views)| (f64::from(tenths) / 10.0, views)).collect()
    })
}

proptest! {
    #[test]
    fn any_looks_give_finite_numbers_in_range(seen in any_looks()) {
        let moves = momentum(&seen);
        prop_assert!(moves.velocity.is_none_or(|v| v.is_finite() && v >= 0.0));
        prop_assert!(moves.acceleration.is_none_or(f64::is_finite));
        prop_assert!(moves.half_life_hours.is_none_or(|h| h.is_finite() && h > 0.0));
        let horizon = hours_after(NOW, 15.0 * 24.0);
        prop_assert!(moves.peak.is_none_or(|peak| peak <= horizon && peak >= at(600.0)));
    }

    #[test]
    fn the_order_of_the_polls_does_not_matter(seen in any_looks(), turn in 0_usize..14) {
        let mut polls = looks(&seen);
        let before = momentum_of(&polls);
        polls.rotate_left(turn % seen.len());
        prop_assert_eq!(momentum_of(&polls), before);
        polls.reverse();
        prop_assert_eq!(momentum_of(&polls), before);
    }

    #[test]
    fn more_views_in_the_last_look_never_lower_the_velocity(
        seen in any_looks(), more in 0_u64..2_000_000,
    ) {
        let last = seen.iter().map(|(ago, _)| *ago).fold(f64::INFINITY, f64::min);
        let with = |extra: u64| {
            let seen: Vec<_> = seen
                .iter()
                .map(|(ago, views)| {
                    (*ago, if *ago == last { views.map(|v| v + extra) } else { *views })
                })
                .collect();
            momentum(&seen).velocity
        };
        let (before, after) = (with(0), with(more));
        prop_assert!(after >= before, "{before:?} {after:?}");
    }
}
