//! The line through points of which some are wrong.

/// A number at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// When, in hours from some fixed time.
    pub(super) hours: f64,
    /// What was measured.
    pub(super) value: f64,
}

/// How fast the values rise an hour: the median of the slopes between all pairs of points (Theil
/// 1950, Sen 1968). None with fewer than two points at different times.
pub(super) fn slope(points: &[Point]) -> Option<f64> {
    let mut slopes = Vec::new();
    for (place, later) in points.iter().enumerate() {
        for earlier in points.iter().take(place) {
            let hours = later.hours - earlier.hours;
            if hours.abs() > f64::EPSILON {
                slopes.push((later.value - earlier.value) / hours);
            }
        }
    }
    median(slopes)
}

/// The middle value; the mean of the two middle ones of an even number.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied()?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = values.get(values.len() / 2 - 1).copied()?;
    Some(f64::midpoint(lower, upper))
}
