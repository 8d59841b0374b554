//! Where in its life a story is: still growing faster, or past its peak.
//!
//! Two simple models, each for what it can tell. Past the peak, growth is taken to fade
//! exponentially, and its half-life is fitted to what was seen since the peak. Before it, views
//! are taken to follow a logistic curve (Verhulst 1838): growth per view and hour falls in a
//! straight line as views add up, r·(1 − views/K); the line gives r and the ceiling K, and growth
//! is fastest at K/2. Views of online stories rise and fade in about such a way (Crane and
//! Sornette, PNAS 2008; Szabo and Huberman, CACM 2010), single ones often do not: it is an estimate.

use super::slope::{Point, median, slope};
use super::{last_few, rates};

/// A rate below this share of the highest one means that the peak is over.
const PAST_PEAK: f64 = 0.7;
/// A peak further ahead than this is not foretold, in hours.
const FORESIGHT_HOURS: f64 = 14.0 * 24.0;
/// Rates below this share of the highest one are noise, for the logarithm.
const LEAST_SHARE: f64 = 1e-3;
/// A ceiling so far above what was seen that this share of it is not reached is a guess.
const LEAST_OF_CEILING: f64 = 0.05;
/// Fewer rates than this say nothing about a course.
const MIN_RATES: usize = 3;

/// The course of a story's life, in hours from its last look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Course {
    /// When growth is fastest; negative: it was.
    pub(super) peak_hours: f64,
    /// The half-life of its growth, past the peak.
    pub(super) half_life_hours: Option<f64>,
}

/// The course that `looks` show; none when they are too few, or growth does not slow down yet.
pub(super) fn course(looks: &[Point]) -> Option<Course> {
    let measured = smoothed(rates(looks));
    if measured.len() < MIN_RATES {
        return None;
    }
    let highest = measured.iter().fold(None, |highest: Option<Point>, rate| match highest {
        Some(kept) if kept.value >= rate.value => Some(kept),
        _ => Some(*rate),
    })?;
    if highest.value <= 0.0 {
        return None;
    }
    let newest: Vec<f64> = last_few_values(&measured, 2);
    let is_over = newest.iter().all(|value| *value < PAST_PEAK * highest.value);
    if is_over {
        let fading: Vec<Point> =
            measured.iter().filter(|rate| rate.hours >= highest.hours).copied().collect();
        let half_life_hours = half_life(&fading, highest.value);
        return Some(Course { peak_hours: highest.hours, half_life_hours });
    }
    logistic_peak(looks, highest.hours)
        .map(|peak_hours| Course { peak_hours, half_life_hours: None })
}

fn last_few_values(rates: &[Point], count: usize) -> Vec<f64> {
    rates.iter().rev().take(count).map(|rate| rate.value).collect()
}

/// Each rate but the outermost as the middle one of itself and its neighbours.
fn smoothed(mut measured: Vec<Point>) -> Vec<Point> {
    let middles: Vec<f64> = measured
        .windows(3)
        .filter_map(|three| median(three.iter().map(|rate| rate.value).collect()))
        .collect();
    for (rate, middle) in measured.iter_mut().skip(1).zip(middles) {
        rate.value = middle;
    }
    measured
}

/// The half-life of rates that fall from `highest`, in hours.
fn half_life(fading: &[Point], highest: f64) -> Option<f64> {
    let logarithms: Vec<Point> = fading
        .iter()
        .map(|rate| Point { hours: rate.hours, value: rate.value.max(highest * LEAST_SHARE).ln() })
        .collect();
    let fall = -slope(&logarithms)?;
    (fall > 0.0).then(|| std::f64::consts::LN_2 / fall)
}

/// When a logistic curve through `looks` grows fastest; `fastest_seen` when that is over.
fn logistic_peak(looks: &[Point], fastest_seen: f64) -> Option<f64> {
    let growth: Vec<Point> = looks
        .iter()
        .zip(looks.iter().skip(1))
        .filter_map(|(before, after)| {
            let views = f64::midpoint(before.value, after.value);
            let hours = after.hours - before.hours;
            let is_told = views > 0.0 && hours > 0.0;
            // Growth per view and hour, by views: `hours` holds the views here.
            is_told.then(|| Point {
                hours: views,
                value: (after.value - before.value) / hours / views,
            })
        })
        .collect();
    if growth.len() < MIN_RATES {
        return None;
    }
    let slowing = -slope(&growth)?;
    let at_no_views = median(growth.iter().map(|g| g.value + slowing * g.hours).collect())?;
    if slowing <= 0.0 || at_no_views <= 0.0 {
        return None;
    }
    let ceiling = at_no_views / slowing;
    let now = last_few(looks, 1).first().map(|look| look.value)?;
    if now < LEAST_OF_CEILING * ceiling {
        return None;
    }
    if now >= ceiling / 2.0 {
        return Some(fastest_seen);
    }
    let ahead = ((ceiling - now) / now.max(1.0)).ln() / at_no_views;
    (ahead <= FORESIGHT_HOURS).then_some(ahead)
}
