use proptest::prelude::*;

use super::*;
use crate::domain::trend::Sighting;

const START: Timestamp = Timestamp(1_800_000_000_000);
const STORIES: usize = 36;
const DAYS: u32 = 8;

/// A small source of chance with a seed (SplitMix64, Steele, Lea and Flood 2014).
struct Chance(u64);

impl Chance {
    /// A number in [0, 1).
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// How the views of one story grow.
struct Life {
    ceiling: f64,
    /// Hours from the start to its fastest growth.
    middle: f64,
    rate: f64,
    published: Timestamp,
}

impl Life {
    fn any(chance: &mut Chance) -> Self {
        let middle = chance.next() * 24.0 * f64::from(DAYS);
        Self {
            ceiling: 10_f64.powf(2.5 + 2.5 * chance.next()),
            middle,
            rate: 0.03 + 0.07 * chance.next(),
            published: hours_after(START, middle - 60.0 - 40.0 * chance.next()),
        }
    }

    fn views(&self, hours: f64) -> f64 {
        self.ceiling / (1.0 + (-self.rate * (hours - self.middle)).exp())
    }
}

/// Looks at one source every `every` hours; `views` by story, hours from the start.
fn polls(every: f64, lives: &[Life], views: impl Fn(usize, f64) -> f64) -> Vec<Poll> {
    let looks = (f64::from(DAYS) * 24.0 / every) as u32;
    (0..=looks)
        .map(|look| {
            let hours = f64::from(look) * every;
            let at = hours_after(START, hours);
            let shown = lives.iter().enumerate().filter(|(_, life)| life.published <= at);
            let sightings = shown.map(|(story, life)| sighting(story, life, views(story, hours)));
            let sightings = sightings.collect();
            Poll { at, source: "feed".to_owned(), role: SourceRole::Source, sightings }
        })
        .collect()
}

fn sighting(story: usize, life: &Life, views: f64) -> Sighting {
    // Each title has a word of its own, so that no two are the same story.
    let first = ["bar", "den", "fis", "gom", "kul", "lat"][story % 6];
    let second = ["wex", "yup", "zod", "vim", "ton", "sab"][story / 6];
    Sighting {
        story: format!("story {story}"),
        source: "feed".to_owned(),
        title: format!("The {first}{second} story"),
        published: life.published,
        rank: 1 + story as u32,
        views: Some(views as u64),
    }
}

fn test_of(polls: &[Poll]) -> Report {
    backtest(&Past { polls, stories: &[], niche: "bread" })
}

/// A world in which views follow logistic curves, read with an error of up to a tenth of a day's
/// growth.
fn lifelike(seed: u64) -> Vec<Poll> {
    let mut chance = Chance(seed);
    let lives: Vec<Life> = (0..STORIES).map(|_| Life::any(&mut chance)).collect();
    let errors: Vec<f64> = (0..STORIES).map(|_| 0.9 + 0.2 * chance.next()).collect();
    polls(3.0, &lives, |story, hours| errors[story] * lives[story].views(hours))
}

/// A world without memory: each day, every story gains a number of views that has nothing to do
/// with what it gained before.
fn shuffled(seed: u64) -> Vec<Poll> {
    let mut chance = Chance(seed);
    let lives: Vec<Life> =
        (0..STORIES).map(|_| Life { published: START, ..Life::any(&mut chance) }).collect();
    let gains: Vec<Vec<f64>> = (0..STORIES)
        .map(|_| (0..=DAYS).map(|_| 10_f64.powf(1.0 + 3.0 * chance.next())).collect())
        .collect();
    polls(3.0, &lives, |story, hours| {
        let day = (hours / 24.0) as usize;
        let whole: f64 = gains[story][..day].iter().sum();
        whole + gains[story][day] * (hours / 24.0).fract()
    })
}

#[test]
fn scores_rank_the_growth_of_a_lifelike_world_and_say_nothing_of_a_shuffled_one() {
    let of = |world: fn(u64) -> Vec<Poll>| -> Vec<Report> {
        (1..=6).map(|seed| test_of(&world(seed))).collect()
    };
    let lifelike = of(lifelike);
    for report in &lifelike {
        assert!(report.days.len() >= 5, "{report}");
        assert!(report.correlation.unwrap() > 0.5, "{report}");
        assert!(report.hit_rate.unwrap() > 2.0 * report.chance.unwrap(), "{report}");
    }
    let chance = mean(of(shuffled).iter().filter_map(|report| report.correlation)).unwrap();
    assert!(chance.abs() < 0.1, "{chance}");
}

#[test]
fn higher_scores_come_among_the_best_more_often() {
    let report = test_of(&lifelike(3));
    let (first, last) = (report.bands.first().unwrap(), report.bands.last().unwrap());
    assert!(last.best_quarter > first.best_quarter + 0.3, "{report}");
    assert!(report.parts[0].correlation > 0.5, "{report}");
}

#[test]
fn what_comes_later_does_not_change_a_score() {
    let all = lifelike(1);
    let whole = test_of(&all);
    let until = hours_after(START, 24.0 * 4.0);
    let some: Vec<Poll> = all.into_iter().filter(|poll| poll.at <= until).collect();
    let part = test_of(&some);
    assert_eq!(part.days, whole.days[..part.days.len()]);
    assert!(part.days.len() < whole.days.len());
}

#[test]
fn too_little_to_test_is_said() {
    for polls in [vec![], lifelike(1).into_iter().take(9).collect()] {
        let report = test_of(&polls);
        assert_eq!((report.days.len(), report.correlation, report.hit_rate), (0, None, None));
        assert!(report.to_string().starts_with("nothing to test"), "{report}");
    }
    let mut without_views = lifelike(1);
    for sighting in without_views.iter_mut().flat_map(|poll| &mut poll.sightings) {
        sighting.views = None;
    }
    assert!(test_of(&without_views).days_left_out > 3);
}

#[test]
fn competitors_are_compared_with_and_never_scored() {
    let mut polls = lifelike(1);
    let before = test_of(&polls);
    let mut rivals: Vec<Poll> = polls.clone();
    for poll in &mut rivals {
        poll.role = SourceRole::Competitor;
        poll.source = "rival".to_owned();
        poll.sightings.truncate(3);
        poll.sightings.iter_mut().for_each(|seen| seen.source = "rival".to_owned());
    }
    polls.extend(rivals);
    let after = test_of(&polls);
    let topics = |report: &Report| report.days.iter().map(|day| day.topics).collect::<Vec<_>>();
    assert_eq!(topics(&before), topics(&after));
    assert!(after.parts.iter().any(|part| part.part == "competition"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_order_of_the_polls_does_not_matter(seed in 1_u64..100, turn in 0_usize..60) {
        let mut polls = lifelike(seed);
        let before = test_of(&polls);
        polls.rotate_left(turn);
        prop_assert_eq!(test_of(&polls), before);
    }
}
