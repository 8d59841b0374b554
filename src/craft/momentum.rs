//! How fast stories gain views, by looking at their sources again and again.
//!
//! Why it exists: one look says how much was seen, several say how much is being seen now, whether
//! that grows, and when it will be over.
//!
//! What is made robust, and how: a counter that shrinks for one look is a slip and one that stays
//! low was corrected, so every look counts at most what the later ones say; looks at the same time
//! count once, with the higher number; irregular intervals do not matter, because slopes are
//! medians over all pairs of looks (Theil 1950, Sen 1968), which up to a quarter of wrong looks do
//! not move far; a story or a source that was not seen for [`STALE_HOURS`] has no velocity; a
//! changed or back-dated publication date changes nothing but the average of a single look.
//!
//! Architecture invariant: the order of the polls does not matter, and more views in the last look
//! never lower a velocity.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::timestamp::Timestamp;
use crate::domain::trend::{Poll, Story};

mod lifecycle;
mod slope;

use slope::{Point, median, slope};

/// Looks so many hours before the last one count for the velocity.
const RECENT_HOURS: f64 = 24.0;
/// Looks so many hours before the last one are kept at all.
const KEPT_HOURS: f64 = 14.0 * 24.0;
/// Looks nearer to each other than this say nothing about a rate.
const MIN_GAP_HOURS: f64 = 0.5;
/// At most about so many looks are compared with each other.
const MAX_LOOKS: f64 = 24.0;
/// What was last seen so many hours ago has no velocity any more.
pub const STALE_HOURS: f64 = 48.0;

/// A story, by its source and its id there.
pub type StoryKey = (String, String);

/// The key of `story`.
#[must_use]
pub fn key_of(story: &Story) -> StoryKey {
    (story.source.clone(), story.id.clone())
}

/// The hours from `earlier` to `later`; negative when it is the other way round.
#[must_use]
pub fn hours_between(earlier: Timestamp, later: Timestamp) -> f64 {
    later.0.saturating_sub(earlier.0) as f64 / 3_600_000.0
}

/// `hours` after `from`; before it when negative.
#[must_use]
pub fn hours_after(from: Timestamp, hours: f64) -> Timestamp {
    let span = Duration::try_from_secs_f64(hours.abs() * 3_600.0).unwrap_or(Duration::MAX);
    if hours < 0.0 { from.minus(span) } else { from.plus(span) }
}

/// What the polls say of one story.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// When it was published, as its first sighting says.
    pub published: Timestamp,
    /// The title of its last sighting.
    pub title: String,
    /// How often it had been viewed, by time of the look.
    looks: BTreeMap<Timestamp, u64>,
}

/// How a story or a topic moves.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Momentum {
    /// Views an hour now, never negative; none when its source says no views or was not seen
    /// lately. After a single look: its average since publication.
    pub velocity: Option<f64>,
    /// Views an hour, per hour; none with fewer than three looks.
    pub acceleration: Option<f64>,
    /// When its growth is fastest: expected, or seen.
    pub peak: Option<Timestamp>,
    /// Hours in which its growth halves, once it is past its peak.
    pub half_life_hours: Option<f64>,
}

/// What all polls say, by story.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histories(BTreeMap<StoryKey, History>);

impl Histories {
    /// What `polls` say, those after `until` left out.
    #[must_use]
    pub fn of(polls: &[Poll], until: Timestamp) -> Self {
        let mut ordered: Vec<&Poll> = polls.iter().filter(|poll| poll.at <= until).collect();
        ordered.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.source.cmp(&b.source)));
        let mut histories: BTreeMap<StoryKey, History> = BTreeMap::new();
        for poll in ordered {
            let mut sightings: Vec<_> = poll.sightings.iter().collect();
            sightings.sort_by(|a, b| (a.rank, &a.title).cmp(&(b.rank, &b.title)));
            for seen in sightings {
                let key = (seen.source.clone(), seen.story.clone());
                let history = histories.entry(key).or_insert_with(|| History {
                    first_seen: poll.at,
                    last_seen: poll.at,
                    published: seen.published,
                    title: seen.title.clone(),
                    looks: BTreeMap::new(),
                });
                history.last_seen = poll.at;
                history.title.clone_from(&seen.title);
                if let Some(views) = seen.views {
                    let look = history.looks.entry(poll.at).or_insert(views);
                    *look = views.max(*look);
                }
            }
        }
        Self(histories)
    }

    /// The stories that were seen.
    pub fn iter(&self) -> impl Iterator<Item = (&StoryKey, &History)> {
        self.0.iter()
    }

    /// What is known of one story.
    #[must_use]
    pub fn get(&self, key: &StoryKey) -> Option<&History> {
        self.0.get(key)
    }

    /// How `story` moves at `as_of`. What was never polled has the average since its publication.
    #[must_use]
    pub fn of_story(&self, story: &Story, as_of: Timestamp) -> Momentum {
        match self.0.get(&key_of(story)) {
            Some(history) => history.momentum(as_of),
            None => Momentum {
                velocity: story.views.map(|views| average(views, story.published, as_of)),
                ..Momentum::default()
            },
        }
    }

    /// How a topic of `stories` moves at `as_of`: velocities and accelerations added up, peak and
    /// half-life those of its fastest story.
    #[must_use]
    pub fn of_topic(&self, stories: &[Story], as_of: Timestamp) -> Momentum {
        let each: Vec<Momentum> = stories.iter().map(|story| self.of_story(story, as_of)).collect();
        let fastest = each.iter().fold(Momentum::default(), |fastest, one| {
            let is_faster = one.velocity.unwrap_or(-1.0) > fastest.velocity.unwrap_or(-1.0);
            if is_faster { *one } else { fastest }
        });
        Momentum {
            velocity: sum(each.iter().filter_map(|one| one.velocity)),
            acceleration: sum(each.iter().filter_map(|one| one.acceleration)),
            ..fastest
        }
    }

    /// When the first of `stories` was seen; published, for one that no poll has.
    #[must_use]
    pub fn first_detected(&self, stories: &[Story]) -> Option<Timestamp> {
        let detected = |story: &Story| {
            self.0.get(&key_of(story)).map_or(story.published, |history| history.first_seen)
        };
        stories.iter().map(detected).min()
    }
}

fn sum(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.fold(None, |total, value| Some(total.unwrap_or(0.0) + value))
}

/// Views an hour since publication, the first hour counted whole.
fn average(views: u64, published: Timestamp, now: Timestamp) -> f64 {
    views as f64 / hours_between(published, now).max(1.0)
}

impl History {
    /// How often it had been viewed at `at`, by the last look up to then.
    #[must_use]
    pub fn views_at(&self, at: Timestamp) -> Option<(Timestamp, u64)> {
        self.looks.range(..=at).next_back().map(|(look, views)| (*look, *views))
    }

    /// How it moves at `as_of`, by the looks up to then.
    #[must_use]
    pub fn momentum(&self, as_of: Timestamp) -> Momentum {
        let Some((last, views)) = self.views_at(as_of) else { return Momentum::default() };
        if hours_between(last, as_of) > STALE_HOURS {
            return Momentum::default();
        }
        let looks = self.cleaned(last);
        let recent = recent(&looks);
        let velocity = slope(&recent).unwrap_or_else(|| average(views, self.published, last));
        let rates = rates(&three_at_least(&looks, recent));
        let course = lifecycle::course(&thinned(&looks));
        Momentum {
            velocity: Some(velocity.max(0.0)),
            acceleration: slope(&rates),
            peak: course.map(|course| hours_after(last, course.peak_hours)),
            half_life_hours: course.and_then(|course| course.half_life_hours),
        }
    }

    /// The looks up to `last`, as hours before it (so never positive) and views that never shrink.
    ///
    /// In this order: the last look counts no less than the one before it (a slip is not seen to
    /// be one until the next look); every other look is the middle one of itself and its
    /// neighbours; no look counts more than a later one.
    fn cleaned(&self, last: Timestamp) -> Vec<Point> {
        let all = self
            .looks
            .range(..=last)
            .map(|(at, views)| Point { hours: hours_between(last, *at), value: *views as f64 });
        let mut looks: Vec<Point> = all.filter(|look| look.hours >= -KEPT_HOURS).collect();
        if let [.., before, at_last] = looks.as_mut_slice() {
            at_last.value = at_last.value.max(before.value);
        }
        let middles: Vec<f64> = looks
            .windows(3)
            .filter_map(|three| median(three.iter().map(|look| look.value).collect()))
            .collect();
        for (look, middle) in looks.iter_mut().skip(1).zip(middles) {
            look.value = middle;
        }
        let mut at_most = f64::INFINITY;
        for look in looks.iter_mut().rev() {
            look.value = look.value.min(at_most);
            at_most = look.value;
        }
        looks
    }
}

/// Those of `looks` that are at least `gap` hours apart, counted from the last, which is kept.
fn apart(looks: &[Point], gap: f64) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::new();
    for look in looks.iter().rev() {
        if kept.last().is_none_or(|later| later.hours - look.hours >= gap) {
            kept.push(*look);
        }
    }
    kept.reverse();
    kept
}

/// So few of `looks` that all pairs of them can be compared.
fn thinned(looks: &[Point]) -> Vec<Point> {
    let span = looks.first().map_or(0.0, |first| -first.hours);
    apart(looks, (span / MAX_LOOKS).max(MIN_GAP_HOURS))
}

/// The looks of the last day, or the last two, when they are further apart.
fn recent(looks: &[Point]) -> Vec<Point> {
    let of_the_day: Vec<Point> =
        looks.iter().filter(|look| look.hours >= -RECENT_HOURS).copied().collect();
    let of_the_day = apart(&of_the_day, RECENT_HOURS / MAX_LOOKS);
    if of_the_day.len() >= 2 { of_the_day } else { last_few(looks, 2) }
}

/// `recent`, or the last three of `looks`, when it holds fewer.
fn three_at_least(looks: &[Point], recent: Vec<Point>) -> Vec<Point> {
    if recent.len() >= 3 { recent } else { last_few(looks, 3) }
}

fn last_few(looks: &[Point], count: usize) -> Vec<Point> {
    let kept = apart(looks, MIN_GAP_HOURS);
    kept.get(kept.len().saturating_sub(count)..).map(<[Point]>::to_vec).unwrap_or_default()
}

/// The rate between each look and the next, at the time half-way between them.
fn rates(looks: &[Point]) -> Vec<Point> {
    let pairs = looks.iter().zip(looks.iter().skip(1));
    pairs
        .filter(|(before, after)| after.hours > before.hours)
        .map(|(before, after)| Point {
            hours: f64::midpoint(before.hours, after.hours),
            value: (after.value - before.value) / (after.hours - before.hours),
        })
        .collect()
}

#[cfg(test)]
mod tests;
